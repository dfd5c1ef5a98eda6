/* SPDX-License-Identifier: Apache-2.0 */
/* test_graph_leaks.c -- the whole graph over small heaps in memory of our own: references
 * from words, levels, threads, leaks, the dominator tree downwards, references of one block,
 * bytes that are missing. The twin reads every word and removes every node in turn.
 *
 * Longer than most files: each world is made once, and everything is asked of it. */
#include "../runner.h"
#include "base/array.h"
#include "base/stop.h"
#include "graph/graph.h"
#include "graph/table_private.h"
#include <string.h>

#define BASE   UINT64_C(0x7f0000000000)
#define SIZE   UINT64_C(65536)
#define BLOCKS 60
#define ROOTS  4
#define REFS   6
#define NODES  (BLOCKS + ROOTS)

static uint64_t state = 88172645463325252u;
static struct hw_notes notes;

static uint32_t random_below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 16) % n);
}

static void setup(void)
{
	hw_notes_init(&notes);
}

static void teardown(void)
{
	hw_notes_clear(&notes);
	ck_assert_uint_eq(hw_array_used(), 0);
}

/* One heap of SIZE bytes from BASE in two mappings, blocks in it, and the truth. */
struct world {
	uint64_t words[SIZE / 8];
	struct hw_mapping mappings[2];
	uint32_t last;
	struct hw_memory memory;
	uint32_t count;
	struct hw_block block[BLOCKS];
	struct hw_table *table;
	struct hw_root_node nodes[ROOTS];
	struct hw_root_ref refs[REFS];
	struct hw_roots roots;
	bool edge[NODES][NODES];
	uint64_t size[NODES];
	uint32_t rows;
	bool is_typed; /* A collected heap whose plugin says which words are references. */
};

/* Which words of a typed heap are references: any rule that differs from word to word. */
static bool is_reference(hw_addr addr)
{
	return (addr / 8 * UINT64_C(0x9e3779b97f4a7c15)) >> 62;
}

static uint64_t asked;

static void tell_references(void *arg, uint32_t heap, hw_addr start, hw_addr end, uint64_t *bits)
{
	(void)arg;
	ck_assert_uint_eq(heap, 0);
	ck_assert(start % 8 == 0 && end % 8 == 0 && start < end && end - start <= 65536);
	memset(bits, 0, (end - start + 511) / 512 * 8);
	for (hw_addr at = start; at < end; at += 8)
		if (is_reference(at))
			bits[(at - start) / 512] |= UINT64_C(1) << ((at - start) / 8 % 64);
	__atomic_fetch_add(&asked, 1, __ATOMIC_RELAXED);
}

static void make_blocks(struct world *w)
{
	struct hw_builder *builder = hw_builder_new();
	struct hw_blocks batch = {sizeof(batch), sizeof(struct hw_block), 0, 1, NULL};
	hw_addr at = BASE + 16;

	if (w->is_typed)
		hw_builder_flags(builder, HW_HEAP_COLLECTED | HW_HEAP_NO_PAST_END | HW_TABLE_TYPED);
	w->count = 2 + random_below(BLOCKS - 2);
	for (uint32_t i = 0; i < w->count; i++) {
		struct hw_block *b = &w->block[i];

		*b = (struct hw_block){.addr = at, .size = 8 + random_below(12) * 16};
		b->size += random_below(20) == 0 ? 8000 : 0;
		b->flags = random_below(15) == 0   ? HW_BLOCK_NOPOINTERS
			   : random_below(15) == 0 ? HW_BLOCK_INTERNAL
						   : 0;
		at += b->size + (w->is_typed ? 0 : 8) + (random_below(4) == 0 ? 64 : 0);
		if (at >= BASE + SIZE) {
			w->count = i;
			break;
		}
		batch.blocks = b;
		ck_assert(hw_builder_add(builder, &batch, w->is_typed ? 0 : 16));
	}
	w->table = hw_builder_finish(builder, &notes, NULL);
	ck_assert_ptr_nonnull(w->table);
	w->table->pointers = tell_references;
}

