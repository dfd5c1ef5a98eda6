/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.h -- figures of the heap that several reports share. */
#ifndef GO_LEDGER_H
#define GO_LEDGER_H
#include "go.h"

/* Pages of one arena that no span has. */
struct go_pages {
	uint64_t sys;      /* Handed out by the arena so far, whoever has them now. */
	uint64_t idle;     /* Free, backed by memory. */
	uint64_t released; /* Free, given back to the system (or MADV_FREE'd). */
};

/* Bytes of the *Sys counters that lie outside the arenas. */
struct go_offheap {
	bool is_known;
	uint64_t stacks; /* The system's: g0 of threads the runtime made itself. */
	uint64_t mspan, mcache, buckhash, gc, other;
};

/* What the heap's own structures say, to be compared with the counters. */
struct go_totals {
	uint64_t live_bytes, live_slots;     /* By allocBits. */
	uint64_t alloc_bytes, alloc_slots;   /* By allocCount. */
	uint64_t cached_bytes, cached_slots; /* Free slots of spans in a mcache. */
	uint64_t free_bytes, free_slots;     /* Of other spans. */
	uint64_t inuse, stacks, workbufs;    /* Bytes of spans by state. */
	uint64_t bad;                        /* Bytes of spans that contradict themselves. */
	uint64_t idle, released, sys;        /* Bytes without a span; of all arenas. */
	uint64_t unswept_bytes, unswept_slots;
	uint64_t in_flux;  /* Spans whose counts are off by the one object being made. */
	uint64_t sweeping; /* Spans a thread was sweeping. */
	uint64_t unswept_spans;
};

/* pages.c */
void go_arena_pages(const struct go_runtime *rt, const struct go_arena *arena,
		    struct go_pages *ret);
void go_offheap(const struct go_runtime *rt, uint64_t workbufs, struct go_offheap *ret);
/* Does the runtime give pages back with MADV_FREE? *known_ret: the target said so; else it is
 * the version's default. */
bool go_uses_madv_free(const struct go_runtime *rt, bool *known_ret);
/* ledger.c: what a slot count says of one span; adds to totals and, when say, notes damage. */
struct go_count {
	uint64_t words[GO_SLOTS_MAX / 64]; /* Allocated slots. */
	uint32_t slots;                    /* How many. */
	bool is_listed;                    /* words is right; else only slots. */
};
void go_span_count(const struct go_runtime *rt, const struct go_span *span, bool say,
		   struct go_totals *totals, struct go_count *ret);
/* unswept.c: slots that the sweep under way will free; 0 when the span has been swept. */
uint32_t go_span_unswept(const struct go_runtime *rt, const struct go_span *span,
			 const struct go_count *count);
/* Takes those out of words, a set of slots of the span. */
void go_span_drop_unswept(const struct go_runtime *rt, const struct go_span *span, uint64_t *words);
bool go_ledger(void *handle, uint32_t heap, struct hw_ledger *ret);
/* All arenas; ledger rows are not reported. */
void go_totals(const struct go_runtime *rt, struct go_totals *ret);
bool go_blocks(void *handle, uint32_t heap);
bool go_verify(void *handle, uint32_t heap);
struct go_runtime *go_runtime_of(struct go *go, uint32_t heap);
#endif
