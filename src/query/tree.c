/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the part of the dominator tree that is large enough to be shown. */
#include "query/tree.h"
#include "base/array.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include "query/domtree.h"
#include "query/named.h"
#include "query/without.h"

void hw_tree_view_free(struct hw_tree_view *t)
{
	if (!t)
		return;
	g_array_unref(t->nodes);
	g_array_unref(t->types);
	g_free(t);
}

struct walk {
	struct hw_session *session;
	const struct hw_tree_request *request;
	struct hw_tree_view *tree;
	struct hw_domtree_links links;
	GArray *stack; /* struct hw_tree_node still to be shown, the next one last. */
};

static gint by_retained(gconstpointer a, gconstpointer b)
{
	const struct hw_tree_node *x = a, *y = b;

	if (x->retained != y->retained)
		return x->retained < y->retained ? 1 : -1;
	return x->node < y->node ? -1 : x->node > y->node;
}

/* The largest of many, in few places. */
struct largest {
	GArray *nodes;
	uint32_t limit;
	uint64_t all, all_bytes; /* Offered; what they retain. */
};

static void offer(struct largest *l, const struct hw_tree_node *node, uint64_t min)
{
	l->all++;
	l->all_bytes += node->retained;
	if (node->retained < min)
		return;
	g_array_append_val(l->nodes, *node);
	if (l->nodes->len < 2 * (guint64)l->limit + 1000)
		return;
	g_array_sort(l->nodes, by_retained);
	g_array_set_size(l->nodes, l->limit);
}

static struct hw_tree_node make_node(const struct walk *w, uint32_t node, uint32_t depth)
{
	const struct hw_session *s = w->session;
	const uint32_t blocks = s->graph->blocks;
	struct hw_tree_node n = {.node = node, .depth = depth, .count = 1};

	n.shallow =
	    node < blocks ? hw_table_size(s->table, node) : s->roots->nodes[node - blocks].size;
	n.retained = s->graph->retained[node];
	return n;
}

/* Puts the chosen ones on the stack, the largest on top; tells of the others. */
static void push_largest(struct walk *w, struct largest *l, uint64_t *hidden_ret,
			 uint64_t *hidden_bytes_ret)
{
	uint64_t shown_bytes = 0;

	g_array_sort(l->nodes, by_retained);
	if (l->nodes->len > l->limit)
		g_array_set_size(l->nodes, l->limit);
	for (guint i = l->nodes->len; i-- > 0;) {
		const struct hw_tree_node *n = &g_array_index(l->nodes, struct hw_tree_node, i);

		shown_bytes += n->retained;
		g_array_append_val(w->stack, *n);
	}
	*hidden_ret = l->all - l->nodes->len;
	*hidden_bytes_ret = l->all_bytes - shown_bytes;
}

/* List: links.top, or first[] of a node. */
static uint64_t push_children(struct walk *w, uint32_t list, uint32_t depth, uint64_t *hidden_ret,
			      uint64_t *hidden_bytes_ret)
{
	const bool is_deep = depth > w->request->depth;
	struct largest l = {.limit = w->request->limit};

	l.nodes = g_array_new(FALSE, FALSE, sizeof(struct hw_tree_node));
	for (uint32_t n = list; n != HW_NO_BLOCK; n = w->links.next[n]) {
		struct hw_tree_node node = make_node(w, n, depth);

		/* Most roots hold nothing alone: they are no news at the top. */
		if (depth == 0 && !node.retained)
			continue;
		offer(&l, &node, is_deep ? UINT64_MAX : w->tree->min);
	}
	push_largest(w, &l, hidden_ret, hidden_bytes_ret);
	g_array_unref(l.nodes);
	return l.all;
}

static void show_all(struct walk *w)
{
	while (w->stack->len && w->tree->nodes->len < HW_TREE_NODES_MOST && !hw_stop_requested()) {
		struct hw_tree_node n =
		    g_array_index(w->stack, struct hw_tree_node, w->stack->len - 1);

		g_array_set_size(w->stack, w->stack->len - 1);
		n.children = push_children(w, w->links.first[n.node], n.depth + 1, &n.hidden,
					   &n.hidden_bytes);
		g_array_append_val(w->tree->nodes, n);
	}
	w->tree->is_cut = w->stack->len > 0;
}

/* Types. */

