/* SPDX-License-Identifier: Apache-2.0 */
/* task_retained.c -- what groups of goroutines keep alive: one more marking of the graph, in
 * which a block belongs to nobody, one group or several, and so changes at most twice
 * (without.h). However many groups there are, the time is linear in the references. */
#include "query/goroutines.h"
#include "query/without.h"

/* Group + 1 by id. Two runtimes may both have an id: it then counts for no group. */
#define NO_GROUP UINT_MAX

static GHashTable *group_ids(const struct hw_tasks *t)
{
	GHashTable *known = g_hash_table_new(g_int64_hash, g_int64_equal);

	for (guint i = 0; i < t->groups->len; i++) {
		struct hw_task_group *g = &g_array_index(t->groups, struct hw_task_group, i);

		for (guint j = 0; j < g->ids->len; j++) {
			uint64_t *id = &g_array_index(g->ids, uint64_t, j);
			const guint at = GPOINTER_TO_UINT(g_hash_table_lookup(known, id));

			g_hash_table_insert(known, id, GUINT_TO_POINTER(at ? NO_GROUP : i + 1));
			if (at && at != NO_GROUP)
				g_array_index(t->groups, struct hw_task_group, at - 1)
				    .is_retained_known = false;
			g->is_retained_known = g->is_retained_known && !at;
		}
	}
	return known;
}

static void fill_groups(const struct hw_roots *roots, GHashTable *known, uint32_t *group)
{
	for (uint32_t i = 0; i < roots->count; i++) {
		const uint64_t id = roots->nodes[i].goroutine;
		const guint at = id ? GPOINTER_TO_UINT(g_hash_table_lookup(known, &id)) : 0;

		group[i] = at && at != NO_GROUP ? at - 1 : HW_NO_BLOCK;
	}
}

static gint by_retained(gconstpointer a, gconstpointer b)
{
	const struct hw_task_group *x = a, *y = b;

	if (x->retained != y->retained)
		return x->retained < y->retained ? 1 : -1;
	return hw_task_group_compare(a, b);
}

bool hw_tasks_retained(struct hw_session *s, struct hw_tasks *t, GError **error)
{
	struct hw_root_groups groups;
	bool ok = hw_root_groups_init(&groups, s, t->groups->len, error);

	for (guint i = 0; i < t->groups->len; i++)
		g_array_index(t->groups, struct hw_task_group, i).is_retained_known = true;
	if (ok) {
		g_autoptr(GHashTable) known = group_ids(t);

		fill_groups(s->roots, known, groups.group);
		ok = hw_without_roots(s, groups.group, groups.count, groups.blocks, groups.bytes,
				      error);
	}
	for (guint i = 0; i < t->groups->len && ok; i++) {
		struct hw_task_group *g = &g_array_index(t->groups, struct hw_task_group, i);

		g->retained = groups.bytes[i];
		g->retained_blocks = groups.blocks[i];
	}
	if (ok)
		g_array_sort(t->groups, by_retained);
	hw_root_groups_clear(&groups);
	return ok;
}

bool hw_task_retained(struct hw_session *s, struct hw_task *t, GError **error)
{
	struct hw_root_groups groups;
	bool ok = hw_root_groups_init(&groups, s, 1, error);

	for (uint32_t i = 0; ok && i < groups.roots; i++)
		groups.group[i] = s->roots->nodes[i].goroutine == t->info.id ? 0 : HW_NO_BLOCK;
	ok = ok && hw_without_roots(s, groups.group, 1, groups.blocks, groups.bytes, error);
	if (ok) {
		t->is_retained_known = true;
		t->retained = groups.bytes[0];
		t->retained_blocks = groups.blocks[0];
	}
	hw_root_groups_clear(&groups);
	return ok;
}
