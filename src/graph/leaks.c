/* SPDX-License-Identifier: Apache-2.0 */
/* leaks.c -- unreached blocks: the heads of leaked structures, and what each would free.
 *
 * Heads without a search for strongly connected components: unreached blocks are tried in
 * ascending order, and everything one of them leads to is marked; those not marked when
 * their turn came are candidates. Whatever reaches a candidate from outside its component
 * was itself first met from a later candidate (an earlier one would have marked it), so
 * the candidates are tried again in descending order with all marks cleared: those still
 * unmarked then are one per source component. It is the component's lowest block, since
 * nothing outside leads into it. */
#include "graph/leaks.h"
#include "base/array.h"
#include "base/error.h"
#include "base/stop.h"
#include "graph/edges.h"
#include "graph/graph.h"
#include "graph/table_private.h"
#include <string.h>

static bool lead_from(struct hw_reach *reach, uint32_t row)
{
	reach->head = reach->tail = 0;
	reach->reached[row / 64] |= UINT64_C(1) << (row % 64);
	hw_reach_row(reach, row);
	return hw_reach_run(reach, "looking for leaked structures");
}

static bool find_candidates(struct hw_reach *reach, uint32_t rows, uint32_t **list, uint32_t *count,
			    size_t *room)
{
	for (uint32_t row = 0; row < rows; row++) {
		if (row % 64 == 0 && reach->reached[row / 64] == UINT64_MAX) {
			row += 63;
			continue;
		}
		if (hw_bit(reach->reached, row))
			continue;
		if (!hw_array_reserve((void **)list, room, *count, sizeof(**list)))
			return false;
		(*list)[(*count)++] = row;
		if (!lead_from(reach, row) || ((*count & 0xffff) == 0 && hw_stop_requested()))
			return false;
	}
	return true;
}

/* Keeps the candidates that no later one leads to; the list stays ascending. */
static bool keep_heads(struct hw_reach *reach, uint32_t *list, uint32_t *count)
{
	uint32_t kept = *count;

	for (uint32_t i = *count; i-- > 0;) {
		if (hw_bit(reach->reached, list[i]))
			continue;
		if (!lead_from(reach, list[i]))
			return false;
		list[--kept] = list[i];
	}
	*count -= kept;
	if (*count)
		memmove(list, list + kept, *count * sizeof(*list));
	return true;
}

bool hw_leaks_heads(const struct hw_csr *csr, uint32_t rows, const uint64_t *reached,
		    uint32_t **heads_ret, uint32_t *count_ret, size_t *room_ret)
{
	size_t words = ((size_t)rows + 63) / 64 + 1;
	struct hw_reach reach = {.csr = csr};
	bool ok;

	*heads_ret = NULL;
	*count_ret = 0;
	*room_ret = 0;
	reach.reached = hw_array_resize(NULL, 0, words, sizeof(*reach.reached));
	reach.queue = hw_array_new_huge((size_t)rows + 1, sizeof(*reach.queue));
	ok = reach.reached && reach.queue;
	if (ok) {
		memcpy(reach.reached, reached, (words - 1) * sizeof(*reached));
		ok = find_candidates(&reach, rows, heads_ret, count_ret, room_ret);
	}
	if (ok) {
		memcpy(reach.reached, reached, (words - 1) * sizeof(*reached));
		ok = keep_heads(&reach, *heads_ret, count_ret);
	}
	hw_array_resize(reach.reached, words, 0, sizeof(*reach.reached));
	hw_array_resize(reach.queue, (size_t)rows + 1, 0, sizeof(*reach.queue));
	return ok;
}

/* Which head keeps what: a row is kept by the one head that leads to it, or by several. Its
 * mark changes at most twice, so this is linear in the edges. */
struct spread {
	const struct hw_csr *csr;
	struct hw_keepers *keepers;
	uint32_t *stack; /* Each row at most twice. */
	size_t used;
};

