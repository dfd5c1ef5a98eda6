/* SPDX-License-Identifier: Apache-2.0 */
/* syncmaps.h -- the sync.Maps to 1.23 that are variables of a program without debug info. */
#ifndef GO_SYNCMAPS_H
#define GO_SYNCMAPS_H
#include "go.h"

struct go_sync_maps {
	const struct go_runtime *rt;
	hw_addr *all; /* By address. */
	uint64_t count, room;
	uint64_t size; /* Of one. */
	bool no_memory;
};

/* False: no memory; clear it in any case. */
bool go_sync_maps_init(struct go_sync_maps *maps, const struct go_runtime *rt);
void go_sync_maps_clear(struct go_sync_maps *maps);
/* The one that covers addr, or 0. */
hw_addr go_sync_maps_find(const struct go_sync_maps *maps, hw_addr addr);
/* Where it has the pointer to what can be read without its lock, and that to the map behind it. */
hw_addr go_sync_maps_read(const struct go_sync_maps *maps, hw_addr map);
hw_addr go_sync_maps_dirty(const struct go_sync_maps *maps, hw_addr map);
#endif
