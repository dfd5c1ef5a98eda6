/* SPDX-License-Identifier: Apache-2.0 */
/* typenames.c -- types and blocks by name, for people. Go prints the last element of a package's
 * path only: types of two packages may then read alike, and are told apart here. */
#include "blocktypes.h"
#include "pclntab.h"
#include "text.h"
#include <stdio.h>
#include <string.h>

enum { PATH_MAX_BYTES = 512, DEPTH_MAX = 16 };

bool go_desc_is_map_part(const struct go_desc *desc)
{
	return strncmp(desc->name, "map.bucket[", 11) == 0 ||
	       strncmp(desc->name, "map.group[", 10) == 0;
}

static bool is_named(const struct go_desc *desc)
{
	return desc->head.tflag & GO_TFLAG_NAMED;
}

/* Has another package a type of the name? Then the path of this one's. */
static bool is_alike(struct go_types *types, const struct go_desc *desc, char path[PATH_MAX_BYTES])
{
	uint64_t count;
	const struct go_desc *const *all = go_types_all_named(types, desc->name, &count);
	char other[PATH_MAX_BYTES];

	if (count < 2 || !go_desc_package(types, desc, path, PATH_MAX_BYTES))
		return false;
	for (uint64_t i = 0; i < count; i++)
		if (is_named(all[i]) && go_desc_package(types, all[i], other, sizeof(other)) &&
		    strcmp(path, other) != 0)
			return true;
	return false;
}

static void add_named(struct go_text *t, struct go_types *types, const struct go_desc *desc)
{
	char path[PATH_MAX_BYTES];
	const char *dot = strchr(desc->name, '.');

	if (dot && is_alike(types, desc, path)) {
		go_text_add(t, path);
		go_text_add(t, dot);
	} else {
		go_text_add(t, desc->name);
	}
}

/* The parts of a type without a name, as far as they are named alone; those of functions and
 * structs stay as Go prints them. */
static void add_type(struct go_text *t, struct go_types *types, const struct go_desc *desc,
		     uint32_t depth)
{
	const struct go_desc *elem = desc->elem ? go_types_at(types, desc->elem) : NULL;
	const struct go_desc *key = desc->key ? go_types_at(types, desc->key) : NULL;
	char number[32];

	if (is_named(desc) || !elem || depth > DEPTH_MAX) {
		add_named(t, types, desc);
		return;
	}
	switch (desc->head.kind) {
	case GO_KIND_POINTER:
		go_text_add(t, "*");
		break;
	case GO_KIND_SLICE:
		go_text_add(t, "[]");
		break;
	case GO_KIND_ARRAY:
		snprintf(number, sizeof(number), "[%llu]", (unsigned long long)desc->length);
		go_text_add(t, number);
		break;
	case GO_KIND_MAP:
		if (!key) {
			go_text_add(t, desc->name);
			return;
		}
		go_text_add(t, "map[");
		add_type(t, types, key, depth + 1);
		go_text_add(t, "]");
		break;
	default:
		go_text_add(t, desc->name);
		return;
	}
	add_type(t, types, elem, depth + 1);
}

void go_desc_full_name(struct go_types *types, const struct go_desc *desc, char *buf, uint64_t size)
{
	struct go_text t = {buf, size, 0};

	buf[0] = 0;
	add_type(&t, types, desc, 0);
}

void go_func_literal_name(const struct go_runtime *rt, hw_addr entry, char *buf, uint64_t size)
{
	static const char literal[] = "func literal ";
	struct go_func func;

	snprintf(buf, size, "%s", literal);
	if (!go_func_find(rt, entry, &func))
		return;
	go_func_name(rt, func.module, func.name, buf + strlen(literal), size - strlen(literal));
	go_name_clean(buf + strlen(literal));
}

void go_block_type_name(struct go_block_types *blocks, const struct go_block_type *type, char *buf,
			uint64_t size)
{
	struct go_types *types = go_block_types_cache(blocks);
	const bool is_list = type->form == GO_FORM_ARRAY && !go_desc_is_map_part(type->desc);

	switch (type->form) {
	case GO_FORM_STRING:
		snprintf(buf, size, "string");
		break;
	case GO_FORM_FUNC:
		go_func_literal_name(go_blocks_runtime(blocks), type->func, buf, size);
		break;
	case GO_FORM_TABLE:
		snprintf(buf, size, "maps.table");
		break;
	case GO_FORM_DIRECTORY:
		snprintf(buf, size, "[]*maps.table");
		break;
	case GO_FORM_MAP:
		if (!type->desc) {
			snprintf(buf, size, "%s",
				 go_blocks_runtime(blocks)->layout.minor >= 24 ? "maps.Map"
									       : "runtime.hmap");
			break;
		}
		/* fallthrough */
	default:
		snprintf(buf, size, "%s", is_list ? "[]" : "");
		go_desc_full_name(types, type->desc, buf + strlen(buf), size - strlen(buf));
	}
}
