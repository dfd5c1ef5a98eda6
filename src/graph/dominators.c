/* SPDX-License-Identifier: Apache-2.0 */
/* dominators.c -- immediate dominators by the simple algorithm (LINK and EVAL with path
 * compression, O(m log n) on every shape) of
 *
 *     Thomas Lengauer and Robert Endre Tarjan, A Fast Algorithm for Finding Dominators in a
 *     Flowgraph, ACM TOPLAS 1(1), July 1979, pages 121-141.
 *
 * Semi-NCA is faster on most graphs and quadratic on some that heaps do hold (a long list
 * whose last node owns a vector that somebody else holds too): not used, on purpose.
 *
 * Everything after the depth-first search is in preorder numbers. An edge v -> w with v < w
 * (tree and forward edges) is a candidate for semi(w) as it stands: v itself. Only edges from
 * later to earlier nodes (cross and back edges) need EVAL, so only they are kept as
 * predecessors, in one array by w, which LENGAUER-TARJAN then reads from its end to its
 * start. There is no reverse graph, and no recursion.
 *
 * Fields of a node take turns:
 *
 *     ancestor  DFS: parent.                        LT: parent, then ancestor (linked nodes)
 *     label     DFS: edges done; then: place in the predecessor array.      LT: label
 *     semi      DFS: the unfinished node below on the stack; then and LT: semi(label)
 *     degree    number of predecessors kept */
#include "base/array.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include "graph/csr.h"

#define NONE      UINT32_MAX
#define DEFERRED  (UINT32_C(1) << 31) /* dom[v] says: as that one's. */
#define POLL_MASK 0xffff
#define AHEAD     8  /* Nodes whose edges are fetched ahead. */
#define FETCHED   16 /* Edges fetched of a node. */

struct node {
	uint32_t ancestor;
	uint32_t label;
	uint32_t semi;
	uint32_t degree;
};

struct work {
	const struct hw_search *search;
	struct hw_csr *csr;
	uint32_t *number; /* Of a row; 0: not met. NULL once targets are numbers. */
	struct node *node;
	uint32_t *order;
	uint32_t count; /* Numbers given, the virtual root's included. */
	uint32_t room;
	uint32_t *preds;
	uint64_t pred_count;
	uint32_t *dom;
	bool too_many;
};

static inline bool is_excluded(const struct hw_search *s, uint32_t row)
{
	return s->exclude && row < s->exclude_rows && hw_bit(s->exclude, row);
}

static uint32_t start_at(const struct hw_search *s, uint32_t i)
{
	return s->starts ? s->starts[i] : s->start_first + i;
}

static bool poll(const struct work *w, uint32_t done)
{
	if ((done & POLL_MASK) != 0)
		return true;
	hw_progress(w->search->what, done, w->room);
	return !hw_stop_requested();
}

/* Gives row the next number. */
static inline uint32_t enter(struct work *w, uint32_t row, uint32_t parent)
{
	uint32_t v = w->count++;

	w->number[row] = v;
	w->order[v] = row;
	w->node[v].ancestor = parent;
	return v;
}

static inline void fetch_children(const struct work *w, uint64_t at, uint64_t end)
{
	for (uint64_t e = at; e < end && e < at + FETCHED; e++) {
		uint32_t target = w->csr->target[e];

		__builtin_prefetch(&w->number[target]);
		__builtin_prefetch(&w->csr->low[target]);
	}
}

/* Depth first from one start. A node with edges left when its child is entered is put on a
 * stack threaded through node.semi; one without is not come back to. */
static bool search_from(struct work *w, uint32_t start)
{
	struct hw_csr *csr = w->csr;
	uint32_t *target = csr->target;
	uint32_t v = enter(w, start, 0);
	uint32_t unfinished = 0;
	uint64_t at = hw_csr_begin(csr, start);
	uint64_t end = hw_csr_begin(csr, start + 1);

	fetch_children(w, at, end);
	for (;;) {
		uint32_t row;
		uint32_t child;

		while (at < end && (w->number[target[at]] || is_excluded(w->search, target[at]))) {
			if (w->search->is_last)
				target[at] = w->number[target[at]];
			at++;
		}
		if (at == end) {
			if (!unfinished)
				return true;
			v = unfinished;
			unfinished = w->node[v].semi;
			row = w->order[v];
			at = hw_csr_begin(csr, row) + w->node[v].label;
			end = hw_csr_begin(csr, row + 1);
			continue;
		}
		row = target[at];
		child = enter(w, row, v);
		if (w->search->is_last)
			target[at] = child;
		at++;
		if (at < end) {
			uint64_t done = at - hw_csr_begin(csr, w->order[v]);

			if (done >= UINT32_MAX) {
				w->too_many = true;
				return false;
			}
			w->node[v].label = (uint32_t)done;
			w->node[v].semi = unfinished;
			unfinished = v;
		}
		v = child;
		at = hw_csr_begin(csr, row);
		end = hw_csr_begin(csr, row + 1);
		fetch_children(w, at, end);
		if (!poll(w, v))
			return false;
	}
}

