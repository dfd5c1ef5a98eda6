/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk goroutines` and `heapwalk goroutine N`. Stacks are shown as the runtime's own
 * traceback shows them: without the runtime's inner functions, unless there is nothing
 * else. */
#include "report/holder.h"
#include "report/report.h"
#include <inttypes.h>

#define FRAMES_SHOWN 16 /* In text. */
#define IDS_SHOWN    8
#define IDS_JSON     1000

static const struct hw_column call_columns[] = {
    {"function", "", HW_KIND_TEXT, 0}, {"file", "", HW_KIND_TEXT, 0},
    {"line", "", HW_KIND_COUNT, 0},    {"pc", "", HW_KIND_ADDR, 0},
    {"inlined", "", HW_KIND_FLAG, 0},  {"runtime", "", HW_KIND_FLAG, 0},
};

static void call_row(struct hw_answer *a, const struct hw_task_call *c)
{
	const struct hw_value row[] = {
	    hw_text(c->function),
	    c->file ? hw_text(c->file) : hw_null(),
	    c->line ? hw_count(c->line) : hw_null(),
	    hw_address(c->pc),
	    hw_flag(c->flags & HW_CALL_INLINED),
	    hw_flag(c->flags & HW_CALL_HIDDEN),
	};

	hw_answer_row(a, row);
}

/* all: also what traceback leaves out. */
static void stack_json(struct hw_answer *a, const GArray *calls, bool all)
{
	hw_answer_table(a, "stack", NULL, call_columns, G_N_ELEMENTS(call_columns));
	for (guint i = 0; i < calls->len; i++) {
		const struct hw_task_call *c = &g_array_index(calls, struct hw_task_call, i);

		if (all || !(c->flags & HW_CALL_HIDDEN))
			call_row(a, c);
	}
	hw_answer_table_end(a);
}

static void place_json(struct hw_answer *a, const char *key, const struct hw_task_call *c,
		       uint64_t parent, bool is_creator)
{
	if (!c) {
		hw_answer_field(a, key, NULL, hw_null());
		return;
	}
	hw_answer_begin(a, key, NULL);
	hw_answer_field(a, "function", NULL, hw_text(c->function));
	hw_answer_field(a, "file", NULL, c->file ? hw_text(c->file) : hw_null());
	hw_answer_field(a, "line", NULL, c->line ? hw_count(c->line) : hw_null());
	if (is_creator)
		hw_answer_field(a, "goroutine", NULL, parent ? hw_id(parent) : hw_null());
	hw_answer_end(a);
}

static struct hw_value seconds(int64_t ns)
{
	return ns < 0 ? hw_null() : hw_count((uint64_t)ns / 1000000000);
}

static void wait_json(struct hw_answer *a, const char *state, const char *status, int64_t longest,
		      int64_t shortest, int64_t about)
{
	const bool has_reason = !g_str_equal(state, status);

	if (!has_reason && longest < 0) {
		hw_answer_field(a, "wait", NULL, hw_null());
		return;
	}
	hw_answer_begin(a, "wait", NULL);
	hw_answer_field(a, "reason", NULL, has_reason ? hw_text(state) : hw_null());
	hw_answer_field(a, "seconds", NULL, seconds(longest));
	hw_answer_field(a, "seconds_shortest", NULL, seconds(shortest));
	hw_answer_field(a, "seconds_about", NULL, seconds(about));
	hw_answer_end(a);
}

static void ids_json(struct hw_answer *a, const GArray *ids)
{
	static const struct hw_column columns[] = {{"id", "", HW_KIND_ID, 0}};
	const guint shown = MIN(ids->len, IDS_JSON);

	hw_answer_table(a, "goroutines", NULL, columns, G_N_ELEMENTS(columns));
	for (guint i = 0; i < shown; i++) {
		const struct hw_value row[] = {hw_id(g_array_index(ids, uint64_t, i))};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
	hw_answer_field(a, "goroutines_omitted", NULL, hw_count(ids->len - shown));
}

static void retained_json(struct hw_answer *a, bool is_known, uint64_t bytes, uint64_t blocks)
{
	hw_answer_field(a, "retained", NULL, is_known ? hw_size(bytes) : hw_null());
	hw_answer_field(a, "retained_blocks", NULL, is_known ? hw_count(blocks) : hw_null());
}

static void group_json(struct hw_answer *a, const struct hw_task_group *g, bool all)
{
	hw_answer_begin(a, NULL, NULL);
	hw_answer_field(a, "count", NULL, hw_count(g->ids->len));
	hw_answer_field(a, "state", NULL, hw_text(g->state));
	hw_answer_field(a, "status", NULL, hw_text(g->status));
	hw_answer_field(a, "system", NULL, hw_flag(g->flags & HW_GOROUTINE_SYSTEM));
	hw_answer_field(a, "locked", NULL, hw_flag(g->flags & HW_GOROUTINE_LOCKED));
	stack_json(a, g->calls, all);
	hw_answer_field(a, "stack_cut", NULL, hw_flag(g->flags & HW_GOROUTINE_CUT));
	place_json(a, "created_by", g->creator, g->parent, true);
	wait_json(a, g->state, g->status, g->wait_longest_ns, g->wait_shortest_ns,
		  g->wait_about_ns);
	retained_json(a, g->is_retained_known, g->retained, g->retained_blocks);
	hw_answer_field(a, "stack_bytes", NULL, hw_size(g->stack_bytes));
	ids_json(a, g->ids);
	hw_answer_end(a);
}

static const struct hw_column state_columns[] = {
    {"state", "state", HW_KIND_TEXT, 0},
    {"count", "goroutines", HW_KIND_COUNT, 0},
};

static void states_table(struct hw_answer *a, const struct hw_tasks *t)
{
	hw_answer_table(a, "states", NULL, state_columns, G_N_ELEMENTS(state_columns));
	for (guint i = 0; i < t->states->len; i++) {
		const struct hw_task_state *s = &g_array_index(t->states, struct hw_task_state, i);
		const struct hw_value row[] = {hw_text(s->state), hw_count(s->count)};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
}

static void tasks_json(struct hw_answer *a, const struct hw_tasks *t, uint32_t limit, bool all)
{
	const guint shown = MIN(t->groups->len, limit);
	const bool is_listed = t->total || !t->is_known; /* A runtime has at least one. */

	hw_answer_field(a, "total", NULL, is_listed ? hw_count(t->total) : hw_null());
	hw_answer_field(a, "system", NULL, is_listed ? hw_count(t->system) : hw_null());
	hw_answer_field(a, "unread", NULL, hw_count(t->unread));
	hw_answer_field(a, "matched", NULL, hw_count(t->matched));
	states_table(a, t);
	hw_answer_list(a, "groups", NULL);
	for (guint i = 0; i < shown; i++)
		group_json(a, &g_array_index(t->groups, struct hw_task_group, i), all);
	hw_answer_list_end(a);
	hw_answer_field(a, "groups_omitted", NULL, hw_count(t->groups->len - shown));
}

/* Text. */

static void place_text(struct hw_answer *a, const struct hw_task_call *c)
{
	if (c->file && c->line)
		hw_answer_line(a, HW_TONE_DIM, "        %s:%u", c->file, c->line);
	else if (c->file)
		hw_answer_line(a, HW_TONE_DIM, "        %s", c->file);
}

static void stack_text(struct hw_answer *a, const GArray *calls, bool all, guint most)
{
	guint shown = 0, hidden = 0;

	for (guint i = 0; i < calls->len; i++) {
		const struct hw_task_call *c = &g_array_index(calls, struct hw_task_call, i);
		const bool is_hidden = c->flags & HW_CALL_HIDDEN;
		g_autoptr(GString) line = g_string_new("    ");

		if (is_hidden && !all)
			continue;
		if (shown++ >= most) {
			hidden++;
			continue;
		}
		g_string_append(line, c->function);
		if (c->flags & HW_CALL_INLINED)
			g_string_append(line, " (inlined)");
		hw_answer_line(a, is_hidden ? HW_TONE_DIM : HW_TONE_PLAIN, "%s", line->str);
		place_text(a, c);
	}
	if (hidden)
		hw_answer_line(a, HW_TONE_DIM, "    ... %u more calls", hidden);
}

static void creator_text(struct hw_answer *a, const struct hw_task_call *c, uint64_t parent)
{
	g_autoptr(GString) line = g_string_new("    created by ");

	if (!c)
		return;
	g_string_append(line, c->function);
	if (parent)
		g_string_append_printf(line, " in goroutine %" PRIu64, parent);
	hw_answer_line(a, HW_TONE_PLAIN, "%s", line->str);
	place_text(a, c);
}

/* "12, 13, 14 and 5 more". Free with g_free(). */
static char *list_ids(const GArray *ids)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < MIN(ids->len, IDS_SHOWN); i++)
		g_string_append_printf(text, "%s%" PRIu64, i ? ", " : "",
				       g_array_index(ids, uint64_t, i));
	if (ids->len > IDS_SHOWN)
		g_string_append_printf(text, " and %u more", ids->len - IDS_SHOWN);
	return g_string_free(text, FALSE);
}

/* NULL below a second. Free with g_free(). */
static char *write_wait(int64_t ns)
{
	const int64_t s = ns / 1000000000;

	if (s < 1)
		return NULL;
	if (s < 120)
		return g_strdup_printf("%" PRId64 " s", s);
	if (s < 7200)
		return g_strdup_printf("%" PRId64 " min", s / 60);
	return g_strdup_printf("%" PRId64 " h", s / 3600);
}

static void append_wait(GString *line, int64_t least_ns, int64_t about_ns)
{
	g_autofree char *least = write_wait(least_ns);
	g_autofree char *about = write_wait(about_ns);

	if (about && g_strcmp0(least, about) != 0)
		g_string_append_printf(line, ", about %s", about);
	if (least)
		g_string_append_printf(line, ", at least %s", least);
}

static void append_flags(GString *line, uint32_t flags)
{
	if (flags & HW_GOROUTINE_LOCKED)
		g_string_append(line, ", locked to thread");
	if (flags & HW_GOROUTINE_SYSTEM)
		g_string_append(line, ", the runtime's own");
}

static void group_text(struct hw_answer *a, const struct hw_task_group *g, bool all)
{
	g_autofree char *ids = list_ids(g->ids);
	g_autofree char *stack = hw_answer_size(a, g->stack_bytes);
	g_autoptr(GString) line = g_string_new(NULL);

	g_string_append_printf(line, "%u goroutine%s: %s", g->ids->len, g->ids->len == 1 ? "" : "s",
			       g->state);
	append_wait(line, g->wait_longest_ns, g->wait_about_ns);
	append_flags(line, g->flags);
	hw_answer_gap(a);
	hw_answer_line(a, HW_TONE_TITLE, "%s", line->str);
	if (g->is_retained_known) {
		g_autofree char *retained = hw_answer_size(a, g->retained);

		hw_answer_line(a, HW_TONE_PLAIN, "  %s held by nothing else", retained);
	}
	hw_answer_line(a, HW_TONE_DIM, "  %s; %s of stack", ids, stack);
	stack_text(a, g->calls, all, FRAMES_SHOWN);
	creator_text(a, g->creator, g->parent);
	if (g->flags & HW_GOROUTINE_CUT)
		hw_answer_line(a, HW_TONE_WARN, "    (unwinding ended early)");
}

static void tasks_text(struct hw_answer *a, struct hw_session *s, const struct hw_tasks *t,
		       uint32_t limit, bool all)
{
	const guint shown = MIN(t->groups->len, limit);

	hw_answer_target(a, s->target);
	hw_answer_gap(a);
	if (!t->is_known) {
		hw_answer_line(a, HW_TONE_PLAIN, "No runtime with goroutines was found.");
		hw_answer_completeness(a, &s->notes, false);
		return;
	}
	if (!t->total) {
		hw_answer_line(a, HW_TONE_PLAIN, "The goroutines could not be listed.");
		hw_answer_completeness(a, &s->notes, false);
		return;
	}
	hw_answer_line(a, HW_TONE_TITLE,
		       "%" PRIu64 " goroutines, and %" PRIu64 " of the runtime's own",
		       t->total - t->system, t->system);
	if (t->unread)
		hw_answer_line(a, HW_TONE_PLAIN,
			       "Up to %" PRIu64 " more could not be read: these are not all.",
			       t->unread);
	if (t->states->len)
		states_table(a, t);
	if (t->matched != t->total)
		hw_answer_line(a, HW_TONE_PLAIN, "Matching: %" PRIu64 ".", t->matched);
	for (guint i = 0; i < shown; i++)
		group_text(a, &g_array_index(t->groups, struct hw_task_group, i), all);
	hw_holder_more(a, t->groups->len - shown, "group");
	if (s->graph)
		hw_holder_approximate(a, s);
	else
		hw_answer_completeness(a, &s->notes, false);
}

void hw_report_goroutines(struct hw_answer *a, struct hw_session *s, const struct hw_tasks *t,
			  uint32_t limit, bool all)
{
	if (a->is_json)
		tasks_json(a, t, limit ? limit : UINT32_MAX, all);
	else
		tasks_text(a, s, t, limit ? limit : HW_ROWS_SHOWN, all);
}

static void labels_json(struct hw_answer *a, const struct hw_task *t, bool strings)
{
	static const struct hw_column columns[] = {{"key", "", HW_KIND_TEXT, 0},
						   {"value", "", HW_KIND_TEXT, 0}};

	hw_answer_field(a, "label_count", NULL, hw_count(t->labels->len / 2));
	if (!strings)
		return;
	hw_answer_table(a, "labels", NULL, columns, G_N_ELEMENTS(columns));
	for (guint i = 0; i + 1 < t->labels->len; i += 2) {
		const struct hw_value row[] = {hw_text(t->labels->pdata[i]),
					       hw_text(t->labels->pdata[i + 1])};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
}

static void task_json(struct hw_answer *a, const struct hw_task *t, bool strings)
{
	const struct hw_goroutine *g = &t->info;

	hw_answer_field(a, "id", NULL, hw_id(g->id));
	hw_answer_field(a, "address", NULL, hw_address(g->addr));
	hw_answer_field(a, "state", NULL, hw_text(g->state));
	hw_answer_field(a, "status", NULL, hw_text(g->status));
	hw_answer_field(a, "system", NULL, hw_flag(g->flags & HW_GOROUTINE_SYSTEM));
	hw_answer_field(a, "locked", NULL, hw_flag(g->flags & HW_GOROUTINE_LOCKED));
	hw_answer_field(a, "tid", NULL, g->tid > 0 ? hw_id((uint64_t)g->tid) : hw_null());
	stack_json(a, t->calls, true);
	hw_answer_field(a, "stack_cut", NULL, hw_flag(g->flags & HW_GOROUTINE_CUT));
	place_json(a, "created_by", t->creator, g->parent, true);
	place_json(a, "started", t->start, 0, false);
	wait_json(a, g->state, g->status, g->wait_ns, g->wait_ns, g->wait_about_ns);
	retained_json(a, t->is_retained_known, t->retained, t->retained_blocks);
	hw_answer_field(a, "stack_start", NULL, hw_address(g->stack_start));
	hw_answer_field(a, "stack_end", NULL, hw_address(g->stack_end));
	hw_answer_field(a, "stack_bytes", NULL, hw_size(g->stack_end - g->stack_start));
	labels_json(a, t, strings);
}

static void task_text(struct hw_answer *a, struct hw_session *s, const struct hw_task *t,
		      bool strings)
{
	const struct hw_goroutine *g = &t->info;
	g_autoptr(GString) line = g_string_new(NULL);
	g_autofree char *size = hw_answer_size(a, g->stack_end - g->stack_start);

	hw_answer_target(a, s->target);
	hw_answer_gap(a);
	g_string_append_printf(line, "goroutine %" PRIu64 ": %s", g->id, g->state);
	append_wait(line, g->wait_ns, g->wait_about_ns);
	append_flags(line, g->flags);
	hw_answer_line(a, HW_TONE_TITLE, "%s", line->str);
	hw_answer_line(a, HW_TONE_PLAIN,
		       "  g at 0x%" PRIx64 ", stack 0x%" PRIx64 " to 0x%" PRIx64 ", %s", g->addr,
		       g->stack_start, g->stack_end, size);
	if (g->tid > 0)
		hw_answer_line(a, HW_TONE_PLAIN, "  on thread %d", (int)g->tid);
	if (t->is_retained_known) {
		g_autofree char *retained = hw_answer_size(a, t->retained);

		hw_answer_line(a, HW_TONE_PLAIN, "  %s held by nothing else", retained);
	}
	if (t->labels->len && !strings)
		hw_answer_line(a, HW_TONE_PLAIN, "  %u label%s (--show-strings shows them)",
			       t->labels->len / 2, t->labels->len == 2 ? "" : "s");
	for (guint i = 0; strings && i + 1 < t->labels->len; i += 2)
		hw_answer_line(a, HW_TONE_PLAIN, "  label %s: %s",
			       (const char *)t->labels->pdata[i],
			       (const char *)t->labels->pdata[i + 1]);
	stack_text(a, t->calls, true, UINT_MAX);
	creator_text(a, t->creator, g->parent);
	if (g->flags & HW_GOROUTINE_CUT)
		hw_answer_line(a, HW_TONE_WARN, "    (unwinding ended early)");
	if (s->graph)
		hw_holder_approximate(a, s);
	else
		hw_answer_completeness(a, &s->notes, false);
}

void hw_report_goroutine(struct hw_answer *a, struct hw_session *s, const struct hw_task *t,
			 bool strings)
{
	if (a->is_json)
		task_json(a, t, strings);
	else
		task_text(a, s, t, strings);
}
