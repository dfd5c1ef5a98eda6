/* SPDX-License-Identifier: Apache-2.0 */
/* typekinds.c -- what a type descriptor has behind its head, by kind, checked against the head:
 * parts must fit in the whole, and the pointers of the parts must end where the whole says its
 * own do. */
#include "types.h"
#include <stdio.h>
#include <string.h>

enum {
	HEAD = 48, /* abi.Type. */
	FIELDS_MAX = 1 << 16,
	FIELD_BYTES = 24,
	METHODS_MAX = 1 << 16,
	DEPTH_MAX = 16, /* Of types in types, where a name is put together. */
	ARGS_MAX = 1 << 10,
	MAP_SLOTS = 8,    /* bucketCnt, SwissMapGroupSlots: alike. */
	INLINE_MAX = 128, /* Larger keys and elements are stored by pointer. */
};

static bool word_at(const struct go_types *types, const struct go_desc *desc, uint64_t offset,
		    uint64_t *ret)
{
	return go_word(go_types_runtime(types), desc->head.addr + offset, ret);
}

static bool part_at(const struct go_types *types, const struct go_desc *desc, uint64_t offset,
		    hw_addr *addr_ret, struct go_type *ret)
{
	return word_at(types, desc, offset, addr_ret) &&
	       go_type_read(go_types_runtime(types), *addr_ret, ret);
}

static bool read_elem(const struct go_types *types, struct go_desc *desc)
{
	struct go_type elem;

	return part_at(types, desc, HEAD, &desc->elem, &elem);
}

static bool read_array(const struct go_types *types, struct go_desc *desc)
{
	const struct go_type *t = &desc->head;
	struct go_type elem;
	uint64_t last;

	if (!part_at(types, desc, HEAD, &desc->elem, &elem) ||
	    !word_at(types, desc, HEAD + 16, &desc->length))
		return false;
	if (!desc->length || !elem.size)
		return t->size == 0 && t->ptrdata == 0;
	if (desc->length > t->size || t->size % desc->length != 0 ||
	    t->size / desc->length != elem.size)
		return false;
	last = elem.ptrdata ? t->size - elem.size + elem.ptrdata : 0;
	return t->ptrdata == last;
}

static bool read_field(struct go_types *types, const struct go_desc *desc, hw_addr at,
		       struct go_field_desc *ret, struct go_type *type_ret)
{
	const struct go_runtime *rt = go_types_runtime(types);
	uint64_t words[3];

	if (!go_read(rt, at, words, sizeof(words)) || !go_type_read(rt, words[1], type_ret))
		return false;
	ret->name = go_types_name(types, words[0]);
	ret->type = words[1];
	ret->offset = rt->layout.minor < 19 ? words[2] >> 1 : words[2];
	return ret->name && ret->offset <= desc->head.size &&
	       type_ret->size <= desc->head.size - ret->offset;
}

static bool read_struct(struct go_types *types, struct go_desc *desc)
{
	struct go_field_desc *fields;
	struct go_slice list;
	uint64_t end = 0, pointers = 0;

	if (!go_slice_read(go_types_runtime(types), desc->head.addr + HEAD + 8, &list) ||
	    list.len > FIELDS_MAX || list.len > list.cap || (list.len && list.ptr % 8))
		return false;
	fields = go_types_room(types, list.len * sizeof(*fields) + 1);
	if (!fields)
		return false;
	for (uint64_t i = 0; i < list.len; i++) {
		struct go_type type;

		if (!read_field(types, desc, list.ptr + i * FIELD_BYTES, &fields[i], &type) ||
		    fields[i].offset < end)
			return false;
		end = fields[i].offset + type.size;
		if (type.ptrdata)
			pointers = fields[i].offset + type.ptrdata;
	}
	desc->fields = fields;
	desc->field_count = (uint32_t)list.len;
	return pointers == desc->head.ptrdata;
}

/* maptype to 1.23: …, bucket, hasher (1.14), keysize u8, elemsize u8, bucketsize u16, flags. */
static bool read_map_buckets(const struct go_types *types, struct go_desc *desc,
			     const struct go_type *key, const struct go_type *elem)
{
	enum { INDIRECT_KEY = 1, INDIRECT_ELEM = 2 };
	const uint64_t at = go_types_runtime(types)->layout.minor >= 14 ? HEAD + 32 : HEAD + 24;
	struct go_type bucket;
	uint64_t word;
	uint64_t key_size, elem_size;

	if (!part_at(types, desc, HEAD + 16, &desc->bucket, &bucket) ||
	    !word_at(types, desc, at, &word))
		return false;
	desc->has_key_pointers = word >> 32 & INDIRECT_KEY;
	desc->has_elem_pointers = word >> 32 & INDIRECT_ELEM;
	key_size = desc->has_key_pointers ? 8 : key->size;
	elem_size = desc->has_elem_pointers ? 8 : elem->size;
	return key_size <= INLINE_MAX && elem_size <= INLINE_MAX && (word & 0xff) == key_size &&
	       (word >> 8 & 0xff) == elem_size && (word >> 16 & 0xffff) == bucket.size &&
	       bucket.size >= MAP_SLOTS + MAP_SLOTS * (key_size + elem_size) + 8;
}

