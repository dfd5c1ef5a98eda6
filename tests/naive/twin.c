/* SPDX-License-Identifier: Apache-2.0 */
/* twin.c -- everything the tool says about references in one core, against the slow twin.
 *
 *     twin CORE --sysroot DIR --plugins DIR [--work N]
 *
 * What a node retains and dominates is found by removing it; with more than N steps (nodes
 * times edges; default 2e9) only every so many nodes are removed, and the last line says so. */
#include "graph/leaks.h"
#include "naive.h"
#include "query/slots.h"
#include "query/without.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned failures;

static void expect(bool holds, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static void expect(bool holds, const char *fmt, ...)
{
	va_list args;

	if (holds || failures++ >= 20)
		return;
	va_start(args, fmt);
	printf("wrong: ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
}

static struct hw_session *open_session(const char *path, const struct hw_options *options,
				       enum hw_depth depth)
{
	const struct hw_graph_request request = {.depth = depth};
	GError *error = NULL;
	struct hw_session *s = hw_session_open(path, options, &error);

	if (!s || !hw_session_graph(s, &request, &error)) {
		printf("twin: %s\n", error->message);
		exit(2);
	}
	expect(hw_session_is_complete(s), "the answer is not complete");
	return s;
}

static void check_table(const struct naive *n, const struct hw_session *s)
{
	uint64_t bytes = 0;

	expect(hw_table_count(s->table) == n->blocks->len, "%u blocks, not %u",
	       hw_table_count(s->table), n->blocks->len);
	for (uint32_t i = 0; i < n->blocks->len && i < hw_table_count(s->table); i++) {
		const struct naive_block *b = naive_block(n, i);

		expect(hw_table_addr(s->table, i) == b->addr, "block %u: another address", i);
		expect(hw_table_size(s->table, i) == b->size, "block %u: another size", i);
		bytes += b->size;
	}
	expect(hw_table_bytes(s->table) == bytes, "another sum of sizes");
}

/* The words of roots are where they should be, and point where the tool says. */
static void check_roots(const struct naive *n, const struct hw_session *s)
{
	for (uint64_t i = 0; i < s->roots->ref_count; i++) {
		const struct hw_root_ref *ref = &s->roots->refs[i];
		uint64_t offset = ref->slot ? naive_offset(n, ref->slot) : UINT64_MAX;
		uint64_t word;

		if (offset != UINT64_MAX)
			memcpy(&word, n->core + offset, sizeof(word));
		else if (ref->slot || !hw_session_root_word(s, ref, &word))
			expect(false, "the word at 0x%" PRIx64 " is not in the core", ref->slot);
		expect(naive_find(n, word) == ref->block, "root word 0x%" PRIx64, ref->slot);
		expect(!i || ref[-1].root < ref->root ||
			   (ref[-1].root == ref->root && ref[-1].slot <= ref->slot),
		       "root words are not in order at %" PRIu64, i);
	}
}

static void check_reached(const struct naive *n, const struct hw_session *s, const uint32_t *seen)
{
	const struct hw_graph *g = s->graph;
	uint64_t blocks, bytes = naive_bytes(n, seen, &blocks);

	for (uint32_t i = 0; i < g->blocks; i++)
		expect(hw_graph_is_reached(g, i) == (seen[i] != 0), "block %u is reached: %u", i,
		       hw_graph_is_reached(g, i));
	expect(g->reached_blocks == blocks && g->reached_bytes == bytes,
	       "%" PRIu64 " bytes reached, not %" PRIu64, g->reached_bytes, bytes);
}

static bool has_edge(const struct naive *n, uint32_t from, uint32_t to)
{
	for (uint32_t e = n->first[from]; e < n->first[from + 1]; e++)
		if (naive_edge(n, e)->target == to)
			return true;
	return false;
}

/* Parents lead to a root by as few steps as there can be. */
static void check_paths(const struct naive *n, const struct hw_session *s, const uint32_t *seen)
{
	const struct hw_graph *g = s->graph;

	for (uint32_t i = 0; i < g->blocks; i++) {
		uint32_t steps = 1, node = i;

		if (!seen[i])
			continue;
		for (; node < g->blocks && steps <= seen[i]; steps++) {
			uint32_t above = g->parent[node];

			if (above >= g->nodes || !has_edge(n, above, node)) {
				expect(false, "block %u: no reference from %u", node, above);
				break;
			}
			node = above;
		}
		expect(node >= g->blocks && steps == seen[i], "block %u: %u steps, not %u", i,
		       steps, seen[i]);
	}
}

/* Where in a walk of the dominator tree a node's part begins and ends: what a node dominates
 * lies between. */
struct walk {
	uint32_t *enter, *leave;
	uint32_t entered;
};

/* The tree downwards, through the tool's own lists: every reached node once, parts that add
 * up to the whole. */
static void walk_tree(const struct hw_graph *g, const uint32_t *seen, struct walk *w)
{
	GArray *todo = g_array_new(FALSE, FALSE, sizeof(uint32_t)); /* Node; ~0: leave the next. */
	uint32_t node = HW_GRAPH_TOP;
	uint64_t top = 0;

	g_array_append_val(todo, node);
	while (todo->len) {
		uint64_t bytes = 0;
		uint32_t *list, listed, count;

		node = g_array_index(todo, uint32_t, todo->len - 1);
		g_array_set_size(todo, todo->len - 1);
		if (node != HW_GRAPH_TOP && w->enter[node]) { /* Its part is done. */
			w->leave[node] = w->entered;
			continue;
		}
		if (node != HW_GRAPH_TOP) {
			w->enter[node] = ++w->entered;
			g_array_append_val(todo, node);
		}
		count = hw_graph_children(g, node, UINT32_MAX, &list, &listed);
		expect(count == listed, "node %u: %u children of %u", node, listed, count);
		for (uint32_t i = 0; i < listed; i++) {
			expect(!w->enter[list[i]], "node %u is in two places", list[i]);
			if (!w->enter[list[i]])
				g_array_append_val(todo, list[i]);
			bytes += g->retained[list[i]];
		}
		if (node == HW_GRAPH_TOP)
			top = bytes;
		else
			expect(g->retained[node] ==
				   bytes + (node < g->blocks ? hw_table_size(g->table, node) : 0),
			       "node %u does not retain what its parts do", node);
		g_free(list);
	}
	g_array_unref(todo);
	expect(top == g->reached_bytes, "roots retain %" PRIu64 " of %" PRIu64, top,
	       g->reached_bytes);
	for (uint32_t i = 0; i < g->nodes; i++)
		expect((w->enter[i] != 0) == (seen[i] != 0), "node %u is in the tree: %u", i,
		       w->enter[i] != 0);
}

/* What is lost without a node is what it dominates, and what it retains. */
static void remove_node(const struct naive *n, const struct hw_graph *g, const struct walk *w,
			const uint32_t *seen, uint32_t *left, uint32_t node)
{
	uint64_t lost = 0;

	naive_reach_all(n, node, left);
	for (uint32_t i = 0; i < g->nodes; i++) {
		bool is_lost = seen[i] && !left[i];
		bool is_below = w->enter[i] >= w->enter[node] && w->enter[i] <= w->leave[node];

		lost += is_lost && i < g->blocks ? naive_block(n, i)->size : 0;
		expect(!seen[i] || is_lost == is_below, "%u dominates %u: %u", node, i, is_below);
	}
	expect(g->retained[node] == lost, "node %u retains %" PRIu64 ", not %" PRIu64, node,
	       g->retained[node], lost);
}

/* Returns every how many nodes one was removed. */
static uint64_t check_dominators(const struct naive *n, const struct hw_session *s,
				 const uint32_t *seen, double work)
{
	const struct hw_graph *g = s->graph;
	struct walk w = {g_new0(uint32_t, g->nodes + 1), g_new0(uint32_t, g->nodes + 1), 0};
	uint32_t *left = g_new0(uint32_t, g->nodes + 1);
	uint64_t step = (uint64_t)((double)n->nodes * (n->edges->len + n->nodes) / work) + 1;

	walk_tree(g, seen, &w);
	for (uint64_t i = 0; i < g->nodes; i += step)
		if (seen[i])
			remove_node(n, g, &w, seen, left, (uint32_t)i);
	for (uint32_t i = 0; i < g->nodes; i++)
		expect(seen[i] || !g->retained[i], "node %u is not reached and retains", i);
	g_free(left);
	g_free(w.enter);
	g_free(w.leave);
	return step;
}

static bool is_leak(const struct naive *n, const uint32_t *seen, uint32_t i)
{
	return !seen[i] && !naive_block(n, i)->is_internal && !naive_block(n, i)->is_collected;
}

/* All that leaked is led to by the heads, none of them is led to by another one, and what
 * comes by one head only is what it lets go of. */
static void check_leaks(const struct naive *n, struct hw_session *s, const uint32_t *seen)
{
	struct hw_leaks *l = hw_graph_leaks(s->graph, s->memory, &s->notes, NULL);
	uint32_t *by = g_new0(uint32_t, n->nodes + 1), *led = g_new0(uint32_t, n->nodes + 1);
	bool *start = g_new0(bool, n->nodes + 1);
	uint64_t blocks = 0, bytes = 0, pending = 0;

	for (uint32_t h = 0; h < l->head_count; h++) {
		uint64_t freed = 0;

		start[l->heads[h]] = true;
		naive_reach(n, start, NAIVE_NONE, led);
		start[l->heads[h]] = false;
		for (uint32_t i = 0; i < n->blocks->len; i++) {
			bool is_lost = led[i] && is_leak(n, seen, i);

			by[i] = is_lost ? (by[i] ? HW_LEAK_SHARED : h + 1) : by[i];
			freed +=
			    is_lost && hw_leaks_head(l, i) == h + 1 ? naive_block(n, i)->size : 0;
		}
		expect(l->head_bytes[h] == freed, "head %u frees %" PRIu64, h, freed);
	}
	for (uint32_t i = 0; i < n->blocks->len; i++) {
		bool is_lost = is_leak(n, seen, i);

		pending +=
		    !seen[i] && naive_block(n, i)->is_collected ? naive_block(n, i)->size : 0;
		blocks += is_lost;
		bytes += is_lost ? naive_block(n, i)->size : 0;
		expect(!is_lost == !by[i], "block %u: no head leads to it", i);
		expect(!l->head_count || hw_leaks_head(l, i) == by[i], "block %u: another head", i);
	}
	for (uint32_t h = 0; h < l->head_count; h++)
		expect(by[l->heads[h]] == h + 1, "head %u is led to by another one", h);
	expect(l->blocks == blocks && l->bytes == bytes, "%" PRIu64 " leaked", l->blocks);
	expect(l->pending_bytes == pending, "%" PRIu64 " bytes pending", l->pending_bytes);
	hw_leaks_free(l);
	g_free(by);
	g_free(led);
	g_free(start);
}

/* Roots of one thread or goroutine together, and all roots together (tid -1). */
static void check_without_roots(const struct naive *n, const struct hw_session *s, int32_t tid,
				uint64_t goroutine)
{
	const struct hw_roots *roots = s->roots;
	uint32_t *group = g_new(uint32_t, roots->count + 1), *left = g_new(uint32_t, n->nodes + 1);
	bool *start = g_new0(bool, n->nodes + 1);
	uint64_t blocks = 0, bytes = 0, left_blocks, left_bytes;

	for (uint32_t r = 0; r < roots->count; r++) {
		bool is_in = goroutine ? roots->nodes[r].goroutine == goroutine
				       : tid < 0 || roots->nodes[r].tid == tid;

		group[r] = is_in ? 0 : HW_NO_BLOCK;
		start[n->blocks->len + r] = !is_in;
	}
	naive_reach(n, start, NAIVE_NONE, left);
	left_bytes = naive_bytes(n, left, &left_blocks);
	expect(hw_without_roots(s, group, 1, &blocks, &bytes, NULL), "no answer without roots");
	expect(blocks == s->graph->reached_blocks - left_blocks &&
		   bytes == s->graph->reached_bytes - left_bytes,
	       "roots of thread %d, goroutine %" PRIu64 " alone hold %" PRIu64
	       " bytes, not %" PRIu64,
	       tid, goroutine, bytes, s->graph->reached_bytes - left_bytes);
	g_free(group);
	g_free(left);
	g_free(start);
}

/* Some of those that have roots. */
static void check_goroutines(const struct naive *n, const struct hw_session *s)
{
	uint64_t last = 0;

	for (uint32_t r = 0, count = 0; r < s->roots->count && count < 20; r++) {
		const uint64_t id = s->roots->nodes[r].goroutine;

		if (!id || id == last)
			continue;
		check_without_roots(n, s, -1, id);
		last = id;
		count++;
	}
}

/* A set of blocks gone: every step-th one. */
static void check_without_blocks(struct naive *n, const struct hw_session *s, uint32_t step)
{
	uint64_t *removed = g_new0(uint64_t, n->blocks->len / 64 + 1), blocks, bytes, left_blocks;
	uint32_t *left = g_new(uint32_t, n->nodes + 1);
	GArray *all = n->edges, *kept = g_array_new(FALSE, FALSE, sizeof(struct naive_edge));
	uint32_t *first = g_memdup2(n->first, (n->nodes + 1) * sizeof(*first));
	uint64_t left_bytes;

	for (uint32_t i = step - 1; i < n->blocks->len; i += step)
		removed[i / 64] |= UINT64_C(1) << (i % 64);
	for (uint32_t node = 0; node < n->nodes; node++) {
		uint32_t from = first[node], end = first[node + 1];

		n->first[node] = kept->len;
		for (; from < end; from++) {
			const struct naive_edge *e = &g_array_index(all, struct naive_edge, from);

			if (!(removed[e->target / 64] >> (e->target % 64) & 1))
				g_array_append_vals(kept, e, 1);
		}
	}
	n->first[n->nodes] = kept->len;
	n->edges = kept;
	naive_reach_all(n, NAIVE_NONE, left);
	left_bytes = naive_bytes(n, left, &left_blocks);
	expect(hw_without_blocks(s, removed, &blocks, &bytes, NULL), "no answer without blocks");
	expect(blocks == s->graph->reached_blocks - left_blocks &&
		   bytes == s->graph->reached_bytes - left_bytes,
	       "every %u. block holds %" PRIu64 " bytes, not %" PRIu64, step, bytes,
	       s->graph->reached_bytes - left_bytes);
	n->edges = all;
	memcpy(n->first, first, (n->nodes + 1) * sizeof(*first));
	g_array_unref(kept);
	g_free(first);
	g_free(left);
	g_free(removed);
}

/* The slots of a node in order, and those that refer to a block. */
struct slots {
	const struct naive *n;
	uint32_t node;
	uint32_t count;
};

static bool is_edge(const struct naive *n, const struct naive_edge *e, const struct hw_slot *slot)
{
	uint64_t offset = slot->addr ? naive_offset(n, slot->addr) : UINT64_MAX, word = 0;

	if (offset != UINT64_MAX)
		memcpy(&word, n->core + offset, sizeof(word));
	return e->source == slot->source && e->target == slot->target && e->slot == slot->addr &&
	       slot->has_value &&
	       (offset == UINT64_MAX ? naive_find(n, slot->value) == e->target
				     : slot->value == word);
}

static bool take_out(void *arg, const struct hw_slot *slot)
{
	struct slots *r = arg;
	uint32_t at = r->n->first[r->node] + r->count++;

	expect(at < r->n->first[r->node + 1] && is_edge(r->n, naive_edge(r->n, at), slot),
	       "node %u: no reference at 0x%" PRIx64, r->node, slot->addr);
	return true;
}

static bool take_in(void *arg, const struct hw_slot *slot)
{
	struct slots *r = arg;
	bool is_there = false;

	for (uint32_t e = r->n->first[slot->source]; e < r->n->first[slot->source + 1]; e++)
		is_there |= is_edge(r->n, naive_edge(r->n, e), slot);
	expect(is_there && slot->target == r->node, "block %u: not referred to at 0x%" PRIx64,
	       r->node, slot->addr);
	r->count++;
	return true;
}

static bool take_any(void *arg, const struct hw_slot *slot)
{
	struct slots *r = arg;

	expect(r->count < r->n->edges->len && is_edge(r->n, naive_edge(r->n, r->count), slot),
	       "no reference at 0x%" PRIx64, slot->addr);
	r->count++;
	return true;
}

static void check_slots(const struct naive *n, const struct hw_session *s)
{
	const uint32_t blocks = n->blocks->len;
	uint32_t *in = g_new0(uint32_t, blocks + 1);
	struct slots all = {n, 0, 0};

	for (uint32_t e = 0; e < n->edges->len; e++)
		in[naive_edge(n, e)->target]++;
	for (uint32_t i = 0; i < n->nodes; i++) {
		struct slots out = {n, i, 0}, into = {n, i, 0};

		if (i < blocks)
			hw_slots_out(s, i, take_out, &out);
		else
			hw_slots_root(s, i - blocks, take_out, &out);
		expect(out.count == n->first[i + 1] - n->first[i], "node %u refers %u times", i,
		       out.count);
		if (i >= blocks || i % (blocks / 200 + 1))
			continue;
		expect(hw_slots_in(s, i, take_in, &into, NULL), "no answer");
		expect(into.count == in[i], "block %u is referred to %u times, not %u", i,
		       into.count, in[i]);
	}
	expect(hw_slots_all(s, false, "test", take_any, &all), "no answer");
	expect(all.count == n->edges->len, "%u references, not %u", all.count, n->edges->len);
	g_free(in);
}

static void check_all(const char *path, const struct hw_options *options, double work)
{
	struct hw_session *paths = open_session(path, options, HW_DEPTH_PATHS);
	struct hw_session *s = open_session(path, options, HW_DEPTH_DOMINATORS);
	g_autoptr(GMappedFile) file = g_mapped_file_new(path, FALSE, NULL);
	struct naive *n = naive_new(s, (const uint8_t *)g_mapped_file_get_contents(file),
				    g_mapped_file_get_length(file));
	uint32_t *seen = g_new0(uint32_t, n->nodes + 1);
	uint64_t step;

	naive_reach_all(n, NAIVE_NONE, seen);
	check_table(n, s);
	check_roots(n, s);
	check_reached(n, paths, seen);
	check_reached(n, s, seen);
	check_paths(n, paths, seen);
	check_leaks(n, paths, seen);
	check_leaks(n, s, seen);
	check_slots(n, s);
	check_without_roots(n, s, -1, 0);
	check_goroutines(n, s);
	check_goroutines(n, paths);
	for (uint32_t i = 0; i < s->target->thread_count && i < 8; i++)
		check_without_roots(n, s, s->target->threads[i].tid, 0);
	for (uint32_t i = 2; i < 60; i = i * 3 / 2 + 1)
		check_without_blocks(n, s, i);
	step = check_dominators(n, s, seen, work);
	printf("%u blocks, %u roots, %u references, every %" PRIu64 ". node removed, %u wrong\n",
	       n->blocks->len, s->roots->count, n->edges->len, step, failures);
	g_free(seen);
	naive_free(n);
	hw_session_close(s);
	hw_session_close(paths);
}

int main(int argc, char **argv)
{
	struct hw_options options = {0};
	double work = 2e9;

	for (int i = 2; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--sysroot") == 0)
			options.sysroot = argv[i + 1];
		else if (strcmp(argv[i], "--plugins") == 0)
			options.plugin_dir = argv[i + 1];
		else if (strcmp(argv[i], "--work") == 0)
			work = atof(argv[i + 1]);
	}
	if (argc < 2 || argc % 2 || work < 1) {
		fprintf(stderr,
			"usage: twin CORE [--sysroot DIR] [--plugins DIR] [--work STEPS]\n");
		return 2;
	}
	check_all(argv[1], &options, work);
	return failures != 0;
}
