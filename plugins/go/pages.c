/* SPDX-License-Identifier: Apache-2.0 */
/* pages.c -- pages of the arenas that no span has, and the memory outside the arenas.
 *
 * 1.14 and later: pageAlloc (runtime/mpagealloc.go) has two bits for each page, in chunks of
 * 4 MiB: allocated, and scavenged. Pages in a P's cache are marked allocated there. 1.12 and
 * 1.13 have free spans instead. Rules and where they were measured: FORMAT.md. */
#include "ledger.h"
#include <string.h>

enum {
	CHUNK_SHIFT = 22, /* mpagealloc.go: pallocChunkBytes */
	CHUNK_L2_BITS = 13,
	CHUNK_WORDS = 8,
	CHUNK_SIZE = 128,
	P_MAX = 1 << 16,
	RANGES_MAX = 1 << 20,
	MADV_FREE_VALUE = 8,
};

static uint64_t overlap(hw_addr a, hw_addr a_end, hw_addr b, hw_addr b_end)
{
	hw_addr start = a > b ? a : b;
	hw_addr end = a_end < b_end ? a_end : b_end;

	return start < end ? end - start : 0;
}

static void add_chunk(const struct go_runtime *rt, hw_addr at, struct go_pages *p)
{
	uint64_t index = (at + GO_ARENA_BASE_OFFSET) >> CHUNK_SHIFT;
	hw_addr l1 = go_at(rt, rt->globals.mheap, GO_MHEAP_PAGES_CHUNKS);
	uint64_t l2, bits[2 * CHUNK_WORDS];

	if (!go_word(rt, l1 + (index >> CHUNK_L2_BITS) * 8, &l2) || !l2 ||
	    !go_read(rt, l2 + (index & ((1 << CHUNK_L2_BITS) - 1)) * CHUNK_SIZE, bits,
		     sizeof(bits))) {
		rt->host->damage(rt->host->self, l1, "no page bits for 0x%llx",
				 (unsigned long long)at);
		return;
	}
	p->sys += (1 << CHUNK_SHIFT) / GO_PAGE;
	for (uint32_t w = 0; w < CHUNK_WORDS; w++) {
		p->released += (uint64_t)__builtin_popcountll(bits[CHUNK_WORDS + w]);
		p->idle += (uint64_t)__builtin_popcountll(~bits[w] & ~bits[CHUNK_WORDS + w]);
	}
}

/* Chunks of the arena inside one range of pages.inUse, whose ends are chunks' ends. */
static void add_range(const struct go_runtime *rt, const struct go_arena *arena, hw_addr base,
		      hw_addr limit, struct go_pages *p)
{
	const uint64_t step = UINT64_C(1) << CHUNK_SHIFT;

	for (hw_addr at = arena->base; at - arena->base < GO_ARENA; at += step)
		if (at >= base && at < limit)
			add_chunk(rt, at, p);
}

static void add_chunks(const struct go_runtime *rt, const struct go_arena *arena,
		       struct go_pages *p)
{
	struct go_slice ranges;
	uint64_t pair[2];

	if (!go_slice_read(rt, go_at(rt, rt->globals.mheap, GO_MHEAP_PAGES_INUSE_RANGES),
			   &ranges) ||
	    ranges.len > ranges.cap || ranges.cap > RANGES_MAX) {
		rt->host->damage(rt->host->self,
				 go_at(rt, rt->globals.mheap, GO_MHEAP_PAGES_INUSE_RANGES),
				 "the ranges of pages in use have an impossible length");
		return;
	}
	for (uint64_t i = 0; i < ranges.len; i++)
		if (go_read(rt, ranges.ptr + i * sizeof(pair), pair, sizeof(pair)) &&
		    overlap(pair[0], pair[1], arena->base, arena->base + GO_ARENA))
			add_range(rt, arena, pair[0], pair[1], p);
}

static void add_caches(const struct go_runtime *rt, const struct go_arena *arena,
		       struct go_pages *p)
{
	struct go_slice allp;
	uint64_t addr, base, cache, scav;