/* SwissMapType, MapType: …, group, hasher, groupSize, slotSize, elemOff, flags. */
static bool read_map_groups(const struct go_types *types, struct go_desc *desc,
			    const struct go_type *key, const struct go_type *elem)
{
	enum { INDIRECT_KEY = 4, INDIRECT_ELEM = 8 };
	struct go_type group;
	uint64_t group_size, key_size, elem_size;
	uint32_t flags;

	if (!part_at(types, desc, HEAD + 16, &desc->bucket, &group) ||
	    !word_at(types, desc, HEAD + 32, &group_size) ||
	    !word_at(types, desc, HEAD + 40, &desc->slot_size) ||
	    !word_at(types, desc, HEAD + 48, &desc->elem_offset) ||
	    !go_u32(go_types_runtime(types), desc->head.addr + HEAD + 56, &flags))
		return false;
	desc->has_key_pointers = flags & INDIRECT_KEY;
	desc->has_elem_pointers = flags & INDIRECT_ELEM;
	key_size = desc->has_key_pointers ? 8 : key->size;
	elem_size = desc->has_elem_pointers ? 8 : elem->size;
	desc->is_swiss = true;
	return key_size <= INLINE_MAX && elem_size <= INLINE_MAX && group_size == group.size &&
	       desc->slot_size <= 4 * INLINE_MAX && group_size == 8 + MAP_SLOTS * desc->slot_size &&
	       desc->elem_offset >= key_size && desc->elem_offset + elem_size <= desc->slot_size;
}

/* 1.24 and 1.25 can be built with the old maps (GOEXPERIMENT=noswissmap). */
static bool read_map(const struct go_types *types, struct go_desc *desc)
{
	const uint32_t minor = go_types_runtime(types)->layout.minor;
	struct go_type key, elem;

	if (!part_at(types, desc, HEAD, &desc->key, &key) ||
	    !part_at(types, desc, HEAD + 8, &desc->elem, &elem))
		return false;
	if (minor >= 24 && read_map_groups(types, desc, &key, &elem))
		return true;
	desc->is_swiss = false;
	return minor < 26 && read_map_buckets(types, desc, &key, &elem);
}

static bool read_interface(const struct go_types *types, struct go_desc *desc)
{
	struct go_slice methods;

	if (!go_slice_read(go_types_runtime(types), desc->head.addr + HEAD + 8, &methods) ||
	    methods.len > METHODS_MAX || methods.len > methods.cap)
		return false;
	desc->has_methods = methods.len > 0;
	return true;
}

bool go_desc_read_kind(struct go_types *types, struct go_desc *desc)
{
	const uint64_t pointers = desc->head.ptrdata;

	switch (desc->head.kind) {
	case GO_KIND_ARRAY:
		return read_array(types, desc);
	case GO_KIND_STRUCT:
		return read_struct(types, desc);
	case GO_KIND_MAP:
		return pointers == 8 && read_map(types, desc);
	case GO_KIND_INTERFACE:
		return pointers == 16 && read_interface(types, desc);
	case GO_KIND_CHAN:
	case GO_KIND_SLICE:
		return pointers == 8 && read_elem(types, desc);
	case GO_KIND_POINTER: /* 0: to memory that the collector does not manage. */
		return (pointers == 8 || pointers == 0) && read_elem(types, desc);
	case GO_KIND_FUNC:
	case GO_KIND_STRING:
	case GO_KIND_UNSAFEPOINTER:
		return pointers == 8;
	default:
		return pointers == 0;
	}
}

/* Names that are put together. */

struct text {
	char bytes[GO_NAME_MAX];
	uint64_t length;
	bool is_bad;
};

static void add(struct text *t, const char *more)
{
	const uint64_t n = more ? strlen(more) : 0;

	if (!more || n >= sizeof(t->bytes) - t->length) {
		t->is_bad = true;
		return;
	}
	memcpy(t->bytes + t->length, more, n);
	t->length += n;
}

