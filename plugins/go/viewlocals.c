/* SPDX-License-Identifier: Apache-2.0 */
/* viewlocals.c -- the slots of local variables, by the names that debug info has for their types.
 * They have the whole import path where descriptors have its last element; a name that two
 * packages share says nothing. */
#include "views.h"
#include <stdio.h>
#include <string.h>

enum { WORD = 8, STRING = 16, SLICE = 24 };

static const struct go_desc *only_named(const struct go_types *types, const char *name)
{
	uint64_t count;
	const struct go_desc *const *all = go_types_all_named(types, name, &count);

	return count == 1 ? all[0] : NULL;
}

/* "*compress/gzip.Writer" is "*gzip.Writer" to descriptors. Names with arguments or parts are taken
 * as they are. */
static const struct go_desc *desc_of(const struct go_types *types, const char *name)
{
	const char *slash = strpbrk(name, "[{( ") ? NULL : strrchr(name, '/');
	const uint64_t stars = strspn(name, "*");
	char text[GO_NAME_MAX];

	if (!slash)
		return only_named(types, name);
	snprintf(text, sizeof(text), "%.*s%s", (int)stars, name, slash + 1);
	return only_named(types, text);
}

static bool is_part(const struct hw_reference *r, uint64_t size)
{
	return r->slot == r->local && r->local_size >= size;
}

bool go_view_local(struct go_types *types, const struct hw_reference *r, struct go_slot *ret,
		   hw_addr *at_ret)
{
	const char *name = r->local_type;
	const struct go_desc *desc;

	*at_ret = r->local;
	if (strcmp(name, "string") == 0) {
		*ret = (struct go_slot){.kind = GO_SLOT_STRING};
		return is_part(r, STRING);
	}
	if (strncmp(name, "[]", 2) == 0) {
		desc = desc_of(types, name + 2);
		*ret = (struct go_slot){.kind = GO_SLOT_SLICE, .elem = desc ? desc->head.addr : 0};
		return desc && is_part(r, SLICE);
	}
	desc = desc_of(types, name);
	if (!desc && name[0] == '*') {
		desc = desc_of(types, name + 1);
		*ret =
		    (struct go_slot){.kind = GO_SLOT_POINTER, .elem = desc ? desc->head.addr : 0};
		return desc && is_part(r, WORD);
	}
	/* Not of a part: where it is in the whole is not known. */
	if (!desc || desc->head.size != r->local_size ||
	    !go_desc_slot_at(types, desc, r->slot - r->local, ret))
		return false;
	*at_ret = r->local + ret->offset;
	return true;
}
