/* SPDX-License-Identifier: Apache-2.0 */
/* go.h -- what the files of this plugin share: the runtimes found in the target and typed
 * readers. Everything here is filled by open() and does not change afterwards, but for
 * block_types.
 *
 * go.c is the table of contents. */
#ifndef GO_GO_H
#define GO_GO_H
#include "heapwalk/plugin.h"
#include "layout.h"

enum {
	GO_PAGE_SHIFT = 13, /* runtime/malloc.go: _PageSize is 8 KiB on every platform. */
	GO_PAGE = 1 << GO_PAGE_SHIFT,
	GO_ARENA_SHIFT = 26, /* runtime/malloc.go: heapArenaBytes, linux/amd64: 64 MiB. */
	GO_ARENA_PAGES = 1 << (GO_ARENA_SHIFT - GO_PAGE_SHIFT),
	GO_ARENA_L2 = 1 << 22, /* arenaL2Bits: entries of the one table of *heapArena. */
	GO_MODULES_MAX = 64,   /* moduledata of one runtime; plugins add theirs. */
	GO_SEGMENTS_MAX = 64,
	GO_SLOTS_MAX = 1024, /* Of a span: 8 KiB of 8-byte slots. */
};
#define GO_ARENA (UINT64_C(1) << GO_ARENA_SHIFT)
/* runtime/malloc.go: arenaBaseOffset; the arena of index i starts at (i << 26) - this. */
#define GO_ARENA_BASE_OFFSET (UINT64_C(1) << 47)

/* A Go slice or string (cap is 0 then) as it lies in memory. */
struct go_slice {
	hw_addr ptr;
	uint64_t len;
	uint64_t cap;
};

/* Part of a module's image: module memory with one permission. */
struct go_segment {
	hw_addr start;
	hw_addr end;
	uint32_t perm;
};

/* The file that a runtime lives in: the executable or a shared library. */
struct go_image {
	uint32_t module; /* Index for host->module(). */
	bool is_exe;
	hw_addr start;
	hw_addr end;
	const char *name; /* Borrowed. */
	struct go_segment segments[GO_SEGMENTS_MAX];
	uint32_t segment_count;
};

/* Where the version was read. Ordered: a later one is less sure. */
enum go_version_source {
	GO_VERSION_BUILDINFO = 0, /* .go.buildinfo, 1.13 and later. */
	GO_VERSION_STRING,        /* The one string variable that says go1.N. */
	GO_VERSION_STRINGS,       /* Several do, one was chosen. */
	GO_VERSION_PCLNTAB,       /* Only the group of versions with this pclntab. */
	GO_VERSION_STRUCTURE,     /* What the heap's structures satisfy. */
};

struct go_version {
	uint32_t minor;   /* 19 for go1.19.13. */
	uint32_t lowest;  /* The versions possible: lowest to highest; both are minor when */
	uint32_t highest; /* the target says its version. */
	enum go_version_source source;
	char text[64]; /* "1.19.13", "1.22.1 X:boringcrypto"; "1.20-1.26" for a group. */
};

/* runtime.moduledata (runtime/symtab.go), the same for all versions. What a version does
 * not have is 0. Up to 1.15 one table held all of pclntable: funcnametab, cutab, filetab,
 * pctab and pclntable are then the same bytes. */
struct go_moduledata {
	hw_addr addr;
	hw_addr pclntab; /* Its magic number; pcHeader since 1.16. */
	struct go_slice pclntable;
	struct go_slice funcnametab;
	struct go_slice cutab; /* Up to 1.15 none. */
	struct go_slice filetab;
	struct go_slice pctab;
	struct go_slice ftab;
	hw_addr findfunctab;
	hw_addr minpc, maxpc;
	hw_addr text, etext;
	hw_addr noptrdata, enoptrdata;
	hw_addr data, edata;
	hw_addr bss, ebss;
	hw_addr noptrbss, enoptrbss;
	hw_addr end;
	hw_addr gcdata, gcbss;
	hw_addr types, etypes;
	hw_addr rodata, gofunc; /* 1.18 and later. */
	struct go_slice textsectmap;
	struct go_slice typelinks;  /* []int32, offsets from types. */
	struct go_slice itablinks;  /* []*itab */
	struct go_slice gcdatamask; /* bitvector: len bits (ptr may be missing). */
	struct go_slice gcbssmask;
	hw_addr typemap;
	hw_addr next;
};