static bool search_all(struct work *w)
{
	w->count = 1;
	w->order[0] = NONE;
	for (uint32_t i = 0; i < w->search->start_count; i++) {
		uint32_t row = start_at(w->search, i);

		if (!w->number[row] && !is_excluded(w->search, row) && !search_from(w, row))
			return false;
	}
	for (uint32_t v = 0; v < w->count; v++)
		w->node[v].semi = NONE;
	/* The virtual root's own edges. */
	for (uint32_t i = 0; i < w->search->start_count; i++)
		w->node[w->number[start_at(w->search, i)]].semi = 0;
	return true;
}

/* Number of an edge's target; 0: not entered. */
static inline uint32_t number_of(const struct work *w, uint32_t target)
{
	return w->number ? w->number[target] : target;
}

static inline void fetch_row(const struct work *w, uint32_t v)
{
	uint64_t at;
	uint64_t end;

	if (v + 2 * AHEAD < w->count)
		__builtin_prefetch(&w->csr->low[w->order[v + 2 * AHEAD]]);
	if (v + AHEAD + AHEAD / 2 < w->count)
		__builtin_prefetch(
		    &w->csr->target[hw_csr_begin(w->csr, w->order[v + AHEAD + AHEAD / 2])]);
	if (v + AHEAD >= w->count)
		return;
	at = hw_csr_begin(w->csr, w->order[v + AHEAD]);
	end = hw_csr_begin(w->csr, w->order[v + AHEAD] + 1);
	for (uint64_t e = at; e < end && e < at + FETCHED; e++)
		__builtin_prefetch(&w->node[number_of(w, w->csr->target[e])]);
}

/* Forward edges become semi, the others are counted. */
static bool count_preds(struct work *w)
{
	for (uint32_t v = 1; v < w->count; v++) {
		uint64_t at = hw_csr_begin(w->csr, w->order[v]);
		uint64_t end = hw_csr_begin(w->csr, w->order[v] + 1);

		fetch_row(w, v);
		for (; at < end; at++) {
			uint32_t t = number_of(w, w->csr->target[at]);

			if (!t)
				continue;
			if (t > v)
				w->node[t].semi = MIN(w->node[t].semi, v);
			else if (t < v && w->node[t].degree++ == NONE)
				w->too_many = true;
			w->pred_count += t < v;
		}
		if (!poll(w, v))
			return false;
	}
	w->too_many |= w->pred_count >= NONE;
	return !w->too_many;
}

static bool fill_preds(struct work *w)
{
	uint32_t place = 0;

	for (uint32_t v = 0; v < w->count; v++) {
		w->node[v].label = place;
		place += w->node[v].degree;
	}
	for (uint32_t v = 1; v < w->count; v++) {
		uint64_t at = hw_csr_begin(w->csr, w->order[v]);
		uint64_t end = hw_csr_begin(w->csr, w->order[v] + 1);

		fetch_row(w, v);
		for (; at < end; at++) {
			uint32_t t = number_of(w, w->csr->target[at]);

			if (t && t < v)
				w->preds[w->node[t].label++] = v;
		}
		if (!poll(w, v))
			return false;
	}
	return true;
}

/* EVAL(v) of the paper with COMPRESS: the path to the root of v's tree in the forest is
 * turned round on the way up and back on the way down, so no stack is needed. Nodes from
 * `linked` on have been linked. Returns the label; its semi is node[v].semi. */
static inline uint32_t eval(struct node *node, uint32_t v, uint32_t linked)
{
	uint32_t x = v;
	uint32_t below = 0;
	uint32_t root;

	if (node[v].ancestor < linked)
		return node[v].label;
	while (node[x].ancestor >= linked) {
		uint32_t above = node[x].ancestor;

		node[x].ancestor = below;
		below = x;
		x = above;
	}
	root = node[x].ancestor;
	while (below) {
		uint32_t next = node[below].ancestor;

		if (node[x].semi < node[below].semi) {
			node[below].semi = node[x].semi;
			node[below].label = node[x].label;
		}
		node[below].ancestor = root;
		x = below;
		below = next;
	}
	return node[v].label;
}

/* Step 3 for all v in the bucket of p, whose child w has just been linked. The bucket's head,
 * its links and the dominators share dom[]: each is dead when the next begins. */
static inline void empty_bucket(struct work *work, uint32_t p, uint32_t w)
{
	uint32_t v = work->dom[p];

	while (v) {
		uint32_t next = work->dom[v];
		uint32_t u = eval(work->node, v, w);

		work->dom[v] = work->node[v].semi < p ? u | DEFERRED : p;
		v = next;
	}
	work->dom[p] = 0;
}

