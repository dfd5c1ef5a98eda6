/* SPDX-License-Identifier: Apache-2.0 */
/* graph_edges.c -- references of one block, read again from the target. */
#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include "graph/csr.h"
#include "graph/edges.h"
#include "graph/graph.h"
#include "graph/table_private.h"

struct out {
	const struct hw_table *table;
	uint32_t block;
	hw_edge_fn fn;
	void *arg;
};

static bool look_at_out(void *arg, hw_addr addr, const uint64_t *words, size_t count)
{
	const struct out *out = arg;

	for (size_t i = 0; i < count; i++) {
		uint32_t target = hw_table_find(out->table, words[i], NULL);

		if (target != HW_NO_BLOCK && target != out->block &&
		    !out->fn(out->arg, addr + i * 8, words[i], target))
			return false;
	}
	return true;
}

void hw_graph_out(const struct hw_graph *graph, const struct hw_memory *memory, uint32_t block,
		  hw_edge_fn fn, void *arg)
{
	struct out out = {graph->table, block, fn, arg};

	hw_edges_block(memory, graph->table, block, look_at_out, &out);
}

bool hw_graph_refers(const struct hw_graph *graph, uint32_t node, const uint64_t *blocks)
{
	const struct hw_csr *csr = graph->csr;
	uint64_t end;

	if (!csr)
		return true;
	end = hw_csr_begin(csr, node + 1);
	for (uint64_t i = hw_csr_begin(csr, node); i < end; i++)
		if (hw_bit(blocks, csr->target[i]))
			return true;
	return false;
}

struct in {
	const struct hw_table *table;
	uint32_t block;
	uint32_t source;
	hw_addr low; /* A cheap filter: where words that resolve to the block can point. */
	uint64_t span;
	hw_in_fn fn;
	void *arg;
};

static bool look_at_in(void *arg, hw_addr addr, const uint64_t *words, size_t count)
{
	const struct in *in = arg;

	for (size_t i = 0; i < count; i++)
		if (words[i] - in->low < in->span &&
		    hw_table_find(in->table, words[i], NULL) == in->block &&
		    !in->fn(in->arg, in->source, addr + i * 8, words[i]))
			return false;
	return true;
}

bool hw_graph_in(const struct hw_graph *graph, const struct hw_memory *memory, uint32_t block,
		 hw_in_fn fn, void *arg, GError **error)
{
	const struct hw_table *t = graph->table;
	struct in in = {.table = t, .block = block, .fn = fn, .arg = arg};
	uint64_t done = 0;

	in.low = hw_table_addr(t, block);
	in.span = hw_table_size(t, block) + 16;
	for (uint32_t p = 0; p < t->piece_count; p++) {
		const struct hw_piece *piece = &t->pieces[p];
		uint32_t end = piece->first + hw_piece_size(t, p);

		if (t->classes[piece->class].flags & (HW_BLOCK_INTERNAL | HW_BLOCK_NOPOINTERS))
			continue;
		hw_progress("looking for references", done, t->bytes);
		if (hw_stop_requested()) {
			g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
			return false;
		}
		for (in.source = piece->first; in.source < end; in.source++) {
			done += hw_table_size_inline(t, in.source);
			if (in.source != block &&
			    !hw_edges_block(memory, t, in.source, look_at_in, &in)) {
				hw_progress_end();
				return true;
			}
		}
	}
	hw_progress_end();
	return true;
}
