/* SPDX-License-Identifier: Apache-2.0 */
/* roots.h -- what the collector starts from, for the files that name it. */
#ifndef GO_ROOTS_H
#define GO_ROOTS_H
#include "bits.h"
#include "goroutines.h"
#include "pools.h"
#include "syncmaps.h"

enum { GO_ROOT_NAME = 256, GO_ROOT_FILE = 1024 };

struct go_rooting {
	struct go_runtime *rt;
	struct go_sites *sites;
	struct go_pools pools;
	struct go_sync_maps maps;
	/* Stands for whatever is being named; slot is set word by word. */
	struct hw_root root;
	char function[GO_ROOT_NAME];
	char file[GO_ROOT_FILE];
	uint64_t unread; /* Maps of frames that the target lacks, or that make no sense. */
	uint64_t cut;    /* Stacks that could not be followed to their end. */
	const char *why; /* The last of them. */
	bool is_over;    /* The host wants no more. */
	bool no_memory;
};

/* A word at slot, when it may point into the heap. */
void go_root_slot(struct go_rooting *r, hw_addr slot);
/* Every word of [from, to). */
void go_root_range(struct go_rooting *r, hw_addr from, hw_addr to);

/* The records of one goroutine: rootrecords.c */
enum { GO_SUDOGS_MAX = 1024 }; /* Those of a larger select are left to the graph. */
struct go_records {
	struct go_rooting *r;
	const struct go_g *g;
	hw_addr sudogs[GO_SUDOGS_MAX];
	uint32_t count;
};
void go_records_init(struct go_records *records, struct go_rooting *r, const struct go_g *g);
/* addr, which something of the goroutine points at, may be a sudog of its. */
void go_records_see(struct go_records *records, hw_addr addr);
/* Names what its g and the sudogs seen hold. */
void go_records_name(struct go_records *records);

/* roottimers.c: timers, and the other words of Ps. */
void go_root_timers(struct go_rooting *r);

/* rootstacks.c */
void go_root_stacks(struct go_rooting *r);

/* For struct hw_plugin. */
bool go_roots(void *handle);
#endif
