/* SPDX-License-Identifier: Apache-2.0 */
/* typefield.c -- the names of types and of parts of blocks, for people; what struct hw_plugin
 * asks of types. */
#include "holders.h"
#include "ledger.h"
#include "views.h"
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = GO_NAME_MAX + 64, KEY_MAX = 64, MAP_SLOTS = 8 };

bool go_types(void *handle)
{
	struct go *go = handle;

	for (uint64_t i = 0; i < go->count; i++) {
		struct go_runtime *rt = &go->runtimes[i];

		if (rt->id == HW_NO_MODULE || rt->block_types || !rt->module_count)
			continue;
		rt->block_types = go_block_types_new(rt);
		if (rt->block_types)
			continue;
		go->host->fail(go->host->self, go->host->stopped(go->host->self)
						   ? "stopped"
						   : "no memory for the types of blocks");
		return false;
	}
	return true;
}

bool go_type_of(void *handle, uint32_t heap, hw_addr block, struct hw_typed *ret)
{
	static const char *const hows[] = {
	    [GO_HOW_NONE] = "",
	    [GO_HOW_VIEW] = "view",
	    [GO_HOW_PROPAGATED] = "propagated",
	    [GO_HOW_CLOSURE] = "closure",
	    [GO_HOW_CODE] = "code",
	    [GO_HOW_DEBUG] = "debug info",
	    [GO_HOW_INTERFACE] = "interface",
	    [GO_HOW_HEADER] = "header",
	};
	const struct go_runtime *rt = go_runtime_of(handle, heap);
	struct go_block_type type;
	char name[NAME_MAX_BYTES];
	uint32_t *known;

	if (rt && go_in_user_arena(rt, block)) {
		ret->type = rt->host->type(rt->host->self, "user arena chunk");
		ret->how = "allocator";
		ret->confidence = HW_EXACT;
		return true;
	}
	if (!rt || !go_block_type(rt->block_types, block, &type))
		return false;
	known = go_blocks_host_type(rt->block_types, block);
	if (!*known) {
		go_block_type_name(rt->block_types, &type, name, sizeof(name));
		*known = rt->host->type(rt->host->self, name);
	}
	ret->type = *known;
	ret->how = hows[type.how];
	ret->confidence = type.how == GO_HOW_HEADER ? HW_EXACT
			  : type.how == GO_HOW_VIEW ? HW_GUESSED
						    : HW_CONSERVATIVE;
	return true;
}

/* "[key@0x… len 7]" for strings, "[key@0x…]" for others; with their contents when they may be
 * shown: ["abc"], [42]. */
static void add_key(struct go_text *t, struct go_block_types *blocks, const struct go_desc *key,
		    hw_addr at, uint32_t flags)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	struct go_types *types = go_block_types_cache(blocks);
	char part[KEY_MAX + 64], bytes[KEY_MAX];
	hw_addr word = 0;
	struct go_slice string;
	uint64_t number = 0;

	if (key->head.kind == GO_KIND_INTERFACE && go_word(rt, at, &word)) {
		const struct go_desc *held = go_types_held(types, key->has_methods, word);

		/* What an interface holds stands elsewhere, or it is a pointer: that says which. */
		if (held && go_word(rt, at + 8, &word)) {
			key = held;
			at = word;
			flags &= go_desc_is_direct(types, held) ? 0 : ~UINT32_C(0);
		}
	}
	snprintf(part, sizeof(part), "[key@0x%llx]", (unsigned long long)at);
	if (key->head.kind == GO_KIND_STRING && go_read(rt, at, &string, 16)) {
		if (flags & HW_FIELD_STRINGS &&
		    go_text(rt, string.ptr, string.len, bytes, sizeof(bytes)))
			snprintf(part, sizeof(part), "[\"%s\"%s]", bytes,
				 string.len < sizeof(bytes) ? "" : "...");
		else
			snprintf(part, sizeof(part), "[key@0x%llx len %llu]",
				 (unsigned long long)string.ptr, (unsigned long long)string.len);
	} else if (flags & HW_FIELD_STRINGS && key->head.kind >= GO_KIND_INT &&
		   key->head.kind <= GO_KIND_UINTPTR && go_read(rt, at, &number, key->head.size)) {
		const uint64_t shift = 64 - key->head.size * 8;

		if (key->head.kind <= GO_KIND_INT64)
			snprintf(part, sizeof(part), "[%lld]",
				 (long long)((int64_t)(number << shift) >> shift));
		else
			snprintf(part, sizeof(part), "[%llu]", (unsigned long long)number);
	}
	go_text_add(t, part);
}

uint64_t go_key_text(struct go_block_types *blocks, const struct go_desc *key, hw_addr at,
		     uint32_t flags, char *buf, uint64_t size)
{
	struct go_text t = {buf, size, 0};

	add_key(&t, blocks, key, at, flags);
	return t.used;
}

