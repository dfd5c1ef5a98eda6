/* SPDX-License-Identifier: Apache-2.0 */
/* Turns the references around: count, prefix sum, fill. */
#include "query/reverse.h"
#include "base/array.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"

#define POLL 4096 /* Blocks between looks at the stop flag. */

struct turn {
	struct hw_reverse *reverse;
	uint32_t source;
	uint32_t last; /* Target of the reference before: vectors repeat. */
	bool is_fill;
};

static void take(struct turn *t, uint32_t target)
{
	struct hw_reverse *r = t->reverse;

	if (target == t->last || target == t->source)
		return;
	t->last = target;
	/* While filling, offset[b + 1] is where b's next source goes. The core may have
	 * been written to since it was counted. */
	if (t->is_fill && r->offset[target + 1] >= r->count)
		return;
	if (t->is_fill)
		r->source[r->offset[target + 1]] = t->source;
	r->offset[target + 1]++;
}

static bool take_edge(void *arg, hw_addr slot G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED,
		      uint32_t target)
{
	take(arg, target);
	return true;
}

static void scan(const struct hw_session *s, struct turn *t)
{
	const struct hw_graph *g = s->graph;

	for (uint32_t b = 0; b < g->blocks; b++) {
		if (b % POLL == 0) {
			hw_progress("turning references around", b, g->blocks);
			if (hw_stop_requested())
				return;
		}
		if (!hw_graph_is_reached(g, b))
			continue;
		t->source = b;
		t->last = HW_NO_BLOCK;
		hw_graph_out(g, s->memory, b, take_edge, t);
	}
	for (uint64_t i = 0; i < s->roots->ref_count; i++) {
		const struct hw_root_ref *ref = &s->roots->refs[i];

		if (t->source != g->blocks + ref->root)
			t->last = HW_NO_BLOCK;
		t->source = g->blocks + ref->root;
		take(t, ref->block);
	}
}

static bool fill(const struct hw_session *s, struct hw_reverse *r)
{
	struct turn turn = {.reverse = r};
	uint64_t sum = 0;

	scan(s, &turn);
	if (hw_stop_requested())
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
	scan(s, &turn);
	return !hw_stop_requested();
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
