/* SPDX-License-Identifier: Apache-2.0 */
/* csr.h -- a graph as arrays, and what can be asked of it without the target: who is
 * reached, over which shortest path, and who dominates whom. Nothing here knows memory or
 * heaps, so tests drive it directly.
 *
 * Row v is target[begin(v)] to target[begin(v + 1) - 1]. Offsets are 64 bits: the low half
 * per row, and, since offsets only grow, the rows at which the high half goes up. */
#ifndef HW_GRAPH_CSR_H
#define HW_GRAPH_CSR_H
#include "base/reserve.h"
#include <glib.h>
#include <stdint.h>

struct hw_csr {
	uint32_t rows;
	uint64_t edges;
	uint64_t first;  /* Offset of the first edge: 0, but for tests of large offsets. */
	uint32_t *low;   /* rows + 1 of them. */
	uint32_t *carry; /* carry[k]: first row whose begin is ≥ (k + 1) << 32. Ascending. */
	uint32_t carry_count;
	size_t carry_room;
	uint32_t *target;       /* target[offset - first]. */
	struct hw_reserve room; /* Of target. */
};

/* Offsets are written in order of rows, each with hw_csr_set_begin(), the last with
 * row == rows. most: edges there can be, for address space only. NULL: no memory. */
struct hw_csr *hw_csr_new(uint32_t rows, uint64_t most);
void hw_csr_free(struct hw_csr *csr); /* Accepts NULL. */
bool hw_csr_set_begin(struct hw_csr *csr, uint32_t row, uint64_t begin);
bool hw_csr_append(struct hw_csr *csr, const uint32_t *targets, size_t count);

static inline uint64_t hw_csr_begin(const struct hw_csr *csr, uint32_t row)
{
	uint64_t begin = csr->low[row];

	for (uint32_t k = 0; k < csr->carry_count && csr->carry[k] <= row; k++)
		begin += UINT64_C(1) << 32;
	return begin - csr->first;
}

static inline bool hw_bit(const uint64_t *bits, uint32_t i)
{
	return (bits[i / 64] >> (i % 64)) & 1;
}

/* Breadth first. Rows that are targets have a bit; reached ones are set (those set before
 * count as reached and are not entered). parent, when not NULL, gets a row for each one
 * reached here: the source of the first edge that met it. queue has room for every row
 * that can be reached. False when stopped. */
struct hw_reach {
	const struct hw_csr *csr;
	uint64_t *reached;
	uint32_t *parent;
	uint32_t *queue;
	uint32_t head, tail;
};
/* Puts the targets of a row into the queue. */
void hw_reach_row(struct hw_reach *reach, uint32_t row);
bool hw_reach_run(struct hw_reach *reach, const char *what);

/* Sets the bits of all rows that the rows first to end - 1 lead to, and those lead to, where
 * no bit is set yet. Paths are not kept: threads share the work. False when stopped or
 * without memory. */
bool hw_csr_mark(const struct hw_csr *csr, uint32_t first, uint32_t end, uint64_t *reached,
		 uint32_t threads, const char *what);

/* Dominators of everything the starts reach, by a virtual node above them all: number 0.
 * Nodes are numbered in the preorder of a depth-first search, from 1. */
struct hw_dominators {
	uint32_t count;  /* Numbers are 0 to count - 1. */
	uint32_t *order; /* Row of a number; UINT32_MAX for 0. */
	uint32_t *idom;  /* Number of the immediate dominator of a number; of 0: 0. */
	uint32_t room;
};
struct hw_search {
	struct hw_csr **csr;    /* When is_last is set, freed on the way and set to NULL; its
				 * targets change in any case where not kept. */
	bool is_last;           /* Nobody needs the CSR any more. */
	const uint32_t *starts; /* Rows, or NULL: start_first, start_first + 1, … */
	uint32_t start_first;
	uint32_t start_count;
	const uint64_t *exclude; /* Rows with a bit are not entered; NULL: none. */
	uint32_t exclude_rows;   /* Rows that exclude speaks of; others are entered. */
	uint32_t most;           /* Rows that can be entered. */
	const char *what;        /* For the progress line. */
};
/* NULL: no memory, stopped, or more than 2^32 - 1 edges from later to earlier nodes. */
struct hw_dominators *hw_dominators_new(const struct hw_search *search, GError **error);
void hw_dominators_free(struct hw_dominators *dominators); /* Accepts NULL. */
/* size[] holds each number's own bytes and gets what it retains. */
void hw_dominators_sum(const struct hw_dominators *dominators, uint64_t *size);
#endif
