/* SPDX-License-Identifier: Apache-2.0 */
/* What is true of a synthetic heap: from the lists it was made of, never from its
 * bytes. */
#include "synth.h"

static void add_block(struct synth_truth *truth, hw_addr addr, uint64_t size, enum synth_kind kind,
		      uint32_t arena, bool internal)
{
	struct synth_block block = {addr, size, kind, arena, internal};

	g_array_append_val(truth->blocks, block);
}

static int compare_blocks(gconstpointer a, gconstpointer b)
{
	const struct synth_block *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* malloc_usable_size() (musable, malloc.c): an in-use chunk may use the next one's
 * prev_size, so it has all but 8 bytes of its size. */
static void count_chunks(struct synth_truth *truth, const struct synth_libc *libc)
{
	for (guint i = 0; i < libc->chunks->len; i++) {
		const struct synth_chunk *c = &g_array_index(libc->chunks, struct synth_chunk, i);

		truth->count[c->kind]++;
		truth->bytes[c->kind] += c->size;
		if (c->internal) {
			truth->internal_count++;
			truth->internal_bytes += c->size;
		}
		if (c->kind == SYNTH_FENCE || c->kind == SYNTH_HOLE)
			continue;
		/* No chunk follows top: it lends no prev_size. */
		add_block(truth, c->addr + CHUNK_HDR_SZ, c->size - (c->kind == SYNTH_TOP ? 16 : 8),
			  c->kind, c->arena, c->internal);
	}
	/* mallinfo(), malloc.c: fastbins, bins and top; not what tcaches hold. */
	truth->fordblks =
	    truth->bytes[SYNTH_FAST] + truth->bytes[SYNTH_BINNED] + truth->bytes[SYNTH_TOP];
}

/* musable() of mmapped chunks: chunksize - 16 up to 2.42, where chunksize reaches the
 * end of the mapping; from 2.43 chunksize is 16 less, and all but 8 of it is usable. */
static void count_mmapped(struct synth_truth *truth, const struct synth_libc *libc)
{
	uint64_t less = libc->options.class->new_mmapped ? 24 : 16;

	for (guint i = 0; i < libc->mmapped->len; i++) {
		const struct synth_mmapped *m =
		    &g_array_index(libc->mmapped, struct synth_mmapped, i);
		uint64_t usable = m->length - m->lead - less;

		truth->mmapped_count++;
		truth->mmapped_bytes += m->length;
		truth->mmapped_usable += usable;
		add_block(truth, m->base + m->lead + CHUNK_HDR_SZ, usable, SYNTH_LIVE,
			  SYNTH_MMAPPED, false);
	}
}

static void count_regions(struct synth_truth *truth, const struct synth_libc *libc)
{
	struct synth_offsets at = synth_offsets(libc->options.class);

	truth->mapped = truth->mmapped_bytes + truth->bytes[SYNTH_HOLE];
	for (guint i = 0; i < libc->regions->len; i++) {
		const struct synth_region *r =
		    &g_array_index(libc->regions, struct synth_region, i);
		bool first = i == 0 || r[-1].arena != r->arena;
		uint64_t head = 0;

		truth->mapped += r->limit - r->base;
		truth->untouched += r->limit - r->end;
		if (r->arena != 0)
			head = at.heap_info_size + (first ? at.state_size : 0);
		truth->headers += head;
		truth->padding += r->start - r->base - head;
	}
}

void synth_truth_init(struct synth_truth *truth, const struct synth_libc *libc)
{
	*truth = (struct synth_truth){0};
	truth->blocks = g_array_new(FALSE, TRUE, sizeof(struct synth_block));
	count_chunks(truth, libc);
	count_mmapped(truth, libc);
	count_regions(truth, libc);
	g_array_sort(truth->blocks, compare_blocks);
	truth->releasable = synth_trim(libc);
}

void synth_truth_clear(struct synth_truth *truth)
{
	g_clear_pointer(&truth->blocks, g_array_unref);
}

/* The copy that is trimmed: chunks by address within their region; size 0 is one that
 * was merged away. */
struct trimmed {
	GArray *chunks; /* struct synth_chunk, same indexes as libc->chunks */
};

static struct synth_chunk *chunk_at(struct trimmed *t, guint i)
{
	return &g_array_index(t->chunks, struct synth_chunk, i);
}

/* The chunk before or behind in the same region that still exists, or NULL. */
static struct synth_chunk *neighbour(struct trimmed *t, guint i, int step)
{
	uint32_t region = chunk_at(t, i)->region;

	for (int64_t n = (int64_t)i + step; n >= 0 && n < (int64_t)t->chunks->len; n += step) {
		struct synth_chunk *c = chunk_at(t, (guint)n);

		if (c->region != region)
			return NULL;
		if (c->size)
			return c;
	}
	return NULL;
}

/* The loop body of malloc_consolidate(), 2.17 to 2.42: merge backward, then into top
 * or forward, then to the unsorted list. */
static void consolidate(struct trimmed *t, guint i)
{
	struct synth_chunk *p = chunk_at(t, i);
	struct synth_chunk *before = neighbour(t, i, -1), *behind = neighbour(t, i, 1);

	if (before && before->kind == SYNTH_BINNED) {
		before->size += p->size;
		p->size = 0;
		p = before;
	}
	p->kind = SYNTH_BINNED;
	p->unsorted = true;
	if (behind && behind->kind == SYNTH_TOP) {
		p->kind = SYNTH_TOP;
		p->size += behind->size;
		behind->size = 0;
	} else if (behind && behind->kind == SYNTH_BINNED) {
		p->size += behind->size;
		behind->size = 0;
	}
}

/* The loop body of mtrim(), all versions since 2.17: whole pages behind the chunk's
 * head (struct malloc_chunk, 48 bytes) go back. */
static uint64_t trim_chunk(const struct synth_chunk *p)
{
	const uint64_t ps = 4096, psm1 = ps - 1;
	uint64_t size = p->size;
	hw_addr paligned_mem;

	if (!p->unsorted && synth_bin_index(size) < synth_bin_index(ps))
		return 0;
	if (size <= psm1 + sizeof(struct malloc_chunk))
		return 0;
	paligned_mem = (p->addr + sizeof(struct malloc_chunk) + psm1) & ~psm1;
	size -= paligned_mem - p->addr;
	return size > psm1 ? size & ~psm1 : 0;
}

/* systrim(0): top keeps MINSIZE + 1 bytes and what is no whole page; nothing when the
 * end of the data segment is not the end of top. */
static uint64_t trim_top(const struct synth_libc *libc, const struct synth_chunk *top)
{
	uint64_t top_area = top->size - MINSIZE - 1;

	if (top->size <= MINSIZE + 1 || libc->options.noncontiguous || libc->options.brk_above)
		return 0;
	return top_area & ~UINT64_C(4095);
}

uint64_t synth_trim(const struct synth_libc *libc)
{
	struct trimmed t = {.chunks = g_array_copy(libc->chunks)};
	uint64_t released = 0;

	for (guint a = 0; a < libc->arenas->len; a++) {
		const struct synth_arena *arena =
		    &g_array_index(libc->arenas, struct synth_arena, a);

		for (int b = 0; b < NFASTBINS; b++)
			for (guint i = 0; i < arena->fastbins[b]->len; i++)
				consolidate(&t, g_array_index(arena->fastbins[b], guint, i));
	}
	for (guint i = 0; i < t.chunks->len; i++) {
		const struct synth_chunk *c = chunk_at(&t, i);

		if (c->size && c->kind == SYNTH_BINNED)
			released += trim_chunk(c);
		else if (c->size && c->kind == SYNTH_TOP && c->arena == 0)
			released += trim_top(libc, c);
	}
	g_array_unref(t.chunks);
	return released;
}
