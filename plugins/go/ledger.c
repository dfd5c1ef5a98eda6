/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.c -- the heap's bytes by state, for each arena of 64 MiB and for what the runtime
 * took from the system outside of them. Metadata only: mspans, allocBits, page bits. */
#include "counters.h"
#include <stdio.h>
#include <string.h>

struct go_runtime *go_runtime_of(struct go *go, uint32_t heap)
{
	for (uint64_t r = 0; r < go->count; r++)
		if (go->runtimes[r].id == heap)
			return &go->runtimes[r];
	go->host->fail(go->host->self, "no such heap");
	return NULL;
}

/* allocBits and allocCount agree in every span (measured on all versions), but in one that a
 * thread is allocating from: nextFreeFast moves freeindex first, with m.mallocing set. */
void go_span_count(const struct go_runtime *rt, const struct go_span *span, bool say,
		   struct go_totals *totals, struct go_count *ret)
{
	ret->is_listed = go_span_slots(rt, span, ret->words, &ret->slots);
	if (!ret->is_listed) {
		ret->slots = span->alloc_count;
		if (say)
			rt->host->damage(rt->host->self, span->alloc_bits,
					 "allocBits of the span at 0x%llx are not there",
					 (unsigned long long)span->start);
		return;
	}
	if (ret->slots == span->alloc_count)
		return;
	if ((span->flags & GO_SPAN_BUSY) && ret->slots == span->alloc_count + 1u) {
		totals->in_flux++;
		return;
	}
	if (say)
		rt->host->damage(rt->host->self, span->addr,
				 "mspan of 0x%llx says %u objects, its allocBits %u",
				 (unsigned long long)span->start, span->alloc_count, ret->slots);
}

/* One part of a span for one row. */
struct part {
	enum hw_row row;
	uint64_t bytes;
};

static uint32_t split_in_use(const struct go_span *s, const struct go_count *count,
			     struct part *parts)
{
	uint64_t live = count->slots * s->elemsize;
	uint64_t slots = s->nelems * s->elemsize;

	parts[0] = (struct part){HW_ROW_LIVE, live};
	parts[1] =
	    (struct part){s->flags & GO_SPAN_CACHED ? HW_ROW_CACHED : HW_ROW_FREE, slots - live};
	parts[2] = (struct part){HW_ROW_OVERHEAD, go_span_bytes(s) - slots};
	return 3;
}

static void count_in_use(const struct go_runtime *rt, const struct go_span *s, bool say,
			 struct go_totals *t, struct go_count *count)
{
	uint64_t free_slots;
	uint32_t unswept;

	go_span_count(rt, s, say, t, count);
	free_slots = s->nelems - count->slots;
	unswept = go_span_unswept(rt, s, count);
	t->live_slots += count->slots;
	t->live_bytes += count->slots * s->elemsize;
	t->alloc_slots += s->alloc_count;
	t->alloc_bytes += s->alloc_count * s->elemsize;
	t->unswept_slots += unswept;
	t->unswept_bytes += unswept * s->elemsize;
	t->unswept_spans += s->sweepgen + 2 == rt->heap.sweepgen;
	t->sweeping += s->sweepgen + 1 == rt->heap.sweepgen;
	if (s->flags & GO_SPAN_CACHED) {
		t->cached_slots += free_slots;
		t->cached_bytes += free_slots * s->elemsize;
	} else {
		t->free_slots += free_slots;
		t->free_bytes += free_slots * s->elemsize;
	}
}

static uint32_t split(const struct go_runtime *rt, const struct go_span *s, bool say,
		      struct go_totals *t, struct part *parts)
{
	uint64_t bytes = go_span_bytes(s);
	struct go_count count;

	if (s->state == GO_SPAN_FREE) /* The pages of the arena have it. */
		return 0;
	if (s->state == GO_SPAN_MANUAL) {
		*(s->elemsize ? &t->stacks : &t->workbufs) += bytes;
		parts[0] = (struct part){s->elemsize ? HW_ROW_STACKS : HW_ROW_METADATA, bytes};
		return 1;
	}
	t->inuse += bytes;
	if (s->flags & GO_SPAN_BAD) {
		t->bad += bytes;
		parts[0] = (struct part){HW_ROW_UNKNOWN, bytes};
		return 1;
	}
	count_in_use(rt, s, say, t, &count);
	return split_in_use(s, &count, parts);
}

/* A ledger under way: spans may cross from one arena into the next, so their parts fill up
 * one arena after the other. */
struct fill {
	const struct go_runtime *rt;
	struct hw_ledger *arenas;
	uint64_t arena; /* Of the byte that comes next. */
	hw_addr at;
};

static void put(struct fill *f, const struct part *part)
{
	uint64_t left = part->bytes;

	while (left) {
		hw_addr end = f->rt->heap.arenas[f->arena].base + GO_ARENA;
		uint64_t here = end - f->at < left ? end - f->at : left;

		f->arenas[f->arena].bytes[part->row] += here;
		left -= here;
		f->at += here;
		if (f->at == end && left)
			f->at = f->rt->heap.arenas[++f->arena].base;
	}
}