static const char *name_in(struct go_types *types, hw_addr addr, uint32_t depth)
{
	const struct go_desc *desc = go_types_at_depth(types, addr, depth + 1);

	return desc ? desc->name : NULL;
}

static void add_type(struct text *t, struct go_types *types, hw_addr addr, uint32_t depth)
{
	add(t, name_in(types, addr, depth));
}

/* reflect/type.go: ChanOf(); parentheses since 1.16. */
static void add_chan(struct text *t, struct go_types *types, const struct go_desc *desc,
		     uint32_t depth)
{
	enum { RECEIVE = 1, SEND = 2 };
	const char *elem = name_in(types, desc->elem, depth);
	uint64_t dir = 0;

	word_at(types, desc, HEAD + 8, &dir);
	if (dir == SEND || dir == RECEIVE) {
		add(t, dir == SEND ? "chan<- " : "<-chan ");
		add(t, elem);
	} else if (elem && elem[0] == '<' && go_types_runtime(types)->layout.minor >= 16) {
		add(t, "chan (");
		add(t, elem);
		add(t, ")");
	} else {
		add(t, "chan ");
		add(t, elem);
	}
}

/* reflect/type.go: funcStr(). The arguments' types stand behind the uncommon part. */
static void add_func(struct text *t, struct go_types *types, const struct go_desc *desc,
		     uint32_t depth)
{
	const struct go_runtime *rt = go_types_runtime(types);
	const hw_addr list = desc->head.addr + HEAD + 8 + (desc->head.tflag & 1 ? 16 : 0);
	uint32_t counts, in, out;
	bool is_variadic;
	hw_addr addr;

	if (!go_u32(rt, desc->head.addr + HEAD, &counts)) {
		t->is_bad = true;
		return;
	}
	in = counts & 0xffff;
	out = counts >> 16 & 0x7fff;
	is_variadic = counts >> 31;
	if (in + out > ARGS_MAX)
		t->is_bad = true;
	add(t, "func(");
	for (uint32_t i = 0; i < in + out && !t->is_bad; i++) {
		const char *name;

		if (i == in)
			add(t, out == 1 ? ") " : ") (");
		else if (i)
			add(t, ", ");
		name = go_word(rt, list + i * 8, &addr) ? name_in(types, addr, depth) : NULL;
		if (name && is_variadic && i + 1 == in && strncmp(name, "[]", 2) == 0) {
			add(t, "...");
			name += 2;
		}
		add(t, name);
	}
	add(t, out == 1 ? "" : ")");
}

/* reflect/type.go: StructOf(); tags are left out. */
static void add_struct(struct text *t, struct go_types *types, const struct go_desc *desc,
		       uint32_t depth)
{
	add(t, "struct {");
	for (uint32_t i = 0; i < desc->field_count && !t->is_bad; i++) {
		add(t, i ? "; " : " ");
		add(t, desc->fields[i].name);
		add(t, " ");
		add_type(t, types, desc->fields[i].type, depth);
	}
	add(t, desc->field_count ? " }" : "}");
}

static void compose(struct text *t, struct go_types *types, const struct go_desc *desc,
		    uint32_t depth)
{
	char number[32];

	switch (desc->head.kind) {
	case GO_KIND_POINTER:
	case GO_KIND_SLICE:
		add(t, desc->head.kind == GO_KIND_SLICE ? "[]" : "*");
		add_type(t, types, desc->elem, depth);
		break;
	case GO_KIND_ARRAY:
		snprintf(number, sizeof(number), "[%llu]", (unsigned long long)desc->length);
		add(t, number);
		add_type(t, types, desc->elem, depth);
		break;
	case GO_KIND_MAP:
		add(t, "map[");
		add_type(t, types, desc->key, depth);
		add(t, "]");
		add_type(t, types, desc->elem, depth);
		break;
	case GO_KIND_CHAN:
		add_chan(t, types, desc, depth);
		break;
	case GO_KIND_FUNC:
		add_func(t, types, desc, depth);
		break;
	case GO_KIND_STRUCT:
		add_struct(t, types, desc, depth);
		break;
	default:
		t->is_bad = true;
	}
}

const char *go_desc_compose(struct go_types *types, const struct go_desc *desc, uint32_t depth)
{
	struct text text = {.length = 0};
	char *name;

	if (depth > DEPTH_MAX)
		return NULL;
	compose(&text, types, desc, depth);
	if (text.is_bad)
		return NULL;
	name = go_types_room(types, text.length + 1);
	if (name)
		memcpy(name, text.bytes, text.length);
	return name;
}
