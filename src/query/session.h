/* SPDX-License-Identifier: Apache-2.0 */
/* session.h -- the pipeline opened: target, memory, modules, threads, heaps. Owns all
 * of them, and what hw_session_graph() adds; what hangs below borrows downwards. The
 * library's entry point. */
#ifndef HW_QUERY_SESSION_H
#define HW_QUERY_SESSION_H
#include "graph/graph.h"
#include "heap/heap.h"
#include "target/process.h"

struct hw_session;

/* For a process: how it is stopped, and what is to be read while it stands. */
struct hw_live_options {
	struct hw_process_options process;
	/* Looks at everything the command will look at; its result is not used. NULL: the
	 * ledgers are all. Called twice or more. */
	bool (*touch)(struct hw_session *session, void *arg, GError **error);
	void *arg;
	/* Tells the user something before the process is stopped; or NULL. */
	void (*tell)(void *arg, const char *text);
};

struct hw_options {
	const char *sysroot;
	const char *exe;
	const char *const *debug_dirs;
	const char *plugin_dir;
	const char *spool_dir; /* As in struct hw_target_options. */
	struct hw_live_options live;
};

struct hw_session {
	struct hw_notes notes;
	struct hw_plugins *plugins;
	struct hw_process *process; /* NULL for a file. */
	struct hw_target *target;
	struct hw_memory *memory;
	struct hw_modules *modules;
	struct hw_thread_state *threads; /* target->thread_count of them. */
	struct hw_heaps *heaps;
	bool is_short_of_time; /* A process had to go on before its blocks were looked at. */
	/* NULL until hw_session_graph() was asked for them. */
	struct hw_table *table;
	struct hw_stacks *stacks;
	struct hw_roots *roots;
	struct hw_graph *graph;
	struct hw_firsts *firsts;
	bool has_types; /* hw_heaps_types() was asked. */
};

/* The process that a command line's word names, or 0: a number above 0. */
int32_t hw_session_pid(const char *word);

/* Opens path (a file, or a process by its number) and everything above it. NULL on error. */
struct hw_session *hw_session_open(const char *path, const struct hw_options *options,
				   GError **error);
void hw_session_close(struct hw_session *session); /* Accepts NULL. */

/* Fills the ledger of every heap. */
bool hw_session_ledgers(struct hw_session *session, GError **error);

/* "ptmalloc:main": how a heap is called in every answer. Free with g_free(). */
char *hw_session_heap_label(const struct hw_heap *heap);
#endif
