/* SPDX-License-Identifier: Apache-2.0 */
/* why.h -- who holds a block, or all blocks of a type or size: shortest paths from
 * distinct roots. */
#ifndef HW_QUERY_WHY_H
#define HW_QUERY_WHY_H
#include "query/path.h"
#include "query/spot.h"

#define HW_WHY_VISITED_MOST (1u << 24) /* Blocks that one search looks at. */

enum hw_compare { HW_COMPARE_NONE = 0, HW_ABOVE, HW_AT_LEAST, HW_BELOW, HW_AT_MOST, HW_EQUAL };

/* What is asked for: an address, or all live blocks that fit type and size. */
struct hw_why_request {
	bool is_address;
	hw_addr addr;
	const char *type; /* As people name it (query/named.h), or NULL. */
	enum hw_compare compare;
	uint64_t size;
	uint32_t limit; /* Most paths. */
};

/* A path, and the blocks it stands for: those whose shortest path has the same root. */
struct hw_why_path {
	struct hw_path path; /* To the largest of them, then the lowest. */
	uint64_t blocks;
	uint64_t bytes;
	uint64_t shared; /* Leading steps that all their paths have; length for one. */
};

struct hw_why {
	struct hw_spot spot;             /* When asked for an address. */
	uint64_t blocks, bytes;          /* That fit. */
	uint64_t reached, reached_bytes; /* Of these. */
	GArray *types;                   /* struct hw_named: of them, when asked for a type. */
	GArray *paths;    /* struct hw_why_path: one block: shortest first; many: by bytes. */
	bool is_complete; /* No further root holds it, as far as is known. */
	bool is_full;     /* Cut short because limit paths were found. */
	uint64_t visited; /* Nodes looked at. */
};

struct hw_why *hw_why_query(struct hw_session *session, const struct hw_why_request *request,
			    GError **error);
void hw_why_free(struct hw_why *why); /* Accepts NULL. */

/* ">1MiB", "<=64", "=4k" into request. Errors: USAGE. */
bool hw_why_size(const char *word, struct hw_why_request *request, GError **error);
#endif
