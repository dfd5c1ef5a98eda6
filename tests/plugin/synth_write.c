/* SPDX-License-Identifier: Apache-2.0 */
/* Puts heaps down as bytes: chunk heads, lists, and the structures around them. */
#include "synth.h"
#include <string.h>

#define CHUNK(libc, i) (&g_array_index((libc)->chunks, struct synth_chunk, (i)))
#define FD             16 /* Offsets in struct malloc_chunk. */
#define BK             24
#define FD_NEXTSIZE    32
#define BK_NEXTSIZE    40
static_assert(offsetof(struct malloc_chunk, fd) == FD, "fd");
static_assert(offsetof(struct malloc_chunk, bk_nextsize) == BK_NEXTSIZE, "bk_nextsize");

/* User data: noise with pointers into the same heap. */
static void write_user_data(struct synth *synth, const struct synth_libc *libc)
{
	for (guint i = 0; i < libc->regions->len; i++) {
		const struct synth_region *r =
		    &g_array_index(libc->regions, struct synth_region, i);

		synth_noise(synth, r->start, r->end - r->start, r->start, r->end - r->start);
	}
}

static bool ends_heap(const struct synth_libc *libc, guint i)
{
	const struct synth_chunk *chunk = CHUNK(libc, i);

	return chunk->kind == SYNTH_FENCE && chunk->arena != 0 &&
	       (i + 1 == libc->chunks->len || CHUNK(libc, i + 1)->region != chunk->region);
}

/* The head's flags: PREV_INUSE is clear behind a binned chunk only; NON_MAIN_ARENA is
 * on chunks that were handed out, not on binned ones, top and fenceposts. */
static void write_head(struct synth *synth, const struct synth_libc *libc, guint i)
{
	const struct synth_chunk *chunk = CHUNK(libc, i);
	const struct synth_chunk *before =
	    i && CHUNK(libc, i - 1)->region == chunk->region ? CHUNK(libc, i - 1) : NULL;
	uint64_t head = ends_heap(libc, i) ? 0 : chunk->size;

	if (!before || before->kind != SYNTH_BINNED)
		head |= PREV_INUSE;
	else
		synth_poke(synth, chunk->addr, before->size); /* set_foot() */
	if (chunk->arena != 0 &&
	    (chunk->kind == SYNTH_LIVE || chunk->kind == SYNTH_TCACHE || chunk->kind == SYNTH_FAST))
		head |= NON_MAIN_ARENA;
	if (ends_heap(libc, i))
		synth_poke(synth, chunk->addr, before->size);
	synth_poke(synth, chunk->addr + 8, head);
}

static void write_mmapped(struct synth *synth, const struct synth_libc *libc)
{
	uint64_t head = libc->options.class->new_mmapped ? CHUNK_HDR_SZ : 0;

	for (guint i = 0; i < libc->mmapped->len; i++) {
		const struct synth_mmapped *m =
		    &g_array_index(libc->mmapped, struct synth_mmapped, i);

		/* memalign leaves the head it was given first. */
		synth_poke(synth, m->base, 0);
		synth_poke(synth, m->base + 8, (m->length - head) | IS_MMAPPED);
		synth_poke(synth, m->base + m->lead, m->lead);
		synth_poke(synth, m->base + m->lead + 8, (m->length - m->lead - head) | IS_MMAPPED);
	}
}

/* What malloc_trim() gave back reads as zeros: whole pages behind the head. */
static void write_trimmed(struct synth *synth, const struct synth_chunk *c)
{
	hw_addr page = (c->addr + sizeof(struct malloc_chunk) + 4095) & ~UINT64_C(4095);
	hw_addr end = (c->addr + c->size) & ~UINT64_C(4095);

	if (page < end)
		memset(synth_at(synth, page, end - page), 0, end - page);
}

void synth_write_chunks(struct synth *synth, struct synth_libc *libc)
{
	write_user_data(synth, libc);
	for (guint i = 0; libc->options.trimmed && i < libc->chunks->len; i++)
		if (CHUNK(libc, i)->kind == SYNTH_BINNED)
			write_trimmed(synth, CHUNK(libc, i));
	for (guint i = 0; i < libc->chunks->len; i++)
		if (CHUNK(libc, i)->kind != SYNTH_HOLE)
			write_head(synth, libc, i);
	write_mmapped(synth, libc);
}

/* What bin_at() yields: bins[] holds fd and bk of a chunk that is not there. */
static hw_addr bin_at(const struct synth_libc *libc, const struct synth_arena *arena, int bin)
{
	return arena->addr + synth_offsets(libc->options.class).bins + (uint64_t)(bin - 1) * 16 -
	       FD;
}

