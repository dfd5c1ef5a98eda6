/* SPDX-License-Identifier: Apache-2.0 */
/* tree_merged.c -- the dominator tree as people read it: a container's parts are left out and
 * their children are its own; children of one type stand together, and so do theirs. */
#include "base/progress.h"
#include "base/stop.h"
#include "query/domtree.h"
#include "query/tree.h"

#define GROUP_LEAST 4 /* Fewer of a type stand alone. */

/* What is shown as one: its nodes, and what is known of it. */
struct item {
	struct hw_tree_node shown;
	GArray *members; /* uint32_t; NULL: shown.node alone. */
};

struct walk {
	struct hw_session *session;
	const struct hw_tree_request *request;
	const struct hw_domtree_links *links;
	struct hw_tree_view *tree;
	GArray *stack; /* struct item, the next one last. */
};

static void clear_item(gpointer item)
{
	GArray *members = ((struct item *)item)->members;

	if (members)
		g_array_unref(members);
}

static uint64_t own_bytes(const struct hw_session *s, uint32_t node)
{
	const uint32_t blocks = s->graph->blocks;

	return node < blocks ? hw_table_size(s->table, node) : s->roots->nodes[node - blocks].size;
}

/* Down a list of children and through those that are parts of a container. */
static void collect(struct walk *w, uint32_t list, bool is_top, struct hw_tree_node *parent,
		    GArray *kids)
{
	const struct hw_session *s = w->session;
	g_autoptr(GArray) lists = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	g_array_append_val(lists, list);
	while (lists->len && !hw_stop_requested()) {
		uint32_t node = g_array_index(lists, uint32_t, lists->len - 1);

		g_array_set_size(lists, lists->len - 1);
		for (; node != HW_NO_BLOCK; node = w->links->next[node]) {
			if (is_top && !s->graph->retained[node])
				continue;
			if (is_top || node >= s->graph->blocks ||
			    !hw_session_is_inside(w->session, node)) {
				g_array_append_val(kids, node);
				continue;
			}
			parent->is_container = true;
			parent->shallow += own_bytes(s, node);
			g_array_append_val(lists, w->links->first[node]);
		}
	}
}

static void add_node(struct walk *w, struct item *item, uint32_t node)
{
	const uint64_t *retained = w->session->graph->retained;

	if (!item->shown.count++ || retained[node] > retained[item->shown.node] ||
	    (retained[node] == retained[item->shown.node] && node < item->shown.node))
		item->shown.node = node;
	item->shown.retained += retained[node];
	item->shown.shallow += own_bytes(w->session, node);
}

static const char *type_of(struct walk *w, uint32_t node)
{
	return node < w->session->graph->blocks ? hw_session_type(w->session, node) : NULL;
}

static gint by_retained(gconstpointer a, gconstpointer b)
{
	const struct item *x = a, *y = b;

	if (x->shown.retained != y->shown.retained)
		return x->shown.retained < y->shown.retained ? 1 : -1;
	return x->shown.node < y->shown.node ? -1 : x->shown.node > y->shown.node;
}

static void take_single(struct walk *w, uint32_t node, uint32_t depth, GArray *items)
{
	struct item one = {.shown = {.depth = depth}};

	if (w->session->graph->retained[node] < w->tree->min)
		return;
	add_node(w, &one, node);
	g_array_append_val(items, one);
}

