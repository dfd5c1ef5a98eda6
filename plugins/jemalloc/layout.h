/* SPDX-License-Identifier: Apache-2.0 */
/* layout.h -- every offset of jemalloc that this plugin uses, with the upstream file and
 * version it came from. x86-64, 4 KiB pages, lg-quantum 4: the build everybody ships.
 *
 * Three tables, chosen one after the other by what the target shows:
 *
 *   rtree_shapes    the radix tree, by round trips page -> edata -> page
 *   extent_layouts  the bits of an extent, by slabs whose counts agree with their bitmaps
 *   versions        arena_t, base_t, tcache_t: by arenas[] whose entries lead to their base
 */
#ifndef LAYOUT_H
#define LAYOUT_H
#include <stdbool.h>
#include <stdint.h>

#define PAGE                    UINT64_C(4096)
#define LG_PAGE                 12
#define HUGEPAGE                (UINT64_C(2) << 20)
#define HUGEPAGE_PAGES          512
#define CACHELINE               64
#define DECAY_NTICKS_PER_UPDATE 1000 /* arena_types.h, 5.0 to 5.2 */

/* include/jemalloc/internal/sc.h (5.2 on), size_classes.h (5.0, 5.1). */
#define SC_NBINS            36
#define SC_NSIZES           232
#define SC_SMALL_MAXCLASS   UINT64_C(14336)
#define SC_LARGE_MINCLASS   UINT64_C(16384)
#define SLAB_MAXREGS        512
#define MALLOCX_ARENA_LIMIT 4095
#define MALLOCX_ARENA_MASK  4095

/* Bytes of size class i, i < SC_NSIZES. */
uint64_t index2size(uint32_t index);

/* The radix tree: rtree.h. LG_VADDR is fixed when jemalloc is configured, by the CPU of the
 * machine that builds it. Up to 48 bits there are two levels and a leaf element is one word:
 * the extent's address with szind in bits 48 to 55 and flags in the low bits. With 57 bits
 * there are three levels and a leaf element is two words. */
struct rtree_shape {
	const char *name;
	uint32_t levels;
	uint32_t root_bits, mid_bits, leaf_bits; /* Sum: 36 or 45. mid_bits 0: none. */
	uint32_t leaf_stride;                    /* Bytes of a leaf element. */
};
extern const struct rtree_shape rtree_shapes[];
extern const uint32_t rtree_shape_count;

/* extent_t, edata_t: extent_structs.h (5.0 to 5.2), edata.h (5.3). 128 bytes each; these
 * are the same in all versions: */
#define EDATA_SIZE     128
#define EDATA_ADDR     8
#define EDATA_SIZE_ESN 16
#define EDATA_BITMAP   64 /* e_slab_data: bit set = region free; the first nregs count. */
#define EDATA_PS       24 /* e_ps, 5.3. */
#define EDATA_PTR_MASK (UINT64_C(0xffffffffffff) & ~UINT64_C(63))

enum extent_state {
	EXTENT_ACTIVE = 0,
	EXTENT_DIRTY = 1,
	EXTENT_MUZZY = 2,
	EXTENT_RETAINED = 3,
	EXTENT_TRANSITION = 4, /* 5.3: a thread was working on it. Later: pinned. */
	EXTENT_MERGING = 5,
};

#define NO_BIT 255

/* Shifts in e_bits; arena_ind is always bits 0 to 11. */
struct extent_layout {
	const char *versions;
	uint8_t slab, committed, pai, guarded;
	uint8_t state, state_width;
	uint8_t szind; /* 8 bits. */
	uint8_t nfree; /* 10 bits. */
	uint8_t binshard;
	uint8_t is_head;
	bool leaf_has_state; /* The rtree's leaf mirrors state and is_head: rtree.h of 5.3. */
};
extern const struct extent_layout extent_layouts[];
extern const uint32_t extent_layout_count;

/* base_block_t: base.h, the same everywhere. The extent describes the unused tail. */
#define BASE_BLOCK_SIZE   0
#define BASE_BLOCK_NEXT   8
#define BASE_BLOCK_EXTENT 16
#define BASE_BLOCK_HEADER 144
#define BASE_AT           192 /* base_t in the first block: behind the header, cache line aligned. */
#define BASE_IND          0   /* base_t.ind, or ehooks.ind */