/* What stands at an offset of a value at base. */
static void add_path(struct go_text *t, struct go_block_types *blocks, const struct go_desc *desc,
		     hw_addr base, uint64_t offset, uint32_t flags)
{
	char *end = t->buf + t->used;

	t->used += flags & HW_FIELD_SHORT
		       ? go_holder_path(blocks, desc, base, offset, flags, end, t->size - t->used)
		       : go_desc_path(go_block_types_cache(blocks), desc, offset, end,
				      t->size - t->used, NULL);
}

/* A part of a bucket or group. The compiler calls keys and elements so (reflectdata/map*.go):
 *   to 1.23   topbits [8]uint8, keys [8]K, elems [8]V, overflow
 *   1.24-     ctrl, slots [8]struct{key, elem} */
static void add_map_part(struct go_text *t, struct go_block_types *blocks,
			 const struct go_desc *desc, hw_addr base, uint64_t offset, uint32_t flags)
{
	struct go_types *types = go_block_types_cache(blocks);
	const bool is_group = strncmp(desc->name, "map.group[", 10) == 0;
	const struct go_field_desc *keys = &desc->fields[1];
	const struct go_field_desc *elems = is_group ? keys : &desc->fields[2];
	const struct go_desc *list, *slot, *key, *elem;
	uint64_t index, key_at, elem_at;

	if (desc->field_count < (is_group ? 2u : 3u) || offset < keys->offset)
		return;
	list = go_types_at(types, offset >= elems->offset ? elems->type : keys->type);
	slot = list && list->length ? go_types_at(types, list->elem) : NULL;
	if (!slot || !slot->head.size)
		return;
	index =
	    (offset - (offset >= elems->offset ? elems->offset : keys->offset)) / slot->head.size;
	if (index >= list->length) /* The bucket that follows. */
		return;
	if (is_group) {
		if (slot->field_count != 2)
			return;
		key = go_types_at(types, slot->fields[0].type);
		elem = go_types_at(types, slot->fields[1].type);
		key_at = keys->offset + index * slot->head.size;
		elem_at = key_at + slot->fields[1].offset;
	} else {
		list = go_types_at(types, keys->type);
		key = list ? go_types_at(types, list->elem) : NULL;
		list = go_types_at(types, elems->type);
		elem = list ? go_types_at(types, list->elem) : NULL;
		key_at = keys->offset + index * (key ? key->head.size : 0);
		elem_at = elems->offset + index * (elem ? elem->head.size : 0);
	}
	if (!key || !elem)
		return;
	if (flags & HW_FIELD_SHORT && go_context_is_key(types, key)) {
		go_text_add(t, "[child context]");
		return;
	}
	add_key(t, blocks, key, base + key_at, flags);
	if (offset >= elem_at && offset - elem_at < elem->head.size)
		add_path(t, blocks, elem, base + elem_at, offset - elem_at, flags);
	else
		go_text_add(t, ".(key)");
}

static void add_index(struct go_text *t, const struct go_block_type *type, uint64_t index,
		      uint32_t flags)
{
	const bool is_short = flags & HW_FIELD_SHORT;
	char number[32];

	/* The ring of a pool's values has none; its locals' fields end the bracket. */
	if (is_short && (strcmp(type->desc->name, "sync.eface") == 0))
		return;
	if (is_short && strcmp(type->desc->name, "sync.poolLocal") == 0)
		snprintf(number, sizeof(number), "[P %llu", (unsigned long long)index);
	else
		snprintf(number, sizeof(number), "[%s%llu]",
			 is_short && type->inside ? "slot " : "", (unsigned long long)index);
	go_text_add(t, number);
}

/* Of a part of a map or channel, by the runtime's own struct. */
static void add_head(struct go_text *t, struct go_block_types *blocks,
		     const struct go_block_type *type, uint64_t offset)
{
	const bool is_swiss =
	    type->desc ? type->desc->is_swiss : go_blocks_runtime(blocks)->layout.minor >= 24;
	const struct go_desc *head =
	    go_blocks_known(blocks, type->form == GO_FORM_CHAN    ? GO_KNOWN_HCHAN
				    : type->form == GO_FORM_TABLE ? GO_KNOWN_TABLE
				    : is_swiss                    ? GO_KNOWN_MAP
								  : GO_KNOWN_HMAP);
	char number[32];

	if (type->form == GO_FORM_DIRECTORY) {
		snprintf(number, sizeof(number), "[%llu]", (unsigned long long)offset / 8);
		go_text_add(t, number);
	} else if (head) {
		t->used += go_desc_path(go_block_types_cache(blocks), head, offset,
					t->buf + t->used, t->size - t->used, NULL);
	}
}

