/* SPDX-License-Identifier: Apache-2.0 */
/* variables.h -- variables by address: those that debug info names and their parts, and statics:
 * values that the compiler laid out, which have no name and are known because something typed
 * points at them. */
#ifndef GO_VARIABLES_H
#define GO_VARIABLES_H
#include "types.h"

struct go_variable {
	hw_addr addr;
	uint64_t size;
	const struct go_desc *desc; /* NULL: a pointer whose type has no descriptor, to so many */
	uint64_t pointee_size;      /* bytes, or a slice of such elements. */
	bool is_slice;
	bool is_runtime;  /* Of package runtime: its lists see all that they have. */
	bool is_inside;   /* A container's own field: people do not write it. No desc. */
	const char *path; /* Of this part in what has a name: ".list", or "". */
};

/* Zeros and rt to begin with. Functions that return bool: false when out of memory. */
struct go_variables {
	const struct go_runtime *rt;
	struct go_variable *named; /* By address, when sorted. */
	uint64_t named_count, named_room;
	struct go_variable *statics;
	uint64_t static_count, static_room;
	uint64_t next;    /* The static that go_variables_next() returns. */
	uint32_t *places; /* Open addressing: 1 + index into statics. */
	uint64_t place_room;
};

void go_variables_clear(struct go_variables *v);
bool go_variables_add(struct go_variables *v, const struct go_variable *variable);
/* Once for each address; what is not in the program's data, or has no pointers, is none. */
bool go_variables_add_static(struct go_variables *v, const struct go_desc *desc, hw_addr addr);
/* Each static once, in the order in which they were added; false when there are no more. */
bool go_variables_next(struct go_variables *v, struct go_variable *ret);
void go_variables_sort(struct go_variables *v); /* The named ones, when all have been added. */
/* Statics that lie in no variable of debug info and in no other static join the variables. */
bool go_variables_join(struct go_variables *v);
/* The variable, or its part, that covers addr; NULL. */
const struct go_variable *go_variables_find(const struct go_variables *v, hw_addr addr);
#endif
