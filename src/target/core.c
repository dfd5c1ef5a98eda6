/* SPDX-License-Identifier: Apache-2.0 */
/* core.c -- an ELF core file becomes a target: open, headers, segments, notes, checks.
 * Reads as that list; the work is in open.c, headers.c, layout.c and the notes. */
#include "base/array.h"
#include "base/error.h"
#include "base/stop.h"
#include "base/text.h"
#include "target/file.h"
#include "target/private.h"
#include <unistd.h>

static bool read_core(struct core *core, const char *path, GError **error)
{
	if (!hw_core_open_file(core, path, error) || !hw_core_read_header(core, error) ||
	    !hw_core_read_segments(core, error) || !hw_core_read_notes(core, error))
		return false;
	hw_core_warn_truncated(core);
	/* gdb leaves out what nobody wrote to; it adds section headers, the kernel none
	 * but the one that PN_XNUM needs. */
	core->target->lists_all = !core->target->truncated &&
				  (core->header.e_shnum == 0 || core->header.e_phnum == PN_XNUM);
	if (!hw_core_check_layout(core, error))
		return false;
	if (!hw_stop_requested())
		return true;
	g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
	return false;
}

struct hw_target *hw_target_new(enum hw_target_kind kind)
{
	struct hw_target *target = g_new0(struct hw_target, 1);

	target->kind = kind;
	target->fd = -1;
	target->strings = g_string_chunk_new(4096);
	g_mutex_init(&target->lock);
	return target;
}

struct hw_target *hw_target_open(const char *path, const struct hw_target_options *options,
				 struct hw_notes *notes, GError **error)
{
	g_autofree char *name = g_filename_display_name(path);
	struct hw_target *target = hw_target_new(HW_TARGET_CORE);
	struct core core = {.target = target, .notes = notes, .name = name};

	if (options)
		core.spool_dir = options->spool_dir;
	target->path = g_strdup(name);
	if (read_core(&core, path, error))
		return target;
	hw_target_free(target);
	return NULL;
}

void hw_target_free(struct hw_target *target)
{
	if (!target)
		return;
	hw_array_resize(target->segments, target->segment_room, 0, sizeof(*target->segments));
	hw_array_resize(target->file_maps, target->file_map_room, 0, sizeof(*target->file_maps));
	hw_array_resize(target->threads, target->thread_room, 0, sizeof(*target->threads));
	hw_array_resize(target->auxv, target->auxv_room, 0, sizeof(*target->auxv));
	if (target->texts)
		g_hash_table_unref(target->texts);
	hw_array_resize(target->pages, target->page_room, 0, sizeof(*target->pages));
	hw_array_resize(target->stretches, target->stretch_room, 0, sizeof(*target->stretches));
	if (!target->process) /* Else its. */
		hw_file_unmap(target->map, target->map_size);
	if (target->fd >= 0)
		close(target->fd);
	g_free(target->command);
	g_free(target->arguments);
	g_free(target->path);
	g_string_chunk_free(target->strings);
	g_mutex_clear(&target->lock);
	g_free(target);
}

bool hw_target_auxv(const struct hw_target *target, uint64_t type, uint64_t *ret)
{
	for (uint32_t i = 0; i < target->auxv_count; i++) {
		if (target->auxv[i].type == type) {
			*ret = target->auxv[i].value;
			return true;
		}
	}
	return false;
}

const char *hw_target_text(const struct hw_target *target, const char *name)
{
	return target->texts ? g_hash_table_lookup(target->texts, name) : NULL;
}

static uint64_t count_pages(const struct hw_target *target, hw_addr start, hw_addr end,
			    uint32_t flag)
{
	uint64_t bytes = 0;
	size_t low = 0;
	size_t high = target->page_count;

	if (!target->page_room)
		return UINT64_MAX;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (target->pages[middle].end <= start)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < target->page_count && target->pages[low].start < end; low++)
		if (target->pages[low].flags & flag)
			bytes +=
			    MIN(end, target->pages[low].end) - MAX(start, target->pages[low].start);
	return bytes;
}

uint64_t hw_target_resident(const struct hw_target *target, hw_addr start, hw_addr end)
{
	return count_pages(target, start, end, HW_PAGE_PRESENT);
}

uint64_t hw_target_swapped(const struct hw_target *target, hw_addr start, hw_addr end)
{
	return count_pages(target, start, end, HW_PAGE_SWAPPED);
}

uint64_t hw_target_lazy(const struct hw_target *target, hw_addr start, hw_addr end)
{
	return count_pages(target, start, end, HW_PAGE_LAZY);
}