static void put_bit(uint64_t *set, uint32_t bit)
{
	set[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static void find_members(struct walk *w, uint64_t *members)
{
	const struct hw_graph *g = w->session->graph;

	for (uint32_t b = 0; b < g->blocks && !hw_stop_requested(); b++) {
		const char *type;

		if (b % 65536 == 0)
			hw_progress("looking for blocks", b, g->blocks);
		if (!hw_graph_is_reached(g, b))
			continue;
		type = hw_named_type(w->session, b, w->request->type);
		if (!type)
			continue;
		hw_named_count(w->tree->types, type, hw_table_size(w->session->table, b));
		put_bit(members, b);
		w->tree->blocks++;
		w->tree->shallow += hw_table_size(w->session->table, b);
	}
	hw_named_sort(w->tree->types);
}

static bool is_member(const struct hw_graph *g, const uint64_t *members, uint32_t node)
{
	return node < g->blocks && (members[node / 64] >> (node % 64) & 1);
}

/* Members that no other member dominates, found on a walk that never goes below one. */
static void push_members(struct walk *w, const uint64_t *members)
{
	const struct hw_graph *g = w->session->graph;
	struct largest l = {.limit = w->request->limit};
	uint32_t node = w->links.top;

	l.nodes = g_array_new(FALSE, FALSE, sizeof(struct hw_tree_node));
	while (node != HW_NO_BLOCK) {
		bool is_one = is_member(g, members, node);

		if (is_one) {
			struct hw_tree_node n = make_node(w, node, 0);

			offer(&l, &n, w->tree->min);
		} else if (w->links.first[node] != HW_NO_BLOCK) {
			node = w->links.first[node];
			continue;
		}
		while (w->links.next[node] == HW_NO_BLOCK && g->idom[node] != HW_GRAPH_TOP)
			node = g->idom[node];
		node = w->links.next[node];
	}
	push_largest(w, &l, &w->tree->hidden, &w->tree->hidden_bytes);
	g_array_unref(l.nodes);
}

static bool push_type(struct walk *w, GError **error)
{
	const size_t words = (size_t)w->session->graph->blocks / 64 + 1;
	uint64_t *members = hw_array_resize(NULL, 0, words, sizeof(*members)), blocks;
	bool ok = members != NULL;

	if (!ok)
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no room to mark blocks");
	if (ok) {
		find_members(w, members);
		ok = hw_without_blocks(w->session, members, &blocks, &w->tree->retained, error);
	}
	if (ok)
		push_members(w, members);
	hw_array_resize(members, members ? words : 0, 0, sizeof(*members));
	return ok;
}

static bool push_first(struct walk *w, GError **error)
{
	struct hw_tree_view *t = w->tree;
	struct hw_tree_node first;

	if (w->request->type)
		return push_type(w, error);
	if (!w->request->is_address) {
		push_children(w, w->links.top, 0, &t->hidden, &t->hidden_bytes);
		return true;
	}
	if (!hw_spot_find(w->session, w->request->addr, &t->spot, error))
		return false;
	if (t->spot.state != HW_SPOT_REACHED)
		return true;
	first = make_node(w, t->spot.id, 0);
	g_array_append_val(w->stack, first);
	return true;
}

struct hw_tree_view *hw_tree_view_query(struct hw_session *s, const struct hw_tree_request *request,
					GError **error)
{
	struct hw_tree_view *t = g_new0(struct hw_tree_view, 1);
	struct walk w = {.session = s, .request = request, .tree = t};
	bool ok = hw_domtree_link(s->graph, &w.links);

	t->nodes = g_array_new(FALSE, FALSE, sizeof(struct hw_tree_node));
	t->types = g_array_new(FALSE, FALSE, sizeof(struct hw_named));
	t->reached_blocks = s->graph->reached_blocks;
	t->reached_bytes = s->graph->reached_bytes;
	t->min = request->has_min ? request->min : t->reached_bytes / 100;
	w.stack = g_array_new(FALSE, FALSE, sizeof(struct hw_tree_node));
	if (!ok)
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no room for the tree");
	if (ok && request->is_merged && !request->is_address && !request->type) {
		hw_tree_merged(s, request, &w.links, t);
	} else {
		ok = ok && push_first(&w, error);
		if (ok)
			show_all(&w);
	}
	g_array_unref(w.stack);
	hw_domtree_unlink(&w.links);
	hw_target_check(s->target, &s->notes);
	if (ok)
		return t;
	hw_tree_view_free(t);
	return NULL;
}
