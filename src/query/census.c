/* SPDX-License-Identifier: Apache-2.0 */
/* Groups threads by stack and asks what the roots of each group hold together. */
#include "query/census.h"
#include "base/array.h"
#include "base/error.h"
#include "base/progress.h"
#include "query/without.h"
#include <inttypes.h>
#include <string.h>

static void clear_group(gpointer item)
{
	g_array_unref(((struct hw_census_group *)item)->tids);
}

void hw_census_free(struct hw_census *c)
{
	if (!c)
		return;
	g_array_unref(c->groups);
	g_free(c);
}

/* What makes two stacks the same. Free with g_free(). */
static char *stack_key(const struct hw_thread_stack *t)
{
	GString *key = g_string_new(NULL);

	for (uint32_t i = 0; i < t->frame_count; i++) {
		const struct hw_frame *f = &t->frames[i];

		g_string_append_printf(key, "%s\n%s\n%s\n%d\n", f->module ? f->module : "",
				       f->function ? f->function : "", f->file ? f->file : "",
				       (int)f->line);
		if (!f->function)
			g_string_append_printf(key, "0x%" PRIx64 "\n", f->pc);
	}
	return g_string_free(key, FALSE);
}

/* Threads without frames have nothing in common: each is a group. */
static guint find_group(struct hw_census *c, GHashTable *known, const struct hw_thread_stack *t)
{
	char *key = t->frame_count ? stack_key(t) : g_strdup_printf("thread %u", c->groups->len);
	guint at = GPOINTER_TO_UINT(g_hash_table_lookup(known, key));
	struct hw_census_group group = {.first = t};

	if (at) {
		g_free(key);
		return at - 1;
	}
	group.tids = g_array_new(FALSE, FALSE, sizeof(int32_t));
	g_array_append_val(c->groups, group);
	g_hash_table_insert(known, key, GUINT_TO_POINTER(c->groups->len));
	return c->groups->len - 1;
}

static void add_thread(struct hw_census *c, guint at, const struct hw_thread_stack *t)
{
	struct hw_census_group *group = &g_array_index(c->groups, struct hw_census_group, at);

	g_array_append_val(group->tids, t->tid);
	group->is_cut |= t->is_cut;
	for (uint32_t i = 0; i < MIN(t->range_count, G_N_ELEMENTS(t->range)); i++)
		group->stack_bytes += t->range[i].end - t->range[i].start;
}

/* Tid → group + 1. */
static GHashTable *group_threads(struct hw_session *s, struct hw_census *c)
{
	g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GHashTable *by_tid = g_hash_table_new(NULL, NULL);

	for (uint32_t i = 0; i < s->stacks->count; i++) {
		const struct hw_thread_stack *t = &s->stacks->threads[i];
		guint at = find_group(c, known, t);

		add_thread(c, at, t);
		g_hash_table_insert(by_tid, GINT_TO_POINTER(t->tid), GUINT_TO_POINTER(at + 1));
	}
	c->total = s->stacks->count;
	return by_tid;
}

static bool is_threads_own(const struct hw_root_node *node)
{
	return node->tid && !node->goroutine &&
	       (node->kind == HW_ROOT_TLS || node->kind == HW_ROOT_LOCAL ||
		node->kind == HW_ROOT_REGISTER || node->kind == HW_ROOT_STACK);
}

static void fill_groups(const struct hw_roots *roots, GHashTable *by_tid, uint32_t *group)
{
	for (uint32_t i = 0; i < roots->count; i++) {
		const struct hw_root_node *node = &roots->nodes[i];
		guint at =
		    GPOINTER_TO_UINT(g_hash_table_lookup(by_tid, GINT_TO_POINTER(node->tid)));

		group[i] = at && is_threads_own(node) ? at - 1 : HW_NO_BLOCK;
	}
}

static bool ask_retained(struct hw_session *s, struct hw_census *c, GHashTable *by_tid,
			 GError **error)
{
	struct hw_root_groups groups;
	bool ok = hw_root_groups_init(&groups, s, c->groups->len, error);

	if (ok) {
		fill_groups(s->roots, by_tid, groups.group);
		ok = hw_without_roots(s, groups.group, groups.count, groups.blocks, groups.bytes,
				      error);
	}
	for (guint i = 0; i < c->groups->len && ok; i++) {
		g_array_index(c->groups, struct hw_census_group, i).blocks = groups.blocks[i];
		g_array_index(c->groups, struct hw_census_group, i).retained = groups.bytes[i];
	}
	hw_root_groups_clear(&groups);
	return ok;
}

static gint by_retained(gconstpointer a, gconstpointer b)
{
	const struct hw_census_group *x = a, *y = b;

	if (x->retained != y->retained)
		return x->retained < y->retained ? 1 : -1;
	if (x->tids->len != y->tids->len)
		return x->tids->len < y->tids->len ? 1 : -1;
	return x->first < y->first ? -1 : x->first > y->first;
}

struct hw_census *hw_census_query(struct hw_session *s, GError **error)
{
	struct hw_census *c = g_new0(struct hw_census, 1);
	GHashTable *by_tid = NULL;
	bool ok;

	c->groups = g_array_new(FALSE, FALSE, sizeof(struct hw_census_group));
	g_array_set_clear_func(c->groups, clear_group);
	by_tid = group_threads(s, c);
	ok = ask_retained(s, c, by_tid, error);
	g_hash_table_unref(by_tid);
	hw_target_check(s->target, &s->notes);
	if (!ok) {
		hw_census_free(c);
		return NULL;
	}
	g_array_sort(c->groups, by_retained);
	return c;
}
