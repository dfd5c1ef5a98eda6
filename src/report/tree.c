/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk tree`: what holds what, and how much goes with it. */
#include "report/holder.h"
#include "report/report.h"
#include <inttypes.h>

#define INDENT_MOST 16 /* Levels; deeper ones are not moved further right. */

static void node_json(struct hw_answer *a, struct hw_session *s, const struct hw_tree_node *n)
{
	const uint32_t blocks = s->graph->blocks;
	g_autofree char *holder = n->node < blocks ? hw_session_inside(s, n->node) : NULL;

	hw_answer_begin(a, NULL, NULL);
	hw_answer_field(a, "depth", NULL, hw_count(n->depth));
	if (n->node < blocks) {
		hw_answer_field(a, "address", NULL, hw_address(hw_table_addr(s->table, n->node)));
		hw_answer_field(a, "root", NULL, hw_null());
		hw_answer_field(a, "type", NULL, hw_text(hw_session_type(s, n->node)));
	} else {
		hw_answer_field(a, "address", NULL, hw_null());
		hw_holder_root_json(a, "root", &s->roots->nodes[n->node - blocks]);
		hw_answer_field(a, "type", NULL, hw_text(s->roots->nodes[n->node - blocks].type));
	}
	hw_answer_field(a, "holder", NULL, hw_text(holder));
	hw_answer_field(a, "shallow", NULL, hw_size(n->shallow));
	hw_answer_field(a, "retained", NULL, hw_size(n->retained));
	hw_answer_field(a, "children", NULL, hw_count(n->children));
	hw_answer_field(a, "hidden", NULL, hw_count(n->hidden));
	hw_answer_field(a, "hidden_retained", NULL, hw_size(n->hidden_bytes));
	hw_answer_end(a);
}

static void tree_json(struct hw_answer *a, struct hw_session *s, const struct hw_tree_view *t,
		      const struct hw_tree_request *request)
{
	if (request->is_address)
		hw_holder_spot(a, s, &t->spot);
	hw_answer_begin(a, "reached", NULL);
	hw_answer_field(a, "blocks", NULL, hw_count(t->reached_blocks));
	hw_answer_field(a, "bytes", NULL, hw_size(t->reached_bytes));
	hw_answer_end(a);
	if (request->type) {
		hw_answer_begin(a, "group", NULL);
		hw_answer_field(a, "type", NULL, hw_text(request->type));
		hw_answer_field(a, "blocks", NULL, hw_count(t->blocks));
		hw_answer_field(a, "shallow", NULL, hw_size(t->shallow));
		hw_answer_field(a, "retained", NULL, hw_size(t->retained));
		hw_holder_named_json(a, t->types);
		hw_answer_end(a);
	} else {
		hw_answer_field(a, "group", NULL, hw_null());
	}
	hw_answer_field(a, "min", NULL, hw_size(t->min));
	hw_answer_field(a, "hidden", NULL, hw_count(t->hidden));
	hw_answer_field(a, "hidden_retained", NULL, hw_size(t->hidden_bytes));
	hw_answer_field(a, "cut", NULL, hw_flag(t->is_cut));
	hw_answer_list(a, "nodes", NULL);
	for (guint i = 0; i < t->nodes->len; i++)
		node_json(a, s, &g_array_index(t->nodes, struct hw_tree_node, i));
	hw_answer_list_end(a);
}

/* A root, a block, or several of a type. Free with g_free(). */
static char *node_text(struct hw_session *s, const struct hw_tree_node *n)
{
	const uint32_t blocks = s->graph->blocks;
	const struct hw_root_node *root =
	    n->node < blocks ? NULL : &s->roots->nodes[n->node - blocks];
	const char *type = root ? root->type : hw_session_type(s, n->node);
	g_autofree char *name = NULL;
	char buf[32];

	if (n->count > 1)
		return g_strdup_printf("%s x %s, largest 0x%" PRIx64,
				       hw_text_count(buf, sizeof(buf), n->count), type,
				       hw_table_addr(s->table, n->node));
	if (!root)
		return g_strdup_printf("0x%" PRIx64 "%s%s", hw_table_addr(s->table, n->node),
				       type ? " " : "", type ? type : "");
	name = hw_holder_root(root);
	if (n->is_container && type)
		return g_strdup_printf("%s (%s)", name, type);
	return g_steal_pointer(&name);
}

static void node_row(struct hw_answer *a, struct hw_session *s, const struct hw_tree_node *n)
{
	g_autofree char *what = node_text(s, n), *text = NULL;

	text = g_strdup_printf("%*s%s", 2 * (int)MIN(n->depth, INDENT_MOST), "", what);
	const struct hw_value row[] = {
	    hw_size(n->retained),
	    hw_size(n->shallow),
	    hw_count(n->children),
	    hw_text(text),
	};

	hw_answer_row(a, row);
}

/* How a row of children that are not shown looks. */
static void hidden_row(struct hw_answer *a, uint64_t count, uint64_t bytes, uint32_t depth)
{
	char buf[32];
	g_autofree char *text = g_strdup_printf("%*s(%s smaller)", 2 * (int)MIN(depth, INDENT_MOST),
						"", hw_text_count(buf, sizeof(buf), count));
	const struct hw_value row[] = {hw_size(bytes), hw_text(""), hw_text(""), hw_text(text)};

	hw_answer_row(a, row);
}

/* A node's hidden children stand behind its shown ones. */
static void rows(struct hw_answer *a, struct hw_session *s, const struct hw_tree_view *t)
{
	g_autoptr(GArray) open = g_array_new(FALSE, FALSE, sizeof(guint));

	for (guint i = 0; i <= t->nodes->len; i++) {
		const struct hw_tree_node *n =
		    i < t->nodes->len ? &g_array_index(t->nodes, struct hw_tree_node, i) : NULL;

		while (open->len) {
			guint at = g_array_index(open, guint, open->len - 1);
			const struct hw_tree_node *last =
			    &g_array_index(t->nodes, struct hw_tree_node, at);

			if (n && n->depth > last->depth)
				break;
			/* Where no child is shown, their count in the row tells enough. */
			if (last->hidden && last->hidden < last->children)
				hidden_row(a, last->hidden, last->hidden_bytes, last->depth + 1);
			g_array_set_size(open, open->len - 1);
		}
		if (n) {
			node_row(a, s, n);
			g_array_append_val(open, i);
		}
	}
	if (t->hidden)
		hidden_row(a, t->hidden, t->hidden_bytes, 0);
}

static void tree_table(struct hw_answer *a, struct hw_session *s, const struct hw_tree_view *t)
{
	static const struct hw_column columns[] = {
	    {NULL, "retained", HW_KIND_SIZE, 0},
	    {NULL, "own", HW_KIND_SIZE, 0},
	    {NULL, "children", HW_KIND_COUNT, 0},
	    {NULL, "holder", HW_KIND_TEXT, 0},
	};

	hw_answer_gap(a);
	hw_answer_table(a, NULL, NULL, columns, G_N_ELEMENTS(columns));
	rows(a, s, t);
	hw_answer_table_end(a);
	if (t->is_cut)
		hw_answer_line(a, HW_TONE_WARN,
			       "  and more: the list was cut here (--min, "
			       "--depth and --limit make it shorter)");
}

static bool has_merged(const struct hw_tree_view *t)
{
	for (guint i = 0; i < t->nodes->len; i++) {
		const struct hw_tree_node *n = &g_array_index(t->nodes, struct hw_tree_node, i);

		if (n->count > 1 || n->is_container)
			return true;
	}
	return false;
}

static void tree_text(struct hw_answer *a, struct hw_session *s, const struct hw_tree_view *t,
		      const struct hw_tree_request *request)
{
	g_autofree char *min = hw_answer_size(a, t->min);
	g_autofree char *own = hw_answer_size(a, t->shallow);
	g_autofree char *retained = hw_answer_size(a, t->retained);
	char buf[32];

	hw_answer_target(a, s->target);
	hw_answer_gap(a);
	if (request->is_address)
		hw_holder_spot(a, s, &t->spot);
	if (request->type && !t->blocks)
		hw_answer_line(a, HW_TONE_PLAIN, "No reached block has the type %s.",
			       request->type);
	else if (request->type)
		hw_answer_line(a, HW_TONE_PLAIN, "%s: %s block%s, %s; without them %s would go.",
			       request->type, hw_text_count(buf, sizeof(buf), t->blocks),
			       t->blocks == 1 ? "" : "s", own, retained);
	if (request->type)
		hw_holder_named_text(a, t->types, request->type);
	if (!request->is_address || t->spot.state == HW_SPOT_REACHED)
		tree_table(a, s, t);
	hw_answer_gap(a);
	hw_answer_line(a, HW_TONE_DIM, "Shown: what retains %s or more, %" PRIu32 " level%s down.",
		       min, request->depth, request->depth == 1 ? "" : "s");
	if (has_merged(t))
		hw_answer_line(a, HW_TONE_DIM,
			       "Blocks of a type stand together, and parts of maps and the like "
			       "are their holder's own: --json lists each.");
	hw_holder_approximate(a, s);
}

void hw_report_tree(struct hw_answer *a, struct hw_session *s, const struct hw_tree_view *t,
		    const struct hw_tree_request *request)
{
	if (a->is_json)
		tree_json(a, s, t, request);
	else
		tree_text(a, s, t, request);
}
