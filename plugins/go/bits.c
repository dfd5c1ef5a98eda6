/* SPDX-License-Identifier: Apache-2.0 */
/* bits.c -- which words of the heap are pointers, by the runtime's own records:
 *
 *   1.12-1.19  heapArena.bitmap: 2 bits per word of the arena, in bytes of four words; the low
 *              nibble says pointer (mbitmap.go). Behind an object's last pointer it is zero
 *   1.20-1.21  heapArena.bitmap: 1 bit per word. noMorePtrs only says where one may stop
 *   1.22-      slots of at most 512 bytes: 1 bit per word at the end of the span, with Green
 *              Tea (1.25 experiment, 1.26) 128 bytes before that, where the arena's
 *              pageUseSpanInlineMarkBits says so. Larger slots begin with a word that points at
 *              their type, and spans of one object have it in mspan.largeType: the type's
 *              pointers repeat, value by value, to the end of the slot
 *
 * noscan spans have none. What cannot be read counts as a pointer everywhere: never less than
 * the collector sees. */
#include "bits.h"
#include "ledger.h"
#include <string.h>

enum {
	SMALL_MAX = 512,        /* internal/runtime/gc: MinSizeForMallocHeader. */
	INLINE_MARK_BITS = 128, /* spanInlineMarkBits, runtime/mgcmark_greenteagc.go. */
};

void go_wanted_all(const struct go_wanted *w, hw_addr from, hw_addr to)
{
	from = from > w->start ? from : w->start;
	to = to < w->end ? to : w->end;
	for (; from < to; from += 8)
		w->bits[(from - w->start) / 512] |= UINT64_C(1) << ((from - w->start) / 8 % 64);
}

/* Up to 64 bits from bit on; mask has bytes of them. */
static uint64_t load_bits(const uint8_t *mask, uint64_t bytes, uint64_t bit)
{
	uint64_t at = bit / 8, word = 0;
	uint8_t next = 0;

	if (at >= bytes)
		return 0;
	memcpy(&word, mask + at, bytes - at < 8 ? bytes - at : 8);
	if (bytes - at > 8)
		next = mask[at + 8];
	word >>= bit % 8;
	return bit % 8 ? word | (uint64_t)next << (64 - bit % 8) : word;
}

static void mark_bits(const struct go_wanted *w, hw_addr at, uint64_t bits)
{
	const uint64_t word = (at - w->start) / 8;
	const uint64_t last = (w->end - w->start - 1) / 512;

	w->bits[word / 64] |= bits << (word % 64);
	if (word % 64 && word / 64 < last)
		w->bits[word / 64 + 1] |= bits >> (64 - word % 64);
}

bool go_wanted_mask(const struct go_runtime *rt, const struct go_wanted *w, hw_addr base,
		    hw_addr mask, hw_addr from, hw_addr to)
{
	const uint8_t *bytes;
	uint64_t first, count, lead;

	from = from > w->start ? from : w->start;
	to = to < w->end ? to : w->end;
	if (from >= to)
		return true;
	first = (from - base) / 8;
	count = (to - from) / 8;
	lead = first / 8;
	bytes = go_bytes(rt, mask + lead, (first + count + 7) / 8 - lead);
	if (!bytes)
		return false;
	for (uint64_t i = 0; i < count; i += 64) {
		uint64_t bits =
		    load_bits(bytes, (first + count + 7) / 8 - lead, first - lead * 8 + i);

		if (count - i < 64)
			bits &= (UINT64_C(1) << (count - i)) - 1;
		if (bits)
			mark_bits(w, from + i * 8, bits);
	}
	return true;
}

/* One value at base. */
static bool mark_value(const struct go_runtime *rt, const struct go_wanted *w, hw_addr base,
		       const struct go_type *type, hw_addr mask, hw_addr from, hw_addr to)
{
	const hw_addr last = base + type->ptrdata;

	from = from > base ? from : base;
	to = to < last ? to : last;
	if (from >= to)
		return true;
	if (mask && go_wanted_mask(rt, w, base, mask, from, to))
		return true;
	return go_wanted_built(rt, w, base, type, from, to);
}

bool go_wanted_type(const struct go_runtime *rt, const struct go_wanted *w, hw_addr base,
		    hw_addr end, const struct go_type *type, hw_addr from, hw_addr to)
{
	hw_addr mask;

	from = from > w->start ? from : w->start;
	from = from > base ? from : base;
	to = to < w->end ? to : w->end;
	to = to < end ? to : end;
	if (from >= to || !type->ptrdata)
		return true;
	if (!type->size || type->size % 8)
		return false;
	mask = go_type_mask(rt, type);
	for (base += (from - base) / type->size * type->size; base < to; base += type->size)
		if (!mark_value(rt, w, base, type, mask, from, to))
			return false;
	return true;
}

/* 1.12 to 1.19, for words of one arena. */
static bool mark_two_bits(const struct go_runtime *rt, const struct go_wanted *w,
			  const struct go_arena *arena, hw_addr from, hw_addr to)
{
	const uint64_t first = (from - arena->base) / 32;
	const uint64_t end = (to - arena->base + 31) / 32;
	const uint8_t *bytes =
	    go_bytes(rt, arena->addr + rt->layout.at[GO_HEAPARENA_BITMAP] + first, end - first);

	if (!bytes)
		return false;
	for (hw_addr at = from; at < to; at += 8) {
		const uint64_t word = (at - arena->base) / 8;

		if (bytes[word / 4 - first] >> (word % 4) & 1)
			w->bits[(at - w->start) / 512] |= UINT64_C(1) << ((at - w->start) / 8 % 64);
	}
	return true;
}