#define PREDS_AHEAD 24

/* Steps 2 and 3, from the last node to the first, and step 4. */
static bool find_dominators(struct work *work)
{
	struct node *node = work->node;
	uint32_t *dom = work->dom;
	uint64_t place = work->pred_count;

	for (uint32_t w = work->count - 1; w > 0; w--) {
		uint32_t semi = node[w].semi;
		uint32_t p = node[w].ancestor;

		for (uint32_t i = node[w].degree; i > 0; i--) {
			uint32_t v = work->preds[--place];

			if (place >= PREDS_AHEAD)
				__builtin_prefetch(&node[work->preds[place - PREDS_AHEAD]]);
			eval(node, v, w + 1);
			semi = MIN(semi, node[v].semi);
		}
		node[w].semi = semi;
		node[w].label = w;
		if (semi == p) {
			dom[w] = p;
		} else {
			dom[w] = dom[semi];
			dom[semi] = w;
		}
		empty_bucket(work, p, w);
		if (!poll(work, work->count - w))
			return false;
	}
	for (uint32_t w = 1; w < work->count; w++)
		if (dom[w] & DEFERRED)
			dom[w] = dom[dom[w] & ~DEFERRED];
	return true;
}

static void clear_work(struct work *w)
{
	hw_array_resize(w->number, w->csr ? w->csr->rows + 1 : 0, 0, sizeof(*w->number));
	hw_array_resize(w->node, w->room, 0, sizeof(*w->node));
	hw_array_resize(w->order, w->room, 0, sizeof(*w->order));
	hw_array_resize(w->preds, w->pred_count, 0, sizeof(*w->preds));
	hw_array_resize(w->dom, w->room, 0, sizeof(*w->dom));
}

static void free_number(struct work *w)
{
	hw_array_resize(w->number, w->csr->rows + 1, 0, sizeof(*w->number));
	w->number = NULL;
}

/* Everything up to the point where the graph itself is not needed any more. */
static bool prepare(struct work *w)
{
	w->number = hw_array_new_huge(w->csr->rows + 1, sizeof(*w->number)); /* Never of 0. */
	w->node = hw_array_new_huge(w->room, sizeof(*w->node));
	w->order = hw_array_new_huge(w->room, sizeof(*w->order));
	if (!w->number || !w->node || !w->order || !search_all(w))
		return false;
	if (w->search->is_last)
		free_number(w);
	if (!count_preds(w)) {
		w->pred_count = 0;
		return false;
	}
	if (w->pred_count) {
		w->preds = hw_array_new_huge(w->pred_count, sizeof(*w->preds));
		if (!w->preds || !fill_preds(w))
			return false;
	}
	if (w->number)
		free_number(w);
	return true;
}

static struct hw_dominators *take_result(struct work *w)
{
	struct hw_dominators *d = g_new0(struct hw_dominators, 1);

	d->count = w->count;
	d->room = w->room;
	d->order = g_steal_pointer(&w->order);
	d->idom = g_steal_pointer(&w->dom);
	return d;
}

static void set_error(const struct work *w, GError **error)
{
	if (w->too_many)
		g_set_error(
		    error, HW_ERROR, HW_ERROR_INTERNAL,
		    "the graph has more than %u references from later to earlier blocks: too "
		    "many for dominators",
		    NONE);
	else if (hw_stop_requested())
		g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
	else
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL,
			    "no memory for the dominators of %u nodes", w->room);
}

struct hw_dominators *hw_dominators_new(const struct hw_search *search, GError **error)
{
	struct work w = {.search = search, .csr = *search->csr, .room = search->most + 1};
	struct hw_dominators *d = NULL;
	bool ok = prepare(&w);

	if (search->is_last) {
		hw_array_resize(w.number, w.csr->rows + 1, 0, sizeof(*w.number));
		w.number = NULL;
		hw_csr_free(w.csr);
		*search->csr = w.csr = NULL;
	}
	if (ok) {
		w.dom = hw_array_new_huge(w.room, sizeof(*w.dom));
		ok = w.dom && find_dominators(&w);
	}
	if (ok)
		d = take_result(&w);
	else
		set_error(&w, error);
	clear_work(&w);
	hw_progress_end();
	return d;
}

void hw_dominators_free(struct hw_dominators *d)
{
	if (!d)
		return;
	hw_array_resize(d->order, d->room, 0, sizeof(*d->order));
	hw_array_resize(d->idom, d->room, 0, sizeof(*d->idom));
	g_free(d);
}

void hw_dominators_sum(const struct hw_dominators *d, uint64_t *size)
{
	for (uint32_t v = d->count; v-- > 1;)
		size[d->idom[v]] += size[v];
}
