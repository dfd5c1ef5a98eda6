/* SPDX-License-Identifier: Apache-2.0 */
/* path.h -- one chain of references from a root to a block, shared by why and pins. */
#ifndef HW_QUERY_PATH_H
#define HW_QUERY_PATH_H
#include "query/graph.h"

#define HW_PATH_ENDS 24 /* Steps kept at each end of a long path. */

/* A root or a block, and the word in it that refers to the next step. */
struct hw_step {
	uint32_t node; /* Block id, or blocks + root: as in the graph. */
	bool has_slot; /* The word was found; never for the last step. */
	hw_addr slot;  /* Its address; 0: a register. */
	uint64_t into; /* How far inside the next block it points. */
};

struct hw_path {
	uint64_t length;  /* Steps in all: root and target included. */
	uint64_t omitted; /* Steps left out after the first HW_PATH_ENDS. */
	uint32_t count;
	struct hw_step steps[2 * HW_PATH_ENDS];
};

/* A shortest path to a reached block by the graph's parents (HW_DEPTH_PATHS). */
void hw_path_find(const struct hw_session *session, uint32_t block, struct hw_path *ret);

/* The root at the end of a reached block's path. memo has an item for each block,
 * HW_NO_BLOCK at first: however long the paths, every block is walked over once. */
uint32_t hw_path_root(const struct hw_graph *graph, uint32_t *memo, uint32_t block);

/* Keeps the ends of a path whose nodes come one by one, the root first. */
void hw_path_init(struct hw_path *path);
void hw_path_add(struct hw_path *path, uint32_t node);
/* After the last: finds the words. */
void hw_path_finish(const struct hw_session *session, struct hw_path *path);
#endif
