/* SPDX-License-Identifier: Apache-2.0 */
/* holders.c -- containers as people know them: maps, channels, sync.Map, sync.Pool, list.List,
 * contexts. What they are made of is left out of paths and trees. Types are recognised by name and
 * package, as upstream has them:
 *
 *   sync/map.go to 1.23           Map, readOnly, entry
 *   internal/sync/hashtriemap.go  HashTrieMap, indirect, entry, node (generic), 1.24
 *   sync/pool.go, poolqueue.go    Pool, poolLocal, poolChainElt, eface
 *   container/list/list.go        List, Element
 *   context/context.go            see contexts.c */
#include "holders.h"
#include "ledger.h"
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

bool go_desc_is(struct go_types *types, const struct go_desc *desc, const char *name,
		const char *package)
{
	const uint64_t length = strlen(name);
	char path[256];
	uint64_t have;

	if (strncmp(desc->name, name, length) != 0 ||
	    (desc->name[length] && desc->name[length] != '[') ||
	    !go_desc_package(types, desc, path, sizeof(path)))
		return false;
	have = strlen(path);
	return strcmp(path, package) == 0 ||
	       (strcmp(package, "sync") == 0 && have == 13 && strcmp(path, "internal/sync") == 0);
}

enum go_holder go_desc_holder(struct go_types *types, const struct go_desc *desc)
{
	if (strncmp(desc->name, "sync.", 5) == 0) {
		if (go_desc_is(types, desc, "sync.entry", "sync") ||
		    go_desc_is(types, desc, "sync.indirect", "sync") ||
		    go_desc_is(types, desc, "sync.node", "sync") ||
		    go_desc_is(types, desc, "sync.readOnly", "sync"))
			return GO_HOLDER_SYNC_MAP;
		if (go_desc_is(types, desc, "sync.poolLocal", "sync") ||
		    go_desc_is(types, desc, "sync.poolChainElt", "sync") ||
		    go_desc_is(types, desc, "sync.eface", "sync"))
			return GO_HOLDER_POOL;
	}
	if (go_context_is_part(types, desc))
		return GO_HOLDER_CONTEXT;
	return go_desc_is(types, desc, "list.Element", "container/list") ? GO_HOLDER_LIST
									 : GO_HOLDER_NONE;
}

/* sync.Map's own map, of pointers to its entries. */
static bool is_map_of_entries(struct go_types *types, const struct go_desc *map)
{
	const struct go_desc *elem = map->elem ? go_types_at(types, map->elem) : NULL;
	const struct go_desc *entry =
	    elem && elem->head.kind == GO_KIND_POINTER ? go_types_at(types, elem->elem) : NULL;

	return entry && go_desc_holder(types, entry) == GO_HOLDER_SYNC_MAP;
}

/* Of what a map is that has no meaning without what leads to it; NONE: a map of the program's. */
static enum go_holder holder_of_map(struct go_types *types, const struct go_desc *map)
{
	const struct go_desc *key = map && map->key ? go_types_at(types, map->key) : NULL;

	if (map && is_map_of_entries(types, map))
		return GO_HOLDER_SYNC_MAP;
	return key && go_context_is_key(types, key) ? GO_HOLDER_CONTEXT : GO_HOLDER_NONE;
}

static enum go_holder holder_of(struct go_block_types *blocks, const struct go_block_type *type)
{
	struct go_types *types = go_block_types_cache(blocks);
	const struct go_desc *in = type->inside;
	enum go_holder holder;

	if (in && in->head.kind == GO_KIND_CHAN)
		return GO_HOLDER_CHAN;
	if (in && in->head.kind != GO_KIND_MAP)
		return GO_HOLDER_SYNC_MAP;
	switch (type->form) {
	case GO_FORM_TABLE:
	case GO_FORM_DIRECTORY:
		holder = holder_of_map(types, type->desc);
		return holder ? holder : GO_HOLDER_MAP;
	case GO_FORM_MAP:
		return holder_of_map(types, type->desc);
	case GO_FORM_VALUE:
	case GO_FORM_ARRAY:
		if (!in && !go_desc_is_map_part(type->desc))
			return go_desc_holder(types, type->desc);
		holder = holder_of_map(types, in);
		return holder ? holder : GO_HOLDER_MAP;
	case GO_FORM_FUNC:
		return go_context_is_func(blocks, type->func) ? GO_HOLDER_CONTEXT : GO_HOLDER_NONE;
	default:
		return GO_HOLDER_NONE;
	}
}

