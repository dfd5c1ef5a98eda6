/* SPDX-License-Identifier: Apache-2.0 */
/* live_spool.c -- the file without a name that a process's pages are copied to: private
 * (0600), on a disk, sparse, gone when we are. */
#include "base/array.h"
#include "base/error.h"
#include "base/text.h"
#include "target/live.h"
#include "target/spool.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PLACE_MAX ((uint64_t)8 << 40) /* ext4 has files of up to 16 TiB. */

bool live_spool_open(struct hw_process *process, GError **error)
{
	struct hw_spool file;

	if (!hw_spool_open(&file, process->options.spool_dir, 0, "the copy of the process", error))
		return false;
	process->spool.dir = g_strdup(file.dir);
	process->spool.fd = hw_spool_steal(&file);
	hw_spool_close(&file);
	return true;
}

/* Gives each kept mapping its place. */
static uint64_t lay_out(struct hw_process *process)
{
	uint64_t at = 0;

	for (size_t i = 0; i < process->map_count; i++) {
		struct live_map *map = &process->maps[i];
		uint64_t size = map->end - map->start;

		/* Address space that nobody could use up: only its being there counts. */
		if (map->is_kept && size > PLACE_MAX - at)
			map->is_kept = false;
		map->spool = at;
		if (map->is_kept)
			at += (size + LIVE_CHUNK - 1) & ~(LIVE_CHUNK - 1);
	}
	return MAX(at, LIVE_CHUNK);
}

static void unmap(struct live_spool *spool)
{
	if (spool->in)
		munmap(spool->in, spool->size);
	if (spool->out)
		munmap(spool->out, spool->size);
	hw_array_resize(spool->done, spool->size / LIVE_CHUNK / 8 + 1, 0, 1);
	spool->in = spool->out = spool->done = NULL;
}

static bool map_all(struct live_spool *spool, uint64_t size, GError **error)
{
	spool->size = size;
	if (ftruncate(spool->fd, (off_t)size) != 0) {
		hw_error_errno(error, errno, "%s: no file as large as the process", spool->dir);
		return false;
	}
	spool->done = hw_array_resize(NULL, 0, size / LIVE_CHUNK / 8 + 1, 1);
	spool->out = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, spool->fd, 0);
	spool->in = mmap(NULL, size, PROT_NONE, MAP_SHARED, spool->fd, 0);
	if (spool->out == MAP_FAILED)
		spool->out = NULL;
	if (spool->in == MAP_FAILED)
		spool->in = NULL;
	if (spool->done && spool->out && spool->in) {
		/* Dumping us must not mean dumping the target. */
		madvise(spool->out, size, MADV_DONTDUMP);
		madvise(spool->in, size, MADV_DONTDUMP);
		return true;
	}
	g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "%s: the spool cannot be mapped",
		    spool->dir);
	return false;
}

/* What an earlier reading left must not show where there is nothing now. */
static void punch(struct live_spool *spool)
{
	uint64_t chunks = spool->size / LIVE_CHUNK;

	for (uint64_t i = 0; i < chunks;) {
		uint64_t first = i;

		if (!spool->done[i / 8]) {
			i = (i / 8 + 1) * 8;
			continue;
		}
		while (i < chunks && (spool->done[i / 8] & (1u << i % 8)))
			i++;
		if (i > first)
			fallocate(spool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  (off_t)(first * LIVE_CHUNK), (off_t)((i - first) * LIVE_CHUNK));
		else
			i++;
	}
}

bool live_spool_clean(struct hw_process *process)
{
	struct live_spool *spool = &process->spool;

	if (!spool->in)
		return true;
	punch(spool);
	memset(spool->done, 0, spool->size / LIVE_CHUNK / 8 + 1);
	return mprotect(spool->in, spool->size, PROT_NONE) == 0;
}

bool live_spool_layout(struct hw_process *process, GError **error)
{
	struct live_spool *spool = &process->spool;
	uint64_t size = lay_out(process);

	atomic_store(&spool->used, 0);
	atomic_store(&process->unreadable, 0);
	atomic_store(&process->spool_full, 0);
	atomic_store(&process->missed, 0);
	process->next_fill = UINT64_MAX;
	process->fill_size = LIVE_CHUNK;
	process->fills = 0;
	if (spool->in && size <= spool->size)
		return true;
	unmap(spool);
	/* Some room for what it maps until it is stopped. */
	return map_all(spool, size + size / 8 / LIVE_CHUNK * LIVE_CHUNK + 16 * LIVE_CHUNK, error);
}

void live_spool_close(struct hw_process *process)
{
	unmap(&process->spool);
	if (process->spool.fd >= 0)
		close(process->spool.fd);
	g_free(process->spool.dir);
}

static uint64_t available_memory(void)
{
	g_autofree char *text = NULL;
	uint64_t kib;

	if (!g_file_get_contents("/proc/meminfo", &text, NULL, NULL) ||
	    !live_field(text, "MemAvailable", &kib))
		return 0;
	return kib << 10;
}

/* Pages for what will be read of [start, end). Those that are there already, and may be
 * written to, are filled three times as fast: that time is not spent while the process
 * stands. */
static void populate(struct hw_process *process, hw_addr start, hw_addr end)
{
	uint64_t left = available_memory() / 2;
	size_t i = live_find_run(process, start);

	for (size_t m = 0; i < process->run_count && process->runs[i].start < end; i++) {
		struct live_run run = process->runs[i];
		const struct live_map *map = live_map_from(process, &m, run.start);

		if (!map)
			break;
		if (!live_wanted(map, &run, start, end))
			continue;
		if (run.end - run.start > left ||
		    madvise(process->spool.out + map->spool + (run.start - map->start),
			    run.end - run.start, 23 /* MADV_POPULATE_WRITE, Linux 5.14 */) != 0)
			break;
		left -= run.end - run.start;
	}
}

bool live_spool_prepare(struct hw_process *process, uint64_t bytes, GError **error)
{
	struct live_spool *spool = &process->spool;
	char need[32], have[32];
	struct statvfs fs;
	uint64_t room;

	if (fstatvfs(spool->fd, &fs) == 0) {
		room = (uint64_t)fs.f_bavail * fs.f_frsize;
		if (room < bytes + bytes / 50 + ((uint64_t)16 << 20)) {
			g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
				    "%s has %s free; the copy of process %d needs %s. Name another "
				    "place with --spool-dir",
				    spool->dir, hw_text_size(have, sizeof(have), room),
				    process->pid, hw_text_size(need, sizeof(need), bytes));
			return false;
		}
	}
	populate(process, 0, UINT64_MAX);
	return true;
}

void live_spool_expect(struct hw_process *process)
{
	for (size_t i = 0; i < process->learned_count; i++)
		populate(process, process->learned[i].start, process->learned[i].end);
}
