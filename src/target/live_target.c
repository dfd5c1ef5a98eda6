/* SPDX-License-Identifier: Apache-2.0 */
/* live_target.c -- a process in the form of a core: segments, mapped files, threads,
 * auxiliary vector. Segments point into the spool. */
#include "base/array.h"
#include "base/error.h"
#include "target/live.h"
#include <errno.h>
#include <string.h>

struct making {
	struct hw_process *process;
	struct hw_target *target;
	bool is_whole; /* Also what was not read. */
};

static bool push(struct making *making, const struct live_map *map, hw_addr start, hw_addr end,
		 uint64_t size, uint64_t wanted)
{
	struct hw_target *target = making->target;
	uint64_t place = map->spool + (start - map->start);

	if (start >= end)
		return true;
	if (target->segment_count == UINT32_MAX ||
	    !hw_array_reserve((void **)&target->segments, &target->segment_room,
			      target->segment_count, sizeof(*target->segments)))
		return false;
	target->segments[target->segment_count++] = (struct hw_segment){
	    .start = start,
	    .end = end,
	    .perm = map->perm,
	    .data = size ? making->process->spool.in + place : NULL,
	    .size = size,
	    .wanted = wanted,
	    .offset = size ? place : 0,
	};
	return true;
}

static bool add_stretch(struct making *making, uint64_t start, uint64_t end)
{
	struct hw_target *target = making->target;
	struct hw_stretch *last =
	    target->stretch_count ? &target->stretches[target->stretch_count - 1] : NULL;

	if (last && last->end == start) {
		last->end = end;
		return true;
	}
	if (!hw_array_reserve((void **)&target->stretches, &target->stretch_room,
			      target->stretch_count, sizeof(*target->stretches)))
		return false;
	target->stretches[target->stretch_count++] = (struct hw_stretch){start, end};
	return true;
}

static bool is_readable(const struct making *making, const struct live_map *map, hw_addr addr)
{
	return making->is_whole || live_is_done(making->process, map->spool + (addr - map->start));
}

/* The part of run from start on with one answer to is_readable(). */
static hw_addr same_until(const struct making *making, const struct live_map *map,
			  const struct live_run *run, bool *readable_ret)
{
	hw_addr at = run->start;

	*readable_ret = is_readable(making, map, at);
	if (making->is_whole)
		return run->end;
	do
		at = (at / LIVE_CHUNK + 1) * LIVE_CHUNK;
	while (at < run->end && is_readable(making, map, at) == *readable_ret);
	return MIN(at, run->end);
}

/* The end of the unread stretch that begins at start, over what is not
 * resident in between, so that there are no more pieces than there were reads. */
static hw_addr unread_until(const struct making *making, const struct live_map *map, hw_addr start)
{
	const struct hw_process *process = making->process;
	hw_addr end = start;

	for (size_t i = live_find_run(process, start);
	     i < process->run_count && process->runs[i].start < map->end; i++) {
		struct live_run piece = process->runs[i];
		bool readable = true;
		hw_addr until;

		if (!live_wanted(map, &piece, MAX(start, end), map->end))
			continue;
		until = same_until(making, map, &piece, &readable);
		if (readable)
			return end;
		end = until;
		if (until < piece.end)
			return end;
	}
	return end;
}

/* Anonymous memory: one segment, holes where nothing is resident; cut where pages exist
 * that we do not have. */
static bool add_anonymous(struct making *making, const struct live_map *map, size_t first)
{
	struct hw_process *process = making->process;
	hw_addr begin = map->start; /* Of the segment in the making. */

	for (size_t i = first; i < process->run_count && process->runs[i].start < map->end; i++) {
		struct live_run run = process->runs[i];
		struct live_run piece = run;

		if (run.end <= begin)
			continue;
		run.start = MAX(run.start, begin);
		if (live_wanted(map, &piece, begin, map->end)) {
			while (piece.start < piece.end) {
				bool readable;
				hw_addr end = same_until(making, map, &piece, &readable);
				uint64_t place = map->spool + (piece.start - map->start);

				if (readable &&
				    !add_stretch(making, place, place + (end - piece.start)))
					return false;
				if (!readable) {
					end = unread_until(making, map, piece.start);
					if (!push(making, map, begin, piece.start,
						  piece.start - begin, piece.start - begin) ||
					    !push(making, map, piece.start, end, 0,
						  end - piece.start))
						return false;
					begin = end;
				}
				piece.start = end;
			}
		} else if (run.flags & (LIVE_SWAPPED | LIVE_ELSEWHERE)) {
			if (!push(making, map, begin, run.start, run.start - begin,
				  run.start - begin) ||
			    !push(making, map, run.start, run.end, 0, run.end - run.start))
				return false;
			begin = run.end;
		}
	}
	return push(making, map, begin, map->end, map->end - begin, map->end - begin);
}

/* A private mapping of a file: only what is in memory and counts; the rest is the file's. */
static bool add_private_file(struct making *making, const struct live_map *map, size_t first)
{
	struct hw_process *process = making->process;
	hw_addr begin = map->start;

	for (size_t i = first; i < process->run_count && process->runs[i].start < map->end; i++) {
		struct live_run run = process->runs[i];
		bool wanted = live_wanted(map, &run, map->start, map->end);

		if (!wanted && !(run.flags & LIVE_SWAPPED))
			continue;
		if (!push(making, map, begin, run.start, 0, 0))
			return false;
		begin = run.end;
		while (run.start < run.end) {
			bool readable = false;
			hw_addr end = wanted ? same_until(making, map, &run, &readable) : run.end;
			uint64_t size = readable ? end - run.start : 0;
			uint64_t place = map->spool + (run.start - map->start);

			if (!push(making, map, run.start, end, size, end - run.start) ||
			    (size && !add_stretch(making, place, place + size)))
				return false;
			run.start = end;
		}
	}
	return push(making, map, begin, map->end, 0, 0);
}