/* Types are strings of the session's, one for each name of plugins'; others are compared. */
static GArray *group(struct walk *w, const GArray *kids, uint32_t depth)
{
	GArray *items = g_array_new(FALSE, FALSE, sizeof(struct item));
	g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
	guint kept = 0;

	for (guint i = 0; i < kids->len; i++) {
		const uint32_t node = g_array_index(kids, uint32_t, i);
		const char *type = type_of(w, node);
		guint at = type ? GPOINTER_TO_UINT(g_hash_table_lookup(known, type)) : 0;

		if (!type) {
			take_single(w, node, depth, items);
			continue;
		}
		if (!at) {
			struct item more = {.shown = {.depth = depth},
					    .members = g_array_new(FALSE, FALSE, sizeof(uint32_t))};

			g_array_append_val(items, more);
			at = items->len;
			g_hash_table_insert(known, (gpointer)(uintptr_t)type, GUINT_TO_POINTER(at));
		}
		add_node(w, &g_array_index(items, struct item, at - 1), node);
		g_array_append_val(g_array_index(items, struct item, at - 1).members, node);
	}
	/* Those that are too few stand alone after all; what is too small goes. */
	for (guint i = 0, count = items->len; i < count; i++) {
		struct item it = g_array_index(items, struct item, i);

		if (it.members && it.shown.count < GROUP_LEAST) {
			for (guint m = 0; m < it.members->len; m++)
				take_single(w, g_array_index(it.members, uint32_t, m), depth,
					    items);
			it.shown.retained = 0;
		}
		if (it.shown.retained && it.shown.retained >= w->tree->min)
			g_array_index(items, struct item, kept++) = it;
		else
			clear_item(&it);
		if (i + 1 == count) {
			for (guint more = count; more < items->len; more++)
				g_array_index(items, struct item, kept++) =
				    g_array_index(items, struct item, more);
		}
	}
	g_array_set_size(items, kept);
	g_array_sort(items, by_retained);
	return items;
}

/* Returns how many children there are. */
static uint64_t push_kids(struct walk *w, GArray *kids, uint32_t depth, uint64_t *hidden_ret,
			  uint64_t *hidden_bytes_ret)
{
	GArray *items = depth > w->request->depth ? g_array_new(FALSE, FALSE, sizeof(struct item))
						  : group(w, kids, depth);
	uint64_t shown = 0, bytes = 0;

	for (guint i = 0; i < kids->len; i++)
		bytes += w->session->graph->retained[g_array_index(kids, uint32_t, i)];
	for (guint i = items->len; i-- > 0;) {
		struct item *it = &g_array_index(items, struct item, i);

		if (i >= w->request->limit) {
			clear_item(it);
			continue;
		}
		shown += it->shown.count;
		bytes -= it->shown.retained;
		g_array_append_val(w->stack, *it);
	}
	*hidden_ret = kids->len - shown;
	*hidden_bytes_ret = bytes;
	g_array_unref(items);
	return kids->len;
}

static void show(struct walk *w, struct item *it)
{
	g_autoptr(GArray) kids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	const guint count = it->members ? it->members->len : 1;

	for (guint i = 0; i < count; i++) {
		const uint32_t node =
		    it->members ? g_array_index(it->members, uint32_t, i) : it->shown.node;

		collect(w, w->links->first[node], false, &it->shown, kids);
	}
	it->shown.children =
	    push_kids(w, kids, it->shown.depth + 1, &it->shown.hidden, &it->shown.hidden_bytes);
	g_array_append_val(w->tree->nodes, it->shown);
}

void hw_tree_merged(struct hw_session *session, const struct hw_tree_request *request,
		    const struct hw_domtree_links *links, struct hw_tree_view *tree)
{
	struct walk w = {session, request, links, tree,
			 g_array_new(FALSE, FALSE, sizeof(struct item))};
	GArray *kids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct hw_tree_node none = {0};

	collect(&w, links->top, true, &none, kids);
	push_kids(&w, kids, 0, &tree->hidden, &tree->hidden_bytes);
	g_array_unref(kids);
	while (w.stack->len && tree->nodes->len < HW_TREE_NODES_MOST && !hw_stop_requested()) {
		struct item it = g_array_index(w.stack, struct item, w.stack->len - 1);

		g_array_set_size(w.stack, w.stack->len - 1);
		show(&w, &it);
		clear_item(&it);
	}
	tree->is_cut = w.stack->len > 0;
	for (guint i = 0; i < w.stack->len; i++)
		clear_item(&g_array_index(w.stack, struct item, i));
	g_array_unref(w.stack);
}
