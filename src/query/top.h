/* SPDX-License-Identifier: Apache-2.0 */
/* top.h -- live blocks in groups: by size class, type, module or arena. */
#ifndef HW_QUERY_TOP_H
#define HW_QUERY_TOP_H
#include "query/graph.h"

/* HW_TOP_SIZE: by usable size up to 1 KiB, above that four classes to a doubling.
 * HW_TOP_MODULE: the module of the nearest root that holds the block. */
enum hw_top_by { HW_TOP_SIZE = 0, HW_TOP_TYPE, HW_TOP_MODULE, HW_TOP_ARENA, HW_TOP_BYS };
extern const char *const hw_top_by_names[HW_TOP_BYS];

struct hw_top_row {
	char *key;            /* NULL: not known. By size: the largest size of the class. */
	bool is_unreached;    /* Of what no root reaches, and no more is known. */
	uint64_t least, most; /* Sizes of the class; by size only. */
	uint64_t blocks, bytes;
	uint64_t retained_min; /* Sum over members that no other member dominates. */
};

struct hw_top {
	enum hw_top_by by;
	bool has_retained;
	GArray *rows; /* struct hw_top_row, by bytes descending, then key. */
	uint64_t blocks, bytes;
};

/* What the graph must know for it: types of a heap with a collector are told apart from what
 * no root reaches. */
enum hw_depth hw_top_depth(const struct hw_session *session, enum hw_top_by by, bool retained);

struct hw_top *hw_top_query(struct hw_session *session, enum hw_top_by by, bool retained,
			    GError **error);
void hw_top_free(struct hw_top *top); /* Accepts NULL. */
#endif