/* A word that points to block b or somewhere into it, its end included. */
static uint64_t word_to(const struct world *w, uint32_t b)
{
	return w->block[b].addr +
	       (random_below(3) ? 0 : random_below((uint32_t)w->block[b].size + 1));
}

static bool is_held(const struct world *w, hw_addr addr)
{
	const struct hw_mapping *m = &w->mappings[addr >= w->mappings[1].start];

	return addr - m->start < m->size;
}

static void make_edges(struct world *w)
{
	uint32_t edges = random_below(3 * w->count);

	for (uint32_t i = 0; i < edges; i++) {
		const struct hw_block *b = &w->block[random_below(w->count)];
		uint32_t to = random_below(w->count);
		hw_addr slot = b->addr + random_below((uint32_t)b->size / 8) * 8;

		w->words[(slot - BASE) / 8] = word_to(w, to);
	}
	for (uint32_t a = 0; a < w->count; a++)
		for (hw_addr at = w->block[a].addr; at + 8 <= w->block[a].addr + w->block[a].size;
		     at += 8) {
			uint64_t word = w->words[(at - BASE) / 8];

			for (uint32_t b = 0; b < w->count; b++)
				if (a != b && word >= w->block[b].addr && is_held(w, at) &&
				    word <= w->block[b].addr + w->block[b].size - w->is_typed &&
				    !w->block[a].flags && (!w->is_typed || is_reference(at)))
					w->edge[a][b] = true;
		}
}

static void make_roots(struct world *w)
{
	w->roots.nodes = w->nodes;
	w->roots.refs = w->refs;
	w->roots.count = random_below(ROOTS + 1);
	for (uint32_t r = 0; r < w->roots.count; r++)
		while (w->roots.ref_count < REFS && random_below(2)) {
			uint32_t to = random_below(w->count);

			w->refs[w->roots.ref_count++] = (struct hw_root_ref){0, r, to};
			w->edge[w->count + r][to] = true;
		}
	w->rows = w->count + w->roots.count;
}

static struct world *make_world(bool is_cut)
{
	struct world *w = g_new0(struct world, 1);
	uint64_t half = SIZE / 2;

	w->is_typed = random_below(2);
	w->mappings[0] = (struct hw_mapping){
	    .start = BASE, .end = BASE + half, .data = (uint8_t *)w->words, .size = half};
	w->mappings[1] = (struct hw_mapping){.start = BASE + half,
					     .end = BASE + SIZE,
					     .data = (uint8_t *)w->words + half,
					     .size = half};
	if (is_cut) {
		w->mappings[0].size = random_below(40) * 64;
		w->mappings[1].size = random_below(2) ? 0 : half;
	}
	w->memory.mappings = w->mappings;
	w->memory.mapping_count = 2;
	w->memory.last = &w->last;
	make_blocks(w);
	make_edges(w);
	make_roots(w);
	for (uint32_t i = 0; i < w->count; i++)
		w->size[i] = w->block[i].size;
	return w;
}

static void free_world(struct world *w)
{
	hw_table_free(w->table);
	g_free(w);
}

static void reach_slowly(const struct world *w, const bool *start, uint32_t without, bool *seen)
{
	bool changed = true;

	for (uint32_t i = 0; i < w->rows; i++)
		seen[i] = start[i] && i != without;
	while (changed) {
		changed = false;
		for (uint32_t a = 0; a < w->rows; a++)
			for (uint32_t b = 0; seen[a] && b < w->count; b++)
				if (w->edge[a][b] && !seen[b] && b != without)
					changed = seen[b] = true;
	}
}

static uint64_t bytes_of(const struct world *w, const bool *seen)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < w->count; i++)
		bytes += seen[i] ? w->size[i] : 0;
	return bytes;
}

static void starts_of(const struct world *w, bool *start)
{
	for (uint32_t i = 0; i < w->rows; i++)
		start[i] = i >= w->count;
}

