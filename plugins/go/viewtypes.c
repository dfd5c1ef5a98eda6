/* SPDX-License-Identifier: Apache-2.0 */
/* viewtypes.c -- what the data word of an interface sees: the dynamic type tells. A value that
 * is a pointer itself stands in the data word, others lie where it points at. */
#include "views.h"

enum {
	ITAB_INTER = 0, /* runtime/runtime2.go, internal/abi/iface.go: itab. */
	ITAB_TYPE = 8,
	POINTER_ELEM = 48,     /* ptrType: type, elem. */
	DIRECT_KIND = 1 << 5,  /* kindDirectIface, to 1.25. */
	DIRECT_TFLAG = 1 << 5, /* TFlagDirectIface, 1.26. */
};

static bool is_descriptor(const struct go_runtime *rt, hw_addr addr)
{
	for (uint32_t i = 0; i < rt->module_count; i++)
		if (addr >= rt->modules[i].types && addr < rt->modules[i].etypes)
			return true;
	return go_span_find(rt, addr) != NULL; /* Made by package reflect. */
}

/* The dynamic type of an interface whose first word this is. */
static bool dynamic_type(const struct go_runtime *rt, uint64_t word, struct go_type *ret)
{
	struct go_type inter;
	hw_addr addr[2];

	/* An itab is never where descriptors are, but a descriptor's first words are its size and
	 * ptrdata: no addresses. */
	if (go_read(rt, word + ITAB_INTER, addr, sizeof(addr)) && is_descriptor(rt, addr[0]) &&
	    is_descriptor(rt, addr[1]) && go_type_read(rt, addr[0], &inter) &&
	    inter.kind == GO_KIND_INTERFACE)
		return go_type_read(rt, addr[1], ret);
	return is_descriptor(rt, word) && go_type_read(rt, word, ret);
}

static bool is_direct(const struct go_runtime *rt, const struct go_type *type)
{
	return rt->layout.minor >= 26 ? type->tflag & DIRECT_TFLAG : type->flags & DIRECT_KIND;
}

static bool see_bytes(const struct hw_reference *r, uint64_t size, struct hw_view *ret)
{
	if (size > r->block + r->size - r->value)
		return false;
	ret->kind = HW_VIEW_POINTER;
	ret->confidence = HW_EXACT;
	ret->start = r->value;
	ret->length = size;
	return true;
}

bool go_view_interface(const struct go_runtime *rt, uint64_t word, const struct hw_reference *r,
		       struct hw_view *ret)
{
	struct go_type type, elem;
	hw_addr addr;

	if (word % 8 || !dynamic_type(rt, word, &type))
		return false;
	if (!is_direct(rt, &type))
		return see_bytes(r, type.size, ret);
	switch (type.kind) {
	case GO_KIND_POINTER:
		/* What package unsafe makes of a *byte may be longer. */
		return go_word(rt, type.addr + POINTER_ELEM, &addr) &&
		       go_type_read(rt, addr, &elem) && elem.size > 1 &&
		       see_bytes(r, elem.size, ret);
	case GO_KIND_CHAN:
	case GO_KIND_FUNC:
	case GO_KIND_MAP:
		ret->kind = HW_VIEW_WHOLE;
		ret->confidence = HW_EXACT;
		ret->start = r->value;
		return true;
	default: /* A struct or an array of one pointer. */
		return false;
	}
}
