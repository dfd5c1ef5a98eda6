/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the references to large blocks drops those that one reference sees whole, a
 * second one adds up what is seen of the rest. Only sources that refer to such a block are
 * read. */
#include "query/pins.h"
#include "base/array.h"
#include "base/error.h"
#include "base/stop.h"
#include "query/firsts.h"
#include "query/slots.h"
#include <string.h>

#define COOKIE      8 /* Itanium C++ ABI, section 2.7: the count stands before the array. */
#define VTABLE_INTO 64

/* A block that no single reference sees whole. */
struct candidate {
	struct hw_pin pin;
	struct hw_extent extent;
	struct hw_seen seen;
};

struct scan {
	struct hw_session *session;
	uint64_t min;
	uint64_t *wanted;             /* Bit set, by block: is looked for. */
	struct candidate *candidates; /* By block. */
	size_t count, room;
	bool failed; /* No memory. */
};

void hw_pins_free(struct hw_pins *p)
{
	if (!p)
		return;
	g_array_unref(p->pins);
	g_free(p);
}

/* References. */

static bool is_wanted(const struct scan *s, uint32_t block)
{
	return s->wanted[block / 64] >> (block % 64) & 1;
}

static void set_wanted(struct scan *s, uint32_t block, bool is_on)
{
	const uint64_t bit = UINT64_C(1) << (block % 64);

	if (is_on)
		s->wanted[block / 64] |= bit;
	else
		s->wanted[block / 64] &= ~bit;
}

/* Does this reference keep a block that is looked for? */
static bool counts(const struct scan *s, const struct hw_slot *slot)
{
	const struct hw_graph *g = s->session->graph;

	return slot->target != slot->source && is_wanted(s, slot->target) &&
	       (slot->source >= g->blocks || hw_graph_is_reached(g, slot->source) ||
		!hw_table_is_collected(s->session->table, slot->target));
}

static struct hw_extent extent_of(const struct hw_session *s, uint32_t block)
{
	struct hw_extent extent;

	hw_heaps_extent(s->heaps, hw_table_heap(s->table, block), hw_table_addr(s->table, block),
			hw_table_size(s->table, block), &extent);
	return extent;
}

/* A word that cannot be read again is taken for one at the start: no claim is made on what is
 * not known. */
static uint64_t value_of(const struct scan *s, const struct hw_slot *slot)
{
	return slot->has_value ? slot->value : hw_table_addr(s->session->table, slot->target);
}

/* The local variable that a slot is in. */
static void tell_local(const struct hw_session *session, const struct hw_slot *slot,
		       struct hw_reference *reference)
{
	const struct hw_root_node *root;

	if (slot->source < session->graph->blocks)
		return;
	root = &session->roots->nodes[slot->source - session->graph->blocks];
	if ((root->kind != HW_ROOT_LOCAL && root->kind != HW_ROOT_GOROUTINE) || root->frame < 0 ||
	    !root->type || slot->addr - root->addr >= root->size)
		return;
	reference->local = root->addr;
	reference->local_size = root->size;
	reference->local_type = root->type;
}

static bool view_of(const struct scan *s, const struct hw_slot *slot, struct hw_view *ret)
{
	const struct hw_session *session = s->session;
	const bool is_block = slot->source < session->graph->blocks;
	struct hw_reference reference = {
	    .struct_size = sizeof(reference),
	    .slot = slot->addr,
	    .value = slot->value,
	    .source = is_block ? hw_table_addr(session->table, slot->source) : 0,
	    .source_size = is_block ? hw_table_size(session->table, slot->source) : 0,
	    .block = hw_table_addr(session->table, slot->target),
	    .size = hw_table_size(session->table, slot->target),
	};

	tell_local(session, slot, &reference);
	return slot->has_value &&
	       hw_heaps_view(session->heaps, hw_table_heap(session->table, slot->target),
			     &reference, ret);
}

