/* SPDX-License-Identifier: Apache-2.0 */
/* heap.h -- heaps of a target: plugins are run, what they find is kept and checked.
 *
 * hw_heaps_new() probes every plugin and opens those that match: heaps and their
 * ranges are known then. Ledgers and blocks are asked for one heap at a time. */
#ifndef HW_HEAP_HEAP_H
#define HW_HEAP_HEAP_H
#include "base/notes.h"
#include "heap/plugins.h"
#include "memory/memory.h"
#include "module/module.h"
#include "module/threads.h"
#include "target/process.h"

struct hw_arena_ledger {
	uint32_t arena;
	char *name;
	struct hw_ledger ledger;
};

struct hw_instance; /* Private. */

struct hw_heap {
	const struct hw_plugin *plugin;
	uint32_t id; /* Index into heaps->heap. */
	char *name;
	char *version;
	char *how;
	enum hw_confidence confidence; /* Worst of open() and ledger(). */
	uint32_t block_header;         /* As in struct hw_heap_info. */
	uint32_t flags;                /* HW_HEAP_ bits. */
	bool has_ledger;
	struct hw_ledger ledger;
	GArray *arenas; /* struct hw_arena_ledger, by arena. */
	/* Private. */
	struct hw_instance *instance; /* The opened plugin. */
};

/* A range claimed by a heap. */
struct hw_claimed {
	hw_addr start;
	hw_addr end;
	uint32_t heap;
	uint32_t kind; /* enum hw_claim. */
};

struct hw_heaps;

/* memory is changed: claims give ranges their owner. NULL on error. */
struct hw_heaps *hw_heaps_new(const struct hw_plugins *plugins, struct hw_memory *memory,
			      struct hw_modules *modules, const struct hw_thread_state *threads,
			      struct hw_notes *notes, GError **error);
void hw_heaps_free(struct hw_heaps *heaps); /* Accepts NULL. */

uint32_t hw_heaps_count(const struct hw_heaps *heaps);
struct hw_heap *hw_heaps_at(struct hw_heaps *heaps, uint32_t index);

/* Fills heap->ledger and heap->arenas. Rows that do not add up are our bug or the
 * plugin's: INTERNAL. */
bool hw_heaps_ledger(struct hw_heaps *heaps, uint32_t index, GError **error);

/* Called with each batch; false stops. */
typedef bool (*hw_blocks_fn)(void *arg, const struct hw_blocks *batch);
bool hw_heaps_blocks(struct hw_heaps *heaps, uint32_t index, hw_blocks_fn fn, void *arg,
		     GError **error);

/* Every check the plugin has; findings go to the notes. */
bool hw_heaps_verify(struct hw_heaps *heaps, uint32_t index, GError **error);

/* Called with each goroutine of each plugin that has any, and what is needed to ask that
 * plugin for frames; false stops. */
typedef bool (*hw_goroutine_fn)(void *arg, const struct hw_plugin *plugin, void *handle,
				const struct hw_goroutine *goroutine);
/* *known_ret: is there a plugin with goroutines that found its runtime? */
bool hw_heaps_goroutines(struct hw_heaps *heaps, hw_goroutine_fn fn, void *arg, bool *known_ret,
			 GError **error);
/* Receives what plugins say during roots(). Strings are borrowed for the call. */
struct hw_root_sink {
	void *arg;
	bool (*root)(void *arg, const struct hw_root *root); /* False: enough. */
	void (*skip)(void *arg, hw_addr start, hw_addr end);
	void (*skip_thread)(void *arg, int32_t tid);
	void (*named_block)(void *arg, hw_addr addr);
	void (*pool)(void *arg, hw_addr addr, bool is_victim);
};
/* Asks every open plugin for its roots. One that fails is noted, and *incomplete_ret set: some
 * of its roots may be missing. False only when interrupted. */
bool hw_heaps_roots(struct hw_heaps *heaps, const struct hw_root_sink *sink, bool *incomplete_ret,
		    GError **error);

