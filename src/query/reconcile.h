/* SPDX-License-Identifier: Apache-2.0 */
/* reconcile.h -- the chain from the cgroup's figure, which monitors show, down to what this
 * process has resident. Every level is split into rows that add up to it, with one
 * row `unexplained` that may be negative: the kernel updates these counters in batches. */
#ifndef HW_QUERY_RECONCILE_H
#define HW_QUERY_RECONCILE_H
#include "memory/accounts.h"

struct hw_reconcile_row {
	char *label;     /* "cgroup", "anon", …; unique but for "unexplained". */
	const char *of;  /* Label of the row that this is a part of; NULL: a top one. */
	const char *why; /* For people: what it is. Static. */
	int64_t bytes;
};

struct hw_reconcile {
	GArray *rows; /* struct hw_reconcile_row, every level in one piece, unexplained last. */
};

void hw_reconcile_init(struct hw_reconcile *chain);
void hw_reconcile_clear(struct hw_reconcile *chain); /* Accepts one zeroed. */

/* A row; label is copied, of and why are borrowed. A part that is HW_NOT_KNOWN is left out. */
void hw_reconcile_add(struct hw_reconcile *chain, const char *of, const char *label, uint64_t bytes,
		      const char *why);
/* What rows of the level count and the level does not: a row below zero. */
void hw_reconcile_take(struct hw_reconcile *chain, const char *of, const char *label,
		       uint64_t bytes, const char *why);
/* Closes the level: what the rows of `of` leave of it. */
void hw_reconcile_rest(struct hw_reconcile *chain, const char *of);
/* The row with this label, or NULL. */
const struct hw_reconcile_row *hw_reconcile_find(const struct hw_reconcile *chain,
						 const char *label);

/* cgroup → anon, file, shmem, kernel, sock; anon → this process, the others. Nothing when
 * accounts has no cgroup. pid: this process, as the cgroup's list has it. */
void hw_reconcile_cgroup(struct hw_reconcile *chain, const struct hw_accounts *accounts,
			 int32_t pid);

/* The variants of the cgroup's figure that monitors show: usage less inactive_file (the
 * working set of Kubernetes), less all page cache, as rows of no level. HW_NOT_KNOWN where
 * a part is missing. */
uint64_t hw_reconcile_working_set(const struct hw_cgroup *cgroup);
uint64_t hw_reconcile_without_cache(const struct hw_cgroup *cgroup);
#endif
