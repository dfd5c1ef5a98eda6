/* SPDX-License-Identifier: Apache-2.0 */
/* classes.c -- the report `classes`: one row for each span class that has spans. */
#include "counters.h"
#include "reports.h"
#include "sizeclasses.h"

enum { SPAN_CLASSES = 256, SPARSE = 4 /* a span at most 1/4 in use */ };

struct row {
	uint64_t size, spans, bytes, objects, live, free_slots, cached_slots, overhead, unswept;
	uint64_t sparse_spans, sparse_free; /* Spans mostly free, and the free bytes they keep. */
	uint64_t single_spans;              /* Kept by one object. */
	hw_addr example;                    /* The object that keeps the emptiest one. */
	uint32_t example_slots;
};

/* What an object of a class can waste at most: the class below did not fit. */
static uint64_t waste_max(const struct go_runtime *rt, uint64_t size)
{
	struct go_class class = go_class_of(rt, size);

	return class.size ? class.size - class.below - 1 : 0;
}

static hw_addr first_live(const struct go_span *s, const struct go_count *count)
{
	for (uint32_t i = 0; count->is_listed && i < s->nelems; i++)
		if (count->words[i / 64] >> (i % 64) & 1)
			return s->start + i * s->elemsize;
	return 0;
}

static void add_span(const struct go_runtime *rt, const struct go_span *s, struct row *row)
{
	struct go_totals ignored = {0};
	struct go_count count;
	uint64_t free;

	go_span_count(rt, s, false, &ignored, &count);
	free = s->nelems - count.slots;
	row->size = s->spanclass < 2 ? 0 : s->elemsize;
	row->spans++;
	row->bytes += go_span_bytes(s);
	row->objects += count.slots;
	row->live += count.slots * s->elemsize;
	row->unswept += go_span_unswept(rt, s, &count) * s->elemsize;
	row->overhead += go_span_bytes(s) - s->nelems * s->elemsize;
	if (s->flags & GO_SPAN_CACHED) {
		row->cached_slots += free;
		return;
	}
	row->free_slots += free;
	if (!count.slots || count.slots * SPARSE > s->nelems)
		return;
	row->sparse_spans++;
	row->sparse_free += free * s->elemsize;
	row->single_spans += count.slots == 1;
	if (!row->example || count.slots < row->example_slots) {
		row->example = first_live(s, &count);
		row->example_slots = count.slots;
	}
}

static void emit_row(const struct go_runtime *rt, uint32_t spanclass, const struct row *r,
		     const struct go_counters *c, const struct row *other,
		     const struct hw_emit *out)
{
	uint32_t sizeclass = spanclass / 2;
	bool has = c->has_objects && sizeclass < GO_CLASSES_MAX;
	uint64_t both = r->objects + other->objects;
	const struct hw_value row[] = {
	    hw_count(sizeclass),
	    hw_size(r->size),
	    r->size ? hw_size(r->size) : hw_text("large"),
	    hw_flag(spanclass & 1),
	    hw_text(spanclass & 1 ? "no" : "yes"),
	    hw_count(r->spans),
	    hw_count(r->objects),
	    hw_size(r->live),
	    hw_count(r->free_slots),
	    hw_size(r->free_slots * r->size),
	    hw_count(r->cached_slots),
	    hw_size(r->overhead),
	    hw_size(r->unswept),
	    hw_size(waste_max(rt, r->size) * r->objects),
	    hw_count(r->sparse_spans),
	    hw_size(r->sparse_free),
	    hw_count(r->single_spans),
	    r->example ? hw_address(r->example) : hw_null(),
	    has ? hw_count(c->class_live[sizeclass]) : hw_null(),
	    has ? hw_flag(c->class_live[sizeclass] == both) : hw_null(),
	};

	out->row(out->self, row);
}

static void emit_table(const struct go_runtime *rt, const struct row *rows,
		       const struct hw_emit *out)
{
	static const struct hw_column columns[] = {
	    {"class", "class", HW_KIND_COUNT, 0},
	    {"size", "size", HW_KIND_SIZE, HW_COLUMN_JSON},
	    {NULL, "size", HW_KIND_SIZE, HW_COLUMN_TEXT},
	    {"noscan", "noscan", HW_KIND_FLAG, HW_COLUMN_JSON},
	    {NULL, "pointers", HW_KIND_TEXT, HW_COLUMN_TEXT},
	    {"spans", "spans", HW_KIND_COUNT, 0},
	    {"objects", "objects", HW_KIND_COUNT, 0},
	    {"live", "live", HW_KIND_SIZE, 0},
	    {"free", "free", HW_KIND_COUNT, HW_COLUMN_JSON},
	    {"free_bytes", "free", HW_KIND_SIZE, 0},
	    {"cached", "cached", HW_KIND_COUNT, HW_COLUMN_JSON},
	    {"overhead", "tails", HW_KIND_SIZE, 0},
	    {"unswept", "unswept", HW_KIND_SIZE, HW_COLUMN_JSON},
	    {"waste_max", "waste up to", HW_KIND_SIZE, 0},
	    {"sparse_spans", "sparse spans", HW_KIND_COUNT, 0},
	    {"sparse_free", "they keep", HW_KIND_SIZE, 0},
	    {"single_spans", "by one object", HW_KIND_COUNT, 0},
	    {"pinned_by", "for example", HW_KIND_ADDR, 0},
	    {"counter", "counter", HW_KIND_COUNT, HW_COLUMN_JSON},
	    {"agrees", "agrees", HW_KIND_FLAG, HW_COLUMN_JSON},
	};
	struct go_counters c;

	go_counters(rt, &c);
	out->table(out->self, "classes", NULL, columns, sizeof(columns) / sizeof(*columns));
	for (uint32_t i = 0; i < SPAN_CLASSES; i++)
		if (rows[i].spans)
			emit_row(rt, i, &rows[i], &c, &rows[i ^ 1], out);
	out->table_end(out->self);
}

bool go_report_classes(void *handle, const struct hw_emit *out)
{
	const struct go_runtime *rt = go_reported(handle, out);
	struct row rows[SPAN_CLASSES] = {0};

	if (!rt)
		return true;
	for (uint64_t i = 0; i < rt->heap.span_count; i++) {
		const struct go_span *s = &rt->heap.spans[i];

		if (s->state == GO_SPAN_IN_USE && !(s->flags & GO_SPAN_BAD))
			add_span(rt, s, &rows[s->spanclass]);
	}
	emit_table(rt, rows, out);
	out->note(out->self, "A sparse span is at most a quarter in use: its free slots serve only "
			     "its own class, and its pages cannot go back while one object is "
			     "left. What objects waste inside their slots is not recorded: the "
			     "column is its upper bound.");
	return true;
}
