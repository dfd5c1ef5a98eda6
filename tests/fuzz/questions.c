/* SPDX-License-Identifier: Apache-2.0 */
/* questions.c -- see questions.h. Answers are not compared with the truth here (oracles do
 * that), but with each other: parts add up to the whole, whatever was damaged. */
#include "questions.h"
#include "base/error.h"
#include "graph/graph.h"
#include "query/census.h"
#include "query/graph.h"
#include "query/leaks.h"
#include "query/pins.h"
#include "query/refs.h"
#include "query/roots.h"
#include "query/top.h"
#include "query/tree.h"
#include "query/why.h"
#include <inttypes.h>
#include <stdio.h>

#define FEW 6 /* Blocks and addresses asked for one by one. */

struct asking {
	struct hw_session *s;
	uint64_t digest;
	GError *error;
	uint32_t wrong;
};

static void count(struct asking *a, uint64_t value)
{
	a->digest = (a->digest ^ value) * UINT64_C(0x100000001b3) + (a->digest >> 31);
}

static void expect(struct asking *a, bool holds, const char *what)
{
	if (!holds) {
		printf("# does not hold: %s\n", what);
		a->wrong++;
	}
}

static void ask_whole(struct asking *a)
{
	const struct hw_graph *g = a->s->graph;
	uint32_t *list = NULL;
	uint32_t listed = 0;
	uint64_t retained = 0;

	hw_graph_children(g, HW_GRAPH_TOP, UINT32_MAX, &list, &listed);
	for (uint32_t i = 0; i < listed; i++)
		retained += g->retained[list[i]];
	g_free(list);
	expect(a, retained == g->reached_bytes, "all roots retain what they reach");
	expect(a, g->reached_bytes <= hw_table_bytes(a->s->table), "more is reached than lives");
	count(a, g->blocks);
	count(a, g->edges);
	count(a, g->reached_blocks);
	count(a, g->reached_bytes);
	count(a, a->s->roots->count);
}

static bool ask_leaks(struct asking *a)
{
	const struct hw_graph *g = a->s->graph;
	struct hw_leak_groups *l = hw_leak_groups_query(a->s, &a->error);
	uint64_t freed = 0;

	if (!l)
		return false;
	for (guint i = 0; i < l->groups->len; i++)
		freed += g_array_index(l->groups, struct hw_leak_group, i).freed;
	expect(a, freed + l->shared_bytes == l->bytes, "heads free what leaked");
	expect(a, l->bytes + l->pending_bytes + g->reached_bytes <= hw_table_bytes(a->s->table),
	       "leaked and reached at once");
	count(a, l->blocks);
	count(a, l->heads);
	hw_leak_groups_free(l);
	return true;
}

static bool ask_roots(struct asking *a)
{
	struct hw_root_rows *r = hw_root_rows_query(a->s, &a->error);
	uint64_t bytes = 0;

	if (!r)
		return false;
	for (guint i = 0; i < r->rows->len; i++)
		bytes += g_array_index(r->rows, struct hw_root_row, i).retained;
	expect(a, bytes + r->shared_bytes == r->total_bytes, "roots and what they share");
	expect(a, r->total_bytes == a->s->graph->reached_bytes, "rows are of what is reached");
	hw_root_rows_free(r);
	return true;
}

static bool ask_top(struct asking *a)
{
	for (int by = 0; by < HW_TOP_BYS; by++) {
		struct hw_top *top = hw_top_query(a->s, (enum hw_top_by)by, true, &a->error);
		uint64_t bytes = 0;

		if (!top)
			return false;
		for (guint i = 0; i < top->rows->len; i++)
			bytes += g_array_index(top->rows, struct hw_top_row, i).bytes;
		expect(a, bytes == top->bytes, "groups are all there is");
		hw_top_free(top);
	}
	return true;
}

static bool ask_rest(struct asking *a)
{
	struct hw_pins *pins = hw_pins_query(a->s, 1, &a->error);
	struct hw_census *census = pins ? hw_census_query(a->s, &a->error) : NULL;
	const struct hw_tree_request request = {.depth = 5, .limit = 20};
	struct hw_tree_view *tree = census ? hw_tree_view_query(a->s, &request, &a->error) : NULL;
	bool ok = tree != NULL;

	for (guint i = 0; census && i < census->groups->len; i++)
		expect(a,
		       g_array_index(census->groups, struct hw_census_group, i).retained <=
			   a->s->graph->reached_bytes,
		       "threads retain more than is reached");
	hw_pins_free(pins);
	hw_census_free(census);
	hw_tree_view_free(tree);
	return ok;
}

/* What is asked of an address. */
static bool ask_address(struct asking *a, hw_addr addr)
{
	const struct hw_why_request why = {.is_address = true, .addr = addr, .limit = 4};
	const struct hw_tree_request below = {
	    .is_address = true, .addr = addr, .depth = 3, .limit = 10};
	struct hw_why *path = hw_why_query(a->s, &why, &a->error);
	struct hw_tree_view *tree = path ? hw_tree_view_query(a->s, &below, &a->error) : NULL;
	struct hw_refs *refs = tree ? hw_refs_query(a->s, addr, &a->error) : NULL;
	uint32_t block = hw_table_at(a->s->table, addr);

	if (refs && block != HW_NO_BLOCK)
		expect(a, hw_graph_is_reached(a->s->graph, block) == (path->paths->len != 0),
		       "a path leads to what is reached");
	hw_why_free(path);
	hw_tree_view_free(tree);
	hw_refs_free(refs);
	return refs != NULL;
}

static bool ask_addresses(struct asking *a, uint64_t seed)
{
	const uint32_t blocks = hw_table_count(a->s->table);

	for (uint32_t i = 0; i < FEW && blocks; i++) {
		uint32_t block = (uint32_t)((seed + i * UINT64_C(2654435761)) % blocks);

		if (!ask_address(a, hw_table_addr(a->s->table, block) + i))
			return false;
	}
	return ask_address(a, 0x10) && ask_address(a, UINT64_MAX - 7);
}

enum fuzz_verdict fuzz_ask(struct hw_session *session, uint64_t seed, uint64_t *digest_ret)
{
	const struct hw_graph_request request = {.depth = HW_DEPTH_ALL, .threads = 2};
	struct asking a = {.s = session, .digest = 14695981039346656037u};
	bool ok = hw_session_graph(session, &request, &a.error);

	if (ok) {
		ask_whole(&a);
		ok = ask_leaks(&a) && ask_roots(&a) && ask_top(&a) && ask_rest(&a) &&
		     ask_addresses(&a, seed);
	}
	if (!ok) {
		expect(&a, a.error->code != HW_ERROR_INTERNAL, a.error->message);
		g_error_free(a.error);
	}
	*digest_ret = a.digest;
	return a.wrong ? FUZZ_WRONG : ok ? FUZZ_ANSWERED : FUZZ_ERROR;
}
