/* SPDX-License-Identifier: Apache-2.0 */
/* ptmalloc.h -- what this plugin knows of a target, shared by its files.
 *
 *   struct ptmalloc          the handle: all copies of libc in the target
 *     struct libc            one copy = one heap: its arenas, tcaches, mmapped chunks
 *       struct arena         one malloc_state; arena 0 is main_arena
 *       struct region        one stretch of chunks; by address
 *       struct mmapped       one chunk with a mapping of its own; by address
 *       struct tcache        one thread's cache
 *
 * open() fills all of it and nothing changes afterwards, but for what the first walk of a
 * region finds (its totals). Chunks in fastbins and tcaches look in use by their
 * flags: they are marked in two bit sets per region, one bit per 16 bytes. */
#ifndef PTMALLOC_H
#define PTMALLOC_H
#include "heapwalk/plugin.h"
#include "layout.h"

#define PAGE UINT64_C(4096)

/* What one walk over a region's chunks adds up to. */
struct totals {
	uint64_t live, live_bytes; /* Chunks; whole chunk sizes. */
	uint64_t cached, cached_bytes;
	uint64_t fast, fast_bytes;
	uint64_t binned, binned_bytes;
	uint64_t binned_hash; /* Order-independent, of addresses. */
	uint64_t top_bytes;
	uint64_t fence_bytes;
	uint64_t unknown_bytes;
	uint64_t releasable; /* What malloc_trim(0) would give back here. */
	uint64_t marks_seen; /* tcache and fastbin marks met. */
	uint64_t orphans;    /* Live chunks that read as tcaches of no known thread. */
};

struct region {
	hw_addr start;        /* First chunk. */
	hw_addr end;          /* Exclusive; end of top, or behind the fenceposts. */
	hw_addr mapped_start; /* Of the heap_info, or start. */
	hw_addr mapped_end;   /* Of the reserve, or end. */
	uint32_t arena;
	bool is_main;          /* Chunks lack NON_MAIN_ARENA. */
	bool has_top;          /* The arena's top is the last chunk. */
	bool is_sound;         /* mapped_* make sense; false: all of it is unknown. */
	uint64_t *tcache_bits; /* NULL: no marks. */
	uint64_t *fast_bits;
	uint64_t tcache_marks; /* Bits set. */
	uint64_t fast_marks;
	struct totals totals; /* Valid once its libc is added up. */
};

struct arena {
	hw_addr addr;
	hw_addr top;
	uint64_t top_size; /* 0: no sound top. */
	uint64_t system_mem;
	uint64_t attached; /* Threads; 0 where the version has no count. */
	uint32_t flags;
	uint32_t heaps; /* heap_infos, 0 for the main arena. */
	bool is_locked;
	bool top_is_unread;  /* top is mapped, and was not dumped; top_size is 0. */
	bool is_closed;      /* Its regions account for system_mem. */
	uint64_t bin_chunks; /* What its bin lists hold; valid once added up. */
	uint64_t bin_bytes;
};

struct mmapped {
	hw_addr base;    /* Page-aligned start of the mapping. */
	uint64_t length; /* Of the mapping. */
	hw_addr addr;    /* User address. */
	uint64_t usable;
};

struct tcache {
	hw_addr addr;                    /* Of the tcache_perthread_struct. */
	int32_t tid;                     /* 0: found by structure, thread not known. */
	uint64_t count[TCACHE_BINS_MAX]; /* Chunks met in each bin. */
	uint64_t bytes[TCACHE_BINS_MAX]; /* Whole chunk sizes. */
};

/* mp_. */
struct params {
	hw_addr addr; /* 0: not found. */
	const struct par_layout *layout;
	uint64_t n_mmaps;
	uint64_t mmapped_mem;
	uint64_t mmap_threshold;
	uint64_t trim_threshold;
	uint64_t top_pad;
	uint64_t arena_max;
	uint64_t thp_pagesize;
	uint64_t hp_pagesize;
	uint64_t tcache_count; /* 0 where there is no tcache, or it is off. */
	uint64_t tcache_max_bytes;
	hw_addr sbrk_base;
	bool is_odd; /* Most of it fits, its tcache limits do not. */
};

