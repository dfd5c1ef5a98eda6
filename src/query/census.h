/* SPDX-License-Identifier: Apache-2.0 */
/* census.h -- the threads, those with the same stack put together, and what each group
 * holds. */
#ifndef HW_QUERY_CENSUS_H
#define HW_QUERY_CENSUS_H
#include "query/graph.h"

struct hw_census_group {
	const struct hw_thread_stack *first; /* Its frames stand for all. */
	GArray *tids;                        /* int32_t, as in the target. */
	uint64_t retained;    /* Bytes that only roots of these threads reach: registers, */
	uint64_t blocks;      /* stacks, thread-locals. */
	uint64_t stack_bytes; /* Live stacks, all threads. */
	bool is_cut;          /* A stack could not be unwound to its end. */
};

struct hw_census {
	GArray *groups; /* struct hw_census_group, by retained descending, then count, then
			 * the first thread's place in the target. */
	uint32_t total;
};

struct hw_census *hw_census_query(struct hw_session *session, GError **error);
void hw_census_free(struct hw_census *census); /* Accepts NULL. */
#endif
