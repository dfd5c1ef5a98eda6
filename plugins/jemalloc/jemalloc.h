/* SPDX-License-Identifier: Apache-2.0 */
/* jemalloc.h -- what this plugin knows of a target, shared by its files.
 *
 *   struct jemalloc          the handle: all copies of jemalloc in the target
 *     struct base_block      one block of metadata; by address; each names its copy
 *     struct copy            one copy = one heap: one radix tree and what it leads to
 *       struct extent        one run of pages; by address
 *       struct arena         one arena_t
 *       struct tcache        one thread's cache, or one made by tcache.create
 *       struct cached        one pointer in a tcache; by address
 *       struct internal      one allocation of jemalloc's own; by address
 *       struct pageslab      one huge page of the HPA; by address
 *
 * open() fills all of it but for what add_up() finds in the slabs' bitmaps; nothing
 * changes after that. */
#ifndef JEMALLOC_H
#define JEMALLOC_H
#include "heapwalk/plugin.h"
#include "layout.h"

#define NONE UINT32_MAX
/* Bytes below a thread's control block: static thread-local storage. */
#define TLS_SEARCHED (UINT64_C(32) << 10)

enum extent_kind {
	KIND_SLAB,     /* Small regions. */
	KIND_LARGE,    /* One allocation; a sampled small one has a small szind. */
	KIND_SEC,      /* Cached by the small extent cache in front of the HPA. */
	KIND_DIRTY,    /* Free, its pages are still there. */
	KIND_MUZZY,    /* Free, given to MADV_FREE. */
	KIND_RETAINED, /* Free, address space only. */
	KIND_UNKNOWN,  /* Contradicts itself, or a thread was working on it. */
	KINDS
};

struct extent {
	hw_addr addr; /* Of the first page. */
	uint64_t size;
	hw_addr edata;
	uint64_t bits;   /* e_bits */
	uint32_t leaf;   /* What the leaf says: szind, and flags from bit 8 on. */
	uint16_t offset; /* Of the object in the first page: cache-oblivious large ones. */
	uint16_t arena;
	uint16_t nregs;     /* Slabs. */
	uint16_t nfree;     /* Slabs: by the bitmap. Valid once added up. */
	uint16_t cached;    /* Regions, or 1 for a large one, parked in a tcache. */
	uint16_t internals; /* The same, recognised as jemalloc's own. */
	uint8_t kind;       /* enum extent_kind */
	uint8_t szind;
	bool is_hpa;
	bool is_whole;      /* All its pages are in the tree, as a slab's must be. */
	bool leaf_differs;  /* From page to page. A large one's last page may be stale, */
	bool state_differs; /* but for this. */
	bool is_sampled;    /* A small size in pages of its own: profiling. */
};
enum { LEAF_SLAB = 1 << 8, LEAF_HEAD = 1 << 9, LEAF_STATE_SHIFT = 10 };

struct base_block {
	hw_addr addr;
	uint64_t size;
	hw_addr next;
	hw_addr used;   /* End of what was handed out: the rest was never touched. */
	uint32_t copy;  /* Index in copies, or NONE. */
	uint32_t arena; /* base_t.ind of its chain, or NONE. */
	bool is_seen;
};

struct arena {
	uint32_t index;
	hw_addr addr;                                        /* arena_t; 0: not found. */
	hw_addr base;                                        /* base_t */
	uint64_t base_allocated, base_resident, base_mapped; /* Its own counters. */
	uint64_t nactive;                                    /* Pages, its own counter. */
	uint64_t npages[3];                                  /* The same: dirty, muzzy, retained. */
	uint64_t npageslabs;
	uint64_t internal; /* Bytes, its own counter. */
	uint32_t threads;
	uint32_t locked; /* Mutexes. */
	uint64_t hpa_eden, hpa_eden_size;
};

struct tcache {
	hw_addr addr;             /* tcache_t */
	hw_addr slow;             /* tcache_slow_t, or addr. */
	hw_addr stack, stack_end; /* Where its pointers lie, as far as seen. */
	hw_addr dyn;              /* Its allocation, 0 when it is not known. */
	uint32_t arena;
	int32_t tid; /* 0: of no thread, or not known. */
	uint64_t blocks, bytes;
	uint32_t bad;
	uint16_t bin_blocks[TCACHE_BINS_MAX];
};

