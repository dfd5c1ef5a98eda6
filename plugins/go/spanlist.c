/* SPDX-License-Identifier: Apache-2.0 */
/* spanlist.c -- the report `spans`: bytes by what spans are for, and the spans with the most
 * free bytes, with an object that keeps each. */
#include "ledger.h"
#include "reports.h"
#include <stdlib.h>

enum { SHOWN = 50 };

struct held {
	const struct go_span *span;
	uint64_t free;
	uint32_t slots;
	hw_addr first;
};

static int compare(const struct held *a, const struct held *b)
{
	if (a->free != b->free)
		return a->free > b->free ? -1 : 1;
	return a->span->start < b->span->start ? -1 : 1;
}

/* Keeps the SHOWN greatest, in order. */
static void keep(struct held *list, uint32_t *count, const struct held *held)
{
	uint32_t at = *count;

	if (*count == SHOWN && compare(held, &list[SHOWN - 1]) >= 0)
		return;
	if (*count < SHOWN)
		(*count)++;
	else
		at = SHOWN - 1;
	for (; at > 0 && compare(held, &list[at - 1]) < 0; at--)
		list[at] = list[at - 1];
	list[at] = *held;
}

static void look(const struct go_runtime *rt, const struct go_span *s, struct held *list,
		 uint32_t *shown)
{
	struct go_totals ignored = {0};
	struct go_count count;
	struct held held = {.span = s};

	go_span_count(rt, s, false, &ignored, &count);
	held.slots = count.slots;
	held.free = (s->nelems - count.slots) * s->elemsize;
	for (uint32_t i = 0; count.is_listed && !held.first && i < s->nelems; i++)
		if (count.words[i / 64] >> (i % 64) & 1)
			held.first = s->start + i * s->elemsize;
	if (held.free)
		keep(list, shown, &held);
}

static const char *state_name(const struct go_span *s)
{
	if (s->flags & GO_SPAN_CACHED)
		return "cached";
	return s->flags & GO_SPAN_USER_ARENA ? "user arena" : "in use";
}

static void emit_list(const struct held *list, uint32_t shown, const struct hw_emit *out)
{
	static const struct hw_column columns[] = {
	    {"address", "span", HW_KIND_ADDR, 0},
	    {"pages", "pages", HW_KIND_COUNT, 0},
	    {"size", "slot", HW_KIND_SIZE, 0},
	    {"noscan", "noscan", HW_KIND_FLAG, HW_COLUMN_JSON},
	    {"slots", "slots", HW_KIND_COUNT, 0},
	    {"objects", "objects", HW_KIND_COUNT, 0},
	    {"free", "free", HW_KIND_SIZE, 0},
	    {"state", "state", HW_KIND_TEXT, 0},
	    {"pinned_by", "kept by", HW_KIND_ADDR, 0},
	};

	out->table(out->self, "spans", "Spans with the most free bytes", columns,
		   sizeof(columns) / sizeof(*columns));
	for (uint32_t i = 0; i < shown; i++) {
		const struct go_span *s = list[i].span;
		const struct hw_value row[] = {
		    hw_address(s->start),
		    hw_count(s->npages),
		    hw_size(s->elemsize),
		    hw_flag(s->spanclass & 1),
		    hw_count(s->nelems),
		    hw_count(list[i].slots),
		    hw_size(list[i].free),
		    hw_text(state_name(s)),
		    list[i].first ? hw_address(list[i].first) : hw_null(),
		};

		out->row(out->self, row);
	}
	out->table_end(out->self);
}

static void emit_kinds(const struct go_runtime *rt, const struct hw_emit *out)
{
	static const struct hw_column columns[] = {
	    {"kind", "spans", HW_KIND_TEXT, 0},
	    {"spans", "count", HW_KIND_COUNT, 0},
	    {"bytes", "bytes", HW_KIND_SIZE, 0},
	};
	static const char *const names[] = {"small objects",    "large objects", "goroutine stacks",
					    "collector's work", "free",          "damaged"};
	uint64_t counts[6] = {0}, bytes[6] = {0};

	for (uint64_t i = 0; i < rt->heap.span_count; i++) {
		const struct go_span *s = &rt->heap.spans[i];
		uint32_t kind = s->flags & GO_SPAN_BAD       ? 5
				: s->state == GO_SPAN_FREE   ? 4
				: s->state == GO_SPAN_MANUAL ? (s->elemsize ? 2 : 3)
				: s->spanclass < 2           ? 1
							     : 0;

		counts[kind]++;
		bytes[kind] += go_span_bytes(s);
	}
	out->table(out->self, "kinds", NULL, columns, sizeof(columns) / sizeof(*columns));
	for (uint32_t k = 0; k < 6; k++) {
		const struct hw_value row[] = {hw_text(names[k]), hw_count(counts[k]),
					       hw_size(bytes[k])};

		if (counts[k])
			out->row(out->self, row);
	}
	out->table_end(out->self);
}

bool go_report_spans(void *handle, const struct hw_emit *out)
{
	const struct go_runtime *rt = go_reported(handle, out);
	struct held list[SHOWN];
	uint32_t shown = 0;

	if (!rt)
		return true;
	out->field(out->self, "total", "spans", hw_count(rt->heap.span_count));
	out->field(out->self, "arenas", "arenas", hw_count(rt->heap.arena_count));
	emit_kinds(rt, out);
	for (uint64_t i = 0; i < rt->heap.span_count; i++) {
		const struct go_span *s = &rt->heap.spans[i];

		if (s->state == GO_SPAN_IN_USE && !(s->flags & GO_SPAN_BAD))
			look(rt, s, list, &shown);
	}
	emit_list(list, shown, out);
	return true;
}
