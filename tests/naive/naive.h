/* SPDX-License-Identifier: Apache-2.0 */
/* naive.h -- the slow twin of the reference graph, over a real core: blocks as the plugin
 * streams them, words straight from the file's bytes, lookup by binary search, reachability by
 * a queue, dominators by removal. It shares with the tool only the list of blocks, the list
 * of words that are roots, and what plugins say of the words of one block.
 *
 * Nodes are numbered as in the tool: blocks by address, then roots. */
#ifndef NAIVE_H
#define NAIVE_H
#include "query/graph.h"

#define NAIVE_NONE UINT32_MAX

struct naive_load {
	hw_addr start;
	uint64_t size, offset;
	bool is_writable;
};

struct naive_block {
	hw_addr addr;
	uint64_t size;
	uint32_t header;
	uint32_t heap;
	bool is_scanned; /* Its words are references, */
	bool is_typed;   /* those that its plugin names. */
	bool is_internal;
	bool is_collected; /* Unreached it is pending, and no leak. */
	bool has_no_end;   /* A word at its end does not belong to it. */
};

struct naive_edge {
	uint32_t source; /* Node. */
	uint32_t target; /* Block; NAIVE_NONE: to nothing. */
	hw_addr slot;    /* 0: a register. */
};

struct naive {
	const struct hw_heaps *heaps;
	const uint8_t *core; /* The file; borrowed. */
	uint64_t core_size;
	GArray *loads;  /* struct naive_load, by start. */
	GArray *blocks; /* struct naive_block, by addr. */
	GArray *edges;  /* struct naive_edge, by source, then slot. */
	uint32_t nodes;
	uint32_t *first;         /* First edge of a node; nodes + 1. */
	uint32_t *queue;         /* Room for all nodes. */
	struct naive_edge extra; /* One more, when its source is not NAIVE_NONE. */
};

/* Reads everything there is; session has at least HW_DEPTH_MARK. NULL: the core's own headers
 * make no sense. */
struct naive *naive_new(struct hw_session *session, const uint8_t *core, uint64_t size);
void naive_free(struct naive *naive); /* Accepts NULL. */

static inline const struct naive_block *naive_block(const struct naive *n, uint32_t i)
{
	return &g_array_index(n->blocks, struct naive_block, i);
}
static inline const struct naive_edge *naive_edge(const struct naive *n, uint32_t i)
{
	return &g_array_index(n->edges, struct naive_edge, i);
}

/* Where in the file the 8 bytes at addr stand; UINT64_MAX: nowhere. */
uint64_t naive_offset(const struct naive *naive, hw_addr addr);
/* The block a word points into, or NAIVE_NONE. */
uint32_t naive_find(const struct naive *naive, uint64_t word);

/* seen[node] = 1 + steps from the nearest start, 0: not reached. without (NAIVE_NONE: nothing)
 * is gone. start: by node. */
void naive_reach(const struct naive *naive, const bool *start, uint32_t without, uint32_t *seen);
/* From all roots. */
void naive_reach_all(const struct naive *naive, uint32_t without, uint32_t *seen);
/* Heads of what seen leaves out: one of each structure that nothing else outside seen leads
 * to. */
uint64_t naive_heads(const struct naive *naive, const uint32_t *seen);

/* Blocks of seen, and their bytes. */
uint64_t naive_bytes(const struct naive *naive, const uint32_t *seen, uint64_t *blocks_ret);
#endif
