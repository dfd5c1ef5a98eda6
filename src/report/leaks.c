/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk leaks`: live blocks that nothing holds any more. */
#include "report/holder.h"
#include "report/report.h"
#include <inttypes.h>

static void first_json(struct hw_answer *a, const struct hw_first *first)
{
	g_autofree char *label = first ? hw_firsts_label(first) : NULL;

	hw_answer_field(a, "first_word", NULL, hw_text(label));
	hw_answer_field(a, "module", NULL, hw_text(first ? first->object->name : NULL));
}

static void groups_json(struct hw_answer *a, struct hw_session *s, const struct hw_leak_groups *l,
			uint32_t limit)
{
	hw_answer_list(a, "groups", NULL);
	for (guint i = 0; i < MIN(l->groups->len, limit); i++) {
		const struct hw_leak_group *g = &g_array_index(l->groups, struct hw_leak_group, i);

		hw_answer_begin(a, NULL, NULL);
		hw_answer_field(a, "size", NULL, hw_size(g->size));
		hw_answer_field(a, "type", NULL, hw_text(g->type));
		first_json(a, g->first);
		hw_answer_field(a, "heads", NULL, hw_count(g->heads));
		hw_answer_field(a, "freed", NULL, hw_size(g->freed));
		hw_answer_field(a, "example", NULL,
				hw_address(hw_table_addr(s->table, g->example)));
		hw_answer_end(a);
	}
	hw_answer_list_end(a);
}

static void leaks_json(struct hw_answer *a, struct hw_session *s, const struct hw_leak_groups *l,
		       uint32_t limit)
{
	static const struct hw_column columns[] = {
	    {"address", "", HW_KIND_ADDR, 0},
	    {"size", "", HW_KIND_SIZE, 0},
	    {"type", "", HW_KIND_TEXT, 0},
	    {"freed", "", HW_KIND_SIZE, 0},
	};

	hw_answer_begin(a, "leaks", NULL);
	hw_answer_field(a, "blocks", NULL, hw_count(l->blocks));
	hw_answer_field(a, "bytes", NULL, hw_size(l->bytes));
	hw_answer_field(a, "heads", NULL, hw_count(l->heads));
	hw_answer_field(a, "shared", NULL, hw_size(l->shared_bytes));
	hw_answer_field(a, "complete", NULL, hw_flag(hw_session_is_complete(s)));
	hw_answer_end(a);
	if (l->has_collector) {
		hw_answer_begin(a, "pending", NULL);
		hw_answer_field(a, "blocks", NULL, hw_count(l->pending_blocks));
		hw_answer_field(a, "bytes", NULL, hw_size(l->pending_bytes));
		hw_answer_end(a);
		hw_answer_begin(a, "pools", NULL);
		hw_answer_field(a, "blocks", NULL, hw_count(l->pool_blocks));
		hw_answer_field(a, "bytes", NULL, hw_size(l->pool_bytes));
		hw_answer_field(a, "victim_blocks", NULL, hw_count(l->victim_blocks));
		hw_answer_field(a, "victim_bytes", NULL, hw_size(l->victim_bytes));
		hw_answer_end(a);
	} else {
		hw_answer_field(a, "pending", NULL, hw_null());
		hw_answer_field(a, "pools", NULL, hw_null());
	}
	hw_answer_begin(a, "live", NULL);
	hw_answer_field(a, "blocks", NULL, hw_count(l->live_blocks));
	hw_answer_field(a, "bytes", NULL, hw_size(l->live_bytes));
	hw_answer_end(a);
	groups_json(a, s, l, limit);
	hw_answer_table(a, "heads", NULL, columns, G_N_ELEMENTS(columns));
	for (guint i = 0; i < MIN(l->list->len, limit); i++) {
		const struct hw_leak_head *h = &g_array_index(l->list, struct hw_leak_head, i);
		const struct hw_value row[] = {
		    hw_address(hw_table_addr(s->table, h->block)), hw_size(h->size),
		    hw_text(hw_session_type(s, h->block)), hw_size(h->freed)};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
}

static void groups_text(struct hw_answer *a, struct hw_session *s, const struct hw_leak_groups *l,
			uint32_t limit)
{
	static const struct hw_column columns[] = {
	    {NULL, "frees", HW_KIND_SIZE, 0},       {NULL, "heads", HW_KIND_COUNT, 0},
	    {NULL, "of size", HW_KIND_SIZE, 0},     {NULL, "largest", HW_KIND_ADDR, 0},
	    {NULL, "starts with", HW_KIND_TEXT, 0},
	};
	const guint shown = MIN(l->groups->len, limit);

	hw_answer_gap(a);
	hw_answer_table(a, NULL, NULL, columns, G_N_ELEMENTS(columns));
	for (guint i = 0; i < shown; i++) {
		const struct hw_leak_group *g = &g_array_index(l->groups, struct hw_leak_group, i);
		g_autofree char *label = g->first ? hw_firsts_label(g->first) : NULL;
		const struct hw_value row[] = {
		    hw_size(g->freed),
		    hw_count(g->heads),
		    hw_size(g->size),
		    hw_address(hw_table_addr(s->table, g->example)),
		    hw_text(g->type ? g->type
			    : label ? label
				    : ""),
		};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
	hw_holder_more(a, l->groups->len - shown, "group");
}

/* What waits to be used again. */
static void pools_text(struct hw_answer *a, const struct hw_leak_groups *l)
{
	g_autofree char *bytes = hw_answer_size(a, l->pool_bytes);
	g_autofree char *victims = hw_answer_size(a, l->victim_bytes);
	char blocks[32];

	if (!l->pool_blocks)
		return;
	hw_answer_line(
	    a, HW_TONE_PLAIN,
	    "%s in %s block%s %s in pools (sync.Pool) to be used again: the next collection "
	    "frees %s of it, the one after that the rest.",
	    bytes, hw_text_count(blocks, sizeof(blocks), l->pool_blocks),
	    l->pool_blocks == 1 ? "" : "s", l->pool_blocks == 1 ? "waits" : "wait", victims);
}

/* What the collector will free by itself. */
static void pending_text(struct hw_answer *a, const struct hw_leak_groups *l, bool is_complete)
{
	g_autofree char *bytes = hw_answer_size(a, l->pending_bytes);
	char blocks[32];

	if (l->has_collector)
		hw_answer_line(
		    a, HW_TONE_PLAIN,
		    "%s%s in %s block%s of collected heaps %s reached by no root either: "
		    "pending, not leaked.",
		    is_complete ? "" : "At most ", bytes,
		    hw_text_count(blocks, sizeof(blocks), l->pending_blocks),
		    l->pending_blocks == 1 ? "" : "s", l->pending_blocks == 1 ? "is" : "are");
	pools_text(a, l);
}

static void leaks_text(struct hw_answer *a, struct hw_session *s, const struct hw_leak_groups *l,
		       uint32_t limit)
{
	const bool is_complete = hw_session_is_complete(s);
	g_autofree char *bytes = hw_answer_size(a, l->bytes);
	g_autofree char *live = hw_answer_size(a, l->live_bytes);
	g_autofree char *shared = hw_answer_size(a, l->shared_bytes);
	char blocks[32], heads[32];

	hw_answer_target(a, s->target);
	hw_answer_gap(a);
	if (!l->blocks) {
		if (!hw_heaps_count(s->heaps))
			hw_answer_line(a, HW_TONE_PLAIN,
				       "No heap was found, so nothing is said about leaks.");
		else if (is_complete && l->has_collector)
			hw_answer_line(a, HW_TONE_GOOD, "No leaks.");
		else if (is_complete)
			hw_answer_line(a, HW_TONE_GOOD,
				       "No leaks: a root reaches every live block (%s).", live);
		else
			hw_answer_line(a, HW_TONE_PLAIN,
				       "At most 0 B of what was found: a root reaches every "
				       "live block of it (%s).",
				       live);
		pending_text(a, l, is_complete);
		hw_answer_completeness(a, &s->notes, false);
		return;
	}
	hw_answer_line(a, HW_TONE_WARN, "%s%s in %s block%s %s reached by no root, of %s live.",
		       is_complete ? "" : "At most ", bytes,
		       hw_text_count(blocks, sizeof(blocks), l->blocks), l->blocks == 1 ? "" : "s",
		       l->blocks == 1 ? "is" : "are", live);
	if (!is_complete)
		hw_answer_line(a, HW_TONE_PLAIN,
			       "Not all that may hold references could be read, "
			       "so some of it may still be held.");
	hw_answer_line(a, HW_TONE_PLAIN,
		       "%s head%s: nothing else that leaked points at %s; freeing a head lets go "
		       "of all that only it keeps.",
		       hw_text_count(heads, sizeof(heads), l->heads), l->heads == 1 ? "" : "s",
		       l->heads == 1 ? "it" : "them");
	pending_text(a, l, is_complete);
	groups_text(a, s, l, limit);
	if (l->shared_bytes)
		hw_answer_line(a, HW_TONE_DIM, "  %s more is kept by several heads together",
			       shared);
	hw_answer_completeness(a, &s->notes, false);
}

void hw_report_leaks(struct hw_answer *a, struct hw_session *s, const struct hw_leak_groups *l,
		     uint32_t limit)
{
	if (a->is_json)
		leaks_json(a, s, l, limit ? limit : UINT32_MAX);
	else
		leaks_text(a, s, l, limit ? limit : HW_ROWS_SHOWN);
}
