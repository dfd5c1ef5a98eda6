/* SPDX-License-Identifier: Apache-2.0 */
/* Turns the references around: count, prefix sum, fill. */
#include "query/reverse.h"
#include "base/array.h"
#include "base/error.h"
#include "base/stop.h"
#include "query/slots.h"

struct turn {
	struct hw_reverse *reverse;
	uint32_t source;
	uint32_t last; /* Target of the reference before: vectors repeat. */
	bool is_fill;
};

static bool take(void *arg, const struct hw_slot *slot)
{
	struct turn *t = arg;
	struct hw_reverse *r = t->reverse;
	const uint32_t target = slot->target;

	if (target == slot->source || (target == t->last && slot->source == t->source))
		return true;
	t->source = slot->source;
	t->last = target;
	/* While filling, offset[b + 1] is where b's next source goes. The core may have
	 * been written to since it was counted. */
	if (t->is_fill && r->offset[target + 1] >= r->count)
		return true;
	if (t->is_fill)
		r->source[r->offset[target + 1]] = t->source;
	r->offset[target + 1]++;
	return true;
}

static bool scan(const struct hw_session *s, struct turn *t)
{
	t->source = t->last = HW_NO_BLOCK;
	return hw_slots_all(s, true, "turning references around", take, t);
}

static bool fill(const struct hw_session *s, struct hw_reverse *r)
{
	struct turn turn = {.reverse = r};
	uint64_t sum = 0;

	if (!scan(s, &turn))
		return false;
	/* offset[b + 1] becomes the start of b: one place ahead, until it was filled. */
	for (uint32_t b = 0; b < r->blocks; b++) {
		uint64_t count = r->offset[b + 1];

		r->offset[b + 1] = sum;
		sum += count;
	}
	r->count = sum;
	r->source = hw_array_resize(NULL, 0, sum + 1, sizeof(*r->source));
	if (!r->source)
		return false;
	turn = (struct turn){.reverse = r, .is_fill = true};
	return scan(s, &turn);
}

struct hw_reverse *hw_reverse_new(const struct hw_session *s, GError **error)
{
	struct hw_reverse *r = g_new0(struct hw_reverse, 1);

	r->blocks = s->graph->blocks;
	r->offset = hw_array_resize(NULL, 0, (size_t)r->blocks + 1, sizeof(*r->offset));
	if (r->offset && fill(s, r))
		return r;
	hw_reverse_free(r);
	if (hw_stop_requested())
		g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
	else
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL,
			    "no room for the references turned around");
	return NULL;
}

void hw_reverse_free(struct hw_reverse *r)
{
	if (!r)
		return;
	hw_array_resize(r->source, r->source ? r->count + 1 : 0, 0, sizeof(*r->source));
	hw_array_resize(r->offset, r->offset ? (size_t)r->blocks + 1 : 0, 0, sizeof(*r->offset));
	g_free(r);
}
