/* SPDX-License-Identifier: Apache-2.0 */
/* csr.c -- a graph as arrays, and the breadth-first search over it. */
#include "graph/csr.h"
#include "base/array.h"
#include "base/progress.h"
#include "base/stop.h"
#include <string.h>

struct hw_csr *hw_csr_new(uint32_t rows, uint64_t most)
{
	struct hw_csr *csr = g_new0(struct hw_csr, 1);

	csr->rows = rows;
	csr->low = hw_array_new_huge((size_t)rows + 1, sizeof(*csr->low));
	if (!csr->low || most > SIZE_MAX / sizeof(*csr->target) ||
	    !hw_reserve_init(&csr->room, most * sizeof(*csr->target))) {
		hw_csr_free(csr);
		return NULL;
	}
	csr->target = csr->room.data;
	return csr;
}

void hw_csr_free(struct hw_csr *csr)
{
	if (!csr)
		return;
	hw_array_resize(csr->low, (size_t)csr->rows + 1, 0, sizeof(*csr->low));
	hw_array_resize(csr->carry, csr->carry_room, 0, sizeof(*csr->carry));
	hw_reserve_clear(&csr->room);
	g_free(csr);
}

bool hw_csr_set_begin(struct hw_csr *csr, uint32_t row, uint64_t begin)
{
	uint64_t offset = begin + csr->first;

	csr->low[row] = (uint32_t)offset;
	while (offset >> 32 > csr->carry_count) {
		if (!hw_array_reserve((void **)&csr->carry, &csr->carry_room, csr->carry_count,
				      sizeof(*csr->carry)))
			return false;
		csr->carry[csr->carry_count++] = row;
	}
	return true;
}

bool hw_csr_append(struct hw_csr *csr, const uint32_t *targets, size_t count)
{
	if (!hw_reserve_grow(&csr->room, (csr->edges + count) * sizeof(*csr->target)))
		return false;
	memcpy(csr->target + csr->edges, targets, count * sizeof(*targets));
	csr->edges += count;
	return true;
}

/* How far ahead in the queue a row's offset is fetched, and its targets. */
#define AHEAD_OFFSET 16
#define AHEAD_TARGET 8

static inline void meet(struct hw_reach *r, uint32_t source, uint32_t target)
{
	uint64_t bit = UINT64_C(1) << (target % 64);
	uint64_t *word = &r->reached[target / 64];

	if (*word & bit)
		return;
	*word |= bit;
	if (r->parent)
		r->parent[target] = source;
	r->queue[r->tail++] = target;
}

static inline void meet_row(struct hw_reach *r, uint32_t row)
{
	const uint32_t *at = r->csr->target + hw_csr_begin(r->csr, row);
	const uint32_t *end = r->csr->target + hw_csr_begin(r->csr, row + 1);

	for (; at < end; at++)
		meet(r, row, *at);
}

void hw_reach_row(struct hw_reach *reach, uint32_t row)
{
	meet_row(reach, row);
}

bool hw_reach_run(struct hw_reach *r, const char *what)
{
	const struct hw_csr *csr = r->csr;

	for (; r->head < r->tail; r->head++) {
		if (r->head + AHEAD_OFFSET < r->tail)
			__builtin_prefetch(&csr->low[r->queue[r->head + AHEAD_OFFSET]]);
		if (r->head + AHEAD_TARGET < r->tail)
			__builtin_prefetch(csr->target +
					   hw_csr_begin(csr, r->queue[r->head + AHEAD_TARGET]));
		meet_row(r, r->queue[r->head]);
		if ((r->head & 0xffff) == 0) {
			hw_progress(what, r->head, csr->rows);
			if (hw_stop_requested())
				return false;
		}
	}
	return true;
}
