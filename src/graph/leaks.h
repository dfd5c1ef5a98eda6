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

/* For rows that are not reached: 1 + index of the only head that leads to it, or
 * HW_LEAK_SHARED when several do; 0 for those reached. An hw_array of rows + 1; NULL when out
 * of memory or stopped. Since no head leads to another one, what a head alone leads to is what
 * it dominates: freeing it lets go of just that. */
#define HW_LEAK_SHARED UINT32_MAX
uint32_t *hw_leaks_keepers(const struct hw_csr *csr, uint32_t rows, const uint64_t *reached,
			   const uint32_t *heads, uint32_t count);
#endif
