/* SPDX-License-Identifier: Apache-2.0 */
/* typevalues.c -- a block or variable part by part, with its values, for people. Structs and
 * arrays are taken apart, some elements of each; contents (strings, bytes, keys of maps, and what
 * may be text: arrays of small integers) are told only on request. */
#include "blocktypes.h"
#include <stdio.h>
#include <string.h>

enum {
	DEPTH_MAX = 32,
	ELEMENTS_MAX = 16,
	PARTS_MAX = 128,
	TEXT_MAX_BYTES = 256,
	NAME_BYTES = 1024,
	MAP_SLOTS = 8,
	MIN_TOP_HASH = 5, /* runtime/map.go: minTopHash; below: the slot is empty or moved. */
};

/* A struct whose fields, or a list whose elements, are being listed. */
struct frame {
	const struct go_desc *desc; /* The struct, or one element. */
	hw_addr base;
	uint64_t next, count;
	uint64_t name_length; /* Of the names of its parts, the part that is its own. */
	uint32_t shown;
	uint32_t used; /* Of a map's slots: those that hold something; else all bits. */
	bool is_list;
	bool is_private;
	bool is_slot; /* A group's {key, elem}. */
};

struct walk {
	struct go_block_types *blocks;
	struct go_types *types;
	uint32_t flags;
	void (*receiver)(void *self, const struct hw_part *part);
	void *self;
	char name[NAME_BYTES];
	struct frame frames[DEPTH_MAX];
	uint32_t depth, parts;
};

static bool is_small_integer(const struct go_desc *desc)
{
	return desc->head.kind >= GO_KIND_INT && desc->head.kind <= GO_KIND_UINTPTR &&
	       desc->head.size <= 4;
}

static bool is_bytes(struct go_types *types, const struct go_desc *desc)
{
	const struct go_desc *elem =
	    desc->head.kind == GO_KIND_ARRAY ? go_types_at(types, desc->elem) : NULL;

	return elem && is_small_integer(elem) && elem->head.size == 1;
}

static void give(struct walk *w, struct hw_part *part)
{
	part->struct_size = sizeof(*part);
	part->name = w->name[0] == '.' ? w->name + 1 : w->name;
	w->parts++;
	w->receiver(w->self, part);
}

/* What is where a part leads: as the block is known, else as its pointer says. */
static const char *target_name(const struct walk *w, hw_addr target, const struct go_desc *said,
			       bool is_list, char *buf, uint64_t size)
{
	struct go_block_type type;

	if (go_block_type(w->blocks, target, &type) && type.first == target) {
		go_block_type_name(w->blocks, &type, buf, size);
		return buf;
	}
	if (!said)
		return NULL;
	snprintf(buf, size, "%s", is_list ? "[]" : "");
	go_desc_full_name(w->types, said, buf + strlen(buf), size - strlen(buf));
	return buf;
}

static void read_text(const struct walk *w, struct hw_part *part, hw_addr at, uint64_t length,
		      char text[TEXT_MAX_BYTES])
{
	const uint64_t bytes = length < TEXT_MAX_BYTES ? length : TEXT_MAX_BYTES;

	if (!(w->flags & HW_FIELD_STRINGS) ||
	    !go_read(go_blocks_runtime(w->blocks), at, text, bytes))
		return;
	part->text = text;
	part->text_size = bytes;
}

static void read_number(const struct walk *w, struct hw_part *part, const struct go_desc *desc)
{
	const uint64_t shift = 64 - desc->head.size * 8;
	uint64_t word = 0;
	float single;
	double number;

	if (desc->head.size > 8 ||
	    !go_read(go_blocks_runtime(w->blocks), part->addr, &word, desc->head.size))
		return;
	part->number = word;
	if (desc->head.kind == GO_KIND_BOOL) {
		part->kind = HW_PART_BOOL;
	} else if (desc->head.kind <= GO_KIND_INT64) {
		part->kind = HW_PART_INT;
		part->number = (uint64_t)((int64_t)(word << shift) >> shift);
	} else if (desc->head.kind <= GO_KIND_UINTPTR) {
		part->kind = HW_PART_UINT;
	} else if (desc->head.kind == GO_KIND_FLOAT32) {
		memcpy(&single, &word, sizeof(single));
		number = single;
		memcpy(&part->number, &number, sizeof(number));
		part->kind = HW_PART_FLOAT;
	} else if (desc->head.kind == GO_KIND_FLOAT64) {
		part->kind = HW_PART_FLOAT;
	}
}

