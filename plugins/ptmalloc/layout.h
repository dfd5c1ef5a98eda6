/* SPDX-License-Identifier: Apache-2.0 */
/* layout.h -- every offset of glibc's malloc that this plugin uses, for x86-64, with
 * the upstream version and file it was read from. See FORMAT.md for drawings.
 *
 * Nothing here is trusted because of a version number: distributions backport. A
 * layout is taken when the data of the target satisfies its invariants. */
#ifndef PTMALLOC_LAYOUT_H
#define PTMALLOC_LAYOUT_H
#include <stdbool.h>
#include <stdint.h>

/* malloc/malloc.c, all versions: struct malloc_chunk { prev_size, size, fd, bk,
 * fd_nextsize, bk_nextsize }; the user's bytes start at fd. */
enum {
	PREV_INUSE = 1,
	IS_MMAPPED = 2,
	NON_MAIN_ARENA = 4,
	SIZE_BITS = 7,
	CHUNK_HDR = 16,     /* chunk address to user address */
	CHUNK_OVERHEAD = 8, /* an in-use chunk may use the next one's prev_size */
	MINSIZE = 32,
	ALIGNMENT = 16,
	MALLOC_CHUNK_SIZE = 48, /* sizeof (struct malloc_chunk) */
	FENCEPOST = 16,         /* sysmalloc(): CHUNK_HDR_SZ | PREV_INUSE */
};

/* malloc_state: everything but the start is at a fixed distance from bins[254] in every
 * version. Sources: malloc/malloc.c (struct malloc_state) of 2.17 to 2.42 and the
 * development head that became 2.43. */
enum {
	NBINS = 128,
	BIN_HEADS = 127, /* bins 1 to 127; bin 127 is never used, but initialised */
	NFASTBINS = 10,
	BINS_TO_TOP = -16,
	BINS_TO_LAST_REMAINDER = -8,
	BINS_TO_BINMAP = 2032,
	BINS_TO_NEXT = 2048,
	BINS_TO_NEXT_FREE = 2056,
	BINS_TO_ATTACHED = 2064, /* 2.23 and later */
	STATE_MUTEX = 0,
	STATE_FLAGS = 4,
	NONCONTIGUOUS = 2, /* NONCONTIGUOUS_BIT of flags; 1 was FASTCHUNKS_BIT up to 2.26 */
};

/* One layout of malloc_state. */
struct state_layout {
	uint16_t bins;       /* offset of bins[] from the start of the struct */
	uint16_t fastbins;   /* offset of fastbinsY[10]; 0: there are none */
	uint16_t system_mem; /* distance from bins[] */
	uint16_t size;       /* sizeof (struct malloc_state) */
	const char *versions;
};
#define STATE_LAYOUTS 4
extern const struct state_layout state_layouts[STATE_LAYOUTS];

/* malloc/arena.c heap_info: { ar_ptr, prev, size, mprotect_size } and from 2.35 on
 * pagesize. The first heap of an arena has its malloc_state right behind. */
enum {
	HEAP_AR_PTR = 0,
	HEAP_PREV = 8,
	HEAP_SIZE = 16,
	HEAP_INFO_OLD = 0x20, /* 2.17 to 2.34 */
	HEAP_INFO_NEW = 0x30, /* 2.35 and later */
};
#define HEAP_MAX_DEFAULT (UINT64_C(64) << 20) /* 2 * DEFAULT_MMAP_THRESHOLD_MAX */

/* malloc_par (mp_). trim_threshold, top_pad, mmap_threshold, arena_test and arena_max
 * are at 0, 8, 16, 24 and 32 in every version. */
struct par_layout {
	uint16_t n_mmaps;     /* int; n_mmaps_max, max_n_mmaps, no_dyn_threshold follow */
	uint16_t mmapped_mem; /* size_t; max_mmapped_mem follows */
	uint16_t sbrk_base;
	uint16_t thp_pagesize; /* 0: not there; hp_pagesize follows */
	uint16_t tcache_bins;  /* 0: not there; tcache_max_bytes, tcache_count follow */
	uint16_t size;
	const char *versions;
};
#define PAR_LAYOUTS 5
extern const struct par_layout par_layouts[PAR_LAYOUTS];

/* tcache_perthread_struct. */
enum tcache_kind {
	TCACHE_CHAR64,  /* 2.26-2.29: char counts[64]; entries[64] */
	TCACHE_U16,     /* 2.30-2.41: uint16_t counts[64]; entries[64] */
	TCACHE_SLOTS76, /* 2.42 on: uint16_t num_slots[76], slots left; entries[76] */
	TCACHE_KINDS,
	TCACHE_NONE = TCACHE_KINDS,
};
struct tcache_layout {
	uint16_t bins;
	uint16_t count_size; /* bytes per counter */
	uint16_t entries;    /* offset */
	uint16_t size;
	bool counts_down; /* counter is tcache_count - length */
	const char *versions;
};
#define TCACHE_SMALL_BINS 64
#define TCACHE_BINS_MAX   76
extern const struct tcache_layout tcache_layouts[TCACHE_KINDS];

/* Is chunk_size right for the chunk of such a struct? All that are lie between
 * TCACHE_CHUNK_MIN and TCACHE_CHUNK_MAX. */
#define TCACHE_CHUNK_MIN 0x250
#define TCACHE_CHUNK_MAX 0x320
bool tcache_chunk_size_fits(enum tcache_kind kind, uint64_t chunk_size);

/* Lowest and highest chunk size kept in tcache bin idx. */
void tcache_bin_sizes(uint32_t idx, uint64_t *low_ret, uint64_t *high_ret);

/* bin_index() of malloc.c, 64-bit: the bin a free chunk of this size is kept in. */
uint32_t bin_index(uint64_t chunk_size);
/* Smallest chunk size of a bin; the next bin's is the exclusive end. Bin 1 is unsorted. */
uint64_t bin_smallest(uint32_t bin);
#endif
