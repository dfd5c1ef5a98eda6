/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk pins --by`: a line for each group. */
#include "report/pin_groups.h"
#include "report/holder.h"
#include <inttypes.h>

#define CALLS_SHOWN 4 /* In text. */

void hw_report_pin_site(struct hw_answer *a, const char *key, const GArray *calls)
{
	if (!calls) {
		hw_answer_field(a, key, NULL, hw_null());
		return;
	}
	hw_answer_list(a, key, NULL);
	for (guint i = 0; i < calls->len; i++) {
		const struct hw_pin_call *c = &g_array_index(calls, struct hw_pin_call, i);

		hw_answer_begin(a, NULL, NULL);
		hw_answer_field(a, "function", NULL, hw_text(c->function));
		hw_answer_field(a, "file", NULL, hw_text(c->file));
		hw_answer_field(a, "line", NULL, c->line ? hw_id(c->line) : hw_null());
		hw_answer_end(a);
	}
	hw_answer_list_end(a);
}

void hw_report_pins_guessed_json(struct hw_answer *a, const struct hw_pins_guessed *guessed)
{
	hw_answer_begin(a, "guessed", NULL);
	hw_answer_field(a, "blocks", NULL, hw_count(guessed->blocks));
	hw_answer_field(a, "size", NULL, hw_size(guessed->size));
	hw_answer_field(a, "visible", NULL, hw_size(guessed->visible));
	hw_answer_field(a, "wasted", NULL, hw_size(guessed->wasted));
	hw_answer_end(a);
}

static void group_json(struct hw_answer *a, struct hw_session *s, const struct hw_pin_groups *gs,
		       const struct hw_pin_group *g)
{
	hw_answer_begin(a, NULL, NULL);
	hw_answer_field(a, "key", NULL, hw_text(g->key));
	if (gs->by == HW_PINS_HOLDER)
		hw_holder_root_json(a, "root", &s->roots->nodes[g->root]);
	else
		hw_answer_field(a, "root", NULL, hw_null());
	hw_report_pin_site(a, "site", g->calls);
	hw_answer_field(a, "blocks", NULL, hw_count(g->blocks));
	hw_answer_field(a, "size", NULL, hw_size(g->size));
	hw_answer_field(a, "size_min", NULL, hw_size(g->size_min));
	hw_answer_field(a, "size_max", NULL, hw_size(g->size_max));
	hw_answer_field(a, "known", NULL, hw_count(g->known));
	hw_answer_field(a, "visible", NULL, hw_size(g->visible));
	hw_answer_field(a, "visible_min", NULL, g->known ? hw_size(g->visible_min) : hw_null());
	hw_answer_field(a, "visible_max", NULL, g->known ? hw_size(g->visible_max) : hw_null());
	hw_answer_field(a, "wasted", NULL, hw_size(g->wasted));
	hw_answer_field(a, "slack", NULL, hw_size(g->slack));
	hw_report_pins_guessed_json(a, &g->guessed);
	hw_answer_begin(a, "kinds", NULL);
	for (uint32_t k = 0; k < HW_PIN_KINDS; k++)
		hw_answer_field(a, hw_pin_kind_names[k], NULL, hw_count(g->kinds[k]));
	hw_answer_end(a);
	hw_answer_field(a, "confidence", NULL, hw_text(hw_confidence_names[g->confidence]));
	hw_answer_end(a);
}

void hw_report_pin_groups_json(struct hw_answer *a, struct hw_session *s,
			       const struct hw_pin_groups *groups, uint32_t limit)
{
	hw_answer_field(a, "by", NULL, hw_text(hw_pins_by_names[groups->by]));
	hw_answer_list(a, "groups", NULL);
	for (guint i = 0; i < MIN(groups->groups->len, limit); i++)
		group_json(a, s, groups, &g_array_index(groups->groups, struct hw_pin_group, i));
	hw_answer_list_end(a);
}

/* "strings.Repeat < main.text, main.go:63" */
static char *site_text(const GArray *calls)
{
	GString *text = g_string_new(NULL);
	const guint shown = MIN(calls->len, CALLS_SHOWN);

	for (guint i = 0; i < shown; i++) {
		const struct hw_pin_call *c = &g_array_index(calls, struct hw_pin_call, i);
		g_autofree char *base = c->file ? g_path_get_basename(c->file) : NULL;

		g_string_append_printf(text, "%s%s", i ? " < " : "", c->function);
		if (base && c->line)
			g_string_append_printf(text, " (%s:%u)", base, c->line);
	}
	return g_string_free(text, FALSE);
}

static char *name_of(struct hw_session *s, const struct hw_pin_groups *gs,
		     const struct hw_pin_group *g)
{
	const struct hw_root_node *root;
	struct hw_root_node place;
	g_autofree char *name = NULL;

	switch (gs->by) {
	case HW_PINS_HOLDER:
		root = &s->roots->nodes[g->root];
		place = *root; /* One of many: neither goroutine nor frame. */
		place.goroutine = 0;
		place.tid = 0;
		name = hw_holder_root_name(&place);
		return root->type ? g_strdup_printf("%s (%s)", name, root->type)
				  : g_steal_pointer(&name);
	case HW_PINS_TYPE:
		return g_strdup(g->key ? g->key : "(type not known)");
	case HW_PINS_SITE:
	default:
		return g->calls ? site_text(g->calls) : g_strdup("(not sampled)");
	}
}

static char *from_to(struct hw_answer *a, uint64_t least, uint64_t most)
{
	g_autofree char *low = hw_answer_size(a, least);
	g_autofree char *high = hw_answer_size(a, most);

	return least == most ? g_strdup(high) : g_strdup_printf("%s to %s", low, high);
}

/* "strings of 1 B" */
static char *through(struct hw_answer *a, const struct hw_pin_group *g)
{
	static const char *const words[HW_PIN_KINDS] = {"strings", "slices", "slices not full",
							"pointers into them"};
	GString *text = g_string_new(NULL);
	g_autofree char *seen = NULL;

	for (uint32_t k = 0; k < HW_PIN_KINDS; k++)
		if (g->kinds[k])
			g_string_append_printf(text, "%s%s", text->len ? ", " : "", words[k]);
	if (!g->known)
		return g_string_free(text, FALSE);
	seen = from_to(a, g->visible_min, g->visible_max);
	g_string_append_printf(text, ", %s visible", seen);
	return g_string_free(text, FALSE);
}

static void group_text(struct hw_answer *a, struct hw_session *s, const struct hw_pin_groups *gs,
		       const struct hw_pin_group *g)
{
	g_autofree char *name = name_of(s, gs, g);
	g_autofree char *sizes = from_to(a, g->size_min, g->size_max);
	g_autofree char *views = through(a, g);
	g_autofree char *wasted = hw_answer_size(a, g->wasted);
	g_autofree char *guessed = NULL;
	const char *verb = gs->by == HW_PINS_HOLDER ? "keeps"
			   : gs->by == HW_PINS_SITE ? "made"
						    : ":";
	char buf[32];

	if (g->guessed.blocks) {
		g_autofree char *part = hw_answer_size(a, g->guessed.wasted);

		guessed = g->guessed.blocks == g->known
			      ? g_strdup(" (guessed)")
			      : g_strdup_printf(" (of it %s guessed)", part);
	}
	hw_answer_gap(a);
	hw_answer_line(a, HW_TONE_PLAIN, "%s%s%s %s block%s of %s through %s: %s wasted%s", name,
		       *verb == ':' ? "" : " ", verb, hw_text_count(buf, sizeof(buf), g->blocks),
		       g->blocks == 1 ? "" : "s", sizes, views,
		       g->known ? wasted : "not known how much", guessed ? guessed : "");
}

void hw_report_pin_groups_text(struct hw_answer *a, struct hw_session *s,
			       const struct hw_pin_groups *groups, uint32_t limit)
{
	const guint shown = MIN(groups->groups->len, limit);

	for (guint i = 0; i < shown; i++)
		group_text(a, s, groups, &g_array_index(groups->groups, struct hw_pin_group, i));
	hw_holder_more(a, groups->groups->len - shown, "group");
}
