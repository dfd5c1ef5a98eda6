/* SPDX-License-Identifier: Apache-2.0 */
/* types.c -- sizes of structs and offsets of members, from DWARF. */
#include "base/stop.h"
#include "module/private.h"
#include <dwarf.h>
#include <string.h>

#define CHAIN_MAX  16 /* typedefs of typedefs */
#define NESTED_MAX 64 /* anonymous structs and unions looked into */

/* A struct found by name; die.addr NULL: there is none. */
struct hw_type {
	Dwarf_Die die;
};

static bool is_struct(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);

	return tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_class_type;
}

static bool is_complete(Dwarf_Die *die)
{
	return !dwarf_hasattr(die, DW_AT_declaration) && dwarf_bytesize(die) >= 0;
}

/* Through typedefs and qualifiers to a struct. */
static bool strip(Dwarf_Die *die)
{
	for (int i = 0; i < CHAIN_MAX; i++) {
		Dwarf_Attribute attr;
		Dwarf_Die next;
		int tag = dwarf_tag(die);

		if (is_struct(die))
			return true;
		if ((tag != DW_TAG_typedef && tag != DW_TAG_const_type &&
		     tag != DW_TAG_volatile_type) ||
		    !dwarf_formref_die(dwarf_attr(die, DW_AT_type, &attr), &next))
			return false;
		*die = next;
	}
	return false;
}

/* Looks through the children of one unit. */
static bool find_in_unit(Dwarf_Die *unit, const char *name, Dwarf_Die *ret)
{
	Dwarf_Die die;
	int status = dwarf_child(unit, &die);

	for (; status == 0; status = dwarf_siblingof(&die, &die)) {
		const char *found;
		Dwarf_Die type = die;

		if (!is_struct(&die) && dwarf_tag(&die) != DW_TAG_typedef)
			continue;
		found = dwarf_diename(&die);
		if (found && !strcmp(found, name) && strip(&type) && is_complete(&type)) {
			*ret = type;
			return true;
		}
	}
	return false;
}

static bool find_in_dwarf(Dwarf *dwarf, const char *name, Dwarf_Die *ret)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Half version;
	uint8_t type;
	Dwarf_Die die;

	while (dwarf_get_units(dwarf, unit, &unit, &version, &type, &die, NULL) == 0) {
		if (hw_stop_requested())
			return false;
		if (find_in_unit(&die, name, ret))
			return true;
	}
	return false;
}

/* Remembers the answer, also a negative one: a search reads all units. */
static struct hw_type *find_type(struct hw_modules *modules, uint32_t object, const char *name)
{
	Dwfl_Module *module = hw_modules_dwfl(modules, object);
	struct hw_lookup *lookup;
	struct hw_type *type;
	Dwarf_Addr bias;
	Dwarf *dwarf;
	Dwarf *alt;

	if (!module)
		return NULL;
	lookup = &modules->lookups[object];
	if (!lookup->types)
		lookup->types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	type = g_hash_table_lookup(lookup->types, name);
	if (type)
		return type;
	type = g_new0(struct hw_type, 1);
	g_hash_table_insert(lookup->types, g_strdup(name), type);
	dwarf = dwfl_module_getdwarf(module, &bias);
	if (dwarf && !find_in_dwarf(dwarf, name, &type->die)) {
		alt = dwarf_getalt(dwarf);
		if (alt)
			find_in_dwarf(alt, name, &type->die);
	}
	return type;
}

/* Where a member lies in its struct; 0 for members of unions, which have no attribute. */
static bool member_offset(Dwarf_Die *die, uint64_t *ret)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;

	if (dwarf_attr(die, DW_AT_data_member_location, &attr)) {
		if (dwarf_formudata(&attr, &value) != 0)
			return false;
		*ret = value;
		return true;
	}
	if (dwarf_attr(die, DW_AT_data_bit_offset, &attr)) {
		if (dwarf_formudata(&attr, &value) != 0)
			return false;
		*ret = value / 8;
		return true;
	}
	*ret = 0;
	return true;
}

/* A struct to look into, and its offset in the outermost one. */
struct nested {
	Dwarf_Die die;
	uint64_t offset;
};

/* One member of a struct, also through anonymous structs and unions; type_ret: what it is. */
static bool find_member(Dwarf_Die *outer, const char *name, Dwarf_Die *type_ret, uint64_t *ret)
{
	struct nested list[NESTED_MAX] = {{.die = *outer}};
	int count = 1;

	for (int i = 0; i < count; i++) {
		Dwarf_Die die;
		int status = dwarf_child(&list[i].die, &die);

		for (; status == 0; status = dwarf_siblingof(&die, &die)) {
			const char *found = dwarf_diename(&die);
			Dwarf_Attribute attr;
			uint64_t offset;
			Dwarf_Die type;

			if (dwarf_tag(&die) != DW_TAG_member || !member_offset(&die, &offset))
				continue;
			if (found && !strcmp(found, name)) {
				*ret = list[i].offset + offset;
				return dwarf_formref_die(dwarf_attr(&die, DW_AT_type, &attr),
							 type_ret) != NULL;
			}
			if (!found && count < NESTED_MAX &&
			    dwarf_formref_die(dwarf_attr(&die, DW_AT_type, &attr), &type) &&
			    is_struct(&type))
				list[count++] = (struct nested){type, list[i].offset + offset};
		}
	}
	return false;
}

/* "a.b.c": a member of a member of a member. */
static bool find_path(const Dwarf_Die *outer, const char *path, uint64_t *ret)
{
	g_auto(GStrv) names = g_strsplit(path, ".", CHAIN_MAX);
	Dwarf_Die type = *outer;
	uint64_t sum = 0;

	for (int i = 0; names[i]; i++) {
		uint64_t offset;
		Dwarf_Die next;

		if (!strip(&type) || !find_member(&type, names[i], &next, &offset))
			return false;
		sum += offset;
		type = next;
	}
	*ret = sum;
	return true;
}

bool hw_modules_member(struct hw_modules *modules, uint32_t object, const char *type,
		       const char *member, uint64_t *ret)
{
	struct hw_type *found = find_type(modules, object, type);

	if (!found || !found->die.addr)
		return false;
	if (member)
		return find_path(&found->die, member, ret);
	*ret = (uint64_t)dwarf_bytesize(&found->die);
	return true;
}
