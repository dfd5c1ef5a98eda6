/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk why`: the paths from roots to a block, or to many. */
#include "report/holder.h"
#include "report/report.h"
#include <inttypes.h>

#define STEPS_SHOWN 8 /* At each end of a path, in text. */

static void why_json(struct hw_answer *a, struct hw_session *s, const struct hw_why *w,
		     const struct hw_why_request *request)
{
	if (request->is_address)
		hw_holder_spot(a, s, &w->spot);
	hw_answer_begin(a, "matched", NULL);
	hw_answer_field(a, "blocks", NULL, hw_count(w->blocks));
	hw_answer_field(a, "bytes", NULL, hw_size(w->bytes));
	hw_answer_field(a, "reached_blocks", NULL, hw_count(w->reached));
	hw_answer_field(a, "reached_bytes", NULL, hw_size(w->reached_bytes));
	hw_holder_named_json(a, w->types);
	hw_answer_end(a);
	hw_answer_list(a, "paths", NULL);
	for (guint i = 0; i < w->paths->len; i++) {
		const struct hw_why_path *p = &g_array_index(w->paths, struct hw_why_path, i);

		hw_answer_begin(a, NULL, NULL);
		hw_answer_field(a, "blocks", NULL, hw_count(p->blocks));
		hw_answer_field(a, "bytes", NULL, hw_size(p->bytes));
		hw_answer_field(a, "shared", NULL, hw_count(p->shared));
		hw_holder_path_json(a, s, &p->path);
		hw_answer_end(a);
	}
	hw_answer_list_end(a);
	hw_answer_begin(a, "search", NULL);
	hw_answer_field(a, "complete", NULL, hw_flag(w->is_complete));
	hw_answer_field(a, "visited", NULL, hw_count(w->visited));
	hw_answer_end(a);
}

static void path_text(struct hw_answer *a, struct hw_session *s, const struct hw_why_path *p,
		      guint number, bool is_many)
{
	const uint64_t shared = hw_holder_path_shared(s, &p->path, p->shared);
	g_autofree char *bytes = hw_answer_size(a, p->bytes);
	char buf[32];

	hw_answer_gap(a);
	if (!is_many)
		hw_answer_line(a, HW_TONE_TITLE, "Path %u, %" PRIu64 " step%s", number,
			       p->path.length - 1, p->path.length == 2 ? "" : "s");
	else if (p->blocks == 1)
		hw_answer_line(a, HW_TONE_TITLE, "%s in one block", bytes);
	else if (shared == 1)
		hw_answer_line(a, HW_TONE_TITLE, "%s in %s blocks; one path of them:", bytes,
			       hw_text_count(buf, sizeof(buf), p->blocks));
	else
		hw_answer_line(a, HW_TONE_TITLE,
			       "%s in %s blocks; all go through the first %" PRIu64 " of these:",
			       bytes, hw_text_count(buf, sizeof(buf), p->blocks), shared);
	hw_holder_path_text(a, s, &p->path, STEPS_SHOWN);
}

static void matched_text(struct hw_answer *a, struct hw_session *s, const struct hw_why *w,
			 const char *type)
{
	g_autofree char *bytes = hw_answer_size(a, w->bytes);
	g_autofree char *lost = hw_answer_size(a, w->bytes - w->reached_bytes);
	char buf[32], other[32];

	if (!w->blocks) {
		hw_answer_line(a, HW_TONE_PLAIN, "No live block fits.");
		return;
	}
	hw_answer_line(a, HW_TONE_PLAIN, "%s live block%s fit%s: %s.",
		       hw_text_count(buf, sizeof(buf), w->blocks), w->blocks == 1 ? "" : "s",
		       w->blocks == 1 ? "s" : "", bytes);
	if (type)
		hw_holder_named_text(a, w->types, type);
	if (w->reached < w->blocks)
		hw_answer_line(a, HW_TONE_PLAIN, "%s%s of them (%s) are reached by no root.",
			       hw_session_is_complete(s) ? "" : "At most ",
			       hw_text_count(other, sizeof(other), w->blocks - w->reached), lost);
}

static void search_text(struct hw_answer *a, struct hw_session *s, const struct hw_why *w,
			bool is_many)
{
	char buf[32];

	if (!w->paths->len)
		return;
	hw_answer_gap(a);
	if (w->is_full && is_many)
		hw_answer_line(a, HW_TONE_DIM, "More roots hold blocks that fit (--limit).");
	else if (w->is_full)
		hw_answer_line(a, HW_TONE_DIM,
			       "The search was cut short here: more roots may hold it (--limit).");
	else if (!w->is_complete)
		hw_answer_line(a, HW_TONE_WARN,
			       "The search was cut short: further roots were not found within %s "
			       "blocks.",
			       hw_text_count(buf, sizeof(buf), w->visited));
	else if (!is_many && hw_session_is_complete(s))
		hw_answer_line(a, HW_TONE_DIM, "No other root holds it.");
}

static void why_text(struct hw_answer *a, struct hw_session *s, const struct hw_why *w,
		     const struct hw_why_request *request)
{
	const bool is_many = !request->is_address;

	hw_answer_target(a, s->target);
	hw_answer_gap(a);
	if (is_many)
		matched_text(a, s, w, request->type);
	else
		hw_holder_spot(a, s, &w->spot);
	for (guint i = 0; i < w->paths->len; i++)
		path_text(a, s, &g_array_index(w->paths, struct hw_why_path, i), i + 1, is_many);
	search_text(a, s, w, is_many);
	hw_answer_completeness(a, &s->notes, false);
}

void hw_report_why(struct hw_answer *a, struct hw_session *s, const struct hw_why *w,
		   const struct hw_why_request *request)
{
	if (a->is_json)
		why_json(a, s, w, request);
	else
		why_text(a, s, w, request);
}
