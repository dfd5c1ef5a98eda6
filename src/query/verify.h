/* SPDX-License-Identifier: Apache-2.0 */
/* verify.h -- every check the plugins have, heap by heap. */
#ifndef HW_QUERY_VERIFY_H
#define HW_QUERY_VERIFY_H
#include "query/session.h"

struct hw_verify_heap {
	const struct hw_heap *heap;
	bool checked;    /* false: the plugin has no checks of its own. */
	uint64_t damage; /* Found while this heap was read and checked. */
};

struct hw_verify {
	uint64_t damage; /* Of the whole session; the items are session->notes.damage. */
	uint64_t before; /* Part of it found before any heap: in the core's own headers,
			  * or while heaps were looked for. */
	GArray *heaps;   /* struct hw_verify_heap, in the order of the ledger. */
};

struct hw_verify *hw_verify_query(struct hw_session *session, GError **error);
void hw_verify_free(struct hw_verify *verify); /* Accepts NULL. */
#endif
