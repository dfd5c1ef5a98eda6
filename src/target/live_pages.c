/* SPDX-License-Identifier: Apache-2.0 */
/* live_pages.c -- which pages a process has in memory. By the ioctl PAGEMAP_SCAN
 * (Linux 6.7), which skips what is not there; else by reading pagemap, 8 bytes a page
 * (Documentation/admin-guide/mm/pagemap.rst). */
#include "base/array.h"
#include "base/error.h"
#include "base/pool.h"
#include "target/live.h"
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* struct page_region and struct pm_scan_arg, include/uapi/linux/fs.h. */
struct region {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};

struct scan_arg {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
	uint64_t vec;
	uint64_t vec_len;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};

#define PAGEMAP_SCAN_IOCTL _IOWR('f', 16, struct scan_arg)
#define REGIONS            512
#define VDSO_MOST          16
#define STRETCH            ((uint64_t)256 << 20) /* Of mappings, for one scanner, at least; */
#define STRETCHES          1024                  /* so many, or a few more. */
#define SCANNERS           8
#define PM_SWAPPED         ((uint64_t)1 << 62)
#define PM_FILE            ((uint64_t)1 << 61)
#define PM_EXCLUSIVE       ((uint64_t)1 << 56)

struct run_list {
	struct live_run *runs;
	size_t count;
	size_t room;
};

/* A part of the address space, scanned by one worker. */
struct stretch {
	hw_addr start;
	hw_addr end;
	size_t map;  /* The first in it. */
	bool is_cut; /* It begins inside of a mapping. */
	struct run_list list;
};

struct scanning {
	const struct hw_process *process;
	struct stretch *stretches;
	size_t count;
	size_t room;
	atomic_size_t next;
	atomic_bool has_failed;
};

static _Atomic bool is_old_kernel;

static bool push(struct run_list *list, struct live_run run)
{
	if (!hw_array_reserve((void **)&list->runs, &list->room, list->count, sizeof(*list->runs)))
		return false;
	list->runs[list->count++] = run;
	return true;
}

/* first: of this mapping; runs never reach over a border. */
static bool add(struct run_list *list, size_t first, struct live_run run)
{
	struct live_run *last = list->count > first ? &list->runs[list->count - 1] : NULL;

	if (!last || last->end != run.start || last->flags != run.flags)
		return push(list, run);
	last->end = run.end;
	return true;
}

/* -1: the kernel does not know the call; 0: no memory. */
static int scan_map(const struct hw_process *process, const struct live_map *map,
		    struct run_list *list)
{
	size_t first = list->count;
	struct region regions[REGIONS];
	struct scan_arg arg = {
	    .size = sizeof(arg),
	    .start = map->start,
	    .end = map->end,
	    .vec = (uint64_t)(uintptr_t)regions,
	    .vec_len = REGIONS,
	    .category_anyof_mask = LIVE_PRESENT | LIVE_SWAPPED,
	    /* LIVE_FILE looks at the kernel's record of every page, which makes it many times
	     * as slow; private memory of no file has none. */
	    .return_mask = (map->is_file || map->is_shared ? LIVE_FILE : 0) | LIVE_PRESENT |
			   LIVE_SWAPPED | LIVE_ZERO | LIVE_HUGE,
	};

	while (arg.start < map->end) {
		int count = ioctl(process->pagemap, PAGEMAP_SCAN_IOCTL, &arg);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return errno == ENOTTY || errno == EINVAL ? -1 : 1;
		for (int i = 0; i < count; i++)
			if (!add(list, first,
				 (struct live_run){regions[i].start, regions[i].end,
						   (uint32_t)regions[i].categories}))
				return 0;
		if (arg.walk_end <= arg.start)
			break;
		arg.start = arg.walk_end;
	}
	return 1;
}

static bool read_map(const struct hw_process *process, const struct live_map *map,
		     struct run_list *list)
{
	size_t first = list->count;
	uint64_t words[4096];

