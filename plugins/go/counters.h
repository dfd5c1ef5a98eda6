/* SPDX-License-Identifier: Apache-2.0 */
/* counters.h -- the runtime's own counters, as runtime.ReadMemStats would put them together. */
#ifndef GO_COUNTERS_H
#define GO_COUNTERS_H
#include "ledger.h"

enum { GO_CLASSES_MAX = 68 };

struct go_counters {
	bool has_heap; /* heap_sys to heap_released. */
	uint64_t heap_sys, heap_idle, heap_inuse, heap_released;
	bool has_stacks; /* Also workbufs, since 1.16. */
	uint64_t stack_inuse, workbufs;
	bool has_inuse;
	uint64_t mspan_inuse, mcache_inuse;
	bool has_alloc; /* 1.19 and later. */
	uint64_t heap_alloc;
	bool has_objects; /* 1.19 and later; class_live with it. */
	uint64_t heap_objects, mallocs, frees;
	/* Of these what spans of processors' caches hold and no total has yet: ReadMemStats adds
	 * it, runtime/metrics does not. */
	uint64_t unflushed_bytes, unflushed_objects;
	bool has_total; /* Every class ever used still has a span that tells its size. */
	uint64_t total_alloc;
	uint64_t class_live[GO_CLASSES_MAX]; /* Slots by size class; [0] large ones. */
	bool has_next_gc;
	uint64_t next_gc;
	bool has_gc;
	uint64_t last_gc; /* ns since 1970; 0: never. */
	uint64_t num_gc;
};

/* pacer.c: heap size at which GOGC wants the next collection; close to UINT64_MAX when it is
 * off. A memory limit is not in it. */
bool go_heap_goal(const struct go_runtime *rt, uint64_t *ret);
void go_counters(const struct go_runtime *rt, struct go_counters *ret);
#endif
