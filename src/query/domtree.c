/* SPDX-License-Identifier: Apache-2.0 */
/* Walks over the dominator tree that cost the same for every shape. */
#include "query/domtree.h"
#include "base/array.h"
#include <string.h>

uint32_t *hw_domtree_outermost(const struct hw_graph *g)
{
	uint32_t *list = hw_array_resize(NULL, 0, g->blocks, sizeof(*list));

	if (!list)
		return NULL;
	memset(list, 0xff, g->blocks * sizeof(*list));
	for (uint32_t b = 0; b < g->blocks; b++) {
		uint32_t node = b, above, found;

		if (!hw_graph_is_reached(g, b))
			continue;
		/* Up to the outermost or to one that knows; then down the same way. */
		while (node < g->blocks && list[node] == HW_NO_BLOCK &&
		       g->idom[node] != HW_GRAPH_TOP)
			node = g->idom[node];
		found = node < g->blocks && list[node] != HW_NO_BLOCK ? list[node] : node;
		for (node = b; node < g->blocks && list[node] == HW_NO_BLOCK; node = above) {
			above = g->idom[node];
			list[node] = found;
			if (above == HW_GRAPH_TOP)
				break;
		}
	}
	return list;
}

void hw_domtree_free(const struct hw_graph *g, uint32_t *list)
{
	hw_array_resize(list, list ? g->blocks : 0, 0, sizeof(*list));
}

bool hw_domtree_link(const struct hw_graph *g, struct hw_domtree_links *ret)
{
	struct hw_domtree_links l = {.top = HW_NO_BLOCK, .nodes = g->nodes};

	l.first = hw_array_resize(NULL, 0, (size_t)g->nodes + 1, sizeof(*l.first));
	l.next = hw_array_resize(NULL, 0, (size_t)g->nodes + 1, sizeof(*l.next));
	if (!l.first || !l.next) {
		hw_domtree_unlink(&l);
		return false;
	}
	memset(l.first, 0xff, g->nodes * sizeof(*l.first));
	memset(l.next, 0xff, g->nodes * sizeof(*l.next));
	for (uint32_t node = g->nodes; node-- > 0;) {
		uint32_t *list;

		if (node < g->blocks && !hw_graph_is_reached(g, node))
			continue;
		list = g->idom[node] == HW_GRAPH_TOP ? &l.top : &l.first[g->idom[node]];
		l.next[node] = *list;
		*list = node;
	}
	*ret = l;
	return true;
}

void hw_domtree_unlink(struct hw_domtree_links *l)
{
	hw_array_resize(l->next, l->next ? (size_t)l->nodes + 1 : 0, 0, sizeof(*l->next));
	hw_array_resize(l->first, l->first ? (size_t)l->nodes + 1 : 0, 0, sizeof(*l->first));
	*l = (struct hw_domtree_links){0};
}
