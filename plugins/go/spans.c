/* SPDX-License-Identifier: Apache-2.0 */
/* spans.c -- arenas and spans of mheap_ (runtime/mheap.go), read once and checked: what is
 * behind this file may trust struct go_span. */
#include "sizeclasses.h"
#include <stdlib.h>
#include <string.h>

enum {
	ARENAS_MAX = 1 << 20, /* 64 TiB. */
	SPANS_MAX = 1 << 28,
	MSPAN_MAX = 256, /* Bytes read of one mspan; the largest has 168. */
};

static bool grow(struct go *go, void **list, uint64_t *room, uint64_t count, uint64_t size)
{
	uint64_t wanted = *room ? *room + *room / 2 : 64;
	void *grown;

	if (count < *room)
		return true;
	grown = go->host->resize(go->host->self, *list, *room, wanted, size);
	if (!grown) {
		go->no_memory = true;
		return false;
	}
	*list = grown;
	*room = wanted;
	return true;
}

static int compare_arenas(const void *a, const void *b)
{
	const struct go_arena *x = a, *y = b;

	return x->base < y->base ? -1 : x->base > y->base;
}

static bool add_arena(struct go *go, struct go_runtime *rt, uint64_t table, uint64_t index)
{
	struct go_heap *heap = &rt->heap;
	hw_addr base = (index << GO_ARENA_SHIFT) - GO_ARENA_BASE_OFFSET;
	uint64_t addr = 0, word;

	if (index >= GO_ARENA_L2 || !go_word(rt, table + index * 8, &addr) || !addr ||
	    addr % rt->host->page_size || !go_word(rt, addr, &word)) {
		rt->host->damage(rt->host->self, table + index * 8,
				 "arena %llu is listed but has no heapArena",
				 (unsigned long long)index);
		return true;
	}
	if (!grow(go, (void **)&heap->arenas, &heap->arena_room, heap->arena_count,
		  sizeof(*heap->arenas)))
		return false;
	heap->arenas[heap->arena_count++] = (struct go_arena){base, addr};
	return true;
}

/* The list of arena indexes; of user arenas' chunks since 1.25 a second one. */
static bool read_list(struct go *go, struct go_runtime *rt, uint64_t table, enum go_field field)
{
	struct go_slice list;

	if (!go_has(&rt->layout, field))
		return true;
	if (!go_slice_read(rt, go_at(rt, rt->globals.mheap, field), &list) || list.len > list.cap ||
	    list.cap > ARENAS_MAX) {
		rt->host->damage(rt->host->self, go_at(rt, rt->globals.mheap, field),
				 "the list of arenas has an impossible length");
		return true;
	}
	for (uint64_t i = 0; i < list.len; i++) {
		uint64_t index;

		if (!go_word(rt, list.ptr + i * 8, &index)) {
			rt->host->damage(rt->host->self, list.ptr + i * 8,
					 "the list of arenas is not all there");
			return true;
		}
		if (!add_arena(go, rt, table, index))
			return false;
	}
	return true;
}

/* From 1.20 to 1.24 no list has the arenas of package arena's chunks: their spans lead to them.
 * What is wrong with a span is said when it is read. */
static bool find_user_arenas(struct go *go, struct go_runtime *rt, uint64_t table)
{
	struct go_slice all;
	uint64_t addr;

	if (!go_has(&rt->layout, GO_MSPAN_ISUSERARENACHUNK) ||
	    go_has(&rt->layout, GO_MHEAP_USERARENAARENAS) ||
	    !go_slice_read(rt, go_at(rt, rt->globals.mheap, GO_MHEAP_ALLSPANS), &all) ||
	    all.len > SPANS_MAX)
		return true;
	for (uint64_t i = 0; i < all.len && go_word(rt, all.ptr + i * 8, &addr); i++) {
		uint64_t is_chunk = 0, start = 0, index, word = 0;

		if (!go_get(rt, addr, GO_MSPAN_ISUSERARENACHUNK, &is_chunk) || is_chunk != 1 ||
		    !go_get(rt, addr, GO_MSPAN_STARTADDR, &start))
			continue;
		index = (start + GO_ARENA_BASE_OFFSET) >> GO_ARENA_SHIFT;
		if (index < GO_ARENA_L2 && go_word(rt, table + index * 8, &word) && word &&
		    !add_arena(go, rt, table, index))
			return false;
		if ((i & 0xfff) == 0 && rt->host->stopped(rt->host->self))
			return false;
	}
	return true;
}

