/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h -- the dominator tree from the top, from one block, or from all blocks of a
 * type. */
#ifndef HW_QUERY_TREE_H
#define HW_QUERY_TREE_H
#include "query/spot.h"

struct hw_tree_request {
	bool is_address;
	hw_addr addr;
	const char *type; /* As people name it (query/named.h), or NULL. */
	uint32_t depth;   /* Levels below the first. */
	bool has_min;
	uint64_t min;   /* Smallest retained size shown; else 1 % of the bytes reached. */
	uint32_t limit; /* Children shown of each node. */
	/* From the top: what containers are made of is left out, its children are the container's,
	 * and children of a type stand together. */
	bool is_merged;
};

struct hw_tree_node {
	uint32_t node; /* Block id, or blocks + root: as in the graph. */
	uint32_t depth;
	uint64_t shallow; /* Own bytes; a root's lie outside the heaps. */
	uint64_t retained;
	uint64_t children;     /* All of them; those shown follow it. */
	uint64_t count;        /* Nodes that stand together here; node is the largest. */
	bool is_container;     /* Parts of it were left out; its own bytes have theirs. */
	uint64_t hidden;       /* Children that are not shown, and */
	uint64_t hidden_bytes; /* what they retain. */
};

struct hw_tree_view {
	struct hw_spot spot; /* When asked for an address. */
	/* When asked for a type: all its reached blocks, and what goes when all go. */
	uint64_t blocks, shallow, retained;
	GArray *types; /* struct hw_named: of these. */
	uint64_t reached_blocks, reached_bytes;
	uint64_t min;
	GArray *nodes;                 /* struct hw_tree_node: each before its children. */
	uint64_t hidden, hidden_bytes; /* Of the first level. */
	bool is_cut;                   /* Too many nodes: the rest is left out. */
};

struct hw_domtree_links;
/* Fills nodes, hidden, hidden_bytes and is_cut of a tree that is merged. */
void hw_tree_merged(struct hw_session *session, const struct hw_tree_request *request,
		    const struct hw_domtree_links *links, struct hw_tree_view *tree);

struct hw_tree_view *hw_tree_view_query(struct hw_session *session,
					const struct hw_tree_request *request, GError **error);
#define HW_TREE_NODES_MOST 100000
void hw_tree_view_free(struct hw_tree_view *tree); /* Accepts NULL. */
#endif
