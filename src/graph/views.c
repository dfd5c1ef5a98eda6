/* SPDX-License-Identifier: Apache-2.0 */
/* Unions of views, and the rules of design: what is a pin, of which kind. */
#include "graph/views.h"
#include "base/array.h"
#include <stdlib.h>

const char *const hw_pin_kind_names[HW_PIN_KINDS] = {"string", "slice", "slice-cap", "interior"};

/* Ranges. */

static int by_start(const void *a, const void *b)
{
	const struct hw_span *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void merge(struct hw_spans *e)
{
	size_t last = 0;

	if (e->sorted == e->count)
		return;
	qsort(e->items, e->count, sizeof(*e->items), by_start);
	for (size_t i = 1; i < e->count; i++) {
		if (e->items[i].start > e->items[last].end)
			e->items[++last] = e->items[i];
		else if (e->items[i].end > e->items[last].end)
			e->items[last].end = e->items[i].end;
	}
	e->count = e->sorted = last + 1;
}

/* Merges when full, and grows only when that did not free half of the room. */
static bool make_room(struct hw_spans *e)
{
	if (e->count < e->room)
		return true;
	merge(e);
	return e->count < e->room / 2 ||
	       hw_array_reserve((void **)&e->items, &e->room, e->room, sizeof(*e->items));
}

static bool add(struct hw_spans *e, uint64_t start, uint64_t end)
{
	struct hw_span *last = e->count ? &e->items[e->count - 1] : NULL;

	if (start >= end)
		return true;
	if (last && start >= last->start && end <= last->end)
		return true;
	if (!make_room(e))
		return false;
	e->items[e->count++] = (struct hw_span){start, end};
	return true;
}

static uint64_t total(const struct hw_spans *e)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < e->count; i++)
		bytes += e->items[i].end - e->items[i].start;
	return bytes;
}

/* Tails that the size class adds never count as hidden. */
static bool covers(const struct hw_extent *extent, uint64_t start, uint64_t end)
{
	return start <= extent->head && end > extent->below;
}

static bool is_covered(const struct hw_spans *e, const struct hw_extent *extent)
{
	for (size_t i = 0; i < e->count && e->items[i].start <= extent->head; i++)
		if (covers(extent, e->items[i].start, e->items[i].end))
			return true;
	return false;
}

/* Views. */

/* A view that is not inside the block is none. */
static bool is_inside(hw_addr addr, uint64_t size, const struct hw_view *view)
{
	const uint64_t start = view->start - addr;

	return start <= size && view->length <= size - start;
}

bool hw_view_is_whole(hw_addr addr, uint64_t size, const struct hw_extent *extent, uint64_t value,
		      const struct hw_view *view)
{
	if (view && view->kind == HW_VIEW_WHOLE)
		return true;
	if (!view || !is_inside(addr, size, view))
		return value - addr <= extent->head;
	return covers(extent, view->start - addr, view->start - addr + view->length);
}

bool hw_seen_add(struct hw_seen *seen, hw_addr addr, uint64_t size, const struct hw_extent *extent,
		 uint64_t value, const struct hw_view *view)
{
	uint64_t start, capacity;

	if (hw_view_is_whole(addr, size, extent, value, view)) {
		seen->is_whole = true;
		return true;
	}
	if (!view || !is_inside(addr, size, view)) {
		seen->unknown++;
		return true;
	}
	seen->views[view->kind]++;
	seen->confidence = MAX(seen->confidence, view->confidence);
	start = view->start - addr;
	capacity = view->kind == HW_VIEW_SLICE ? MIN(view->capacity, size - start) : 0;
	if (capacity > view->length && start > extent->head)
		seen->has_inner_slack = true;
	return (capacity <= view->length || add(&seen->capacities, start, start + capacity)) &&
	       add(&seen->lengths, start, start + view->length);
}

static uint32_t kind_of(const struct hw_seen *seen, bool is_full)
{
	if (is_full && !seen->has_inner_slack)
		return HW_PIN_SLICE_CAP;
	if (seen->unknown)
		return HW_PIN_INTERIOR;
	if (seen->views[HW_VIEW_SLICE])
		return HW_PIN_SLICE;
	return seen->views[HW_VIEW_STRING] ? HW_PIN_STRING : HW_PIN_INTERIOR;
}

/* Bytes of capacities that are in no view: those in either, less those in views. */
static bool add_up(struct hw_seen *seen, const struct hw_extent *extent, struct hw_sight *sight,
		   bool *is_full_ret)
{
	for (size_t i = 0; i < seen->lengths.count; i++)
		if (seen->capacities.count && !add(&seen->capacities, seen->lengths.items[i].start,
						   seen->lengths.items[i].end))
			return false;
	merge(&seen->capacities);
	sight->visible = total(&seen->lengths);
	sight->slack = seen->capacities.count ? total(&seen->capacities) - sight->visible : 0;
	*is_full_ret = is_covered(&seen->capacities, extent);
	return true;
}

void hw_seen_judge(struct hw_seen *seen, const struct hw_extent *extent, struct hw_sight *ret)
{
	struct hw_sight sight = {.is_known = !seen->unknown, .confidence = seen->confidence};
	bool is_full = false;

	merge(&seen->lengths);
	sight.is_whole = seen->is_whole || is_covered(&seen->lengths, extent);
	if (!sight.is_whole && !add_up(seen, extent, &sight, &is_full))
		sight.is_known = false; /* No memory for it: no claim. */
	sight.kind = kind_of(seen, is_full && !seen->unknown);
	*ret = sight;
}

void hw_seen_clear(struct hw_seen *seen)
{
	hw_array_resize(seen->lengths.items, seen->lengths.room, 0, sizeof(*seen->lengths.items));
	hw_array_resize(seen->capacities.items, seen->capacities.room, 0,
			sizeof(*seen->capacities.items));
	*seen = (struct hw_seen){0};
}
