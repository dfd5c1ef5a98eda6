/* SPDX-License-Identifier: Apache-2.0 */
/* pools.h -- every sync.Pool of a program that holds something. */
#ifndef GO_POOLS_H
#define GO_POOLS_H
#include "go.h"

enum { GO_POOL_VICTIM = 16 }; /* sync.Pool: local, localSize, victim, victimSize, New. */

struct go_pools {
	const struct go_runtime *rt;
	hw_addr *all; /* By address. */
	uint64_t count, room;
	uint64_t size;    /* Of one. */
	hw_addr lists[2]; /* The arrays of allPools and of oldPools; 0: none. */
};

/* False: no memory; clear it in any case. */
bool go_pools_init(struct go_pools *pools, const struct go_runtime *rt);
void go_pools_clear(struct go_pools *pools);
/* The pool that covers addr, or 0. */
hw_addr go_pools_find(const struct go_pools *pools, hw_addr addr);
/* Tells the host which blocks are the pools' own. During roots(). */
void go_pools_tell(const struct go_pools *pools);
#endif
