/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk roots`: who holds the memory, by name. */
#include "report/holder.h"
#include "report/report.h"

static bool holds_something(const struct hw_root_row *row)
{
	return row->refs > 0;
}

/* Those that retain come first in the list, so the rest is its end. */
static uint64_t count_retaining(const struct hw_root_rows *r)
{
	uint64_t count = 0;

	while (count < r->rows->len && g_array_index(r->rows, struct hw_root_row, count).retained)
		count++;
	return count;
}

static void roots_json(struct hw_answer *a, const struct hw_root_rows *r, uint32_t limit)
{
	uint32_t listed = 0;

	hw_answer_begin(a, "reached", NULL);
	hw_answer_field(a, "blocks", NULL, hw_count(r->total_blocks));
	hw_answer_field(a, "bytes", NULL, hw_size(r->total_bytes));
	hw_answer_end(a);
	hw_answer_begin(a, "shared", NULL);
	hw_answer_field(a, "blocks", NULL, hw_count(r->shared_blocks));
	hw_answer_field(a, "bytes", NULL, hw_size(r->shared_bytes));
	hw_answer_end(a);
	hw_answer_list(a, "roots", NULL);
	for (guint i = 0; i < r->rows->len && listed < limit; i++) {
		const struct hw_root_row *row = &g_array_index(r->rows, struct hw_root_row, i);

		if (!holds_something(row))
			continue;
		listed++;
		hw_answer_begin(a, NULL, NULL);
		hw_holder_root_json(a, "root", row->root);
		hw_answer_field(a, "shallow", NULL, hw_size(row->root->size));
		hw_answer_field(a, "retained", NULL, hw_size(row->retained));
		hw_answer_field(a, "blocks", NULL, hw_count(row->blocks));
		hw_answer_field(a, "references", NULL, hw_count(row->refs));
		hw_answer_end(a);
	}
	hw_answer_list_end(a);
}

/* "main.cache in svc (sync.Map)", and what a plugin adds. */
static char *row_name(const struct hw_root_node *root)
{
	g_autofree char *name = hw_holder_root_name(root);

	return g_strdup_printf("%s%s%s%s%s%s", name, root->type ? " (" : "",
			       root->type ? root->type : "", root->type ? ")" : "",
			       root->note ? ": " : "", root->note ? root->note : "");
}

static void roots_table(struct hw_answer *a, const struct hw_root_rows *r, uint64_t count)
{
	static const struct hw_column columns[] = {
	    {NULL, "retained", HW_KIND_SIZE, HW_COLUMN_BAR},
	    {NULL, "blocks", HW_KIND_COUNT, 0},
	    {NULL, "kind", HW_KIND_TEXT, 0},
	    {NULL, "root", HW_KIND_TEXT, 0},
	};

	hw_answer_table(a, NULL, NULL, columns, G_N_ELEMENTS(columns));
	for (uint64_t i = 0; i < count; i++) {
		const struct hw_root_row *row = &g_array_index(r->rows, struct hw_root_row, i);
		g_autofree char *name = row_name(row->root);
		const struct hw_value values[] = {
		    hw_size(row->retained),
		    hw_count(row->blocks),
		    hw_text(hw_root_kind_names[MIN(row->root->kind, HW_ROOT_KINDS - 1)]),
		    hw_text(name),
		};

		hw_answer_row(a, values);
	}
	hw_answer_table_end(a);
}

static void roots_text(struct hw_answer *a, struct hw_session *s, const struct hw_root_rows *r,
		       uint32_t limit)
{
	uint64_t retaining = count_retaining(r), shown = MIN(retaining, limit);
	g_autofree char *total = hw_answer_size(a, r->total_bytes);
	g_autofree char *shared = hw_answer_size(a, r->shared_bytes);
	char buf[32];

	hw_answer_target(a, s->target);
	hw_answer_gap(a);
	hw_answer_line(a, HW_TONE_PLAIN, "Roots reach %s in %s block%s.", total,
		       hw_text_count(buf, sizeof(buf), r->total_blocks),
		       r->total_blocks == 1 ? "" : "s");
	hw_answer_gap(a);
	roots_table(a, r, shown);
	hw_holder_more(a, retaining - shown, "root");
	if (r->shared_blocks) {
		hw_answer_gap(a);
		hw_answer_line(a, HW_TONE_PLAIN,
			       "%s in %s block%s is reached from several roots and retained by "
			       "none alone ('heapwalk tree' shows it).",
			       shared, hw_text_count(buf, sizeof(buf), r->shared_blocks),
			       r->shared_blocks == 1 ? "" : "s");
	}
	hw_holder_approximate(a, s);
}

void hw_report_roots(struct hw_answer *a, struct hw_session *s, const struct hw_root_rows *r,
		     uint32_t limit)
{
	if (a->is_json)
		roots_json(a, r, limit ? limit : UINT32_MAX);
	else
		roots_text(a, s, r, limit ? limit : HW_ROWS_SHOWN);
}
