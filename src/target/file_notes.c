/* SPDX-License-Identifier: Apache-2.0 */
/* file_notes.c -- NT_FILE: which files were mapped where.
 *
 *     long count
 *     long page_size            what the file offsets below are counted in
 *     { long start, end, file_ofs } [count]
 *     char path[][count]        each with its NUL, in the same order
 *
 * Kernel: fs/coredump.c and fs/binfmt_elf.c, fill_files_note(); gdb writes the same
 * (linux-tdep.c, linux_make_mappings_corefile_notes). */
#include "base/array.h"
#include "base/text.h"
#include "target/private.h"
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A path of PATH_MAX and " (deleted)" behind it. */
#define PATH_SIZE_MAX ((uint64_t)PATH_MAX + 16)
/* Each path has at least its NUL. */
#define ENTRY_SIZE 24

struct entry {
	uint64_t start;
	uint64_t end;
	uint64_t file_ofs;
};

G_STATIC_ASSERT(sizeof(struct entry) == ENTRY_SIZE);

static void damaged(struct core *core, uint64_t at, const char *why, uint64_t value)
{
	hw_notes_damage(core->notes, 0,
			"NT_FILE note at file offset 0x%" PRIx64 ": %s (0x%" PRIx64 ")", at, why,
			value);
}

/* False when the entry cannot be used. */
static bool check_entry(struct core *core, const struct entry *entry, uint64_t page_size,
			uint64_t index, uint64_t at, uint64_t *offset_ret)
{
	const char *why = NULL;

	if (entry->start >= entry->end)
		why = "is empty or ends before it starts";
	else if ((entry->start | entry->end) % HW_PAGE)
		why = "is not whole pages";
	else if (__builtin_mul_overflow(entry->file_ofs, page_size, offset_ret) ||
		 *offset_ret > INT64_MAX)
		why = "has an impossible file_ofs";
	if (!why)
		return true;
	hw_notes_damage(core->notes, entry->start,
			"NT_FILE note at file offset 0x%" PRIx64 ": entry %" PRIu64 " (0x%" PRIx64
			"-0x%" PRIx64 ", file_ofs 0x%" PRIx64 ") %s; skipped",
			at, index, entry->start, entry->end, entry->file_ofs, why);
	return false;
}

/* The path at *from; NULL when there is none. Moves *from behind it. */
static const char *next_path(struct core *core, const char **from, const char *end, uint64_t at)
{
	const char *path = *from;
	const char *nul = path < end ? memchr(path, '\0', (size_t)(end - path)) : NULL;
	g_autofree char *copy = NULL;

	if (!nul)
		return NULL;
	*from = nul + 1;
	if ((uint64_t)(nul - path) > PATH_SIZE_MAX)
		damaged(core, at, "a path longer than PATH_MAX", (uint64_t)(nul - path));
	copy = hw_text_copy(path, MIN((size_t)(nul - path), PATH_SIZE_MAX));
	return g_string_chunk_insert_const(core->target->strings, copy);
}

static void read_entries(struct core *core, const uint8_t *desc, uint64_t size, uint64_t count,
			 uint64_t page_size, uint64_t at)
{
	struct hw_target *target = core->target;
	const char *paths = (const char *)desc + 16 + count * ENTRY_SIZE;
	const char *end = (const char *)desc + size;
	uint64_t last_end = 0;

	for (uint64_t i = 0; i < count; i++) {
		struct entry entry;
		uint64_t offset;
		const char *path = next_path(core, &paths, end, at);

		if (!path) {
			damaged(core, at, "has fewer paths than entries", count - i);
			return;
		}
		if (!*path)
			damaged(core, at, "an empty path at entry", i);
		memcpy(&entry, desc + 16 + i * ENTRY_SIZE, sizeof(entry));
		if (!check_entry(core, &entry, page_size, i, at, &offset))
			continue;
		if (entry.start < last_end)
			damaged(core, at, "an entry starts below the end of the one before",
				entry.start);
		last_end = entry.end;
		target->file_maps[target->file_map_count++] = (struct hw_file_map){
		    .start = entry.start,
		    .end = entry.end,
		    .offset = offset,
		    .path = path,
		};
	}
	if (paths < end)
		damaged(core, at, "bytes behind the last path", (uint64_t)(end - paths));
}

static int compare_start(const void *a, const void *b)
{
	const struct hw_file_map *x = a;
	const struct hw_file_map *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->end != y->end)
		return x->end < y->end ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

bool hw_core_read_files(struct core *core, const uint8_t *desc, uint64_t size, uint64_t at,
			GError **error)
{
	struct hw_target *target = core->target;
	uint64_t head[2]; /* count, page_size */

	if (target->has_file_maps) {
		damaged(core, at, "a second one, skipped; its size", size);
		return true;
	}
	if (!hw_elf_copy(desc, size, 0, head, sizeof(head))) {
		damaged(core, at, "too short, n_descsz", size);
		return true;
	}
	if (head[0] > (size - sizeof(head)) / (ENTRY_SIZE + 1)) {
		damaged(core, at, "count is larger than its bytes allow", head[0]);
		return true;
	}
	/* gdb writes 1 and byte offsets. */
	if (head[1] != HW_PAGE && head[1] != 1)
		damaged(core, at, "unexpected page_size", head[1]);
	target->has_file_maps = true;
	if (!head[0]) {
		if (size > sizeof(head))
			damaged(core, at, "count is 0, but bytes follow", size);
		return true;
	}
	target->file_maps = hw_array_resize(NULL, 0, head[0], sizeof(*target->file_maps));
	if (!target->file_maps)
		return hw_core_no_memory(core, "list of mapped files", error);
	target->file_map_room = head[0];
	read_entries(core, desc, size, head[0], head[1], at);
	qsort(target->file_maps, target->file_map_count, sizeof(*target->file_maps), compare_start);
	return true;
}