static bool has_pages(const struct hw_process *process, const struct live_map *map, size_t first)
{
	return first < process->run_count && process->runs[first].start < map->end;
}

static bool add_map(struct making *making, const struct live_map *map)
{
	size_t first = live_find_run(making->process, map->start);

	if (!map->is_kept || !has_pages(making->process, map, first))
		return push(making, map, map->start, map->end, 0, 0);
	if (map->is_file && !map->is_shared)
		return add_private_file(making, map, first);
	return add_anonymous(making, map, first);
}

static bool add_file(struct hw_target *target, const struct live_map *map)
{
	if (!map->is_file)
		return true;
	if (!hw_array_reserve((void **)&target->file_maps, &target->file_map_room,
			      target->file_map_count, sizeof(*target->file_maps)))
		return false;
	target->file_maps[target->file_map_count++] = (struct hw_file_map){
	    .start = map->start,
	    .end = map->end,
	    .offset = map->file_offset,
	    .path = g_string_chunk_insert_const(target->strings, map->path),
	};
	return true;
}

static bool add_maps(struct making *making)
{
	struct hw_process *process = making->process;

	making->target->has_file_maps = true;
	making->target->lists_all = true;
	for (size_t i = 0; i < process->map_count; i++)
		if (!add_map(making, &process->maps[i]) ||
		    !add_file(making->target, &process->maps[i]))
			return false;
	return true;
}

static bool add_auxv(struct making *making)
{
	struct hw_target *target = making->target;
	size_t size = 0;
	g_autofree char *bytes = live_read(making->process->dir, "auxv", &size);
	size_t count = size / sizeof(*target->auxv);

	if (!bytes || !count)
		return true;
	target->auxv = hw_array_resize(NULL, 0, count, sizeof(*target->auxv));
	if (!target->auxv)
		return false;
	target->auxv_room = count;
	for (size_t i = 0; i < count; i++) {
		struct hw_auxv entry;

		memcpy(&entry, bytes + i * sizeof(entry), sizeof(entry));
		if (!entry.type)
			break;
		target->auxv[target->auxv_count++] = entry;
	}
	return true;
}

static bool add_threads(struct making *making)
{
	const struct hw_process *process = making->process;
	struct hw_target *target = making->target;

	if (!process->register_count)
		return true;
	target->threads =
	    hw_array_resize(NULL, 0, process->register_count, sizeof(*target->threads));
	if (!target->threads)
		return false;
	target->thread_room = process->register_count;
	target->thread_count = (uint32_t)process->register_count;
	memcpy(target->threads, process->registers,
	       process->register_count * sizeof(*target->threads));
	return true;
}

static bool add_page_run(struct hw_target *target, hw_addr start, hw_addr end, uint32_t flags)
{
	struct hw_page_run *last =
	    target->page_count ? &target->pages[target->page_count - 1] : NULL;

	if (start >= end)
		return true;
	if (last && last->end == start && last->flags == flags) {
		last->end = end;
		return true;
	}
	if (!hw_array_reserve((void **)&target->pages, &target->page_room, target->page_count,
			      sizeof(*target->pages)))
		return false;
	target->pages[target->page_count++] = (struct hw_page_run){start, end, flags};
	return true;
}

bool live_target_pages(struct hw_process *process, struct hw_target *target)
{
	const struct live_run *lazy = process->lazy;
	const struct live_run *lazy_end = lazy + process->lazy_count;

	target->page_count = 0;
	for (size_t i = 0; i < process->run_count; i++) {
		const struct live_run *run = &process->runs[i];
		const uint32_t flags = (run->flags & LIVE_PRESENT ? HW_PAGE_PRESENT : 0) |
				       (run->flags & LIVE_SWAPPED ? HW_PAGE_SWAPPED : 0) |
				       (run->flags & LIVE_HUGE ? HW_PAGE_HUGE : 0) |
				       (run->flags & LIVE_FILE ? HW_PAGE_FILE : 0);
		hw_addr at = run->start;

		/* The page of zeros and what we force are in no RSS; others have the last. */
		if (run->flags & (LIVE_ZERO | LIVE_FORCED | LIVE_ELSEWHERE))
			continue;
		while (lazy < lazy_end && lazy->end <= at)
			lazy++;
		for (const struct live_run *l = lazy; l < lazy_end && l->start < run->end; l++) {
			hw_addr from = MAX(l->start, at);
			hw_addr to = MIN(l->end, run->end);

			if (!add_page_run(target, at, from, flags) ||
			    !add_page_run(target, from, to, flags | HW_PAGE_LAZY))
				return false;
			at = to;
		}
		if (!add_page_run(target, at, run->end, flags))
			return false;
	}
	return true;
}

struct hw_target *live_target_new(struct hw_process *process, bool is_whole, GError **error)
{
	struct hw_target *target = hw_target_new(HW_TARGET_PROCESS);
	struct making making = {process, target, is_whole};

	target->process = process;
	target->texts = g_hash_table_ref(process->texts);
	target->path = g_strdup_printf("process %d", process->pid);
	target->pid = process->pid;
	target->command = g_strdup(process->command);
	target->map = process->spool.in;
	target->map_size = process->spool.size;
	if (add_maps(&making) && add_auxv(&making) && add_threads(&making) &&
	    live_target_pages(process, target))
		return target;
	g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "process %d: no memory for its mappings",
		    process->pid);
	hw_target_free(target);
	return NULL;
}
