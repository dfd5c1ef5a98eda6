/* SPDX-License-Identifier: Apache-2.0 */
/* graph.c -- builds the graph up to the level asked for: references, reachability with or
 * without paths, dominators and retained sizes. The arrays are csr.h's; here blocks and roots
 * get their numbers in them. */
#include "graph/graph.h"
#include "base/array.h"
#include "base/error.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/stop.h"
#include "graph/edges.h"
#include "graph/table_private.h"
#include "graph/tree.h"

#define MARKING "marking what the roots reach"

static bool fail_memory(const struct hw_graph *graph, GError **error)
{
	if (hw_stop_requested())
		g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
	else
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL,
			    "no memory for the graph of %u blocks and roots", graph->nodes);
	return false;
}

static void add_up_reached(struct hw_graph *g)
{
	for (uint32_t word = 0; word < (g->blocks + 63) / 64; word++) {
		for (uint64_t bits = g->reached[word]; bits; bits &= bits - 1) {
			g->reached_blocks++;
			g->reached_bytes += hw_table_size_inline(
			    g->table, word * 64 + (uint32_t)__builtin_ctzll(bits));
		}
	}
}

/* Roots in their order, then breadth first: the same paths every time. */
static bool find_paths(struct hw_graph *g)
{
	struct hw_reach reach = {.csr = g->csr, .reached = g->reached};
	bool ok;

	g->parent = hw_array_new_huge((size_t)g->nodes + 1, sizeof(*g->parent));
	reach.queue = hw_array_new_huge((size_t)g->blocks + 1, sizeof(*reach.queue));
	reach.parent = g->parent;
	ok = reach.queue && g->parent;
	for (uint32_t r = g->blocks; ok && r < g->nodes; r++)
		hw_reach_row(&reach, r);
	ok = ok && hw_reach_run(&reach, MARKING);
	hw_array_resize(reach.queue, (size_t)g->blocks + 1, 0, sizeof(*reach.queue));
	for (uint32_t r = g->blocks; ok && r < g->nodes; r++)
		g->parent[r] = HW_GRAPH_TOP;
	return ok;
}

static bool mark(struct hw_graph *g, bool with_paths, GError **error)
{
	size_t words = ((size_t)g->blocks + 63) / 64 + 1;
	bool ok;

	hw_progress(MARKING, 0, g->blocks);
	g->reached = hw_array_new_huge(words, sizeof(*g->reached));
	ok = g->reached && (with_paths ? find_paths(g)
				       : hw_csr_mark(g->csr, g->blocks, g->nodes, g->reached,
						     hw_pool_threads(g->threads), MARKING));
	if (!ok)
		return fail_memory(g, error);
	add_up_reached(g);
	hw_progress_end();
	return true;
}

bool hw_graph_without(struct hw_graph *g, const uint64_t *removed, uint64_t *blocks_ret,
		      uint64_t *bytes_ret, GError **error)
{
	const size_t words = ((size_t)g->blocks + 63) / 64 + 1;
	uint64_t *reached = hw_array_new_huge(words, sizeof(*reached));
	bool ok;

	if (reached)
		memcpy(reached, removed, (words - 1) * sizeof(*reached));
	/* What has a bit is not entered. */
	ok = reached && hw_csr_mark(g->csr, g->blocks, g->nodes, reached,
				    hw_pool_threads(g->threads), MARKING);
	*blocks_ret = *bytes_ret = 0;
	for (uint32_t b = 0; ok && b < g->blocks; b++) {
		if (!hw_graph_is_reached(g, b) ||
		    ((reached[b / 64] & ~removed[b / 64]) >> (b % 64) & 1))
			continue;
		++*blocks_ret;
		*bytes_ret += hw_table_size_inline(g->table, b);
	}
	if (reached)
		hw_array_resize(reached, words, 0, sizeof(*reached));
	return ok || fail_memory(g, error);
}

/* The sizes of the nodes by number; roots have none. */
static uint64_t *gather_sizes(const struct hw_graph *g, const struct hw_dominators *d)
{
	uint64_t *size = hw_array_new_huge(d->count, sizeof(*size));

	for (uint32_t v = 1; size && v < d->count; v++) {
		uint32_t node = d->order[v];

		if (v + 32 < d->count && d->order[v + 32] < g->blocks)
			__builtin_prefetch(&g->table->size[d->order[v + 32]]);
		size[v] = node < g->blocks ? hw_table_size_inline(g->table, node) : 0;
	}
	return size;
}

