/* SPDX-License-Identifier: Apache-2.0 */
/* memstats.c -- the report `memstats`: what runtime.ReadMemStats would say at this moment.
 * What the heap determines is recomputed from spans and page bits and shown beside the
 * runtime's own counter (runtime/mstats.go); the rest is the counter alone. */
#include "counters.h"
#include "ledger.h"
#include "reports.h"
#include <stdio.h>

enum { LINKS_MAX = 1 << 26 };

/* One field; either number may be missing. */
struct field {
	const char *name;
	bool has_value, has_counter, is_count;
	uint64_t value;
	uint64_t counter;
};

static void emit(const struct hw_emit *out, const struct field *f)
{
	bool both = f->has_value && f->has_counter;
	struct hw_value value = f->is_count ? hw_count(f->value) : hw_size(f->value);
	struct hw_value counter = f->is_count ? hw_count(f->counter) : hw_size(f->counter);
	const struct hw_value row[] = {
	    hw_text(f->name),
	    f->has_value ? value : hw_null(),
	    f->has_counter ? counter : hw_null(),
	    both ? hw_flag(f->value == f->counter) : hw_null(),
	    hw_text(!both                    ? (f->has_value ? "no counter" : "counter only")
		    : f->value == f->counter ? ""
					     : "differs"),
	};

	out->row(out->self, row);
}

static struct field both(const char *name, uint64_t value, bool has, uint64_t counter)
{
	return (struct field){name, true, has, false, value, counter};
}

static struct field both_count(const char *name, uint64_t value, bool has, uint64_t counter)
{
	return (struct field){name, true, has, true, value, counter};
}

static struct field counter_only(const char *name, bool has, uint64_t counter)
{
	return (struct field){name, false, has, false, 0, counter};
}

static struct field count_only(const char *name, bool has, uint64_t counter)
{
	return (struct field){name, false, has, true, 0, counter};
}

/* mspans in use: all ever made (allspans has each once) less those on the allocator's free
 * list. The list is the allocator's word 3; runtime/mfixalloc.go. */
static bool count_mspans(const struct go_runtime *rt, uint64_t *ret)
{
	hw_addr spanalloc = go_at(rt, rt->globals.mheap, GO_MHEAP_SPANALLOC_INUSE) - 48;
	struct go_slice all;
	uint64_t link, free = 0;

	if (!go_slice_read(rt, go_at(rt, rt->globals.mheap, GO_MHEAP_ALLSPANS), &all) ||
	    !go_word(rt, spanalloc + 24, &link))
		return false;
	for (; link && free < all.len && free < LINKS_MAX; free++)
		if (!go_word(rt, link, &link))
			return false;
	*ret = (all.len - free) * rt->layout.at[GO_MSPAN_SIZE];
	return link == 0;
}

static void emit_heap(const struct go_runtime *rt, const struct go_totals *t,
		      const struct go_counters *c, const struct hw_emit *out)
{
	uint64_t idle = t->idle + t->released, mspans = 0;
	bool has_mspans = count_mspans(rt, &mspans);
	struct field mspan = both("MSpanInuse", mspans, c->has_inuse, c->mspan_inuse);
	const struct field fields[] = {
	    both("HeapAlloc", t->alloc_bytes, c->has_alloc, c->heap_alloc),
	    both("HeapSys", t->inuse + idle, c->has_heap, c->heap_sys),
	    both("HeapIdle", idle, c->has_heap, c->heap_idle),
	    both("HeapInuse", t->inuse, c->has_heap, c->heap_inuse),
	    both("HeapReleased", t->released, c->has_heap, c->heap_released),
	    both_count("HeapObjects", t->alloc_slots, c->has_objects, c->heap_objects),
	    both("StackInuse", t->stacks, c->has_stacks, c->stack_inuse),
	    both("MCacheInuse", (uint64_t)rt->heap.p_count * rt->layout.at[GO_MCACHE_SIZE],
		 c->has_inuse, c->mcache_inuse),
	};

	mspan.has_value = has_mspans;
	for (uint32_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		emit(out, &fields[i]);
	emit(out, &mspan);
}

static void emit_rest(const struct go_runtime *rt, const struct go_counters *c,
		      const struct hw_emit *out)
{
	struct go_offheap o;
	bool has;
	uint64_t gc;

	go_offheap(rt, 0, &o);
	gc = rt->layout.minor <= 15 ? o.gc : o.gc + c->workbufs;
	has = o.is_known && c->has_heap && c->has_stacks;
	{
		const struct field fields[] = {
		    counter_only("Sys", has,
				 c->heap_sys + c->stack_inuse + o.stacks + o.mspan + o.mcache +
				     o.buckhash + gc + o.other),
		    counter_only("StackSys", has, o.stacks + c->stack_inuse),
		    counter_only("MSpanSys", o.is_known, o.mspan),
		    counter_only("MCacheSys", o.is_known, o.mcache),
		    counter_only("BuckHashSys", o.is_known, o.buckhash),
		    counter_only("GCSys", has, gc),
		    counter_only("OtherSys", o.is_known, o.other),
		    counter_only("TotalAlloc", c->has_total, c->total_alloc),
		    count_only("Mallocs", c->has_objects, c->mallocs),
		    count_only("Frees", c->has_objects, c->frees),
		    counter_only("NextGC", c->has_next_gc, c->next_gc),
		    count_only("NumGC", c->has_gc, c->num_gc),
		};

		for (uint32_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
			emit(out, &fields[i]);
	}
}

static void emit_unflushed(const struct go_counters *c, const struct hw_emit *out)
{
	const bool has = c->has_alloc && c->has_objects;

	out->field(out->self, "unflushed_bytes", NULL,
		   has ? hw_size(c->unflushed_bytes) : hw_null());
	out->field(out->self, "unflushed_objects", NULL,
		   has ? hw_count(c->unflushed_objects) : hw_null());
	if (has && c->unflushed_objects)
		out->note(out->self,
			  "%llu bytes in %llu objects of HeapAlloc are in no total of the runtime "
			  "yet: they lie in spans that processors hold. Its metrics (Prometheus's "
			  "go_memstats_alloc_bytes) are less by that.",
			  (unsigned long long)c->unflushed_bytes,
			  (unsigned long long)c->unflushed_objects);
}

static bool emit_runtime(const struct go_runtime *rt, const struct hw_emit *out)
{
	static const struct hw_column columns[] = {
	    {"name", "field", HW_KIND_TEXT, 0},
	    {"value", "from the heap", HW_KIND_SIZE, 0},
	    {"counter", "counter", HW_KIND_SIZE, 0},
	    {"agrees", "agrees", HW_KIND_FLAG, HW_COLUMN_JSON},
	    {NULL, "", HW_KIND_TEXT, HW_COLUMN_TEXT},
	};
	struct go_counters c;
	struct go_totals t;

	go_totals(rt, &t);
	go_counters(rt, &c);
	out->table(out->self, "fields", NULL, columns, sizeof(columns) / sizeof(*columns));
	emit_heap(rt, &t, &c, out);
	emit_rest(rt, &c, out);
	out->table_end(out->self);
	emit_unflushed(&c, out);
	if (t.in_flux || t.sweeping)
		out->note(out->self,
			  "The world was not still: %llu spans had an object being made, %llu "
			  "were being swept.",
			  (unsigned long long)t.in_flux, (unsigned long long)t.sweeping);
	return true;
}

bool go_report_memstats(void *handle, const struct hw_emit *out)
{
	const struct go_runtime *rt = go_reported(handle, out);

	return !rt || emit_runtime(rt, out);
}