struct cached {
	hw_addr addr;
	uint32_t tcache;
	uint32_t extent;
};

struct internal {
	hw_addr addr;
	const char *what; /* Static. */
	uint32_t extent;
};

struct pageslab {
	hw_addr addr;
	hw_addr hpdata;
	uint32_t arena; /* Of an extent in it; NONE: empty. */
	uint32_t nactive, ntouched, used_pages;
	bool is_huge;
	uint64_t active[8], touched[8];
};

/* One backtrace of the profiler, and the live sampled allocations made there. */
struct stack {
	hw_addr gctx;
	hw_addr vec; /* Return addresses, innermost first. */
	uint32_t depth;
	uint64_t objects, bytes; /* Sampled. */
	uint64_t unbiased;       /* What they stand for, bytes; 5.3. */
};

/* What extents of one arena and kind, and one size class, add up to. */
struct bin_totals {
	uint64_t slabs, slab_bytes, nonfull;
	uint64_t regions, free, cached, internal; /* regions: all of them. */
};
struct large_totals {
	uint64_t live, cached, internal;                   /* Extents. */
	uint64_t live_bytes, cached_bytes, internal_bytes; /* Usable. */
	int64_t promoted; /* Sampled: what jemalloc's statistics count more, or less. */
};
struct arena_totals {
	uint32_t arena;
	uint64_t bytes[KINDS], extents[KINDS];
	uint64_t hpa_bytes; /* Part of the slabs, large and cached extents in page slabs. */
	struct bin_totals bins[SC_NBINS];
	struct large_totals large[SC_NSIZES]; /* By szind; below SC_NBINS: sampled. */
	uint64_t base_size, base_used;
	uint64_t pageslabs, ps_dirty, ps_clean, ps_unknown; /* Count; bytes. */
	uint64_t eden;
};

struct copy {
	uint32_t heap;
	uint32_t module;
	hw_addr root; /* rtree_t.root */
	const struct rtree_shape *shape;
	const struct extent_layout *layout;
	const struct version_layout *version; /* NULL: arena_t is not known. */
	hw_addr arenas_at;                    /* arenas[] */
	char version_text[32];                /* From the binary, "" when none was found. */
	char version_name[32];                /* What is reported. */
	char name[64];
	bool is_exact;           /* Cleared by whatever makes totals less than certain. */
	bool added_up;           /* totals are there, damage was reported. */
	bool is_broken;          /* No extent layout fits: nothing but base blocks is known. */
	bool is_newer;           /* Says a version this plugin was not written for. */
	bool tcaches_known;      /* The lists of tcaches were found. */
	uint64_t pad;            /* sz_large_pad */
	uint64_t hidden_threads; /* Whose thread-local data is missing. */
	uint64_t score[2];       /* Slabs that fit the layout, and that do not. */

	struct extent *extents;
	uint64_t extent_count, extent_room;
	struct arena *arenas;
	uint64_t arena_count, arena_room;
	struct tcache *tcaches;
	uint64_t tcache_count, tcache_room;
	struct cached *cached;
	uint64_t cached_count, cached_room;
	struct internal *internals;
	uint64_t internal_count, internal_room;
	struct pageslab *pageslabs;
	uint64_t pageslab_count, pageslab_room;
	hw_addr eden; /* Of the HPA: mapped, not cut into page slabs yet. */
	uint64_t eden_size;
	struct stack *stacks; /* By gctx. */
	uint64_t stack_count, stack_room;
	uint64_t prof_odd;           /* Counters that disagree with what was found. */
	struct arena_totals *totals; /* By arena index, ascending. */
	uint64_t total_count, total_room;
};

/* A word of a module that points into a base block. */
struct ref {
	hw_addr at, to;
	uint32_t module;
	uint32_t block;
};

struct jemalloc {
	const struct hw_host *host;
	struct base_block *blocks;
	uint64_t block_count, block_room;
	struct ref *refs;
	uint64_t ref_count, ref_room;
	struct copy *copies;
	uint64_t count, room;
	bool no_memory;
	uint64_t budget; /* Words left to try while looking for trees: hostile data ends it. */
	hw_addr window_start, window_end; /* One cached peek(). */
	const uint8_t *window;
};

