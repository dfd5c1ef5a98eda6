/* SPDX-License-Identifier: Apache-2.0 */
/* summary.h -- the ledger from top to bottom.
 *
 * The levels: the address space is its mappings by owner; the heap mappings are the
 * heaps; a heap is its ledger rows. Every level adds up to the one above exactly, with
 * one `unexplained` row for what is left. */
#ifndef HW_QUERY_SUMMARY_H
#define HW_QUERY_SUMMARY_H
#include "memory/accounts.h"
#include "query/maps.h"

/* One row of the chain. */
struct hw_summary_row {
	char *label;
	char *of;           /* Label of the row above, or NULL for a chain's first. */
	bool known;         /* false: a core does not hold the figure; see reason. */
	int64_t bytes;      /* Only `unexplained` may be negative. */
	const char *reason; /* Why it is not known, or what it is; or NULL. */
};

enum hw_remark_kind {
	HW_REMARK_RETAINED,    /* Much of a heap is free; part is releasable. */
	HW_REMARK_CACHED,      /* Thread caches hold much. */
	HW_REMARK_OVERHEAD,    /* Headers and rounding cost much. */
	HW_REMARK_UNTOUCHED,   /* Reserved address space, no memory. */
	HW_REMARK_UNKNOWN,     /* Part of a heap could not be decoded. */
	HW_REMARK_ANON,        /* Anonymous memory that no heap explains. */
	HW_REMARK_UNEXPLAINED, /* Heap mappings that no ledger explains. */
};

/* Something worth saying first. Only made from figures that are exact. */
struct hw_remark {
	enum hw_remark_kind kind;
	const struct hw_heap *heap; /* NULL when it is about the address space. */
	uint64_t bytes;
	uint64_t of;         /* What bytes are a part of. */
	uint64_t releasable; /* HW_REMARK_RETAINED. */
};

struct hw_summary {
	struct hw_maps maps;
	struct hw_accounts *accounts; /* What the kernel counts, or NULL. */
	uint64_t huge_waste;          /* hw_resident_huge_waste() */
	GArray *reconcile;            /* struct hw_summary_row, a level's rows together. */
	GArray *remarks;              /* struct hw_remark, by bytes descending. */
	uint64_t heap_mappings;       /* Bytes that heaps claimed. */
	uint64_t heap_mapped;         /* Bytes in their ledgers. */
};

struct hw_summary *hw_summary_query(struct hw_session *session, GError **error);
void hw_summary_free(struct hw_summary *summary); /* Accepts NULL. */
#endif