static struct hw_graph *make_graph(const struct world *w, enum hw_graph_level level,
				   uint32_t threads)
{
	struct hw_graph_options options = {.level = level, .threads = threads};
	GError *error = NULL;
	struct hw_graph *g =
	    hw_graph_new(&w->memory, w->table, &w->roots, &options, &notes, &error);

	ck_assert_msg(g != NULL, "%s", error ? error->message : "");
	return g;
}

static void check_reached(const struct world *w, const struct hw_graph *g)
{
	bool start[NODES] = {false};
	bool seen[NODES];
	uint64_t blocks = 0;

	starts_of(w, start);
	reach_slowly(w, start, UINT32_MAX, seen);
	for (uint32_t i = 0; i < w->count; i++) {
		ck_assert_int_eq(hw_graph_is_reached(g, i), seen[i]);
		blocks += seen[i];
	}
	ck_assert_uint_eq(g->reached_blocks, blocks);
	ck_assert_uint_eq(g->reached_bytes, bytes_of(w, seen));
	for (uint32_t i = 0; g->parent && i < w->count; i++)
		if (seen[i])
			ck_assert(w->edge[g->parent[i]][i]);
}

/* Every node's retained size is what is lost without it; its dominator loses it too. */
static void check_retained(const struct world *w, const struct hw_graph *g)
{
	bool start[NODES] = {false};
	bool seen[NODES];
	uint64_t top = 0;

	starts_of(w, start);
	reach_slowly(w, start, UINT32_MAX, seen);
	for (uint32_t x = 0; x < w->rows; x++) {
		bool left[NODES];

		if (!seen[x])
			continue;
		reach_slowly(w, start, x, left);
		ck_assert_uint_eq(g->retained[x], bytes_of(w, seen) - bytes_of(w, left));
		if (g->idom[x] == HW_GRAPH_TOP)
			top += g->retained[x];
		else {
			reach_slowly(w, start, g->idom[x], left);
			ck_assert(!left[x]);
		}
	}
	ck_assert_uint_eq(top, g->reached_bytes);
}

/* The tree downwards: every reached node once, in order, also through the index. */
static void check_children(const struct world *w, const struct hw_graph *g, uint32_t limit)
{
	uint32_t total = 0;
	uint32_t reached = (uint32_t)g->reached_blocks + w->roots.count;

	for (uint32_t node = 0; node <= w->rows; node++) {
		uint32_t *list;
		uint32_t listed;
		uint32_t above = node == w->rows ? HW_GRAPH_TOP : node;
		uint32_t count;

		if (node < w->count && !hw_graph_is_reached(g, node))
			continue;
		count = hw_graph_children(g, above, limit, &list, &listed);
		ck_assert_uint_eq(listed, MIN(count, limit));
		total += count;
		for (uint32_t i = 0; i < listed; i++) {
			ck_assert_uint_eq(g->idom[list[i]], above);
			if (i)
				ck_assert(g->retained[list[i - 1]] > g->retained[list[i]] ||
					  (g->retained[list[i - 1]] == g->retained[list[i]] &&
					   list[i - 1] < list[i]));
		}
		g_free(list);
	}
	ck_assert_uint_eq(total, reached);
}

static bool is_lost(const struct world *w, const struct hw_graph *g, uint32_t block)
{
	return !hw_graph_is_reached(g, block) && !(w->block[block].flags & HW_BLOCK_INTERNAL);
}

