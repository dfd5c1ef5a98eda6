/* SPDX-License-Identifier: Apache-2.0 */
/* live_copy.c -- pages of the process into the spool.
 *
 * A page is read into a buffer that the processor's cache holds, and written only if it is
 * not what the spool has already: its tag tells. So what was copied while the process ran
 * costs a stop no more than being read again, which is about half of what writing to
 * memory that nobody touched lately would take.
 *
 * Everything here is async-signal-safe: system calls and atomics. */
#include "target/live.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Bytes read at a time. A call costs microseconds beside its pages, so that less than this takes
 * longer although it would stay in a small cache. */
#define BATCH   ((uint64_t)1 << 20)
#define PAGES   (BATCH / HW_PAGE)
#define VECTORS 32

/* What is read at a time. */
struct batch {
	struct hw_process *process;
	struct iovec from[VECTORS];
	uint64_t at[VECTORS]; /* In the spool. */
	unsigned count;
	uint64_t size;
	uint64_t refused[PAGES / 64]; /* Bit per page of bytes: the kernel did not give it. */
	_Alignas(64) uint8_t bytes[BATCH];
};

G_STATIC_ASSERT(PAGES % 64 == 0);

static bool is_known(const struct live_tag *tag)
{
	return (tag->word[0] | tag->word[1]) != 0;
}

static bool is_same(const struct live_tag *a, const struct live_tag *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1];
}

/* Pages of the file that read as zeros from now on. */
static void drop(struct live_spool *spool, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; spool->tags && at < to; at += HW_PAGE)
		spool->tags[at / HW_PAGE] = (struct live_tag){{0, 0}};
	if (from < to)
		fallocate(spool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
			  (off_t)(to - from));
}

static void mark_written(struct live_spool *spool, uint64_t from, uint64_t to)
{
	for (uint64_t i = from / LIVE_CHUNK; i < (to + LIVE_CHUNK - 1) / LIVE_CHUNK; i++)
		if (!(spool->written[i / 8] & (1u << i % 8)))
			__atomic_or_fetch(&spool->written[i / 8], (uint8_t)(1u << i % 8),
					  __ATOMIC_RELAXED);
}

/* There is no room for the pages: what their chunks hold is not known. */
static void lose(struct hw_process *process, uint64_t from, uint64_t to)
{
	atomic_fetch_add(&process->spool_full, to - from);
	for (uint64_t i = from / LIVE_CHUNK; i < (to + LIVE_CHUNK - 1) / LIVE_CHUNK; i++)
		__atomic_or_fetch(&process->spool.lost[i / 8], (uint8_t)(1u << i % 8),
				  __ATOMIC_RELAXED);
}

static bool is_written(const struct live_spool *spool, uint64_t offset)
{
	uint64_t i = offset / LIVE_CHUNK;

	return spool->written[i / 8] & (1u << i % 8);
}

static void refuse(struct batch *batch, uint64_t page)
{
	batch->refused[page / 64] |= (uint64_t)1 << page % 64;
}

static bool is_refused(const struct batch *batch, uint64_t page)
{
	return batch->refused[page / 64] & (uint64_t)1 << page % 64;
}

/* What process_vm_readv() refuses (PROT_NONE), /proc/PID/mem may give. Page by page. */
static void read_pages(struct batch *batch, uint64_t done)
{
	uint64_t begin = 0;

	for (unsigned i = 0; i < batch->count; begin += batch->from[i++].iov_len) {
		hw_addr addr = (hw_addr)(uintptr_t)batch->from[i].iov_base;
		uint64_t size = batch->from[i].iov_len;
		uint64_t at = done > begin ? MIN(done - begin, size) & ~(HW_PAGE - 1) : 0;

		for (; at < size; at += HW_PAGE) {
			ssize_t got = -1;

			while (batch->process->mem >= 0 &&
			       (got = pread(batch->process->mem, batch->bytes + begin + at, HW_PAGE,
					    (off_t)(addr + at))) < 0 &&
			       errno == EINTR)
				;
			if (got != (ssize_t)HW_PAGE)
				refuse(batch, (begin + at) / HW_PAGE);
		}
	}
}

static void read_batch(struct batch *batch)
{
	struct iovec to = {batch->bytes, batch->size};
	ssize_t got;

	memset(batch->refused, 0, sizeof(batch->refused));
	do
		got = process_vm_readv(batch->process->alive, &to, 1, batch->from, batch->count, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == ESRCH)
		batch->process->is_gone = true;
	else if (got < (ssize_t)batch->size)
		read_pages(batch, got > 0 ? (uint64_t)got : 0);
}