static void put_span(struct fill *f, const struct go_span *s, struct go_totals *t)
{
	const struct go_totals before = *t;
	struct part parts[3];
	uint32_t count = split(f->rt, s, true, t, parts);
	uint64_t *blocks;

	while (s->start - f->rt->heap.arenas[f->arena].base >= GO_ARENA)
		f->arena++;
	blocks = f->arenas[f->arena].blocks; /* Of the arena that a span begins in. */
	blocks[HW_LIVE] += t->live_slots - before.live_slots;
	blocks[HW_CACHED] += t->cached_slots - before.cached_slots;
	blocks[HW_FREE] += t->free_slots - before.free_slots;
	f->at = s->start;
	for (uint32_t i = 0; i < count; i++)
		put(f, &parts[i]);
}

/* Chunks of package arena have arenas of their own, of which the page allocator knows nothing;
 * what is not in use there is in no counter (runtime/arena.go). */
static bool has_user_chunks(const struct go_runtime *rt, const struct go_arena *arena)
{
	const uint64_t at = go_span_from(rt, arena->base);

	return at < rt->heap.span_count && rt->heap.spans[at].flags & GO_SPAN_USER_ARENA &&
	       rt->heap.spans[at].start - arena->base < GO_ARENA;
}

/* The pages without a span; what neither has is unknown. */
static void put_pages(const struct go_runtime *rt, const struct go_arena *arena, bool is_lazy,
		      struct go_totals *t, struct hw_ledger *l)
{
	uint64_t taken = 0, idle, released, sys;
	struct go_pages p;

	for (int row = 0; row < HW_ROWS; row++)
		taken += l->bytes[row];
	go_arena_pages(rt, arena, &p);
	idle = p.idle << GO_PAGE_SHIFT;
	released = p.released << GO_PAGE_SHIFT;
	sys = p.sys << GO_PAGE_SHIFT;
	if (!sys && has_user_chunks(rt, arena))
		sys = taken;
	t->idle += idle;
	t->released += released;
	t->sys += sys;
	l->mapped = GO_ARENA;
	if (sys > GO_ARENA || taken > sys || idle + released > sys - taken) {
		rt->host->damage(rt->host->self, arena->addr,
				 "arena 0x%llx: spans have %llu bytes, page bits say %llu are free "
				 "of %llu",
				 (unsigned long long)arena->base, (unsigned long long)taken,
				 (unsigned long long)(idle + released), (unsigned long long)sys);
		l->bytes[HW_ROW_UNKNOWN] += GO_ARENA - taken;
		return;
	}
	l->bytes[HW_ROW_FREE] += idle;
	l->releasable += idle;
	l->bytes[is_lazy ? HW_ROW_LAZY : HW_ROW_RELEASED] += released;
	l->bytes[HW_ROW_UNTOUCHED] += GO_ARENA - sys;
	l->bytes[HW_ROW_UNKNOWN] += sys - taken - idle - released;
}

static void add(struct hw_ledger *to, const struct hw_ledger *from)
{
	for (int row = 0; row < HW_ROWS; row++)
		to->bytes[row] += from->bytes[row];
	to->mapped += from->mapped;
	to->releasable += from->releasable;
}

/* The runtime counts the same pages and bytes as it goes. Between a change and its counting
 * there are a few instructions, and then the answer is off by that one, too. */
static void check_counters(const struct go_runtime *rt, const struct go_totals *t)
{
	const struct hw_host *host = rt->host;
	struct go_counters c = {0};

	go_counters(rt, &c);
	if (c.has_heap && (c.heap_inuse != t->inuse || c.heap_released != t->released ||
			   c.heap_idle != t->idle + t->released))
		host->warn(
		    host->self, "go-counters-disagree", true,
		    "spans and page bits have %llu bytes in use, %llu idle, %llu released; the "
		    "runtime's counters say %llu, %llu and %llu: a thread was inside the page "
		    "allocator, or something is damaged",
		    (unsigned long long)t->inuse, (unsigned long long)(t->idle + t->released),
		    (unsigned long long)t->released, (unsigned long long)c.heap_inuse,
		    (unsigned long long)c.heap_idle, (unsigned long long)c.heap_released);
	else if (c.has_stacks && c.stack_inuse != t->stacks)
		host->warn(host->self, "go-counters-disagree", true,
			   "spans of stacks have %llu bytes, the runtime's counters say %llu: a "
			   "thread was inside the page allocator, or something is damaged",
			   (unsigned long long)t->stacks, (unsigned long long)c.stack_inuse);
	if (c.has_alloc && !rt->heap.allocating && !t->sweeping && c.heap_alloc != t->alloc_bytes)
		host->warn(host->self, "go-counters-disagree", true,
			   "spans have %llu bytes allocated, the runtime's counters say %llu",
			   (unsigned long long)t->alloc_bytes, (unsigned long long)c.heap_alloc);
}

