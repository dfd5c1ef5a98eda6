/* SPDX-License-Identifier: Apache-2.0 */
/* domtree.h -- the dominator tree from above: outermost ancestors, and children lists for
 * walks through all of it. Needs HW_DEPTH_DOMINATORS. */
#ifndef HW_QUERY_DOMTREE_H
#define HW_QUERY_DOMTREE_H
#include "query/graph.h"

/* By block: the node right below the top that dominates it, itself when it is outermost;
 * HW_NO_BLOCK for blocks not reached. graph->blocks items; free with hw_domtree_free().
 * NULL when there is no room, or no block. */
uint32_t *hw_domtree_outermost(const struct hw_graph *graph);
void hw_domtree_free(const struct hw_graph *graph, uint32_t *list);

/* Links for a walk: first[node] and next[node], HW_NO_BLOCK for none; siblings by node.
 * Roots and reached blocks only. */
struct hw_domtree_links {
	uint32_t *first, *next;
	uint32_t top; /* First of the outermost. */
	uint32_t nodes;
};
bool hw_domtree_link(const struct hw_graph *graph, struct hw_domtree_links *ret);
void hw_domtree_unlink(struct hw_domtree_links *links);
#endif
