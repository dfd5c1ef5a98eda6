/* SPDX-License-Identifier: Apache-2.0 */
/* synth.h -- writes the memory of a process that glibc's malloc has worked in, for a
 * glibc that cannot be run here, and tells the truth about it.
 *
 * A process is made of modules, threads and one or more copies of libc (synth_libc).
 * Each copy has a main arena (brk heap or mmapped regions), thread arenas of one to
 * three heaps, and chunks in every state malloc knows. All choices come from the seed;
 * the same options give the same bytes. Structures are those of synth_layout.h. */
#ifndef SYNTH_H
#define SYNTH_H
#include "heapwalk/plugin.h"
#include "synth_layout.h"
#include <glib.h>

enum { STATE_2_17, STATE_2_23, STATE_2_27, STATE_2_43 };
enum { PAR_2_17, PAR_2_24, PAR_2_26, PAR_2_35, PAR_2_43 };
enum { TCACHE_NO, TCACHE_2_26, TCACHE_2_30, TCACHE_2_42 };
enum { KEY_NO, KEY_POINTER, KEY_RANDOM };

/* One layout class: versions whose heaps look the same. */
struct synth_class {
	const char *name; /* Upstream versions. */
	int state;
	int par;
	int tcache;
	int key;           /* Second word of a cached block. */
	bool safe_linking; /* 2.32 on, and where it was backported. */
	bool wide_heap_info;
	bool new_mmapped; /* 2.43: size leaves out the head's 16 bytes. */
	uint32_t fill;    /* TCACHE_FILL_COUNT. */
};
extern const struct synth_class synth_classes[];
extern const unsigned synth_class_count;
const struct synth_class *synth_class_find(const char *name); /* NULL when there is none. */

enum synth_kind {
	SYNTH_LIVE,
	SYNTH_TCACHE,
	SYNTH_FAST,
	SYNTH_BINNED,
	SYNTH_TOP,
	SYNTH_FENCE,
	SYNTH_HOLE, /* Foreign sbrk inside a contiguous main heap. */
};

#define SYNTH_MMAPPED UINT32_MAX /* Arena of blocks that have none. */

struct synth_chunk {
	hw_addr addr; /* Of prev_size; the user's is 16 more. */
	uint64_t size;
	enum synth_kind kind;
	uint32_t arena;
	uint32_t region;
	uint32_t thread; /* SYNTH_TCACHE: who keeps it. */
	bool internal;   /* A tcache_perthread_struct. */
	bool unsorted;   /* SYNTH_BINNED: still in bin 1. */
};

struct synth_region {
	hw_addr base;  /* Start of the mapping: heap_info, or as start. */
	hw_addr start; /* First chunk. */
	hw_addr end;   /* Behind the last. */
	hw_addr limit; /* Of the reserve; main heaps: as end. */
	uint32_t arena;
	bool has_top;
};

struct synth_mmapped {
	hw_addr base;
	uint64_t length;
	uint64_t lead; /* Bytes from base to the chunk. */
};

struct synth_arena {
	hw_addr addr; /* Of its malloc_state. */
	uint64_t system_mem;
	hw_addr top;
	uint64_t top_size;
	GArray *fastbins[NFASTBINS]; /* Chunk indexes, in list order. */
	GArray *bins[NBINS];         /* Chunk indexes, in fd order; [1] unsorted. */
};

struct synth_options {
	const struct synth_class *class;
	uint32_t arenas;       /* Besides the main one. */
	uint32_t heaps;        /* Most heaps per arena, at least 1. */
	uint32_t mmapped;      /* Chunks with a mapping of their own. */
	uint64_t max_chunk;    /* No larger ones; 0: up to 128 KiB. */
	uint64_t heap_bytes;   /* About how much of each heap is used; at least 32 KiB. */
	uint32_t regions;      /* Pieces of the main heap: see the two below. */
	bool foreign_hole;     /* regions are parted by foreign sbrk()s. */
	bool noncontiguous;    /* regions are mmapped (dlmopen, or sbrk() failed). */
	bool brk_above;        /* Foreign sbrk() behind top: malloc_trim cannot shrink it. */
	bool huge_heaps;       /* glibc.malloc.hugetlb: heaps of 8 MiB (2.35 to 2.41). */
	bool no_reserve;       /* PROT_NONE tails are not in the target (gdb). */
	bool large_tcache;     /* glibc.malloc.tcache_max raised (2.42 on). */
	bool is_static;        /* malloc is in the executable. */
	bool no_tcache;        /* glibc.malloc.tcache_count=0. */
	bool unused;           /* ptmalloc_init() ran, malloc never did. */
	bool trimmed;          /* malloc_trim() ran: free pages read as zeros. */
	uint32_t tcache_count; /* glibc.malloc.tcache_count; 0: the version's own. */
	uint64_t max_fast;     /* Largest chunk for fastbins (M_MXFAST); 0: 128. */
};

struct synth_libc {
	struct synth_options options;
	uint32_t module;
	hw_addr main_arena;
	hw_addr mp;
	uint64_t tcache_offset; /* The tcache pointer is at tls - this. */
	uint64_t tcache_key;
	uint64_t heap_max;
	uint64_t tcache_max_bytes;
	uint32_t fill;        /* mp_.tcache_count */
	hw_addr dummy_tcache; /* 2.43: what unused threads point at. */
	GArray *arenas;       /* struct synth_arena; 0 is main */
	GArray *regions;      /* struct synth_region, in the order made */
	GArray *chunks;       /* struct synth_chunk, region by region, ascending in each */
	GArray *mmapped;      /* struct synth_mmapped */
	GArray *tcaches;      /* struct synth_tcache, one per thread */
};

