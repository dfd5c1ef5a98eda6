/* SPDX-License-Identifier: Apache-2.0 */
/* live_shared.c -- shared memory without a name that a process has not mapped in, or that was
 * swapped out: no page table tells of it, and looking at it would give it to the process. The
 * file behind it knows which parts have data. */
#include "target/live.h"
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

int live_shared_open(const struct hw_process *process, const struct live_map *map)
{
	char name[80];

	g_snprintf(name, sizeof(name), "map_files/%" PRIx64 "-%" PRIx64, map->start, map->end);
	return openat(process->dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

bool live_shared_data(int fd, const struct live_map *map, hw_addr from, hw_addr end,
		      hw_addr *start_ret, hw_addr *end_ret)
{
	const uint64_t base = map->file_offset - map->start;
	off_t data, hole;

	if (from >= end)
		return false;
	*start_ret = from;
	*end_ret = end;
	if (fd < 0)
		return true;
	data = lseek(fd, (off_t)(base + from), SEEK_DATA);
	if (data < 0) /* ENXIO: there is none up to the end of the file. */
		return false;
	*start_ret = MAX(from, ((uint64_t)data & ~(HW_PAGE - 1)) - base);
	hole = lseek(fd, data, SEEK_HOLE);
	if (hole > data)
		*end_ret = MIN(end, (((uint64_t)hole + HW_PAGE - 1) & ~(HW_PAGE - 1)) - base);
	return *start_ret < *end_ret;
}
