/* SPDX-License-Identifier: Apache-2.0 */
/* views.h -- what all references together see of one block: the union of their views, and of
 * what slices may still grow into. Knows nothing of the graph: who refers to what is the
 * caller's business, in any order; the result does not depend on it.
 *
 * Memory: ranges that touch or overlap are merged now and then, so there are at most twice as
 * many as are apart in the end, never more than references. */
#ifndef HW_GRAPH_VIEWS_H
#define HW_GRAPH_VIEWS_H
#include "heapwalk/plugin.h"

/* Ranges of offsets in a block. */
struct hw_spans {
	struct hw_span {
		uint64_t start, end; /* start < end. */
	} * items;
	size_t count, room;
	size_t sorted; /* The first ones are disjoint and ascending. */
};

/* How a block is seen; the kinds of the JSON. */
enum hw_pin_kind {
	HW_PIN_STRING = 0,
	HW_PIN_SLICE,
	HW_PIN_SLICE_CAP, /* All that is not seen lies in the capacity of slices of its start. */
	HW_PIN_INTERIOR,
	HW_PIN_KINDS
};
extern const char *const hw_pin_kind_names[HW_PIN_KINDS];

struct hw_seen {
	struct hw_spans lengths;
	struct hw_spans capacities; /* Those of slices that are not full. */
	uint64_t views[HW_VIEW_KINDS];
	uint64_t unknown;     /* References behind the start whose length is not known. */
	bool is_whole;        /* One reference sees it all. */
	bool has_inner_slack; /* A slice that begins behind the start is not full. */
	uint32_t confidence;  /* enum hw_confidence: the worst of all views. */
};

/* What they come to. */
struct hw_sight {
	bool is_whole;       /* No pin; what follows has no meaning. */
	bool is_known;       /* visible and slack are. */
	uint64_t visible;    /* Bytes in some view. */
	uint64_t slack;      /* Bytes in some capacity, and in no view. */
	uint32_t kind;       /* enum hw_pin_kind. */
	uint32_t confidence; /* enum hw_confidence. */
};

/* Does the reference value alone make the block at addr whole? view NULL: its length is not
 * known, and at the block's start that means all of it. */
bool hw_view_is_whole(hw_addr addr, uint64_t size, const struct hw_extent *extent, uint64_t value,
		      const struct hw_view *view);
/* Adds what it sees. False: no memory. */
bool hw_seen_add(struct hw_seen *seen, hw_addr addr, uint64_t size, const struct hw_extent *extent,
		 uint64_t value, const struct hw_view *view);
void hw_seen_judge(struct hw_seen *seen, const struct hw_extent *extent, struct hw_sight *ret);
void hw_seen_clear(struct hw_seen *seen);
#endif
