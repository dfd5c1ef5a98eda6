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
#endif
