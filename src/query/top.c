/* SPDX-License-Identifier: Apache-2.0 */
/* Gives every live block a group, then adds up. */
#include "query/top.h"
#include "base/array.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include "query/domtree.h"
#include "query/path.h"
#include <inttypes.h>
#include <string.h>

#define EXACT_MOST 1024 /* Sizes up to this have a class each. */
#define UNREACHED  "(unreached)"

const char *const hw_top_by_names[HW_TOP_BYS] = {"size", "type", "module", "arena"};

static void clear_row(gpointer item)
{
	g_free(((struct hw_top_row *)item)->key);
}

void hw_top_free(struct hw_top *t)
{
	if (!t)
		return;
	g_array_unref(t->rows);
	g_free(t);
}

static bool has_collected_heap(const struct hw_session *s)
{
	for (uint32_t i = 0; i < hw_heaps_count(s->heaps); i++)
		if (hw_heaps_at(s->heaps, i)->flags & HW_HEAP_COLLECTED)
			return true;
	return false;
}

enum hw_depth hw_top_depth(const struct hw_session *s, enum hw_top_by by, bool retained)
{
	if (retained)
		return by == HW_TOP_MODULE ? HW_DEPTH_ALL : HW_DEPTH_DOMINATORS;
	if (by == HW_TOP_TYPE && has_collected_heap(s))
		return HW_DEPTH_MARK;
	return by == HW_TOP_MODULE ? HW_DEPTH_PATHS : HW_DEPTH_TABLE;
}

struct grouping {
	struct hw_session *session;
	struct hw_top *top;
	GHashTable *known; /* Key → index of its row + 1. */
	uint32_t *memo;    /* By block: its nearest root. By module only. */
	uint32_t *group;   /* By block: its row. With retained sizes only. */
};

/* The class that holds size: (least - 1, most]. */
static void size_class(uint64_t size, uint64_t *least_ret, uint64_t *most_ret)
{
	uint64_t step;

	*least_ret = *most_ret = size;
	if (size <= EXACT_MOST)
		return;
	/* size - 1 is in [2^n, 2^(n+1)): four steps of 2^(n-2). */
	step = UINT64_C(1) << (63 - __builtin_clzll(size - 1) - 2);
	*least_ret = (size - 1) / step * step + 1;
	*most_ret = *least_ret - 1 + step;
}

static char *arena_key(const struct grouping *g, uint32_t block)
{
	const struct hw_heap *heap =
	    hw_heaps_at(g->session->heaps, hw_table_heap(g->session->table, block));
	g_autofree char *label = hw_session_heap_label(heap);

	return g_strdup_printf("%s arena %u", label, hw_table_arena(g->session->table, block));
}

static const char *module_key(struct grouping *g, uint32_t block)
{
	const struct hw_session *s = g->session;

	if (!hw_graph_is_reached(s->graph, block))
		return UNREACHED;
	return s->roots->nodes[hw_path_root(s->graph, g->memo, block)].module;
}

/* NULL: not known of a block that something reaches. */
static const char *type_key(struct grouping *g, uint32_t block)
{
	const struct hw_session *s = g->session;
	const char *type = hw_session_type(g->session, block);

	if (!type && hw_table_is_collected(s->table, block) &&
	    !hw_graph_is_reached(s->graph, block))
		return UNREACHED;
	return type;
}

/* A row's name is only made once. code tells rows apart: a number, or a string that is
 * interned by whoever made it, or compared below. */
static uint32_t find_row(struct grouping *g, gpointer code, const struct hw_top_row *model,
			 uint32_t block)
{
	guint at = GPOINTER_TO_UINT(g_hash_table_lookup(g->known, code));
	struct hw_top_row row;

	if (at)
		return at - 1;
	row = *model;
	if (g->top->by == HW_TOP_ARENA)
		row.key = arena_key(g, block);
	else if (g->top->by == HW_TOP_SIZE)
		row.key = g_strdup_printf("%" PRIu64, row.most);
	else
		row.key = g_strdup(code);
	row.is_unreached = g->top->by != HW_TOP_ARENA && g_strcmp0(row.key, UNREACHED) == 0;
	g_array_append_val(g->top->rows, row);
	g_hash_table_insert(g->known, code, GUINT_TO_POINTER(g->top->rows->len));
	return g->top->rows->len - 1;
}

static uint32_t group_of(struct grouping *g, uint32_t block)
{
	const struct hw_table *table = g->session->table;
	struct hw_top_row model = {0};
	uint64_t code;

	switch (g->top->by) {
	case HW_TOP_SIZE:
		size_class(hw_table_size(table, block), &model.least, &model.most);
		return find_row(g, (gpointer)(uintptr_t)model.most, &model, block);
	case HW_TOP_ARENA:
		code = (uint64_t)hw_table_heap(table, block) << 32 | hw_table_arena(table, block);
		return find_row(g, (gpointer)(uintptr_t)code, &model, block);
	case HW_TOP_TYPE:
		return find_row(g, (gpointer)(uintptr_t)type_key(g, block), &model, block);
	case HW_TOP_MODULE:
	default:
		return find_row(g, (gpointer)(uintptr_t)module_key(g, block), &model, block);
	}
}