/* The first word of a map is its count, those of a channel are its count and its room:
 * runtime.hmap, maps.Map, runtime.hchan. */
static void read_counts(const struct walk *w, struct hw_part *part)
{
	if (!part->target)
		return;
	go_blocks_word(w->blocks, part->target, &part->length);
	if (part->kind == HW_PART_CHAN)
		go_blocks_word(w->blocks, part->target + 8, &part->capacity);
}

static void read_slice(const struct walk *w, struct hw_part *part)
{
	struct go_slice slice;

	part->kind = HW_PART_SLICE;
	if (!go_slice_read(go_blocks_runtime(w->blocks), part->addr, &slice))
		return;
	part->target = slice.ptr;
	part->length = slice.len;
	part->capacity = slice.cap;
}

static void give_leaf(struct walk *w, const struct go_desc *desc, hw_addr at, bool is_private)
{
	struct hw_part part = {.addr = at, .size = desc->head.size};
	const struct go_desc *said = desc->elem ? go_types_at(w->types, desc->elem) : NULL;
	char type[GO_NAME_MAX], target[GO_NAME_MAX], text[TEXT_MAX_BYTES];
	uint64_t word = 0;

	go_desc_full_name(w->types, desc, type, sizeof(type));
	part.type = type;
	if (desc->head.kind <= GO_KIND_COMPLEX128 || desc->head.kind == GO_KIND_STRUCT) {
		if (!is_private || w->flags & HW_FIELD_STRINGS)
			read_number(w, &part, desc);
		give(w, &part);
		return;
	}
	if (desc->head.kind == GO_KIND_ARRAY) {
		if (is_bytes(w->types, desc))
			read_text(w, &part, at, desc->head.size, text);
		give(w, &part);
		return;
	}
	go_blocks_word(w->blocks, at, &word);
	part.target = word;
	switch (desc->head.kind) {
	case GO_KIND_STRING:
		part.kind = HW_PART_STRING;
		go_blocks_word(w->blocks, at + 8, &part.length);
		if (part.length)
			read_text(w, &part, word, part.length, text);
		said = NULL;
		break;
	case GO_KIND_SLICE:
		read_slice(w, &part);
		break;
	case GO_KIND_INTERFACE:
		part.kind = HW_PART_INTERFACE;
		said = go_types_held(w->types, desc->has_methods, word);
		part.target = 0;
		if (word)
			go_blocks_word(w->blocks, at + 8, &part.target);
		break;
	case GO_KIND_MAP:
	case GO_KIND_CHAN:
		part.kind = desc->head.kind == GO_KIND_MAP ? HW_PART_MAP : HW_PART_CHAN;
		read_counts(w, &part);
		said = desc;
		break;
	case GO_KIND_FUNC:
		part.kind = HW_PART_FUNC;
		if (word && go_blocks_word(w->blocks, word, &word)) {
			go_func_literal_name(go_blocks_runtime(w->blocks), word, target,
					     sizeof(target));
			part.target_type = target;
		}
		give(w, &part);
		return;
	default:
		part.kind = HW_PART_POINTER;
	}
	if (part.kind == HW_PART_INTERFACE && said) {
		go_desc_full_name(w->types, said, target, sizeof(target));
		part.target_type = target;
	} else if (part.target && part.kind != HW_PART_STRING) {
		part.target_type = target_name(w, part.target, said, part.kind == HW_PART_SLICE,
					       target, sizeof(target));
	}
	give(w, &part);
}

static bool is_leaf(struct go_types *types, const struct go_desc *desc)
{
	if (desc->head.kind == GO_KIND_STRUCT)
		return !desc->field_count;
	return desc->head.kind != GO_KIND_ARRAY || !desc->length || is_bytes(types, desc) ||
	       !desc->elem || !go_types_at(types, desc->elem);
}

/* Which slots of a bucket or group hold something: topbits of one, the control word of the other.
 */
static uint32_t used_slots(const struct walk *w, const struct go_desc *map_part, hw_addr at)
{
	const bool is_group = strncmp(map_part->name, "map.group[", 10) == 0;
	uint8_t marks[MAP_SLOTS];
	uint32_t used = 0;

	if (!go_read(go_blocks_runtime(w->blocks), at, marks, sizeof(marks)))
		return UINT32_MAX;
	for (uint32_t i = 0; i < MAP_SLOTS; i++)
		if (is_group ? !(marks[i] & 0x80) : marks[i] >= MIN_TOP_HASH)
			used |= UINT32_C(1) << i;
	return used;
}