/* Does a heap's plugin know where its references are? */
bool hw_heaps_is_typed(const struct hw_heaps *heaps, uint32_t index);
/* Which words of [start, end) may be references, as pointers() in <heapwalk/plugin.h> has it;
 * bits has room for the words and is cleared here. Of a heap that is typed. Threads may call
 * it together. */
void hw_heaps_pointers(const struct hw_heaps *heaps, uint32_t index, hw_addr start, hw_addr end,
		       uint64_t *bits);

/* Does a heap's plugin know what references see of its blocks? */
bool hw_heaps_has_views(const struct hw_heaps *heaps, uint32_t index);
/* As view() in <heapwalk/plugin.h>, and checked: false also when what it says is not inside the
 * block. Threads may call it together. */
bool hw_heaps_view(const struct hw_heaps *heaps, uint32_t index,
		   const struct hw_reference *reference, struct hw_view *ret);
/* As extent(); where the plugin knows nothing, all of the block is the program's. */
void hw_heaps_extent(const struct hw_heaps *heaps, uint32_t index, hw_addr block, uint64_t size,
		     struct hw_extent *ret);
/* Has every plugin that can work out what its blocks are; the first time only. One that fails is
 * warned of. False only when interrupted. */
bool hw_heaps_types(struct hw_heaps *heaps, GError **error);
/* After that: what a block is, and what stands at a slot, as <heapwalk/plugin.h> has it. */
bool hw_heaps_type_of(const struct hw_heaps *heaps, uint32_t index, hw_addr block,
		      struct hw_typed *ret);
bool hw_heaps_variable_type(const struct hw_heaps *heaps, hw_addr slot, char *buf, size_t size);
bool hw_heaps_field(const struct hw_heaps *heaps, hw_addr slot, uint32_t flags, char *buf,
		    size_t size);

/* As fields(): what a block or variable is made of. */
bool hw_heaps_fields(const struct hw_heaps *heaps, hw_addr addr, uint32_t flags,
		     void (*receiver)(void *self, const struct hw_part *part), void *self);

/* As inside(): the container that a block is a part of. */
bool hw_heaps_inside(const struct hw_heaps *heaps, uint32_t index, hw_addr block, char *buf,
		     size_t size);

/* As site(): who allocated a block. */
bool hw_heaps_site(const struct hw_heaps *heaps, uint32_t index, hw_addr block,
		   void (*receiver)(void *self, const struct hw_call *call), void *self);

/* Runs a report of a plugin into out. Error USAGE when there is no such report,
 * UNSUPPORTED when no heap of that plugin is in the target. */
bool hw_heaps_report(struct hw_heaps *heaps, const char *plugin, const char *report,
		     const struct hw_emit *out, GError **error);

/* The same for one of the report's raw outputs; the bytes go to sink as the plugin wrote
 * them. USAGE also when the report has no such format. */
bool hw_heaps_report_raw(struct hw_heaps *heaps, const char *plugin, const char *report,
			 const char *format, const struct hw_sink *sink, GError **error);

/* All claims, by start; they may overlap. Borrowed. */
const struct hw_claimed *hw_heaps_claims(const struct hw_heaps *heaps, uint32_t *count_ret);

/* Where the locks of allocators are, as far as the plugins told. Borrowed. */
const struct hw_lock *hw_heaps_locks(const struct hw_heaps *heaps, uint32_t *count_ret);

/* The heap whose claim covers addr, or NULL. */
struct hw_heap *hw_heaps_owner(struct hw_heaps *heaps, hw_addr addr);

const char *hw_heaps_type_name(const struct hw_heaps *heaps, uint32_t type); /* "" for 0. */

extern const char *const hw_row_names[HW_ROWS];     /* "live", "overhead", … */
extern const char *const hw_state_names[HW_STATES]; /* "live", "cached", "free" */
extern const char *const hw_confidence_names[3];    /* "exact", "conservative", "guessed" */
extern const char *const hw_owner_names[HW_OWNERS]; /* "unknown", "module", … */
#endif
