/* SPDX-License-Identifier: Apache-2.0 */
/* Collects references by one scan of everything. */
#include "query/refs.h"
#include "base/progress.h"

void hw_refs_free(struct hw_refs *r)
{
	if (!r)
		return;
	g_array_unref(r->in);
	g_array_unref(r->out);
	g_free(r);
}

struct collect {
	struct hw_session *session;
	struct hw_refs *refs;
};

static void keep(GArray *list, uint64_t *count, const struct hw_ref *ref)
{
	++*count;
	if (list->len < HW_REFS_MOST)
		g_array_append_val(list, *ref);
}

static bool take_out(void *arg, hw_addr slot, uint64_t value, uint32_t target)
{
	struct collect *c = arg;
	const struct hw_table *table = c->session->table;
	struct hw_ref ref = {.node = target, .slot = slot, .has_target = true};

	ref.offset = slot - c->refs->spot.start;
	ref.target_offset = value - hw_table_addr(table, target);
	hw_table_find(table, value, &ref.is_guessed);
	keep(c->refs->out, &c->refs->out_count, &ref);
	return true;
}

static bool take_in(void *arg, uint32_t source, hw_addr slot, uint64_t value)
{
	struct collect *c = arg;
	const struct hw_table *table = c->session->table;
	struct hw_ref ref = {.node = source, .slot = slot, .has_target = true};

	ref.offset = slot - hw_table_addr(table, source);
	ref.target_offset = value - c->refs->spot.start;
	hw_table_find(table, value, &ref.is_guessed);
	keep(c->refs->in, &c->refs->in_count, &ref);
	return true;
}

static void take_roots(struct collect *c)
{
	const struct hw_session *s = c->session;

	for (uint64_t i = 0; i < s->roots->ref_count; i++) {
		const struct hw_root_ref *from = &s->roots->refs[i];
		struct hw_ref ref = {.node = s->graph->blocks + from->root, .slot = from->slot};
		uint64_t value;

		if (from->block != c->refs->spot.id)
			continue;
		if (from->slot)
			ref.offset = from->slot - s->roots->nodes[from->root].addr;
		ref.has_target = hw_session_root_word(s, from, &value);
		if (ref.has_target) {
			ref.target_offset = value - c->refs->spot.start;
			hw_table_find(s->table, value, &ref.is_guessed);
		}
		keep(c->refs->in, &c->refs->in_count, &ref);
	}
}

/* Blocks by size, the largest first, then address; then roots; then slot. */
static gint by_size(gconstpointer a, gconstpointer b, gpointer arg)
{
	const struct hw_ref *x = a, *y = b;
	const struct hw_session *s = arg;
	const uint32_t blocks = s->graph->blocks;
	uint64_t size_x = x->node < blocks ? hw_table_size(s->table, x->node) : 0;
	uint64_t size_y = y->node < blocks ? hw_table_size(s->table, y->node) : 0;

	if ((x->node < blocks) != (y->node < blocks))
		return x->node < blocks ? -1 : 1;
	if (size_x != size_y)
		return size_x < size_y ? 1 : -1;
	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

struct hw_refs *hw_refs_query(struct hw_session *s, hw_addr addr, GError **error)
{
	struct hw_refs *r = g_new0(struct hw_refs, 1);
	struct collect c = {s, r};

	r->in = g_array_new(FALSE, FALSE, sizeof(struct hw_ref));
	r->out = g_array_new(FALSE, FALSE, sizeof(struct hw_ref));
	if (!hw_spot_find(s, addr, &r->spot, error))
		goto fail;
	if (r->spot.id != HW_NO_BLOCK) {
		hw_graph_out(s->graph, s->memory, r->spot.id, take_out, &c);
		hw_progress("looking for references", 0, 0);
		if (!hw_graph_in(s->graph, s->memory, r->spot.id, take_in, &c, error))
			goto fail;
		take_roots(&c);
		g_array_sort_with_data(r->in, by_size, s);
		g_array_sort_with_data(r->out, by_size, s);
	}
	hw_target_check(s->target, &s->notes);
	return r;
fail:
	hw_refs_free(r);
	return NULL;
}
