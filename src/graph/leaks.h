/* SPDX-License-Identifier: Apache-2.0 */
/* leaks.h -- where leaked structures begin. */
#ifndef HW_GRAPH_LEAKS_H
#define HW_GRAPH_LEAKS_H
#include "graph/csr.h"

/* Heads among the rows 0 to rows - 1 whose bit in reached is clear: a smallest set that
 * reaches all of them, one row per strongly connected component that no other unreached one
 * leads into, and the lowest row of it. Ascending; *count_ret of them, in a hw_array of
 * *room_ret. False when out of memory or stopped. */
bool hw_leaks_heads(const struct hw_csr *csr, uint32_t rows, const uint64_t *reached,
		    uint32_t **heads_ret, uint32_t *count_ret, size_t *room_ret);

/* For rows that are not reached: which head alone leads to them. Since no head leads to another
 * one, what a head alone leads to is what it dominates: freeing it lets go of just that. Memory
 * is for the rows that are not reached: `reached` is borrowed. */
#define HW_LEAK_SHARED UINT32_MAX
struct hw_keepers {
	const uint64_t *reached;
	uint32_t rows, lost; /* Rows in all; rows not reached. */
	uint32_t *before;    /* Rows not reached before row 64 * i. */
	uint32_t *mark;      /* By order among those: 1 + index of the head, or HW_LEAK_SHARED. */
};
/* False when out of memory or stopped; to be cleared in any case. */
bool hw_leaks_keepers(const struct hw_csr *csr, uint32_t rows, const uint64_t *reached,
		      const uint32_t *heads, uint32_t count, struct hw_keepers *ret);
void hw_keepers_clear(struct hw_keepers *keepers);

/* 1 + index of the only head that leads to a row, HW_LEAK_SHARED when several do, 0 for one
 * that is reached, or that no head leads to. */
static inline uint32_t hw_keeper(const struct hw_keepers *k, uint32_t row)
{
	const uint64_t lost = ~k->reached[row / 64];
	const uint64_t bit = UINT64_C(1) << (row % 64);

	if (!k->mark || !(lost & bit))
		return 0;
	return k->mark[k->before[row / 64] + (uint32_t)__builtin_popcountll(lost & (bit - 1))];
}
#endif
