/* SPDX-License-Identifier: Apache-2.0 */
/* counters.c -- see counters.h. Which counter holds what, by version: FORMAT.md. */
#include "counters.h"
#include <string.h>

enum { STATS = 3, CLASSES = 68 };

/* runtime/mstats.go: heapStatsDelta. Three copies that add up: the writers of one
 * generation use one. tinyAllocCount since 1.17, inPtrScalarBits up to 1.24. */
struct delta {
	uint64_t in_stacks, workbufs, tiny;
	uint64_t large_alloc, large_alloc_count, large_free, large_free_count;
	uint64_t small_alloc[CLASSES], small_free[CLASSES];
};

static bool add_stats(const struct go_runtime *rt, hw_addr at, struct delta *d)
{
	const struct go_layout *l = &rt->layout;
	uint32_t base = l->at[GO_MSTATS_HEAPSTATS_STATS_COMMITTED];
	uint32_t large = l->at[GO_MSTATS_HEAPSTATS_STATS_LARGEALLOC] - base;
	uint32_t small = l->at[GO_MSTATS_HEAPSTATS_STATS_SMALLALLOCCOUNT] - base;
	uint64_t words[160] = {0};
	const uint64_t *w = words;
	uint32_t size = l->at[GO_MSTATS_HEAPSTATS_STATS_STRIDE];

	if (size > sizeof(words) || !go_read(rt, at, words, size))
		return false;
	d->in_stacks += w[3];
	d->workbufs += w[4] + (l->minor <= 24 ? w[5] : 0);
	if (l->minor >= 17)
		d->tiny += w[large / 8 - 1];
	d->large_alloc += w[large / 8];
	d->large_alloc_count += w[large / 8 + 1];
	w += small / 8;
	for (uint32_t i = 0; i < CLASSES; i++)
		d->small_alloc[i] += w[i];
	w += CLASSES;
	d->large_free += w[0];
	d->large_free_count += w[1];
	for (uint32_t i = 0; i < CLASSES; i++)
		d->small_free[i] += w[2 + i];
	return true;
}

static bool read_stats(const struct go_runtime *rt, struct delta *ret)
{
	hw_addr at = go_at(rt, rt->globals.memstats, GO_MSTATS_HEAPSTATS_STATS_COMMITTED);
	struct delta d = {0};

	if (!rt->globals.memstats || !at)
		return false;
	for (uint32_t i = 0; i < STATS; i++)
		if (!add_stats(rt, at + i * rt->layout.at[GO_MSTATS_HEAPSTATS_STATS_STRIDE], &d))
			return false;
	*ret = d;
	return true;
}

static void read_heap(const struct go_runtime *rt, struct go_counters *c)
{
	hw_addr m = rt->globals.memstats, g = rt->globals.gc_controller;
	uint64_t free;

	if (rt->layout.minor >= 19) {
		c->has_heap = g && go_get(rt, g, GO_GCC_HEAPINUSE, &c->heap_inuse) &&
			      go_get(rt, g, GO_GCC_HEAPRELEASED, &c->heap_released) &&
			      go_get(rt, g, GO_GCC_HEAPFREE, &free);
		if (c->has_heap) {
			c->heap_idle = free + c->heap_released;
			c->heap_sys = c->heap_idle + c->heap_inuse;
		}
		return;
	}
	c->has_heap = m && go_get(rt, m, GO_MSTATS_HEAP_SYS, &c->heap_sys) &&
		      go_get(rt, m, GO_MSTATS_HEAP_INUSE, &c->heap_inuse) &&
		      go_get(rt, m, GO_MSTATS_HEAP_RELEASED, &c->heap_released);
	c->heap_idle = c->heap_sys - c->heap_inuse;
	if (rt->layout.minor <= 15)
		c->has_heap = c->has_heap && go_get(rt, m, GO_MSTATS_HEAP_IDLE, &c->heap_idle);
}

/* Sizes of the classes as the target has them: of any span of the class. */
static void class_sizes(const struct go_runtime *rt, uint64_t *sizes)
{
	for (uint64_t i = 0; i < rt->heap.span_count; i++) {
		const struct go_span *s = &rt->heap.spans[i];

		if (s->state == GO_SPAN_IN_USE && !(s->flags & GO_SPAN_BAD) &&
		    s->spanclass / 2 < CLASSES)
			sizes[s->spanclass / 2] = s->elemsize;
	}
}

/* Since 1.19 a span's objects made while a P has it are counted when it is given back:
 * ReadMemStats does that first, so add what it would add. */
