/* SPDX-License-Identifier: Apache-2.0 */
/* Groups the heads of what leaked. */
#include "query/leaks.h"
#include "base/array.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include "graph/leaks.h"
#include "query/without.h"

void hw_leak_groups_free(struct hw_leak_groups *l)
{
	if (!l)
		return;
	g_array_unref(l->groups);
	g_array_unref(l->list);
	g_free(l);
}

static guint hash_group(gconstpointer item)
{
	const struct hw_leak_group *g = item;

	return (guint)(g->size * 31) ^ g_direct_hash(g->first) ^ g_direct_hash(g->type);
}

static gboolean same_group(gconstpointer a, gconstpointer b)
{
	const struct hw_leak_group *x = a, *y = b;

	return x->size == y->size && x->first == y->first && x->type == y->type;
}

static gint by_freed(gconstpointer a, gconstpointer b)
{
	const struct hw_leak_group *x = a, *y = b;

	if (x->freed != y->freed)
		return x->freed < y->freed ? 1 : -1;
	return x->example < y->example ? -1 : x->example > y->example;
}

static gint heads_by_freed(gconstpointer a, gconstpointer b)
{
	const struct hw_leak_head *x = a, *y = b;

	if (x->freed != y->freed)
		return x->freed < y->freed ? 1 : -1;
	return x->block < y->block ? -1 : x->block > y->block;
}

/* Keeps the largest ones: the list stays short whatever leaked. */
static void keep_head(GArray *list, const struct hw_leak_head *head)
{
	g_array_append_val(list, *head);
	if (list->len < 2 * HW_LEAK_HEADS)
		return;
	g_array_sort(list, heads_by_freed);
	g_array_set_size(list, HW_LEAK_HEADS);
}

static void add_head(struct hw_session *s, GHashTable *known, const struct hw_leak_head *head)
{
	struct hw_leak_group key = {.size = head->size,
				    .first = hw_firsts_find(s, head->block),
				    .type = hw_session_type(s, head->block)};
	struct hw_leak_group *group = g_hash_table_lookup(known, &key);

	if (!group) {
		group = g_memdup2(&key, sizeof(key));
		g_hash_table_add(known, group);
	}
	if (!group->heads || head->freed > group->example_freed) {
		group->example = head->block;
		group->example_freed = head->freed;
	}
	group->heads++;
	group->freed += head->freed;
}

static void group_heads(struct hw_session *s, const struct hw_leaks *leaks,
			struct hw_leak_groups *l)
{
	g_autoptr(GHashTable) known = g_hash_table_new_full(hash_group, same_group, g_free, NULL);
	uint64_t freed = 0;
	GHashTableIter iter;
	gpointer group;

	for (uint32_t i = 0; i < leaks->head_count && !hw_stop_requested(); i++) {
		struct hw_leak_head head = {.block = leaks->heads[i],
					    .size = hw_table_size(s->table, leaks->heads[i]),
					    .freed = leaks->head_bytes[i]};

		if (i % 65536 == 0)
			hw_progress("grouping leaks", i, leaks->head_count);
		keep_head(l->list, &head);
		add_head(s, known, &head);
		freed += head.freed;
	}
	l->shared_bytes = l->bytes - MIN(freed, l->bytes);
	g_hash_table_iter_init(&iter, known);
	while (g_hash_table_iter_next(&iter, &group, NULL))
		g_array_append_vals(l->groups, group, 1);
	g_array_sort(l->groups, by_freed);
	g_array_sort(l->list, heads_by_freed);
	if (l->list->len > HW_LEAK_HEADS)
		g_array_set_size(l->list, HW_LEAK_HEADS);
}

/* Edges are gone where dominators were made of them: then memory is read again. */
static bool count_without(struct hw_session *s, const uint64_t *removed, uint64_t *blocks_ret,
			  uint64_t *bytes_ret, GError **error)
{
	return s->graph->csr ? hw_graph_without(s->graph, removed, blocks_ret, bytes_ret, error)
			     : hw_without_blocks(s, removed, blocks_ret, bytes_ret, error);
}

