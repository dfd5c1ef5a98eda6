/* SPDX-License-Identifier: Apache-2.0 */
/* maps.h -- the address space by owner. */
#ifndef HW_QUERY_MAPS_H
#define HW_QUERY_MAPS_H
#include "memory/accounts.h"
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

/* accounts: the kernel's list of mappings, where it is known; or NULL. */
void hw_maps_query(const struct hw_session *session, const struct hw_accounts *accounts,
		   struct hw_maps *ret);

/* The mapping at *at as the kernel has it: what was read in pieces, of different sources, is one,
 * with the source of most of it. *at: of session->memory->mappings; the next one afterwards. */
struct hw_mapping hw_maps_next(const struct hw_session *session, const struct hw_accounts *accounts,
			       uint32_t *at);
#endif