static void add_cached(const struct go_runtime *rt, struct go_counters *c)
{
	for (uint64_t i = 0; i < rt->heap.span_count; i++) {
		const struct go_span *s = &rt->heap.spans[i];
		uint64_t before, made;

		if (!(s->flags & GO_SPAN_CACHED) || (s->flags & GO_SPAN_BAD) ||
		    !go_get(rt, s->addr, GO_MSPAN_ALLOCCOUNTBEFORECACHE, &before) ||
		    before > s->alloc_count)
			continue;
		made = s->alloc_count - before;
		c->unflushed_objects += made;
		c->unflushed_bytes += made * s->elemsize;
		c->heap_objects += made;
		c->mallocs += made;
		c->heap_alloc += made * s->elemsize;
		c->total_alloc += made * s->elemsize;
		if (s->spanclass / 2 < CLASSES)
			c->class_live[s->spanclass / 2] += made;
	}
}

static void add_tiny(const struct go_runtime *rt, uint64_t *tiny)
{
	struct go_slice allp;
	uint64_t p, mcache, n;

	if (!go_slice_read(rt, rt->globals.allp, &allp))
		return;
	for (uint64_t i = 0; i < allp.len && i < UINT16_MAX; i++)
		if (go_word(rt, allp.ptr + i * 8, &p) && go_get(rt, p, GO_P_MCACHE, &mcache) &&
		    go_get(rt, mcache, GO_MCACHE_TINYALLOCS, &n))
			*tiny += n;
}

static void read_objects(const struct go_runtime *rt, const struct delta *d, struct go_counters *c)
{
	uint64_t sizes[CLASSES] = {0}, tiny = d->tiny;

	c->has_objects = c->has_total = true;
	class_sizes(rt, sizes);
	add_tiny(rt, &tiny);
	c->mallocs = d->large_alloc_count + tiny;
	c->frees = d->large_free_count + tiny;
	c->total_alloc = d->large_alloc;
	c->class_live[0] = d->large_alloc_count - d->large_free_count;
	for (uint32_t i = 1; i < CLASSES; i++) {
		c->mallocs += d->small_alloc[i];
		c->frees += d->small_free[i];
		c->class_live[i] = d->small_alloc[i] - d->small_free[i];
		c->total_alloc += d->small_alloc[i] * sizes[i];
		/* No span of it is left to tell its size. */
		c->has_total = c->has_total && (sizes[i] || !d->small_alloc[i]);
	}
	c->heap_objects = c->mallocs - c->frees;
}

void go_counters(const struct go_runtime *rt, struct go_counters *ret)
{
	hw_addr m = rt->globals.memstats, mheap = rt->globals.mheap, g = rt->globals.gc_controller;
	struct go_counters c = {0};
	uint64_t alloc, freed, limit;
	struct delta d;

	read_heap(rt, &c);
	c.has_inuse = go_get(rt, mheap, GO_MHEAP_SPANALLOC_INUSE, &c.mspan_inuse) &&
		      go_get(rt, mheap, GO_MHEAP_CACHEALLOC_INUSE, &c.mcache_inuse);
	if (rt->layout.minor <= 15) {
		c.has_stacks = m && go_get(rt, m, GO_MSTATS_STACKS_INUSE, &c.stack_inuse);
	} else if (read_stats(rt, &d)) {
		c.has_stacks = true;
		c.stack_inuse = d.in_stacks;
		c.workbufs = d.workbufs;
		if (rt->layout.minor >= 19) {
			read_objects(rt, &d, &c);
			/* The pacer keeps the sum without the sizes of classes. */
			c.has_alloc = g && go_get(rt, g, GO_GCC_TOTALALLOC, &alloc) &&
				      go_get(rt, g, GO_GCC_TOTALFREE, &freed);
			c.heap_alloc = c.has_alloc ? alloc - freed : 0;
			add_cached(rt, &c);
		}
	}
	/* With a memory limit the goal depends on more than the pacer keeps. */
	c.has_next_gc = (rt->layout.minor <= 18 ||
			 (g && go_get(rt, g, GO_GCC_MEMORYLIMIT, &limit) && limit == INT64_MAX)) &&
			go_heap_goal(rt, &c.next_gc) && c.next_gc < UINT64_C(1) << 53;
	c.has_gc = m && go_get(rt, m, GO_MSTATS_LAST_GC_UNIX, &c.last_gc) &&
		   go_get(rt, m, GO_MSTATS_NUMGC, &c.num_gc);
	*ret = c;
}