/* What would be reached by nothing without the pools' own blocks: first the victims, then all. */
static bool count_pools(struct hw_session *s, struct hw_leak_groups *l, GError **error)
{
	const struct hw_roots *roots = s->roots;
	const size_t words = (size_t)s->graph->blocks / 64 + 1;
	uint64_t *removed;
	bool ok = true;

	if (!roots->pool_count)
		return true;
	removed = hw_array_resize(NULL, 0, words, sizeof(*removed));
	if (!removed) {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no room to mark pools");
		return false;
	}
	for (int all = 0; ok && all < 2; all++) {
		for (uint32_t i = 0; i < roots->pool_count; i++)
			if (all || roots->pools[i].is_victim)
				removed[roots->pools[i].block / 64] |=
				    UINT64_C(1) << (roots->pools[i].block % 64);
		ok = all ? count_without(s, removed, &l->pool_blocks, &l->pool_bytes, error)
			 : count_without(s, removed, &l->victim_blocks, &l->victim_bytes, error);
	}
	hw_array_resize(removed, words, 0, sizeof(*removed));
	return ok;
}

struct hw_leak_groups *hw_leak_groups_query(struct hw_session *s, GError **error)
{
	struct hw_leaks *leaks = NULL;
	struct hw_leak_groups *l;

	hw_progress("looking for leaks", 0, 0);
	leaks = hw_graph_leaks(s->graph, s->memory, &s->notes, error);
	if (!leaks)
		return NULL;
	l = g_new0(struct hw_leak_groups, 1);
	l->groups = g_array_new(FALSE, FALSE, sizeof(struct hw_leak_group));
	l->list = g_array_new(FALSE, FALSE, sizeof(struct hw_leak_head));
	l->blocks = leaks->blocks;
	l->bytes = leaks->bytes;
	l->heads = leaks->head_count;
	for (uint32_t i = 0; i < hw_heaps_count(s->heaps); i++)
		l->has_collector |= hw_heaps_at(s->heaps, i)->flags & HW_HEAP_COLLECTED;
	l->pending_blocks = leaks->pending_blocks;
	l->pending_bytes = leaks->pending_bytes;
	l->live_blocks = hw_table_count(s->table);
	l->live_bytes = hw_table_bytes(s->table);
	group_heads(s, leaks, l);
	hw_leaks_free(leaks);
	if (!count_pools(s, l, error)) {
		hw_leak_groups_free(l);
		return NULL;
	}
	hw_target_check(s->target, &s->notes);
	return l;
}

bool hw_leak_list_query(struct hw_session *s, hw_leak_fn fn, void *arg, GError **error)
{
	struct hw_leaks *leaks;
	bool more = true;

	hw_progress("looking for leaks", 0, 0);
	leaks = hw_graph_leaks(s->graph, s->memory, &s->notes, error);
	if (!leaks)
		return false;
	for (uint32_t b = 0; b < s->graph->blocks && more; b++) {
		const uint32_t head = hw_leaks_head(leaks, b);
		struct hw_leak_block leak = {.block = b, .head = HW_NO_BLOCK};

		if (b % 65536 == 0) {
			hw_progress("listing leaks", b, s->graph->blocks);
			more = !hw_stop_requested();
		}
		if (!head)
			continue;
		if (head != HW_LEAK_SHARED)
			leak.head = leaks->heads[head - 1];
		more = fn(arg, &leak) && more;
	}
	hw_leaks_free(leaks);
	hw_target_check(s->target, &s->notes);
	if (!hw_stop_requested())
		return true;
	g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
	return false;
}

bool hw_pending_list_query(struct hw_session *s, hw_leak_fn fn, void *arg, GError **error)
{
	bool more = true;

	for (uint32_t b = 0; b < s->graph->blocks && more; b++) {
		const struct hw_leak_block pending = {.block = b, .head = HW_NO_BLOCK};

		if (b % 65536 == 0)
			hw_progress("listing what is pending", b, s->graph->blocks);
		if (hw_stop_requested()) {
			g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
			return false;
		}
		if (!hw_graph_is_reached(s->graph, b) && hw_table_is_collected(s->table, b) &&
		    !(hw_table_flags(s->table, b) & HW_BLOCK_INTERNAL))
			more = fn(arg, &pending);
	}
	hw_target_check(s->target, &s->notes);
	return true;
}
