/* SPDX-License-Identifier: Apache-2.0 */
/* typeslots.c -- a value taken apart by its descriptor: where its pointers are and what each
 * is, and the names of its parts. */
#include "types.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	STEPS_MAX = 1 << 16, /* Parts of one type looked at. */
	SLOTS_MAX = 1 << 14,
	WORK_MAX = 1 << 12,
	DEPTH_MAX = 64,
	SLOTS_UNKNOWN = 0,
	SLOTS_THERE,
	SLOTS_REFUSED,
};

/* A part still to be taken apart: count of them, stride apart. */
struct part {
	hw_addr type;
	hw_addr elem; /* Of an unsafe.Pointer whose target is known. */
	uint64_t offset, stride;
	uint32_t count;
};

struct taking {
	struct go_types *types;
	struct part *work; /* A stack. */
	struct go_slot *slots;
	uint32_t work_count, slot_count;
	bool is_bad;
};

static void push(struct taking *t, hw_addr type, uint64_t offset, uint64_t stride, uint32_t count)
{
	if (t->work_count == WORK_MAX)
		t->is_bad = true;
	else
		t->work[t->work_count++] = (struct part){type, 0, offset, stride, count};
}

/* Where the unsafe.Pointer of a field leads: sync/atomic's Pointer[T] says it by a field of type
 * [0]*T; an entry of sync.Map to 1.19 and a sync.Pool in comments. */
static hw_addr target_of(struct go_types *types, const struct go_desc *desc)
{
	const struct go_desc *first, *known = NULL;

	if (strcmp(desc->name, "sync.entry") == 0) {
		known = go_types_named(types, "interface {}");
		return known ? known->head.addr : 0;
	}
	if (strcmp(desc->name, "sync.Pool") == 0) {
		known = go_types_named(types, "sync.poolLocal");
		return known ? known->head.addr : 0;
	}
	if (strncmp(desc->name, "atomic.Pointer[", 15) != 0 || !desc->field_count)
		return 0;
	first = go_types_at(types, desc->fields[0].type);
	if (first && first->head.kind == GO_KIND_ARRAY)
		known = go_types_at(types, first->elem);
	return known && known->head.kind == GO_KIND_POINTER ? known->elem : 0;
}

static void push_array(struct taking *t, const struct go_desc *desc, const struct part *p)
{
	const uint64_t size = desc->length ? desc->head.size / desc->length : 0;

	if (desc->length > UINT32_MAX || !size) {
		t->is_bad = true;
	} else if (desc->length == 1) {
		push(t, desc->elem, p->offset, p->stride, p->count);
	} else if (p->count == 1) {
		push(t, desc->elem, p->offset, size, (uint32_t)desc->length);
	} else {
		for (uint64_t i = desc->length; i-- > 0 && !t->is_bad;)
			push(t, desc->elem, p->offset + i * size, p->stride, p->count);
	}
}

static void push_fields(struct taking *t, const struct go_desc *desc, const struct part *p)
{
	const hw_addr target = target_of(t->types, desc);

	for (uint32_t i = desc->field_count; i-- > 0 && !t->is_bad;) {
		push(t, desc->fields[i].type, p->offset + desc->fields[i].offset, p->stride,
		     p->count);
		t->work[t->work_count - 1].elem = target;
	}
}

/* sync/poolqueue.go: an interface by its words. */
static bool is_eface(const struct go_desc *desc)
{
	return desc->head.size == 16 && strcmp(desc->name, "sync.eface") == 0;
}

static uint32_t slot_kind(const struct go_desc *desc)
{
	if (is_eface(desc))
		return GO_SLOT_INTERFACE;
	switch (desc->head.kind) {
	case GO_KIND_POINTER:
		return GO_SLOT_POINTER;
	case GO_KIND_UNSAFEPOINTER:
		return GO_SLOT_UNSAFE;
	case GO_KIND_STRING:
		return GO_SLOT_STRING;
	case GO_KIND_SLICE:
		return GO_SLOT_SLICE;
	case GO_KIND_INTERFACE:
		return GO_SLOT_INTERFACE;
	case GO_KIND_MAP:
		return GO_SLOT_MAP;
	case GO_KIND_CHAN:
		return GO_SLOT_CHAN;
	default:
		return GO_SLOT_FUNC;
	}
}

static void take(struct taking *t, const struct part *p)
{
	const struct go_desc *desc = go_types_at(t->types, p->type);

	if (!desc) {
		t->is_bad = true;
	} else if (!desc->head.ptrdata) {
		return;
	} else if (desc->head.kind == GO_KIND_ARRAY) {
		push_array(t, desc, p);
	} else if (desc->head.kind == GO_KIND_STRUCT && !is_eface(desc)) {
		push_fields(t, desc, p);
	} else if (t->slot_count == SLOTS_MAX) {
		t->is_bad = true;
	} else {
		struct go_slot *slot = &t->slots[t->slot_count++];

		*slot = (struct go_slot){
		    .offset = p->offset,
		    .stride = p->stride,
		    .count = p->count,
		    .kind = slot_kind(desc),
		    .type = desc->head.addr,
		    .elem = desc->elem,
		};
		if (slot->kind == GO_SLOT_UNSAFE && p->elem) {
			slot->kind = GO_SLOT_POINTER;
			slot->elem = p->elem;
		}
	}
}

