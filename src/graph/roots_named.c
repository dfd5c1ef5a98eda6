/* SPDX-License-Identifier: Apache-2.0 */
/* roots_named.c -- roots that plugins name: a runtime knows its globals, stacks and the
 * records it keeps better than any scan. */
#include "base/array.h"
#include "graph/roots_private.h"
#include <string.h>

struct named {
	struct gather *g;
	struct hw_root last;       /* What the node last used was made of; strings interned. */
	uint32_t node;             /* + 1; 0: none yet. */
	struct hw_globals globals; /* For those the plugin has no name for. */
};

static uint32_t kind_of(const char *name)
{
	for (uint32_t kind = 0; kind < HW_ROOT_KINDS; kind++)
		if (strcmp(hw_root_kind_names[kind], name) == 0)
			return kind;
	return HW_ROOT_EXTERNAL;
}

static const char *keep(struct gather *g, const char *text)
{
	g_autofree char *valid = NULL;

	if (!text || !*text)
		return NULL;
	valid = g_utf8_make_valid(text, -1);
	return g_string_chunk_insert_const(g->roots->strings, valid);
}

static bool is_same(const struct hw_root *a, const struct hw_root *b)
{
	return b->slot && a->slot && b->addr && a->addr == b->addr && a->tid == b->tid &&
	       a->goroutine == b->goroutine && strcmp(a->kind, b->kind) == 0 &&
	       strcmp(a->name, b->name) == 0;
}

static void begin_node(struct named *n, const struct hw_root *root)
{
	struct gather *g = n->g;
	const char *name = keep(g, root->name);
	const struct hw_root_node node = {
	    .kind = kind_of(root->kind),
	    .addr = root->addr ? root->addr : root->slot,
	    .size = root->size ? root->size : 8,
	    .name = name ? name : "(no name)",
	    .type = keep(g, root->type),
	    .module = keep(g, root->module),
	    .function = keep(g, root->function),
	    .file = keep(g, root->file),
	    .line = root->line > 0 ? root->line : 0,
	    .tid = root->tid,
	    .frame = root->frame >= 0 ? root->frame : -1,
	    .goroutine = root->goroutine,
	    .value = root->slot ? 0 : root->value,
	};

	n->node = hw_gather_node(g, &node) + 1;
	n->last = *root;
	n->last.kind = hw_root_kind_names[node.kind];
	n->last.name = node.name;
}

static bool take_root(void *arg, const struct hw_root *root)
{
	struct named *n = arg;
	uint64_t word = root->value;
	uint32_t block;

	if (root->slot && !hw_memory_word(n->g->memory, root->slot, &word)) {
		n->g->roots->incomplete = true;
		return true;
	}
	if (!hw_gather_find_named(n->g, word, &block))
		return true;
	if (root->slot && !*root->name && strcmp(root->kind, "global") == 0) {
		hw_globals_ref(&n->globals, root->slot, block);
		return !n->g->is_broken;
	}
	if (!n->node || !is_same(&n->last, root))
		begin_node(n, root);
	hw_gather_ref(n->g, n->node - 1, root->slot, block);
	return !n->g->is_broken;
}

static void take_skip(void *arg, hw_addr start, hw_addr end)
{
	struct gather *g = ((struct named *)arg)->g;

	if (!hw_array_reserve((void **)&g->named, &g->named_room, g->named_count,
			      sizeof(*g->named)))
		g->is_broken = true;
	else
		g->named[g->named_count++] = (struct hw_range_pair){start, end};
}

static void take_thread(void *arg, int32_t tid)
{
	struct gather *g = ((struct named *)arg)->g;

	g_hash_table_add(g->named_threads, GINT_TO_POINTER(tid));
}

static void take_block(void *arg, hw_addr addr)
{
	struct gather *g = ((struct named *)arg)->g;
	const uint32_t block = hw_table_at(g->table, addr);

	if (block != HW_NO_BLOCK)
		hw_gather_leaf(g, block);
}

void hw_gather_named(struct gather *g)
{
	struct named named = {.g = g};
	const struct hw_root_sink sink = {&named, take_root, take_skip, take_thread, take_block};

	hw_globals_init(&named.globals, g);
	named.globals.is_by_word = true;
	/* Interrupted: the caller looks at the stop flag. */
	hw_heaps_roots(g->heaps, &sink, &g->roots->incomplete, NULL);
	hw_globals_clear(&named.globals);
	g->named_count = hw_gather_merge(g->named, g->named_count);
}
