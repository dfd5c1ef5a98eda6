/* SPDX-License-Identifier: Apache-2.0 */
/* without.h -- reachability asked again for part of the roots or without some blocks: what
 * a set of things holds together, which dominators of single ones cannot tell. */
#ifndef HW_QUERY_WITHOUT_H
#define HW_QUERY_WITHOUT_H
#include "query/graph.h"

/* Bytes and blocks that would become unreachable if all blocks of a set (a bit for each
 * block) were gone, themselves included. Errors: INTERNAL (no room), INTERRUPTED. */
bool hw_without_blocks(const struct hw_session *session, const uint64_t *removed,
		       uint64_t *blocks_ret, uint64_t *bytes_ret, GError **error);

/* The same for groups of roots: group[root] is below count, or HW_NO_BLOCK for roots of no
 * group. For each group: what only its roots reach, into arrays of count items. */
bool hw_without_roots(const struct hw_session *session, const uint32_t *group, uint32_t count,
		      uint64_t *blocks_ret, uint64_t *bytes_ret, GError **error);

/* The arrays of such a question, for all roots of a session. */
struct hw_root_groups {
	uint32_t *group; /* By root; the caller fills it. */
	uint64_t *blocks, *bytes;
	uint32_t roots, count;
};
/* False: no room (INTERNAL); clear it in any case. */
bool hw_root_groups_init(struct hw_root_groups *groups, const struct hw_session *session,
			 uint32_t count, GError **error);
void hw_root_groups_clear(struct hw_root_groups *groups);
#endif