static void meet(struct spread *s, uint32_t row, uint32_t mark)
{
	const struct hw_keepers *k = s->keepers;
	const uint64_t lost = ~k->reached[row / 64];
	const uint64_t bit = UINT64_C(1) << (row % 64);
	uint32_t *at;

	if (!(lost & bit))
		return;
	at = &k->mark[k->before[row / 64] + (uint32_t)__builtin_popcountll(lost & (bit - 1))];
	if (*at == mark || *at == HW_LEAK_SHARED)
		return;
	*at = *at ? HW_LEAK_SHARED : mark;
	s->stack[s->used++] = row;
}

static bool spread_from(struct spread *s, uint32_t head, uint32_t mark)
{
	uint64_t done = 0;

	meet(s, head, mark);
	while (s->used) {
		uint32_t row = s->stack[--s->used];
		uint32_t own = hw_keeper(s->keepers, row);
		uint64_t end = hw_csr_begin(s->csr, row + 1);

		for (uint64_t e = hw_csr_begin(s->csr, row); e < end; e++)
			meet(s, s->csr->target[e], own);
		if ((++done & 0xffff) == 0 && hw_stop_requested())
			return false;
	}
	return true;
}

static size_t words_of(uint32_t rows)
{
	return ((size_t)rows + 63) / 64 + 1;
}

/* Numbers the rows that are not reached. */
static bool number_lost(struct hw_keepers *k)
{
	k->before = hw_array_resize(NULL, 0, words_of(k->rows), sizeof(*k->before));
	if (!k->before)
		return false;
	for (uint32_t i = 0; i < k->rows; i += 64) {
		uint64_t lost = ~k->reached[i / 64];

		if (k->rows - i < 64)
			lost &= (UINT64_C(1) << (k->rows - i)) - 1;
		k->before[i / 64] = k->lost;
		k->lost += (uint32_t)__builtin_popcountll(lost);
	}
	k->mark = hw_array_resize(NULL, 0, (size_t)k->lost + 1, sizeof(*k->mark));
	return k->mark != NULL;
}

bool hw_leaks_keepers(const struct hw_csr *csr, uint32_t rows, const uint64_t *reached,
		      const uint32_t *heads, uint32_t count, struct hw_keepers *ret)
{
	struct spread s = {.csr = csr, .keepers = ret};
	size_t room;
	bool ok;

	*ret = (struct hw_keepers){.reached = reached, .rows = rows};
	if (!number_lost(ret))
		return false;
	room = 2 * (size_t)ret->lost + 1;
	s.stack = hw_array_resize(NULL, 0, room, sizeof(*s.stack));
	ok = s.stack != NULL;
	for (uint32_t i = 0; ok && i < count; i++)
		ok = spread_from(&s, heads[i], i + 1) &&
		     ((i & 0xffff) != 0xffff || !hw_stop_requested());
	hw_array_resize(s.stack, s.stack ? room : 0, 0, sizeof(*s.stack));
	return ok;
}

void hw_keepers_clear(struct hw_keepers *k)
{
	hw_array_resize(k->before, k->before ? words_of(k->rows) : 0, 0, sizeof(*k->before));
	hw_array_resize(k->mark, k->mark ? (size_t)k->lost + 1 : 0, 0, sizeof(*k->mark));
	*k = (struct hw_keepers){0};
}

void hw_leaks_free(struct hw_leaks *leaks)
{
	if (!leaks)
		return;
	hw_array_resize(leaks->heads, leaks->head_room, 0, sizeof(*leaks->heads));
	hw_array_resize(leaks->head_bytes, leaks->head_bytes ? leaks->head_count : 0, 0,
			sizeof(*leaks->head_bytes));
	if (leaks->keepers)
		hw_keepers_clear(leaks->keepers);
	g_free(leaks->keepers);
	hw_array_resize(leaks->held, leaks->held ? words_of(leaks->rows) : 0, 0,
			sizeof(*leaks->held));
	g_free(leaks);
}

