/* SPDX-License-Identifier: Apache-2.0 */
/* viewtypes.c -- what a reference sees where a type tells: the type of the block or variable
 * that the slot is in, or the first word of an interface. A value that is a pointer itself stands
 * in an interface's second word, others lie where it points at.
 *
 * A type may say less than is used: what package unsafe makes of a *byte, and structs of the
 * runtime's with more behind them. Such pointers see an unknown part. */
#include "blocktypes.h"
#include "views.h"
#include <string.h>

static bool see_bytes(const struct hw_reference *r, uint64_t size, struct hw_view *ret)
{
	if (size > r->block + r->size - r->value)
		return false;
	ret->kind = HW_VIEW_POINTER;
	ret->confidence = HW_EXACT;
	ret->start = r->value;
	ret->length = size;
	return true;
}

static bool see_all(const struct hw_reference *r, struct hw_view *ret)
{
	ret->kind = HW_VIEW_WHOLE;
	ret->confidence = HW_EXACT;
	ret->start = r->value;
	return true;
}

static bool see_pointer(const struct go_desc *elem, const struct hw_reference *r,
			struct hw_view *ret)
{
	return elem && elem->head.size > 1 && strncmp(elem->name, "runtime.", 8) != 0 &&
	       see_bytes(r, elem->head.size, ret);
}

bool go_view_interface(const struct go_runtime *rt, uint64_t word, const struct hw_reference *r,
		       struct hw_view *ret)
{
	struct go_types *types = rt->block_types ? go_block_types_cache(rt->block_types) : NULL;
	const struct go_desc *desc = types ? go_types_at(types, word) : NULL;

	if (types && !desc)
		desc = go_types_itab(types, word, NULL);
	if (!desc)
		return false;
	if (!go_desc_is_direct(types, desc))
		return see_bytes(r, desc->head.size, ret);
	switch (desc->head.kind) {
	case GO_KIND_POINTER:
		return see_pointer(go_types_at(types, desc->elem), r, ret);
	case GO_KIND_CHAN:
	case GO_KIND_FUNC:
	case GO_KIND_MAP:
		return see_all(r, ret);
	default: /* A struct or an array of one pointer. */
		return false;
	}
}

/* Typed slots. */

/* A slot of a value, and how sure its type is. */
struct typed_slot {
	hw_addr at; /* Where the slot begins: of an interface the first word. */
	struct go_slot slot;
	uint64_t pointee_size; /* Of a pointer or slice whose type has no descriptor. */
	uint32_t confidence;
};

static uint32_t how_sure(enum go_how how)
{
	if (how == GO_HOW_VIEW)
		return HW_GUESSED;
	return how == GO_HOW_PROPAGATED || how == GO_HOW_CLOSURE ? HW_CONSERVATIVE : HW_EXACT;
}

static bool slot_in_value(struct go_types *types, const struct go_desc *desc, hw_addr base,
			  hw_addr addr, struct typed_slot *ret)
{
	if (!go_desc_slot_at(types, desc, addr - base, &ret->slot))
		return false;
	ret->at = base + ret->slot.offset;
	return true;
}

static bool slot_in_block(struct go_block_types *blocks, hw_addr addr, struct typed_slot *ret)
{
	struct go_block_type type;
	uint64_t size, index;

	if (!go_block_type(blocks, addr, &type) || addr < type.first)
		return false;
	if (go_form_is_container(type.form) || go_block_is_unclear(blocks, &type)) {
		ret->slot.kind = GO_SLOT_UNSAFE;
		return true;
	}
	if (!type.desc)
		return false;
	if (type.form != GO_FORM_VALUE && type.form != GO_FORM_ARRAY && type.form != GO_FORM_FUNC)
		return false;
	size = type.desc->head.size;
	index = size ? (addr - type.first) / size : 0;
	if (!size || index >= type.count)
		return false;
	ret->confidence = how_sure(type.how);
	return slot_in_value(go_block_types_cache(blocks), type.desc, type.first + index * size,
			     addr, ret);
}

