/* SPDX-License-Identifier: Apache-2.0 */
/* See naive.h. Nothing here is clever: what it says must be plain to see. */
#include "naive.h"
#include "query/blocks.h"
#include <elf.h>
#include <string.h>

static gint by_start(gconstpointer a, gconstpointer b)
{
	const struct naive_load *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static gint by_addr(gconstpointer a, gconstpointer b)
{
	const struct naive_block *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static gint by_slot(gconstpointer a, gconstpointer b)
{
	const struct naive_edge *x = a, *y = b;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static bool read_loads(struct naive *n)
{
	Elf64_Ehdr eh;

	if (n->core_size < sizeof(eh))
		return false;
	memcpy(&eh, n->core, sizeof(eh));
	for (uint32_t i = 0; i < eh.e_phnum; i++) {
		Elf64_Phdr ph;
		uint64_t at = eh.e_phoff + (uint64_t)i * sizeof(ph);

		if (at + sizeof(ph) > n->core_size)
			return false;
		memcpy(&ph, n->core + at, sizeof(ph));
		if (ph.p_type != PT_LOAD || ph.p_offset > n->core_size)
			continue;
		g_array_append_val(
		    n->loads,
		    ((struct naive_load){ph.p_vaddr, MIN(ph.p_filesz, n->core_size - ph.p_offset),
					 ph.p_offset, (ph.p_flags & PF_W) != 0}));
	}
	g_array_sort(n->loads, by_start);
	return true;
}

uint64_t naive_offset(const struct naive *n, hw_addr addr)
{
	for (guint i = 0; i < n->loads->len; i++) {
		const struct naive_load *load = &g_array_index(n->loads, struct naive_load, i);

		if (addr >= load->start && addr - load->start + 8 <= load->size)
			return load->offset + (addr - load->start);
	}
	return UINT64_MAX;
}

static bool take_block(void *arg, const struct hw_heap *heap, const struct hw_block *block)
{
	struct naive *n = arg;
	struct naive_block b = {.addr = block->addr,
				.size = block->size,
				.header = heap->block_header,
				.heap = heap->id,
				.is_typed = hw_heaps_is_typed(n->heaps, heap->id),
				.is_internal = block->flags & HW_BLOCK_INTERNAL,
				.is_collected = heap->flags & HW_HEAP_COLLECTED,
				.has_no_end = heap->flags & HW_HEAP_NO_PAST_END};

	b.is_scanned = !(block->flags & (HW_BLOCK_INTERNAL | HW_BLOCK_NOPOINTERS));
	if (block->size)
		g_array_append_val(n->blocks, b);
	return true;
}

uint32_t naive_find(const struct naive *n, uint64_t word)
{
	uint32_t low = 0, high = n->blocks->len; /* Blocks before low start at or before word. */
	const struct naive_block *b;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (naive_block(n, middle)->addr <= word)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NAIVE_NONE;
	b = naive_block(n, low - 1);
	/* malloc.c: a chunk is 16 bytes before its block and ends 8 before the block's end; one
	 * with a mapping of its own ends with the block. */
	if (b->header == 16 && word - 16 < (b->addr + b->size - (b->size % 16 == 8 ? 8 : 0)))
		return low - 1;
	return word - b->addr < b->size + !b->has_no_end ? low - 1 : NAIVE_NONE;
}

/* By word; NULL: all of them. */
static uint64_t *read_mask(const struct naive *n, const struct naive_block *b)
{
	const uint64_t words = (b->size + 7) / 8;
	uint64_t *bits;

	if (!b->is_typed || !b->is_scanned)
		return NULL;
	bits = g_new0(uint64_t, words / 64 + 1);
	hw_heaps_pointers(n->heaps, b->heap, b->addr, b->addr + words * 8, bits);
	return bits;
}

static void read_block(struct naive *n, uint32_t block)
{
	const struct naive_block *b = naive_block(n, block);
	uint64_t offset = naive_offset(n, b->addr);
	g_autofree uint64_t *mask = read_mask(n, b);

	for (uint64_t at = 0; b->is_scanned && offset != UINT64_MAX && at + 8 <= b->size; at += 8) {
		struct naive_edge edge = {block, NAIVE_NONE, b->addr + at};
		uint64_t word;

		if (mask && !(mask[at / 512] >> (at / 8 % 64) & 1))
			continue;
		memcpy(&word, n->core + offset + at, sizeof(word));
		edge.target = naive_find(n, word);
		if (edge.target != NAIVE_NONE && edge.target != block)
			g_array_append_val(n->edges, edge);
	}
}

static void read_edges(struct naive *n, const struct hw_roots *roots)
{
	const uint32_t blocks = n->blocks->len;

	for (uint32_t i = 0; i < roots->leaf_count; i++)
		g_array_index(n->blocks, struct naive_block, roots->leaves[i]).is_scanned = false;
	for (uint32_t i = 0; i < blocks; i++)
		read_block(n, i);
	for (uint64_t i = 0; i < roots->ref_count; i++) {
		const struct hw_root_ref *ref = &roots->refs[i];
		struct naive_edge edge = {blocks + ref->root, ref->block, ref->slot};

		g_array_append_val(n->edges, edge);
	}
	g_array_sort(n->edges, by_slot);
	n->nodes = blocks + roots->count;
	n->first = g_new0(uint32_t, n->nodes + 1);
	n->queue = g_new(uint32_t, n->nodes + 1);
	for (uint32_t i = 0; i < n->edges->len; i++)
		n->first[naive_edge(n, i)->source + 1]++;
	for (uint32_t i = 0; i < n->nodes; i++)
		n->first[i + 1] += n->first[i];
}

struct naive *naive_new(struct hw_session *session, const uint8_t *core, uint64_t size)
{
	struct hw_block_filter live = {.states = 1u << HW_LIVE};
	struct naive *n = g_new0(struct naive, 1);

	n->heaps = session->heaps;
	n->core = core;
	n->core_size = size;
	n->extra.source = NAIVE_NONE;
	n->loads = g_array_new(FALSE, TRUE, sizeof(struct naive_load));
	n->blocks = g_array_new(FALSE, TRUE, sizeof(struct naive_block));
	n->edges = g_array_new(FALSE, TRUE, sizeof(struct naive_edge));
	if (!read_loads(n) || !hw_blocks_query(session, &live, take_block, n, NULL)) {
		naive_free(n);
		return NULL;
	}
	g_array_sort(n->blocks, by_addr);
	read_edges(n, session->roots);
	return n;
}

void naive_free(struct naive *n)
{
	if (!n)
		return;
	g_array_unref(n->loads);
	g_array_unref(n->blocks);
	g_array_unref(n->edges);
	g_free(n->first);
	g_free(n->queue);
	g_free(n);
}

static uint32_t meet(const struct naive *n, uint32_t to, uint32_t without, uint32_t *seen,
		     uint32_t steps, uint32_t tail)
{
	if (to == NAIVE_NONE || to == without || seen[to])
		return tail;
	seen[to] = steps;
	n->queue[tail] = to;
	return tail + 1;
}

void naive_reach(const struct naive *n, const bool *start, uint32_t without, uint32_t *seen)
{
	uint32_t head = 0, tail = 0;

	memset(seen, 0, n->nodes * sizeof(*seen));
	for (uint32_t i = 0; i < n->nodes; i++) {
		if (!start[i] || i == without)
			continue;
		seen[i] = 1;
		n->queue[tail++] = i;
	}
	while (head < tail) {
		uint32_t node = n->queue[head++];

		for (uint32_t e = n->first[node]; e < n->first[node + 1]; e++)
			tail =
			    meet(n, naive_edge(n, e)->target, without, seen, seen[node] + 1, tail);
		if (node == n->extra.source)
			tail = meet(n, n->extra.target, without, seen, seen[node] + 1, tail);
	}
}

void naive_reach_all(const struct naive *n, uint32_t without, uint32_t *seen)
{
	bool *start = g_new0(bool, n->nodes + 1);

	for (uint32_t i = n->blocks->len; i < n->nodes; i++)
		start[i] = true;
	naive_reach(n, start, without, seen);
	g_free(start);
}

static bool is_lost(const struct naive *n, const uint32_t *seen, uint32_t i)
{
	return !seen[i] && !naive_block(n, i)->is_internal && !naive_block(n, i)->is_collected;
}

uint64_t naive_heads(const struct naive *n, const uint32_t *seen)
{
	const uint32_t blocks = n->blocks->len;
	uint32_t *led = g_new(uint32_t, n->nodes + 1), *back = g_new(uint32_t, n->nodes + 1);
	bool *start = g_new0(bool, n->nodes + 1), *is_head = g_new0(bool, blocks + 1);
	uint64_t heads = 0;

	for (uint32_t i = 0; i < blocks; i++)
		is_head[i] = is_lost(n, seen, i);
	for (uint32_t i = 0; i < blocks; i++) {
		if (!is_lost(n, seen, i))
			continue;
		start[i] = true;
		naive_reach(n, start, NAIVE_NONE, led);
		start[i] = false;
		for (uint32_t k = 0; k < blocks; k++) {
			if (k == i || !led[k] || !is_head[k])
				continue;
			start[k] = true;
			naive_reach(n, start, NAIVE_NONE, back);
			start[k] = false;
			/* In one ring it is the lowest. */
			is_head[k] = back[i] && k < i;
		}
	}
	for (uint32_t i = 0; i < blocks; i++)
		heads += is_head[i];
	g_free(led);
	g_free(back);
	g_free(start);
	g_free(is_head);
	return heads;
}

uint64_t naive_bytes(const struct naive *n, const uint32_t *seen, uint64_t *blocks_ret)
{
	uint64_t bytes = 0, blocks = 0;

	for (uint32_t i = 0; i < n->blocks->len; i++) {
		blocks += seen[i] != 0;
		bytes += seen[i] ? naive_block(n, i)->size : 0;
	}
	if (blocks_ret)
		*blocks_ret = blocks;
	return bytes;
}
