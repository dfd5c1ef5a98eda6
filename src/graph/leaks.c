/* SPDX-License-Identifier: Apache-2.0 */
/* leaks.c -- unreached blocks: the heads of leaked structures, and what each would free.
 *
 * Heads without a search for strongly connected components: unreached blocks are tried in
 * ascending order, and everything one of them leads to is marked; those not marked when
 * their turn came are candidates. Whatever reaches a candidate from outside its component
 * was itself first met from a later candidate (an earlier one would have marked it), so
 * the candidates are tried again in descending order with all marks cleared: those still
 * unmarked then are one per source component. It is the component's lowest block, since
 * nothing outside leads into it. */
#include "graph/leaks.h"
#include "base/array.h"
#include "base/error.h"
#include "base/stop.h"
#include "graph/edges.h"
#include "graph/graph.h"
#include "graph/table_private.h"
#include <string.h>

static bool lead_from(struct hw_reach *reach, uint32_t row)
{
	reach->head = reach->tail = 0;
	reach->reached[row / 64] |= UINT64_C(1) << (row % 64);
	hw_reach_row(reach, row);
	return hw_reach_run(reach, "looking for leaked structures");
}

static bool find_candidates(struct hw_reach *reach, uint32_t rows, uint32_t **list, uint32_t *count,
			    size_t *room)
{
	for (uint32_t row = 0; row < rows; row++) {
		if (row % 64 == 0 && reach->reached[row / 64] == UINT64_MAX) {
			row += 63;
			continue;
		}
		if (hw_bit(reach->reached, row))
			continue;
		if (!hw_array_reserve((void **)list, room, *count, sizeof(**list)))
			return false;
		(*list)[(*count)++] = row;
		if (!lead_from(reach, row) || ((*count & 0xffff) == 0 && hw_stop_requested()))
			return false;
	}
	return true;
}

/* Keeps the candidates that no later one leads to; the list stays ascending. */
static bool keep_heads(struct hw_reach *reach, uint32_t *list, uint32_t *count)
{
	uint32_t kept = *count;

	for (uint32_t i = *count; i-- > 0;) {
		if (hw_bit(reach->reached, list[i]))
			continue;
		if (!lead_from(reach, list[i]))
			return false;
		list[--kept] = list[i];
	}
	*count -= kept;
	if (*count)
		memmove(list, list + kept, *count * sizeof(*list));
	return true;
}

bool hw_leaks_heads(const struct hw_csr *csr, uint32_t rows, const uint64_t *reached,
		    uint32_t **heads_ret, uint32_t *count_ret, size_t *room_ret)
{
	size_t words = ((size_t)rows + 63) / 64 + 1;
	struct hw_reach reach = {.csr = csr};
	bool ok;

	*heads_ret = NULL;
	*count_ret = 0;
	*room_ret = 0;
	reach.reached = hw_array_resize(NULL, 0, words, sizeof(*reach.reached));
	reach.queue = hw_array_new_huge((size_t)rows + 1, sizeof(*reach.queue));
	ok = reach.reached && reach.queue;
	if (ok) {
		memcpy(reach.reached, reached, (words - 1) * sizeof(*reached));
		ok = find_candidates(&reach, rows, heads_ret, count_ret, room_ret);
	}
	if (ok) {
		memcpy(reach.reached, reached, (words - 1) * sizeof(*reached));
		ok = keep_heads(&reach, *heads_ret, count_ret);
	}
	hw_array_resize(reach.reached, words, 0, sizeof(*reach.reached));
	hw_array_resize(reach.queue, (size_t)rows + 1, 0, sizeof(*reach.queue));
	return ok;
}

void hw_leaks_free(struct hw_leaks *leaks)
{
	if (!leaks)
		return;
	hw_array_resize(leaks->heads, leaks->head_room, 0, sizeof(*leaks->heads));
	hw_array_resize(leaks->head_bytes, leaks->head_count, 0, sizeof(*leaks->head_bytes));
	g_free(leaks);
}

/* What each head dominates among the unreached, in bytes. */
static bool add_up_heads(const struct hw_graph *g, struct hw_leaks *leaks,
			 const struct hw_dominators *d)
{
	uint64_t *size = hw_array_resize(NULL, 0, d->count, sizeof(*size));
	uint32_t head = 0;

	if (!size)
		return false;
	for (uint32_t v = 1; v < d->count; v++)
		size[v] = hw_table_size_inline(g->table, d->order[v]);
	hw_dominators_sum(d, size);
	/* Heads were searched from in order, and no head is met from another one. */
	for (uint32_t v = 1; v < d->count && head < leaks->head_count; v++)
		if (d->order[v] == leaks->heads[head])
			leaks->head_bytes[head++] = size[v];
	g_assert(head == leaks->head_count && size[0] == leaks->bytes);
	hw_array_resize(size, d->count, 0, sizeof(*size));
	return true;
}

static bool weigh_heads(const struct hw_graph *g, struct hw_csr *csr, struct hw_leaks *leaks,
			GError **error)
{
	const struct hw_search search = {
	    .csr = &csr,
	    .starts = leaks->heads,
	    .start_count = leaks->head_count,
	    .exclude = g->reached,
	    .exclude_rows = g->blocks,
	    .most = (uint32_t)leaks->blocks,
	    .what = "weighing leaked structures",
	};
	struct hw_dominators *d;
	bool ok;

	if (!leaks->head_count)
		return true;
	leaks->head_bytes = hw_array_resize(NULL, 0, leaks->head_count, sizeof(*leaks->head_bytes));
	d = leaks->head_bytes ? hw_dominators_new(&search, error) : NULL;
	ok = d && add_up_heads(g, leaks, d);
	if (!ok && error && !*error)
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL,
			    "no memory for %u leaked structures", leaks->head_count);
	hw_dominators_free(d);
	return ok;
}

static bool find_leaks(const struct hw_graph *g, struct hw_csr *csr, struct hw_leaks *leaks,
		       GError **error)
{
	leaks->blocks = g->blocks - g->reached_blocks;
	leaks->bytes = hw_table_bytes(g->table) - g->reached_bytes;
	if (!leaks->blocks)
		return true;
	if (!hw_leaks_heads(csr, g->blocks, g->reached, &leaks->heads, &leaks->head_count,
			    &leaks->head_room)) {
		if (hw_stop_requested())
			g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
		else
			g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL,
				    "no memory for %" G_GUINT64_FORMAT " leaked blocks",
				    leaks->blocks);
		return false;
	}
	return weigh_heads(g, csr, leaks, error);
}

struct hw_leaks *hw_graph_leaks(const struct hw_graph *graph, const struct hw_memory *memory,
				struct hw_notes *notes, GError **error)
{
	struct hw_leaks *leaks = g_new0(struct hw_leaks, 1);
	struct hw_csr *own = NULL;
	bool ok;

	/* Dominators have used the references up: read them again. */
	if (!graph->csr)
		own = hw_edges_new(memory, graph->table, NULL, graph->threads, notes, error);
	ok = (graph->csr || own) && find_leaks(graph, own ? own : graph->csr, leaks, error);
	hw_csr_free(own);
	if (!ok) {
		hw_leaks_free(leaks);
		return NULL;
	}
	return leaks;
}
