/* SPDX-License-Identifier: Apache-2.0 */
/* Sorts roots by what they retain and counts the blocks behind the bytes. */
#include "query/roots.h"
#include "base/error.h"
#include "query/domtree.h"

void hw_root_rows_free(struct hw_root_rows *r)
{
	if (!r)
		return;
	g_array_unref(r->rows);
	g_free(r);
}

static gint by_retained(gconstpointer a, gconstpointer b)
{
	const struct hw_root_row *x = a, *y = b;

	if (x->retained != y->retained)
		return x->retained < y->retained ? 1 : -1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Rows are still by index. */
static bool count_blocks(const struct hw_graph *g, struct hw_root_rows *r)
{
	uint32_t *outermost = hw_domtree_outermost(g);

	if (!outermost && g->blocks)
		return false;
	for (uint32_t b = 0; b < g->blocks; b++)
		if (outermost[b] != HW_NO_BLOCK && outermost[b] >= g->blocks)
			g_array_index(r->rows, struct hw_root_row, outermost[b] - g->blocks)
			    .blocks++;
	hw_domtree_free(g, outermost);
	return true;
}

struct hw_root_rows *hw_root_rows_query(struct hw_session *s, GError **error)
{
	struct hw_root_rows *r = g_new0(struct hw_root_rows, 1);
	const struct hw_graph *g = s->graph;
	uint64_t blocks = 0, bytes = 0;

	r->rows = g_array_new(FALSE, FALSE, sizeof(struct hw_root_row));
	for (uint32_t i = 0; i < s->roots->count; i++) {
		struct hw_root_row row = {.root = &s->roots->nodes[i], .index = i};

		row.retained = g->retained[g->blocks + i];
		g_array_append_val(r->rows, row);
	}
	if (!count_blocks(g, r)) {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no room to count blocks by root");
		hw_root_rows_free(r);
		return NULL;
	}
	for (uint64_t i = 0; i < s->roots->ref_count; i++)
		g_array_index(r->rows, struct hw_root_row, s->roots->refs[i].root).refs++;
	for (guint i = 0; i < r->rows->len; i++) {
		blocks += g_array_index(r->rows, struct hw_root_row, i).blocks;
		bytes += g_array_index(r->rows, struct hw_root_row, i).retained;
	}
	g_array_sort(r->rows, by_retained);
	hw_session_root_types(s);
	r->total_blocks = g->reached_blocks;
	r->total_bytes = g->reached_bytes;
	r->shared_blocks = g->reached_blocks - MIN(blocks, g->reached_blocks);
	r->shared_bytes = g->reached_bytes - MIN(bytes, g->reached_bytes);
	hw_target_check(s->target, &s->notes);
	return r;
}