static bool block_field(struct go_block_types *blocks, const struct go_block_type *type,
			hw_addr slot, uint32_t flags, struct go_text *t)
{
	struct go_types *types = go_block_types_cache(blocks);
	const uint64_t offset = slot - type->first;
	uint64_t index;

	if (slot < type->first || offset >= type->bytes)
		return false;
	switch (type->form) {
	case GO_FORM_VALUE:
	case GO_FORM_ARRAY:
		index = offset / type->desc->head.size;
		if (index >= type->count)
			return false;
		if (go_desc_is_map_part(type->desc)) {
			add_map_part(t, blocks, type->desc,
				     type->first + index * type->desc->head.size,
				     offset % type->desc->head.size, flags);
			return true;
		}
		if (flags & HW_FIELD_SHORT && go_timers_hold(types, type->desc))
			return true;
		if (type->form == GO_FORM_ARRAY)
			add_index(t, type, index, flags);
		add_path(t, blocks, type->desc, type->first + index * type->desc->head.size,
			 offset % type->desc->head.size, flags);
		return true;
	case GO_FORM_FUNC:
		if (flags & HW_FIELD_SHORT && go_context_is_func(blocks, type->func))
			return true;
		if (type->desc)
			add_path(t, blocks, type->desc, type->first, offset, flags);
		return type->desc != NULL;
	default: /* The parts of a map and of a channel have no names that help. */
		if (!(flags & HW_FIELD_SHORT))
			add_head(t, blocks, type, offset);
		return true;
	}
}

bool go_field(void *handle, hw_addr slot, uint32_t flags, char *buf, uint64_t size)
{
	struct go *go = handle;
	struct go_text text = {buf, size, 0};
	struct go_block_type type;

	if (!size)
		return false;
	buf[0] = 0;
	for (uint64_t i = 0; i < go->count; i++) {
		struct go_block_types *blocks = go->runtimes[i].block_types;
		const struct go_variable *variable;

		if (!blocks)
			continue;
		if (go_block_type(blocks, slot, &type))
			return block_field(blocks, &type, slot, flags, &text);
		variable = go_block_variable(blocks, slot);
		if (!variable || (!variable->desc && (variable->is_slice || !*variable->path)))
			continue;
		if (variable->is_inside && flags & HW_FIELD_SHORT)
			return true;
		go_text_add(&text, variable->path);
		if (!variable->desc)
			return true;
		if (flags & HW_FIELD_SHORT)
			text.used = go_holder_cut(blocks, variable, buf);
		add_path(&text, blocks, variable->desc, variable->addr, slot - variable->addr,
			 flags);
		return true;
	}
	return false;
}

/* The type of the interface whose second word is at slot and points at a value of desc; NULL when
 * there is none. */
static const char *interface_name(struct go_block_types *blocks, const struct go_desc *desc,
				  hw_addr slot)
{
	struct go_types *types = go_block_types_cache(blocks);
	const struct go_desc *inter = NULL, *held;
	uint64_t word;

	if (!go_blocks_word(blocks, slot - 8, &word) || !word)
		return NULL;
	held = go_types_at(types, word);
	if (!held)
		held = go_types_itab(types, word, &inter);
	if (!held ||
	    (held != desc && (held->head.kind != GO_KIND_POINTER || held->elem != desc->head.addr)))
		return NULL;
	return inter ? inter->name : "interface {}";
}

/* What package sync keeps its maps in: since 1.24 a trie, before a struct behind `read`, and a map
 * of entries. */
static bool is_sync_map(const struct go_block_type *type)
{
	static const char map[] = "map[interface {}]*sync.entry";

	if (type->form == GO_FORM_MAP)
		return type->desc && !strcmp(type->desc->name, map);
	return type->form == GO_FORM_VALUE &&
	       (!strcmp(type->desc->name, "sync.readOnly") ||
		!strcmp(type->desc->name, "sync.indirect[interface {},interface {}]"));
}

bool go_variable_type(void *handle, hw_addr slot, char *buf, uint64_t size)
{
	struct go *go = handle;

	for (uint64_t i = 0; i < go->count; i++) {
		const struct go_runtime *rt = &go->runtimes[i];
		struct go_block_type type;
		char name[NAME_MAX_BYTES];
		const char *inter;
		uint64_t word;

		if (!rt->block_types || !go_in_image(&rt->image, slot) ||
		    !go_word(rt, slot, &word) || !go_block_type(rt->block_types, word, &type) ||
		    word != type.first || type.how == GO_HOW_VIEW)
			continue;
		go_block_type_name(rt->block_types, &type, name, sizeof(name));
		if (is_sync_map(&type) || (type.form == GO_FORM_MAP && !type.desc)) {
			snprintf(buf, size, "%s", type.desc ? "sync.Map" : "map");
			return true;
		}
		inter = type.form == GO_FORM_VALUE
			    ? interface_name(rt->block_types, type.desc, slot)
			    : NULL;
		if (inter)
			snprintf(buf, size, "%s", inter);
		else
			snprintf(buf, size, "%s%s", type.form == GO_FORM_VALUE ? "*" : "", name);
		return true;
	}
	return false;
}
