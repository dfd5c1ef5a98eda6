/* SPDX-License-Identifier: Apache-2.0 */
/* typemask.c -- the pointers of a value by the structure of its type: for types whose mask is a
 * program (to 1.23, which the runtime unrolls where it needs it), and those whose mask is made
 * on demand (1.24 and later) and was not needed yet. Arrays and structs are taken apart until a
 * part has a mask of its own or is a pointer. */
#include "bits.h"

enum {
	DEPTH = 64, /* Types nested deeper are not believed. */
	FIELDS_MAX = 1 << 20,
	STEPS = 1 << 18, /* Parts looked at of one value, and PER_WORD more for each word. */
	PER_WORD = DEPTH,
	FIELD_BYTES = 24, /* structField: name, typ, offset. */
	ARRAY_ELEM = 48,  /* arrayType: type, elem, slice, len. */
	ARRAY_LEN = 64,
	STRUCT_FIELDS = 56, /* structType: type, pkgPath, fields. */
};

/* A type that is being taken apart. */
struct part {
	struct go_type type;
	hw_addr base;
	uint64_t next; /* Element or field. */
	uint64_t count;
	struct go_type elem; /* Of an array. */
	hw_addr fields;      /* Of a struct. */
};

struct taking {
	const struct go_runtime *rt;
	const struct go_wanted *w;
	hw_addr from, to;
	struct part parts[DEPTH];
	uint32_t depth;
	uint64_t steps; /* That are left. */
};

static bool begin_array(struct taking *t, struct part *p)
{
	hw_addr elem;

	if (!go_word(t->rt, p->type.addr + ARRAY_ELEM, &elem) ||
	    !go_word(t->rt, p->type.addr + ARRAY_LEN, &p->count) ||
	    !go_type_read(t->rt, elem, &p->elem))
		return false;
	if (!p->elem.ptrdata || !p->count) {
		p->count = 0;
		return true;
	}
	if (p->count > p->type.size / p->elem.size)
		return false;
	if (t->from > p->base)
		p->next = (t->from - p->base) / p->elem.size;
	return true;
}

static bool begin_struct(struct taking *t, struct part *p)
{
	struct go_slice fields;

	if (!go_slice_read(t->rt, p->type.addr + STRUCT_FIELDS, &fields) || fields.len > FIELDS_MAX)
		return false;
	p->fields = fields.ptr;
	p->count = fields.len;
	return true;
}

/* A value that is a pointer, or has one: runtime/type.go buildGCMask(). The type word of an
 * interface never points into the heap for the collector's purposes. */
static bool mark_leaf(struct taking *t, const struct go_type *type, hw_addr base)
{
	hw_addr at = type->kind == GO_KIND_INTERFACE ? base + 8 : base;

	switch (type->kind) {
	case GO_KIND_CHAN:
	case GO_KIND_FUNC:
	case GO_KIND_MAP:
	case GO_KIND_POINTER:
	case GO_KIND_UNSAFEPOINTER:
	case GO_KIND_STRING:
	case GO_KIND_SLICE:
	case GO_KIND_INTERFACE:
		if (at >= t->from && at < t->to)
			go_wanted_all(t->w, at, at + 8);
		return true;
	default:
		return false; /* Says it has pointers, and cannot. */
	}
}

/* Marks a value, or begins to take it apart. */
static bool begin(struct taking *t, const struct go_type *type, hw_addr base, bool is_first)
{
	const hw_addr from = t->from > base ? t->from : base;
	const hw_addr last = base + type->ptrdata;
	const hw_addr to = t->to < last ? t->to : last;
	const hw_addr mask = is_first ? 0 : go_type_mask(t->rt, type);
	struct part *p = &t->parts[t->depth];

	if (from >= to)
		return true;
	if (mask && go_wanted_mask(t->rt, t->w, base, mask, from, to))
		return true;
	if (type->kind != GO_KIND_ARRAY && type->kind != GO_KIND_STRUCT)
		return mark_leaf(t, type, base);
	if (t->depth == DEPTH)
		return false;
	*p = (struct part){.type = *type, .base = base};
	t->depth++;
	return type->kind == GO_KIND_ARRAY ? begin_array(t, p) : begin_struct(t, p);
}

static bool next_field(struct taking *t, struct part *p)
{
	hw_addr field = p->fields + p->next++ * FIELD_BYTES;
	struct go_type type;
	hw_addr addr;
	uint64_t offset;

	if (!go_word(t->rt, field + 8, &addr) || !go_word(t->rt, field + 16, &offset) ||
	    !go_type_read(t->rt, addr, &type))
		return false;
	if (t->rt->layout.minor < 19) /* The lowest bit says embedded. */
		offset >>= 1;
	if (!type.ptrdata)
		return true;
	if (offset > p->type.size || type.size > p->type.size - offset)
		return false;
	return begin(t, &type, p->base + offset, false);
}

bool go_wanted_built(const struct go_runtime *rt, const struct go_wanted *w, hw_addr base,
		     const struct go_type *type, hw_addr from, hw_addr to)
{
	struct taking t = {.rt = rt, .w = w, .from = from, .to = to};

	t.steps = STEPS + (to > from ? (to - from) / 8 * PER_WORD : 0);

	if (!begin(&t, type, base, true))
		return false;
	while (t.depth) {
		struct part *p = &t.parts[t.depth - 1];
		bool ok;

		if (p->next >= p->count ||
		    (p->type.kind == GO_KIND_ARRAY && p->base + p->next * p->elem.size >= to)) {
			t.depth--;
			continue;
		}
		if (!t.steps--)
			return false;
		if (p->type.kind == GO_KIND_ARRAY)
			ok = begin(&t, &p->elem, p->base + p->next++ * p->elem.size, false);
		else
			ok = next_field(&t, p);
		if (!ok)
			return false;
	}
	return true;
}