/* Goes into a struct or an array that stands at `at`. */
static void enter(struct walk *w, const struct frame *from, const struct go_desc *desc, hw_addr at,
		  bool is_private)
{
	struct frame f = {.desc = desc,
			  .base = at,
			  .count = desc->field_count,
			  .name_length = strlen(w->name),
			  .used = UINT32_MAX,
			  .is_private = is_private};

	if (desc->head.kind == GO_KIND_ARRAY) {
		f.is_list = true;
		f.count = desc->length;
		f.desc = go_types_at(w->types, desc->elem);
		f.is_private |= is_small_integer(f.desc);
	}
	/* The lists of a map's part: keys alone, elements alone, or both. */
	if (from && !from->is_list && go_desc_is_map_part(from->desc) && f.is_list &&
	    f.count == MAP_SLOTS) {
		const bool is_group = strncmp(from->desc->name, "map.group[", 10) == 0;

		f.used = used_slots(w, from->desc, from->base);
		f.is_private |= !is_group && from->next == 2; /* Behind topbits, keys. */
	}
	f.is_slot = from && from->is_list && from->used != UINT32_MAX && !f.is_list;
	if (w->depth < DEPTH_MAX)
		w->frames[w->depth++] = f;
}

static void give_more(struct walk *w, uint64_t count)
{
	struct hw_part part = {.kind = HW_PART_MORE, .length = count};

	give(w, &part);
}

static bool is_used(const struct frame *f, uint64_t index)
{
	return f->used == UINT32_MAX || (index < 32 && f->used >> index & 1);
}

static void take(struct walk *w, struct frame *f)
{
	const uint64_t index = f->next++;
	const struct go_desc *part = f->desc;
	const uint64_t left = sizeof(w->name) - f->name_length;
	hw_addr at = f->base;
	bool is_private = f->is_private;

	if (f->is_list) {
		if (!is_used(f, index))
			return;
		at += index * part->head.size;
		snprintf(w->name + f->name_length, left, "[%llu]", (unsigned long long)index);
	} else {
		part = go_types_at(w->types, f->desc->fields[index].type);
		at += f->desc->fields[index].offset;
		snprintf(w->name + f->name_length, left, ".%s", f->desc->fields[index].name);
		is_private |= f->is_slot && index == 0;
	}
	f->shown++;
	if (!part || !part->head.size)
		return;
	if (is_leaf(w->types, part) || w->depth == DEPTH_MAX)
		give_leaf(w, part, at, is_private);
	else
		enter(w, f, part, at, is_private);
}

static void list_parts(struct walk *w)
{
	while (w->depth) {
		struct frame *f = &w->frames[w->depth - 1];
		const bool is_enough =
		    w->parts >= PARTS_MAX || (f->is_list && f->shown == ELEMENTS_MAX);

		w->name[f->name_length] = 0;
		if (f->next < f->count && !is_enough) {
			take(w, f);
			continue;
		}
		if (f->next < f->count)
			give_more(w, f->count - f->next);
		w->depth--;
	}
}

static void list_values(struct walk *w, const struct go_desc *desc, hw_addr at)
{
	if (is_leaf(w->types, desc))
		give_leaf(w, desc, at, false);
	else
		enter(w, NULL, desc, at, false);
	list_parts(w);
}

/* What a slice leads to: from the element that covers addr on. */
static void list_elements(struct walk *w, const struct go_block_type *type, hw_addr addr)
{
	const uint64_t size = type->desc->head.size;
	struct frame f = {.desc = type->desc,
			  .base = type->first,
			  .count = type->count,
			  .used = UINT32_MAX,
			  .is_list = true,
			  .is_private = is_small_integer(type->desc)};
	struct hw_part part = {.addr = type->first, .size = type->bytes};
	char name[GO_NAME_MAX], text[TEXT_MAX_BYTES];

	if (is_small_integer(type->desc) && size == 1) {
		go_block_type_name(w->blocks, type, name, sizeof(name));
		part.type = name;
		read_text(w, &part, part.addr, part.size, text);
		give(w, &part);
		return;
	}
	if (addr >= type->first + size * ELEMENTS_MAX && addr - type->first < size * type->count) {
		f.next = (addr - type->first) / size;
		give_more(w, f.next);
	}
	w->frames[w->depth++] = f;
	list_parts(w);
}

static void list_string(struct walk *w, const struct go_block_type *type)
{
	struct hw_part part = {.addr = type->first, .size = type->bytes, .type = "string"};
	char text[TEXT_MAX_BYTES];

	read_text(w, &part, part.addr, part.size, text);
	give(w, &part);
}

