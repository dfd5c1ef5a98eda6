/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk plugins`, and `heapwalk plugin NAME`: what can be decoded. */
#include "report/report.h"

static const struct hw_column report_columns[] = {
    {"name", "report", HW_KIND_TEXT, 0},
    {"summary", "shows", HW_KIND_TEXT, 0},
    {"formats", "formats", HW_KIND_TEXT, HW_COLUMN_JSON},
};

/* "pprof folded", or "". Free with g_free(). */
static char *join_formats(const struct hw_report *report)
{
	return report->formats ? g_strjoinv(" ", (char **)(uintptr_t)report->formats)
			       : g_strdup("");
}

static void emit_reports(struct hw_answer *a, const struct hw_plugin *p)
{
	if (!a->is_json && !p->report_count) {
		hw_answer_line(a, HW_TONE_PLAIN, "no reports of its own");
		return;
	}
	hw_answer_table(a, "reports", NULL, report_columns, G_N_ELEMENTS(report_columns));
	for (uint32_t i = 0; i < p->report_count; i++) {
		g_autofree char *formats = join_formats(&p->reports[i]);
		g_autofree char *summary =
		    g_strdup_printf("%s%s%s%s", p->reports[i].summary,
				    *formats ? " (--format " : "", formats, *formats ? ")" : "");
		const struct hw_value row[] = {
		    hw_text(p->reports[i].name),
		    hw_text(a->is_json ? p->reports[i].summary : summary), hw_text(formats)};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
}

static void emit_plugin(struct hw_answer *a, const struct hw_plugin *p)
{
	hw_answer_begin(a, NULL, a->is_json ? NULL : p->name);
	hw_answer_field(a, "name", NULL, hw_text(p->name));
	hw_answer_field(a, "summary", "decodes", hw_text(p->summary));
	hw_answer_field(a, "tested", "tested on", hw_text(p->tested));
	hw_answer_field(a, "abi", NULL, hw_count(p->abi));
	emit_reports(a, p);
	hw_answer_end(a);
}

void hw_report_plugins(struct hw_answer *a, const struct hw_plugins *plugins, const char *only)
{
	hw_answer_list(a, "plugins", NULL);
	for (guint i = 0; i < plugins->list->len; i++) {
		const struct hw_plugin *p = plugins->list->pdata[i];

		if (!only || g_str_equal(only, p->name))
			emit_plugin(a, p);
	}
	hw_answer_list_end(a);
	if (!plugins->list->len)
		hw_answer_line(a, HW_TONE_PLAIN, "No plugins are installed here.");
	if (only) {
		hw_answer_gap(a);
		hw_answer_line(a, HW_TONE_DIM, "heapwalk plugin %s REPORT TARGET", only);
	}
}
