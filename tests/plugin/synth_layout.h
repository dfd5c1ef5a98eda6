/* SPDX-License-Identifier: Apache-2.0 */
/* synth_layout.h -- what the structures of glibc's malloc look like on x86-64, one
 * struct per layout that ever shipped, for the writer of synthetic heaps. It shares
 * nothing with the plugin under test on purpose: two readings of the upstream
 * source that disagree are a finding.
 *
 * Source: glibc malloc/malloc.c (malloc_state, malloc_par, tcache_perthread_struct,
 * malloc_chunk) and malloc/arena.c (heap_info), at the tags named below; "2.43" is
 * the development head after 2.42. Names are upstream's, offsets are asserted. */
#ifndef SYNTH_LAYOUT_H
#define SYNTH_LAYOUT_H
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define NBINS             128 /* malloc.c, all versions */
#define NFASTBINS         10  /* malloc.c up to 2.42: fastbin_index(request2size(160)) + 1 */
#define BINMAPSIZE        4
#define MINSIZE           32 /* Smallest chunk: head, size, fd, bk. */
#define CHUNK_HDR_SZ      16
#define MALLOC_ALIGNMENT  16
#define PREV_INUSE        1
#define IS_MMAPPED        2
#define NON_MAIN_ARENA    4
#define FASTCHUNKS_BIT    1 /* flags, up to 2.26: set when there are NO fast chunks */
#define NONCONTIGUOUS_BIT 2 /* flags, all versions */

typedef uint64_t target_ptr;
typedef uint64_t target_size;

/* What bins, binmap, next and next_free look like in all versions. */
#define STATE_MIDDLE                                                                               \
	target_ptr top;                                                                            \
	target_ptr last_remainder;                                                                 \
	target_ptr bins[NBINS * 2 - 2];                                                            \
	uint32_t binmap[BINMAPSIZE];                                                               \
	target_ptr next;                                                                           \
	target_ptr next_free

/* malloc.c, glibc 2.17 to 2.22 (2.17: PER_THREAD, which distributions set). */
struct malloc_state_2_17 {
	int32_t mutex;
	int32_t flags;
	target_ptr fastbinsY[NFASTBINS];
	STATE_MIDDLE;
	target_size system_mem;
	target_size max_system_mem;
};
static_assert(offsetof(struct malloc_state_2_17, bins) == 104, "bins");
static_assert(offsetof(struct malloc_state_2_17, next) == 2152, "next");
static_assert(offsetof(struct malloc_state_2_17, system_mem) == 2168, "system_mem");
static_assert(sizeof(struct malloc_state_2_17) == 2184, "malloc_state 2.17");

/* malloc.c, glibc 2.23 to 2.26: attached_threads is new. */
struct malloc_state_2_23 {
	int32_t mutex;
	int32_t flags;
	target_ptr fastbinsY[NFASTBINS];
	STATE_MIDDLE;
	target_size attached_threads;
	target_size system_mem;
	target_size max_system_mem;
};
static_assert(offsetof(struct malloc_state_2_23, bins) == 104, "bins");
static_assert(offsetof(struct malloc_state_2_23, system_mem) == 2176, "system_mem");
static_assert(sizeof(struct malloc_state_2_23) == 2192, "malloc_state 2.23");

/* malloc.c, glibc 2.27 to 2.42: have_fastchunks left flags for a word of its own. */
struct malloc_state_2_27 {
	int32_t mutex;
	int32_t flags;
	int32_t have_fastchunks;
	target_ptr fastbinsY[NFASTBINS];
	STATE_MIDDLE;
	target_size attached_threads;
	target_size system_mem;
	target_size max_system_mem;
};
static_assert(offsetof(struct malloc_state_2_27, fastbinsY) == 16, "fastbinsY");
static_assert(offsetof(struct malloc_state_2_27, bins) == 112, "bins");
static_assert(offsetof(struct malloc_state_2_27, binmap) == 2144, "binmap");
static_assert(offsetof(struct malloc_state_2_27, next) == 2160, "next");
static_assert(offsetof(struct malloc_state_2_27, system_mem) == 2184, "system_mem");
static_assert(sizeof(struct malloc_state_2_27) == 2200, "malloc_state 2.27");

/* malloc.c, glibc 2.43: no fastbins. */
struct malloc_state_2_43 {
	int32_t mutex;
	int32_t flags;
	STATE_MIDDLE;
	target_size attached_threads;
	target_size system_mem;
	target_size max_system_mem;
};
static_assert(offsetof(struct malloc_state_2_43, bins) == 24, "bins");
static_assert(offsetof(struct malloc_state_2_43, next) == 2072, "next");
static_assert(offsetof(struct malloc_state_2_43, system_mem) == 2096, "system_mem");
static_assert(sizeof(struct malloc_state_2_43) == 2112, "malloc_state 2.43");

/* arena.c, glibc 2.17 to 2.34; the pad member has no bytes on x86-64. */
struct heap_info_2_17 {
	target_ptr ar_ptr;
	target_ptr prev;
	target_size size;
	target_size mprotect_size;
};
static_assert(sizeof(struct heap_info_2_17) == 32, "heap_info 2.17");

/* arena.c, glibc 2.35 on: pagesize, and 8 bytes of pad. */
struct heap_info_2_35 {
	target_ptr ar_ptr;
	target_ptr prev;
	target_size size;
	target_size mprotect_size;
	target_size pagesize;
	uint8_t pad[8];
};
static_assert(sizeof(struct heap_info_2_35) == 48, "heap_info 2.35");