	if (!go_slice_read(rt, rt->globals.allp, &allp) || allp.len > P_MAX)
		return;
	for (uint64_t i = 0; i < allp.len; i++) {
		if (!go_word(rt, allp.ptr + i * 8, &addr) ||
		    !go_get(rt, addr, GO_P_PCACHE_BASE, &base) ||
		    !go_get(rt, addr, GO_P_PCACHE_CACHE, &cache) ||
		    !go_get(rt, addr, GO_P_PCACHE_SCAV, &scav) || !cache ||
		    base - arena->base >= GO_ARENA)
			continue;
		p->released += (uint64_t)__builtin_popcountll(cache & scav);
		p->idle += (uint64_t)__builtin_popcountll(cache & ~scav);
	}
}

static void add_free_spans(const struct go_runtime *rt, const struct go_arena *arena,
			   struct go_pages *p)
{
	const struct go_heap *heap = &rt->heap;

	for (uint64_t i = go_span_from(rt, arena->base); i < heap->span_count; i++) {
		const struct go_span *s = &heap->spans[i];
		uint64_t pages = overlap(s->start, s->start + go_span_bytes(s), arena->base,
					 arena->base + GO_ARENA) >>
				 GO_PAGE_SHIFT;

		if (!pages)
			break;
		p->sys += pages;
		if (s->state == GO_SPAN_FREE && (s->flags & GO_SPAN_SCAVENGED))
			p->released += pages;
		else if (s->state == GO_SPAN_FREE)
			p->idle += pages;
	}
}

void go_arena_pages(const struct go_runtime *rt, const struct go_arena *arena, struct go_pages *ret)
{
	struct go_pages p = {0};
	uint64_t base = 0, end = 0;

	if (rt->layout.minor >= 14) {
		add_chunks(rt, arena, &p);
		add_caches(rt, arena, &p);
	} else {
		add_free_spans(rt, arena, &p);
	}
	/* The rest of the arena being filled counts as idle and released up to 1.16. */
	if (rt->layout.minor <= 16 &&
	    go_get(rt, rt->globals.mheap, GO_MHEAP_CURARENA_BASE, &base) &&
	    go_get(rt, rt->globals.mheap, GO_MHEAP_CURARENA_END, &end)) {
		uint64_t pages =
		    overlap(base, end, arena->base, arena->base + GO_ARENA) >> GO_PAGE_SHIFT;

		p.sys += pages;
		p.released += pages;
	}
	*ret = p;
}

void go_offheap(const struct go_runtime *rt, uint64_t workbufs, struct go_offheap *ret)
{
	hw_addr m = rt->globals.memstats;
	struct go_offheap o = {0};
	bool is_old = rt->layout.minor <= 15;

	o.is_known = m && go_get(rt, m, GO_MSTATS_STACKS_SYS, &o.stacks) &&
		     go_get(rt, m, GO_MSTATS_MSPAN_SYS, &o.mspan) &&
		     go_get(rt, m, GO_MSTATS_MCACHE_SYS, &o.mcache) &&
		     go_get(rt, m, GO_MSTATS_BUCKHASH_SYS, &o.buckhash) &&
		     go_get(rt, m, GO_MSTATS_OTHER_SYS, &o.other) &&
		     go_get(rt, m, is_old ? GO_MSTATS_GC_SYS : GO_MSTATS_GCMISCSYS, &o.gc);
	/* Up to 1.15 gc_sys has the work buffers, too, which lie in the arenas. */
	if (is_old)
		o.gc -= workbufs <= o.gc ? workbufs : o.gc;
	*ret = o;
}

bool go_uses_madv_free(const struct go_runtime *rt, bool *known_ret)
{
	uint32_t dontneed = 0, advice = MADV_FREE_VALUE;

	*known_ret = rt->globals.madvdontneed && go_u32(rt, rt->globals.madvdontneed, &dontneed);
	/* A kernel before 4.5 made the runtime change its mind. */
	if (rt->globals.advise_unused)
		go_u32(rt, rt->globals.advise_unused, &advice);
	if (*known_ret)
		return dontneed == 0 && advice == MADV_FREE_VALUE;
	/* runtime/runtime1.go: the default of GODEBUG=madvdontneed changed with 1.16. */
	return rt->layout.minor <= 15 && advice == MADV_FREE_VALUE;
}
