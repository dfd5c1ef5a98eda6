/* SPDX-License-Identifier: Apache-2.0 */
/* reverse.h -- who refers to each reached block, for searches upwards. Costs 8 bytes per
 * block and 4 per reference, so only made when more than one path is wanted. */
#ifndef HW_QUERY_REVERSE_H
#define HW_QUERY_REVERSE_H
#include "query/graph.h"

struct hw_reverse {
	uint64_t *offset; /* By block: its sources are source[offset[b] .. offset[b + 1]). */
	uint32_t *source; /* Nodes: blocks ascending, then roots. */
	uint32_t blocks;
	uint64_t count;
};

/* Only reached blocks are sources: nothing else is on a way from a root. NULL on error
 * (INTERNAL: no room). */
struct hw_reverse *hw_reverse_new(const struct hw_session *session, GError **error);
void hw_reverse_free(struct hw_reverse *reverse); /* Accepts NULL. */
#endif
