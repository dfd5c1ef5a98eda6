/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk top`: live blocks in groups. */
#include "report/holder.h"
#include "report/report.h"

static void top_json(struct hw_answer *a, const struct hw_top *t, uint32_t limit)
{
	const struct hw_column columns[] = {
	    {"key", "", HW_KIND_TEXT, 0},
	    {"blocks", "", HW_KIND_COUNT, 0},
	    {"bytes", "", HW_KIND_SIZE, 0},
	    {"size_min", "", HW_KIND_SIZE, t->by == HW_TOP_SIZE ? 0 : HW_COLUMN_TEXT},
	    {"size_max", "", HW_KIND_SIZE, t->by == HW_TOP_SIZE ? 0 : HW_COLUMN_TEXT},
	    {"retained_min", "", HW_KIND_SIZE, 0},
	};

	hw_answer_field(a, "by", NULL, hw_text(hw_top_by_names[t->by]));
	hw_answer_field(a, "blocks", NULL, hw_count(t->blocks));
	hw_answer_field(a, "bytes", NULL, hw_size(t->bytes));
	hw_answer_table(a, "groups", NULL, columns, G_N_ELEMENTS(columns) - !t->has_retained);
	for (guint i = 0; i < MIN(t->rows->len, limit); i++) {
		const struct hw_top_row *r = &g_array_index(t->rows, struct hw_top_row, i);
		const struct hw_value row[] = {
		    hw_text(r->key),   hw_count(r->blocks), hw_size(r->bytes),
		    hw_size(r->least), hw_size(r->most),    hw_size(r->retained_min),
		};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
}

/* The size class as people read it. Free with g_free(). */
static char *row_label(struct hw_answer *a, const struct hw_top *t, const struct hw_top_row *r)
{
	g_autofree char *least = NULL, *most = NULL;

	if (r->is_unreached)
		return g_strdup("(reached by nothing)");
	if (t->by != HW_TOP_SIZE)
		return g_strdup(r->key ? r->key : "(not known)");
	most = hw_answer_size(a, r->most);
	least = hw_answer_size(a, r->least);
	return r->least == r->most ? g_strdup(most) : g_strdup_printf("%s to %s", least, most);
}

static bool has_unreached(const struct hw_top *t)
{
	for (guint i = 0; i < t->rows->len; i++)
		if (g_array_index(t->rows, struct hw_top_row, i).is_unreached)
			return true;
	return false;
}

static void top_text(struct hw_answer *a, struct hw_session *s, const struct hw_top *t,
		     uint32_t limit)
{
	const struct hw_column columns[] = {
	    {NULL, "bytes", HW_KIND_SIZE, HW_COLUMN_BAR},
	    {NULL, "blocks", HW_KIND_COUNT, 0},
	    {NULL, "retained, at least", HW_KIND_SIZE, t->has_retained ? 0 : HW_COLUMN_JSON},
	    {NULL, hw_top_by_names[t->by], HW_KIND_TEXT, 0},
	};
	const guint shown = MIN(t->rows->len, limit);
	g_autofree char *bytes = hw_answer_size(a, t->bytes);
	char buf[32];

	hw_answer_target(a, s->target);
	hw_answer_gap(a);
	hw_answer_line(a, HW_TONE_PLAIN, "%s live block%s, %s.",
		       hw_text_count(buf, sizeof(buf), t->blocks), t->blocks == 1 ? "" : "s",
		       bytes);
	hw_answer_gap(a);
	hw_answer_table(a, NULL, NULL, columns, G_N_ELEMENTS(columns));
	for (guint i = 0; i < shown; i++) {
		const struct hw_top_row *r = &g_array_index(t->rows, struct hw_top_row, i);
		g_autofree char *label = row_label(a, t, r);
		const struct hw_value row[] = {hw_size(r->bytes), hw_count(r->blocks),
					       hw_size(r->retained_min), hw_text(label)};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
	hw_holder_more(a, t->rows->len - shown, "group");
	if (t->by == HW_TOP_MODULE)
		hw_answer_line(a, HW_TONE_DIM,
			       "The module is that of the nearest root that holds "
			       "a block.");
	if (t->by == HW_TOP_TYPE && has_unreached(t))
		hw_answer_line(a, HW_TONE_DIM,
			       "Blocks that no root reaches are in the group of their type, where "
			       "it is known.");
	if (t->has_retained)
		hw_holder_approximate(a, s);
	else
		hw_answer_completeness(a, &s->notes, false);
}

void hw_report_top(struct hw_answer *a, struct hw_session *s, const struct hw_top *t,
		   uint32_t limit)
{
	if (a->is_json)
		top_json(a, t, limit ? limit : UINT32_MAX);
	else
		top_text(a, s, t, limit ? limit : HW_ROWS_SHOWN);
}
