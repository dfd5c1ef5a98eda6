/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk refs`: what points at a block, and what it points at. */
#include "report/holder.h"
#include "report/report.h"
#include <inttypes.h>

static void ref_json(struct hw_answer *a, struct hw_session *s, const struct hw_ref *r)
{
	const uint32_t blocks = s->graph->blocks;
	const bool is_root = r->node >= blocks;
	const struct hw_root_node *root = is_root ? &s->roots->nodes[r->node - blocks] : NULL;

	g_autofree char *field = hw_session_field(s, r->slot, a->has_strings);

	hw_answer_begin(a, NULL, NULL);
	hw_answer_field(a, "kind", NULL, hw_text(is_root ? "root" : "block"));
	if (is_root)
		hw_answer_field(a, "address", NULL,
				root->addr ? hw_address(root->addr) : hw_null());
	else
		hw_answer_field(a, "address", NULL, hw_address(hw_table_addr(s->table, r->node)));
	hw_answer_field(a, "type", NULL,
			hw_text(is_root ? root->type : hw_session_type(s, r->node)));
	hw_answer_field(a, "type_from", NULL,
			hw_text(is_root ? NULL : hw_session_type_from(s, r->node)));
	hw_answer_field(a, "field", NULL, hw_text(field));
	hw_answer_field(a, "offset", NULL, r->slot ? hw_size(r->offset) : hw_null());
	hw_answer_field(a, "into", NULL, r->has_target ? hw_size(r->target_offset) : hw_null());
	hw_answer_field(a, "size", NULL,
			hw_size(is_root ? root->size : hw_table_size(s->table, r->node)));
	hw_answer_field(a, "guessed", NULL, hw_flag(r->is_guessed));
	if (is_root)
		hw_holder_root_json(a, "root", root);
	else
		hw_answer_field(a, "root", NULL, hw_null());
	hw_answer_end(a);
}

static void list_json(struct hw_answer *a, struct hw_session *s, const char *key,
		      const GArray *list, uint32_t limit)
{
	hw_answer_list(a, key, NULL);
	for (guint i = 0; i < MIN(list->len, limit); i++)
		ref_json(a, s, &g_array_index(list, struct hw_ref, i));
	hw_answer_list_end(a);
}

static void list_text(struct hw_answer *a, struct hw_session *s, const char *title,
		      const GArray *list, uint64_t count, uint32_t limit)
{
	static const struct hw_column columns[] = {
	    {NULL, "at", HW_KIND_SIZE, 0},
	    {NULL, "points", HW_KIND_TEXT, 0},
	    {NULL, "block or root", HW_KIND_TEXT, 0},
	};
	const guint shown = MIN(list->len, limit);
	g_autofree char *heading = NULL;
	char buf[32];

	heading = g_strdup_printf("%s: %s", title, hw_text_count(buf, sizeof(buf), count));
	hw_answer_table(a, NULL, heading, columns, G_N_ELEMENTS(columns));
	for (guint i = 0; i < shown; i++) {
		const struct hw_ref *r = &g_array_index(list, struct hw_ref, i);
		g_autofree char *node = hw_holder_node(a, s, r->node);
		g_autofree char *field = hw_session_field(s, r->slot, a->has_strings);
		g_autofree char *at = field && *field ? g_steal_pointer(&field)
				      : r->slot       ? g_strdup_printf("+%" PRIu64, r->offset)
						      : g_strdup("");
		g_autofree char *into = !r->has_target ? g_strdup("")
					: r->target_offset
					    ? g_strdup_printf("+%" PRIu64 "%s", r->target_offset,
							      r->is_guessed ? " (its end)" : "")
					    : g_strdup("to start");
		const struct hw_value row[] = {hw_text(at), hw_text(into), hw_text(node)};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
	hw_holder_more(a, count - shown, "reference");
}

void hw_report_refs(struct hw_answer *a, struct hw_session *s, const struct hw_refs *r,
		    uint32_t limit)
{
	if (a->is_json) {
		hw_holder_spot(a, s, &r->spot);
		hw_answer_field(a, "in_count", NULL, hw_count(r->in_count));
		hw_answer_field(a, "out_count", NULL, hw_count(r->out_count));
		list_json(a, s, "in", r->in, limit ? limit : UINT32_MAX);
		list_json(a, s, "out", r->out, limit ? limit : UINT32_MAX);
		return;
	}
	hw_answer_target(a, s->target);
	hw_answer_gap(a);
	hw_holder_spot(a, s, &r->spot);
	if (r->spot.id != HW_NO_BLOCK) {
		limit = limit ? limit : HW_ROWS_SHOWN;
		list_text(a, s, "Referred to by", r->in, r->in_count, limit);
		list_text(a, s, "Refers to", r->out, r->out_count, limit);
	}
	hw_answer_completeness(a, &s->notes, false);
}
