/* SPDX-License-Identifier: Apache-2.0 */
/* gotypes.c -- what Go's debug info says of variables: which type descriptor of the program is
 * theirs (DW_AT_go_runtime_type, cmd/internal/dwarf). The linker writes it as an offset from
 * runtime.types, and 0 when it left the descriptor out: structs are then taken apart. */
#include "base/stop.h"
#include "module/private.h"
#include <dwarf.h>

enum {
	AT_GO_KIND = 0x2900,
	AT_GO_ELEM = 0x2902,
	AT_GO_RUNTIME_TYPE = 0x2904,
	KIND_POINTER = 22, /* internal/abi/type.go */
	KIND_SLICE = 23,
	KIND_STRUCT = 25,
	CHAIN_MAX = 16,
	DEPTH_MAX = 8,
	MEMBERS_MAX = 100000, /* Of one variable. */
};

struct telling {
	hw_variable_fn take;
	void *arg;
	GString *name;
	uint32_t left;
	bool is_over;
};

static uint64_t descriptor_of(Dwarf_Die *type)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;
	Dwarf_Addr addr;

	if (!dwarf_attr(type, AT_GO_RUNTIME_TYPE, &attr))
		return 0;
	if (dwarf_formudata(&attr, &value) == 0)
		return value;
	return dwarf_formaddr(&attr, &addr) == 0 ? addr : 0;
}

static bool type_of(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute attr;

	return dwarf_formref_die(dwarf_attr_integrate(die, DW_AT_type, &attr), ret) != NULL;
}

/* Through typedefs, to a descriptor or to something that can be taken apart. */
static uint64_t resolve(Dwarf_Die *type)
{
	uint64_t found = descriptor_of(type);

	for (int i = 0; !found && i < CHAIN_MAX && dwarf_tag(type) == DW_TAG_typedef; i++) {
		Dwarf_Die next;

		if (!type_of(type, &next))
			break;
		*type = next;
		found = descriptor_of(type);
	}
	return found;
}

/* What Go itself calls it: a slice or string is a structure to DWARF, a channel or map a pointer
 * without a kind. */
static bool is_kind(Dwarf_Die *type, Dwarf_Word kind)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;

	return dwarf_attr(type, AT_GO_KIND, &attr) && dwarf_formudata(&attr, &value) == 0 &&
	       value == kind;
}

static void tell(struct telling *t, hw_addr addr, Dwarf_Die *die, int depth);

static void tell_members(struct telling *t, hw_addr addr, Dwarf_Die *type, int depth)
{
	const gsize length = t->name->len;
	Dwarf_Die member;
	int status = depth < DEPTH_MAX ? dwarf_child(type, &member) : -1;

	for (; status == 0 && !t->is_over; status = dwarf_siblingof(&member, &member)) {
		const char *name = dwarf_diename(&member);
		Dwarf_Attribute attr;
		Dwarf_Word offset;

		if (dwarf_tag(&member) != DW_TAG_member || !name ||
		    !dwarf_attr(&member, DW_AT_data_member_location, &attr) ||
		    dwarf_formudata(&attr, &offset) != 0)
			continue;
		g_string_append_printf(t->name, ".%s", name);
		tell(t, addr + offset, &member, depth + 1);
		g_string_truncate(t->name, length);
	}
}

/* What pointers point at, and what slices without a descriptor are made of. */
static void tell_sizes(Dwarf_Die *type, struct hw_variable_info *info)
{
	Dwarf_Attribute attr;
	Dwarf_Die part;
	Dwarf_Word size;

	if (dwarf_tag(type) == DW_TAG_pointer_type && type_of(type, &part)) {
		if (is_kind(type, KIND_POINTER) && dwarf_aggregate_size(&part, &size) == 0)
			info->pointee_size = size;
		info->pointee = resolve(&part);
	} else if (!info->type && is_kind(type, KIND_SLICE) &&
		   dwarf_attr(type, AT_GO_ELEM, &attr) && dwarf_formref_die(&attr, &part) &&
		   dwarf_aggregate_size(&part, &size) == 0) {
		info->pointee_size = size;
		info->is_slice = 1;
	}
}

/* A variable or a member. */
static void tell(struct telling *t, hw_addr addr, Dwarf_Die *die, int depth)
{
	struct hw_variable_info info = {.struct_size = sizeof(info), .addr = addr};
	Dwarf_Die type;

	if (!t->left || hw_stop_requested() || !type_of(die, &type))
		return;
	t->left--;
	info.size = hw_modules_type_size(die);
	info.name = t->name->str;
	info.type = resolve(&type);
	tell_sizes(&type, &info);
	if (!info.type && is_kind(&type, KIND_STRUCT))
		tell_members(t, addr, &type, depth);
	else if (info.type || info.pointee || info.pointee_size)
		t->is_over = !t->take(t->arg, &info);
}

static bool tell_variable(void *arg, hw_addr addr, Dwarf_Die *die)
{
	struct telling *t = arg;
	const char *name = dwarf_diename(die);

	g_string_assign(t->name, name ? name : "");
	t->left = MEMBERS_MAX;
	tell(t, addr, die, 0);
	return !t->is_over;
}

void hw_modules_go_variables(struct hw_modules *modules, uint32_t object, hw_variable_fn take,
			     void *arg)
{
	struct telling t = {.take = take, .arg = arg, .name = g_string_new(NULL)};

	hw_modules_each_variable(modules, object, tell_variable, &t);
	g_string_free(t.name, TRUE);
}
