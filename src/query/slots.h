/* SPDX-License-Identifier: Apache-2.0 */
/* slots.h -- the words that refer to blocks, read again from the target, as the graph has
 * them. Blocks that are libc's bookkeeping refer to nothing here: their words are roots, by
 * the variable's name. */
#ifndef HW_QUERY_SLOTS_H
#define HW_QUERY_SLOTS_H
#include "query/graph.h"

struct hw_slot {
	uint32_t source; /* Node: block id, or blocks + root. */
	uint32_t target; /* Block. */
	hw_addr addr;    /* Where the word stands; 0: a register. */
	uint64_t value;
	bool has_value; /* False: a root's word that cannot be read again. */
};

/* False: enough. */
typedef bool (*hw_slots_fn)(void *arg, const struct hw_slot *slot);

/* All that refer to one of the blocks that have a bit (and some that do not, of the same source),
 * by source, roots last. HW_DEPTH_MARK or HW_DEPTH_PATHS. False when interrupted. */
bool hw_slots_into(const struct hw_session *session, const uint64_t *blocks, const char *what,
		   hw_slots_fn fn, void *arg);

/* The slots of one block, in order. */
void hw_slots_out(const struct hw_session *session, uint32_t block, hw_slots_fn fn, void *arg);

/* The slots of one root, in order. */
void hw_slots_root(const struct hw_session *session, uint32_t root, hw_slots_fn fn, void *arg);

/* The slots that refer to a block: by source, roots last. Errors: INTERRUPTED. */
bool hw_slots_in(const struct hw_session *session, uint32_t block, hw_slots_fn fn, void *arg,
		 GError **error);

/* All there are, by source, roots last; of unreached blocks too, unless only_reached. what:
 * for the progress line. False when interrupted. */
bool hw_slots_all(const struct hw_session *session, bool only_reached, const char *what,
		  hw_slots_fn fn, void *arg);
#endif