struct synth_tcache {
	hw_addr addr; /* Of the struct; 0: the thread has none. */
	uint32_t arena;
	hw_addr decoy; /* A block of the struct's size that TLS points at as well; or 0. */
	GArray *lists[TCACHE_ALL_BINS]; /* Chunk indexes, in list order. */
};

struct synth_thread {
	int32_t tid;
	hw_addr tls;
	hw_addr sp;
};

struct synth_module {
	const char *name;
	hw_addr start;
	hw_addr end;
	bool is_exe;
	bool exports_malloc;
};

struct synth_segment {
	hw_addr start;
	hw_addr end;
	uint64_t held;
	uint8_t *bytes; /* held of them */
	uint32_t perm;
	uint32_t owner;
	uint32_t module;
};

struct synth {
	uint64_t rng;
	GArray *segments; /* struct synth_segment */
	GArray *modules;  /* struct synth_module */
	GArray *threads;  /* struct synth_thread */
	GPtrArray *libcs; /* struct synth_libc * */
	/* Where the next mapping of each kind goes. */
	hw_addr next_module;
	hw_addr next_mmap;
	hw_addr next_heap;
	hw_addr brk;
};

/* A process with an executable and `threads` threads besides the main one. */
struct synth *synth_new(uint64_t seed, uint32_t threads);
void synth_free(struct synth *synth); /* Accepts NULL. */
/* Adds a copy of libc and all that its malloc did. */
struct synth_libc *synth_add_libc(struct synth *synth, const struct synth_options *options);

/* One block of the truth. */
struct synth_block {
	hw_addr addr;  /* As malloc returned it. */
	uint64_t size; /* malloc_usable_size(); top: all behind its head. */
	enum synth_kind kind;
	uint32_t arena;
	bool internal;
};

struct synth_truth {
	GArray *blocks; /* struct synth_block, by address; top included */
	uint64_t count[SYNTH_HOLE + 1];
	uint64_t bytes[SYNTH_HOLE + 1]; /* Whole chunks, but for mmapped ones. */
	uint64_t internal_count, internal_bytes;
	uint64_t mmapped_count;
	uint64_t mmapped_bytes; /* Lengths of the mappings. */
	uint64_t mmapped_usable;
	uint64_t mapped;
	uint64_t headers;    /* heap_info and malloc_state in heaps. */
	uint64_t padding;    /* Between malloc_state and the first chunk. */
	uint64_t untouched;  /* Reserves beyond heap_info.size. */
	uint64_t fordblks;   /* As mallinfo2() would say. */
	uint64_t releasable; /* What malloc_trim(0) would return. */
};

void synth_truth_init(struct synth_truth *truth, const struct synth_libc *libc);
void synth_truth_clear(struct synth_truth *truth);

/* Bytes that mtrim() and systrim(0) of that version would return, by doing to a copy
 * of the chunk list what they do. */
uint64_t synth_trim(const struct synth_libc *libc);

/* Memory of the process. */
uint8_t *synth_at(const struct synth *synth, hw_addr addr, uint64_t size); /* NULL: not held. */
uint64_t synth_word(const struct synth *synth, hw_addr addr);
void synth_poke(struct synth *synth, hw_addr addr, uint64_t value);
struct synth_segment *synth_map(struct synth *synth, hw_addr start, uint64_t size, uint64_t held,
				uint32_t perm, uint32_t owner, uint32_t module);
void synth_noise(struct synth *synth, hw_addr start, uint64_t size, hw_addr near_start,
		 uint64_t near_size);

/* Offsets in a class's structs. */
struct synth_offsets {
	uint32_t state_size, fastbins, top, bins, binmap, next, system_mem, max_system_mem;
	uint32_t heap_info_size;
	uint32_t par_size, n_mmaps, mmapped_mem, sbrk_base;
	uint32_t thp_pagesize; /* 0: there is none. */
	uint32_t tcache_size, tcache_entries, tcache_bins;
	uint32_t tcache_count_size;
};
struct synth_offsets synth_offsets(const struct synth_class *class);

/* Shared by the writer's files. */
uint64_t synth_random(struct synth *synth);
uint64_t synth_below(struct synth *synth, uint64_t limit); /* 0 to limit - 1 */
static inline bool synth_chance(struct synth *synth, unsigned percent)
{
	return synth_below(synth, 100) < percent;
}
uint32_t synth_bin_index(uint64_t size);    /* bin_index() of malloc.c, 64 bit */
uint32_t synth_tcache_index(uint64_t size); /* csize2tidx(), large_csize2tidx() */
uint64_t synth_tcache_chunk(const struct synth_class *class, bool main_thread);
void synth_fill_region(struct synth *synth, struct synth_libc *libc, uint32_t region);
void synth_sort_lists(struct synth *synth, struct synth_libc *libc);
void synth_write_chunks(struct synth *synth, struct synth_libc *libc);
void synth_write_lists(struct synth *synth, struct synth_libc *libc);
void synth_write_states(struct synth *synth, struct synth_libc *libc);
#endif
