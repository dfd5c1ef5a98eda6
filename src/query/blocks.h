/* SPDX-License-Identifier: Apache-2.0 */
/* blocks.h -- every block of every heap, streamed. */
#ifndef HW_QUERY_BLOCKS_H
#define HW_QUERY_BLOCKS_H
#include "query/session.h"

struct hw_block_filter {
	unsigned states; /* Bit 1 << enum hw_state; 0: all. */
	uint64_t min;    /* Smallest size wanted, in bytes. */
};

/* False: enough. */
typedef bool (*hw_block_fn)(void *arg, const struct hw_heap *heap, const struct hw_block *block);

/* Heaps in the order of the ledger, the blocks of each by address. */
bool hw_blocks_query(struct hw_session *session, const struct hw_block_filter *filter,
		     hw_block_fn fn, void *arg, GError **error);
#endif