/* First pass: whatever one reference sees whole is looked for no longer. */
static bool drop_whole(void *arg, const struct hw_slot *slot)
{
	struct scan *s = arg;
	const struct hw_table *t = s->session->table;
	struct hw_extent extent;
	struct hw_view view;
	bool has_view;

	if (!counts(s, slot))
		return true;
	extent = extent_of(s->session, slot->target);
	has_view = view_of(s, slot, &view);
	if (hw_view_is_whole(hw_table_addr(t, slot->target), hw_table_size(t, slot->target),
			     &extent, value_of(s, slot), has_view ? &view : NULL))
		set_wanted(s, slot->target, false);
	return true;
}

static struct candidate *find_candidate(const struct scan *s, uint32_t block)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->candidates[middle].pin.block < block)
			low = middle + 1;
		else
			high = middle;
	}
	return &s->candidates[low];
}

/* Second pass: adds up what the others are seen of. */
static bool take_view(void *arg, const struct hw_slot *slot)
{
	struct scan *s = arg;
	struct candidate *c;
	struct hw_pin_holder holder = {.node = slot->source, .slot = slot->addr};

	if (!counts(s, slot))
		return true;
	c = find_candidate(s, slot->target);
	holder.into = value_of(s, slot) - hw_table_addr(s->session->table, slot->target);
	holder.has_view = view_of(s, slot, &holder.view);
	s->failed =
	    !hw_seen_add(&c->seen, hw_table_addr(s->session->table, slot->target), c->pin.size,
			 &c->extent, value_of(s, slot), holder.has_view ? &holder.view : NULL);
	c->pin.first_into = c->pin.views ? MIN(c->pin.first_into, holder.into) : holder.into;
	c->pin.last_into = MAX(c->pin.last_into, holder.into);
	c->pin.views++;
	if (c->pin.holder_count < HW_PIN_HOLDERS)
		c->pin.holders[c->pin.holder_count++] = holder;
	return !s->failed;
}

/* Rules. */

static bool overlaps_bookkeeping(const struct hw_session *s, uint32_t block)
{
	hw_addr start = hw_table_addr(s->table, block);
	hw_addr end = start + hw_table_size(s->table, block);

	if (hw_table_flags(s->table, block) & HW_BLOCK_INTERNAL)
		return true;
	for (uint32_t i = 0; i < s->stacks->bookkeeping_count; i++)
		if (s->stacks->bookkeeping[i].start < end && s->stacks->bookkeeping[i].end > start)
			return true;
	return false;
}

static bool has_cookie(const struct hw_session *s, const struct hw_pin *pin)
{
	uint64_t count;

	return pin->first_into == COOKIE && pin->last_into == COOKIE &&
	       hw_memory_word(s->memory, hw_table_addr(s->table, pin->block), &count) && count &&
	       count <= pin->size - COOKIE;
}

static bool has_vtable(struct hw_session *s, const struct hw_pin *pin)
{
	const struct hw_first *first = hw_firsts_find(s, pin->block);

	return pin->first_into <= VTABLE_INTO && first && first->is_vtable;
}

/* Where references say what they see, nothing has to be excused. */
static bool is_excused(struct hw_session *s, const struct hw_pin *pin)
{
	if (hw_heaps_has_views(s->heaps, hw_table_heap(s->table, pin->block)))
		return (hw_table_flags(s->table, pin->block) & HW_BLOCK_INTERNAL) != 0;
	return overlaps_bookkeeping(s, pin->block) || has_cookie(s, pin) || has_vtable(s, pin);
}

static gint by_waste(gconstpointer a, gconstpointer b)
{
	const struct hw_pin *x = a, *y = b;

	if (x->wasted != y->wasted)
		return x->wasted < y->wasted ? 1 : -1;
	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return x->block < y->block ? -1 : x->block > y->block;
}

void hw_pins_guessed_add(struct hw_pins_guessed *guessed, const struct hw_pin *pin)
{
	if (!pin->sight.is_known || pin->sight.confidence != HW_GUESSED)
		return;
	guessed->blocks++;
	guessed->size += pin->size;
	guessed->visible += pin->sight.visible;
	guessed->wasted += pin->wasted;
}

