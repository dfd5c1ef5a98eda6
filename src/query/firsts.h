/* SPDX-License-Identifier: Apache-2.0 */
/* firsts.h -- what a block's first word points at, when that is in a module: a vtable, a
 * table of functions, a type descriptor. The only thing that tells kinds of blocks apart
 * before types are known. Read from the target, so always a guess. */
#ifndef HW_QUERY_FIRSTS_H
#define HW_QUERY_FIRSTS_H
#include "query/session.h"

struct hw_first {
	hw_addr value;
	const struct hw_object *object;
	const char *symbol; /* Nearest one, or NULL. */
	uint64_t offset;    /* From symbol, else from the object's start. */
	const char *type;   /* The class, when it is a vtable with a name; else NULL. */
	bool is_vtable;     /* By its name, or because functions are what it lists. */
};

/* NULL: the block is too small, not in the target, or its first word is no address in
 * a module's data. Borrowed from the session. */
const struct hw_first *hw_firsts_find(struct hw_session *session, uint32_t block);

/* "_ZTV6Widget+0x10", "libfoo.so+0x1230". Free with g_free(). */
char *hw_firsts_label(const struct hw_first *first);

struct hw_firsts;
void hw_firsts_free(struct hw_firsts *firsts); /* Accepts NULL. */
#endif
