/* SPDX-License-Identifier: Apache-2.0 */
/* roots_private.h -- roots while they are gathered. Private to this stage.
 *
 * Each file below looks at one sort of memory and adds nodes and references in any order;
 * hw_roots_new() sorts them. */
#ifndef HW_GRAPH_ROOTS_PRIVATE_H
#define HW_GRAPH_ROOTS_PRIVATE_H
#include "graph/roots.h"
#include "module/variables.h"

struct gather {
	const struct hw_memory *memory;
	struct hw_modules *modules;
	const struct hw_stacks *stacks;
	struct hw_heaps *heaps;
	const struct hw_table *table;
	struct hw_roots *roots;
	hw_addr low, high; /* Words outside point to no block. */
	/* What the generic scan leaves out: sorted, disjoint. */
	struct hw_range_pair *skip;
	size_t skip_count, skip_room;
	/* Of these, what plugins named: stacks leave it out, too. */
	struct hw_range_pair *named;
	size_t named_count, named_room;
	GHashTable *named_threads; /* Tids. */
	bool is_broken;            /* Out of memory. */
	uint64_t scanned;          /* Bytes, for the progress line. */
};

/* Called with every word that points into a block. */
typedef void (*hw_slot_fn)(void *arg, hw_addr slot, uint32_t block);

/* The held bytes of [start, end), word by word, by ascending address. */
void hw_gather_scan(struct gather *g, hw_addr start, hw_addr end, hw_slot_fn fn, void *arg);
/* The same without what g->skip covers, */
void hw_gather_scan_rest(struct gather *g, hw_addr start, hw_addr end, hw_slot_fn fn, void *arg);
/* or without what g->named covers. */
void hw_gather_scan_unnamed(struct gather *g, hw_addr start, hw_addr end, hw_slot_fn fn, void *arg);

/* The block that a word points into, if that is a root's business. */
bool hw_gather_find(const struct gather *g, uint64_t word, uint32_t *ret);
/* The same for words that a plugin named. */
bool hw_gather_find_named(const struct gather *g, uint64_t word, uint32_t *ret);

uint32_t hw_gather_node(struct gather *g, const struct hw_root_node *node); /* Its index. */
/* The node of a variable; tid 0 for a global. *range_ret: the bytes it takes. */
uint32_t hw_gather_variable(struct gather *g, enum hw_root_kind kind,
			    const struct hw_variable *variable, const char *module, int32_t tid,
			    struct hw_range_pair *range_ret);
void hw_gather_ref(struct gather *g, uint32_t root, hw_addr slot, uint32_t block);
void hw_gather_skip(struct gather *g, hw_addr start, hw_addr end);
void hw_gather_leaf(struct gather *g, uint32_t block);
void hw_gather_pool(struct gather *g, uint32_t block, bool is_victim);

/* Copies made of names that are put together. */
const char *hw_gather_name(struct gather *g, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* Words of module data, named one after the other. */
struct hw_globals {
	struct gather *g;
	uint32_t object;
	const char *module;
	const struct hw_mapping *mapping;
	struct hw_range_pair variable; /* Of the node last used; empty at first. */
	uint32_t node;
	GHashTable *sections; /* Node + 1 by start of a section or mapping. */
	const struct hw_root *known;
	bool is_by_word; /* Where there is no variable's name, a node for each word: a runtime says
			  * that they are references, so they are few. */
};
void hw_globals_init(struct hw_globals *globals, struct gather *g);
void hw_globals_clear(struct hw_globals *globals);
/* The word at slot, in module memory, points to block. known, or NULL: what a plugin says of
 * the variable, for when it has no name: addr (0: not known), size and type. */
void hw_globals_ref(struct hw_globals *globals, hw_addr slot, uint32_t block,
		    const struct hw_root *known);

/* roots_named.c: first. What could not be read is said in the notes. */
void hw_gather_named(struct gather *g, struct hw_notes *notes);
void hw_gather_globals(struct gather *g); /* roots_globals.c */
void hw_gather_tls(struct gather *g);     /* roots_tls.c */
void hw_gather_stacks(struct gather *g);  /* roots_stacks.c: registers, too. */
void hw_gather_anon(struct gather *g);    /* roots_anon.c */

/* Sorts ranges and merges those that touch; returns how many are left. */
size_t hw_gather_merge(struct hw_range_pair *ranges, size_t count);
#endif
