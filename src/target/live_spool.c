/* SPDX-License-Identifier: Apache-2.0 */
/* live_spool.c -- the file without a name that a process's pages are copied to: private
 * (0600), on a disk, sparse, gone when we are. */
#include "base/array.h"
#include "base/error.h"
#include "target/live.h"
#include "target/spool.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SPARE ((uint64_t)64 << 20) /* For what it maps until it is stopped, at least. */

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

static size_t bitmap_size(uint64_t size)
{
	return size ? size / LIVE_CHUNK / 8 + 1 : 0;
}

static uint64_t tags_size(uint64_t size)
{
	return size / HW_PAGE * sizeof(struct live_tag);
}

/* Address space for the tags of a file of that size; what is not touched takes no memory. */
static void grow_tags(struct live_spool *spool, uint64_t size)
{
	void *tags;

	if (spool->tags)
		tags = mremap(spool->tags, tags_size(spool->size), tags_size(size), MREMAP_MAYMOVE);
	else if (!spool->size && live_tag_key(spool->key))
		tags = mmap(NULL, tags_size(size), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	else
		return;
	if (tags == MAP_FAILED && spool->tags)
		munmap(spool->tags, tags_size(spool->size));
	spool->tags = tags == MAP_FAILED ? NULL : tags;
}

static bool grow_bitmap(uint8_t **bits, uint64_t old_size, uint64_t size)
{
	uint8_t *grown =
	    hw_array_resize(*bits, *bits ? bitmap_size(old_size) : 0, bitmap_size(size), 1);

	if (grown)
		*bits = grown;
	return grown != NULL;
}

static void unmap(struct live_spool *spool)
{
	if (spool->in)
		munmap(spool->in, spool->size);
	spool->in = NULL;
}

/* What is in the file stays. */
static bool grow(struct live_spool *spool, uint64_t size, GError **error)
{
	if (ftruncate(spool->fd, (off_t)size) != 0) {
		hw_error_errno(error, errno, "%s: no file as large as the process", spool->dir);
		return false;
	}
	unmap(spool);
	grow_tags(spool, size);
	if (grow_bitmap(&spool->done, spool->size, size) &&
	    grow_bitmap(&spool->listed, spool->size, size) &&
	    grow_bitmap(&spool->written, spool->size, size) &&
	    grow_bitmap(&spool->lost, spool->size, size)) {
		spool->size = size;
		spool->in = mmap(NULL, size, PROT_NONE, MAP_SHARED, spool->fd, 0);
		if (spool->in == MAP_FAILED)
			spool->in = NULL;
	}
	if (spool->in) {
		/* Dumping us must not mean dumping the target. */
		madvise(spool->in, size, MADV_DONTDUMP);
		return true;
	}
	g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "%s: the spool cannot be mapped",
		    spool->dir);
	return false;
}

bool live_spool_forget(struct hw_process *process)
{
	struct live_spool *spool = &process->spool;

	if (!spool->in)
		return true;
	memset(spool->done, 0, bitmap_size(spool->size));
	memset(spool->lost, 0, bitmap_size(spool->size));
	return mprotect(spool->in, spool->size, PROT_NONE) == 0;
}

void live_spool_list(struct hw_process *process)
{
	memset(process->spool.listed, 0, bitmap_size(process->spool.size));
}

bool live_spool_layout(struct hw_process *process, GError **error)
{
	struct live_spool *spool = &process->spool;
	uint64_t size;

	atomic_store(&process->unreadable, 0);
	atomic_store(&process->spool_full, 0);
	atomic_store(&process->missed, 0);
	process->next_fill = UINT64_MAX;
	process->fill_size = LIVE_CHUNK;
	process->fills = 0;
	if (!live_place_all(process, &size)) {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no memory for a list of places");
		return false;
	}
	if (spool->in && size <= spool->size)
		return true;
	return grow(spool, size + size / 8 / LIVE_CHUNK * LIVE_CHUNK + SPARE, error);
}

bool live_spool_room(const struct hw_process *process, uint64_t bytes, GError **error)
{
	g_autofree char *what = g_strdup_printf("the copy of process %d", process->pid);

	return hw_spool_check_room(process->spool.fd, process->spool.dir, bytes, what, error);
}

void live_spool_show(struct hw_process *process, bool all)
{
	struct live_spool *spool = &process->spool;
	uint64_t chunks = spool->size / LIVE_CHUNK;

	if (all) {
		mprotect(spool->in, spool->size, PROT_READ);
		return;
	}
	for (uint64_t i = 0; i < chunks;) {
		uint64_t first = i;

		if (!spool->done[i / 8]) {
			i = (i / 8 + 1) * 8;
			continue;
		}
		while (i < chunks && (spool->done[i / 8] & (1u << i % 8)))
			i++;
		if (i > first)
			mprotect(spool->in + first * LIVE_CHUNK, (i - first) * LIVE_CHUNK,
				 PROT_READ);
		else
			i++;
	}
}

void live_spool_close(struct hw_process *process)
{
	struct live_spool *spool = &process->spool;

	unmap(spool);
	hw_array_resize(spool->done, bitmap_size(spool->size), 0, 1);
	hw_array_resize(spool->listed, bitmap_size(spool->size), 0, 1);
	hw_array_resize(spool->written, bitmap_size(spool->size), 0, 1);
	hw_array_resize(spool->lost, bitmap_size(spool->size), 0, 1);
	if (spool->tags)
		munmap(spool->tags, tags_size(spool->size));
	if (spool->fd >= 0)
		close(spool->fd);
	g_free(spool->dir);
}
