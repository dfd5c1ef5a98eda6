/* SPDX-License-Identifier: Apache-2.0 */
/* unread.c -- names what the edge scan could not read. Looked for among the mappings once the
 * scan is over, so that the names are the same for any number of threads. */
#include "graph/unread.h"
#include <inttypes.h>

#define NAMED 48 /* Stretches in one message. */

/* The first block that starts at or after addr; the count when there is none. */
static uint32_t first_from(const struct hw_table *table, hw_addr addr)
{
	uint32_t low = 0;
	uint32_t high = hw_table_count(table);

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (hw_table_addr(table, middle) < addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool has_block(const struct hw_table *table, hw_addr start, hw_addr end)
{
	uint32_t id = first_from(table, start);

	if (id > 0 && hw_table_size(table, id - 1) > start - hw_table_addr(table, id - 1))
		return true;
	return id < hw_table_count(table) && hw_table_addr(table, id) < end;
}

/* The next stretch without bytes from mapping *at on, neighbours taken together. */
static bool next_gap(const struct hw_memory *memory, uint32_t *at, hw_addr *start, hw_addr *end)
{
	for (; *at < memory->mapping_count; (*at)++) {
		const struct hw_mapping *m = &memory->mappings[*at];

		if (m->size >= m->end - m->start)
			continue;
		*start = m->start + m->size;
		*end = m->end;
		for (m++; ++*at < memory->mapping_count && m->start == *end && !m->size &&
			  m->perm == m[-1].perm;
		     m++)
			*end = m->end;
		return true;
	}
	return false;
}

void hw_unread_note(const struct hw_memory *memory, const struct hw_table *table, uint64_t blocks,
		    uint64_t bytes, struct hw_notes *notes)
{
	GString *names = g_string_new(NULL);
	uint64_t count = 0;
	hw_addr start;
	hw_addr end;

	for (uint32_t at = 0; next_gap(memory, &at, &start, &end);)
		if (has_block(table, start, end) && count++ < NAMED)
			g_string_append_printf(names, "%s0x%" PRIx64 " to 0x%" PRIx64,
					       count > 1 ? ", " : "", start, end);
	if (count > NAMED)
		g_string_append_printf(names, " and %" PRIu64 " more", count - NAMED);
	hw_notes_missing(notes, "blocks-unread", NULL,
			 "%" PRIu64 " live blocks were not read in full, %" PRIu64
			 " bytes are not in the target: references from them are not known; "
			 "missing is %s",
			 blocks, bytes, names->str);
	g_string_free(names, TRUE);
}