bool go_block_inside(struct go_block_types *blocks, hw_addr addr, char *buf, uint64_t size)
{
	static const char *const names[] = {
	    [GO_HOLDER_MAP] = "map",           [GO_HOLDER_CHAN] = "chan",
	    [GO_HOLDER_SYNC_MAP] = "sync.Map", [GO_HOLDER_LIST] = "list.List",
	    [GO_HOLDER_POOL] = "sync.Pool",    [GO_HOLDER_CONTEXT] = "context.Context",
	};
	struct go_block_type type;
	const struct go_desc *container;
	enum go_holder holder;

	if (!go_block_type(blocks, addr, &type))
		return false;
	holder = holder_of(blocks, &type);
	if (holder == GO_HOLDER_NONE)
		return false;
	container = type.inside                                                    ? type.inside
		    : type.form == GO_FORM_TABLE || type.form == GO_FORM_DIRECTORY ? type.desc
										   : NULL;
	if ((holder == GO_HOLDER_MAP || holder == GO_HOLDER_CHAN) && container)
		go_desc_full_name(go_block_types_cache(blocks), container, buf, size);
	else
		snprintf(buf, size, "%s", names[holder]);
	return true;
}

bool go_inside(void *handle, uint32_t heap, hw_addr block, char *buf, uint64_t size)
{
	const struct go_runtime *rt = go_runtime_of(handle, heap);

	return rt && rt->block_types && size && go_block_inside(rt->block_types, block, buf, size);
}

/* Names of parts. */

static void add_type(struct go_text *t, struct go_types *types, const struct go_desc *desc)
{
	char name[GO_NAME_MAX];

	go_desc_full_name(types, desc, name, sizeof(name));
	go_text_add(t, name);
	go_text_add(t, ")");
}

/* Does an interface that holds such a value lead into a container? */
static bool is_part(struct go_types *types, const struct go_desc *held)
{
	if (held->head.kind == GO_KIND_POINTER)
		held = go_types_at(types, held->elem);
	return held && go_desc_holder(types, held) != GO_HOLDER_NONE;
}

/* What an interface at `at` holds: ".(main.idData)". */
static void add_held(struct go_text *t, struct go_block_types *blocks, bool has_methods, hw_addr at)
{
	struct go_types *types = go_block_types_cache(blocks);
	const struct go_desc *held;
	hw_addr word = 0;

	if (!go_blocks_word(blocks, at, &word))
		return;
	held = go_types_held(types, has_methods, word);
	if (!held || is_part(types, held))
		return;
	go_text_add(t, ".(");
	add_type(t, types, held);
}

/* Of a value that was found by its key: sync.entry[K, V]. */
static void add_key_of(struct go_text *t, struct go_block_types *blocks,
		       const struct go_desc *entry, hw_addr at, uint32_t flags)
{
	struct go_types *types = go_block_types_cache(blocks);

	for (uint32_t i = 0; i < entry->field_count; i++) {
		const struct go_field_desc *f = &entry->fields[i];
		const struct go_desc *key = go_types_at(types, f->type);

		if (key && strcmp(f->name, "key") == 0)
			t->used += go_key_text(blocks, key, at + f->offset, flags, t->buf + t->used,
					       t->size - t->used);
	}
}

static bool is_timer(struct go_block_types *blocks, const struct go_desc *desc)
{
	struct go_types *types = go_block_types_cache(blocks);

	return desc == go_blocks_known(blocks, GO_KNOWN_TIMER) ||
	       desc == go_blocks_known(blocks, GO_KNOWN_TICKER) ||
	       go_desc_is(types, desc, "time.runtimeTimer", "time") ||
	       go_desc_is(types, desc, "runtime.timer", "runtime");
}

/* How a field of one of the containers' structs is called, when it is one. *is_done_ret: nothing
 * behind it is worth a name. */