enum tcache_kind {
	TCACHE_COUNTED, /* 5.0 to 5.2: {low_water, ncached, stats, avail}, two arrays. */
	TCACHE_STACK,   /* 5.3: {stack_head, stats, low bits of three addresses}, one array. */
};
#define CACHE_BIN_SIZE   24
#define TCACHE_BINS_MAX  232
#define TCACHE_COUNT_MAX 8192 /* CACHE_BIN_NCACHED_MAX and a bit. */

/* Where a version keeps what is no extent. */
struct version_layout {
	const char *version;
	uint32_t extent; /* Index in extent_layouts. */
	/* base_t: base_structs.h, base.h */
	uint32_t base_size, base_blocks, base_allocated, base_resident, base_mapped;
	uint32_t base_mutex;
	/* arena_t: arena_structs_b.h (5.0 to 5.2), arena_structs.h (5.3) */
	uint32_t arena_size, arena_base, arena_tcache_ql, arena_nactive, arena_internal;
	uint32_t arena_nthreads;
	uint32_t arena_npages[3]
			     [2];  /* Counters: dirty, muzzy, retained; 5.3: guarded ones apart. */
	uint32_t arena_pageslabs;  /* hpa_shard.psset's merged npageslabs; 0: no HPA. */
	uint32_t arena_mutexes[7]; /* Ends with 0. */
	uint32_t arena_bins;       /* First bin, or of pointers to bins; 0: see bin_kind. */
	uint32_t bin_size, bin_slabcur;
	bool bin_is_pointer;   /* arena_bins holds SC_NBINS pointers. */
	uint32_t mutex_lock;   /* pthread_mutex_t in malloc_mutex_t: mutex.h */
	uint32_t pa_central;   /* 5.3: arena -> pa_central_t; 0: no HPA. */
	uint32_t central_eden; /* In pa_central_t: eden, then eden_len. */
	/* tcache_t: tcache_structs.h, cache_bin.h */
	enum tcache_kind tcache_kind;
	uint32_t tcache_link;  /* In what the arena's list holds: tcache_t, or tcache_slow_t. */
	uint32_t tcache_arena; /* In the same. */
	uint32_t tcache_small, tcache_large; /* Arrays in tcache_t. */
	uint32_t tcache_bins;                /* Elements, both arrays. */
	uint32_t slow_tcache, slow_dyn;      /* 5.3: in tcache_slow_t. */
	uint32_t tsd_tcache, tsd_tdata; /* In tsd_t: tcache; arenas_tdata, behind arena: tsd.h */
	/* Profiling: prof_structs.h. */
	uint32_t edata_tctx;                 /* In the extent of a sampled allocation. */
	uint32_t tctx_cnts, tctx_gctx;       /* In prof_tctx_t. */
	uint32_t cnt_curbytes, cnt_unbiased; /* In prof_cnt_t; 0: has none. curobjs is first. */
	uint32_t gctx_bt;                    /* In prof_gctx_t: vec, len. */
	uint32_t tdata_tab;                  /* In prof_tdata_t: bt2tctx.tab */
	bool counts_hpa_dirty; /* Its stats count page slabs as dirty, too: pa_extra.c */
};
extern const struct version_layout version_layouts[];
extern const uint32_t version_layout_count;

/* hpdata_t: hpdata.h of 5.3.0; 5.3.1 appends. */
#define HPDATA_ADDRESS  0
#define HPDATA_HUGE     16
#define HPDATA_LONGEST  96
#define HPDATA_NACTIVE  104
#define HPDATA_ACTIVE   112
#define HPDATA_NTOUCHED 176
#define HPDATA_TOUCHED  184
#define HPDATA_SIZE     248

/* tsd_t: tsd.h of 5.0 to 5.2. */
#define TSD_NARENAS_TDATA 4

/* ckh_t: ckh.h. A hash table of the profiler: two functions, then where its cells are. */
#define CKH_TAB           40
#define CKH_LG_CURBUCKETS 20
#define CKH_HASH          24
#define CKH_KEYCOMP       32
#define CKH_BUCKET        64 /* Bytes: four cells of two words. */
#endif
