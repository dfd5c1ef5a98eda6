/* SPDX-License-Identifier: Apache-2.0 */
/* views.c -- what a reference sees of its block, where no type tells: by the words around it.
 *
 *   interface       a word before the pointer that is no pointer by the masks and holds the
 *                   address of a type descriptor or an itab: the value of that type. Exact
 *   string, slice   words behind the pointer that are no pointers and can be a length, or a length
 *                   and a capacity. Guessed: they could be a pointer and numbers
 *   else            not known: at the start of a block all of it, behind it an unknown part
 *
 * What it points at has a say: strings are bytes without pointers, slices arrays; a block that is
 * known to be a value, a map, a channel or their parts is neither. A word behind the address of a
 * type descriptor is that type's (reflect.Value), its number no length.
 *
 * A chunk of a user arena is one block, whose objects cannot be told apart: many are seen from
 * other ones only. So nothing is said of a part of it.
 *
 * Registers and stack slots are never guessed at: what stands beside them may be anything. Of local
 * variables that debug info has a place for, viewlocals.c knows the type. */
#include "views.h"
#include "blocktypes.h"
#include "ledger.h"
#include "sizeclasses.h"

enum { HEADER_FROM = 512 /* Slots above have a malloc header, 1.22 and later. */ };

static uint64_t head_of(const struct go_runtime *rt, const struct go_span *span)
{
	return rt->layout.minor >= 22 && !(span->spanclass & 1) && span->spanclass > 1 &&
		       span->elemsize > HEADER_FROM
		   ? 8
		   : 0;
}

bool go_extent(void *handle, uint32_t heap, hw_addr block, uint64_t size, struct hw_extent *ret)
{
	const struct go_runtime *rt = go_runtime_of(handle, heap);
	const struct go_span *span = rt ? go_span_find(rt, block) : NULL;

	if (!span || span->elemsize != size || span->flags & GO_SPAN_USER_ARENA)
		return false;
	ret->head = head_of(rt, span);
	ret->below =
	    span->spanclass > 1 ? go_class(rt, span->spanclass >> 1).below : size - GO_PAGE;
	return ret->below < size;
}

/* Words around. */

static void take_words(const struct go_runtime *rt, hw_addr slot, hw_addr start, hw_addr end,
		       struct go_around *a)
{
	for (uint32_t i = 0; i < GO_AROUND; i++) {
		const hw_addr at = slot + i * 8 - GO_AROUND_SLOT * 8;

		a->is_there[i] =
		    at >= start && at < end && end - at >= 8 && go_word(rt, at, &a->words[i]);
	}
}

static bool around_in_block(void *handle, uint32_t heap, const struct go_runtime *rt,
			    const struct hw_reference *r, struct go_around *a)
{
	const struct go_span *span = go_span_find(rt, r->source);
	const hw_addr end = r->source + r->source_size;
	const hw_addr from = r->slot - r->source >= 8 ? r->slot - 8 : r->slot;
	const hw_addr to = end - r->slot >= 24 ? r->slot + 24 : r->slot + (end - r->slot) / 8 * 8;
	uint64_t bits = 0;

	if (!span || !go_pointers(handle, heap, from, to, &bits))
		return false;
	take_words(rt, r->slot, r->source + head_of(rt, span), end, a);
	for (uint32_t i = 0; i < GO_AROUND; i++)
		if (a->is_there[i])
			a->is_pointer[i] =
			    bits >> ((r->slot + i * 8 - GO_AROUND_SLOT * 8 - from) / 8) & 1;
	return true;
}

static bool around_in_section(const struct go_runtime *rt, hw_addr slot, hw_addr start, hw_addr end,
			      const struct go_slice *mask, struct go_around *a)
{
	if (slot < start || slot >= end)
		return false;
	take_words(rt, slot, start, end, a);
	for (uint32_t i = 0; i < GO_AROUND; i++) {
		const uint64_t word = (slot - start) / 8 + i - GO_AROUND_SLOT;
		uint8_t byte;

		if (!a->is_there[i])
			continue;
		a->is_there[i] = word < mask->len * 8 && go_u8(rt, mask->ptr + word / 8, &byte);
		a->is_pointer[i] = a->is_there[i] && byte >> (word % 8) & 1;
	}
	return true;
}

static bool around_in_globals(const struct go_runtime *rt, hw_addr slot, struct go_around *a)
{
	for (uint32_t i = 0; i < rt->module_count; i++) {
		const struct go_moduledata *md = &rt->modules[i];

		if (around_in_section(rt, slot, md->data, md->edata, &md->gcdatamask, a) ||
		    around_in_section(rt, slot, md->bss, md->ebss, &md->gcbssmask, a))
			return true;
	}
	return false;
}

