/* SPDX-License-Identifier: Apache-2.0 */
/* test_graph_dominators.c -- reachability, paths, dominators, retained sizes and leak heads
 * against slow, obviously right twins on random graphs, and on the shapes that catch the
 * quadratic algorithms out. */
#include "../runner.h"
#include "base/array.h"
#include "graph/csr.h"
#include "graph/leaks.h"
#include <string.h>
#include <time.h>

#define MAX_ROWS 24
#define GRAPHS   6000

static uint64_t state = 88172645463325252u;

static uint32_t random_below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 16) % n);
}

/* Rows 0 to blocks - 1, then roots. edge[a][b]: how many times a points to b. */
struct small {
	uint32_t blocks, rows;
	uint8_t edge[MAX_ROWS][MAX_ROWS];
	uint64_t size[MAX_ROWS];
};

static struct small make_small(void)
{
	struct small g = {0};
	uint32_t roots = 1 + random_below(3);
	uint32_t edges;

	g.blocks = 1 + random_below(MAX_ROWS - 4);
	g.rows = g.blocks + roots;
	edges = random_below(3 * g.blocks + 1);
	for (uint32_t i = 0; i < edges; i++) {
		uint32_t from = random_below(g.rows);
		uint32_t to = random_below(g.blocks);

		if (from != to)
			g.edge[from][to]++;
	}
	for (uint32_t i = 0; i < g.blocks; i++)
		g.size[i] = 1 + random_below(1000);
	return g;
}

/* offset: of the first edge, so that the low halves wrap inside. */
static struct hw_csr *make_csr(const struct small *g, uint64_t offset)
{
	struct hw_csr *csr = hw_csr_new(g->rows, 8 * MAX_ROWS * MAX_ROWS);

	ck_assert_ptr_nonnull(csr);
	csr->first = offset;
	for (uint32_t a = 0; a < g->rows; a++) {
		uint32_t start = random_below(g->rows);

		ck_assert(hw_csr_set_begin(csr, a, csr->edges));
		for (uint32_t i = 0; i < g->rows; i++) {
			uint32_t b = (start + i) % g->rows;

			for (uint32_t n = 0; n < g->edge[a][b]; n++)
				ck_assert(hw_csr_append(csr, &b, 1));
		}
	}
	ck_assert(hw_csr_set_begin(csr, g->rows, csr->edges));
	return csr;
}

/* The slow twin: what starts reach when `without` is taken away. */
static void reach_slowly(const struct small *g, const bool *start, uint32_t without, bool *seen)
{
	bool changed = true;

	for (uint32_t i = 0; i < g->rows; i++)
		seen[i] = start[i] && i != without;
	while (changed) {
		changed = false;
		for (uint32_t a = 0; a < g->rows; a++)
			for (uint32_t b = 0; b < g->rows; b++)
				if (seen[a] && g->edge[a][b] && !seen[b] && b != without)
					changed = seen[b] = true;
	}
}

static void check_paths(const struct small *g, const struct hw_csr *csr, const bool *seen)
{
	uint64_t bits[1] = {0};
	uint32_t parent[MAX_ROWS];
	uint32_t queue[MAX_ROWS];
	uint32_t depth[MAX_ROWS];
	struct hw_reach reach = {.csr = csr, .reached = bits, .parent = parent, .queue = queue};

	for (uint32_t r = g->blocks; r < g->rows; r++)
		hw_reach_row(&reach, r);
	ck_assert(hw_reach_run(&reach, "test"));
	/* Slow distances. */
	for (uint32_t i = 0; i < g->rows; i++)
		depth[i] = i >= g->blocks ? 0 : UINT32_MAX;
	for (uint32_t round = 0; round < g->rows; round++)
		for (uint32_t a = 0; a < g->rows; a++)
			for (uint32_t b = 0; b < g->rows; b++)
				if (depth[a] != UINT32_MAX && g->edge[a][b])
					depth[b] = MIN(depth[b], depth[a] + 1);
	for (uint32_t i = 0; i < g->blocks; i++) {
		ck_assert_int_eq(hw_bit(bits, i), seen[i]);
		if (!seen[i])
			continue;
		ck_assert(g->edge[parent[i]][i]);
		ck_assert_uint_eq(depth[i], depth[parent[i]] + 1); /* A shortest one. */
	}
}

