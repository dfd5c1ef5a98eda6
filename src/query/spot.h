/* SPDX-License-Identifier: Apache-2.0 */
/* spot.h -- the block that an address given by a person is in, and whether it can be
 * asked who holds it. */
#ifndef HW_QUERY_SPOT_H
#define HW_QUERY_SPOT_H
#include "query/graph.h"

enum hw_spot_state {
	HW_SPOT_REACHED = 0, /* A live block that a root reaches. */
	HW_SPOT_UNREACHED,   /* A live block that no root that was read reaches. */
	HW_SPOT_CACHED,      /* Freed, in a thread's cache. */
	HW_SPOT_FREE,        /* Freed. */
	HW_SPOT_NONE,        /* Mapped, but in no block. */
	HW_SPOT_UNMAPPED,
	HW_SPOT_INTERNAL, /* A live block of the allocator's own, which no root is asked for. */
	HW_SPOT_STATES
};
extern const char *const hw_spot_state_names[HW_SPOT_STATES]; /* As in the JSON. */

struct hw_spot {
	hw_addr addr; /* As asked. */
	enum hw_spot_state state;
	uint32_t id; /* Live blocks; else HW_NO_BLOCK. */
	hw_addr start;
	uint64_t size; /* Of the block; 0: none. */
};

/* Needs HW_DEPTH_MARK or more. */
bool hw_spot_find(struct hw_session *session, hw_addr addr, struct hw_spot *ret, GError **error);
#endif