/* What every answer about this heap must say. */
static void warn_states(const struct go_runtime *rt, const struct go_totals *t,
			const struct hw_ledger *sum)
{
	const struct hw_host *host = rt->host;
	uint64_t lock = 0;

	if (sum->bytes[HW_ROW_UNKNOWN] > t->bad)
		host->warn(host->self, "go-pages-lost", true,
			   "%llu bytes are marked allocated but no span has them: a thread was "
			   "inside the page allocator, or a span was damaged",
			   (unsigned long long)(sum->bytes[HW_ROW_UNKNOWN] - t->bad));
	if (go_word(rt, rt->globals.mheap, &lock) && lock)
		host->warn(host->self, "go-heap-locked", false,
			   "mheap_.lock was held: a thread was changing spans or page bits");
	else
		check_counters(rt, t);
	if (t->in_flux)
		host->warn(host->self, "go-in-flux", false,
			   "%llu spans had an object that was just being made; it counts as live",
			   (unsigned long long)t->in_flux);
	if (t->sweeping)
		host->warn(host->self, "go-sweeping", false,
			   "%llu spans were being swept: what the sweep freed already counts as "
			   "free, or not",
			   (unsigned long long)t->sweeping);
}

static bool ledger_arenas(struct go_runtime *rt, bool is_lazy, struct go_totals *t,
			  struct hw_ledger *sum)
{
	const struct go_heap *heap = &rt->heap;
	const struct hw_host *host = rt->host;
	struct fill f = {.rt = rt};
	char name[40];

	f.arenas = host->resize(host->self, NULL, 0, heap->arena_count + 1, sizeof(*f.arenas));
	if (!f.arenas) {
		host->fail(host->self, "out of memory");
		return false;
	}
	for (uint64_t i = 0; i < heap->span_count; i++) {
		if ((i & 0xfff) == 0 && host->stopped(host->self))
			break;
		put_span(&f, &heap->spans[i], t);
	}
	for (uint64_t a = 0; a < heap->arena_count; a++) {
		struct hw_ledger *l = &f.arenas[a];

		l->struct_size = sizeof(*l);
		put_pages(rt, &heap->arenas[a], is_lazy, t, l);
		add(sum, l);
		snprintf(name, sizeof(name), "0x%llx", (unsigned long long)heap->arenas[a].base);
		host->arena(host->self, rt->id, (uint32_t)a, name, l);
	}
	host->resize(host->self, f.arenas, heap->arena_count + 1, 0, sizeof(*f.arenas));
	return !host->stopped(host->self);
}

static void ledger_offheap(struct go_runtime *rt, const struct go_totals *t, struct hw_ledger *sum)
{
	const struct hw_host *host = rt->host;
	struct hw_ledger l = {.struct_size = sizeof(l)};
	struct go_offheap o;

	go_offheap(rt, t->workbufs, &o);
	if (!o.is_known) {
		host->warn(host->self, "go-counters-missing", true,
			   "runtime.memstats was not found: the runtime's memory outside the "
			   "arenas is not counted");
		return;
	}
	l.bytes[HW_ROW_STACKS] = o.stacks;
	l.bytes[HW_ROW_METADATA] = o.mspan + o.mcache + o.buckhash + o.gc + o.other;
	l.mapped = l.bytes[HW_ROW_STACKS] + l.bytes[HW_ROW_METADATA];
	add(sum, &l);
	host->arena(host->self, rt->id, (uint32_t)rt->heap.arena_count, "outside the arenas", &l);
}

bool go_ledger(void *handle, uint32_t heap, struct hw_ledger *ret)
{
	struct go_runtime *rt = go_runtime_of(handle, heap);
	struct hw_ledger sum = {.struct_size = sizeof(sum)};
	struct go_totals t = {0};
	bool is_known;

	if (!rt || !ledger_arenas(rt, go_uses_madv_free(rt, &is_known), &t, &sum))
		return false;
	ledger_offheap(rt, &t, &sum);
	warn_states(rt, &t, &sum);
	sum.confidence = sum.bytes[HW_ROW_UNKNOWN] ? HW_CONSERVATIVE : HW_EXACT;
	sum.blocks[HW_LIVE] = t.live_slots;
	sum.blocks[HW_CACHED] = t.cached_slots;
	sum.blocks[HW_FREE] = t.free_slots;
	sum.unswept = t.unswept_bytes;
	sum.is_collected = 1;
	*ret = sum;
	return true;
}

void go_totals(const struct go_runtime *rt, struct go_totals *ret)
{
	const struct go_heap *heap = &rt->heap;
	struct go_totals t = {0};
	struct part parts[3];

	for (uint64_t i = 0; i < heap->span_count; i++)
		split(rt, &heap->spans[i], false, &t, parts);
	for (uint64_t a = 0; a < heap->arena_count; a++) {
		struct go_pages p;

		go_arena_pages(rt, &heap->arenas[a], &p);
		t.idle += p.idle << GO_PAGE_SHIFT;
		t.released += p.released << GO_PAGE_SHIFT;
		t.sys += p.sys << GO_PAGE_SHIFT;
	}
	*ret = t;
}
