/* SPDX-License-Identifier: Apache-2.0 */
/* goroutines.h -- the list of goroutines, and stacks in words. */
#ifndef GO_GOROUTINES_H
#define GO_GOROUTINES_H
#include "clock.h"
#include "labels.h"
#include "unwind.h"

/* False: stop. */
typedef bool (*go_goroutine_fn)(void *self, const struct hw_goroutine *goroutine);

/* One round over a runtime's goroutines. */
struct go_census {
	const struct go_runtime *rt;
	struct go_sites *sites;
	hw_addr *pcs; /* Of the goroutine at hand. */
	uint64_t pc_count, pc_room;
	uint64_t cut;    /* Stacks that ended early. */
	const char *why; /* The last of them. */
	uint64_t listed; /* Of the list, so many were there, */
	uint64_t unread; /* and of these the structs of so many were not. */
	struct go_clock clock;
	bool no_memory;
	struct go_labels *labels; /* Room for those of one. */
	go_goroutine_fn receiver;
	void *self; /* Of receiver. */
};

/* runtime.allgs; its elements are *g. False when it is not there, or no slice. */
bool go_allgs(const struct go_runtime *rt, struct go_slice *ret);
/* Calls fn with the address of every g; notes damage of the list itself. False when fn said so. */
bool go_allgs_each(const struct go_runtime *rt, bool (*fn)(void *arg, hw_addr g), void *arg);

/* Every goroutine that is not dead, of every runtime. False after fail(). */
bool go_goroutines_each(const struct go *go, go_goroutine_fn receiver, void *self);

/* For struct hw_plugin. */
bool go_goroutines(void *handle);
void go_frames(void *handle, const hw_addr *pcs, uint32_t count,
	       void (*receiver)(void *self, const struct hw_call *call), void *self);
#endif
