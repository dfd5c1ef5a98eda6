/* SPDX-License-Identifier: Apache-2.0 */
/* reserve.h -- an array whose final size is not known, growing in place: address space
 * for the most it may become, memory only for what is used, in huge pages where the
 * system has them. Counted against the budget of array.h like any other array. */
#ifndef HW_BASE_RESERVE_H
#define HW_BASE_RESERVE_H
#include <stdbool.h>
#include <stddef.h>

struct hw_reserve {
	void *data;     /* Zero where never written. */
	size_t size;    /* Bytes of address space; multiple of 2 MiB. */
	size_t charged; /* Bytes counted, from the start of data on. */
	void *mapping;  /* data is the first multiple of 2 MiB in it. */
};

/* Address space for most bytes, or for as many as the budget or the system leave (then
 * growing fails earlier). False when there is none. */
bool hw_reserve_init(struct hw_reserve *reserve, size_t most);
void hw_reserve_clear(struct hw_reserve *reserve); /* Accepts one that is all zero. */

/* The first bytes may be written from now on. False when they do not fit. */
bool hw_reserve_grow(struct hw_reserve *reserve, size_t bytes);
/* What lies behind the first bytes goes back to the system. */
void hw_reserve_shrink(struct hw_reserve *reserve, size_t bytes);
#endif
