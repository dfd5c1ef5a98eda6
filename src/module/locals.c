/* SPDX-License-Identifier: Apache-2.0 */
/* locals.c -- variables of a function by their place on the stack: DW_OP_fbreg with a frame
 * base that is the CFA or a register, and registers plus an offset. Places that move
 * from instruction to instruction are looked up for the one at hand. */
#include "base/array.h"
#include "module/private.h"
#include "module/variables.h"
#include <dwarf.h>
#include <stdlib.h>

#define LOCALS_MAX 1000 /* Per function. */
#define SCOPES_MAX 64

struct hw_locals {
	uint64_t pc;  /* The key. */
	GArray *list; /* struct hw_local */
};

/* A base and what to add to it. */
struct place {
	uint32_t base;
	int64_t offset;
};

static void free_locals(gpointer item)
{
	struct hw_locals *locals = item;

	g_array_unref(locals->list);
	g_free(locals);
}

/* One operation: a register plus an offset, the CFA, or (is_base) what a register holds. */
static bool simple_place(const Dwarf_Op *op, bool is_base, struct place *ret)
{
	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31)
		*ret = (struct place){op->atom - DW_OP_breg0, (int64_t)op->number};
	else if (op->atom == DW_OP_bregx)
		*ret =
		    (struct place){(uint32_t)MIN(op->number, HW_FRAME_REGS), (int64_t)op->number2};
	else if (op->atom == DW_OP_call_frame_cfa)
		*ret = (struct place){HW_LOCAL_CFA, 0};
	else if (is_base && op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31)
		*ret = (struct place){op->atom - DW_OP_reg0, 0};
	else
		return false;
	return ret->base == HW_LOCAL_CFA || ret->base < HW_FRAME_REGS;
}

static bool get_location(Dwarf_Die *die, unsigned name, Dwarf_Addr pc, Dwarf_Op **ops,
			 size_t *count)
{
	Dwarf_Attribute attr;

	return dwarf_attr_integrate(die, name, &attr) &&
	       dwarf_getlocation_addr(&attr, pc, ops, count, 1) == 1 && *count >= 1;
}

static bool find_base(Dwarf_Die *function, Dwarf_Addr pc, struct place *ret)
{
	Dwarf_Op *ops;
	size_t count;

	return get_location(function, DW_AT_frame_base, pc, &ops, &count) && count == 1 &&
	       simple_place(&ops[0], true, ret);
}

static bool find_place(Dwarf_Die *die, Dwarf_Addr pc, const struct place *base, struct place *ret)
{
	Dwarf_Op *ops;
	size_t count;

	if (!get_location(die, DW_AT_location, pc, &ops, &count) || count != 1)
		return false;
	if (ops[0].atom != DW_OP_fbreg)
		return simple_place(&ops[0], false, ret);
	if (!base)
		return false;
	*ret = *base;
	return !__builtin_add_overflow(ret->offset, (int64_t)ops[0].number, &ret->offset);
}

static void read_scope(struct hw_modules *modules, GArray *list, Dwarf_Die *scope, Dwarf_Addr pc,
		       const struct place *base)
{
	Dwarf_Die die;
	int status = dwarf_child(scope, &die);

	for (; status == 0 && list->len < LOCALS_MAX; status = dwarf_siblingof(&die, &die)) {
		int tag = dwarf_tag(&die);
		struct hw_local local;
		struct place place;

		if ((tag != DW_TAG_variable && tag != DW_TAG_formal_parameter) ||
		    !find_place(&die, pc, base, &place))
			continue;
		local = (struct hw_local){
		    .base = place.base,
		    .offset = place.offset,
		    .size = hw_modules_type_size(&die),
		    .name = dwarf_diename(&die),
		    .type = hw_modules_type_name(modules, &die),
		};
		if (local.name && local.size) {
			local.name = hw_modules_text(modules, local.name);
			g_array_append_val(list, local);
		}
	}
}

/* Blocks and inlined functions around pc, up to the function that has the frame. */
static int find_scopes(Dwfl_Module *module, hw_addr pc, Dwarf_Addr *bias, Dwarf_Die **ret)
{
	Dwarf_Die *unit = dwfl_module_addrdie(module, pc, bias);
	Dwarf_Die *inner = NULL;
	int count;

	if (!unit)
		return 0;
	count = dwarf_getscopes(unit, pc - *bias, &inner);
	if (count > 0)
		/* The first one is where pc is; what follows it may be the definition of
		 * an inlined function, elsewhere. Its parents are what is wanted. */
		count = dwarf_getscopes_die(&inner[0], ret);
	free(inner);
	return count;
}

static void read_locals(struct hw_modules *modules, GArray *list, hw_addr pc)
{
	Dwfl_Module *module = dwfl_addrmodule(modules->dwfl, pc);
	g_autofree struct place *base = NULL;
	Dwarf_Die *scopes = NULL;
	Dwarf_Addr bias;
	int count = module ? find_scopes(module, pc, &bias, &scopes) : 0;
	int function = 0;

	count = MIN(count, SCOPES_MAX);
	while (function < count && dwarf_tag(&scopes[function]) != DW_TAG_subprogram)
		function++;
	if (function < count) {
		base = g_new0(struct place, 1);
		if (!find_base(&scopes[function], pc - bias, base))
			g_clear_pointer(&base, g_free);
		for (int i = 0; i <= function; i++)
			read_scope(modules, list, &scopes[i], pc - bias, base);
	}
	free(scopes);
}

const struct hw_local *hw_modules_locals(struct hw_modules *modules, const struct hw_frame *frame,
					 uint32_t *count_ret)
{
	uint64_t pc = frame->pc - !frame->is_activation;
	struct hw_locals *locals;

	*count_ret = 0;
	if (!modules->dwfl || modules->is_unnamed)
		return NULL;
	if (!modules->locals)
		modules->locals =
		    g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, free_locals);
	locals = g_hash_table_lookup(modules->locals, &pc);
	if (!locals) {
		locals = g_new0(struct hw_locals, 1);
		locals->pc = pc;
		locals->list = g_array_new(FALSE, FALSE, sizeof(struct hw_local));
		read_locals(modules, locals->list, pc);
		g_hash_table_insert(modules->locals, &locals->pc, locals);
	}
	*count_ret = locals->list->len;
	return (const struct hw_local *)(const void *)locals->list->data;
}