static bool read_arenas(struct go *go, struct go_runtime *rt)
{
	struct go_heap *heap = &rt->heap;
	uint64_t table = 0, kept = 0;

	if (!go_get(rt, rt->globals.mheap, GO_MHEAP_ARENAS, &table))
		return true;
	if (!read_list(go, rt, table, GO_MHEAP_ALLARENAS) ||
	    !read_list(go, rt, table, GO_MHEAP_HEAPARENAS) ||
	    !read_list(go, rt, table, GO_MHEAP_USERARENAARENAS) || !find_user_arenas(go, rt, table))
		return false;
	if (heap->arena_count)
		qsort(heap->arenas, heap->arena_count, sizeof(*heap->arenas), compare_arenas);
	for (uint64_t i = 0; i < heap->arena_count; i++)
		if (!kept || heap->arenas[i].base != heap->arenas[kept - 1].base)
			heap->arenas[kept++] = heap->arenas[i];
	heap->arena_count = kept;
	return true;
}

const struct go_arena *go_arena_find(const struct go_heap *heap, hw_addr addr)
{
	uint64_t low = 0, high = heap->arena_count;

	if (!high)
		return NULL;
	/* Most lie one behind the other. */
	low = (addr - heap->arenas[0].base) / GO_ARENA;
	if (low < high && addr - heap->arenas[low].base < GO_ARENA)
		return &heap->arenas[low];
	for (low = 0; low < high;) {
		const uint64_t middle = low + (high - low) / 2;

		if (heap->arenas[middle].base <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || addr - heap->arenas[low - 1].base >= GO_ARENA)
		return NULL;
	return &heap->arenas[low - 1];
}

/* All of [start, start + bytes) lies in arenas, which must follow each other. */
static bool in_arenas(const struct go_heap *heap, hw_addr start, uint64_t bytes)
{
	const struct go_arena *arena = go_arena_find(heap, start);
	const struct go_arena *end = heap->arenas + heap->arena_count;
	hw_addr last = start + bytes - 1;

	if (!arena || last < start)
		return false;
	for (; last - arena->base >= GO_ARENA; arena++)
		if (arena + 1 == end || arena[1].base - arena->base != GO_ARENA)
			return false;
	return true;
}

static bool is_sound(const struct go_runtime *rt, const struct go_span *s)
{
	if (s->state != GO_SPAN_IN_USE)
		return true;
	return s->elemsize && s->nelems && s->nelems <= GO_SLOTS_MAX &&
	       s->elemsize <= go_span_bytes(s) / s->nelems && s->freeindex <= s->nelems &&
	       s->alloc_count <= s->nelems && go_class_fits(rt, s);
}

/* Does the arena's own table name this mspan for the span's first page? */
static bool is_listed(const struct go_runtime *rt, const struct go_span *s)
{
	const struct go_arena *arena = go_arena_find(&rt->heap, s->start);
	uint64_t page = (s->start - arena->base) >> GO_PAGE_SHIFT;
	uint64_t word;

	return go_word(rt, arena->addr + rt->layout.at[GO_HEAPARENA_SPANS] + page * 8, &word) &&
	       word == s->addr;
}

static void decode(const struct go_layout *l, const uint8_t *b, struct go_span *s)
{
	uint64_t nelems = go_pick(l, b, MSPAN_MAX, GO_MSPAN_NELEMS);
	uint64_t freeindex = go_pick(l, b, MSPAN_MAX, GO_MSPAN_FREEINDEX);

	s->alloc_bits = go_pick(l, b, MSPAN_MAX, GO_MSPAN_ALLOCBITS);
	s->mark_bits = go_pick(l, b, MSPAN_MAX, GO_MSPAN_GCMARKBITS);
	s->elemsize = go_pick(l, b, MSPAN_MAX, GO_MSPAN_ELEMSIZE);
	s->sweepgen = (uint32_t)go_pick(l, b, MSPAN_MAX, GO_MSPAN_SWEEPGEN);
	s->nelems = nelems > UINT16_MAX ? UINT16_MAX : (uint16_t)nelems;
	s->freeindex = freeindex > UINT16_MAX ? UINT16_MAX : (uint16_t)freeindex;
	s->alloc_count = (uint16_t)go_pick(l, b, MSPAN_MAX, GO_MSPAN_ALLOCCOUNT);
	s->spanclass = (uint8_t)go_pick(l, b, MSPAN_MAX, GO_MSPAN_SPANCLASS);
	if (l->minor <= 13 && go_pick(l, b, MSPAN_MAX, GO_MSPAN_SCAVENGED))
		s->flags |= GO_SPAN_SCAVENGED;
	if (go_pick(l, b, MSPAN_MAX, GO_MSPAN_ISUSERARENACHUNK))
		s->flags |= GO_SPAN_USER_ARENA;
}

static void refuse_sizes(const struct go_runtime *rt, struct go_span *s)
{
	rt->host->damage(rt->host->self, s->addr,
			 "mspan of 0x%llx has impossible sizes; its bytes are unknown",
			 (unsigned long long)s->start);
	s->flags |= GO_SPAN_BAD;
}

/* False: there is nothing to keep (a dead one, or damage, which is noted). */
static bool read_span(const struct go_runtime *rt, hw_addr addr, struct go_span *ret)
{
	const struct go_layout *l = &rt->layout;
	uint8_t b[MSPAN_MAX];
	struct go_span s = {.addr = addr};
	uint64_t npages;
	uint8_t highest = l->minor <= 13 ? GO_SPAN_FREE : GO_SPAN_MANUAL;

	if (!addr || addr % 8 || !go_read(rt, addr, b, l->at[GO_MSPAN_SIZE])) {
		rt->host->damage(rt->host->self, addr, "an mspan of allspans is not there");
		return false;
	}
	s.state = (uint8_t)go_pick(l, b, MSPAN_MAX, GO_MSPAN_STATE);
	if (s.state == GO_SPAN_DEAD)
		return false;
	npages = go_pick(l, b, MSPAN_MAX, GO_MSPAN_NPAGES);
	s.start = go_pick(l, b, MSPAN_MAX, GO_MSPAN_STARTADDR);
	if (s.state > highest || s.start % GO_PAGE || npages == 0 || npages > UINT32_MAX ||
	    !in_arenas(&rt->heap, s.start, npages << GO_PAGE_SHIFT)) {
		rt->host->damage(rt->host->self, addr,
				 "mspan has state %u, %llu pages at 0x%llx: impossible", s.state,
				 (unsigned long long)npages, (unsigned long long)s.start);
		return false;
	}
	s.npages = (uint32_t)npages;
	decode(l, b, &s);
	if (!is_listed(rt, &s)) {
		rt->host->damage(rt->host->self, addr,
				 "mspan of 0x%llx is not the one that its arena lists",
				 (unsigned long long)s.start);
		return false;
	}
	if (!is_sound(rt, &s))
		refuse_sizes(rt, &s);
	*ret = s;
	return true;
}

static int compare_spans(const void *a, const void *b)
{
	const struct go_span *x = a, *y = b;

	return x->start != y->start ? (x->start < y->start ? -1 : 1)
				    : (x->addr < y->addr ? -1 : x->addr > y->addr);
}

static void sort_spans(struct go_runtime *rt)
{
	struct go_heap *heap = &rt->heap;
	bool is_sorted = true;
	uint64_t kept = 0;

	for (uint64_t i = 1; is_sorted && i < heap->span_count; i++)
		is_sorted = compare_spans(&heap->spans[i - 1], &heap->spans[i]) <= 0;
	if (!is_sorted)
		qsort(heap->spans, heap->span_count, sizeof(*heap->spans), compare_spans);
	for (uint64_t i = 0; i < heap->span_count; i++) {
		const struct go_span *last = kept ? &heap->spans[kept - 1] : NULL;

		if (last && heap->spans[i].addr == last->addr)
			continue; /* Listed twice. */
		if (last && heap->spans[i].start - last->start < go_span_bytes(last)) {
			rt->host->damage(rt->host->self, heap->spans[i].addr,
					 "mspan of 0x%llx overlaps the one of 0x%llx",
					 (unsigned long long)heap->spans[i].start,
					 (unsigned long long)last->start);
			continue;
		}
		heap->spans[kept++] = heap->spans[i];
	}
	heap->span_count = kept;
}

/* A span whose number of slots belongs to the other collector than most has a wrong one. */
static void check_marks(struct go_runtime *rt)
{
	struct go_heap *heap = &rt->heap;
	int64_t sum = 0;

	for (uint64_t i = 0; i < heap->span_count; i++)
		if (heap->spans[i].state == GO_SPAN_IN_USE && !(heap->spans[i].flags & GO_SPAN_BAD))
			sum += go_class_marks(rt, &heap->spans[i]);
	for (uint64_t i = 0; i < heap->span_count; i++) {
		struct go_span *s = &heap->spans[i];
		int marks;

		if (s->state != GO_SPAN_IN_USE || (s->flags & GO_SPAN_BAD))
			continue;
		marks = go_class_marks(rt, s);
		if (marks && (marks > 0) != (sum > 0))
			refuse_sizes(rt, s);
	}
}

static bool read_spans(struct go *go, struct go_runtime *rt)
{
	struct go_heap *heap = &rt->heap;
	struct go_slice all;

	if (!go_slice_read(rt, go_at(rt, rt->globals.mheap, GO_MHEAP_ALLSPANS), &all) ||
	    all.len > all.cap || all.cap > SPANS_MAX) {
		rt->host->damage(rt->host->self, rt->globals.mheap,
				 "mheap_.allspans has an impossible length");
		return true;
	}
	for (uint64_t i = 0; i < all.len; i++) {
		uint64_t addr;

		if ((i & 0xfff) == 0 && rt->host->stopped(rt->host->self))
			return false;
		if (!go_word(rt, all.ptr + i * 8, &addr)) {
			rt->host->damage(rt->host->self, all.ptr + i * 8,
					 "mheap_.allspans is not all there");
			break;
		}
		if (!grow(go, (void **)&heap->spans, &heap->span_room, heap->span_count,
			  sizeof(*heap->spans)))
			return false;
		heap->span_count += read_span(rt, addr, &heap->spans[heap->span_count]);
	}
	sort_spans(rt);
	check_marks(rt);
	return true;
}

static struct go_span *find(const struct go_heap *heap, hw_addr addr)
{
	uint64_t low = 0, high = heap->span_count;

	while (low < high) {
		uint64_t middle = (low + high) / 2;

		if (heap->spans[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || addr - heap->spans[low - 1].start >= go_span_bytes(&heap->spans[low - 1]))
		return NULL;
	return &heap->spans[low - 1];
}

uint64_t go_span_from(const struct go_runtime *rt, hw_addr addr)
{
	const struct go_heap *heap = &rt->heap;
	uint64_t low = 0, high = heap->span_count;

	while (low < high) {
		uint64_t middle = (low + high) / 2;
		const struct go_span *s = &heap->spans[middle];

		if (s->start + go_span_bytes(s) <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct go_span *go_span_find(const struct go_runtime *rt, hw_addr addr)
{
	return find(&rt->heap, addr);
}

/* The spans of one mcache, an entry for each span class. Idle entries point at
 * runtime.emptymspan, which is no span of ours. */
static void mark_mcache(struct go_runtime *rt, hw_addr mcache, uint8_t flags)
{
	uint32_t classes = rt->layout.width[GO_MCACHE_ALLOC] / 8;

	for (uint32_t c = 0; c < classes; c++) {
		struct go_span *span;
		uint64_t addr, start;

		if (!go_word(rt, go_at(rt, mcache, GO_MCACHE_ALLOC) + c * 8, &addr) ||
		    !go_get(rt, addr, GO_MSPAN_STARTADDR, &start) || !start)
			continue;
		span = find(&rt->heap, start);
		if (span && span->addr == addr)
			span->flags |= flags;
	}
}

/* Is the thread that runs this P inside mallocgc? It says so itself. */
static bool is_allocating(const struct go_runtime *rt, hw_addr p)
{
	uint64_t m, mallocing;

	return go_get(rt, p, GO_P_M, &m) && m && go_get(rt, m, GO_M_MALLOCING, &mallocing) &&
	       mallocing;
}

static void mark_cached(struct go_runtime *rt)
{
	struct go_slice allp;
	uint64_t p, mcache;
	bool is_busy;

	if (!go_slice_read(rt, rt->globals.allp, &allp) || allp.len > UINT16_MAX)
		return;
	for (uint64_t i = 0; i < allp.len; i++) {
		if (!go_word(rt, allp.ptr + i * 8, &p) || !go_get(rt, p, GO_P_MCACHE, &mcache) ||
		    !mcache)
			continue;
		rt->heap.p_count++;
		is_busy = is_allocating(rt, p);
		rt->heap.allocating += is_busy;
		mark_mcache(rt, mcache, is_busy ? GO_SPAN_CACHED | GO_SPAN_BUSY : GO_SPAN_CACHED);
	}
}

bool go_read_heap(struct go *go, struct go_runtime *rt)
{
	uint64_t sweepgen = 0;

	go_get(rt, rt->globals.mheap, GO_MHEAP_SWEEPGEN, &sweepgen);
	rt->heap.sweepgen = (uint32_t)sweepgen;
	if (!read_arenas(go, rt) || !read_spans(go, rt))
		return false;
	mark_cached(rt);
	return true;
}

void go_heap_clear(struct go_runtime *rt)
{
	const struct hw_host *host = rt->host;
	struct go_heap *heap = &rt->heap;

	host->resize(host->self, heap->arenas, heap->arena_room, 0, sizeof(*heap->arenas));
	host->resize(host->self, heap->spans, heap->span_room, 0, sizeof(*heap->spans));
	*heap = (struct go_heap){0};
}

bool go_span_slots(const struct go_runtime *rt, const struct go_span *span, uint64_t *words,
		   uint32_t *count_ret)
{
	uint32_t n = (span->nelems + 63u) / 64, count = 0;

	/* Slots behind freeindex are free unless allocBits has them (mbitmap.go, isFree). */
	memset(words, 0, n * sizeof(*words));
	if (span->freeindex < span->nelems &&
	    !go_read(rt, span->alloc_bits, words, (span->nelems + 7u) / 8))
		return false;
	for (uint32_t w = 0; w < n; w++) {
		uint32_t below = span->freeindex > w * 64 ? span->freeindex - w * 64 : 0;
		uint32_t valid = span->nelems - w * 64;

		if (below)
			words[w] |= below >= 64 ? UINT64_MAX : (UINT64_C(1) << below) - 1;
		if (valid < 64)
			words[w] &= (UINT64_C(1) << valid) - 1;
		count += (uint32_t)__builtin_popcountll(words[w]);
	}
	*count_ret = count;
	return true;
}
