/* SPDX-License-Identifier: Apache-2.0 */
/* views.h -- how much of its block a reference sees. */
#ifndef GO_VIEWS_H
#define GO_VIEWS_H
#include "types.h"

/* The words around a slot that belong to the same block or section of globals. */
enum { GO_AROUND = 4, GO_AROUND_SLOT = 1 /* The slot's own. */ };
struct go_around {
	uint64_t words[GO_AROUND]; /* From the one before the slot on. */
	bool is_there[GO_AROUND];
	bool is_pointer[GO_AROUND]; /* By the runtime's own masks. */
};

/* viewtypes.c: what the data word of an interface sees. False: word is neither a type descriptor
 * nor an itab, or the value is a pointer of no known length. */
bool go_view_interface(const struct go_runtime *rt, uint64_t word, const struct hw_reference *r,
		       struct hw_view *ret);

/* viewtypes.c: what a slot sees by the type of what it is in. *is_typed_ret: that is known; if not,
 * words have to do. False: the type does not say how much either. */
bool go_view_typed(const struct go_runtime *rt, const struct hw_reference *r, bool *is_typed_ret,
		   struct hw_view *ret);

/* viewlocals.c: what the slot of a local variable is by its type, and where it begins. False: the
 * type is not known, or the slot's other words are elsewhere. */
bool go_view_local(struct go_types *types, const struct hw_reference *r, struct go_slot *ret,
		   hw_addr *at_ret);

/* Is it in a chunk of package arena? */
bool go_in_user_arena(const struct go_runtime *rt, hw_addr addr);

/* For struct hw_plugin. */
bool go_view(void *handle, uint32_t heap, const struct hw_reference *reference,
	     struct hw_view *ret);
/* allocsite.c */
bool go_site(void *handle, uint32_t heap, hw_addr block,
	     void (*receiver)(void *self, const struct hw_call *call), void *self);
bool go_extent(void *handle, uint32_t heap, hw_addr block, uint64_t size, struct hw_extent *ret);
#endif