struct libc {
	uint32_t heap;   /* From add_heap(). */
	uint32_t module; /* Holds main_arena; HW_NO_MODULE when not known. */
	bool by_symbol;  /* main_arena came from debug info or a symbol table. */
	bool ring_is_broken;
	bool is_exact; /* Cleared by whatever makes totals less than certain. */
	bool added_up; /* totals are there, damage was reported. */
	bool safe_linking;
	bool safe_linking_known;
	const struct state_layout *state;
	uint32_t heap_info; /* sizeof (heap_info), 0 without secondary arenas. */
	uint64_t heap_max;
	enum tcache_kind tcache_kind;
	char version[32];
	char name[64];
	struct params par;

	struct arena *arenas;
	uint64_t arena_count, arena_room;
	struct region *regions; /* By start. */
	uint64_t region_count, region_room;
	struct mmapped *mmapped; /* By base. */
	uint64_t mmapped_count, mmapped_room;
	struct tcache *tcaches;
	uint64_t tcache_count, tcache_room;
	uint64_t tcache_lists_cut; /* Those that lead to memory that was not dumped. */
};

struct ptmalloc {
	const struct hw_host *host;
	struct libc *libcs;
	uint64_t count, room;
	struct mmapped *found; /* mmapped chunks no libc was given yet. */
	uint64_t found_count, found_room;
	struct region *loose; /* Main-heap regions no arena was given yet. */
	uint64_t loose_count, loose_room;
	bool no_memory;        /* resize() refused once. */
	uint64_t chain_budget; /* Steps left for chain_ends(): hostile data ends it. */
};

/* mem.c: words of the target, one cached window. */
struct window {
	hw_addr start, end;
	const uint8_t *data;
};
bool read_word(const struct hw_host *host, hw_addr addr, uint64_t *ret);
bool read_u32(const struct hw_host *host, hw_addr addr, uint32_t *ret);
/* Two words at addr, through the window when they lie inside. */
bool window_refill(const struct hw_host *host, struct window *w, hw_addr addr, uint64_t pair[2]);
static inline bool window_pair(const struct hw_host *host, struct window *w, hw_addr addr,
			       uint64_t pair[2])
{
	if (__builtin_expect(addr >= w->start && addr < w->end && w->end - addr >= 16, 1)) {
		__builtin_memcpy(pair, w->data + (addr - w->start), 16);
		return true;
	}
	return window_refill(host, w, addr, pair);
}
/* Is [start, end) mapped without a gap, whether its bytes are held or not? */
bool is_mapped(const struct hw_host *host, hw_addr start, hw_addr end);
/* Room for one more in an array that lives in the plugin's handle. */
bool grow(struct ptmalloc *pt, void **array, uint64_t *room, uint64_t count, uint64_t size);
/* The region of libc that holds addr, or NULL. */
struct region *region_find(const struct libc *libc, hw_addr addr);
/* Could this be the size word of a chunk inside [at, end)? Flags not looked at. */
static inline bool size_is_sane(uint64_t word, hw_addr at, hw_addr end)
{
	uint64_t size = word & ~(uint64_t)SIZE_BITS;

	return size >= MINSIZE && !(size & (ALIGNMENT - 1)) && size <= end - at;
}
static inline uint64_t chunk_size(uint64_t word)
{
	return word & ~(uint64_t)SIZE_BITS;
}
/* Mixes an address so that sums of different sets of addresses differ. */
static inline uint64_t address_hash(hw_addr a)
{
	a *= UINT64_C(0x9e3779b97f4a7c15);
	return a ^ (a >> 29);
}

/* find.c: every main_arena; fills libcs with module, state, by_symbol and arena 0's
 * address. False when out of memory or stopped. */
bool find_main_arenas(struct ptmalloc *pt);
/* params.c */
void find_params(struct ptmalloc *pt, struct libc *libc);
/* arenas.c: the ring, heaps, regions; false when out of memory. */
bool read_arenas(struct ptmalloc *pt, struct libc *libc);
void sort_regions(struct libc *libc);
/* scan.c: mmapped chunks and main heaps in anonymous memory, given to their libc. */
bool scan_anonymous(struct ptmalloc *pt);
/* An arena 0 whose regions are still to be found. */
bool is_open(const struct libc *libc);
/* End of the known heap memory that covers at; 0: none. */
hw_addr known_end(const struct ptmalloc *pt, hw_addr at);
/* share.c: gives pt->loose and pt->found to the libcs. False when out of memory. */
bool share_pieces(struct ptmalloc *pt);
void close_arenas(struct ptmalloc *pt);
bool adds_up(const struct ptmalloc *pt, uint64_t want, uint64_t want_bytes);
bool share_mmapped(struct ptmalloc *pt, uint64_t want, uint64_t want_bytes, bool known);
/* version.c */
void name_version(struct ptmalloc *pt, struct libc *libc);
/* lists.c */
bool mark_fastbins(struct ptmalloc *pt, struct libc *libc);
/* Marks one chunk in a bit set of its region. False: it is no chunk address of this
 * libc, or is marked already (*twice_ret says which), or memory ran out. */