/* What goes with head n: what the other heads do not lead to. */
static void check_head(const struct world *w, const struct hw_graph *g,
		       const struct hw_leaks *leaks, uint32_t n)
{
	bool start[NODES] = {false};
	bool without[NODES];
	uint64_t lost = 0;

	ck_assert(is_lost(w, g, leaks->heads[n]));
	ck_assert(n == 0 || leaks->heads[n] > leaks->heads[n - 1]);
	for (uint32_t i = 0; i < leaks->head_count; i++)
		start[leaks->heads[i]] = i != n;
	reach_slowly(w, start, UINT32_MAX, without);
	for (uint32_t i = 0; i < w->count; i++) {
		ck_assert(!is_lost(w, g, i) || (hw_leaks_head(leaks, i) == n + 1) == !without[i]);
		if (is_lost(w, g, i) && !without[i])
			lost += w->size[i];
	}
	ck_assert_uint_eq(leaks->head_bytes[n], lost);
	/* It is needed. */
	ck_assert(!without[leaks->heads[n]]);
}

static void check_leaks(const struct world *w, const struct hw_graph *g)
{
	struct hw_leaks *leaks = hw_graph_leaks(g, &w->memory, &notes, NULL);
	bool start[NODES] = {false};
	bool all[NODES];
	uint64_t blocks = 0;
	uint64_t bytes = 0;

	ck_assert_ptr_nonnull(leaks);
	for (uint32_t i = 0; i < w->count; i++) {
		blocks += is_lost(w, g, i);
		bytes += is_lost(w, g, i) ? w->size[i] : 0;
	}
	ck_assert_uint_eq(leaks->pending_blocks, w->is_typed ? blocks : 0);
	ck_assert_uint_eq(leaks->pending_bytes, w->is_typed ? bytes : 0);
	if (w->is_typed) {
		ck_assert_uint_eq(leaks->blocks + leaks->bytes + leaks->head_count, 0);
		hw_leaks_free(leaks);
		return;
	}
	ck_assert_uint_eq(leaks->blocks, blocks);
	ck_assert_uint_eq(leaks->bytes, bytes);
	ck_assert((leaks->head_count > 0) == (blocks > 0));
	for (uint32_t i = 0; i < leaks->head_count; i++)
		start[leaks->heads[i]] = true;
	/* The heads reach all that is leaked. */
	reach_slowly(w, start, UINT32_MAX, all);
	for (uint32_t i = 0; i < w->count; i++) {
		ck_assert(all[i] || !is_lost(w, g, i));
		ck_assert(!leaks->head_count || (hw_leaks_head(leaks, i) != 0) == is_lost(w, g, i));
	}
	for (uint32_t n = 0; n < leaks->head_count; n++)
		check_head(w, g, leaks, n);
	hw_leaks_free(leaks);
}

struct seen_edge {
	const struct world *w;
	uint32_t source;
	uint32_t target;
	bool met[BLOCKS];
};

static bool take_out(void *arg, hw_addr slot, uint64_t value, uint32_t target)
{
	struct seen_edge *s = arg;

	ck_assert_uint_eq(s->w->words[(slot - BASE) / 8], value);
	ck_assert_uint_eq(hw_table_find(s->w->table, value, NULL), target);
	s->met[target] = true;
	return true;
}

static bool take_in(void *arg, uint32_t source, hw_addr slot, uint64_t value)
{
	struct seen_edge *s = arg;

	ck_assert_uint_eq(s->w->words[(slot - BASE) / 8], value);
	ck_assert_uint_eq(hw_table_at(s->w->table, slot), source);
	s->met[source] = true;
	return true;
}

static void check_neighbours(const struct world *w, const struct hw_graph *g)
{
	for (uint32_t i = 0; i < w->count; i++) {
		struct seen_edge out = {.w = w};
		struct seen_edge in = {.w = w};

		hw_graph_out(g, &w->memory, i, take_out, &out);
		ck_assert(hw_graph_in(g, &w->memory, i, take_in, &in, NULL));
		for (uint32_t k = 0; k < w->count; k++) {
			ck_assert_int_eq(out.met[k], w->edge[i][k]);
			ck_assert_int_eq(in.met[k], w->edge[k][i]);
		}
	}
}

