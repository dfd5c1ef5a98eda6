/* SPDX-License-Identifier: Apache-2.0 */
/* graph.h -- references between live blocks, from all roots at once: reachability,
 * dominators, retained sizes.
 *
 * Nodes: block ids 0 to blocks - 1, then root nodes: node = blocks + index into
 * roots->nodes. A virtual node above all roots is HW_GRAPH_TOP. Edges are CSR arrays;
 * offsets never wrap at 2^32 edges. Results do not depend on the number of threads. */
#ifndef HW_GRAPH_GRAPH_H
#define HW_GRAPH_GRAPH_H
#include "graph/roots.h"
#include "graph/table.h"

#define HW_GRAPH_TOP UINT32_MAX

enum hw_graph_level {
	HW_GRAPH_MARK = 1,   /* Reachability only: what `leaks` needs. */
	HW_GRAPH_PATHS,      /* And a shortest path to every block: `why`. */
	HW_GRAPH_DOMINATORS, /* Dominators and retained sizes, no paths: `roots`, `tree`. */
	HW_GRAPH_ALL,        /* Both. */
};

struct hw_graph_options {
	enum hw_graph_level level;
	uint32_t threads; /* 0: as many as there are processors. */
};

struct hw_graph {
	const struct hw_table *table;
	const struct hw_roots *roots;
	uint32_t blocks;
	uint32_t nodes; /* Blocks and roots. */
	uint64_t edges;
	uint64_t reached_blocks, reached_bytes;
	/* Arrays by node; NULL where the level asked for has none. */
	uint64_t *reached;    /* Bit set, by block. */
	uint32_t *parent;     /* Shortest path towards a root: node, HW_GRAPH_TOP for roots,
			       * HW_NO_BLOCK == not reached is told by the bit set. */
	uint32_t *idom;       /* Immediate dominator: node or HW_GRAPH_TOP. */
	uint64_t *retained;   /* Bytes, own size included; roots: what they alone hold. */
	struct hw_csr *csr;   /* Kept up to HW_GRAPH_PATHS; freed for dominators: NULL. */
	struct hw_tree *tree; /* Index of the dominator tree, made when asked for often. Private. */
	uint32_t threads;
};

struct hw_graph *hw_graph_new(const struct hw_memory *memory, const struct hw_table *table,
			      const struct hw_roots *roots, const struct hw_graph_options *options,
			      struct hw_notes *notes, GError **error);
void hw_graph_free(struct hw_graph *graph); /* Accepts NULL. */

static inline bool hw_graph_is_reached(const struct hw_graph *g, uint32_t block)
{
	return (g->reached[block / 64] >> (block % 64)) & 1;
}

/* Blocks and bytes that the roots would not reach without the blocks that have a bit in removed,
 * these included. Needs the edges: up to HW_GRAPH_PATHS. Takes a bit for each block. */
bool hw_graph_without(struct hw_graph *graph, const uint64_t *removed, uint64_t *blocks_ret,
		      uint64_t *bytes_ret, GError **error);

/* Every word of the block that points into a live block, from the target's memory: slot
 * address, value, target block. false of fn stops. */
typedef bool (*hw_edge_fn)(void *arg, hw_addr slot, uint64_t value, uint32_t target);
void hw_graph_out(const struct hw_graph *graph, const struct hw_memory *memory, uint32_t block,
		  hw_edge_fn fn, void *arg);
/* Does a block or root refer to one of the blocks that have a bit? By the edges alone: up to
 * HW_GRAPH_PATHS. */
bool hw_graph_refers(const struct hw_graph *graph, uint32_t node, const uint64_t *blocks);
/* Blocks that point at a block: one rescan of all live blocks, by source. */
typedef bool (*hw_in_fn)(void *arg, uint32_t source, hw_addr slot, uint64_t value);
bool hw_graph_in(const struct hw_graph *graph, const struct hw_memory *memory, uint32_t block,
		 hw_in_fn fn, void *arg, GError **error);

/* The dominator tree downwards: children of a node (HW_GRAPH_TOP: the outermost), by
 * retained size, largest first, then by node; at most limit. Returns how many there are in
 * all; list is g_free()d by the caller. Needs HW_GRAPH_DOMINATORS. */
uint32_t hw_graph_children(const struct hw_graph *graph, uint32_t node, uint32_t limit,
			   uint32_t **list_ret, uint32_t *listed_ret);

/* What no root reaches, without the allocator's own blocks; in heaps with a collector that is
 * pending, and in none of the rest. Heads are blocks no other
 * unreached block points to, and one block (the lowest) of each cycle that is reached from no
 * other unreached block. head_bytes[i]: freed with heads[i] (what only it keeps). */
struct hw_leaks {
	uint64_t blocks, bytes;
	uint64_t pending_blocks, pending_bytes;
	uint32_t *heads; /* Ids, ascending. */
	uint64_t *head_bytes;
	uint32_t head_count;
	/* Private. */
	size_t head_room;
	uint32_t rows;
	uint64_t *held; /* As graph->reached; the allocator's own blocks count as reached. */
	struct hw_keepers *keepers;
};
struct hw_leaks *hw_graph_leaks(const struct hw_graph *graph, const struct hw_memory *memory,
				struct hw_notes *notes, GError **error);
void hw_leaks_free(struct hw_leaks *leaks);
/* Of a leaked block: 1 + index of the only head that keeps it, or HW_LEAK_SHARED (leaks.h) when
 * several do. Of others: 0. */
uint32_t hw_leaks_head(const struct hw_leaks *leaks, uint32_t block);
#endif
