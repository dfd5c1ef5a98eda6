/* SPDX-License-Identifier: Apache-2.0 */
/* private.h -- shared by the files of this stage only. */
#ifndef HW_HEAP_PRIVATE_H
#define HW_HEAP_PRIVATE_H
#include "heap/heap.h"

/* One opened plugin and the host it was given. */
struct hw_instance {
	struct hw_heaps *heaps;
	const struct hw_plugin *plugin;
	struct hw_host host;
	void *handle;
	GError *failure;     /* Set by fail(). */
	uint32_t ledger_of;  /* Heap whose ledger() runs, for arena(). */
	hw_blocks_fn blocks; /* Receiver while blocks() runs. */
	void *blocks_arg;
	uint64_t blocks_bad;       /* Blocks that broke the contract: a plugin's bug. */
	hw_goroutine_fn goroutine; /* Receiver while goroutines() runs. */
	void *goroutine_arg;
	hw_addr blocks_next;              /* Lowest address the next block may have. */
	const struct hw_root_sink *roots; /* Receiver while roots() runs. */
	bool has_types;                   /* types() has run well. */
};

struct hw_heaps {
	const struct hw_plugins *plugins;
	struct hw_memory *memory;
	struct hw_modules *modules;
	const struct hw_thread_state *threads;
	struct hw_notes *notes;
	GPtrArray *instances;   /* struct hw_instance *. */
	GPtrArray *heaps;       /* struct hw_heap *. */
	GArray *claims;         /* struct hw_claimed; sorted once all plugins are open. */
	GArray *around;         /* guint, one a claim; see heaps.c. */
	GPtrArray *claim_names; /* Same order as claims until sorted; see heaps.c. */
	GArray *locks;          /* struct hw_lock. */
	GPtrArray *types;       /* char *; index 0 is "". */
	GHashTable *type_ids;
};

/* Fills instance->host. */
void hw_host_init(struct hw_instance *instance);

/* Allocators that are in the target but no plugin decodes: warns, and names the
 * anonymous mappings nobody claimed after them. */
void hw_other_allocators(struct hw_heaps *heaps);
#endif