	for (hw_addr at = map->start; at < map->end;) {
		size_t got = live_pagemap(process, at, map->end, words, G_N_ELEMENTS(words));

		if (!got)
			return true;
		for (size_t i = 0; i < got; i++, at += HW_PAGE) {
			uint32_t flags = (words[i] & LIVE_PM_PRESENT ? LIVE_PRESENT : 0) |
					 (words[i] & PM_SWAPPED ? LIVE_SWAPPED : 0) |
					 (words[i] & PM_FILE ? LIVE_FILE : 0);

			if ((flags & LIVE_PRESENT) && !(words[i] & (PM_FILE | PM_EXCLUSIVE)))
				flags |= LIVE_SHARED;
			if ((flags & (LIVE_PRESENT | LIVE_SWAPPED)) &&
			    !add(list, first, (struct live_run){at, at + HW_PAGE, flags}))
				return false;
		}
	}
	return true;
}

/* The first page of a binary has its headers and build-id: it is read even if it is not
 * resident, the only page of which that is true. It comes from the page cache. */
static bool add_header(const struct live_map *map, struct run_list *list, size_t first)
{
	const struct live_run header = {map->start, map->start + HW_PAGE,
					LIVE_PRESENT | LIVE_FILE | LIVE_FORCED};

	if (!map->is_kept || !map->is_file || map->is_shared || map->file_offset ||
	    !(map->perm & HW_PERM_R) ||
	    (first < list->count && list->runs[first].start == map->start))
		return true;
	if (!push(list, header))
		return false;
	memmove(&list->runs[first + 1], &list->runs[first],
		(list->count - 1 - first) * sizeof(*list->runs));
	list->runs[first] = header;
	return true;
}

/* The kernel's own code: unwinding wants all of it, and it is memory in any case. */
static bool add_vdso(const struct live_map *map, struct run_list *list, size_t first)
{
	struct live_run known[VDSO_MOST];
	size_t count = list->count - first;

	if (strcmp(map->path, "[vdso]") != 0 || map->end - map->start > VDSO_MOST * HW_PAGE ||
	    count > VDSO_MOST)
		return true;
	memcpy(known, &list->runs[first], count * sizeof(*known));
	list->count = first;
	for (hw_addr at = map->start; at < map->end; at += HW_PAGE) {
		uint32_t flags = LIVE_PRESENT | LIVE_FORCED;

		for (size_t i = 0; i < count; i++)
			if (at >= known[i].start && at < known[i].end)
				flags = known[i].flags;
		if (!add(list, first, (struct live_run){at, at + HW_PAGE, flags}))
			return false;
	}
	return true;
}

/* [from, end) is in no page table: what of it has data. */
static bool add_gap(const struct live_map *map, int fd, hw_addr from, hw_addr end,
		    struct run_list *list, size_t first)
{
	hw_addr start, until;

	for (; live_shared_data(fd, map, from, end, &start, &until); from = until)
		if (!add(list, first, (struct live_run){start, until, LIVE_ELSEWHERE}))
			return false;
	return true;
}

/* Between the pages of [start, end) of map that were found: those that are not the process's. */
static bool add_elsewhere(const struct hw_process *process, const struct live_map *map,
			  const struct live_map *part, struct run_list *list, size_t first)
{
	size_t count = list->count - first;
	struct live_run *known;
	hw_addr at = part->start;
	bool is_done;
	int fd;

	if (!map->is_kept || !map->is_shared)
		return true;
	known = hw_array_resize(NULL, 0, count, sizeof(*known));
	is_done = known || !count;
	if (is_done && count)
		memcpy(known, &list->runs[first], count * sizeof(*known));
	if (is_done)
		list->count = first;
	fd = live_shared_open(process, map);
	for (size_t i = 0; is_done && i < count; i++) {
		is_done =
		    add_gap(map, fd, at, known[i].start, list, first) && add(list, first, known[i]);
		at = known[i].end;
	}
	is_done = is_done && add_gap(map, fd, at, part->end, list, first);
	if (fd >= 0)
		close(fd);
	hw_array_resize(known, known ? count : 0, 0, sizeof(*known));
	return is_done;
}

/* The part of map that is in the stretch. */
static bool scan_part(const struct hw_process *process, const struct live_map *map,
		      struct stretch *stretch)
{
	struct run_list *list = &stretch->list;
	struct live_map part = *map;
	size_t first = list->count;
	int result = -1;

	part.start = MAX(map->start, stretch->start);
	part.end = MIN(map->end, stretch->end);
	if (!is_old_kernel)
		result = scan_map(process, &part, list);
	if (result < 0) {
		is_old_kernel = true;
		result = read_map(process, &part, list);
	}
	return result > 0 && add_elsewhere(process, map, &part, list, first) &&
	       (part.start != map->start || add_header(map, list, first)) &&
	       add_vdso(map, list, first);
}

