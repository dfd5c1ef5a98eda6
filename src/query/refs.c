/* SPDX-License-Identifier: Apache-2.0 */
/* Collects references by one scan of everything. */
#include "query/refs.h"
#include "base/progress.h"
#include "query/slots.h"

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

/* What both sides have: how far in the slot is, and how far in it points. */
static struct hw_ref describe(const struct hw_session *s, const struct hw_slot *slot)
{
	const uint32_t blocks = s->graph->blocks;
	struct hw_ref ref = {.slot = slot->addr, .has_target = slot->has_value};

	if (slot->source < blocks)
		ref.offset = slot->addr - hw_table_addr(s->table, slot->source);
	else if (slot->addr)
		ref.offset = slot->addr - s->roots->nodes[slot->source - blocks].addr;
	if (slot->has_value) {
		ref.target_offset = slot->value - hw_table_addr(s->table, slot->target);
		hw_table_find(s->table, slot->value, &ref.is_guessed);
	}
	return ref;
}

static bool take_out(void *arg, const struct hw_slot *slot)
{
	struct collect *c = arg;
	struct hw_ref ref = describe(c->session, slot);

	ref.node = slot->target;
	keep(c->refs->out, &c->refs->out_count, &ref);
	return true;
}

static bool take_in(void *arg, const struct hw_slot *slot)
{
	struct collect *c = arg;
	struct hw_ref ref = describe(c->session, slot);

	ref.node = slot->source;
	keep(c->refs->in, &c->refs->in_count, &ref);
	return true;
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
		hw_slots_out(s, r->spot.id, take_out, &c);
		hw_progress("looking for references", 0, 0);
		if (!hw_slots_in(s, r->spot.id, take_in, &c, error))
			goto fail;
		g_array_sort_with_data(r->in, by_size, s);
		g_array_sort_with_data(r->out, by_size, s);
	}
	hw_target_check(s->target, &s->notes);
	return r;
fail:
	hw_refs_free(r);
	return NULL;
}