/* mem.c */
bool grow(struct jemalloc *je, void **array, uint64_t *room, uint64_t count, uint64_t size);
#define GROW(je, array, room, count) grow(je, (void **)&(array), &(room), count, sizeof(*(array)))
/* n bytes at addr, borrowed or in buf; NULL for a miss. */
const uint8_t *view(struct jemalloc *je, hw_addr addr, uint64_t n, void *buf);
bool read_word(struct jemalloc *je, hw_addr addr, uint64_t *ret);
bool read_u32(struct jemalloc *je, hw_addr addr, uint32_t *ret);
static inline uint64_t word_at(const uint8_t *p)
{
	uint64_t w;

	__builtin_memcpy(&w, p, sizeof(w));
	return w;
}
static inline uint32_t u32_at(const uint8_t *p)
{
	uint32_t w;

	__builtin_memcpy(&w, p, sizeof(w));
	return w;
}
/* The base block that holds [addr, addr + size) in what it has handed out, or NULL. */
struct base_block *block_of(struct jemalloc *je, hw_addr addr, uint64_t size);
/* The base block that starts at addr, or NULL. */
struct base_block *block_at(struct jemalloc *je, hw_addr addr);

/* find.c: base blocks, and radix trees in modules that lead into them. Fills copies with
 * root, shape and module. False when out of memory or stopped. */
bool find_base_blocks(struct jemalloc *je);
bool find_refs(struct jemalloc *je);
bool find_roots(struct jemalloc *je);
/* Reads the leaf element at addr, split as shape says. False: not there. *leaf_ret as in
 * struct extent, of_53: the leaf's own state is decoded. */
hw_addr leaf_decode(const struct rtree_shape *shape, const uint8_t *element, uint32_t *leaf_ret);

/* extents.c: every extent the tree leads to, in order. */
bool read_extents(struct jemalloc *je, struct copy *copy);
/* Picks the layout of extents that the slabs fit; false: none does. */
bool choose_layout(struct jemalloc *je, struct copy *copy);
/* Splits e_bits, sorts extents into kinds, reports contradictions. */
void decode_extents(struct jemalloc *je, struct copy *copy);
/* The extent that holds addr, or NULL. */
struct extent *extent_find(const struct copy *copy, hw_addr addr);
/* The bitmap of a slab; false: not in the target. */
bool slab_bitmap(struct jemalloc *je, const struct extent *e, uint64_t bitmap[8]);
static inline bool bitmap_is_free(const uint64_t bitmap[8], uint32_t region)
{
	return bitmap[region / 64] >> (region % 64) & 1;
}
uint32_t bitmap_count(const uint64_t bitmap[8], uint32_t nregs);
/* Bytes the program may use of the large allocation in e. */
uint64_t usable_size(const struct copy *copy, const struct extent *e);
/* Is addr an allocated object; its extent then, else NULL. */
struct extent *object_at(struct jemalloc *je, const struct copy *copy, hw_addr addr);

/* arenas.c */
bool find_arenas(struct jemalloc *je, struct copy *copy);
/* version.c */
void name_version(struct jemalloc *je, struct copy *copy);
void find_undecoded(struct jemalloc *je);
/* tcache.c */
bool find_tcaches(struct jemalloc *je, struct copy *copy);
/* internal.c: allocations of jemalloc's own, as far as they can be told. */
bool find_internals(struct jemalloc *je, struct copy *copy);
bool add_internal(struct jemalloc *je, struct copy *copy, hw_addr addr, const char *what);
/* The start of the allocation that holds addr; 0: none. */
hw_addr object_start(const struct copy *copy, hw_addr addr);
/* prof.c: what the profiler's tables say of live sampled allocations. */
bool find_stacks(struct jemalloc *je, struct copy *copy);
/* hpa.c */
bool find_pageslabs(struct jemalloc *je, struct copy *copy);

/* ledger.c */
bool add_up(struct jemalloc *je, struct copy *copy);
struct copy *copy_of(struct jemalloc *je, uint32_t heap);
struct arena *arena_of(const struct copy *copy, uint32_t index);
/* Was it built to count? Without (--disable-stats, the default of Rust's crates) base blocks are
 * not counted and thread caches are in no list. */
bool has_statistics(const struct copy *copy);
bool je_ledger(void *handle, uint32_t heap, struct hw_ledger *ret);
/* blocks.c */
bool je_blocks(void *handle, uint32_t heap);
/* verify.c */
bool je_verify(void *handle, uint32_t heap);
/* reports.c */
extern const struct hw_report je_reports[6];
#endif