/* number[row], from the result. */
static void check_dominators(const struct small *g, const bool *start, const bool *seen,
			     const struct hw_dominators *d)
{
	uint64_t size[MAX_ROWS + 1] = {0};
	uint64_t sum = 0;
	uint32_t number[MAX_ROWS] = {0};
	uint32_t reached = 0;

	for (uint32_t v = 1; v < d->count; v++) {
		number[d->order[v]] = v;
		size[v] = g->size[d->order[v]];
	}
	for (uint32_t i = 0; i < g->rows; i++) {
		reached += seen[i];
		sum += seen[i] ? g->size[i] : 0;
		ck_assert_int_eq(number[i] != 0, seen[i]);
	}
	ck_assert_uint_eq(d->count, reached + 1);
	hw_dominators_sum(d, size);
	ck_assert_uint_eq(size[0], sum);
	for (uint32_t x = 0; x < g->rows; x++) {
		bool left[MAX_ROWS];
		uint64_t lost = 0;

		if (!seen[x])
			continue;
		reach_slowly(g, start, x, left);
		for (uint32_t i = 0; i < g->rows; i++) {
			bool is_dominated = seen[i] && !left[i];
			bool is_below = false;

			lost += is_dominated ? g->size[i] : 0;
			for (uint32_t v = number[i]; v; v = d->idom[v])
				is_below |= v == number[x];
			ck_assert_int_eq(is_dominated, is_below);
		}
		ck_assert_uint_eq(size[number[x]], lost);
	}
}

static void check_random(uint64_t offset, bool is_last)
{
	struct small g = make_small();
	struct hw_csr *csr = make_csr(&g, offset);
	bool start[MAX_ROWS] = {false};
	bool seen[MAX_ROWS];
	struct hw_search search = {.csr = &csr,
				   .is_last = is_last,
				   .start_first = g.blocks,
				   .start_count = g.rows - g.blocks,
				   .most = g.rows,
				   .what = "test"};
	struct hw_dominators *d;

	for (uint32_t i = 0; i < g.rows; i++)
		start[i] = i >= g.blocks;
	reach_slowly(&g, start, UINT32_MAX, seen);
	check_paths(&g, csr, seen);
	d = hw_dominators_new(&search, NULL);
	ck_assert_ptr_nonnull(d);
	ck_assert_int_eq(csr == NULL, is_last);
	check_dominators(&g, start, seen, d);
	hw_dominators_free(d);
	hw_csr_free(csr);
	ck_assert_uint_eq(hw_array_used(), 0);
}

START_TEST(random_graphs)
{
	for (uint32_t i = 0; i < GRAPHS; i++)
		check_random(0, i & 1);
}
END_TEST

/* The same with offsets that pass 2^32, once and several times, inside the arrays. */
START_TEST(large_offsets)
{
	for (uint32_t i = 0; i < 1000; i++) {
		check_random((UINT64_C(1) << 32) - random_below(40), i & 1);
		check_random((UINT64_C(5) << 32) - random_below(40), i & 1);
	}
}
END_TEST

/* A row of more than 2^32 edges, by arithmetic alone: nothing is stored. */
START_TEST(offset_arithmetic)
{
	struct hw_csr *csr = hw_csr_new(4, 1);
	const uint64_t begin[5] = {0, 7, 7 + (UINT64_C(9) << 32), (UINT64_C(9) << 32) + 7,
				   (UINT64_C(10) << 32) + 1};

	for (uint32_t i = 0; i < 5; i++)
		ck_assert(hw_csr_set_begin(csr, i, begin[i]));
	for (uint32_t i = 0; i < 5; i++)
		ck_assert_uint_eq(hw_csr_begin(csr, i), begin[i]);
	hw_csr_free(csr);
	ck_assert_uint_eq(hw_array_used(), 0);
}
END_TEST

/* Heads by definition: the lowest row of each component of unreached rows that no
 * unreached row outside it leads into. */
static void check_heads(const struct small *g, const bool *seen, const uint32_t *heads,
			uint32_t count)
{
	bool leads[MAX_ROWS][MAX_ROWS];
	uint32_t n = 0;

	for (uint32_t a = 0; a < g->blocks; a++) {
		bool start[MAX_ROWS] = {false};

		start[a] = true;
		reach_slowly(g, start, UINT32_MAX, leads[a]);
	}
	for (uint32_t a = 0; a < g->blocks; a++) {
		bool is_head = !seen[a];

		for (uint32_t b = 0; b < g->blocks; b++)
			if (!seen[b] && b != a && leads[b][a] && (!leads[a][b] || b < a))
				is_head = false;
		if (is_head) {
			ck_assert_uint_lt(n, count);
			ck_assert_uint_eq(heads[n++], a);
		}
	}
	ck_assert_uint_eq(n, count);
}

