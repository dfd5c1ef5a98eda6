/* SPDX-License-Identifier: Apache-2.0 */
/* refs.h -- the references into one block and out of it. */
#ifndef HW_QUERY_REFS_H
#define HW_QUERY_REFS_H
#include "query/spot.h"

struct hw_ref {
	uint32_t node;          /* The other side: block id, or blocks + root (only in `in`). */
	hw_addr slot;           /* The word that refers; 0: a register. */
	bool has_target;        /* target_offset is known. */
	uint64_t offset;        /* Of slot in the block or root that holds it. */
	uint64_t target_offset; /* How far inside the block it points at. */
	bool is_guessed;        /* Points right behind the block. */
};

struct hw_refs {
	struct hw_spot spot;
	GArray *in;  /* struct hw_ref: blocks by the other's size descending, then address, */
	GArray *out; /* then slot; roots after blocks. */
	uint64_t in_count, out_count; /* All of them; the arrays have the first HW_REFS_MOST. */
};

#define HW_REFS_MOST 1000000

struct hw_refs *hw_refs_query(struct hw_session *session, hw_addr addr, GError **error);
void hw_refs_free(struct hw_refs *refs); /* Accepts NULL. */
#endif
