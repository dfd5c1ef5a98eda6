/* SPDX-License-Identifier: Apache-2.0 */
/* roots.c -- gathers the roots of a target: what is left out, the scan itself, the order. */
#include "graph/roots.h"
#include "base/array.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include "graph/roots_private.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define POLL  ((uint64_t)1 << 20) /* Bytes between looks at the stop flag. */
#define SHOWN 3                   /* Unread ranges named. */

const char *const hw_root_kind_names[HW_ROOT_KINDS] = {"global",    "tls",     "local",
						       "register",  "stack",   "goroutine",
						       "finalizer", "special", "heap-external"};

const char *hw_gather_name(struct gather *g, const char *fmt, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, fmt);
	text = g_strdup_vprintf(fmt, args);
	va_end(args);
	return g_string_chunk_insert_const(g->roots->strings, text);
}

uint32_t hw_gather_node(struct gather *g, const struct hw_root_node *node)
{
	struct hw_roots *roots = g->roots;

	if (roots->count >= HW_BLOCKS_MAX ||
	    !hw_array_reserve((void **)&roots->nodes, &roots->node_room, roots->count,
			      sizeof(*roots->nodes))) {
		g->is_broken = true;
		return 0;
	}
	roots->nodes[roots->count] = *node;
	return roots->count++;
}

uint32_t hw_gather_variable(struct gather *g, enum hw_root_kind kind,
			    const struct hw_variable *variable, const char *module, int32_t tid,
			    struct hw_range_pair *range_ret)
{
	const struct hw_root_node node = {
	    .kind = kind,
	    .addr = variable->start,
	    .size = variable->size,
	    .name = variable->name,
	    .type = variable->type,
	    .module = module,
	    .file = variable->file,
	    .line = variable->line,
	    .tid = tid,
	    .frame = -1,
	};

	*range_ret = (struct hw_range_pair){variable->start, variable->start + variable->size};
	return hw_gather_node(g, &node);
}

void hw_gather_ref(struct gather *g, uint32_t root, hw_addr slot, uint32_t block)
{
	struct hw_roots *roots = g->roots;

	if (g->is_broken || !hw_array_reserve((void **)&roots->refs, &roots->ref_room,
					      roots->ref_count, sizeof(*roots->refs)))
		g->is_broken = true;
	else
		roots->refs[roots->ref_count++] = (struct hw_root_ref){slot, root, block};
}

void hw_gather_skip(struct gather *g, hw_addr start, hw_addr end)
{
	if (start >= end)
		return;
	if (!hw_array_reserve((void **)&g->skip, &g->skip_room, g->skip_count, sizeof(*g->skip)))
		g->is_broken = true;
	else
		g->skip[g->skip_count++] = (struct hw_range_pair){start, end};
}

void hw_gather_leaf(struct gather *g, uint32_t block)
{
	struct hw_roots *roots = g->roots;

	if (!hw_array_reserve((void **)&roots->leaves, &roots->leaf_room, roots->leaf_count,
			      sizeof(*roots->leaves)))
		g->is_broken = true;
	else
		roots->leaves[roots->leaf_count++] = block;
}

void hw_gather_pool(struct gather *g, uint32_t block, bool is_victim)
{
	struct hw_roots *roots = g->roots;

	if (!hw_array_reserve((void **)&roots->pools, &roots->pool_room, roots->pool_count,
			      sizeof(*roots->pools)))
		g->is_broken = true;
	else
		roots->pools[roots->pool_count++] = (struct hw_pool_block){block, is_victim};
}

/* The allocator's own blocks are nobody's data. */
bool hw_gather_find_named(const struct gather *g, uint64_t word, uint32_t *ret)
{
	uint32_t block;

	if (word - g->low > g->high - g->low)
		return false;
	block = hw_table_find(g->table, word, NULL);
	if (block == HW_NO_BLOCK || (hw_table_flags(g->table, block) & HW_BLOCK_INTERNAL))
		return false;
	*ret = block;
	return true;
}

bool hw_gather_find(const struct gather *g, uint64_t word, uint32_t *ret)
{
	uint32_t block;

	if (!hw_gather_find_named(g, word, &block) || hw_table_has_own_roots(g->table, block))
		return false;
	*ret = block;
	return true;
}