/* What has a dominator is reached: no second walk is needed. */
static bool take_reached(struct hw_graph *g, const struct hw_dominators *d)
{
	if (g->reached)
		return true;
	g->reached = hw_array_new_huge(((size_t)g->blocks + 63) / 64 + 1, sizeof(*g->reached));
	for (uint32_t v = 1; g->reached && v < d->count; v++)
		if (d->order[v] < g->blocks)
			g->reached[d->order[v] / 64] |= UINT64_C(1) << (d->order[v] % 64);
	if (g->reached)
		add_up_reached(g);
	return g->reached;
}

static bool take_dominators(struct hw_graph *g, const struct hw_dominators *d)
{
	uint64_t *size = gather_sizes(g, d);

	if (!size)
		return false;
	hw_dominators_sum(d, size);
	g->idom = hw_array_new_huge((size_t)g->nodes + 1, sizeof(*g->idom));
	g->retained = hw_array_new_huge((size_t)g->nodes + 1, sizeof(*g->retained));
	for (uint32_t i = 0; g->idom && i < g->nodes; i++)
		g->idom[i] = HW_GRAPH_TOP;
	for (uint32_t v = 1; g->idom && g->retained && v < d->count; v++) {
		g->idom[d->order[v]] = d->order[d->idom[v]];
		g->retained[d->order[v]] = size[v];
	}
	g_assert(size[0] == g->reached_bytes); /* Every reached byte is in one place. */
	hw_array_resize(size, d->count, 0, sizeof(*size));
	return g->idom && g->retained;
}

static bool find_dominators(struct hw_graph *g, GError **error)
{
	const struct hw_search search = {
	    .csr = &g->csr,
	    .is_last = true,
	    .start_first = g->blocks,
	    .start_count = g->nodes - g->blocks,
	    .most = g->reached ? (uint32_t)(g->reached_blocks + (g->nodes - g->blocks)) : g->nodes,
	    .what = "finding dominators",
	};
	struct hw_dominators *d = hw_dominators_new(&search, error);
	bool ok;

	if (!d)
		return false;
	ok = (take_reached(g, d) && take_dominators(g, d)) || fail_memory(g, error);
	hw_dominators_free(d);
	return ok;
}

static bool build(struct hw_graph *g, const struct hw_memory *memory,
		  const struct hw_graph_options *options, struct hw_notes *notes, GError **error)
{
	g->csr = hw_edges_new(memory, g->table, g->roots, options->threads, notes, error);
	if (!g->csr)
		return false;
	g->edges = g->csr->edges;
	if (options->level != HW_GRAPH_DOMINATORS &&
	    !mark(g, options->level != HW_GRAPH_MARK, error))
		return false;
	return options->level < HW_GRAPH_DOMINATORS || find_dominators(g, error);
}

struct hw_graph *hw_graph_new(const struct hw_memory *memory, const struct hw_table *table,
			      const struct hw_roots *roots, const struct hw_graph_options *options,
			      struct hw_notes *notes, GError **error)
{
	struct hw_graph *g = g_new0(struct hw_graph, 1);

	g->table = table;
	g->roots = roots;
	g->blocks = hw_table_count(table);
	g->nodes = g->blocks + roots->count; /* hw_edges_new() refuses too many. */
	g->threads = options->threads;
	g->tree = g_new0(struct hw_tree, 1);
	if (!build(g, memory, options, notes, error)) {
		hw_graph_free(g);
		return NULL;
	}
	return g;
}

void hw_graph_free(struct hw_graph *g)
{
	if (!g)
		return;
	hw_csr_free(g->csr);
	hw_tree_clear(g->tree);
	g_free(g->tree);
	hw_array_resize(g->reached, ((size_t)g->blocks + 63) / 64 + 1, 0, sizeof(*g->reached));
	hw_array_resize(g->parent, (size_t)g->nodes + 1, 0, sizeof(*g->parent));
	hw_array_resize(g->idom, (size_t)g->nodes + 1, 0, sizeof(*g->idom));
	hw_array_resize(g->retained, (size_t)g->nodes + 1, 0, sizeof(*g->retained));
	g_free(g);
}