#define PAR_TUNABLE                                                                                \
	uint64_t trim_threshold;                                                                   \
	target_size top_pad;                                                                       \
	target_size mmap_threshold;                                                                \
	target_size arena_test;                                                                    \
	target_size arena_max
#define PAR_MMAP                                                                                   \
	int32_t n_mmaps;                                                                           \
	int32_t n_mmaps_max;                                                                       \
	int32_t max_n_mmaps;                                                                       \
	int32_t no_dyn_threshold;                                                                  \
	target_size mmapped_mem;                                                                   \
	target_size max_mmapped_mem
#define PAR_TCACHE                                                                                 \
	target_size tcache_bins; /* tcache_small_bins from 2.42 */                                 \
	target_size tcache_max_bytes;                                                              \
	target_size tcache_count;                                                                  \
	target_size tcache_unsorted_limit

/* malloc.c, glibc 2.17 to 2.23 (arena_test and arena_max: PER_THREAD in 2.17). */
struct malloc_par_2_17 {
	PAR_TUNABLE;
	PAR_MMAP;
	target_size max_total_mem;
	target_ptr sbrk_base;
};
static_assert(offsetof(struct malloc_par_2_17, n_mmaps) == 40, "n_mmaps");
static_assert(offsetof(struct malloc_par_2_17, sbrk_base) == 80, "sbrk_base");

/* malloc.c, glibc 2.24 and 2.25: without max_total_mem. */
struct malloc_par_2_24 {
	PAR_TUNABLE;
	PAR_MMAP;
	target_ptr sbrk_base;
};
static_assert(offsetof(struct malloc_par_2_24, sbrk_base) == 72, "sbrk_base");

/* malloc.c, glibc 2.26 to 2.34: the tcache tunables. */
struct malloc_par_2_26 {
	PAR_TUNABLE;
	PAR_MMAP;
	target_ptr sbrk_base;
	PAR_TCACHE;
};
static_assert(offsetof(struct malloc_par_2_26, tcache_bins) == 80, "tcache_bins");

/* malloc.c, glibc 2.35 to 2.42: transparent and explicit huge pages. */
struct malloc_par_2_35 {
	PAR_TUNABLE;
	target_size thp_pagesize;
	target_size hp_pagesize;
	int32_t hp_flags;
	PAR_MMAP;
	target_ptr sbrk_base;
	PAR_TCACHE;
};
static_assert(offsetof(struct malloc_par_2_35, n_mmaps) == 60, "n_mmaps");
static_assert(offsetof(struct malloc_par_2_35, mmapped_mem) == 80, "mmapped_mem");
static_assert(offsetof(struct malloc_par_2_35, sbrk_base) == 96, "sbrk_base");
static_assert(offsetof(struct malloc_par_2_35, tcache_count) == 120, "tcache_count");

/* malloc.c, glibc 2.43: thp_mode is new. */
struct malloc_par_2_43 {
	PAR_TUNABLE;
	int32_t thp_mode;
	target_size thp_pagesize;
	target_size hp_pagesize;
	int32_t hp_flags;
	PAR_MMAP;
	target_ptr sbrk_base;
	PAR_TCACHE;
};
static_assert(offsetof(struct malloc_par_2_43, n_mmaps) == 68, "n_mmaps");
static_assert(offsetof(struct malloc_par_2_43, mmapped_mem) == 88, "mmapped_mem");
static_assert(offsetof(struct malloc_par_2_43, sbrk_base) == 104, "sbrk_base");
static_assert(offsetof(struct malloc_par_2_43, tcache_count) == 128, "tcache_count");

#define TCACHE_SMALL_BINS 64
#define TCACHE_LARGE_BINS 12 /* 2.42 on */
#define TCACHE_ALL_BINS   (TCACHE_SMALL_BINS + TCACHE_LARGE_BINS)

/* malloc.c, glibc 2.26 to 2.29. */
struct tcache_2_26 {
	int8_t counts[TCACHE_SMALL_BINS];
	target_ptr entries[TCACHE_SMALL_BINS];
};
static_assert(sizeof(struct tcache_2_26) == 0x240, "tcache 2.26");

/* malloc.c, glibc 2.30 to 2.41. */
struct tcache_2_30 {
	uint16_t counts[TCACHE_SMALL_BINS];
	target_ptr entries[TCACHE_SMALL_BINS];
};
static_assert(sizeof(struct tcache_2_30) == 0x280, "tcache 2.30");

/* malloc.c, glibc 2.42 on: free slots, counted down from mp_.tcache_count. */
struct tcache_2_42 {
	uint16_t num_slots[TCACHE_ALL_BINS];
	target_ptr entries[TCACHE_ALL_BINS];
};
static_assert(sizeof(struct tcache_2_42) == 0x2f8, "tcache 2.42");

/* malloc.c, all versions: what a chunk begins with. A block's address is the
 * chunk's + CHUNK_HDR_SZ, so fd is the first word a program would use. */
struct malloc_chunk {
	target_size prev_size; /* Of the chunk before, only while that is in a bin. */
	target_size size;      /* Low bits: PREV_INUSE, IS_MMAPPED, NON_MAIN_ARENA. */
	target_ptr fd;
	target_ptr bk;
	target_ptr fd_nextsize; /* Large bins only. */
	target_ptr bk_nextsize;
};
static_assert(sizeof(struct malloc_chunk) == 48, "malloc_chunk");

#endif