static void check_world(const struct world *w)
{
	for (int level = HW_GRAPH_MARK; level <= HW_GRAPH_ALL; level++) {
		struct hw_graph *g = make_graph(w, level, 1 + random_below(3));

		check_reached(w, g);
		check_leaks(w, g);
		if (level >= HW_GRAPH_DOMINATORS) {
			check_retained(w, g);
			check_children(w, g, 1 + random_below(5));
			check_children(w, g, UINT32_MAX);
		}
		if (level == HW_GRAPH_MARK)
			check_neighbours(w, g);
		hw_graph_free(g);
	}
}

START_TEST(random_worlds)
{
	for (uint32_t i = 0; i < 400; i++) {
		struct world *w = make_world(false);

		check_world(w);
		ck_assert(!notes.incomplete);
		free_world(w);
	}
}
END_TEST

START_TEST(missing_bytes)
{
	for (uint32_t i = 0; i < 200; i++) {
		struct world *w = make_world(true);
		bool is_missing = false;

		for (uint32_t b = 0; b < w->count; b++)
			for (uint64_t k = 0; k < w->block[b].size && !w->block[b].flags; k += 8)
				is_missing |= !is_held(w, w->block[b].addr + k);
		check_world(w);
		ck_assert_int_eq(notes.incomplete, is_missing);
		ck_assert_uint_eq(notes.warnings->len, is_missing);
		hw_notes_clear(&notes);
		hw_notes_init(&notes);
		free_world(w);
	}
}
END_TEST

/* Many slabs, so that several threads get work: the arrays are the same for any number. */
#define WIDE_WORDS ((uint64_t)6 << 20)

static void fill_wide(uint64_t *words, struct hw_builder *builder)
{
	struct hw_blocks batch = {sizeof(batch), sizeof(struct hw_block), 0, 1, NULL};
	struct hw_block b = {.addr = BASE + 16};
	const hw_addr end = BASE + WIDE_WORDS * 8;

	for (uint64_t i = 0; i < WIDE_WORDS; i++)
		words[i] = random_below(3) ? random_below(1000)
					   : BASE + random_below((uint32_t)(WIDE_WORDS * 8));
	batch.blocks = &b;
	for (;;) {
		b.size = 24 + random_below(20) * 16 + (random_below(2000) ? 0 : 3 << 20);
		b.flags = random_below(50) ? 0 : HW_BLOCK_INTERNAL;
		if (b.addr + b.size + 8 > end)
			break;
		ck_assert(hw_builder_add(builder, &batch, 16));
		b.addr += b.size + 8 + random_below(3) * 32;
	}
}

START_TEST(any_number_of_threads)
{
	uint64_t *words = g_new(uint64_t, WIDE_WORDS);
	struct hw_builder *builder = hw_builder_new();
	struct hw_mapping mapping = {.start = BASE,
				     .end = BASE + WIDE_WORDS * 8,
				     .data = (uint8_t *)words,
				     .size = WIDE_WORDS * 8};
	uint32_t last = 0;
	struct hw_memory memory = {.mappings = &mapping, .mapping_count = 1, .last = &last};
	struct hw_root_node node = {.kind = HW_ROOT_GLOBAL};
	struct hw_root_ref ref = {.block = 77};
	struct world w = {.memory = memory,
			  .roots = {.nodes = &node, .count = 1, .refs = &ref, .ref_count = 1}};
	struct hw_graph *one;

	fill_wide(words, builder);
	w.table = hw_builder_finish(builder, &notes, NULL);
	one = make_graph(&w, HW_GRAPH_ALL, 1);
	ck_assert_uint_gt(one->edges, 100000);
	for (uint32_t threads = 2; threads < 9; threads += 3) {
		struct hw_graph *many = make_graph(&w, HW_GRAPH_ALL, threads);

		ck_assert_uint_eq(one->edges, many->edges);
		ck_assert_uint_eq(one->reached_bytes, many->reached_bytes);
		ck_assert_mem_eq(one->parent, many->parent, one->nodes * sizeof(uint32_t));
		ck_assert_mem_eq(one->idom, many->idom, one->nodes * sizeof(uint32_t));
		ck_assert_mem_eq(one->retained, many->retained, one->nodes * sizeof(uint64_t));
		hw_graph_free(many);
	}
	hw_graph_free(one);
	hw_table_free(w.table);
	g_free(words);
}
END_TEST