static void add_pin(struct hw_pins *p, const struct hw_pin *pin)
{
	g_array_append_val(p->pins, *pin);
	p->blocks++;
	p->size += pin->size;
	if (!pin->sight.is_known)
		return;
	p->known++;
	p->known_size += pin->size;
	p->visible += pin->sight.visible;
	p->wasted += pin->wasted;
	p->slack += pin->sight.slack;
	hw_pins_guessed_add(&p->guessed, pin);
}

static void judge(struct scan *s, struct hw_pins *p)
{
	for (size_t i = 0; i < s->count; i++) {
		struct candidate *c = &s->candidates[i];
		struct hw_pin *pin = &c->pin;

		hw_seen_judge(&c->seen, &c->extent, &pin->sight);
		if (pin->sight.is_whole)
			continue;
		if (is_excused(s->session, pin)) {
			p->excused++;
			continue;
		}
		if (pin->sight.is_known)
			pin->wasted = pin->size - pin->sight.visible;
		else if (pin->sight.confidence < HW_CONSERVATIVE)
			pin->sight.confidence = HW_CONSERVATIVE;
		if (!hw_session_is_complete(s->session))
			pin->sight.confidence = HW_GUESSED;
		add_pin(p, pin);
	}
	g_array_sort(p->pins, by_waste);
}

/* Passes. */

static bool want_large(struct scan *s)
{
	const struct hw_graph *g = s->session->graph;

	s->wanted = hw_array_resize(NULL, 0, (size_t)g->blocks / 64 + 1, sizeof(*s->wanted));
	for (uint32_t b = 0; s->wanted && b < g->blocks; b++)
		if (hw_graph_is_reached(g, b) && hw_table_size(s->session->table, b) >= s->min)
			set_wanted(s, b, true);
	return s->wanted != NULL;
}

static bool find_candidates(struct scan *s)
{
	const struct hw_session *session = s->session;

	for (uint32_t b = 0; b < session->graph->blocks; b++) {
		if (!is_wanted(s, b))
			continue;
		if (!hw_array_reserve((void **)&s->candidates, &s->room, s->count,
				      sizeof(*s->candidates)))
			return false;
		s->candidates[s->count++] = (struct candidate){
		    .pin = {.block = b, .size = hw_table_size(session->table, b)},
		    .extent = extent_of(session, b),
		};
	}
	return true;
}

static void free_candidates(struct scan *s)
{
	for (size_t i = 0; i < s->count; i++)
		hw_seen_clear(&s->candidates[i].seen);
	hw_array_resize(s->candidates, s->room, 0, sizeof(*s->candidates));
}

static bool find_pins(struct scan *s, struct hw_pins *p, GError **error)
{
	const bool ok =
	    want_large(s) &&
	    hw_slots_into(s->session, s->wanted, "looking for blocks seen whole", drop_whole, s) &&
	    !s->failed && find_candidates(s) &&
	    hw_slots_into(s->session, s->wanted, "adding up views", take_view, s) && !s->failed;

	if (ok)
		judge(s, p);
	else if (hw_stop_requested())
		g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
	else
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no room to look for pins");
	free_candidates(s);
	if (s->wanted)
		hw_array_resize(s->wanted, (size_t)s->session->graph->blocks / 64 + 1, 0,
				sizeof(*s->wanted));
	return ok;
}

struct hw_pins *hw_pins_query(struct hw_session *session, uint64_t min, GError **error)
{
	struct scan scan = {.session = session, .min = min};
	struct hw_pins *p = g_new0(struct hw_pins, 1);

	/* What types say is the plugins' business: here they only have to be there. */
	if (!hw_heaps_types(session->heaps, error)) {
		g_free(p);
		return NULL;
	}
	p->min = min;
	p->pins = g_array_new(FALSE, FALSE, sizeof(struct hw_pin));
	if (!find_pins(&scan, p, error)) {
		hw_pins_free(p);
		return NULL;
	}
	hw_target_check(session->target, &session->notes);
	return p;
}
