/* SPDX-License-Identifier: Apache-2.0 */
/* session.h -- the pipeline opened: target, memory, modules, threads, heaps. Owns all
 * of them, and what hw_session_graph() adds; what hangs below borrows downwards. The
 * library's entry point. */
#ifndef HW_QUERY_SESSION_H
#define HW_QUERY_SESSION_H
#include "graph/graph.h"
#include "heap/heap.h"

struct hw_options {
	const char *sysroot;
	const char *exe;
	const char *const *debug_dirs;
	const char *plugin_dir;
	const char *spool_dir; /* As in struct hw_target_options. */
};

struct hw_session {
	struct hw_notes notes;
	struct hw_plugins *plugins;
	struct hw_target *target;
	struct hw_memory *memory;
	struct hw_modules *modules;
	struct hw_thread_state *threads; /* target->thread_count of them. */
	struct hw_heaps *heaps;
	/* NULL until hw_session_graph() was asked for them. */
	struct hw_table *table;
	struct hw_stacks *stacks;
	struct hw_roots *roots;
	struct hw_graph *graph;
	struct hw_firsts *firsts;
};

/* Opens path and everything above it. NULL on error. */
struct hw_session *hw_session_open(const char *path, const struct hw_options *options,
				   GError **error);
void hw_session_close(struct hw_session *session); /* Accepts NULL. */

/* Fills the ledger of every heap. */
bool hw_session_ledgers(struct hw_session *session, GError **error);

/* "ptmalloc:main": how a heap is called in every answer. Free with g_free(). */
char *hw_session_heap_label(const struct hw_heap *heap);
#endif
