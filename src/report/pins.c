/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk pins`: blocks that are kept by references which see only a part of them. */
#include "report/holder.h"
#include "report/pin_groups.h"
#include "report/report.h"
#include <inttypes.h>

#define PINS_JSON   1000 /* In JSON, without --limit: each has a path. */
#define STEPS_SHOWN 3

static const char *const view_names[HW_VIEW_KINDS] = {"pointer", "string", "slice", "whole"};

static void view_json(struct hw_answer *a, const struct hw_pin_holder *h)
{
	if (!h->has_view) {
		hw_answer_field(a, "view", NULL, hw_null());
		return;
	}
	hw_answer_begin(a, "view", NULL);
	hw_answer_field(a, "kind", NULL, hw_text(view_names[h->view.kind]));
	hw_answer_field(a, "length", NULL, hw_size(h->view.length));
	hw_answer_field(a, "capacity", NULL,
			hw_size(h->view.kind == HW_VIEW_SLICE ? h->view.capacity : h->view.length));
	hw_answer_field(a, "confidence", NULL, hw_text(hw_confidence_names[h->view.confidence]));
	hw_answer_end(a);
}

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
	view_json(a, h);
	if (is_root)
		hw_holder_root_json(a, "root", &s->roots->nodes[h->node - blocks]);
	else
		hw_answer_field(a, "root", NULL, hw_null());
	hw_answer_end(a);
}

static struct hw_value size_or_null(bool is_known, uint64_t size)
{
	return is_known ? hw_size(size) : hw_null();
}

static void pin_json(struct hw_answer *a, struct hw_session *s, const struct hw_pin *p)
{
	const struct hw_sight *sight = &p->sight;
	g_autoptr(GArray) site = hw_pin_site(s, p->block);
	struct hw_path path;

	hw_path_find(s, p->block, &path);
	hw_answer_begin(a, NULL, NULL);
	hw_answer_field(a, "address", NULL, hw_address(hw_table_addr(s->table, p->block)));
	hw_answer_field(a, "size", NULL, hw_size(p->size));
	hw_answer_field(a, "type", NULL, hw_text(hw_session_type(s, p->block)));
	hw_answer_field(a, "visible", NULL, size_or_null(sight->is_known, sight->visible));
	hw_answer_field(a, "wasted", NULL, size_or_null(sight->is_known, p->wasted));
	hw_answer_field(a, "kind", NULL, hw_text(hw_pin_kind_names[sight->kind]));
	hw_answer_field(a, "slack", NULL, size_or_null(sight->is_known, sight->slack));
	hw_answer_field(a, "views", NULL, hw_count(p->views));
	hw_answer_field(a, "first_into", NULL, size_or_null(p->views != 0, p->first_into));
	hw_answer_field(a, "last_into", NULL, size_or_null(p->views != 0, p->last_into));
	hw_answer_field(a, "confidence", NULL, hw_text(hw_confidence_names[sight->confidence]));
	hw_report_pin_site(a, "site", site);
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
		      const struct hw_pin_groups *groups, uint32_t limit)
{
	if (groups)
		hw_report_pin_groups_json(a, s, groups, limit);
	hw_answer_list(a, "pins", NULL);
	for (guint i = 0; i < MIN(p->pins->len, limit); i++)
		pin_json(a, s, &g_array_index(p->pins, struct hw_pin, i));
	hw_answer_list_end(a);
	hw_answer_begin(a, "totals", NULL);
	hw_answer_field(a, "blocks", NULL, hw_count(p->blocks));
	hw_answer_field(a, "size", NULL, hw_size(p->size));
	hw_answer_field(a, "known", NULL, hw_count(p->known));
	hw_answer_field(a, "visible", NULL, hw_size(p->visible));
	hw_answer_field(a, "wasted", NULL, hw_size(p->wasted));
	hw_answer_field(a, "slack", NULL, hw_size(p->slack));
	hw_report_pins_guessed_json(a, &p->guessed);
	hw_answer_end(a);
	hw_answer_field(a, "min", NULL, hw_size(p->min));
	hw_answer_field(a, "excused", NULL, hw_count(p->excused));
}

/* "3 pointers, 8 to 64 bytes in" */
static char *interior_text(const struct hw_pin *p)
{
	char buf[32];
	const char *count = hw_text_count(buf, sizeof(buf), p->views);
	const char *plural = p->views == 1 ? "" : "s";

	if (p->first_into == p->last_into)
		return g_strdup_printf("%s pointer%s, %" PRIu64 " bytes in", count, plural,
				       p->first_into);
	return g_strdup_printf("%s pointer%s, %" PRIu64 " to %" PRIu64 " bytes in", count, plural,
			       p->first_into, p->last_into);
}

/* "visible 1 B of 1.00 MiB, string" */
static char *visible_text(struct hw_answer *a, const struct hw_pin *p)
{
	g_autofree char *visible = hw_answer_size(a, p->sight.visible);
	g_autofree char *size = hw_answer_size(a, p->size);
	g_autofree char *slack = hw_answer_size(a, p->sight.slack);
	char buf[32];

	return g_strdup_printf("visible %s of %s, %s%s%s%s%s%s", visible, size,
			       hw_pin_kind_names[p->sight.kind], p->sight.slack ? ", slack " : "",
			       p->sight.slack ? slack : "", p->views > 1 ? ", views: " : "",
			       p->views > 1 ? hw_text_count(buf, sizeof(buf), p->views) : "",
			       p->sight.confidence == HW_GUESSED ? " (guessed)" : "");
}

static void pin_text(struct hw_answer *a, struct hw_session *s, const struct hw_pin *p)
{
	g_autofree char *block = hw_holder_block(a, s, p->block);
	g_autofree char *seen = p->sight.is_known ? visible_text(a, p) : interior_text(p);
	struct hw_path path;

	hw_path_find(s, p->block, &path);
	hw_answer_gap(a);
	hw_answer_line(a, HW_TONE_TITLE, "%s: %s", block, seen);
	hw_holder_path_text(a, s, &path, STEPS_SHOWN);
}

static void guessed_text(struct hw_answer *a, const struct hw_pins *p)
{
	g_autofree char *wasted = hw_answer_size(a, p->guessed.wasted);
	char buf[32];

	if (p->guessed.blocks)
		hw_answer_line(a, HW_TONE_PLAIN,
			       "Of these %s %s guessed, from words beside the pointers that can be "
			       "lengths: %s wasted.",
			       hw_text_count(buf, sizeof(buf), p->guessed.blocks),
			       p->guessed.blocks == 1 ? "is" : "are", wasted);
}

static void known_text(struct hw_answer *a, const struct hw_pins *p, const char *min)
{
	g_autofree char *size = hw_answer_size(a, p->known_size);
	g_autofree char *visible = hw_answer_size(a, p->visible);
	g_autofree char *wasted = hw_answer_size(a, p->wasted);
	g_autofree char *slack = hw_answer_size(a, p->slack);
	char buf[32];

	hw_answer_line(a, HW_TONE_PLAIN,
		       "%s block%s of %s or more %s seen in part only: visible %s of %s, wasted "
		       "%s%s%s%s.",
		       hw_text_count(buf, sizeof(buf), p->known), p->known == 1 ? "" : "s", min,
		       p->known == 1 ? "is" : "are", visible, size, wasted,
		       p->slack ? " (of it " : "", p->slack ? slack : "",
		       p->slack ? " capacity of slices)" : "");
}

static void unknown_text(struct hw_answer *a, const struct hw_pins *p, const char *min)
{
	const uint64_t count = p->blocks - p->known;
	g_autofree char *size = hw_answer_size(a, p->size - p->known_size);
	char buf[32];

	hw_answer_line(a, HW_TONE_PLAIN,
		       "%s block%s of %s or more %s held by interior pointers alone: %s. "
		       "How much of that is needed is not known.",
		       hw_text_count(buf, sizeof(buf), count), count == 1 ? "" : "s", min,
		       count == 1 ? "is" : "are", size);
}

static void list_text(struct hw_answer *a, struct hw_session *s, const struct hw_pins *p,
		      uint32_t limit)
{
	const guint shown = MIN(p->pins->len, limit);

	for (guint i = 0; i < shown; i++)
		pin_text(a, s, &g_array_index(p->pins, struct hw_pin, i));
	hw_holder_more(a, p->pins->len - shown, "pin");
}

static void pins_text(struct hw_answer *a, struct hw_session *s, const struct hw_pins *p,
		      const struct hw_pin_groups *groups, uint32_t limit)
{
	g_autofree char *min = hw_answer_size(a, p->min);

	hw_answer_target(a, s->target);
	hw_answer_gap(a);
	if (!p->blocks)
		hw_answer_line(
		    a, HW_TONE_PLAIN,
		    "No block of %s or more is held by interior pointers or views alone.", min);
	if (p->known)
		known_text(a, p, min);
	if (hw_session_is_complete(s))
		guessed_text(a, p);
	if (p->blocks > p->known)
		unknown_text(a, p, min);
	if (p->blocks && !hw_session_is_complete(s))
		hw_answer_line(a, HW_TONE_WARN,
			       "Guessed: a reference that sees more may be in what could not be "
			       "read.");
	if (groups)
		hw_report_pin_groups_text(a, s, groups, limit);
	else
		list_text(a, s, p, limit);
	hw_answer_completeness(a, &s->notes, false);
}

void hw_report_pins(struct hw_answer *a, struct hw_session *s, const struct hw_pins *p,
		    const struct hw_pin_groups *groups, uint32_t limit)
{
	if (a->is_json)
		pins_json(a, s, p, groups, limit ? limit : PINS_JSON);
	else
		pins_text(a, s, p, groups, limit ? limit : HW_ROWS_SHOWN);
}