/* Held bytes in one piece; start is a multiple of 8. */
static void scan_piece(struct gather *g, hw_addr start, hw_addr end, hw_slot_fn fn, void *arg)
{
	uint64_t held;
	const uint8_t *bytes = hw_memory_peek(g->memory, start, &held);
	uint64_t size = bytes ? MIN(held, end - start) & ~(uint64_t)7 : 0;
	uint64_t span = g->high - g->low;

	for (uint64_t at = 0; at < size; at += 8) {
		uint64_t word;
		uint32_t block;

		memcpy(&word, bytes + at, sizeof(word));
		if (word - g->low <= span && hw_gather_find(g, word, &block))
			fn(arg, start + at, block);
	}
}

void hw_gather_scan(struct gather *g, hw_addr start, hw_addr end, hw_slot_fn fn, void *arg)
{
	hw_addr from;
	hw_addr to;

	start = start > UINT64_MAX - 7 ? UINT64_MAX & ~(uint64_t)7 : (start + 7) & ~(uint64_t)7;
	while (start < end && !g->is_broken && !hw_stop_requested() &&
	       hw_memory_data(g->memory, start, end, &from, &to)) {
		from = MAX(from & ~(uint64_t)7, start);
		to = MIN(to, from + POLL);
		scan_piece(g, from, to, fn, arg);
		g->scanned += to - from;
		hw_progress("scanning roots", g->scanned, 0);
		start = MAX((to + 7) & ~(uint64_t)7, start + 8);
	}
}

static void scan_without(struct gather *g, const struct hw_range_pair *skip, size_t count,
			 struct hw_range_pair range, hw_slot_fn fn, void *arg)
{
	hw_addr start = range.start;
	size_t low = 0;
	size_t high = count;

	while (low < high) { /* First one that ends above start. */
		size_t middle = low + (high - low) / 2;

		if (skip[middle].end <= start)
			low = middle + 1;
		else
			high = middle;
	}
	for (; start < range.end && low < count && skip[low].start < range.end; low++) {
		if (start < skip[low].start)
			hw_gather_scan(g, start, skip[low].start, fn, arg);
		start = skip[low].end;
	}
	if (start < range.end)
		hw_gather_scan(g, start, range.end, fn, arg);
}

void hw_gather_scan_rest(struct gather *g, hw_addr start, hw_addr end, hw_slot_fn fn, void *arg)
{
	scan_without(g, g->skip, g->skip_count, (struct hw_range_pair){start, end}, fn, arg);
}

void hw_gather_scan_unnamed(struct gather *g, hw_addr start, hw_addr end, hw_slot_fn fn, void *arg)
{
	scan_without(g, g->named, g->named_count, (struct hw_range_pair){start, end}, fn, arg);
}

static int compare_pairs(const void *a, const void *b)
{
	const struct hw_range_pair *x = a;
	const struct hw_range_pair *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

size_t hw_gather_merge(struct hw_range_pair *ranges, size_t count)
{
	size_t kept = 0;

	if (count)
		qsort(ranges, count, sizeof(*ranges), compare_pairs);
	for (size_t i = 0; i < count; i++) {
		if (kept && ranges[i].start <= ranges[kept - 1].end)
			ranges[kept - 1].end = MAX(ranges[kept - 1].end, ranges[i].end);
		else
			ranges[kept++] = ranges[i];
	}
	return kept;
}

/* Stacks, thread-locals and what claims cover: somebody else's, or nobody's. */
static void find_skips(struct gather *g)
{
	const struct hw_stacks *stacks = g->stacks;
	const struct hw_claimed *claims;
	uint32_t count;

	for (size_t i = 0; i < g->named_count; i++)
		hw_gather_skip(g, g->named[i].start, g->named[i].end);
	claims = hw_heaps_claims(g->heaps, &count);
	for (uint32_t i = 0; i < count; i++)
		hw_gather_skip(g, claims[i].start, claims[i].end);
	for (uint32_t i = 0; i < stacks->bookkeeping_count; i++)
		hw_gather_skip(g, stacks->bookkeeping[i].start, stacks->bookkeeping[i].end);
	for (uint32_t i = 0; i < stacks->dead_count; i++)
		hw_gather_skip(g, stacks->dead[i].block.start, stacks->dead[i].block.end);
	for (uint32_t i = 0; i < stacks->count; i++) {
		const struct hw_thread_stack *thread = &stacks->threads[i];

		hw_gather_skip(g, thread->block.start, thread->block.end);
		hw_gather_skip(g, thread->alt.start, thread->alt.end);
		for (uint32_t j = 0; j < thread->range_count; j++)
			hw_gather_skip(g, thread->range[j].start, thread->range[j].end);
		for (uint32_t j = 0; j < thread->tls_count; j++)
			hw_gather_skip(g, thread->tls[j].start, thread->tls[j].end);
	}
	g->skip_count = hw_gather_merge(g->skip, g->skip_count);
}

/* A node and its place before sorting. */
struct ranked {
	uint32_t kind;
	uint32_t was;
	hw_addr addr;
};

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a;
	const struct ranked *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->was < y->was ? -1 : x->was > y->was;
}

