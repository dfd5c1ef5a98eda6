/* SPDX-License-Identifier: Apache-2.0 */
/* bits.h -- pointer masks as the runtime keeps them: bit i is word i, least significant bit
 * first. */
#ifndef GO_BITS_H
#define GO_BITS_H
#include "go.h"

/* runtime/type.go, internal/abi/type.go: the head of every type descriptor, alike in all
 * versions. */
struct go_type {
	hw_addr addr;
	uint64_t size;
	uint64_t ptrdata; /* Bytes up to the end of the last pointer. */
	hw_addr gcdata;
	uint8_t tflag;
	uint8_t kind;  /* enum go_kind, without flags. */
	uint8_t flags; /* What came with the kind. */
};

/* internal/abi/type.go: Kind. */
enum go_kind {
	GO_KIND_BOOL = 1,
	GO_KIND_INT,
	GO_KIND_INT8,
	GO_KIND_INT16,
	GO_KIND_INT32,
	GO_KIND_INT64,
	GO_KIND_UINT,
	GO_KIND_UINT8,
	GO_KIND_UINT16,
	GO_KIND_UINT32,
	GO_KIND_UINT64,
	GO_KIND_UINTPTR,
	GO_KIND_FLOAT32,
	GO_KIND_FLOAT64,
	GO_KIND_COMPLEX64,
	GO_KIND_COMPLEX128,
	GO_KIND_ARRAY,
	GO_KIND_CHAN,
	GO_KIND_FUNC,
	GO_KIND_INTERFACE,
	GO_KIND_MAP,
	GO_KIND_POINTER,
	GO_KIND_SLICE,
	GO_KIND_STRING,
	GO_KIND_STRUCT,
	GO_KIND_UNSAFEPOINTER,
};

/* False when it is not there or makes no sense. */
bool go_type_read(const struct go_runtime *rt, hw_addr addr, struct go_type *ret);

/* Sets the bits of [start, end) in bits: what a caller wants to know. */
struct go_wanted {
	hw_addr start, end;
	uint64_t *bits;
};
/* Marks the words of [from, to), as far as they are wanted. */
void go_wanted_all(const struct go_wanted *w, hw_addr from, hw_addr to);
/* Marks word i of base where mask bit i is set, for the words of [from, to). False: the mask
 * is not there; nothing is marked then. */
bool go_wanted_mask(const struct go_runtime *rt, const struct go_wanted *w, hw_addr base,
		    hw_addr mask, hw_addr from, hw_addr to);
/* Marks the pointers of values of a type that lie one behind the other from base to end, as
 * far as they lie in [from, to). False when the type's mask cannot be had. */
bool go_wanted_type(const struct go_runtime *rt, const struct go_wanted *w, hw_addr base,
		    hw_addr end, const struct go_type *type, hw_addr from, hw_addr to);
/* Marks the pointers of a span's slots. Nothing of one without pointers. */
void go_wanted_span(const struct go_runtime *rt, const struct go_wanted *w,
		    const struct go_span *span);
/* typemask.c: as go_wanted_type() for one value, from the structure of its type, when the runtime
 * has no mask for it. */
bool go_wanted_built(const struct go_runtime *rt, const struct go_wanted *w, hw_addr base,
		     const struct go_type *type, hw_addr from, hw_addr to);
/* The address of a type's plain mask; 0 when it has a program instead, or none yet. */
hw_addr go_type_mask(const struct go_runtime *rt, const struct go_type *type);

/* From 1.22: does a slot of the span begin with a word that points at its type? */
bool go_span_has_headers(const struct go_runtime *rt, const struct go_span *span);

/* From 1.22, slots of at most 512 bytes: where the span keeps their bits, one for each word from
 * its start on; 0: not in the span. */
hw_addr go_span_bits(const struct go_runtime *rt, const struct go_span *span);

/* For struct hw_plugin. */
bool go_pointers(void *handle, uint32_t heap, hw_addr start, hw_addr end, uint64_t *bits);
#endif
