/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk pins`: blocks that only pointers into their middle keep alive. */
#include "report/holder.h"
#include "report/report.h"
#include <inttypes.h>

#define PINS_JSON   1000 /* In JSON, without --limit: each has a path. */
#define STEPS_SHOWN 3

static void holder_json(struct hw_answer *a, struct hw_session *s, const struct hw_pin_holder *h)
{
	const uint32_t blocks = s->graph->blocks;
	const bool is_root = h->node >= blocks;

	hw_answer_begin(a, NULL, NULL);
	hw_answer_field(a, "kind", NULL, hw_text(is_root ? "root" : "block"));
	hw_answer_field(a, "address", NULL,
			is_root ? h->slot ? hw_address(h->slot) : hw_null()
				: hw_address(hw_table_addr(s->table, h->node)));
	hw_answer_field(a, "into", NULL, hw_size(h->into));
	if (is_root)
		hw_holder_root_json(a, "root", &s->roots->nodes[h->node - blocks]);
	else
		hw_answer_field(a, "root", NULL, hw_null());
	hw_answer_end(a);
}

static void pin_json(struct hw_answer *a, struct hw_session *s, const struct hw_pin *p)
{
	struct hw_path path;

	hw_path_find(s, p->block, &path);
	hw_answer_begin(a, NULL, NULL);
	hw_answer_field(a, "address", NULL, hw_address(hw_table_addr(s->table, p->block)));
	hw_answer_field(a, "size", NULL, hw_size(p->size));
	hw_answer_field(a, "type", NULL, hw_text(hw_session_type(s, p->block)));
	hw_answer_field(a, "visible", NULL, hw_null());
	hw_answer_field(a, "wasted", NULL, hw_null());
	hw_answer_field(a, "kind", NULL, hw_text("interior"));
	hw_answer_field(a, "slack", NULL, hw_null());
	hw_answer_field(a, "views", NULL, hw_count(p->views));
	hw_answer_field(a, "first_into", NULL, p->views ? hw_size(p->first_into) : hw_null());
	hw_answer_field(a, "last_into", NULL, p->views ? hw_size(p->last_into) : hw_null());
	hw_answer_field(
	    a, "confidence", NULL,
	    hw_text(hw_confidence_names[hw_session_is_complete(s) ? HW_CONSERVATIVE : HW_GUESSED]));
	hw_answer_list(a, "holders", NULL);
	for (uint32_t i = 0; i < p->holder_count; i++)
		holder_json(a, s, &p->holders[i]);
	hw_answer_list_end(a);
	hw_answer_begin(a, "path", NULL);
	hw_holder_path_json(a, s, &path);
	hw_answer_end(a);
	hw_answer_end(a);
}

static void pins_json(struct hw_answer *a, struct hw_session *s, const struct hw_pins *p,
		      uint32_t limit)
{
	hw_answer_list(a, "pins", NULL);
	for (guint i = 0; i < MIN(p->pins->len, limit); i++)
		pin_json(a, s, &g_array_index(p->pins, struct hw_pin, i));
	hw_answer_list_end(a);
	hw_answer_begin(a, "totals", NULL);
	hw_answer_field(a, "blocks", NULL, hw_count(p->blocks));
	hw_answer_field(a, "size", NULL, hw_size(p->size));
	/* Sums over pins whose visible part is known: none without types. */
	hw_answer_field(a, "visible", NULL, hw_size(0));
	hw_answer_field(a, "wasted", NULL, hw_size(0));
	hw_answer_end(a);
	hw_answer_field(a, "min", NULL, hw_size(p->min));
	hw_answer_field(a, "excused", NULL, hw_count(p->excused));
}

static void pin_text(struct hw_answer *a, struct hw_session *s, const struct hw_pin *p)
{
	g_autofree char *block = hw_holder_block(a, s, p->block);
	g_autofree char *range = NULL;
	struct hw_path path;
	char buf[32];

	hw_path_find(s, p->block, &path);
	range = p->first_into == p->last_into
		    ? g_strdup_printf("%" PRIu64, p->first_into)
		    : g_strdup_printf("%" PRIu64 " to %" PRIu64, p->first_into, p->last_into);
	hw_answer_gap(a);
	hw_answer_line(a, HW_TONE_TITLE, "%s: %s pointer%s, %s bytes in", block,
		       hw_text_count(buf, sizeof(buf), p->views), p->views == 1 ? "" : "s", range);
	hw_holder_path_text(a, s, &path, STEPS_SHOWN);
}

static void pins_text(struct hw_answer *a, struct hw_session *s, const struct hw_pins *p,
		      uint32_t limit)
{
	const guint shown = MIN(p->pins->len, limit);
	g_autofree char *size = hw_answer_size(a, p->size);
	g_autofree char *min = hw_answer_size(a, p->min);
	char buf[32];

	hw_answer_target(a, s->target);
	hw_answer_gap(a);
	if (!p->blocks)
		hw_answer_line(a, HW_TONE_PLAIN,
			       "No block of %s or more is held by interior pointers alone.", min);
	else
		hw_answer_line(a, HW_TONE_PLAIN,
			       "%s block%s of %s or more %s held by interior pointers alone: %s. "
			       "How much of that is needed is not known.",
			       hw_text_count(buf, sizeof(buf), p->blocks),
			       p->blocks == 1 ? "" : "s", min, p->blocks == 1 ? "is" : "are", size);
	if (p->blocks && !hw_session_is_complete(s))
		hw_answer_line(a, HW_TONE_WARN,
			       "Guessed: a pointer to the start may be in what "
			       "could not be read.");
	for (guint i = 0; i < shown; i++)
		pin_text(a, s, &g_array_index(p->pins, struct hw_pin, i));
	hw_holder_more(a, p->pins->len - shown, "pin");
	hw_answer_completeness(a, &s->notes, false);
}

void hw_report_pins(struct hw_answer *a, struct hw_session *s, const struct hw_pins *p,
		    uint32_t limit)
{
	if (a->is_json)
		pins_json(a, s, p, limit ? limit : PINS_JSON);
	else
		pins_text(a, s, p, limit ? limit : HW_ROWS_SHOWN);
}
