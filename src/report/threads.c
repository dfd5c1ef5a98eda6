/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk threads`: the threads by stack, and what they hold. */
#include "report/holder.h"
#include "report/report.h"
#include <inttypes.h>

#define FRAMES_SHOWN 12 /* In text. */
#define TIDS_SHOWN   8

static void stack_json(struct hw_answer *a, const struct hw_thread_stack *t)
{
	static const struct hw_column columns[] = {
	    {"function", "", HW_KIND_TEXT, 0}, {"file", "", HW_KIND_TEXT, 0},
	    {"line", "", HW_KIND_COUNT, 0},    {"module", "", HW_KIND_TEXT, 0},
	    {"pc", "", HW_KIND_ADDR, 0},
	};

	hw_answer_table(a, "stack", NULL, columns, G_N_ELEMENTS(columns));
	for (uint32_t i = 0; i < t->frame_count; i++) {
		const struct hw_frame *f = &t->frames[i];
		const struct hw_value row[] = {
		    hw_text(f->function),
		    hw_text(f->file),
		    f->line > 0 ? hw_count((uint64_t)f->line) : hw_null(),
		    hw_text(f->module),
		    hw_address(f->pc),
		};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
}

static void group_json(struct hw_answer *a, const struct hw_census_group *g)
{
	static const struct hw_column columns[] = {{"tid", "", HW_KIND_ID, 0}};

	hw_answer_begin(a, NULL, NULL);
	hw_answer_field(a, "count", NULL, hw_count(g->tids->len));
	hw_answer_field(a, "state", NULL, hw_null()); /* A core does not tell. */
	hw_answer_field(a, "system", NULL, hw_flag(false));
	stack_json(a, g->first);
	hw_answer_field(a, "stack_cut", NULL, hw_flag(g->is_cut));
	hw_answer_field(a, "created_by", NULL, hw_null());
	hw_answer_field(a, "wait", NULL, hw_null());
	hw_answer_field(a, "retained", NULL, hw_size(g->retained));
	hw_answer_field(a, "retained_blocks", NULL, hw_count(g->blocks));
	hw_answer_field(a, "stack_bytes", NULL, hw_size(g->stack_bytes));
	hw_answer_table(a, "threads", NULL, columns, G_N_ELEMENTS(columns));
	for (guint i = 0; i < g->tids->len; i++) {
		const int32_t tid = g_array_index(g->tids, int32_t, i);
		const struct hw_value row[] = {tid > 0 ? hw_id((uint64_t)tid) : hw_null()};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
	hw_answer_end(a);
}

static void threads_json(struct hw_answer *a, const struct hw_census *c, uint32_t limit)
{
	hw_answer_field(a, "total", NULL, hw_count(c->total));
	hw_answer_field(a, "system", NULL, hw_count(0));
	hw_answer_list(a, "groups", NULL);
	for (guint i = 0; i < MIN(c->groups->len, limit); i++)
		group_json(a, &g_array_index(c->groups, struct hw_census_group, i));
	hw_answer_list_end(a);
}

static void frame_text(struct hw_answer *a, const struct hw_frame *f)
{
	g_autoptr(GString) line = g_string_new("    ");

	if (f->function)
		g_string_append_printf(line, "%s()", f->function);
	else
		g_string_append_printf(line, "0x%" PRIx64, f->pc);
	if (f->module)
		g_string_append_printf(line, " in %s", f->module);
	if (f->file)
		g_string_append_printf(line, ", %s", f->file);
	if (f->file && f->line > 0)
		g_string_append_printf(line, ":%d", (int)f->line);
	hw_answer_line(a, HW_TONE_PLAIN, "%s", line->str);
}

/* "12, 13, 14 and 5 more". Free with g_free(). */
static char *list_tids(const struct hw_census_group *g)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < MIN(g->tids->len, TIDS_SHOWN); i++)
		g_string_append_printf(text, "%s%d", i ? ", " : "",
				       (int)g_array_index(g->tids, int32_t, i));
	if (g->tids->len > TIDS_SHOWN)
		g_string_append_printf(text, " and %u more", g->tids->len - TIDS_SHOWN);
	return g_string_free(text, FALSE);
}

static void group_text(struct hw_answer *a, const struct hw_census_group *g)
{
	const struct hw_thread_stack *t = g->first;
	g_autofree char *tids = list_tids(g);
	g_autofree char *retained = hw_answer_size(a, g->retained);
	g_autofree char *stack = hw_answer_size(a, g->stack_bytes);

	hw_answer_gap(a);
	hw_answer_line(a, HW_TONE_TITLE, "%u thread%s (%s)", g->tids->len,
		       g->tids->len == 1 ? "" : "s", tids);
	hw_answer_line(a, HW_TONE_PLAIN, "  %s held by nothing else; %s of stack", retained, stack);
	for (uint32_t i = 0; i < MIN(t->frame_count, FRAMES_SHOWN); i++)
		frame_text(a, &t->frames[i]);
	if (t->frame_count > FRAMES_SHOWN)
		hw_answer_line(a, HW_TONE_DIM, "    ... %u more frames",
			       t->frame_count - FRAMES_SHOWN);
	if (g->is_cut)
		hw_answer_line(a, HW_TONE_DIM, "    (unwinding ended early)");
}

static void threads_text(struct hw_answer *a, struct hw_session *s, const struct hw_census *c,
			 uint32_t limit)
{
	const guint shown = MIN(c->groups->len, limit);

	hw_answer_target(a, s->target);
	for (guint i = 0; i < shown; i++)
		group_text(a, &g_array_index(c->groups, struct hw_census_group, i));
	hw_holder_more(a, c->groups->len - shown, "group");
	hw_holder_approximate(a, s);
}

void hw_report_threads(struct hw_answer *a, struct hw_session *s, const struct hw_census *c,
		       uint32_t limit)
{
	if (a->is_json)
		threads_json(a, c, limit ? limit : UINT32_MAX);
	else
		threads_text(a, s, c, limit ? limit : HW_ROWS_SHOWN);
}
