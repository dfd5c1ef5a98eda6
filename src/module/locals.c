/* SPDX-License-Identifier: Apache-2.0 */
/* locals.c -- variables of a function by their place on the stack: DW_OP_fbreg with a frame
 * base that is the CFA or a register, and registers plus an offset; of a variable in pieces, those
 * in memory. Places that move from instruction to instruction are looked up for the one at hand. */
#include "module/private.h"
#include "module/variables.h"
#include <dwarf.h>
#include <string.h>

#define LOCALS_MAX 1000 /* Per function. */
#define SCOPES_MAX 64
#define OPS_MAX    32 /* Of one place. */

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

/* Operations of a plain block: Go writes them so, which libdw takes for none from DWARF 4 on. Those
 * that Go uses (cmd/internal/dwarf): the CFA, an offset from the frame's base, pieces. */
static size_t decode_block(Dwarf_Attribute *attr, Dwarf_Op ops[OPS_MAX])
{
	Dwarf_Block block;
	size_t count = 0;

	if (dwarf_formblock(attr, &block) != 0)
		return 0;
	for (size_t at = 0; at < block.length && count < OPS_MAX; count++) {
		const uint8_t atom = block.data[at++];
		uint64_t value = 0;
		unsigned shift = 0;
		uint8_t byte = 0x80;

		ops[count] = (Dwarf_Op){.atom = atom};
		if (atom == DW_OP_call_frame_cfa)
			continue;
		if (atom != DW_OP_fbreg && atom != DW_OP_piece)
			return 0;
		for (; at < block.length && byte & 0x80 && shift < 64; shift += 7) {
			byte = block.data[at++];
			value |= (uint64_t)(byte & 0x7f) << shift;
		}
		if (byte & 0x80)
			return 0;
		if (atom == DW_OP_fbreg && byte & 0x40 && shift < 64)
			value |= ~UINT64_C(0) << shift;
		ops[count].number = value;
	}
	return count;
}

/* The operations that tell a place while pc is at one instruction; 0: none, or too many. */
static size_t get_location(Dwarf_Die *die, unsigned name, Dwarf_Addr pc, Dwarf_Op ret[OPS_MAX])
{
	Dwarf_Attribute attr;
	Dwarf_Op *ops;
	size_t count;

	if (!dwarf_attr_integrate(die, name, &attr))
		return 0;
	if (dwarf_getlocation_addr(&attr, pc, &ops, &count, 1) != 1)
		return decode_block(&attr, ret);
	if (count > OPS_MAX)
		return 0;
	memcpy(ret, ops, count * sizeof(*ret));
	return count;
}

static bool find_base(Dwarf_Die *function, Dwarf_Addr pc, struct place *ret)
{
	Dwarf_Op ops[OPS_MAX];

	return get_location(function, DW_AT_frame_base, pc, ops) == 1 &&
	       simple_place(&ops[0], true, ret);
}

/* In memory at a fixed offset. */
static bool find_place(const Dwarf_Op *op, const struct place *base, struct place *ret)
{
	if (op->atom != DW_OP_fbreg)
		return simple_place(op, false, ret);
	if (!base)
		return false;
	*ret = *base;
	return !__builtin_add_overflow(ret->offset, (int64_t)op->number, &ret->offset);
}

/* A part of a variable; what follows the part before makes it longer. */
static void add_part(GArray *list, guint first, struct hw_local *local, const struct place *place,
		     uint64_t size)
{
	struct hw_local *last =
	    list->len > first ? &g_array_index(list, struct hw_local, list->len - 1) : NULL;

	if (last && last->base == place->base &&
	    last->offset + (int64_t)last->size == place->offset) {
		last->size += size;
		return;
	}
	local->base = place->base;
	local->offset = place->offset;
	local->size = size;
	g_array_append_val(list, *local);
}

