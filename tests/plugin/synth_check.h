/* SPDX-License-Identifier: Apache-2.0 */
/* synth_check.h -- a second, small reader that keeps the writer honest: it sees only
 * bytes and a table of offsets, and counts what it meets. */
#ifndef SYNTH_CHECK_H
#define SYNTH_CHECK_H
#include "synth.h"

struct synth_count {
	uint64_t chunks, bytes;        /* Whole walk, fenceposts and top included. */
	uint64_t binned, binned_bytes; /* By PREV_INUSE of the chunk behind. */
	uint64_t listed, listed_bytes; /* By bin lists. */
	uint64_t fast;
	uint64_t cached;
	char *error; /* First contradiction, or NULL; g_free(). */
};

/* Walks the heaps of a libc from its main arena's address alone. */
void synth_count(struct synth_count *count, const struct synth *synth,
		 const struct synth_libc *libc);
#endif
