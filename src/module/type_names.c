/* SPDX-License-Identifier: Apache-2.0 */
/* type_names.c -- a type as C spells it, more or less: "const struct item *[16]". */
#include "module/private.h"
#include <dwarf.h>
#include <string.h>

#define CHAIN_MAX 16 /* Pointers to pointers to typedefs … */

static bool next_type(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	Dwarf_Die next;

	if (!dwarf_formref_die(dwarf_attr_integrate(die, DW_AT_type, &attr), &next))
		return false;
	*die = next;
	return true;
}

/* Elements of an array in its first dimension; false when not known. */
static bool array_count(Dwarf_Die *die, uint64_t *ret)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;
	Dwarf_Die range;

	if (dwarf_child(die, &range) != 0 || dwarf_tag(&range) != DW_TAG_subrange_type)
		return false;
	if (dwarf_attr(&range, DW_AT_count, &attr) && dwarf_formudata(&attr, &value) == 0) {
		*ret = value;
		return true;
	}
	if (dwarf_attr(&range, DW_AT_upper_bound, &attr) && dwarf_formudata(&attr, &value) == 0 &&
	    value < UINT64_MAX) {
		*ret = value + 1;
		return true;
	}
	return false;
}

static void put_suffix(GString *suffix, Dwarf_Die *die, int tag)
{
	uint64_t count;

	if (tag == DW_TAG_pointer_type) {
		g_string_prepend(suffix, "*");
	} else if (tag == DW_TAG_reference_type) {
		g_string_prepend(suffix, "&");
	} else if (tag == DW_TAG_rvalue_reference_type) {
		g_string_prepend(suffix, "&&");
	} else if (tag == DW_TAG_subroutine_type) {
		g_string_append(suffix, "()");
	} else if (tag == DW_TAG_array_type) {
		if (array_count(die, &count))
			g_string_append_printf(suffix, "[%" G_GUINT64_FORMAT "]", count);
		else
			g_string_append(suffix, "[]");
	}
}

static const char *keyword(int tag)
{
	switch (tag) {
	case DW_TAG_structure_type:
		return "struct ";
	case DW_TAG_union_type:
		return "union ";
	case DW_TAG_enumeration_type:
		return "enum ";
	default:
		return "";
	}
}

static int language_of(Dwarf_Die *die)
{
	Dwarf_Die unit;

	return dwarf_diecu(die, &unit, NULL, NULL) ? dwarf_srclang(&unit) : -1;
}

/* C++ has no need for the word. */
static bool is_c(Dwarf_Die *die)
{
	const int language = language_of(die);

	return language == DW_LANG_C || language == DW_LANG_C89 || language == DW_LANG_C99 ||
	       language == DW_LANG_C11;
}

const char *hw_modules_type_name(struct hw_modules *modules, Dwarf_Die *of)
{
	GString *suffix = g_string_new(NULL);
	GString *prefix = g_string_new(NULL);
	const char *name = NULL;
	const char *kind = "";
	Dwarf_Die die = *of;
	bool has_type = false;

	for (int i = 0; i < CHAIN_MAX && next_type(&die); i++) {
		int tag = dwarf_tag(&die);

		has_type = true;
		name = dwarf_diename(&die);
		/* Go's types have their whole names: "*main.node". */
		if (name && language_of(&die) == DW_LANG_Go)
			break;
		put_suffix(suffix, &die, tag);
		if (tag == DW_TAG_const_type && !prefix->len)
			g_string_append(prefix, "const ");
		if (name) {
			kind = is_c(&die) ? keyword(tag) : "";
			break;
		}
		if (*keyword(tag)) {
			kind = keyword(tag);
			name = "{...}";
			break;
		}
	}
	if (has_type) {
		g_string_append_printf(prefix, "%s%s", kind, name ? name : "void");
		if (suffix->len)
			g_string_append_printf(prefix, " %s", suffix->str);
		name = hw_modules_text(modules,
				       g_string_chunk_insert_const(modules->strings, prefix->str));
	} else {
		name = NULL;
	}
	g_string_free(prefix, TRUE);
	g_string_free(suffix, TRUE);
	return name;
}

uint64_t hw_modules_type_size(Dwarf_Die *of)
{
	Dwarf_Die die = *of;
	Dwarf_Word size;

	if (!next_type(&die) || dwarf_aggregate_size(&die, &size) != 0)
		return 0;
	return size;
}