/* A place, or pieces at several, of which some are in registers or nowhere. */
static void add_variable(GArray *list, struct hw_local *local, const Dwarf_Op *ops, size_t count,
			 const struct place *base)
{
	const guint first = list->len;
	struct place place;
	bool is_placed = false;

	if (count == 1 && find_place(&ops[0], base, &place)) {
		add_part(list, first, local, &place, local->size);
		return;
	}
	if (count < 2 || ops[count - 1].atom != DW_OP_piece)
		return;
	for (size_t i = 0; i < count && list->len < LOCALS_MAX; i++) {
		const bool is_new = i == 0 || ops[i - 1].atom == DW_OP_piece;

		if (ops[i].atom != DW_OP_piece) { /* More than one operation: not a fixed place. */
			is_placed = is_new && find_place(&ops[i], base, &place);
			continue;
		}
		if (is_placed && !is_new && ops[i].number && ops[i].number <= local->size)
			add_part(list, first, local, &place, ops[i].number);
		is_placed = false;
	}
}

static void read_scope(struct hw_modules *modules, GArray *list, Dwarf_Die *scope, Dwarf_Addr pc,
		       const struct place *base)
{
	Dwarf_Die die;
	int status = dwarf_child(scope, &die);

	for (; status == 0 && list->len < LOCALS_MAX; status = dwarf_siblingof(&die, &die)) {
		int tag = dwarf_tag(&die);
		Dwarf_Op ops[OPS_MAX];
		struct hw_local local;
		size_t count;

		if (tag != DW_TAG_variable && tag != DW_TAG_formal_parameter)
			continue;
		count = get_location(&die, DW_AT_location, pc, ops);
		if (!count)
			continue;
		local = (struct hw_local){
		    .size = hw_modules_type_size(&die),
		    .name = dwarf_diename(&die),
		    .type = hw_modules_type_name(modules, &die),
		};
		if (!local.name || !local.size)
			continue;
		local.name = hw_modules_text(modules, local.name);
		add_variable(list, &local, ops, count, base);
	}
}

/* Newer Go writes no .debug_aranges, by which libdw finds units. */
static Dwarf_Die *find_unit(Dwfl_Module *module, hw_addr pc, Dwarf_Addr *bias)
{
	Dwarf_Die *unit = dwfl_module_addrdie(module, pc, bias);

	if (unit)
		return unit;
	while ((unit = dwfl_module_nextcu(module, unit, bias)) != NULL)
		if (dwarf_haspc(unit, pc - *bias) > 0)
			return unit;
	return NULL;
}

/* The first child of a scope that has code at pc. */
static bool find_child(Dwarf_Die *scope, Dwarf_Addr pc, Dwarf_Die *ret)
{
	Dwarf_Die die;
	int status = dwarf_child(scope, &die);

	while (status == 0 && dwarf_haspc(&die, pc) <= 0)
		status = dwarf_siblingof(&die, &die);
	if (status == 0)
		*ret = die;
	return status == 0;
}

/* What is around pc, outermost first: the unit, a function, blocks and inlined functions in it.
 * dwarf_getscopes() goes on from an inlined function to where it is defined, which is not wanted;
 * where it finds no definition (elfutils 0.188) it says nothing and leaks. */
static size_t find_scopes(Dwfl_Module *module, hw_addr pc, Dwarf_Addr *bias,
			  Dwarf_Die ret[SCOPES_MAX])
{
	Dwarf_Die *unit = find_unit(module, pc, bias);
	size_t count = 1;

	if (!unit)
		return 0;
	ret[0] = *unit;
	while (count < SCOPES_MAX && find_child(&ret[count - 1], pc - *bias, &ret[count]))
		count++;
	return count;
}

static void read_locals(struct hw_modules *modules, GArray *list, hw_addr pc)
{
	Dwfl_Module *module = dwfl_addrmodule(modules->dwfl, pc);
	Dwarf_Die scopes[SCOPES_MAX];
	Dwarf_Addr bias;
	size_t count = module ? find_scopes(module, pc, &bias, scopes) : 0;
	size_t function = count;
	struct place base;
	bool has_base;

	while (function > 0 && dwarf_tag(&scopes[function - 1]) != DW_TAG_subprogram)
		function--;
	if (function == 0)
		return;
	has_base = find_base(&scopes[function - 1], pc - bias, &base);
	for (size_t i = count; i >= function; i--)
		read_scope(modules, list, &scopes[i - 1], pc - bias, has_base ? &base : NULL);
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
