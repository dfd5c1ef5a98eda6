/* SPDX-License-Identifier: Apache-2.0 */
/* sites.h -- the cache of pcs; for unwind.c only. */
#ifndef GO_SITES_H
#define GO_SITES_H
#include "unwind.h"

struct go_site {
	hw_addr pc;
	struct go_func func; /* When has_func. */
	int32_t delta;       /* From sp to the return address, when has_delta. */
	bool is_used, has_func, has_delta, is_runtime;
	bool is_exit; /* Where a goroutine ends: its sched stays there. */
};

struct go_tid {
	int32_t tid;
	uint32_t index; /* For host->thread(). */
};

struct go_sites {
	const struct go_runtime *rt;
	struct go_site *table; /* Open addressing, at most half full. */
	uint64_t room, count;
	struct go_tid *tids; /* Sorted. */
	uint64_t tid_count;
	struct go_site last; /* For a pc there was no room for. */
};

/* Valid until the next call. */
const struct go_site *go_sites_at(struct go_sites *sites, hw_addr pc);
/* The thread with this tid, with its registers. */
bool go_sites_thread(const struct go_sites *sites, int32_t tid, struct hw_thread_info *ret);
#endif