static bool add_special(struct go_text *t, struct go_block_types *blocks,
			const struct go_desc *desc, hw_addr at, const char *field, uint32_t flags,
			bool *is_done_ret)
{
	struct go_types *types = go_block_types_cache(blocks);

	*is_done_ret = false;
	if (go_desc_is(types, desc, "sync.entry", "sync")) {
		*is_done_ret = strcmp(field, "value") != 0 && strcmp(field, "key") != 0;
		if (!*is_done_ret)
			add_key_of(t, blocks, desc, at, flags);
		if (strcmp(field, "key") == 0)
			go_text_add(t, ".(key)");
	} else if (go_desc_is(types, desc, "list.Element", "container/list")) {
		*is_done_ret = strcmp(field, "Value") != 0;
		if (!*is_done_ret)
			go_text_add(t, "[element]");
	} else if (go_desc_is(types, desc, "sync.Pool", "sync")) {
		*is_done_ret = strcmp(field, "New") != 0;
		if (!*is_done_ret)
			go_text_add(t, ".New");
		else if (strcmp(field, "victim") == 0)
			go_text_add(t, "[victim]");
	} else if (go_desc_is(types, desc, "sync.poolLocalInternal", "sync")) {
		*is_done_ret = strcmp(field, "shared") == 0;
		go_text_add(t, *is_done_ret ? " shared]" : " private]");
	} else if (is_timer(blocks, desc)) {
		return go_timer_field(t, blocks, desc, at, field, is_done_ret);
	} else if (go_context_is_part(types, desc)) {
		return go_context_field(t, blocks, desc, at, field, flags, is_done_ret);
	} else if (go_desc_is(types, desc, "sync.Map", "sync") ||
		   go_desc_is(types, desc, "sync.HashTrieMap", "sync") ||
		   go_desc_is(types, desc, "list.List", "container/list") ||
		   go_desc_holder(types, desc) == GO_HOLDER_SYNC_MAP ||
		   go_desc_is(types, desc, "sync.poolChainElt", "sync")) {
		*is_done_ret = true;
	} else {
		/* poolLocal embeds poolLocalInternal; atomic.Pointer and atomic.Value are what
		 * they hold. */
		return go_desc_is(types, desc, "sync.poolLocal", "sync") ||
		       go_desc_is(types, desc, "atomic.Pointer", "sync/atomic") ||
		       go_desc_is(types, desc, "atomic.Value", "sync/atomic");
	}
	return true;
}

uint64_t go_holder_path(struct go_block_types *blocks, const struct go_desc *desc, hw_addr base,
			uint64_t offset, uint32_t flags, char *buf, uint64_t size)
{
	struct go_types *types = go_block_types_cache(blocks);
	struct go_text t = {buf, size, 0};
	bool is_done = false;
	uint64_t index = 0;
	const char *name;

	buf[0] = 0;
	for (uint32_t depth = 0; depth < DEPTH_MAX && !is_done; depth++) {
		const hw_addr at = base + offset;
		const struct go_desc *part = go_desc_step(types, desc, &offset, &name, &index);
		char number[32];

		if (!part)
			break;
		snprintf(number, sizeof(number), "[%llu]", (unsigned long long)index);
		if (!name) {
			go_text_add(&t, number);
		} else if (!add_special(&t, blocks, desc, base, name, flags, &is_done)) {
			go_text_add(&t, ".");
			go_text_add(&t, name);
		}
		base = at - offset;
		desc = part;
		if (strcmp(desc->name, "sync.eface") == 0)
			break;
	}
	if (is_done)
		return t.used;
	if (desc->head.kind == GO_KIND_INTERFACE)
		add_held(&t, blocks, desc->has_methods, base);
	else if (go_desc_is(types, desc, "sync.eface", "sync"))
		add_held(&t, blocks, false, base);
	return t.used;
}

/* Leads to what sync.Map reads without its lock: the linker may leave out the descriptors of a
 * variable's type (1.15 to 1.23), and debug info then tells its parts. */
static bool is_read_only(struct go_block_types *blocks, const struct go_variable *variable)
{
	struct go_types *types = go_block_types_cache(blocks);
	const struct go_desc *held = NULL;
	hw_addr word = 0;

	if (variable->desc->head.kind == GO_KIND_POINTER)
		held = go_types_at(types, variable->desc->elem);
	else if (variable->desc->head.kind == GO_KIND_INTERFACE &&
		 go_blocks_word(blocks, variable->addr, &word))
		held = go_types_held(types, false, word);
	return held && go_desc_is(types, held, "sync.readOnly", "sync");
}

/* Debug info tells a sync.Map or list.List member by member when it has no descriptor. */
uint64_t go_holder_cut(struct go_block_types *blocks, const struct go_variable *variable,
		       char *path)
{
	struct go_types *types = go_block_types_cache(blocks);
	const struct go_desc *desc = variable->desc;
	const char *field = go_desc_is(types, desc, "sync.HashTrieMap", "sync")         ? ".m"
			    : go_desc_is(types, desc, "list.Element", "container/list") ? ".root"
			    : go_desc_is(types, desc, "atomic.Value", "sync/atomic") ||
				    go_desc_is(types, desc, "atomic.Pointer", "sync/atomic")
				? ".read"
			    : is_read_only(blocks, variable) ? ".read.v"
			    : desc->head.kind == GO_KIND_MAP && is_map_of_entries(types, desc)
				? ".dirty"
				: NULL;
	const uint64_t length = strlen(path), cut = field ? strlen(field) : 0;

	if (!cut || length < cut || strcmp(path + length - cut, field) != 0)
		return length;
	path[length - cut] = 0;
	return length - cut;
}