/* Bytes of the batch, as they are from now on, at `at` of the file. */
static void write_out(struct batch *batch, const uint8_t *bytes, uint64_t at, uint64_t size)
{
	struct live_spool *spool = &batch->process->spool;

	mark_written(spool, at, at + size);
	while (size) {
		ssize_t put = pwrite(spool->fd, bytes, size, (off_t)at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			break;
		bytes += put;
		at += (uint64_t)put;
		size -= (uint64_t)put;
	}
	if (!size)
		return;
	/* The disk is full. */
	lose(batch->process, at, at + size);
	drop(spool, at & ~(HW_PAGE - 1), at + size);
}

/* Is the page to be written? */
static bool takes_page(struct batch *batch, uint64_t offset, uint64_t at)
{
	struct hw_process *process = batch->process;
	struct live_tag *tags = process->spool.tags;
	struct live_tag *tag = tags ? &tags[at / HW_PAGE] : NULL;
	struct live_tag now;

	if (is_refused(batch, offset / HW_PAGE)) {
		atomic_fetch_add(&process->unreadable, HW_PAGE);
		if (is_written(&process->spool, at))
			drop(&process->spool, at, at + HW_PAGE);
		return false;
	}
	if (!tag || !is_known(tag)) {
		if (atomic_fetch_add(&process->spool.used, HW_PAGE) + HW_PAGE >
		    process->spool.limit) {
			atomic_fetch_sub(&process->spool.used, HW_PAGE);
			lose(process, at, at + HW_PAGE);
			return false;
		}
	}
	if (!tag)
		return true;
	now = live_tag_page(process->spool.key, batch->bytes + offset);
	if (is_known(tag) && is_same(tag, &now))
		return false;
	*tag = now;
	return true;
}

static void store(struct batch *batch)
{
	uint64_t begin = 0;

	if (batch->process->is_gone)
		batch->count = 0;
	for (unsigned i = 0; i < batch->count; begin += batch->from[i++].iov_len) {
		const uint64_t size = batch->from[i].iov_len;
		uint64_t start = 0; /* [start, done) waits to be written. */

		for (uint64_t done = 0; done < size; done += HW_PAGE) {
			if (takes_page(batch, begin + done, batch->at[i] + done))
				continue;
			if (done > start)
				write_out(batch, batch->bytes + begin + start, batch->at[i] + start,
					  done - start);
			start = done + HW_PAGE;
		}
		if (size > start)
			write_out(batch, batch->bytes + begin + start, batch->at[i] + start,
				  size - start);
	}
	batch->count = 0;
	batch->size = 0;
}

void live_copy(struct hw_process *process, uint64_t from, uint64_t to)
{
	struct batch batch;
	struct live_walk walk;
	struct live_piece piece;

	batch.process = process;
	batch.count = 0;
	batch.size = 0;
	live_walk_init(&walk, process, from, to);
	while (live_walk_next(&walk, &piece)) {
		while (piece.size && process->state < LIVE_LATE && !process->is_gone) {
			uint64_t size = MIN(piece.size, BATCH - batch.size);

			batch.from[batch.count].iov_base = (void *)(uintptr_t)piece.addr;
			batch.from[batch.count].iov_len = size;
			batch.at[batch.count++] = piece.at;
			batch.size += size;
			piece.addr += size;
			piece.at += size;
			piece.size -= size;
			if (batch.size < BATCH && batch.count < VECTORS)
				continue;
			read_batch(&batch);
			store(&batch);
		}
	}
	if (batch.count && process->state < LIVE_LATE && !process->is_gone) {
		read_batch(&batch);
		store(&batch);
	}
}

/* What was put in [from, to) of the file. */
static void drop_written(struct live_spool *spool, uint64_t from, uint64_t to)
{
	uint64_t start = from; /* [start, at) is to be dropped. */

	for (uint64_t at = from; at < to;) {
		uint64_t next = MIN(to, (at / LIVE_CHUNK + 1) * LIVE_CHUNK);

		if (!is_written(spool, at)) {
			drop(spool, start, at);
			/* Eight at a time where nothing is. */
			while (next % (8 * LIVE_CHUNK) == 0 && next < to &&
			       !spool->written[next / LIVE_CHUNK / 8])
				next = MIN(to, next + 8 * LIVE_CHUNK);
			at = start = next;
			continue;
		}
		for (; at < next; at += HW_PAGE)
			if (spool->tags && !is_known(&spool->tags[at / HW_PAGE])) {
				drop(spool, start, at);
				start = at + HW_PAGE;
			}
	}
	drop(spool, start, to);
}

void live_copy_stale(struct hw_process *process)
{
	for (size_t i = 0, r = 0; i < process->map_count; i++) {
		const struct live_map *map = &process->maps[i];
		hw_addr at = map->start;

		for (; r < process->run_count && process->runs[r].start < map->end; r++) {
			struct live_run run = process->runs[r];

			if (run.start < map->start || !live_wanted(map, &run, at, map->end))
				continue;
			drop_written(&process->spool, map->spool + (at - map->start),
				     map->spool + (run.start - map->start));
			at = run.end;
		}
		if (map->is_kept)
			drop_written(&process->spool, map->spool + (at - map->start),
				     map->spool + (map->end - map->start));
	}
}