static void scan_stretches(void *arg, uint32_t worker)
{
	struct scanning *scanning = arg;
	const struct hw_process *process = scanning->process;
	size_t i;

	(void)worker;
	while ((i = atomic_fetch_add(&scanning->next, 1)) < scanning->count) {
		struct stretch *stretch = &scanning->stretches[i];

		for (size_t m = stretch->map;
		     m < process->map_count && process->maps[m].start < stretch->end; m++)
			if (!scan_part(process, &process->maps[m], stretch))
				scanning->has_failed = true;
	}
}

/* Cuts the address space, so that there is about as much of mappings in each stretch. */
static bool cut(struct scanning *scanning)
{
	const struct hw_process *process = scanning->process;
	struct stretch *last = NULL;
	uint64_t all = 0, most, size = 0;

	for (size_t i = 0; i < process->map_count; i++)
		all += process->maps[i].end - process->maps[i].start;
	most = MAX(STRETCH, all / STRETCHES) & ~(HW_PAGE - 1);
	for (size_t i = 0; i < process->map_count; i++) {
		const struct live_map *map = &process->maps[i];

		for (hw_addr at = map->start;
		     at < map->end && !(map->start >> 63);) { /* vsyscall */
			hw_addr end = MIN(map->end, at + (most - size));

			if (!size) {
				if (!hw_array_reserve((void **)&scanning->stretches,
						      &scanning->room, scanning->count,
						      sizeof(*scanning->stretches)))
					return false;
				last = &scanning->stretches[scanning->count++];
				*last = (struct stretch){.start = at, .map = i};
				last->is_cut = at > map->start;
			}
			last->end = end;
			size = (size + (end - at)) % most;
			at = end;
		}
	}
	return true;
}

/* Gives the runs of all stretches to the process. */
static bool join(struct hw_process *process, const struct scanning *scanning)
{
	struct run_list list = {process->runs, 0, process->run_room};
	bool is_done = !scanning->has_failed;

	for (size_t i = 0; is_done && i < scanning->count; i++) {
		const struct stretch *stretch = &scanning->stretches[i];

		for (size_t r = 0; is_done && r < stretch->list.count; r++)
			is_done = add(&list, r || !stretch->is_cut ? list.count : 0,
				      stretch->list.runs[r]);
	}
	process->runs = list.runs;
	process->run_count = is_done ? list.count : 0;
	process->run_room = list.room;
	return is_done;
}

bool live_scan_was_old(void)
{
	return is_old_kernel;
}

bool live_scan(struct hw_process *process, GError **error)
{
	struct scanning scanning = {.process = process};
	bool is_done = cut(&scanning);

	process->run_count = 0;
	if (is_done) {
		hw_pool_run(MIN(MIN(hw_pool_threads(0), SCANNERS), (uint32_t)scanning.count),
			    scan_stretches, &scanning);
		is_done = join(process, &scanning);
	}
	for (size_t i = 0; i < scanning.count; i++)
		hw_array_resize(scanning.stretches[i].list.runs, scanning.stretches[i].list.room, 0,
				sizeof(struct live_run));
	hw_array_resize(scanning.stretches, scanning.room, 0, sizeof(*scanning.stretches));
	if (is_done)
		return true;
	g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no memory for the list of pages");
	return false;
}

bool live_wanted(const struct live_map *map, struct live_run *run, hw_addr start, hw_addr end)
{
	if (!map->is_kept || !(run->flags & LIVE_PRESENT) || (run->flags & LIVE_ZERO))
		return false;
	start = MAX(start, map->start);
	end = MIN(end, map->end);
	/* Pages that a file still has come from the file, but for data, and for the first
	 * page, which says what file it is. */
	if (map->is_file && !map->is_shared && (run->flags & LIVE_FILE) &&
	    !(map->perm & HW_PERM_W)) {
		if (map->file_offset)
			return false;
		end = MIN(end, map->start + HW_PAGE);
	}
	run->start = MAX(run->start, start);
	run->end = MIN(run->end, end);
	return run->start < run->end;
}

size_t live_find_run(const struct hw_process *process, hw_addr addr)
{
	size_t low = 0;
	size_t high = process->run_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (process->runs[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
