/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h -- the dominator tree downwards. A few questions are answered by a look at all
 * nodes; who asks often gets an index. */
#ifndef HW_GRAPH_TREE_H
#define HW_GRAPH_TREE_H
#include <stdint.h>

struct hw_tree {
	uint32_t asked;
	uint32_t nodes;
	uint32_t *first; /* First child of node i, of HW_GRAPH_TOP at nodes: in `child`. */
	uint32_t *child; /* Grouped by parent, ascending. */
};

void hw_tree_clear(struct hw_tree *tree); /* Accepts NULL. */
#endif