static void write_bin(struct synth *synth, struct synth_libc *libc, struct synth_arena *arena,
		      int bin)
{
	hw_addr head = bin_at(libc, arena, bin), before = head;
	const GArray *list = arena->bins[bin];

	for (guint i = 0; i < list->len; i++) {
		hw_addr chunk = CHUNK(libc, g_array_index(list, guint, i))->addr;

		synth_poke(synth, before + FD, chunk);
		synth_poke(synth, chunk + BK, before);
		if (CHUNK(libc, g_array_index(list, guint, i))->size >= 1024) {
			synth_poke(synth, chunk + FD_NEXTSIZE, 0);
			synth_poke(synth, chunk + BK_NEXTSIZE, 0);
		}
		before = chunk;
	}
	synth_poke(synth, before + FD, head);
	synth_poke(synth, head + BK, before);
}

/* Large bins: the first chunk of each size is on a second ring, in the same order. */
static void write_skips(struct synth *synth, struct synth_libc *libc, const GArray *list)
{
	hw_addr first = 0, before = 0;
	uint64_t size = 0;

	for (guint i = 0; i < list->len; i++) {
		const struct synth_chunk *chunk = CHUNK(libc, g_array_index(list, guint, i));

		if (chunk->size == size)
			continue;
		size = chunk->size;
		if (before) {
			synth_poke(synth, before + FD_NEXTSIZE, chunk->addr);
			synth_poke(synth, chunk->addr + BK_NEXTSIZE, before);
		} else {
			first = chunk->addr;
		}
		before = chunk->addr;
	}
	if (first) {
		synth_poke(synth, before + FD_NEXTSIZE, first);
		synth_poke(synth, first + BK_NEXTSIZE, before);
	}
}

/* PROTECT_PTR() of malloc.c, 2.32 on. */
static uint64_t protect(const struct synth_libc *libc, hw_addr slot, hw_addr value)
{
	return libc->options.class->safe_linking ? (slot >> 12) ^ value : value;
}

static hw_addr write_chain(struct synth *synth, struct synth_libc *libc, const GArray *list,
			   uint64_t to_link)
{
	hw_addr next = 0;

	for (guint i = list->len; i > 0; i--) {
		hw_addr chunk = CHUNK(libc, g_array_index(list, guint, i - 1))->addr;

		synth_poke(synth, chunk + FD, protect(libc, chunk + FD, next));
		next = chunk + to_link;
	}
	return next;
}

static void write_tcache(struct synth *synth, struct synth_libc *libc, guint thread)
{
	const struct synth_class *class = libc->options.class;
	struct synth_tcache *cache = &g_array_index(libc->tcaches, struct synth_tcache, thread);
	struct synth_offsets at = synth_offsets(class);
	uint8_t *bytes = synth_at(synth, cache->addr, at.tcache_size);

	memset(bytes, 0, at.tcache_size);
	for (uint32_t b = 0; b < at.tcache_bins; b++) {
		const GArray *list = cache->lists[b];
		uint16_t count = (uint16_t)list->len;
		hw_addr first = write_chain(synth, libc, list, CHUNK_HDR_SZ);

		if (class->tcache == TCACHE_2_42)
			count = (uint16_t)(libc->fill - list->len);
		if (at.tcache_count_size == 1)
			bytes[b] = (uint8_t)count;
		else
			memcpy(bytes + 2 * b, &count, sizeof(count));
		memcpy(bytes + at.tcache_entries + 8 * b, &first, sizeof(first));
		for (guint i = 0; class->key != KEY_NO && i < list->len; i++)
			synth_poke(synth, CHUNK(libc, g_array_index(list, guint, i))->addr + BK,
				   class->key == KEY_POINTER ? cache->addr : libc->tcache_key);
	}
}

/* The libc's thread-local variables: tcache and, next to it, thread_arena. */
static void write_tls(struct synth *synth, struct synth_libc *libc, guint thread)
{
	const struct synth_tcache *cache =
	    &g_array_index(libc->tcaches, struct synth_tcache, thread);
	const struct synth_thread *t = &g_array_index(synth->threads, struct synth_thread, thread);
	hw_addr slot = t->tls - libc->tcache_offset;
	hw_addr value = cache->addr;

	if (!value && libc->options.class->state == STATE_2_43) /* inactive, disabled */
		value = libc->dummy_tcache + (libc->options.no_tcache ? 8 : 0);
	if (libc->options.class->tcache != TCACHE_NO)
		synth_poke(synth, slot, value);
	if (cache->decoy) {
		synth_poke(synth, slot - 24, cache->decoy);
		if (cache->decoy & 32) /* As from calloc(). */
			memset(synth_at(synth, cache->decoy, 512), 0, 512);
	}
	synth_poke(synth, slot - 8,
		   g_array_index(libc->arenas, struct synth_arena, cache->arena).addr);
}

