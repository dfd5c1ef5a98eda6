/* SPDX-License-Identifier: Apache-2.0 */
/* roots.h -- places outside the heaps that hold references, with names.
 *
 * A root node is one symbol or variable, one register, one frame slot, or, without names,
 * one section or mapping; the slot's offset appears in the path. Roots are numbered in
 * the order of HW_ROOT_ kinds, then by address. Immutable once made. */
#ifndef HW_GRAPH_ROOTS_H
#define HW_GRAPH_ROOTS_H
#include "graph/table.h"
#include "module/stacks.h"

enum hw_root_kind { /* Names in the JSON: hw_root_kind_names. */
		    HW_ROOT_GLOBAL = 0,
		    HW_ROOT_TLS,
		    HW_ROOT_LOCAL, /* A frame slot with a variable's name. */
		    HW_ROOT_REGISTER,
		    HW_ROOT_STACK,     /* A frame slot without a name. */
		    HW_ROOT_GOROUTINE, /* A slot of a goroutine's stack, or of what belongs to it.
					*/
		    HW_ROOT_FINALIZER, /* An object with a finalizer, and what that needs. */
		    HW_ROOT_SPECIAL,   /* What a runtime keeps for reasons of its own. */
		    HW_ROOT_EXTERNAL,  /* "heap-external": anonymous or shared memory no heap owns.
					*/
		    HW_ROOT_KINDS
};
extern const char *const hw_root_kind_names[HW_ROOT_KINDS];

struct hw_root_node {
	uint32_t kind;
	hw_addr addr; /* Start of the symbol, slot or mapping; 0 for a register. */
	uint64_t size;
	const char *name;   /* "cache", "libfoo.so .data+0x40", "rbx", "[anon 0x…]"; borrowed. */
	const char *type;   /* From debug info, or NULL. */
	const char *module; /* Base name, or NULL. */
	const char *function; /* Of the frame, or NULL. */
	const char *file;     /* Or NULL. */
	int32_t line;         /* 0: not known. */
	int32_t tid;          /* Thread, or 0. */
	int32_t frame;        /* Number of the frame, -1: none. */
	uint64_t goroutine;   /* Id, or 0. */
	uint64_t value;       /* The word of references whose slot is 0; of plugins' roots. */
	const char *note;     /* What else there is to say, or NULL. */
};

/* One word of a root that points into a block. */
struct hw_root_ref {
	hw_addr slot;  /* Where the word stands; 0 for a register. */
	uint32_t root; /* Index into nodes. */
	uint32_t block;
};

/* A block that is a pool's: what only it leads to waits to be used again. */
struct hw_pool_block {
	uint32_t block;
	bool is_victim; /* The next collection lets go of it. */
};

struct hw_roots {
	struct hw_root_node *nodes;
	uint32_t count;
	struct hw_root_ref *refs; /* By root, then slot. */
	uint64_t ref_count;
	bool incomplete; /* Some memory that may hold references was not read. */
	/* Blocks whose words are roots already, ascending: libc's bookkeeping (dtv arrays, the
	 * thread-local variables of dlopened libraries), by the variable's name, and what
	 * plugins say. The graph must not scan them too: it would see a second holder. */
	uint32_t *leaves;
	uint32_t leaf_count;
	struct hw_pool_block *pools;
	uint32_t pool_count;
	/* Private. */
	GStringChunk *strings;
	size_t node_room, ref_room, leaf_room, pool_room;
};

struct hw_roots_options {
	bool no_anon; /* Leave anonymous mappings nobody owns out. */
};

/* Scans every writable byte outside the heaps: module data and bss, thread-locals,
 * registers, stacks from sp - 128 to their end, anonymous and shared mappings. Allocator
 * metadata, libc's dtv and TLS bookkeeping, stale stack below sp - 128 and stacks of dead
 * threads are no roots. Plugins add roots of their own and name memory that the scan leaves
 * out. Unread pointer-bearing memory makes the notes incomplete. */
struct hw_roots *hw_roots_new(const struct hw_memory *memory, struct hw_modules *modules,
			      const struct hw_stacks *stacks, struct hw_heaps *heaps,
			      const struct hw_table *table, const struct hw_roots_options *options,
			      struct hw_notes *notes, GError **error);
void hw_roots_free(struct hw_roots *roots); /* Accepts NULL. */
#endif
