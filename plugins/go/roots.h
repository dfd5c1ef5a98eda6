/* SPDX-License-Identifier: Apache-2.0 */
/* roots.h -- what the collector starts from, for the files that name it. */
#ifndef GO_ROOTS_H
#define GO_ROOTS_H
#include "bits.h"
#include "goroutines.h"

enum { GO_ROOT_NAME = 256, GO_ROOT_FILE = 1024 };

struct go_rooting {
	struct go_runtime *rt;
	struct go_sites *sites;
	/* Stands for whatever is being named; slot is set word by word. */
	struct hw_root root;
	char function[GO_ROOT_NAME];
	char file[GO_ROOT_FILE];
	uint64_t untyped; /* Frames without a map of their pointers. */
	uint64_t cut;     /* Stacks that could not be followed to their end. */
	const char *why;  /* The last of them. */
	bool is_over;     /* The host wants no more. */
	bool no_memory;
};

/* A word at slot, when it may point into the heap. */
void go_root_slot(struct go_rooting *r, hw_addr slot);
/* Every word of [from, to). */
void go_root_range(struct go_rooting *r, hw_addr from, hw_addr to);
/* The words of [base, base + 8 * count) that a mask has. False: it is not there. */
bool go_root_mask(struct go_rooting *r, hw_addr base, hw_addr mask, uint64_t count);

/* rootstacks.c */
void go_root_stacks(struct go_rooting *r);

/* For struct hw_plugin. */
bool go_roots(void *handle);
#endif
