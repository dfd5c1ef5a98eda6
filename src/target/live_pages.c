/* SPDX-License-Identifier: Apache-2.0 */
/* live_pages.c -- which pages a process has in memory. By the ioctl PAGEMAP_SCAN
 * (Linux 6.7), which skips what is not there; else by reading pagemap, 8 bytes a page
 * (Documentation/admin-guide/mm/pagemap.rst). */
#include "base/array.h"
#include "base/error.h"
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
#define PM_PRESENT         ((uint64_t)1 << 63)
#define PM_SWAPPED         ((uint64_t)1 << 62)
#define PM_FILE            ((uint64_t)1 << 61)

/* first: of this mapping; runs never reach over a border. */
static bool add(struct hw_process *process, size_t first, hw_addr start, hw_addr end,
		uint32_t flags)
{
	struct live_run *last =
	    process->run_count > first ? &process->runs[process->run_count - 1] : NULL;

	if (last && last->end == start && last->flags == flags) {
		last->end = end;
		return true;
	}
	if (!hw_array_reserve((void **)&process->runs, &process->run_room, process->run_count,
			      sizeof(*process->runs)))
		return false;
	process->runs[process->run_count++] = (struct live_run){start, end, flags};
	return true;
}

/* -1: the kernel does not know the call; 0: no memory. */
static int scan_map(struct hw_process *process, const struct live_map *map)
{
	size_t first = process->run_count;
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
			if (!add(process, first, regions[i].start, regions[i].end,
				 (uint32_t)regions[i].categories))
				return 0;
		if (arg.walk_end <= arg.start)
			break;
		arg.start = arg.walk_end;
	}
	return 1;
}

static bool read_map(struct hw_process *process, const struct live_map *map)
{
	size_t first = process->run_count;
	uint64_t words[4096];

	for (hw_addr at = map->start; at < map->end;) {
		size_t want = MIN(G_N_ELEMENTS(words), (map->end - at) / HW_PAGE);
		ssize_t got = pread(process->pagemap, words, want * sizeof(*words),
				    (off_t)(at / HW_PAGE * sizeof(*words)));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < (ssize_t)sizeof(*words))
			return true;
		for (size_t i = 0; i < (size_t)got / sizeof(*words); i++, at += HW_PAGE) {
			uint32_t flags = (words[i] & PM_PRESENT ? LIVE_PRESENT : 0) |
					 (words[i] & PM_SWAPPED ? LIVE_SWAPPED : 0) |
					 (words[i] & PM_FILE ? LIVE_FILE : 0);

			if ((flags & (LIVE_PRESENT | LIVE_SWAPPED)) &&
			    !add(process, first, at, at + HW_PAGE, flags))
				return false;
		}
	}
	return true;
}

/* The first page of a binary has its headers and build-id: it is read even if it is not
 * resident, the only page of which that is true. It comes from the page cache. */
static bool add_header(struct hw_process *process, const struct live_map *map, size_t first)
{
	const struct live_run header = {map->start, map->start + HW_PAGE,
					LIVE_PRESENT | LIVE_FILE | LIVE_FORCED};

	if (!map->is_kept || !map->is_file || map->is_shared || map->file_offset ||
	    !(map->perm & HW_PERM_R) ||
	    (first < process->run_count && process->runs[first].start == map->start))
		return true;
	if (!hw_array_reserve((void **)&process->runs, &process->run_room, process->run_count,
			      sizeof(*process->runs)))
		return false;
	memmove(&process->runs[first + 1], &process->runs[first],
		(process->run_count - first) * sizeof(*process->runs));
	process->runs[first] = header;
	process->run_count++;
	return true;
}

/* The kernel's own code: unwinding wants all of it, and it is memory in any case. */
static bool add_vdso(struct hw_process *process, const struct live_map *map, size_t first)
{
	struct live_run known[VDSO_MOST];
	size_t count = process->run_count - first;

	if (strcmp(map->path, "[vdso]") != 0 || map->end - map->start > VDSO_MOST * HW_PAGE ||
	    count > VDSO_MOST)
		return true;
	memcpy(known, &process->runs[first], count * sizeof(*known));
	process->run_count = first;
	for (hw_addr at = map->start; at < map->end; at += HW_PAGE) {
		uint32_t flags = LIVE_PRESENT | LIVE_FORCED;

		for (size_t i = 0; i < count; i++)
			if (at >= known[i].start && at < known[i].end)
				flags = known[i].flags;
		if (!add(process, first, at, at + HW_PAGE, flags))
			return false;
	}
	return true;
}

bool live_scan(struct hw_process *process, GError **error)
{
	static bool is_old_kernel;
	bool is_done = true;

	process->run_count = 0;
	for (size_t i = 0; is_done && i < process->map_count; i++) {
		const struct live_map *map = &process->maps[i];
		size_t first = process->run_count;
		int result = -1;

		if (map->start >> 63) /* vsyscall */
			continue;
		if (!is_old_kernel)
			result = scan_map(process, map);
		is_old_kernel = is_old_kernel || result < 0;
		is_done = result < 0 ? read_map(process, map) : result > 0;
		is_done =
		    is_done && add_header(process, map, first) && add_vdso(process, map, first);
	}
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