/* Views. */

static bool is_number(const struct go_around *a, uint32_t i)
{
	return a->is_there[i] && !a->is_pointer[i];
}

/* Bytes of an element, by a capacity of elements that fill the block from its start on as far as
 * its size class demands: of several possible sizes one that aligns best. 1: they do not. */
static uint64_t element_size(const struct hw_extent *extent, uint64_t size, uint64_t capacity)
{
	const uint64_t most = size / capacity;

	for (uint64_t unit = 8; unit; unit /= 2) {
		const uint64_t element = most / unit * unit;

		if (element && element * capacity > extent->below)
			return element;
	}
	return 1;
}

/* element_known: 0 when the type of the block does not say it. */
static bool see_slice(const struct hw_reference *r, const struct hw_extent *extent,
		      uint64_t element_known, const struct go_around *a, struct hw_view *ret)
{
	const uint64_t length = a->words[GO_AROUND_SLOT + 1];
	const uint64_t capacity = a->words[GO_AROUND_SLOT + 2];
	const uint64_t room = r->block + r->size - r->value;
	uint64_t element = 1;

	if (!is_number(a, GO_AROUND_SLOT + 1) || !is_number(a, GO_AROUND_SLOT + 2) || !capacity ||
	    capacity > room / (element_known ? element_known : 1) || length > capacity)
		return false;
	if (element_known)
		element = element_known;
	else if (r->value - r->block <= extent->head)
		element = element_size(extent, room, capacity);
	ret->kind = HW_VIEW_SLICE;
	ret->confidence = HW_GUESSED;
	ret->start = r->value;
	ret->length = length * element;
	ret->capacity = capacity * element;
	return true;
}

static bool see_string(const struct hw_reference *r, const struct go_around *a, struct hw_view *ret)
{
	const uint64_t length = a->words[GO_AROUND_SLOT + 1];

	if (!is_number(a, GO_AROUND_SLOT + 1) || !length || length > r->block + r->size - r->value)
		return false;
	ret->kind = HW_VIEW_STRING;
	ret->confidence = HW_GUESSED;
	ret->start = r->value;
	ret->length = length;
	return true;
}

/* What the type of a block lets references to it be. */
struct may_be {
	bool string, slice;
	uint64_t element; /* Of a slice; 0: not known. */
};

static struct may_be what_may_see(const struct go_runtime *rt, hw_addr block)
{
	const struct go_span *span = go_span_find(rt, block);
	const bool has_pointers = span && !(span->spanclass & 1);
	struct may_be may = {!has_pointers, true, 0};
	struct go_block_type type;

	if (!go_block_type(rt->block_types, block, &type) || type.how == GO_HOW_VIEW)
		return may;
	if (type.form == GO_FORM_ARRAY)
		may.element = type.desc->head.size;
	may.string = may.string && (type.form == GO_FORM_STRING || may.element == 1);
	may.slice = type.form == GO_FORM_STRING || type.form == GO_FORM_ARRAY;
	return may;
}

bool go_in_user_arena(const struct go_runtime *rt, hw_addr addr)
{
	const struct go_span *span = go_span_find(rt, addr);

	return span && span->flags & GO_SPAN_USER_ARENA;
}

static bool is_after_type(const struct go_runtime *rt, const struct go_around *a)
{
	return a->is_there[0] && a->words[0] % 8 == 0 && go_types_hold(rt, a->words[0]);
}

bool go_view(void *handle, uint32_t heap, const struct hw_reference *r, struct hw_view *ret)
{
	const struct go_runtime *rt = go_runtime_of(handle, heap);
	struct hw_extent extent = {.below = r->size - 1};
	struct go_around around = {.is_there = {false}};
	struct may_be may;
	bool is_typed;

	if (!rt || !r->slot || r->slot % 8)
		return false;
	if (go_in_user_arena(rt, r->block)) {
		*ret = (struct hw_view){
		    ret->struct_size, HW_VIEW_WHOLE, HW_CONSERVATIVE, 0, r->value, 0, 0};
		return true;
	}
	if (go_view_typed(rt, r, &is_typed, ret))
		return true;
	if (is_typed)
		return false;
	if (r->source ? !around_in_block(handle, heap, rt, r, &around)
		      : !around_in_globals(rt, r->slot, &around))
		return false;
	if (is_number(&around, 0) && go_view_interface(rt, around.words[0], r, ret))
		return true;
	if (is_after_type(rt, &around))
		return false;
	may = what_may_see(rt, r->block);
	go_extent(handle, heap, r->block, r->size, &extent);
	return (may.slice && see_slice(r, &extent, may.element, &around, ret)) ||
	       (may.string && see_string(r, &around, ret));
}
