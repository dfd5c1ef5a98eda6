/* SPDX-License-Identifier: Apache-2.0 */
/* What happened in each heap: chunks in every state, one beside the other, so that
 * only states stand together that malloc lets stand together. */
#include "synth.h"

/* The place chunks go while a region is filled. */
struct cursor {
	struct synth *synth;
	struct synth_libc *libc;
	uint32_t region;
	uint32_t arena;
	hw_addr at;
	hw_addr limit; /* Of ordinary chunks. */
	bool before_top;
	enum synth_kind last; /* Of the chunk before. */
};

static struct synth_chunk *add_chunk(struct cursor *c, uint64_t size, enum synth_kind kind)
{
	struct synth_chunk chunk = {
	    .addr = c->at,
	    .size = size,
	    .kind = kind,
	    .arena = c->arena,
	    .region = c->region,
	};

	c->at += size;
	c->last = kind;
	g_array_append_val(c->libc->chunks, chunk);
	return &g_array_index(c->libc->chunks, struct synth_chunk, c->libc->chunks->len - 1);
}

static uint64_t pick_size(struct synth *synth, uint64_t left, uint64_t max)
{
	uint64_t r = synth_below(synth, 100);
	uint64_t size;

	if (r < 45)
		size = MINSIZE + 16 * synth_below(synth, 7);
	else if (r < 75)
		size = 144 + 16 * synth_below(synth, 57);
	else if (r < 90)
		size = 1056 + 16 * synth_below(synth, 450);
	else if (r < 98)
		size = 8192 + 16 * synth_below(synth, 1500);
	else
		size = 32768 + 16 * synth_below(synth, 6000);
	if (max && size > max)
		size = max - 16 * synth_below(synth, max / 64);
	if (size > left || left - size < MINSIZE)
		size = left; /* Nothing smaller than MINSIZE may be left over. */
	return size;
}

/* A thread whose tcache has room in the bin for this size; false when none. */
static bool pick_tcache(struct synth *synth, struct synth_libc *libc, uint64_t size,
			uint32_t *thread_ret)
{
	const struct synth_options *o = &libc->options;
	uint32_t bin, start;

	if (o->class->tcache == TCACHE_NO)
		return false;
	if (size > 1040 && (!o->large_tcache || size >= libc->tcache_max_bytes))
		return false;
	bin = synth_tcache_index(size);
	start = (uint32_t)synth_below(synth, libc->tcaches->len);
	for (guint n = 0; n < libc->tcaches->len; n++) {
		uint32_t i = (start + n) % libc->tcaches->len;
		struct synth_tcache *cache = &g_array_index(libc->tcaches, struct synth_tcache, i);

		if (cache->addr && cache->lists[bin]->len < libc->fill) {
			*thread_ret = i;
			return true;
		}
	}
	return false;
}

/* Everything but BINNED merges with nothing; BINNED never beside BINNED or top. */
static void add_any(struct cursor *c, uint64_t size)
{
	const struct synth_options *o = &c->libc->options;
	bool last = c->at + size == c->limit;
	bool may_bin = c->last != SYNTH_BINNED && !(last && c->before_top);
	bool may_fast = o->class->state != STATE_2_43 && size <= (o->max_fast ? o->max_fast : 128);
	uint64_t r = synth_below(c->synth, 100);
	struct synth_chunk *chunk;
	uint32_t thread;
	guint index = c->libc->chunks->len;

	if (r < 30 && may_bin) {
		chunk = add_chunk(c, size, SYNTH_BINNED);
		chunk->unsorted = synth_chance(c->synth, 30);
	} else if (r < 50 && may_fast) {
		struct synth_arena *arena =
		    &g_array_index(c->libc->arenas, struct synth_arena, c->arena);

		add_chunk(c, size, SYNTH_FAST);
		g_array_append_val(arena->fastbins[(size >> 4) - 2], index);
	} else if (r < 65 && pick_tcache(c->synth, c->libc, size, &thread)) {
		struct synth_tcache *cache =
		    &g_array_index(c->libc->tcaches, struct synth_tcache, thread);

		chunk = add_chunk(c, size, SYNTH_TCACHE);
		chunk->thread = thread;
		g_array_append_val(cache->lists[synth_tcache_index(size)], index);
	} else {
		add_chunk(c, size, SYNTH_LIVE);
	}
}

static bool is_first_of_arena(const struct synth_libc *libc, uint32_t region)
{
	const struct synth_region *r = &g_array_index(libc->regions, struct synth_region, region);

	return region == 0 || r[-1].arena != r->arena;
}

/* The tcache structs of the threads that first called malloc here. Up to 2.41 that is
 * the first chunk of an arena; from 2.42 it is made when first needed. */
static void add_tcache_structs(struct cursor *c)
{
	const struct synth_options *o = &c->libc->options;

	for (guint i = 0; i < c->libc->tcaches->len; i++) {
		struct synth_tcache *cache =
		    &g_array_index(c->libc->tcaches, struct synth_tcache, i);
		struct synth_chunk *chunk;

		if (!cache->addr || cache->arena != c->arena)
			continue;
		if (o->class->tcache == TCACHE_2_42 || i > 1)
			add_chunk(c, pick_size(c->synth, 2048, o->max_chunk), SYNTH_LIVE);
		cache->addr = c->at + CHUNK_HDR_SZ;
		chunk = add_chunk(c, synth_tcache_chunk(o->class, i == 0), SYNTH_LIVE);
		chunk->internal = true;
		if (synth_chance(c->synth, 30)) {
			cache->decoy = c->at + CHUNK_HDR_SZ;
			add_chunk(c, synth_tcache_chunk(o->class, i == 0), SYNTH_LIVE);
		}
	}
}

