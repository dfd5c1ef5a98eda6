/* SPDX-License-Identifier: Apache-2.0 */
/* holes.c -- where a sparse file has data. The kernel leaves pages of zeros out of
 * cores as holes; skipping them costs nothing that reading them would. */
#include "base/text.h"
#include "target/process.h"
#include "target/target.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* Asks for the stretch at or behind offset. On a file system that can't tell, and
 * when the file was cut since, all is data: what is not there reads as zeros. */
static void ask(struct hw_target *target, uint64_t offset)
{
	off_t start = lseek(target->fd, (off_t)offset, SEEK_DATA);
	off_t end;

	target->hole_start = offset;
	target->data_end = target->map_size;
	if (start < 0) {
		target->data_start = errno == ENXIO ? target->map_size : offset;
		return;
	}
	target->data_start = (uint64_t)start;
	end = lseek(target->fd, start, SEEK_HOLE);
	if (end > start)
		target->data_end = (uint64_t)end;
}

/* The stretches of a process are known. */
static bool find_stretch(const struct hw_target *target, uint64_t offset, uint64_t end,
			 uint64_t *start_ret, uint64_t *end_ret)
{
	size_t low = 0;
	size_t high = target->stretch_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (target->stretches[middle].end <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == target->stretch_count || target->stretches[low].start >= end)
		return false;
	*start_ret = MAX(offset, target->stretches[low].start);
	*end_ret = MIN(end, target->stretches[low].end);
	return true;
}

bool hw_target_data(const struct hw_target *target, uint64_t offset, uint64_t end,
		    uint64_t *start_ret, uint64_t *end_ret)
{
	/* The last answer is a cache; it changes nothing that callers see. */
	struct hw_target *cache = (struct hw_target *)(uintptr_t)target;
	bool is_data;

	end = MIN(end, target->map_size);
	if (offset >= end)
		return false;
	if (target->process)
		return find_stretch(target, offset, end, start_ret, end_ret);
	g_mutex_lock(&cache->lock);
	if (offset < cache->hole_start || offset >= cache->data_end)
		ask(cache, offset);
	is_data = cache->data_start < end;
	if (is_data) {
		*start_ret = MAX(offset, cache->data_start);
		*end_ret = MIN(end, cache->data_end);
	}
	g_mutex_unlock(&cache->lock);
	return is_data;
}

void hw_target_check(const struct hw_target *target, struct hw_notes *notes)
{
	struct stat st;

	if (target->process) {
		uint64_t missed = hw_process_missed(target->process);
		uint64_t lost = hw_process_lost(target->process);
		char size[32];

		if (lost)
			hw_notes_missing(notes, "spool-full", "give more room with --spool-dir",
					 "%s of %s had no room and read as zeros: what is said of "
					 "damage may be of those",
					 hw_text_size(size, sizeof(size), lost), target->path);
		if (missed)
			hw_notes_missing(notes, "not-read", "use --mode stop",
					 "%s of %s would have been needed but had not been read "
					 "while it was stopped",
					 hw_text_size(size, sizeof(size), missed), target->path);
		return;
	}
	if (fstat(target->fd, &st) == 0 && (uint64_t)st.st_size == target->map_size &&
	    (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec == target->mtime_ns &&
	    hw_target_faults() == target->faults)
		return;
	hw_notes_missing(
	    notes, "target-changed", "wait until the core is written completely, then run again",
	    "%s or a binary it names was cut or changed while it was read", target->path);
}