/* To 1.21: the bitmap of the arenas; a span may lie in several. */
static void mark_by_arena(const struct go_runtime *rt, const struct go_wanted *w, hw_addr from,
			  hw_addr to)
{
	from = from > w->start ? from : w->start;
	to = to < w->end ? to : w->end;
	while (from < to) {
		const struct go_arena *arena = go_arena_find(&rt->heap, from);
		hw_addr end = (from & ~(GO_ARENA - 1)) + GO_ARENA;
		bool ok = false;

		end = end < to ? end : to;
		if (arena && rt->layout.minor < 20)
			ok = mark_two_bits(rt, w, arena, from, end);
		else if (arena)
			ok = go_wanted_mask(rt, w, arena->base,
					    arena->addr + rt->layout.at[GO_HEAPARENA_BITMAP], from,
					    end);
		if (!ok)
			go_wanted_all(w, from, end);
		from = end;
	}
}

static bool has_inline_marks(const struct go_runtime *rt, const struct go_span *span)
{
	const struct go_arena *arena = go_arena_find(&rt->heap, span->start);
	uint64_t page;
	uint8_t byte;

	if (!go_has(&rt->layout, GO_HEAPARENA_PAGEUSESPANINLINEMARKBITS) || !arena ||
	    span->elemsize < 16)
		return false;
	page = (span->start - arena->base) >> GO_PAGE_SHIFT;
	return go_u8(rt,
		     arena->addr + rt->layout.at[GO_HEAPARENA_PAGEUSESPANINLINEMARKBITS] + page / 8,
		     &byte) &&
	       byte >> (page % 8) & 1;
}

hw_addr go_span_bits(const struct go_runtime *rt, const struct go_span *span)
{
	const uint64_t bytes = go_span_bytes(span);

	if (rt->layout.minor < 22 || span->elemsize > SMALL_MAX || span->spanclass & 1)
		return 0;
	return span->start + bytes - bytes / 64 -
	       (has_inline_marks(rt, span) ? INLINE_MARK_BITS : 0);
}

/* From 1.22: slots of up to 512 bytes. */
static void mark_small(const struct go_runtime *rt, const struct go_wanted *w,
		       const struct go_span *span)
{
	const hw_addr end = span->start + span->nelems * span->elemsize;

	if (!go_wanted_mask(rt, w, span->start, go_span_bits(rt, span), span->start, end))
		go_wanted_all(w, span->start, end);
}

/* From 1.22: a type word before every slot. */
static void mark_headers(const struct go_runtime *rt, const struct go_wanted *w,
			 const struct go_span *span)
{
	const hw_addr end = span->start + span->nelems * span->elemsize;
	hw_addr at = span->start;

	if (w->start > at)
		at += (w->start - at) / span->elemsize * span->elemsize;
	for (; at < end && at < w->end; at += span->elemsize) {
		const hw_addr next = at + span->elemsize;
		struct go_type type;
		hw_addr header;

		if (!go_word(rt, at, &header)) {
			go_wanted_all(w, at, next);
			continue;
		}
		if (!header) /* Not in use, or not typed yet. */
			continue;
		if (!go_type_read(rt, header, &type) ||
		    !go_wanted_type(rt, w, at + 8, next, &type, at + 8, next))
			go_wanted_all(w, at + 8, next);
	}
}

/* From 1.22: a span of one object; mspan.largeType is nil until the object has been zeroed. */
static void mark_large(const struct go_runtime *rt, const struct go_wanted *w,
		       const struct go_span *span)
{
	const hw_addr end = span->start + span->elemsize;
	struct go_type type;
	uint64_t header;

	if (!go_get(rt, span->addr, GO_MSPAN_LARGETYPE, &header)) {
		go_wanted_all(w, span->start, end);
		return;
	}
	if (header && (!go_type_read(rt, header, &type) ||
		       !go_wanted_type(rt, w, span->start, end, &type, span->start, end)))
		go_wanted_all(w, span->start, end);
}

bool go_span_has_headers(const struct go_runtime *rt, const struct go_span *span)
{
	return rt->layout.minor >= 22 && !(span->spanclass & 1) && span->spanclass >> 1 &&
	       span->elemsize > SMALL_MAX;
}

void go_wanted_span(const struct go_runtime *rt, const struct go_wanted *w,
		    const struct go_span *span)
{
	if (span->state != GO_SPAN_IN_USE || span->flags & GO_SPAN_BAD || span->spanclass & 1)
		return;
	if (rt->layout.minor < 22)
		mark_by_arena(rt, w, span->start, span->start + go_span_bytes(span));
	else if (span->spanclass >> 1 == 0)
		mark_large(rt, w, span);
	else if (span->elemsize <= SMALL_MAX)
		mark_small(rt, w, span);
	else
		mark_headers(rt, w, span);
}

bool go_pointers(void *handle, uint32_t heap, hw_addr start, hw_addr end, uint64_t *bits)
{
	const struct go_runtime *rt = go_runtime_of(handle, heap);
	const struct go_wanted wanted = {start, end, bits};

	if (!rt)
		return false;
	for (uint64_t i = go_span_from(rt, start); i < rt->heap.span_count; i++) {
		if (rt->heap.spans[i].start >= end)
			break;
		go_wanted_span(rt, &wanted, &rt->heap.spans[i]);
	}
	return true;
}