static void list_func(struct walk *w, const struct go_block_type *type)
{
	struct hw_part part = {
	    .kind = HW_PART_FUNC, .addr = type->first, .size = 8, .type = "func"};
	char name[GO_NAME_MAX];

	if (type->desc) {
		list_values(w, type->desc, type->first);
		return;
	}
	go_func_literal_name(go_blocks_runtime(w->blocks), type->func, name, sizeof(name));
	part.target = type->func;
	part.target_type = name;
	give(w, &part);
}

/* The head of a map or channel: what it is, then the runtime's struct, then the elements that
 * stand behind a channel's head. */
static void list_head(struct walk *w, const struct go_block_type *type)
{
	const bool is_chan = type->form == GO_FORM_CHAN;
	const bool is_swiss =
	    type->desc ? type->desc->is_swiss : go_blocks_runtime(w->blocks)->layout.minor >= 24;
	const struct go_desc *elem = is_chan ? go_types_at(w->types, type->desc->elem) : NULL;
	const struct go_desc *head = go_blocks_known(w->blocks, is_chan    ? GO_KNOWN_HCHAN
								: is_swiss ? GO_KNOWN_MAP
									   : GO_KNOWN_HMAP);
	struct hw_part part = {.kind = is_chan ? HW_PART_CHAN : HW_PART_MAP,
			       .addr = type->first,
			       .size = type->bytes,
			       .target = type->first};
	char name[GO_NAME_MAX];
	struct frame f = {.desc = elem, .is_list = true, .used = UINT32_MAX};

	go_block_type_name(w->blocks, type, name, sizeof(name));
	part.type = name;
	read_counts(w, &part);
	part.target = 0;
	give(w, &part);
	if (!head)
		return;
	list_values(w, head, type->first);
	f.base = type->first + head->head.size;
	f.count = part.capacity;
	if (!is_chan || !elem || elem->head.ptrdata || !elem->head.size ||
	    f.count > (type->first + type->bytes - f.base) / elem->head.size)
		return;
	f.is_private = is_small_integer(elem);
	snprintf(w->name, sizeof(w->name), ".slot");
	f.name_length = strlen(w->name);
	w->frames[w->depth++] = f;
	list_parts(w);
}

static void list_directory(struct walk *w, const struct go_block_type *type)
{
	for (uint64_t i = 0; i < type->bytes / 8; i++) {
		struct hw_part part = {.kind = HW_PART_POINTER,
				       .addr = type->first + i * 8,
				       .size = 8,
				       .type = "*maps.table",
				       .target_type = "maps.table"};

		w->name[0] = 0;
		if (i == ELEMENTS_MAX) {
			give_more(w, type->bytes / 8 - i);
			return;
		}
		go_blocks_word(w->blocks, part.addr, &part.target);
		snprintf(w->name, sizeof(w->name), "[%llu]", (unsigned long long)i);
		give(w, &part);
	}
}

static bool list_block(struct walk *w, const struct go_block_type *type, hw_addr addr)
{
	const struct go_desc *table = go_blocks_known(w->blocks, GO_KNOWN_TABLE);

	switch (type->form) {
	case GO_FORM_VALUE:
		list_values(w, type->desc, type->first);
		break;
	case GO_FORM_ARRAY:
		list_elements(w, type, addr);
		break;
	case GO_FORM_STRING:
		list_string(w, type);
		break;
	case GO_FORM_FUNC:
		list_func(w, type);
		break;
	case GO_FORM_MAP:
	case GO_FORM_CHAN:
		list_head(w, type);
		break;
	case GO_FORM_DIRECTORY:
		list_directory(w, type);
		break;
	case GO_FORM_TABLE:
	default:
		if (!table)
			return false;
		list_values(w, table, type->first);
	}
	return true;
}

bool go_fields(void *handle, hw_addr addr, uint32_t flags,
	       void (*receiver)(void *self, const struct hw_part *part), void *self)
{
	struct go *go = handle;

	for (uint64_t i = 0; i < go->count; i++) {
		struct go_block_types *blocks = go->runtimes[i].block_types;
		struct walk w = {
		    .blocks = blocks, .flags = flags, .receiver = receiver, .self = self};
		const struct go_variable *variable;
		struct go_block_type type;

		if (!blocks)
			continue;
		w.types = go_block_types_cache(blocks);
		if (go_block_type(blocks, addr, &type))
			return list_block(&w, &type, addr);
		variable = go_block_variable(blocks, addr);
		if (variable && variable->desc) {
			list_values(&w, variable->desc, variable->addr);
			return true;
		}
	}
	return false;
}
