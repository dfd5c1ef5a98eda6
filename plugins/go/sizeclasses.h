/* SPDX-License-Identifier: Apache-2.0 */
/* sizeclasses.h -- the size classes of runtime/sizeclasses.go (internal/runtime/gc since 1.25),
 * the same in all releases but for 24, which came with 1.16. */
#ifndef GO_SIZECLASSES_H
#define GO_SIZECLASSES_H
#include "go.h"

struct go_class {
	uint32_t size;  /* Bytes of a slot; 0: there is no such class (0 is large objects). */
	uint32_t pages; /* Of a span. */
	uint32_t below; /* Size of the class below; 0 for the first. */
};

struct go_class go_class(const struct go_runtime *rt, uint32_t sizeclass);
/* The class whose slots have this size; size 0 when there is none. */
struct go_class go_class_of(const struct go_runtime *rt, uint64_t size);

/* Do pages, slot size and number of slots of a span in use follow from its class? True also
 * for releases that the table does not know. */
bool go_class_fits(const struct go_runtime *rt, const struct go_span *span);

/* Of a span in use that fits: 1 when its number of slots leaves room for Green Tea's marks, -1
 * when it leaves none, 0 when it does not tell. All spans of a process are of one kind. */
int go_class_marks(const struct go_runtime *rt, const struct go_span *span);
#endif
