/* SPDX-License-Identifier: Apache-2.0 */
/* Renders ledgers. JSON has every row of every arena; text what is not 0. */
#include "report/ledger.h"
#include <stdlib.h>

static int compare_heaps(gconstpointer a, gconstpointer b)
{
	const struct hw_heap *x = *(const struct hw_heap *const *)a;
	const struct hw_heap *y = *(const struct hw_heap *const *)b;

	if (x->ledger.mapped != y->ledger.mapped)
		return x->ledger.mapped > y->ledger.mapped ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

GPtrArray *hw_ledger_sort_heaps(struct hw_session *session)
{
	GPtrArray *heaps = g_ptr_array_new();
	uint32_t count = hw_heaps_count(session->heaps);

	for (uint32_t i = 0; i < count; i++)
		g_ptr_array_add(heaps, hw_heaps_at(session->heaps, i));
	g_ptr_array_sort(heaps, compare_heaps);
	return heaps;
}

/* The members that heaps and arenas have in common. */
static void emit_ledger(struct hw_answer *a, const struct hw_ledger *l)
{
	hw_answer_field(a, "mapped", NULL, hw_size(l->mapped));
	hw_answer_begin(a, "bytes", NULL);
	for (int row = 0; row < HW_ROWS; row++)
		hw_answer_field(a, hw_row_names[row], NULL, hw_size(l->bytes[row]));
	hw_answer_end(a);
	hw_answer_field(a, "releasable", NULL, hw_size(l->releasable));
	hw_answer_begin(a, "blocks", NULL);
	for (int state = 0; state < HW_STATES; state++)
		hw_answer_field(a, hw_state_names[state], NULL, hw_count(l->blocks[state]));
	hw_answer_end(a);
}

static const char *confidence_name(uint32_t confidence)
{
	return hw_confidence_names[MIN(confidence, HW_GUESSED)];
}

static void emit_arena(struct hw_answer *a, const struct hw_arena_ledger *arena)
{
	hw_answer_begin(a, NULL, NULL);
	hw_answer_field(a, "id", NULL, hw_count(arena->arena));
	hw_answer_field(a, "name", NULL, hw_text(arena->name));
	hw_answer_field(a, "confidence", NULL, hw_text(confidence_name(arena->ledger.confidence)));
	hw_answer_field(a, "in_flux", NULL, hw_flag(arena->ledger.in_flux));
	emit_ledger(a, &arena->ledger);
	hw_answer_end(a);
}

static void emit_heap(struct hw_answer *a, const struct hw_heap *heap)
{
	hw_answer_begin(a, NULL, NULL);
	hw_answer_field(a, "plugin", NULL, hw_text(heap->plugin->name));
	hw_answer_field(a, "name", NULL, hw_text(heap->name));
	hw_answer_field(a, "version", NULL, hw_text(heap->version));
	hw_answer_field(a, "confidence", NULL, hw_text(confidence_name(heap->confidence)));
	hw_answer_field(a, "how", NULL, hw_text(heap->how));
	emit_ledger(a, &heap->ledger);
	/* pending is what no root reaches: nobody has looked. */
	hw_answer_field(a, "unswept", NULL,
			heap->ledger.is_collected ? hw_size(heap->ledger.unswept) : hw_null());
	hw_answer_field(a, "pending", NULL, hw_null());
	hw_answer_list(a, "arenas", NULL);
	for (guint i = 0; i < heap->arenas->len; i++)
		emit_arena(a, &g_array_index(heap->arenas, struct hw_arena_ledger, i));
	hw_answer_list_end(a);
	hw_answer_end(a);
}

void hw_ledger_json(struct hw_answer *a, const GPtrArray *heaps)
{
	if (!a->is_json)
		return;
	hw_answer_list(a, "heaps", NULL);
	for (guint i = 0; i < heaps->len; i++)
		emit_heap(a, heaps->pdata[i]);
	hw_answer_list_end(a);
}

void hw_ledger_none(struct hw_answer *a, const struct hw_session *session)
{
	hw_answer_gap(a);
	if (session->notes.incomplete)
		hw_answer_line(a, HW_TONE_WARN,
			       "No heap was found in what could be read of this target.");
	else
		hw_answer_line(a, HW_TONE_PLAIN,
			       "No plugin found a heap in this target. "
			       "'heapwalk plugins' lists what can be decoded.");
}

/* In the order of how a person asks: in use, given back, the rest. */
static const struct {
	enum hw_row row;
	enum hw_state state; /* HW_STATES: not blocks. */
} text_rows[] = {
    {HW_ROW_LIVE, HW_LIVE},       {HW_ROW_CACHED, HW_CACHED},   {HW_ROW_FREE, HW_FREE},
    {HW_ROW_OVERHEAD, HW_STATES}, {HW_ROW_METADATA, HW_STATES}, {HW_ROW_STACKS, HW_STATES},
    {HW_ROW_LAZY, HW_STATES},     {HW_ROW_RELEASED, HW_STATES}, {HW_ROW_UNTOUCHED, HW_STATES},
    {HW_ROW_UNKNOWN, HW_STATES},
};

static void emit_row(struct hw_answer *a, const char *name, uint64_t bytes, uint64_t mapped,
		     struct hw_value blocks)
{
	const struct hw_value row[] = {
	    hw_text(name),
	    hw_size(bytes),
	    hw_ratio(mapped ? (double)bytes / (double)mapped : 0),
	    blocks,
	};

	hw_answer_row(a, row);
}

void hw_ledger_text(struct hw_answer *a, const struct hw_heap *heap)
{
	static const struct hw_column columns[] = {
	    {NULL, "", HW_KIND_TEXT, 0},
	    {NULL, "bytes", HW_KIND_SIZE, 0},
	    {NULL, "share", HW_KIND_RATIO, HW_COLUMN_BAR},
	    {NULL, "blocks", HW_KIND_COUNT, 0},
	};
	const struct hw_ledger *l = &heap->ledger;
	g_autofree char *label = hw_session_heap_label(heap);
	g_autofree char *mapped = hw_answer_size(a, l->mapped);

	if (a->is_json)
		return;
	hw_answer_gap(a);
	hw_answer_line(a, HW_TONE_TITLE, "%s  %s mapped, version %s, %s", label, mapped,
		       heap->version, confidence_name(heap->confidence));
	hw_answer_table(a, NULL, NULL, columns, G_N_ELEMENTS(columns));
	for (size_t i = 0; i < G_N_ELEMENTS(text_rows); i++) {
		enum hw_row row = text_rows[i].row;
		enum hw_state state = text_rows[i].state;

		if (!l->bytes[row] && row != HW_ROW_LIVE && row != HW_ROW_FREE)
			continue;
		emit_row(a, hw_row_names[row], l->bytes[row], l->mapped,
			 state < HW_STATES ? hw_count(l->blocks[state]) : hw_text(""));
		if (row == HW_ROW_LIVE && l->is_collected && l->unswept)
			emit_row(a, "  unswept", l->unswept, l->mapped, hw_text(""));
		if (row == HW_ROW_FREE && l->releasable)
			emit_row(a, "  releasable", l->releasable, l->mapped, hw_text(""));
	}
	hw_answer_table_end(a);
}

static int compare_arenas(gconstpointer a, gconstpointer b)
{
	const struct hw_arena_ledger *x = *(const struct hw_arena_ledger *const *)a;
	const struct hw_arena_ledger *y = *(const struct hw_arena_ledger *const *)b;

	if (x->ledger.mapped != y->ledger.mapped)
		return x->ledger.mapped > y->ledger.mapped ? -1 : 1;
	return x->arena < y->arena ? -1 : x->arena > y->arena;
}

void hw_ledger_arenas(struct hw_answer *a, const struct hw_heap *heap, guint limit)
{
	static const struct hw_column columns[] = {
	    {NULL, "arena", HW_KIND_COUNT, 0},     {NULL, "name", HW_KIND_TEXT, 0},
	    {NULL, "mapped", HW_KIND_SIZE, 0},     {NULL, "live", HW_KIND_SIZE, 0},
	    {NULL, "cached", HW_KIND_SIZE, 0},     {NULL, "free", HW_KIND_SIZE, 0},
	    {NULL, "releasable", HW_KIND_SIZE, 0}, {NULL, "blocks", HW_KIND_COUNT, 0},
	};
	g_autoptr(GPtrArray) sorted = g_ptr_array_new();

	if (a->is_json || !heap->arenas->len)
		return;
	for (guint i = 0; i < heap->arenas->len; i++) {
		struct hw_arena_ledger *arena =
		    &g_array_index(heap->arenas, struct hw_arena_ledger, i);

		if (arena->ledger.mapped)
			g_ptr_array_add(sorted, arena);
	}
	g_ptr_array_sort(sorted, compare_arenas);
	hw_answer_gap(a);
	hw_answer_table(a, NULL, NULL, columns, G_N_ELEMENTS(columns));
	for (guint i = 0; i < sorted->len && i < limit; i++) {
		const struct hw_arena_ledger *arena = sorted->pdata[i];
		const struct hw_ledger *l = &arena->ledger;
		const struct hw_value row[] = {
		    hw_count(arena->arena),
		    hw_text(arena->name),
		    hw_size(l->mapped),
		    hw_size(l->bytes[HW_ROW_LIVE]),
		    hw_size(l->bytes[HW_ROW_CACHED]),
		    hw_size(l->bytes[HW_ROW_FREE]),
		    hw_size(l->releasable),
		    hw_count(l->blocks[HW_LIVE]),
		};

		hw_answer_row(a, row);
	}
	hw_answer_table_end(a);
	if (sorted->len > limit)
		hw_answer_line(a, HW_TONE_DIM, "  and %u smaller arenas (--all shows them)",
			       sorted->len - limit);
}