static int by_offset(const void *a, const void *b)
{
	const struct go_slot *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void take_all(struct taking *t, const struct go_desc *desc)
{
	push(t, desc->head.addr, 0, desc->head.size, 1);
	for (uint32_t steps = 0; t->work_count && !t->is_bad; steps++) {
		const struct part part = t->work[--t->work_count];

		if (steps == STEPS_MAX)
			t->is_bad = true;
		else
			take(t, &part);
	}
}

static void read_slots(struct go_types *types, struct go_desc *desc)
{
	struct taking t = {.types = types};
	struct go_slot *kept;

	t.work = go_types_scratch(types, sizeof(struct part) * WORK_MAX +
					     sizeof(struct go_slot) * SLOTS_MAX);
	t.is_bad = !t.work;
	if (t.work)
		t.slots = (struct go_slot *)(void *)(t.work + WORK_MAX);
	if (!t.is_bad)
		take_all(&t, desc);
	kept = t.is_bad ? NULL : go_types_room(types, t.slot_count * sizeof(*kept) + 1);
	if (kept) {
		memcpy(kept, t.slots, t.slot_count * sizeof(*kept));
		qsort(kept, t.slot_count, sizeof(*kept), by_offset);
		desc->slots = kept;
		desc->slot_count = t.slot_count;
	}
	desc->slots_state = kept ? SLOTS_THERE : SLOTS_REFUSED;
}

bool go_desc_slots(struct go_types *types, const struct go_desc *desc,
		   const struct go_slot **slots_ret, uint32_t *count_ret)
{
	if (desc->slots_state == SLOTS_UNKNOWN)
		read_slots(types, go_types_own(types, desc));
	if (desc->slots_state != SLOTS_THERE)
		return false;
	*slots_ret = desc->slots;
	*count_ret = desc->slot_count;
	return true;
}

/* The field that covers an offset; NULL: padding. */
static const struct go_field_desc *field_at(struct go_types *types, const struct go_desc *desc,
					    uint64_t offset, const struct go_desc **type_ret)
{
	uint32_t low = 0, high = desc->field_count;

	while (low < high) { /* The first field above. */
		const uint32_t middle = low + (high - low) / 2;

		if (desc->fields[middle].offset <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	/* Fields of no size may stand where the next one begins. */
	while (low-- > 0) {
		const struct go_field_desc *field = &desc->fields[low];
		const struct go_desc *type = go_types_at(types, field->type);

		if (type && offset - field->offset < type->head.size) {
			*type_ret = type;
			return field;
		}
		if (!type || type->head.size)
			break;
	}
	return NULL;
}

const struct go_desc *go_desc_step(struct go_types *types, const struct go_desc *desc,
				   uint64_t *offset, const char **name_ret, uint64_t *index_ret)
{
	const struct go_field_desc *field;
	const struct go_desc *part = NULL;

	*name_ret = NULL;
	if (*offset >= desc->head.size)
		return NULL;
	if (desc->head.kind == GO_KIND_ARRAY && desc->length) {
		part = go_types_at(types, desc->elem);
		if (!part || !part->head.size)
			return NULL;
		*index_ret = *offset / part->head.size;
		*offset %= part->head.size;
	} else if (desc->head.kind == GO_KIND_STRUCT) {
		field = field_at(types, desc, *offset, &part);
		if (!field)
			return NULL;
		*name_ret = field->name;
		*offset -= field->offset;
	}
	return part;
}

bool go_desc_slot_at(struct go_types *types, const struct go_desc *desc, uint64_t offset,
		     struct go_slot *ret)
{
	uint64_t rest = offset, index;
	const char *name;

	for (uint32_t depth = 0; depth < DEPTH_MAX; depth++) {
		const struct go_desc *part = go_desc_step(types, desc, &rest, &name, &index);

		if (part) {
			desc = part;
			continue;
		}
		if (desc->head.kind == GO_KIND_STRUCT || desc->head.kind == GO_KIND_ARRAY ||
		    rest >= desc->head.ptrdata)
			return false;
		*ret = (struct go_slot){
		    .offset = offset - rest,
		    .stride = desc->head.size,
		    .count = 1,
		    .kind = slot_kind(desc),
		    .type = desc->head.addr,
		    .elem = desc->elem,
		};
		return true;
	}
	return false;
}

static uint64_t add(char *buf, uint64_t size, uint64_t used, const char *a, const char *b)
{
	const int n = used < size ? snprintf(buf + used, size - used, "%s%s", a, b) : 0;

	if (n < 0)
		return used;
	return (uint64_t)n < size - used ? used + (uint64_t)n : size - 1;
}

uint64_t go_desc_path(struct go_types *types, const struct go_desc *desc, uint64_t offset,
		      char *buf, uint64_t size, const struct go_desc **leaf_ret)
{
	uint64_t used = 0, index = 0;
	const char *name;

	buf[0] = 0;
	for (uint32_t depth = 0; depth < DEPTH_MAX; depth++) {
		const struct go_desc *part = go_desc_step(types, desc, &offset, &name, &index);
		char number[32];

		if (!part)
			break;
		snprintf(number, sizeof(number), "[%llu]", (unsigned long long)index);
		used = name ? add(buf, size, used, ".", name) : add(buf, size, used, number, "");
		desc = part;
	}
	if (leaf_ret)
		*leaf_ret = desc;
	return used;
}