void synth_write_lists(struct synth *synth, struct synth_libc *libc)
{
	for (guint i = 0; i < libc->arenas->len; i++) {
		struct synth_arena *arena = &g_array_index(libc->arenas, struct synth_arena, i);

		for (int b = 1; b < NBINS; b++) {
			write_bin(synth, libc, arena, b);
			if (b >= 64)
				write_skips(synth, libc, arena->bins[b]);
		}
	}
	for (guint i = 0; i < libc->tcaches->len; i++) {
		if (g_array_index(libc->tcaches, struct synth_tcache, i).addr)
			write_tcache(synth, libc, i);
		write_tls(synth, libc, i);
	}
}

/* What differs between the structs is where things are, so one body fills all four. */
#define FILL_STATE(s)                                                                              \
	do {                                                                                       \
		(s).mutex = 0;                                                                     \
		(s).flags = flags;                                                                 \
		(s).top = top;                                                                     \
		(s).last_remainder = last_remainder;                                               \
		memcpy((s).bins, bins, sizeof(bins));                                              \
		memcpy((s).binmap, binmap, sizeof(binmap));                                        \
		(s).next = next;                                                                   \
		(s).next_free = 0;                                                                 \
		(s).system_mem = arena->system_mem;                                                \
		(s).max_system_mem = arena->system_mem + max_extra;                                \
		memcpy(at, &(s), sizeof(s));                                                       \
	} while (0)

static void write_state(struct synth *synth, struct synth_libc *libc, guint index)
{
	struct synth_arena *arena = &g_array_index(libc->arenas, struct synth_arena, index);
	const struct synth_class *class = libc->options.class;
	struct synth_offsets o = synth_offsets(class);
	uint8_t *at = synth_at(synth, arena->addr, o.state_size);
	uint64_t bins[NBINS * 2 - 2], fastbins[NFASTBINS] = {0};
	uint32_t binmap[BINMAPSIZE] = {0};
	uint64_t max_extra =
	    arena->system_mem && synth_chance(synth, 50) ? 4096 * synth_below(synth, 100) : 0;
	hw_addr last_remainder = 0, next;
	int32_t flags = index || libc->options.noncontiguous ? NONCONTIGUOUS_BIT : 0;
	uint64_t attached = 0;
	/* initial_top() of malloc.c: bin 1, taken for a chunk of size 0. */
	hw_addr top = arena->top ? arena->top : bin_at(libc, arena, 1);
	bool has_fast = false;

	/* write_lists() has put the bins where they belong. */
	memcpy(bins, at + o.bins, sizeof(bins));
	for (int b = 2; b < NBINS; b++) /* Bits are cleared late, so more may be set. */
		if (arena->bins[b]->len || synth_chance(synth, 5))
			binmap[b >> 5] |= 1u << (b & 31);
	for (int b = 0; b < NFASTBINS; b++) {
		fastbins[b] = write_chain(synth, libc, arena->fastbins[b], 0);
		has_fast = has_fast || fastbins[b];
	}
	if (arena->bins[5]->len)
		last_remainder = CHUNK(libc, g_array_index(arena->bins[5], guint, 0))->addr;
	/* _int_new_arena(): the newest comes right behind main_arena. */
	next = index == 1 ? 0 : index - 1;
	if (index == 0)
		next = libc->arenas->len - 1;
	next = g_array_index(libc->arenas, struct synth_arena, next).addr;
	for (guint i = 0; i < libc->tcaches->len; i++)
		attached += g_array_index(libc->tcaches, struct synth_tcache, i).arena == index;
	if (class->state <= STATE_2_23 && !has_fast)
		flags |= FASTCHUNKS_BIT;

	if (class->state == STATE_2_17) {
		struct malloc_state_2_17 s = {0};

		memcpy(s.fastbinsY, fastbins, sizeof(fastbins));
		FILL_STATE(s);
	} else if (class->state == STATE_2_23) {
		struct malloc_state_2_23 s = {.attached_threads = attached};

		memcpy(s.fastbinsY, fastbins, sizeof(fastbins));
		FILL_STATE(s);
	} else if (class->state == STATE_2_27) {
		struct malloc_state_2_27 s = {.attached_threads = attached};

		s.have_fastchunks = has_fast;
		memcpy(s.fastbinsY, fastbins, sizeof(fastbins));
		FILL_STATE(s);
	} else {
		struct malloc_state_2_43 s = {.attached_threads = attached};

		FILL_STATE(s);
	}
}

