/* SPDX-License-Identifier: Apache-2.0 */
/* maps.h -- the address space by owner. */
#ifndef HW_QUERY_MAPS_H
#define HW_QUERY_MAPS_H
#include "query/session.h"

struct hw_owner_total {
	enum hw_owner owner;
	uint64_t bytes;
	uint64_t held; /* Bytes the target (or a matching binary) has. */
	uint32_t mappings;
};

/* The mappings themselves are session->memory->mappings. */
struct hw_maps {
	uint64_t bytes; /* Of the whole address space: the sum of the totals. */
	uint64_t held;
	uint32_t mappings;
	struct hw_owner_total totals[HW_OWNERS]; /* By bytes descending, then owner. */
};

void hw_maps_query(const struct hw_session *session, struct hw_maps *ret);
#endif
