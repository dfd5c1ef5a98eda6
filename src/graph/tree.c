/* SPDX-License-Identifier: Apache-2.0 */
/* tree.c -- children in the dominator tree, largest first. */
#include "graph/tree.h"
#include "base/array.h"
#include "graph/graph.h"
#include <stdlib.h>

#define ASKED_OFTEN 8

void hw_tree_clear(struct hw_tree *tree)
{
	if (!tree)
		return;
	hw_array_resize(tree->first, (size_t)tree->nodes + 2, 0, sizeof(*tree->first));
	hw_array_resize(tree->child, (size_t)tree->nodes + 1, 0, sizeof(*tree->child));
	*tree = (struct hw_tree){0};
}

static bool is_in_tree(const struct hw_graph *g, uint32_t node)
{
	return node >= g->blocks || hw_graph_is_reached(g, node);
}

static uint32_t slot_of(const struct hw_graph *g, uint32_t node)
{
	return node == HW_GRAPH_TOP ? g->nodes : node;
}

/* Count, prefix sum, fill. Without memory there is no index, and every question is
 * answered the slow way. */
static void make_index(const struct hw_graph *g, struct hw_tree *tree)
{
	uint32_t sum = 0;

	tree->nodes = g->nodes;
	tree->first = hw_array_new_huge((size_t)g->nodes + 2, sizeof(*tree->first));
	tree->child = hw_array_new_huge((size_t)g->nodes + 1, sizeof(*tree->child));
	if (!tree->first || !tree->child) {
		hw_tree_clear(tree);
		return;
	}
	for (uint32_t i = 0; i < g->nodes; i++)
		if (is_in_tree(g, i))
			tree->first[slot_of(g, g->idom[i])]++;
	for (uint32_t i = 0; i <= g->nodes; i++) {
		sum += tree->first[i];
		tree->first[i] = sum;
	}
	tree->first[g->nodes + 1] = sum;
	for (uint32_t i = g->nodes; i-- > 0;)
		if (is_in_tree(g, i))
			tree->child[--tree->first[slot_of(g, g->idom[i])]] = i;
}

struct top {
	const struct hw_graph *graph;
	uint32_t *list; /* A heap with the least one on top. */
	uint32_t count, limit;
	uint32_t total;
};

/* Is a shown before b? */
static bool is_before(const struct hw_graph *g, uint32_t a, uint32_t b)
{
	return g->retained[a] != g->retained[b] ? g->retained[a] > g->retained[b] : a < b;
}

static void swap(uint32_t *a, uint32_t *b)
{
	uint32_t kept = *a;

	*a = *b;
	*b = kept;
}

static void sift_down(struct top *top, uint32_t count)
{
	for (uint32_t at = 0, child; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count &&
		    is_before(top->graph, top->list[child], top->list[child + 1]))
			child++;
		if (is_before(top->graph, top->list[child], top->list[at]))
			break;
		swap(&top->list[at], &top->list[child]);
	}
}

static void take(struct top *top, uint32_t node)
{
	top->total++;
	if (top->count < top->limit) {
		uint32_t at = top->count++;

		top->list[at] = node;
		for (; at && is_before(top->graph, top->list[(at - 1) / 2], top->list[at]);
		     at = (at - 1) / 2)
			swap(&top->list[at], &top->list[(at - 1) / 2]);
	} else if (top->limit && is_before(top->graph, node, top->list[0])) {
		top->list[0] = node;
		sift_down(top, top->count);
	}
}

static void take_children(struct top *top, uint32_t node)
{
	const struct hw_graph *g = top->graph;
	const struct hw_tree *tree = g->tree;

	if (tree->first) {
		uint32_t slot = slot_of(g, node);

		for (uint32_t i = tree->first[slot]; i < tree->first[slot + 1]; i++)
			take(top, tree->child[i]);
		return;
	}
	for (uint32_t i = 0; i < g->nodes; i++)
		if (g->idom[i] == node && is_in_tree(g, i))
			take(top, i);
}

uint32_t hw_graph_children(const struct hw_graph *g, uint32_t node, uint32_t limit,
			   uint32_t **list_ret, uint32_t *listed_ret)
{
	struct top top = {.graph = g};

	if (++g->tree->asked == ASKED_OFTEN)
		make_index(g, g->tree);
	top.limit = MIN(limit, g->nodes);
	top.list = g_try_new0(uint32_t, (gsize)top.limit + 1);
	if (!top.list)
		top.limit = 0;
	take_children(&top, node);
	for (uint32_t n = top.count; n > 1; n--) { /* Heap sort: the least goes last. */
		swap(&top.list[0], &top.list[n - 1]);
		sift_down(&top, n - 1);
	}
	*list_ret = top.list;
	*listed_ret = top.count;
	return top.total;
}