enum mark { MARK_OK, MARK_OUTSIDE, MARK_TWICE, MARK_NO_MEMORY };
enum mark mark_chunk(struct ptmalloc *pt, struct libc *libc, hw_addr chunk, bool is_tcache);
/* Walks bin lists 1 to 126 of an arena; fn per chunk, may be NULL. Sums what it meets;
 * damage is reported when report is set. False when some list was broken. */
struct bin_sum {
	uint64_t count, bytes, hash;
};
typedef void (*bin_fn)(void *arg, uint32_t bin, hw_addr chunk, uint64_t size);
bool walk_bins(struct ptmalloc *pt, const struct libc *libc, uint32_t arena, bool report,
	       struct bin_sum *sum_ret, bin_fn fn, void *arg);
typedef void (*fast_fn)(void *arg, uint32_t index, hw_addr chunk, uint64_t size);
void walk_fastbins(struct ptmalloc *pt, const struct libc *libc, uint32_t arena, fast_fn fn,
		   void *arg);
hw_addr unmangle(const struct libc *libc, hw_addr slot, uint64_t word);
void vote_safe_linking(struct ptmalloc *pt, struct libc *libc, hw_addr slot, int *votes);
/* tcache.c */
bool find_tcaches(struct ptmalloc *pt, struct libc *libc);
bool looks_like_tcache(const struct ptmalloc *pt, const struct libc *libc, hw_addr addr);
bool is_known_tcache(const struct libc *libc, hw_addr addr);

/* walk.c: chunks of a region in order. */
enum chunk_kind {
	CHUNK_LIVE,
	CHUNK_CACHED,
	CHUNK_FAST,
	CHUNK_BINNED,
	CHUNK_TOP,
	CHUNK_FENCE,
	CHUNK_UNKNOWN
};
/* False stops the walk. */
typedef bool (*chunk_fn)(void *arg, enum chunk_kind kind, hw_addr chunk, uint64_t size);
/* report: say what is wrong. The kinds' sizes add up to end - start, whatever the target
 * holds. False when stopped by fn. */
bool walk_region(struct ptmalloc *pt, const struct libc *libc, const struct region *region,
		 bool report, chunk_fn fn, void *arg);
/* The same, added up into region->totals, damage reported. fn, when not NULL, is told of each
 * chunk until it returns false; the adding up goes on. */
bool total_region(struct ptmalloc *pt, const struct libc *libc, struct region *region, chunk_fn fn,
		  void *arg);
/* Follows chunks from start; true when they end in top, or in two fenceposts that end
 * on a page border; *end_ret is behind them. For finding regions. */
bool chain_ends(struct ptmalloc *pt, hw_addr start, hw_addr limit, hw_addr top, hw_addr *end_ret);

/* trim.c */
uint64_t trim_run(hw_addr start, uint64_t size); /* mtrim() of one free run. */
/* systrim(0): what the main arena's top of this size would give back. */
uint64_t trim_top(struct ptmalloc *pt, const struct libc *libc, const struct region *region,
		  uint64_t top_size);
bool report_trim(void *handle, const struct hw_emit *out);

/* ledger.c: add_up() walks every region and list of a libc, once; damage is reported
 * then. False when stopped. In parts, for whoever wants the chunks as they are met:
 * add_up_region() for each region, then add_up_end(). */
bool add_up(struct ptmalloc *pt, struct libc *libc);
bool add_up_region(struct ptmalloc *pt, struct libc *libc, struct region *r, chunk_fn fn,
		   void *arg);
bool add_up_end(struct ptmalloc *pt, struct libc *libc);
bool pt_ledger(void *handle, uint32_t heap, struct hw_ledger *ret);
struct libc *libc_of(struct ptmalloc *pt, uint32_t heap);
/* blocks.c */
bool pt_blocks(void *handle, uint32_t heap);
/* verify.c */
bool pt_verify(void *handle, uint32_t heap);
/* reports.c */
/* Column flags of a heap's name: text needs it only to tell several copies apart. */
static inline uint32_t heap_column(const struct ptmalloc *pt)
{
	return pt->count > 1 ? 0 : HW_COLUMN_JSON;
}
extern const struct hw_report pt_reports[6];
#endif
