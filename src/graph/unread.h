/* SPDX-License-Identifier: Apache-2.0 */
/* unread.h -- which parts of live blocks the target does not hold. */
#ifndef HW_GRAPH_UNREAD_H
#define HW_GRAPH_UNREAD_H
#include "graph/table.h"

/* Notes that so many live blocks lack so many bytes, and names the stretches of memory that
 * are missing under live blocks: as many as fit into one message, lowest first. */
void hw_unread_note(const struct hw_memory *memory, const struct hw_table *table, uint64_t blocks,
		    uint64_t bytes, struct hw_notes *notes);
#endif