static void write_heap_infos(struct synth *synth, struct synth_libc *libc)
{
	hw_addr before = 0;

	for (guint i = 0; i < libc->regions->len; i++) {
		const struct synth_region *r =
		    &g_array_index(libc->regions, struct synth_region, i);
		struct heap_info_2_35 info = {0};
		uint64_t writable = r->end - r->base;

		if (r->arena == 0)
			continue;
		for (guint s = 0; s < synth->segments->len; s++)
			if (g_array_index(synth->segments, struct synth_segment, s).start ==
			    r->base)
				writable =
				    g_array_index(synth->segments, struct synth_segment, s).held;
		info.ar_ptr = g_array_index(libc->arenas, struct synth_arena, r->arena).addr;
		info.prev = i && r[-1].arena == r->arena ? before : 0;
		info.size = r->end - r->base;
		info.mprotect_size = writable;
		info.pagesize = libc->options.huge_heaps ? UINT64_C(2) << 20 : 4096;
		memcpy(synth_at(synth, r->base, sizeof(info)), &info,
		       libc->options.class->wide_heap_info ? sizeof(info)
							   : sizeof(struct heap_info_2_17));
		before = r->base;
	}
}

#define FILL_PAR(s)                                                                                \
	do {                                                                                       \
		(s).trim_threshold = 128 * 1024;                                                   \
		(s).top_pad = 128 * 1024;                                                          \
		(s).mmap_threshold = 128 * 1024;                                                   \
		(s).arena_test = 8;                                                                \
		(s).n_mmaps = (int32_t)libc->mmapped->len;                                         \
		(s).n_mmaps_max = 65536;                                                           \
		(s).max_n_mmaps = (int32_t)libc->mmapped->len + 3;                                 \
		(s).mmapped_mem = mmapped;                                                         \
		(s).max_mmapped_mem = mmapped + 0x200000;                                          \
		(s).sbrk_base = sbrk_base;                                                         \
		memcpy(at, &(s), sizeof(s));                                                       \
	} while (0)
#define FILL_TCACHE(s)                                                                             \
	do {                                                                                       \
		(s).tcache_bins = TCACHE_SMALL_BINS;                                               \
		(s).tcache_max_bytes = libc->tcache_max_bytes;                                     \
		(s).tcache_count = libc->fill;                                                     \
	} while (0)

static void write_par(struct synth *synth, struct synth_libc *libc)
{
	const struct synth_class *class = libc->options.class;
	uint8_t *at = synth_at(synth, libc->mp, synth_offsets(class).par_size);
	const struct synth_arena *main = &g_array_index(libc->arenas, struct synth_arena, 0);
	hw_addr sbrk_base = main->top + main->top_size - main->system_mem;
	uint64_t mmapped = 0;

	/* mremap_chunk() of 2.43 leaves out CHUNK_HDR_SZ where it subtracts the old size:
	 * each call that moves adds 16 too many, for good. */
	if (class->new_mmapped && synth_chance(synth, 50))
		mmapped += CHUNK_HDR_SZ * synth_below(synth, 20);
	if (libc->options.unused)
		sbrk_base = 0;
	else if (libc->options.noncontiguous)
		sbrk_base = g_array_index(libc->regions, struct synth_region, 0).start;
	for (guint i = 0; i < libc->mmapped->len; i++)
		mmapped += g_array_index(libc->mmapped, struct synth_mmapped, i).length;
	if (class->par == PAR_2_17) {
		struct malloc_par_2_17 s = {0};

		FILL_PAR(s);
	} else if (class->par == PAR_2_24) {
		struct malloc_par_2_24 s = {0};

		FILL_PAR(s);
	} else if (class->par == PAR_2_26) {
		struct malloc_par_2_26 s = {0};

		FILL_TCACHE(s);
		FILL_PAR(s);
	} else if (class->par == PAR_2_35) {
		struct malloc_par_2_35 s = {0};

		s.hp_pagesize = libc->options.huge_heaps ? UINT64_C(2) << 20 : 0;
		FILL_TCACHE(s);
		FILL_PAR(s);
	} else {
		struct malloc_par_2_43 s = {0};

		FILL_TCACHE(s);
		FILL_PAR(s);
	}
}

void synth_write_states(struct synth *synth, struct synth_libc *libc)
{
	for (guint i = 0; i < libc->arenas->len; i++)
		write_state(synth, libc, i);
	write_heap_infos(synth, libc);
	write_par(synth, libc);
}
