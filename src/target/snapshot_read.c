/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot_read.c -- the notes of a snapshot, read back. Texts stay where they are in the
 * file; nothing of them is believed before it was looked at. */
#include "base/array.h"
#include "target/private.h"
#include "target/snapshot.h"
#include <inttypes.h>
#include <string.h>

#define NAME_MOST 64

static void damaged(struct core *core, const struct hw_elf_note *note, uint64_t at, const char *why)
{
	hw_notes_damage(core->notes, 0,
			"HEAPWALK note of type %u at file offset 0x%" PRIx64 ": %s; skipped",
			note->type, at, why);
}

static void read_text(struct core *core, const struct hw_elf_note *note, uint64_t at)
{
	struct hw_target *target = core->target;
	const char *name = (const char *)note->desc;
	const char *end =
	    note->desc_size ? memchr(name, '\0', MIN(note->desc_size, NAME_MOST)) : NULL;
	const char *text = end ? end + 1 : NULL;

	if (!end || end == name || text >= name + note->desc_size ||
	    name[note->desc_size - 1] != '\0' || !g_str_is_ascii(name)) {
		damaged(core, note, at, "no name and text");
		return;
	}
	if (!target->texts)
		target->texts = g_hash_table_new(g_str_hash, g_str_equal);
	if (!g_hash_table_insert(target->texts, (gpointer)(uintptr_t)name,
				 (gpointer)(uintptr_t)text))
		damaged(core, note, at, "the second one of its name");
}

static bool read_pages(struct core *core, const struct hw_elf_note *note, uint64_t at,
		       GError **error)
{
	struct hw_target *target = core->target;
	uint64_t count = note->desc_size / 24;
	hw_addr last = 0;

	if (target->page_room || note->desc_size % 24) {
		damaged(core, note, at, "a second one, or no whole number of entries");
		return true;
	}
	target->pages = hw_array_resize(NULL, 0, count + 1, sizeof(*target->pages));
	if (!target->pages)
		return hw_core_no_memory(core, "list of pages", error);
	target->page_room = count + 1;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t entry[3];

		memcpy(entry, note->desc + i * sizeof(entry), sizeof(entry));
		if (entry[0] >= entry[1] || entry[0] < last || (entry[0] | entry[1]) % HW_PAGE ||
		    entry[2] > HW_PAGE_FLAGS) {
			damaged(core, note, at, "an entry that overlaps or makes no sense");
			return true;
		}
		last = entry[1];
		target->pages[target->page_count++] =
		    (struct hw_page_run){entry[0], entry[1], (uint32_t)entry[2]};
	}
	return true;
}

/* Both lists are by address. */
static void read_missing(struct core *core, const struct hw_elf_note *note, uint64_t at)
{
	struct hw_target *target = core->target;
	uint32_t i = 0;

	for (uint64_t k = 0; k + 16 <= note->desc_size; k += 16) {
		uint64_t entry[2];

		memcpy(entry, note->desc + k, sizeof(entry));
		while (i < target->segment_count && target->segments[i].start < entry[0])
			i++;
		if (i == target->segment_count || target->segments[i].start != entry[0] ||
		    target->segments[i].end != entry[1] || target->segments[i].size) {
			damaged(core, note, at, "it names a range that is no empty segment");
			return;
		}
		target->segments[i].wanted = entry[1] - entry[0];
	}
}

bool hw_core_read_own(struct core *core, const struct hw_elf_note *note, uint64_t at,
		      GError **error)
{
	core->target->kind = HW_TARGET_SNAPSHOT;
	switch (note->type) {
	case HW_NOTE_TEXT:
		read_text(core, note, at);
		return true;
	case HW_NOTE_PAGES:
		return read_pages(core, note, at, error);
	case HW_NOTE_MISSING:
		read_missing(core, note, at);
		return true;
	}
	return true; /* Of a newer version. */
}

static bool is_code(const char *code)
{
	if (!*code)
		return false;
	for (; *code; code++)
		if (!g_ascii_islower(*code) && !g_ascii_isdigit(*code) && *code != '-')
			return false;
	return true;
}

/* What was missing when it was taken is missing now. */
static void repeat_warnings(struct core *core)
{
	const char *text = hw_target_text(core->target, "missing");
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", 100);

	for (size_t i = 0; lines[i]; i++) {
		char *tab = strchr(lines[i], '\t');

		if (!tab)
			continue;
		*tab = '\0';
		if (is_code(lines[i]))
			hw_notes_missing(core->notes, lines[i], NULL, "%s", tab + 1);
	}
}

void hw_core_finish_own(struct core *core)
{
	const char *text = hw_target_text(core->target, "snapshot");
	const char *at = text ? strstr(text, "stopped_ns ") : NULL;

	if (core->target->kind != HW_TARGET_SNAPSHOT)
		return;
	if (at)
		core->target->stopped_ns =
		    MIN(g_ascii_strtoull(at + 11, NULL, 10), INT64_MAX >> 11);
	core->target->has_contents =
	    text && strstr(text, "content 1") && !*(hw_target_text(core->target, "missing") ?: "");
	if (text && strstr(text, "content 0"))
		hw_notes_warn(
		    core->notes, "no-content", NULL,
		    "the snapshot was taken with --no-content: of blocks and stacks it has "
		    "addresses only");
	repeat_warnings(core);
}