static bool find_slot(struct go_block_types *blocks, const struct hw_reference *r,
		      struct typed_slot *ret)
{
	const struct go_variable *variable;

	if (r->source)
		return slot_in_block(blocks, r->slot, ret);
	if (r->local_type) {
		ret->confidence = HW_CONSERVATIVE;
		return go_view_local(go_block_types_cache(blocks), r, &ret->slot, &ret->at);
	}
	variable = go_block_variable(blocks, r->slot);
	ret->confidence = HW_EXACT;
	if (variable && variable->is_runtime) {
		ret->slot.kind = GO_SLOT_UNSAFE;
		return true;
	}
	if (variable && !variable->desc) {
		ret->at = variable->addr;
		ret->slot.kind = variable->is_slice ? GO_SLOT_SLICE : GO_SLOT_POINTER;
		ret->pointee_size = variable->pointee_size;
		return true;
	}
	return variable && slot_in_value(go_block_types_cache(blocks), variable->desc,
					 variable->addr, r->slot, ret);
}

/* The runtime's lists of its own structs (a map's overflow buckets, a P's timers): what they have
 * room for is its business, nothing that a program keeps. */
static bool is_private(const struct go_desc *elem)
{
	const char *name = elem->name + (elem->name[0] == '*');

	return strncmp(name, "runtime.", 8) == 0 && name[8] >= 'a' && name[8] <= 'z';
}

static bool see_lengths(const struct go_runtime *rt, const struct typed_slot *s, uint64_t element,
			const struct hw_reference *r, struct hw_view *ret)
{
	const bool is_slice = s->slot.kind == GO_SLOT_SLICE;
	uint64_t length, capacity;

	if (!go_word(rt, s->at + 8, &length) || (is_slice && !go_word(rt, s->at + 16, &capacity)) ||
	    __builtin_mul_overflow(length, element, &length) ||
	    (is_slice && __builtin_mul_overflow(capacity, element, &capacity)))
		return false;
	if (!is_slice)
		capacity = length;
	if (capacity < length || capacity > r->block + r->size - r->value)
		return false;
	ret->kind = is_slice ? HW_VIEW_SLICE : HW_VIEW_STRING;
	ret->start = r->value;
	ret->length = length;
	ret->capacity = capacity;
	return true;
}

static bool see_slot(const struct go_runtime *rt, const struct typed_slot *s,
		     const struct hw_reference *r, struct hw_view *ret)
{
	struct go_types *types = go_block_types_cache(rt->block_types);
	const struct go_desc *elem = s->slot.elem ? go_types_at(types, s->slot.elem) : NULL;
	uint64_t word;

	switch (s->slot.kind) {
	case GO_SLOT_POINTER:
		return s->pointee_size ? s->pointee_size > 1 && see_bytes(r, s->pointee_size, ret)
				       : see_pointer(elem, r, ret);
	case GO_SLOT_STRING:
		return see_lengths(rt, s, 1, r, ret);
	case GO_SLOT_SLICE:
		if (elem && is_private(elem))
			return see_all(r, ret);
		return (elem || s->pointee_size) &&
		       see_lengths(rt, s, elem ? elem->head.size : s->pointee_size, r, ret);
	case GO_SLOT_INTERFACE:
		return go_word(rt, s->at, &word) && go_view_interface(rt, word, r, ret);
	case GO_SLOT_MAP:
	case GO_SLOT_CHAN:
	case GO_SLOT_FUNC:
		return see_all(r, ret);
	default:
		return false;
	}
}

bool go_view_typed(const struct go_runtime *rt, const struct hw_reference *r, bool *is_typed_ret,
		   struct hw_view *ret)
{
	struct typed_slot slot = {.at = 0};

	*is_typed_ret = rt->block_types && find_slot(rt->block_types, r, &slot);
	if (!*is_typed_ret || !see_slot(rt, &slot, r, ret))
		return false;
	ret->confidence = slot.confidence;
	return true;
}
