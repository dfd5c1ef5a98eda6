/* SPDX-License-Identifier: Apache-2.0 */
/* named.h -- types by a name that people give: as it is printed, without the paths of packages, or
 * a symbol. */
#ifndef HW_QUERY_NAMED_H
#define HW_QUERY_NAMED_H
#include "query/graph.h"

/* A type that a name stands for, and its blocks that fit the question. */
struct hw_named {
	const char *type; /* Borrowed from the session. */
	uint64_t blocks, bytes;
};

/* "other.Item" is every type of that name of a package other, "map[string]*other.Item" likewise:
 * a name without '/' leaves paths out. Else, and for all other languages, the two are equal. */
bool hw_named_is(const char *type, const char *name);

/* Is a block of a type that the name stands for? "a::B" and the symbol "_ZTVN1a1BE" are good, too.
 * Returns the type as it is printed, or NULL. */
const char *hw_named_type(struct hw_session *session, uint32_t block, const char *name);

/* Counts a block of such a type. named: struct hw_named, one for each type. */
void hw_named_count(GArray *named, const char *type, uint64_t bytes);
/* By bytes, descending; then by name. */
void hw_named_sort(GArray *named);
#endif
