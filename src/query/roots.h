/* SPDX-License-Identifier: Apache-2.0 */
/* roots.h -- the roots that hold something, by retained size. */
#ifndef HW_QUERY_ROOTS_H
#define HW_QUERY_ROOTS_H
#include "query/graph.h"

struct hw_root_row {
	const struct hw_root_node *root;
	uint32_t index;    /* Into session->roots->nodes. */
	uint64_t retained; /* Bytes that it alone holds, of blocks. */
	uint64_t blocks;   /* How many those are. */
	uint64_t refs;     /* Words of it that point into blocks. */
};

struct hw_root_rows {
	GArray *rows; /* struct hw_root_row, by retained descending, then as numbered. */
	uint64_t total_blocks, total_bytes;   /* Reached by any root. */
	uint64_t shared_blocks, shared_bytes; /* Reached by several, retained by none alone. */
};

struct hw_root_rows *hw_root_rows_query(struct hw_session *session, GError **error);
void hw_root_rows_free(struct hw_root_rows *rows); /* Accepts NULL. */
#endif
