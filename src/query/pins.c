/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over all references finds the blocks whose start is pointed at, a second one
 * what points into the others. */
#include "query/pins.h"
#include "base/array.h"
#include "base/error.h"
#include "base/stop.h"
#include "query/firsts.h"
#include "query/slots.h"
#include <string.h>

#define COOKIE      8 /* Itanium C++ ABI, section 2.7: the count stands before the array. */
#define VTABLE_INTO 64

struct scan {
	struct hw_session *session;
	uint64_t min;
	uint64_t *has_start; /* Bit set, by block: something points at its start. */
	struct hw_pin *pins; /* By block. */
	size_t count, room;
};

void hw_pins_free(struct hw_pins *p)
{
	if (!p)
		return;
	g_array_unref(p->pins);
	g_free(p);
}

/* Passes. */

static bool is_large(const struct scan *s, uint32_t block)
{
	return hw_table_size(s->session->table, block) >= s->min;
}

/* A word that cannot be read again is taken for one at the start: no claim is made on what is
 * not known. */
static uint64_t into_of(const struct scan *s, const struct hw_slot *slot)
{
	return slot->has_value ? slot->value - hw_table_addr(s->session->table, slot->target) : 0;
}

static bool take_start(void *arg, const struct hw_slot *slot)
{
	struct scan *s = arg;
	const uint32_t target = slot->target;

	if (target != slot->source && !into_of(s, slot))
		s->has_start[target / 64] |= UINT64_C(1) << (target % 64);
	return true;
}

static struct hw_pin *find_pin(const struct scan *s, uint32_t block)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->pins[middle].block < block)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->count && s->pins[low].block == block ? &s->pins[low] : NULL;
}

static bool take_view(void *arg, const struct hw_slot *slot)
{
	struct scan *s = arg;
	const uint64_t into = into_of(s, slot);
	struct hw_pin *pin;

	if (slot->target == slot->source || !is_large(s, slot->target))
		return true;
	pin = find_pin(s, slot->target);
	if (!pin)
		return true;
	pin->first_into = pin->views ? MIN(pin->first_into, into) : into;
	pin->last_into = MAX(pin->last_into, into);
	pin->views++;
	if (pin->holder_count < HW_PIN_HOLDERS)
		pin->holders[pin->holder_count++] =
		    (struct hw_pin_holder){.node = slot->source, .slot = slot->addr, .into = into};
	return true;
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

static bool is_excused(struct hw_session *s, const struct hw_pin *pin)
{
	return overlaps_bookkeeping(s, pin->block) || has_cookie(s, pin) || has_vtable(s, pin);
}

static bool add_candidate(struct scan *s, uint32_t block)
{
	if (!hw_array_reserve((void **)&s->pins, &s->room, s->count, sizeof(*s->pins)))
		return false;
	s->pins[s->count++] =
	    (struct hw_pin){.block = block, .size = hw_table_size(s->session->table, block)};
	return true;
}

static bool find_candidates(struct scan *s)
{
	const struct hw_graph *g = s->session->graph;

	for (uint32_t b = 0; b < g->blocks; b++)
		if (hw_graph_is_reached(g, b) && is_large(s, b) &&
		    !(s->has_start[b / 64] >> (b % 64) & 1) && !add_candidate(s, b))
			return false;
	return true;
}

static gint by_size(gconstpointer a, gconstpointer b)
{
	const struct hw_pin *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return x->block < y->block ? -1 : x->block > y->block;
}

static void judge(struct scan *s, struct hw_pins *p)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct hw_pin *pin = &s->pins[i];

		if (is_excused(s->session, pin)) {
			p->excused++;
			continue;
		}
		g_array_append_val(p->pins, *pin);
		p->blocks++;
		p->size += pin->size;
	}
	g_array_sort(p->pins, by_size);
}

static bool find_pins(struct scan *s, struct hw_pins *p, GError **error)
{
	const size_t words = (size_t)s->session->graph->blocks / 64 + 1;
	bool ok;

	s->has_start = hw_array_resize(NULL, 0, words, sizeof(*s->has_start));
	/* Every reference there is, those of unreached blocks too: a start that is pointed at
	 * from anywhere makes the block whole. */
	ok = s->has_start &&
	     hw_slots_all(s->session, false, "looking for pointers to starts", take_start, s) &&
	     find_candidates(s) &&
	     hw_slots_all(s->session, false, "looking for interior pointers", take_view, s);
	if (ok)
		judge(s, p);
	else if (hw_stop_requested())
		g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
	else
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no room to look for pins");
	hw_array_resize(s->pins, s->room, 0, sizeof(*s->pins));
	hw_array_resize(s->has_start, s->has_start ? words : 0, 0, sizeof(*s->has_start));
	return ok;
}

struct hw_pins *hw_pins_query(struct hw_session *session, uint64_t min, GError **error)
{
	struct scan scan = {.session = session, .min = min};
	struct hw_pins *p = g_new0(struct hw_pins, 1);

	p->min = min;
	p->pins = g_array_new(FALSE, FALSE, sizeof(struct hw_pin));
	if (!find_pins(&scan, p, error)) {
		hw_pins_free(p);
		return NULL;
	}
	hw_target_check(session->target, &session->notes);
	return p;
}
