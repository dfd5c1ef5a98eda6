/* SPDX-License-Identifier: Apache-2.0 */
/* leaks.h -- live blocks that no root reaches, in heaps without a collector. */
#ifndef HW_QUERY_LEAKS_H
#define HW_QUERY_LEAKS_H
#include "query/firsts.h"
#include "query/graph.h"

#define HW_LEAK_HEADS 1000 /* Listed one by one. */

/* Freeing a head lets go of all that only it keeps. */
struct hw_leak_head {
	uint32_t block;
	uint64_t size;
	uint64_t freed; /* Its own size and what only it keeps. */
};

/* Heads of one size with the same first word. */
struct hw_leak_group {
	uint64_t size;
	const struct hw_first *first; /* NULL: no address in a module. */
	const char *type;             /* Or NULL. */
	uint64_t heads;
	uint64_t freed;   /* Sum over the heads. */
	uint32_t example; /* The head that frees most, then the lowest. */
	uint64_t example_freed;
};

struct hw_leak_groups {
	uint64_t blocks, bytes, heads;
	uint64_t shared_bytes;            /* Kept by more than one head: freed by none alone. */
	uint64_t live_blocks, live_bytes; /* All live blocks, for scale. */
	bool has_collector;               /* Of some heap; what no root reaches in it is pending. */
	uint64_t pending_blocks, pending_bytes;
	/* What is reached only through pools: it waits to be used again. Of it, what the next
	 * collection lets go of. */
	uint64_t pool_blocks, pool_bytes;
	uint64_t victim_blocks, victim_bytes;
	GArray *groups; /* struct hw_leak_group, by freed descending, then example. */
	GArray *list;   /* The first HW_LEAK_HEADS of struct hw_leak_head, by freed
			 * descending, then block. */
};

/* One of them. */
struct hw_leak_block {
	uint32_t block;
	uint32_t head; /* The only head that keeps it; HW_NO_BLOCK: several do. */
};

struct hw_leak_groups *hw_leak_groups_query(struct hw_session *session, GError **error);
void hw_leak_groups_free(struct hw_leak_groups *groups); /* Accepts NULL. */

/* Every leaked block, by address. False of fn: enough. */
typedef bool (*hw_leak_fn)(void *arg, const struct hw_leak_block *leak);
bool hw_leak_list_query(struct hw_session *session, hw_leak_fn fn, void *arg, GError **error);
/* Every block that is pending in a collected heap, by address. None has a head. */
bool hw_pending_list_query(struct hw_session *session, hw_leak_fn fn, void *arg, GError **error);
#endif