/* Addresses of the runtime's variables; 0 when not found. */
struct go_globals {
	hw_addr mheap; /* runtime.mheap_ */
	hw_addr allgs; /* The slice. */
	hw_addr allp;  /* The slice. */
	hw_addr allm;
	hw_addr sched;
	hw_addr work;
	hw_addr memstats;
	hw_addr gc_controller;
	hw_addr mbuckets;
	hw_addr mprof_cycle;     /* runtime.mProf, since 1.19 runtime.mProfCycle. */
	hw_addr memprofile_rate; /* runtime.MemProfileRate, an int64. */
	hw_addr m0;
	hw_addr modules;       /* runtime.firstmoduledata */
	hw_addr madvdontneed;  /* runtime.debug.madvdontneed, an int32. */
	hw_addr advise_unused; /* runtime.adviseUnused, a uint32: MADV_FREE or MADV_DONTNEED. */
	hw_addr gcphase;       /* uint32: 0 off, 1 mark, 2 mark termination. */
	hw_addr gcpercent;     /* int32, up to 1.16. */
	hw_addr scavenge;      /* memoryLimitGoal, gcPercentGoal: 1.19 and later. */
	hw_addr allfin;        /* The list of blocks of the queue of finalizers. */
	hw_addr cleanups;      /* runtime.gcCleanups, 1.25 and later. */
	hw_addr timers;        /* runtime.timers, up to 1.13. */
};

/* How a global was found. */
enum go_way {
	GO_WAY_STRUCTURE = 1, /* Its contents: the only place that satisfies the invariants. */
	GO_WAY_CODE = 2,      /* The operands of functions that pclntab names. */
	GO_WAY_SYMBOL = 4,    /* The symbol table. */
};

/* runtime/mheap.go: mSpanState. */
enum { GO_SPAN_DEAD = 0, GO_SPAN_IN_USE = 1, GO_SPAN_MANUAL = 2, GO_SPAN_FREE = 3 /* 1.12-13 */ };

/* Bits of go_span.flags. */
enum {
	GO_SPAN_CACHED = 1,     /* In a P's mcache: its free slots are that P's. */
	GO_SPAN_SCAVENGED = 2,  /* 1.12-13, free spans. */
	GO_SPAN_USER_ARENA = 4, /* A chunk of package arena. */
	GO_SPAN_BAD = 8,        /* Contradicts itself; its bytes are `unknown`. */
	GO_SPAN_BUSY = 16,      /* The thread of the P that caches it is inside mallocgc. */
};

/* One runtime.mspan that has pages, checked: start and npages lie in known arenas and no two
 * spans overlap; of an in-use one that is not bad also freeindex, alloc_count <= nelems and
 * nelems * elemsize <= its bytes. */
struct go_span {
	hw_addr start;
	hw_addr addr; /* Of the mspan. */
	hw_addr alloc_bits;
	hw_addr mark_bits;
	uint64_t elemsize; /* 0: a manual span of the collector's work buffers. */
	uint32_t npages;
	uint32_t sweepgen;
	uint16_t nelems;
	uint16_t freeindex;
	uint16_t alloc_count;
	uint8_t spanclass; /* Size class * 2 + noscan. */
	uint8_t state;
	uint8_t flags;
};

/* One heapArena: 64 MiB. */
struct go_arena {
	hw_addr base;
	hw_addr addr; /* Of its heapArena. */
};

/* runtime.mheap_, read once. */
struct go_heap {
	struct go_arena *arenas; /* By base. */
	uint64_t arena_count, arena_room;
	struct go_span *spans; /* By start; dead ones left out. */
	uint64_t span_count, span_room;
	uint32_t sweepgen;
	uint32_t p_count;
	uint32_t allocating; /* Of these, in mallocgc. */
};

/* One Go runtime of the target. */
struct go_runtime {
	const struct hw_host *host;
	struct go_image image;
	struct go_version version;
	struct go_layout layout; /* From the table, or debug info. */
	hw_addr pclntab;         /* 0: not in the target (its file is missing). */
	uint32_t pclntab_magic;
	struct go_moduledata modules[GO_MODULES_MAX]; /* [0] is firstmoduledata. */
	uint32_t module_count;
	struct go_globals globals;
	bool has_debug;       /* Debug info was there to compare the layout with, */
	bool is_debug_layout; /* and differed from the table: its offsets are used. */
	uint32_t ways;        /* enum go_way bits that found mheap_ and agree. */
	bool is_disagreed;    /* Two ways found different places for a global. */
	struct go_heap heap;
	uint32_t id; /* From host->add_heap(); HW_NO_MODULE: mheap_ was not found. */
	uint32_t confidence;
	struct go_block_types *block_types; /* blocktypes.h; NULL until types(). */
};

