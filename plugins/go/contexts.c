/* SPDX-License-Identifier: Apache-2.0 */
/* contexts.c -- a chain of contexts as one holder: ctx.Value(main.userKey), ctx.Done(). The structs
 * that lead to a parent and to children are left out of paths (context/context.go):
 *
 *   cancelCtx         Context, done, children map[canceler]struct{}, err; cause from 1.20 on
 *   timerCtx          cancelCtx, timer
 *   valueCtx          Context, key, val
 *   afterFuncCtx      cancelCtx, f; stopCtx: Context, stop; withoutCancelCtx: c; from 1.21 on
 *
 * The package's func literals (what cancels, and what a deadline's timer calls) lead to them, too.
 */
#include "holders.h"
#include "pclntab.h"
#include <string.h>

static bool is_context(struct go_types *types, const struct go_desc *desc, const char *name)
{
	return go_desc_is(types, desc, name, "context");
}

bool go_context_is_part(struct go_types *types, const struct go_desc *desc)
{
	static const char *const names[] = {"context.cancelCtx", "context.timerCtx",
					    "context.valueCtx",  "context.afterFuncCtx",
					    "context.stopCtx",   "context.withoutCancelCtx"};

	if (desc->head.kind != GO_KIND_STRUCT || strncmp(desc->name, "context.", 8) != 0)
		return false;
	for (uint32_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (is_context(types, desc, names[i]))
			return true;
	return false;
}

bool go_context_is_key(struct go_types *types, const struct go_desc *key)
{
	return is_context(types, key, "context.canceler");
}

bool go_context_is_func(struct go_block_types *blocks, hw_addr entry)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	struct go_func func;
	char name[16];

	if (!go_func_find(rt, entry, &func) || func.entry != entry)
		return false;
	go_func_name(rt, func.module, func.name, name, sizeof(name));
	return strncmp(name, "context.", 8) == 0;
}

/* "main.userKey", and which one, when it may be shown: "main.userKey(3)". */
static void add_key(struct go_text *t, struct go_block_types *blocks, const struct go_desc *key,
		    hw_addr value, uint32_t flags)
{
	struct go_types *types = go_block_types_cache(blocks);
	char name[GO_NAME_MAX], text[128];
	uint64_t length = 0;

	go_desc_full_name(types, key, name, sizeof(name));
	if (flags & HW_FIELD_STRINGS && !go_desc_is_direct(types, key))
		length = go_key_text(blocks, key, value, flags, text, sizeof(text));
	if (length < 3 || strncmp(text, "[key@", 5) == 0) {
		go_text_add(t, name);
		return;
	}
	text[length - 1] = 0;
	if (strchr(name, '.')) {
		go_text_add(t, name);
		go_text_add(t, "(");
	}
	go_text_add(t, text + 1);
	go_text_add(t, strchr(name, '.') ? ")" : "");
}

/* What a valueCtx says of its value. */
static void add_value(struct go_text *t, struct go_block_types *blocks,
		      const struct go_desc *context, hw_addr base, uint32_t flags)
{
	struct go_types *types = go_block_types_cache(blocks);
	const struct go_desc *key = NULL;
	hw_addr word = 0, value = 0;

	for (uint32_t i = 0; i < context->field_count; i++) {
		const hw_addr at = base + context->fields[i].offset;

		if (strcmp(context->fields[i].name, "key") == 0 &&
		    go_blocks_word(blocks, at, &word) && go_blocks_word(blocks, at + 8, &value))
			key = go_types_held(types, false, word);
	}
	go_text_add(t, ".Value(");
	if (key)
		add_key(t, blocks, key, value, flags);
	else
		go_text_add(t, "?");
	go_text_add(t, ")");
}

bool go_context_field(struct go_text *t, struct go_block_types *blocks, const struct go_desc *desc,
		      hw_addr base, const char *field, uint32_t flags, bool *is_done_ret)
{
	static const struct {
		const char *field, *text;
		bool is_done; /* What comes behind it has no name of its own. */
	} fields[] = {
	    {"cancelCtx", "", false},
	    {"Context", "", false},
	    {"c", "", false},
	    {"children", "", true},
	    {"done", ".Done()", true},
	    {"err", ".Err()", false},
	    {"cause", "[cause]", false},
	    {"timer", "[deadline timer]", true},
	    {"key", "[key]", false},
	    {"f", "[AfterFunc]", true},
	    {"stop", "[stop]", true},
	};

	if (strcmp(field, "val") == 0) {
		add_value(t, blocks, desc, base, flags);
		return true;
	}
	for (uint32_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (strcmp(field, fields[i].field) == 0) {
			go_text_add(t, fields[i].text);
			*is_done_ret = fields[i].is_done;
			return true;
		}
	return false;
}