static void all_references(void *arg, uint32_t heap, hw_addr start, hw_addr end, uint64_t *bits)
{
	(void)arg;
	(void)heap;
	memset(bits, 0xff, (end - start + 511) / 512 * 8);
}

/* Huge blocks are asked for in parts, small ones together; with every word a reference the
 * graph is the one without types. */
START_TEST(typed_and_wide)
{
	const uint64_t seed = state;
	uint64_t *words = g_new(uint64_t, WIDE_WORDS);
	struct hw_mapping mapping = {.start = BASE,
				     .end = BASE + WIDE_WORDS * 8,
				     .data = (uint8_t *)words,
				     .size = WIDE_WORDS * 8};
	uint32_t last = 0;
	struct hw_memory memory = {.mappings = &mapping, .mapping_count = 1, .last = &last};
	struct hw_root_node node = {.kind = HW_ROOT_GLOBAL};
	struct hw_root_ref ref = {.block = 77};
	struct world w = {.memory = memory,
			  .roots = {.nodes = &node, .count = 1, .refs = &ref, .ref_count = 1}};
	struct hw_graph *graph[3];

	for (int i = 0; i < 3; i++) {
		struct hw_builder *builder = hw_builder_new();

		state = seed;
		hw_builder_flags(builder, i ? HW_TABLE_TYPED : 0);
		fill_wide(words, builder);
		w.table = hw_builder_finish(builder, &notes, NULL);
		w.table->pointers = i == 1 ? all_references : tell_references;
		asked = 0;
		graph[i] = make_graph(&w, HW_GRAPH_DOMINATORS, 3);
		hw_table_free(w.table);
	}
	ck_assert_uint_eq(graph[0]->edges, graph[1]->edges);
	ck_assert_mem_eq(graph[0]->idom, graph[1]->idom, graph[0]->nodes * sizeof(uint32_t));
	ck_assert_mem_eq(graph[0]->retained, graph[1]->retained,
			 graph[0]->nodes * sizeof(uint64_t));
	ck_assert_uint_lt(graph[2]->edges, graph[0]->edges * 8 / 10);
	ck_assert_uint_gt(graph[2]->edges, graph[0]->edges * 7 / 10);
	ck_assert_uint_lt(asked, WIDE_WORDS * 8 / 65536 * 3);
	for (int i = 0; i < 3; i++)
		hw_graph_free(graph[i]);
	g_free(words);
}
END_TEST

START_TEST(stopped_or_without_memory)
{
	struct world *w = make_world(false);
	struct hw_graph_options options = {.level = HW_GRAPH_DOMINATORS, .threads = 2};
	uint32_t made = 0;

	for (size_t more = 0; more < (size_t)40 << 20; more += 200 << 10) {
		size_t before = hw_array_set_budget(hw_array_used() + more);
		GError *error = NULL;
		struct hw_graph *g =
		    hw_graph_new(&w->memory, w->table, &w->roots, &options, &notes, &error);

		ck_assert((g == NULL) == (error != NULL));
		made += g != NULL;
		hw_graph_free(g);
		g_clear_error(&error);
		hw_array_set_budget(before);
	}
	ck_assert_uint_gt(made, 0);
	hw_stop_request(true);
	ck_assert_ptr_null(hw_graph_new(&w->memory, w->table, &w->roots, &options, &notes, NULL));
	hw_stop_request(false);
	free_world(w);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("leaks");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, random_worlds);
	tcase_add_test(tests, missing_bytes);
	tcase_add_test(tests, any_number_of_threads);
	tcase_add_test(tests, typed_and_wide);
	tcase_add_test(tests, stopped_or_without_memory);
	return run_case("graph_leaks", tests);
}
