/* SPDX-License-Identifier: Apache-2.0 */
/* fake_host.h -- a struct hw_host over arrays of bytes, for driving the real .so of a
 * plugin. It believes nothing: what a plugin hands over is checked against the
 * contract in <heapwalk/plugin.h>, and every breach becomes a line in `breaches`,
 * which a test expects to be empty whatever the target's bytes were. */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H
#include "heapwalk/plugin.h"
#include <glib.h>

/* One mapping. The first `held` bytes of it are there; the rest is missing. */
struct fake_segment {
	hw_addr start;
	hw_addr end;
	uint64_t held;
	uint8_t *bytes; /* Borrowed from the test. */
	uint32_t perm;
	uint32_t owner;
	uint32_t module;
};

struct fake_symbol {
	uint32_t module;
	const char *name; /* Borrowed, like type and member below. */
	hw_addr value;
};

struct fake_member {
	uint32_t module;
	const char *type;
	const char *member; /* NULL: the struct's size. */
	uint64_t value;
};

struct fake_claim {
	uint32_t heap;
	uint32_t kind;
	hw_addr start;
	hw_addr end;
	char *name;
};

struct fake_arena {
	uint32_t arena;
	char *name;
	struct hw_ledger ledger;
};

struct fake_heap {
	char *name;
	char *version;
	char *how;
	uint32_t confidence;
	bool has_ledger;
	struct hw_ledger ledger;
	GArray *arenas; /* struct fake_arena */
	GArray *blocks; /* struct hw_block, by address */
};

struct fake_damage {
	hw_addr addr;
	char *text;
};

/* A word that holds a block: at slot, or value itself. Strings are copies. */
struct fake_root {
	hw_addr slot, value, addr;
	uint64_t size, goroutine;
	char *kind, *name, *type, *function, *note; /* type, function and note may be NULL. */
};

struct fake_pool {
	hw_addr addr;
	bool is_victim;
};

enum fake_phase { FAKE_IDLE, FAKE_OPEN, FAKE_LEDGER, FAKE_BLOCKS, FAKE_OTHER };

struct fake_host {
	struct hw_host host; /* What the plugin gets; self points back here. */

	/* The target. */
	GArray *segments; /* struct fake_segment, sorted by fake_host_ready() */
	GArray *modules;  /* struct hw_module_info */
	GArray *threads;  /* struct hw_thread_info */
	GArray *symbols;  /* struct fake_symbol */
	GArray *members;  /* struct fake_member */

	/* What the plugin said. */
	GPtrArray *heaps; /* struct fake_heap * */
	GArray *claims;   /* struct fake_claim */
	GArray *damage;   /* struct fake_damage, the first FAKE_KEPT */
	uint64_t damage_count;
	GPtrArray *warnings; /* char *: "code: text" */
	GPtrArray *types;    /* char * */
	uint32_t skips;
	GArray *named; /* hw_addr: named_block() */
	GArray *pools; /* struct fake_pool */
	GArray *roots; /* struct fake_root, the first FAKE_ROOTS */
	uint64_t root_count;
	bool incomplete;
	char *failure;
	GPtrArray *breaches; /* char *: contract broken by the plugin, first FAKE_KEPT */

	/* Memory given through resize(). */
	uint64_t memory_used;
	uint64_t memory_peak;
	uint64_t resize_calls;
	uint64_t resize_fail_at; /* Fails from this call on (1: the first); 0: never. */
	uint64_t memory_limit;   /* Fails when used would pass this; 0: never. */

	uint64_t stop_polls;
	uint64_t stop_after; /* stopped() says true after so many polls; 0: never. */
	uint64_t block_batches;
	uint64_t refuse_batch; /* blocks() says false at this batch; 0: never. */

	enum fake_phase phase;
	uint32_t phase_heap;
	hw_addr blocks_next;
};

#define FAKE_KEPT  200
#define FAKE_ROOTS 10000

extern const struct hw_host fake_host_calls; /* All of them; self is to be set. */

struct fake_host *fake_host_new(void);
void fake_host_free(struct fake_host *fake); /* Accepts NULL. */
/* Forgets what a plugin said and the memory counters; keeps the target. */
void fake_host_reset(struct fake_host *fake);
/* Sorts the segments; call after adding the last one. */
void fake_host_ready(struct fake_host *fake);

void fake_host_segment(struct fake_host *fake, const struct fake_segment *segment);
void fake_host_module(struct fake_host *fake, const char *name, hw_addr start, hw_addr end,
		      bool is_exe, bool has_symbols, bool exports_malloc);
void fake_host_thread(struct fake_host *fake, int32_t tid, hw_addr tls, hw_addr sp, bool dumped);
void fake_host_symbol(struct fake_host *fake, uint32_t module, const char *name, hw_addr value);
void fake_host_member(struct fake_host *fake, uint32_t module, const char *type, const char *member,
		      uint64_t value);

/* Loads plugins/NAME.so the way a loader would: from the directory in the
 * environment variable HW_TEST_PLUGINS, else -DHW_TEST_PLUGINS, else ../plugins
 * beside the test program. Returns a copy of our own, filled with no more bytes
 * than the plugin has. Where it cannot, the program says why and ends: it has failed. */
const struct hw_plugin *fake_plugin_load(const char *name);
/* Where fake_plugin_load() looks; free with g_free(). */
char *fake_plugin_dir(void);
/* How many of something random a test takes: HW_TEST_SEEDS in the environment, else the usual. */
uint64_t fake_seeds(uint64_t usual);

/* probe, open, then for each heap ledger, blocks and verify, then roots and close; checks
 * that all memory came back. False when a call returned false (failure has the text). */
bool fake_run(struct fake_host *fake, const struct hw_plugin *plugin);

/* An emitter that checks nesting and keeps nothing, for running reports. */
bool fake_run_report(struct fake_host *fake, const struct hw_plugin *plugin, const char *name,
		     GString *out);

/* One raw output of a report, appended to out; not compressed. */
bool fake_run_raw(struct fake_host *fake, const struct hw_plugin *plugin, const char *name,
		  const char *format, GByteArray *out);

/* True when the plugin owned up to something: damage or incomplete. */
bool fake_is_incomplete(const struct fake_host *fake);
/* All blocks of all heaps were in order, in claims, …: NULL, or the first breach. */
const char *fake_breach(const struct fake_host *fake);
void fake_print(const struct fake_host *fake, const char *title); /* To stderr. */
#endif