/* Which heads lead to a row: one, several, or it is reached. */
static void check_keepers(const struct small *g, const struct hw_csr *csr, const bool *seen,
			  const uint64_t *bits, const uint32_t *heads, uint32_t count)
{
	struct hw_keepers keepers;
	uint32_t want[MAX_ROWS] = {0};

	ck_assert(hw_leaks_keepers(csr, g->blocks, bits, heads, count, &keepers));
	for (uint32_t n = 0; n < count; n++) {
		bool start[MAX_ROWS] = {false};
		bool led[MAX_ROWS];

		start[heads[n]] = true;
		reach_slowly(g, start, UINT32_MAX, led);
		for (uint32_t i = 0; i < g->blocks; i++)
			if (led[i] && !seen[i])
				want[i] = want[i] ? HW_LEAK_SHARED : n + 1;
	}
	for (uint32_t i = 0; i < g->blocks; i++)
		ck_assert_uint_eq(hw_keeper(&keepers, i), want[i]);
	hw_keepers_clear(&keepers);
}

START_TEST(leak_heads)
{
	for (uint32_t i = 0; i < GRAPHS; i++) {
		struct small g = make_small();
		struct hw_csr *csr = make_csr(&g, 0);
		bool start[MAX_ROWS] = {false};
		bool seen[MAX_ROWS];
		uint64_t bits[2] = {0};
		uint32_t *heads;
		uint32_t count;
		size_t room;

		for (uint32_t k = 0; k < g.rows; k++)
			start[k] = k >= g.blocks && random_below(2);
		reach_slowly(&g, start, UINT32_MAX, seen);
		for (uint32_t k = 0; k < g.blocks; k++)
			bits[0] |= (uint64_t)seen[k] << k;
		ck_assert(hw_leaks_heads(csr, g.blocks, bits, &heads, &count, &room));
		check_heads(&g, seen, heads, count);
		check_keepers(&g, csr, seen, bits, heads, count);
		hw_array_resize(heads, room, 0, sizeof(*heads));
		hw_csr_free(csr);
		ck_assert_uint_eq(hw_array_used(), 0);
	}
}
END_TEST

/* A list of n, its last node owns a vector of n items, and a second root holds the vector
 * too: Semi-NCA takes n * n steps. */
static struct hw_csr *make_list_and_vector(uint32_t n)
{
	struct hw_csr *csr = hw_csr_new(2 * n + 3, 4 * (uint64_t)n);
	uint32_t vector = n;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t next = i + 1;

		ck_assert(hw_csr_set_begin(csr, i, csr->edges) && hw_csr_append(csr, &next, 1));
	}
	ck_assert(hw_csr_set_begin(csr, vector, csr->edges));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t item = n + 1 + i;

		ck_assert(hw_csr_append(csr, &item, 1));
	}
	for (uint32_t i = 0; i < n; i++) { /* Items point back to the vector. */
		ck_assert(hw_csr_set_begin(csr, n + 1 + i, csr->edges) &&
			  hw_csr_append(csr, &vector, 1));
	}
	for (uint32_t root = 0; root < 2; root++) {
		uint32_t held = root ? vector : 0;

		ck_assert(hw_csr_set_begin(csr, 2 * n + 1 + root, csr->edges) &&
			  hw_csr_append(csr, &held, 1));
	}
	ck_assert(hw_csr_set_begin(csr, 2 * n + 3, csr->edges));
	return csr;
}

START_TEST(list_and_vector)
{
	const uint32_t n = 500000;
	struct hw_csr *csr = make_list_and_vector(n);
	struct hw_search search = {.csr = &csr,
				   .is_last = true,
				   .start_first = 2 * n + 1,
				   .start_count = 2,
				   .most = 2 * n + 3,
				   .what = "test"};
	clock_t begun = clock();
	struct hw_dominators *d = hw_dominators_new(&search, NULL);

	ck_assert_ptr_nonnull(d);
	ck_assert_int_lt((clock() - begun) / CLOCKS_PER_SEC, 5);
	ck_assert_uint_eq(d->count, 2 * n + 4);
	for (uint32_t v = 1; v < d->count; v++) {
		uint32_t row = d->order[v];
		uint32_t above = d->order[d->idom[v]];

		if (row > n && row <= 2 * n)
			ck_assert_uint_eq(above, n);
		else if (row == n || row > 2 * n)
			ck_assert_uint_eq(above, UINT32_MAX);
		else
			ck_assert_uint_eq(above, row ? row - 1 : 2 * n + 1);
	}
	hw_dominators_free(d);
	ck_assert_uint_eq(hw_array_used(), 0);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("all");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, random_graphs);
	tcase_add_test(tcase, large_offsets);
	tcase_add_test(tcase, offset_arithmetic);
	tcase_add_test(tcase, leak_heads);
	tcase_add_test(tcase, list_and_vector);
	return run_case("graph_dominators", tcase);
}