static int compare_refs(const void *a, const void *b)
{
	const struct hw_root_ref *x = a;
	const struct hw_root_ref *y = b;

	if (x->root != y->root)
		return x->root < y->root ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* Nodes by kind and address; references follow. *now: new index by old one. */
static bool sort_nodes(struct hw_roots *roots, struct ranked *order, uint32_t *now)
{
	struct hw_root_node *sorted = hw_array_resize(NULL, 0, roots->count, sizeof(*roots->nodes));

	if (!sorted)
		return false;
	for (uint32_t i = 0; i < roots->count; i++)
		order[i] = (struct ranked){roots->nodes[i].kind, i, roots->nodes[i].addr};
	qsort(order, roots->count, sizeof(*order), compare_ranked);
	for (uint32_t i = 0; i < roots->count; i++) {
		sorted[i] = roots->nodes[order[i].was];
		now[order[i].was] = i;
	}
	hw_array_resize(roots->nodes, roots->node_room, 0, sizeof(*roots->nodes));
	roots->nodes = sorted;
	roots->node_room = roots->count;
	return true;
}

/* Most come in order: only what lies between the first and the last that do not is sorted. */
static void sort_refs(struct hw_roots *roots)
{
	uint64_t first = 0;
	uint64_t end = roots->ref_count;
	struct hw_root_ref *refs = roots->refs;
	uint32_t top = 0;
	uint32_t bottom = UINT32_MAX;

	while (first + 1 < end && compare_refs(&refs[first], &refs[first + 1]) <= 0)
		first++;
	if (first + 1 >= end)
		return;
	while (end > 1 && compare_refs(&refs[end - 2], &refs[end - 1]) <= 0)
		end--;
	for (uint64_t i = first; i < end; i++) {
		top = MAX(top, refs[i].root);
		bottom = MIN(bottom, refs[i].root);
	}
	while (first > 0 && refs[first - 1].root >= bottom)
		first--;
	while (end < roots->ref_count && refs[end].root <= top)
		end++;
	qsort(&refs[first], end - first, sizeof(*refs), compare_refs);
}

static bool sort_all(struct hw_roots *roots)
{
	struct ranked *order;
	uint32_t *now;
	bool is_done;

	if (!roots->count)
		return true;
	order = hw_array_resize(NULL, 0, roots->count, sizeof(*order));
	now = hw_array_resize(NULL, 0, roots->count, sizeof(*now));
	is_done = order && now && sort_nodes(roots, order, now);
	for (uint64_t i = 0; is_done && i < roots->ref_count; i++)
		roots->refs[i].root = now[roots->refs[i].root];
	if (is_done)
		sort_refs(roots);
	if (order)
		hw_array_resize(order, roots->count, 0, sizeof(*order));
	if (now)
		hw_array_resize(now, roots->count, 0, sizeof(*now));
	return is_done;
}

static int compare_ids(const void *a, const void *b)
{
	const uint32_t *x = a;
	const uint32_t *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void sort_leaves(struct hw_roots *roots)
{
	uint32_t kept = 0;

	if (roots->leaf_count)
		qsort(roots->leaves, roots->leaf_count, sizeof(*roots->leaves), compare_ids);
	for (uint32_t i = 0; i < roots->leaf_count; i++)
		if (!kept || roots->leaves[kept - 1] != roots->leaves[i])
			roots->leaves[kept++] = roots->leaves[i];
	roots->leaf_count = kept;
}

/* May a mapping outside the heaps hold references? */
static bool bears_pointers(const struct hw_mapping *mapping)
{
	switch (mapping->owner) {
	case HW_OWNER_HEAP:
	case HW_OWNER_VDSO:
		return false;
	case HW_OWNER_MODULE:
	case HW_OWNER_FILE:
		return mapping->perm & HW_PERM_W;
	default:
		return mapping->perm & (HW_PERM_R | HW_PERM_W);
	}
}

/* What the core's headers promise and the file lacks. */
static void find_unread(struct gather *g, struct hw_notes *notes)
{
	GString *where = g_string_new(NULL);
	uint64_t bytes = 0;
	uint32_t count = 0;

	for (uint32_t i = 0; i < g->memory->mapping_count; i++) {
		const struct hw_mapping *mapping = &g->memory->mappings[i];
		uint64_t promised = MIN(mapping->promised, mapping->end - mapping->start);

		if (promised <= mapping->size || !bears_pointers(mapping))
			continue;
		bytes += promised - mapping->size;
		if (count++ < SHOWN)
			g_string_append_printf(
			    where, "%s0x%" PRIx64 "-0x%" PRIx64, count > 1 ? ", " : "",
			    mapping->start + mapping->size, mapping->start + promised);
	}
	if (count) {
		g->roots->incomplete = true;
		hw_notes_missing(notes, "roots-not-read", NULL,
				 "%" PRIu64 " bytes outside the heaps that may hold references "
				 "are not in the core: %s%s",
				 bytes, where->str, count > SHOWN ? ", ..." : "");
	}
	g_string_free(where, TRUE);
}

/* Threads whose stack holds nothing, or whose control block could not be read. Those a plugin has
 * read by its own rules are its own to judge. */
static void find_lost_threads(struct gather *g, struct hw_notes *notes)
{
	uint32_t count = 0;
	int32_t first = 0;

	for (uint32_t i = 0; i < g->stacks->count; i++) {
		const struct hw_thread_stack *thread = &g->stacks->threads[i];
		bool is_held =
		    g_hash_table_contains(g->named_threads, GINT_TO_POINTER(thread->tid));

		for (uint32_t j = 0; j < thread->range_count; j++)
			is_held = is_held || hw_memory_nonzero(g->memory, thread->range[j].start,
							       thread->range[j].end);
		if (!is_held)
			first = count++ ? first : thread->tid;
	}
	if (!count)
		return;
	g->roots->incomplete = true;
	hw_notes_missing(notes, "stack-empty", NULL,
			 "%" PRIu32
			 " threads have nothing on their stacks, or nothing that was read "
			 "(the first: %" PRId32 "): what they held is not known",
			 count, first);
}

static bool gather_all(struct gather *g, const struct hw_roots_options *options,
		       struct hw_notes *notes)
{
	hw_table_span(g->table, &g->low, &g->high);
	hw_gather_named(g, notes);
	find_skips(g);
	find_unread(g, notes);
	find_lost_threads(g, notes);
	if (!hw_table_count(g->table))
		return !g->is_broken;
	hw_gather_globals(g);
	hw_gather_tls(g);
	hw_gather_stacks(g);
	if (!options || !options->no_anon)
		hw_gather_anon(g);
	hw_progress_end();
	sort_leaves(g->roots);
	return !g->is_broken && sort_all(g->roots);
}

struct hw_roots *hw_roots_new(const struct hw_memory *memory, struct hw_modules *modules,
			      const struct hw_stacks *stacks, struct hw_heaps *heaps,
			      const struct hw_table *table, const struct hw_roots_options *options,
			      struct hw_notes *notes, GError **error)
{
	struct hw_roots *roots = g_new0(struct hw_roots, 1);
	struct gather g = {
	    .memory = memory,
	    .modules = modules,
	    .stacks = stacks,
	    .heaps = heaps,
	    .table = table,
	    .roots = roots,
	};
	bool is_done;

	roots->strings = g_string_chunk_new(4096);
	g.named_threads = g_hash_table_new(NULL, NULL);
	is_done = gather_all(&g, options, notes);
	hw_array_resize(g.skip, g.skip_room, 0, sizeof(*g.skip));
	hw_array_resize(g.named, g.named_room, 0, sizeof(*g.named));
	g_hash_table_unref(g.named_threads);
	if (is_done && !hw_stop_requested())
		return roots;
	if (is_done || hw_stop_requested())
		g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
	else
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no memory for the roots");
	hw_roots_free(roots);
	return NULL;
}

void hw_roots_free(struct hw_roots *roots)
{
	if (!roots)
		return;
	hw_array_resize(roots->nodes, roots->node_room, 0, sizeof(*roots->nodes));
	hw_array_resize(roots->refs, roots->ref_room, 0, sizeof(*roots->refs));
	hw_array_resize(roots->leaves, roots->leaf_room, 0, sizeof(*roots->leaves));
	hw_array_resize(roots->pools, roots->pool_room, 0, sizeof(*roots->pools));
	g_string_chunk_free(roots->strings);
	g_free(roots);
}
