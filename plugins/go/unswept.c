/* SPDX-License-Identifier: Apache-2.0 */
/* unswept.c -- what the sweep under way will free: allocated slots of spans not swept yet
 * that the cycle just ended did not mark (runtime/mgcsweep.go, sweepLocked.sweep). */
#include "ledger.h"
#include <string.h>

enum {
	SPECIALS_MAX = 1 << 20,
	INLINE_BITS = 128, /* mgcmark_greenteagc.go: spanInlineMarkBits, at the page's end: */
	INLINE_MARKS = 64, /* scans[63], owned, marks[63], class. */
	INLINE_BYTES = 63,
};

/* mheap.go, "sweepgen" of mspan: two behind is to be swept; one ahead was cached before the
 * sweep began and is to be swept, too. */
static bool needs_sweep(const struct go_runtime *rt, const struct go_span *s)
{
	return s->sweepgen + 2 == rt->heap.sweepgen || s->sweepgen == rt->heap.sweepgen + 1;
}

/* Since 1.25 small objects with pointers can have their marks in the span, copied to
 * gcmarkBits only by the sweep. heapArena says which spans. */
static void add_inline_marks(const struct go_runtime *rt, const struct go_span *s, uint64_t *marks)
{
	uint8_t bytes[INLINE_BYTES + 1] = {0}, bits;
	uint64_t words[8];
	hw_addr addr = 0;

	if (!go_has(&rt->layout, GO_HEAPARENA_PAGEUSESPANINLINEMARKBITS))
		return;
	for (uint64_t a = 0; !addr && a < rt->heap.arena_count; a++)
		if (s->start - rt->heap.arenas[a].base < GO_ARENA)
			addr = rt->heap.arenas[a].addr;
	if (!go_u8(rt,
		   go_at(rt, addr, GO_HEAPARENA_PAGEUSESPANINLINEMARKBITS) +
		       (s->start % GO_ARENA >> GO_PAGE_SHIFT) / 8,
		   &bits) ||
	    !(bits >> (s->start % GO_ARENA >> GO_PAGE_SHIFT) % 8 & 1) ||
	    !go_read(rt, s->start + GO_PAGE - INLINE_BITS + INLINE_MARKS, bytes, INLINE_BYTES))
		return;
	memcpy(words, bytes, sizeof(words));
	for (uint32_t w = 0; w < 8; w++)
		marks[w] |= words[w];
}

static void keep_finalizable(const struct go_runtime *rt, const struct go_span *s, uint64_t *marks)
{
	uint64_t special = 0, offset, kind;

	if (!go_get(rt, s->addr, GO_MSPAN_SPECIALS, &special))
		return;
	for (uint32_t i = 0; special && i < SPECIALS_MAX; i++) {
		if (!go_get(rt, special, GO_SPECIAL_OFFSET, &offset) ||
		    !go_get(rt, special, GO_SPECIAL_KIND, &kind))
			return;
		if (kind == go_finalizer_kind(&rt->layout) && offset / s->elemsize < s->nelems)
			marks[offset / s->elemsize / 64] |= UINT64_C(1)
							    << (offset / s->elemsize % 64);
		if (!go_get(rt, special, GO_SPECIAL_NEXT, &special))
			return;
	}
}

static bool read_marks(const struct go_runtime *rt, const struct go_span *span, uint64_t *marks)
{
	if (!needs_sweep(rt, span) || !go_read(rt, span->mark_bits, marks, (span->nelems + 7u) / 8))
		return false;
	add_inline_marks(rt, span, marks);
	keep_finalizable(rt, span, marks);
	return true;
}

uint32_t go_span_unswept(const struct go_runtime *rt, const struct go_span *span,
			 const struct go_count *count)
{
	uint64_t marks[GO_SLOTS_MAX / 64] = {0};
	uint32_t dead = 0;

	if (!count->is_listed || !read_marks(rt, span, marks))
		return 0;
	for (uint32_t w = 0; w < (span->nelems + 63u) / 64; w++)
		dead += (uint32_t)__builtin_popcountll(count->words[w] & ~marks[w]);
	return dead;
}

void go_span_drop_unswept(const struct go_runtime *rt, const struct go_span *span, uint64_t *words)
{
	uint64_t marks[GO_SLOTS_MAX / 64] = {0};

	if (!read_marks(rt, span, marks))
		return;
	for (uint32_t w = 0; w < (span->nelems + 63u) / 64; w++)
		words[w] &= marks[w];
}