/* The handle. */
struct go {
	const struct hw_host *host;
	struct go_runtime *runtimes;
	uint64_t count;
	uint64_t room;
	bool no_memory;
};

/* read.c: readers. A miss is false, and *ret stays as it was. */
bool go_read(const struct go_runtime *rt, hw_addr addr, void *buf, uint64_t n);
bool go_word(const struct go_runtime *rt, hw_addr addr, uint64_t *ret);
bool go_u32(const struct go_runtime *rt, hw_addr addr, uint32_t *ret);
bool go_u8(const struct go_runtime *rt, hw_addr addr, uint8_t *ret);
/* A field of a struct at addr, of 1, 2, 4 or 8 bytes (of a longer one the first 8), zero
 * extended. False also when the version has no such field. */
bool go_get(const struct go_runtime *rt, hw_addr addr, enum go_field field, uint64_t *ret);
/* The same in a copy of the struct; 0 when there is no such field or it lies behind size. */
uint64_t go_pick(const struct go_layout *layout, const void *bytes, uint64_t size,
		 enum go_field field);
/* The address of a field; 0 when there is none. */
hw_addr go_at(const struct go_runtime *rt, hw_addr addr, enum go_field field);
bool go_slice_read(const struct go_runtime *rt, hw_addr addr, struct go_slice *ret);
/* Borrowed pointer to n bytes at addr when they lie in one piece; NULL otherwise. */
const void *go_bytes(const struct go_runtime *rt, hw_addr addr, uint64_t n);
/* Up to size - 1 bytes of a string of length len, NUL-terminated; control bytes become '?'.
 * False when they are not all there. */
bool go_text(const struct go_runtime *rt, hw_addr addr, uint64_t len, char *buf, uint64_t size);

/* Has a linked list come back to where it was? Zeros to begin with; ask with each address in
 * turn. True by the time a loop was gone through twice (Brent). */
struct go_loop {
	hw_addr seen;
	uint64_t steps, next;
};
static inline bool go_loops(struct go_loop *loop, hw_addr addr)
{
	if (addr == loop->seen)
		return true;
	if (++loop->steps >= loop->next) {
		loop->seen = addr;
		loop->next = loop->steps * 2;
	}
	return false;
}

/* globals.c: the runtime's variables, by structure and by code. False when out of memory or
 * stopped; rt->globals.mheap is 0 when there is no heap to be found. */
bool go_find_globals(struct go *go, struct go_runtime *rt);

/* spans.c: arenas and spans. False when out of memory or stopped. */
bool go_read_heap(struct go *go, struct go_runtime *rt);
void go_heap_clear(struct go_runtime *rt);
/* The arena that covers addr; NULL when there is none. */
const struct go_arena *go_arena_find(const struct go_heap *heap, hw_addr addr);
/* The span that holds addr, of any state but dead; NULL when there is none. */
const struct go_span *go_span_find(const struct go_runtime *rt, hw_addr addr);
/* Index of the first span that ends above addr; span_count when there is none. */
uint64_t go_span_from(const struct go_runtime *rt, hw_addr addr);
static inline uint64_t go_span_bytes(const struct go_span *span)
{
	return (uint64_t)span->npages << GO_PAGE_SHIFT;
}
/* Copies the bits of an in-use span that is not bad: bit i of words[i / 64] is slot i, set
 * when it is allocated (below freeindex, or its allocBits bit). Returns how many are. False:
 * the target lacks allocBits. words has GO_SLOTS_MAX / 64 words. */
bool go_span_slots(const struct go_runtime *rt, const struct go_span *span, uint64_t *words,
		   uint32_t *count_ret);

/* about.c: "build info", …; for people. */
const char *go_version_source_name(enum go_version_source source);

/* find.c: images with a Go runtime in them: version, pclntab, moduledata. False when out
 * of memory or stopped. */
bool go_find_runtimes(struct go *go);
/* Cheap: does any module look like Go? */
bool go_probe(const struct hw_host *host);
/* The module whose text holds pc, or NULL. */
const struct go_moduledata *go_module_of(const struct go_runtime *rt, hw_addr pc);
bool go_in_image(const struct go_image *image, hw_addr addr);
#endif