/* sysmalloc(), main arena: two fenceposts of 16 bytes. Where top had 48 bytes, 16 of
 * them stay behind as a third chunk that is too small to be one. */
static void add_main_fence(struct cursor *c, bool short_one)
{
	if (short_one)
		add_chunk(c, 16, SYNTH_FENCE);
	add_chunk(c, 16, SYNTH_FENCE);
	add_chunk(c, 16, SYNTH_FENCE);
}

/* sysmalloc(), other arenas: 16 bytes and a head of size 0, or where top had 48
 * bytes, one of 32 bytes and a head of size 0. */
static void add_heap_fence(struct cursor *c, bool short_one)
{
	add_chunk(c, short_one ? 32 : 16, SYNTH_FENCE);
	add_chunk(c, 16, SYNTH_FENCE);
}

void synth_fill_region(struct synth *synth, struct synth_libc *libc, uint32_t region)
{
	const struct synth_region *r = &g_array_index(libc->regions, struct synth_region, region);
	struct cursor c = {
	    .synth = synth,
	    .libc = libc,
	    .region = region,
	    .arena = r->arena,
	    .at = r->start,
	    .before_top = r->has_top,
	    .last = SYNTH_LIVE,
	};
	bool short_fence = synth_chance(synth, 30);
	uint64_t tail = short_fence ? 48 : 32;

	if (!libc->options.noncontiguous && r->arena == 0 && region > 0) {
		/* The hole below this piece of the brk heap. */
		c.at = r[-1].end;
		add_chunk(&c, r->start - r[-1].end, SYNTH_HOLE);
		c.last = SYNTH_LIVE;
	}
	if (r->has_top) {
		uint64_t most = (r->end - r->start) / 4;

		tail = MINSIZE + 16 * synth_below(synth, synth_chance(synth, 20) ? 8 : most / 16);
		/* top ends on a page border, so it is what is left of whole pages. */
	}
	c.limit = r->end - tail;
	if (is_first_of_arena(libc, region))
		add_tcache_structs(&c);
	while (c.at < c.limit)
		add_any(&c, pick_size(synth, c.limit - c.at, libc->options.max_chunk));
	g_assert(c.at == c.limit);
	if (r->has_top) {
		struct synth_arena *arena =
		    &g_array_index(libc->arenas, struct synth_arena, r->arena);

		arena->top = c.at;
		arena->top_size = tail;
		add_chunk(&c, tail, SYNTH_TOP);
	} else if (r->arena == 0) {
		add_main_fence(&c, short_fence);
	} else {
		add_heap_fence(&c, short_fence);
	}
	g_assert(c.at == r->end);
}

static void shuffle(struct synth *synth, GArray *list)
{
	for (guint i = list->len; i > 1; i--) {
		guint j = (guint)synth_below(synth, i);
		guint swap = g_array_index(list, guint, i - 1);

		g_array_index(list, guint, i - 1) = g_array_index(list, guint, j);
		g_array_index(list, guint, j) = swap;
	}
}

static int compare_sizes(gconstpointer a, gconstpointer b, gpointer chunks)
{
	uint64_t x = g_array_index((GArray *)chunks, struct synth_chunk, *(const guint *)a).size;
	uint64_t y = g_array_index((GArray *)chunks, struct synth_chunk, *(const guint *)b).size;

	return x < y ? -1 : x > y;
}

static int compare_sizes_down(gconstpointer a, gconstpointer b, gpointer chunks)
{
	return -compare_sizes(a, b, chunks);
}

static void sort_arena(struct synth *synth, struct synth_libc *libc, struct synth_arena *arena)
{
	for (int b = 0; b < NFASTBINS; b++)
		shuffle(synth, arena->fastbins[b]);
	for (int b = 0; b < NBINS; b++) {
		shuffle(synth, arena->bins[b]);
		if (b >= 64) /* Large bins: descending along fd. */
			g_array_sort_with_data(arena->bins[b], compare_sizes_down, libc->chunks);
	}
}

/* Puts binned chunks into the lists of their bins, and every list into an order that
 * malloc could have made. */
void synth_sort_lists(struct synth *synth, struct synth_libc *libc)
{
	for (guint i = 0; i < libc->chunks->len; i++) {
		const struct synth_chunk *chunk =
		    &g_array_index(libc->chunks, struct synth_chunk, i);
		struct synth_arena *arena =
		    &g_array_index(libc->arenas, struct synth_arena, chunk->arena);
		uint32_t bin = chunk->unsorted ? 1 : synth_bin_index(chunk->size);

		if (chunk->kind == SYNTH_BINNED)
			g_array_append_val(arena->bins[bin], i);
	}
	for (guint i = 0; i < libc->arenas->len; i++)
		sort_arena(synth, libc, &g_array_index(libc->arenas, struct synth_arena, i));
	for (guint i = 0; i < libc->tcaches->len; i++) {
		struct synth_tcache *cache = &g_array_index(libc->tcaches, struct synth_tcache, i);

		for (int b = 0; b < TCACHE_ALL_BINS; b++) {
			shuffle(synth, cache->lists[b]);
			if (b >= TCACHE_SMALL_BINS) /* tcache_location_large(): ascending. */
				g_array_sort_with_data(cache->lists[b], compare_sizes,
						       libc->chunks);
		}
	}
}