static guint hash_name(gconstpointer name)
{
	return name ? g_str_hash(name) : 0;
}

static gboolean same_name(gconstpointer a, gconstpointer b)
{
	return g_strcmp0(a, b) == 0;
}

static void add_all(struct grouping *g)
{
	const struct hw_table *table = g->session->table;
	const uint32_t count = hw_table_count(table);

	for (uint32_t b = 0; b < count && !hw_stop_requested(); b++) {
		uint32_t at = group_of(g, b);
		struct hw_top_row *row = &g_array_index(g->top->rows, struct hw_top_row, at);

		if (b % 65536 == 0)
			hw_progress("grouping blocks", b, count);
		row->blocks++;
		row->bytes += hw_table_size(table, b);
		if (g->group)
			g->group[b] = at;
	}
	g->top->blocks = count;
	g->top->bytes = hw_table_bytes(table);
}

/* Down the tree and up again: open[g] ancestors of the node at hand are of group g. */
static void walk_tree(struct grouping *g, const struct hw_domtree_links *links, uint32_t *open)
{
	const struct hw_graph *graph = g->session->graph;
	uint32_t node = links->top;

	while (node != HW_NO_BLOCK) {
		if (node < graph->blocks && !open[g->group[node]]++)
			g_array_index(g->top->rows, struct hw_top_row, g->group[node])
			    .retained_min += graph->retained[node];
		if (links->first[node] != HW_NO_BLOCK) {
			node = links->first[node];
			continue;
		}
		while (true) {
			if (node < graph->blocks)
				open[g->group[node]]--;
			if (links->next[node] != HW_NO_BLOCK || graph->idom[node] == HW_GRAPH_TOP)
				break;
			node = graph->idom[node];
		}
		node = links->next[node];
	}
}

static bool add_retained(struct grouping *g, GError **error)
{
	struct hw_domtree_links links;
	uint32_t *open = hw_array_resize(NULL, 0, (size_t)g->top->rows->len + 1, sizeof(*open));
	bool ok = open && hw_domtree_link(g->session->graph, &links);

	if (ok) {
		walk_tree(g, &links, open);
		hw_domtree_unlink(&links);
	} else {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no room for the tree");
	}
	hw_array_resize(open, open ? (size_t)g->top->rows->len + 1 : 0, 0, sizeof(*open));
	return ok;
}

static gint by_bytes(gconstpointer a, gconstpointer b)
{
	const struct hw_top_row *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return g_strcmp0(x->key, y->key);
}

static uint32_t *make_list(const struct grouping *g, bool is_wanted, bool *ok)
{
	const size_t count = (size_t)hw_table_count(g->session->table) + 1;
	uint32_t *list = is_wanted ? hw_array_resize(NULL, 0, count, sizeof(*list)) : NULL;

	if (list)
		memset(list, 0xff, count * sizeof(*list));
	*ok = *ok && (list || !is_wanted);
	return list;
}

static void free_list(const struct grouping *g, uint32_t *list)
{
	const size_t count = (size_t)hw_table_count(g->session->table) + 1;

	hw_array_resize(list, list ? count : 0, 0, sizeof(*list));
}

struct hw_top *hw_top_query(struct hw_session *s, enum hw_top_by by, bool retained, GError **error)
{
	struct hw_top *t = g_new0(struct hw_top, 1);
	struct grouping g = {.session = s, .top = t};
	bool has_names = by == HW_TOP_TYPE || by == HW_TOP_MODULE, ok = true;

	*t = (struct hw_top){.by = by, .has_retained = retained};
	t->rows = g_array_new(FALSE, FALSE, sizeof(struct hw_top_row));
	g_array_set_clear_func(t->rows, clear_row);
	g.known = g_hash_table_new(has_names ? hash_name : NULL, has_names ? same_name : NULL);
	g.memo = make_list(&g, by == HW_TOP_MODULE, &ok);
	g.group = make_list(&g, retained, &ok);
	if (ok)
		add_all(&g);
	else
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no room to group blocks");
	ok = ok && (!retained || hw_stop_requested() || add_retained(&g, error));
	free_list(&g, g.group);
	free_list(&g, g.memo);
	g_hash_table_unref(g.known);
	hw_target_check(s->target, &s->notes);
	if (!ok) {
		hw_top_free(t);
		return NULL;
	}
	g_array_sort(t->rows, by_bytes);
	return t;
}