uint32_t hw_leaks_head(const struct hw_leaks *leaks, uint32_t block)
{
	return leaks->keepers ? hw_keeper(leaks->keepers, block) : 0;
}

static bool weigh_heads(const struct hw_graph *g, const struct hw_csr *csr, struct hw_leaks *leaks)
{
	if (!leaks->head_count)
		return true;
	leaks->head_bytes = hw_array_resize(NULL, 0, leaks->head_count, sizeof(*leaks->head_bytes));
	leaks->keepers = g_new0(struct hw_keepers, 1);
	if (!leaks->head_bytes || !hw_leaks_keepers(csr, g->blocks, leaks->held, leaks->heads,
						    leaks->head_count, leaks->keepers))
		return false;
	for (uint32_t word = 0; word < (g->blocks + 63) / 64; word++) {
		for (uint64_t lost = ~leaks->held[word]; lost; lost &= lost - 1) {
			uint32_t b = word * 64 + (uint32_t)__builtin_ctzll(lost);
			uint32_t head = b < g->blocks ? hw_leaks_head(leaks, b) : HW_LEAK_SHARED;

			if (head != HW_LEAK_SHARED)
				leaks->head_bytes[head - 1] += hw_table_size_inline(g->table, b);
		}
	}
	return true;
}

/* Counts what leaked. The allocator's own blocks are live, but nobody's loss, and those of a
 * collected heap are pending: in leaks->held they count as reached. */
static bool count_leaked(const struct hw_graph *g, struct hw_leaks *leaks)
{
	leaks->rows = g->blocks;
	leaks->held = hw_array_resize(NULL, 0, words_of(g->blocks), sizeof(*leaks->held));
	if (!leaks->held)
		return false;
	memcpy(leaks->held, g->reached, (words_of(g->blocks) - 1) * sizeof(*leaks->held));
	for (uint32_t word = 0; word < (g->blocks + 63) / 64; word++) {
		for (uint64_t lost = ~g->reached[word]; lost; lost &= lost - 1) {
			uint32_t b = word * 64 + (uint32_t)__builtin_ctzll(lost);

			if (b >= g->blocks)
				break;
			if (hw_table_flags(g->table, b) & HW_BLOCK_INTERNAL) {
				leaks->held[word] |= lost & -lost;
				continue;
			}
			if (hw_table_is_collected(g->table, b)) {
				leaks->pending_blocks++;
				leaks->pending_bytes += hw_table_size_inline(g->table, b);
				leaks->held[word] |= lost & -lost;
				continue;
			}
			leaks->blocks++;
			leaks->bytes += hw_table_size_inline(g->table, b);
		}
	}
	return true;
}

static bool find_leaks(const struct hw_graph *g, const struct hw_csr *csr, struct hw_leaks *leaks,
		       GError **error)
{
	bool ok = count_leaked(g, leaks);

	if (ok && leaks->blocks)
		ok = hw_leaks_heads(csr, g->blocks, leaks->held, &leaks->heads, &leaks->head_count,
				    &leaks->head_room) &&
		     weigh_heads(g, csr, leaks);
	if (!ok && hw_stop_requested())
		g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
	else if (!ok)
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL,
			    "no memory for %" G_GUINT64_FORMAT " leaked blocks", leaks->blocks);
	return ok;
}

struct hw_leaks *hw_graph_leaks(const struct hw_graph *graph, const struct hw_memory *memory,
				struct hw_notes *notes, GError **error)
{
	struct hw_leaks *leaks = g_new0(struct hw_leaks, 1);
	struct hw_csr *own = NULL;
	bool ok;

	/* Dominators have used the references up: read them again. */
	if (!graph->csr)
		own = hw_edges_new(memory, graph->table, NULL, graph->threads, notes, error);
	ok = (graph->csr || own) && find_leaks(graph, own ? own : graph->csr, leaks, error);
	hw_csr_free(own);
	if (!ok) {
		hw_leaks_free(leaks);
		return NULL;
	}
	return leaks;
}
