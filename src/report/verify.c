/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk verify`: what contradicts its own format, and where. */
#include "report/report.h"
#include <inttypes.h>

static const struct hw_column damage_columns[] = {
    {"address", "address", HW_KIND_ADDR, 0},
    {"message", "what is wrong", HW_KIND_TEXT, 0},
};

static const struct hw_column heap_columns[] = {
    {"heap", "heap", HW_KIND_TEXT, 0},          {"plugin", "", HW_KIND_TEXT, HW_COLUMN_JSON},
    {"name", "", HW_KIND_TEXT, HW_COLUMN_JSON}, {"checked", "checked", HW_KIND_FLAG, 0},
    {"problems", "problems", HW_KIND_COUNT, 0},
};

static void emit_heaps(struct hw_answer *a, const struct hw_verify *v)
{
	if (!a->is_json && !v->heaps->len)
		return;
	hw_answer_gap(a);
	hw_answer_table(a, "heaps", NULL, heap_columns, G_N_ELEMENTS(heap_columns));
	for (guint i = 0; i < v->heaps->len; i++) {
		const struct hw_verify_heap *h = &g_array_index(v->heaps, struct hw_verify_heap, i);
		g_autofree char *label = hw_session_heap_label(h->heap);
		const struct hw_value row[] = {
		    hw_text(label),         hw_text(h->heap->plugin->name),
		    hw_text(h->heap->name), hw_flag(h->checked),
		    hw_count(h->damage),
		};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
}

/* A damage message is not shortened: it may be the only place that tells. */
static void damage_text(struct hw_answer *a, const struct hw_notes *notes)
{
	if (notes->damage->len)
		hw_answer_gap(a);
	for (guint i = 0; i < notes->damage->len; i++) {
		const struct hw_damage *d = notes->damage->pdata[i];

		if (d->addr)
			hw_answer_line(a, HW_TONE_PLAIN, "  0x%" PRIx64 "  %s", d->addr,
				       d->message);
		else
			hw_answer_line(a, HW_TONE_PLAIN, "  %s", d->message);
	}
	if (notes->damage_count > notes->damage->len)
		hw_answer_line(a, HW_TONE_PLAIN, "  and %" PRIu64 " more",
			       notes->damage_count - notes->damage->len);
}

static void damage_json(struct hw_answer *a, const struct hw_notes *notes)
{
	hw_answer_table(a, "damage", NULL, damage_columns, G_N_ELEMENTS(damage_columns));
	for (guint i = 0; i < notes->damage->len; i++) {
		const struct hw_damage *d = notes->damage->pdata[i];
		const struct hw_value row[] = {d->addr ? hw_address(d->addr) : hw_null(),
					       hw_text(d->message)};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
}

static void verdict_text(struct hw_answer *a, const struct hw_session *session,
			 const struct hw_verify *v)
{
	char count[32];

	hw_answer_gap(a);
	if (v->damage)
		hw_answer_line(a, HW_TONE_WARN, "%s problem%s",
			       hw_text_count(count, sizeof(count), v->damage),
			       v->damage == 1 ? "" : "s");
	else if (!v->heaps->len)
		hw_answer_line(a, HW_TONE_WARN, "no heap to check, no damage found");
	else if (session->notes.incomplete)
		hw_answer_line(a, HW_TONE_WARN, "no damage found in what could be read");
	else
		hw_answer_line(a, HW_TONE_GOOD, "no damage found");
}

void hw_report_verify(struct hw_answer *a, struct hw_session *session, const struct hw_verify *v)
{
	hw_answer_target(a, session->target);
	hw_answer_field(a, "problems", NULL, hw_count(v->damage));
	hw_answer_field(a, "before_heaps", NULL, hw_count(v->before));
	emit_heaps(a, v);
	if (a->is_json) {
		damage_json(a, &session->notes);
		return;
	}
	damage_text(a, &session->notes);
	if (!v->damage)
		hw_answer_completeness(a, &session->notes, false);
	verdict_text(a, session, v);
}
