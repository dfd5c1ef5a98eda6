/* SPDX-License-Identifier: Apache-2.0 */
/* roots_named.c -- roots that plugins name: a runtime knows its globals, stacks and the
 * records it keeps better than any scan. */
#include "base/array.h"
#include "graph/roots_private.h"
#include <inttypes.h>
#include <string.h>

/* The node last used, and what it was made of; strings interned. */
struct made {
	struct hw_root from;
	uint32_t node; /* + 1; 0: none yet. */
};

struct named {
	struct gather *g;
	struct made last;
	struct made local;         /* The same of those that debug info has a name for. */
	struct hw_globals globals; /* For those the plugin has no name for. */
	uint64_t unread_count;     /* Slots that could not be read. */
	hw_addr unread;            /* The first one. */
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

static void begin_node(struct named *n, struct made *made, const struct hw_root *root)
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
	    .note = keep(g, root->note),
	};

	made->node = hw_gather_node(g, &node) + 1;
	made->from = *root;
	made->from.kind = hw_root_kind_names[node.kind];
	made->from.name = node.name;
}

/* A variable that debug info has at the slot; *root is its then. */
static bool find_local(const struct named *n, struct hw_root *root)
{
	const struct hw_frame frame = {.pc = root->pc, .cfa = root->cfa, .is_activation = true};
	const struct hw_local *locals;
	uint32_t count;

	if (!root->slot || !root->pc || !root->cfa)
		return false;
	locals = hw_modules_locals(n->g->modules, &frame, &count);
	for (uint32_t i = 0; i < count; i++) {
		const hw_addr start = root->cfa + (uint64_t)locals[i].offset;

		if (locals[i].base != HW_LOCAL_CFA || root->slot - start >= locals[i].size)
			continue;
		root->addr = start;
		root->size = locals[i].size;
		root->name = locals[i].name;
		root->type = locals[i].type;
		return true;
	}
	return false;
}

static bool take_root(void *arg, const struct hw_root *root)
{
	struct named *n = arg;
	struct hw_root named = *root;
	struct made *made;
	uint64_t word = root->value;
	uint32_t block;

	if (root->slot && !hw_memory_word(n->g->memory, root->slot, &word)) {
		n->unread = n->unread_count++ ? n->unread : root->slot;
		return true;
	}
	if (!hw_gather_find_named(n->g, word, &block))
		return true;
	if (root->slot && !*root->name && strcmp(root->kind, "global") == 0) {
		hw_globals_ref(&n->globals, root->slot, block, root);
		return !n->g->is_broken;
	}
	made = find_local(n, &named) ? &n->local : &n->last;
	if (!made->node || !is_same(&made->from, &named))
		begin_node(n, made, &named);
	hw_gather_ref(n->g, made->node - 1, root->slot, block);
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

static void take_pool(void *arg, hw_addr addr, bool is_victim)
{
	struct gather *g = ((struct named *)arg)->g;
	const uint32_t block = hw_table_at(g->table, addr);

	if (block != HW_NO_BLOCK)
		hw_gather_pool(g, block, is_victim);
}

void hw_gather_named(struct gather *g, struct hw_notes *notes)
{
	struct named named = {.g = g};
	const struct hw_root_sink sink = {&named,      take_root,  take_skip,
					  take_thread, take_block, take_pool};

	hw_globals_init(&named.globals, g);
	named.globals.is_by_word = true;
	/* Interrupted: the caller looks at the stop flag. */
	hw_heaps_roots(g->heaps, &sink, &g->roots->incomplete, NULL);
	hw_globals_clear(&named.globals);
	if (named.unread_count) {
		g->roots->incomplete = true;
		hw_notes_missing(notes, "roots-not-read", NULL,
				 "%" PRIu64 " words that hold references could not be read, "
				 "the first at 0x%" PRIx64,
				 named.unread_count, named.unread);
	}
	g->named_count = hw_gather_merge(g->named, g->named_count);
}
