/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h -- how long goroutines have waited. */
#ifndef GO_CLOCK_H
#define GO_CLOCK_H
#include "go.h"

enum { GO_CLOCK_ENDS = 256 }; /* runtime/mstats.go: len(pause_end). */

/* Times of nanotime(), in ns. */
struct go_clock {
	int64_t now;     /* It had passed this when the target stood still; 0: not known. */
	int64_t started; /* When the last mark termination began: work.tstart. */
	int64_t ends[GO_CLOCK_ENDS]; /* Of the last collections, ascending. */
	uint32_t end_count;
};

/* What is damaged is left out. */
void go_clock_read(const struct go_runtime *rt, struct go_clock *ret);

/* For a g's waitsince: it has waited at least *least_ret ns. *about_ret is what the runtime's own
 * traceback rounds to minutes: longer than that by up to one collection and its period.
 * False: not known. */
bool go_clock_wait(const struct go_clock *clock, int64_t since, int64_t *least_ret,
		   int64_t *about_ret);
#endif
