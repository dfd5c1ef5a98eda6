/* SPDX-License-Identifier: Apache-2.0 */
/* live_fill.c -- pages come into the spool when they are looked at.
 *
 * A chunk that was not read yet is PROT_NONE in the map that readers see. The first
 * access faults; the SIGSEGV handler copies the process's resident pages through the
 * spool's writable map and opens the chunk. A walk by ascending addresses gets more at
 * a time. So decoders that peek and walk need not know, and the pages they do not look
 * at cost the process no time.
 *
 * Everything below a handler is async-signal-safe: system calls and atomics. */
#include "base/array.h"
#include "base/error.h"
#include "target/live.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILL_MAX   ((uint64_t)2 << 20)
#define VECTORS    64
#define DATA_MOST  ((uint64_t)32 << 20)  /* Of one mapping, to be read before all else, */
#define STACK_MOST ((uint64_t)256 << 10) /* of one stack above its pointer, */
#define TLS_BELOW  ((uint64_t)64 << 10)  /* and around a thread's control block. */
#define TLS_ABOVE  ((uint64_t)8 << 10)
#define FILLS_MANY 16384 /* Islands cost one of 65530 mappings each; then larger ones. */

static struct hw_process *_Atomic filling_for;
static struct sigaction old_action;

const struct live_map *live_map_of(const struct hw_process *process, uint64_t offset)
{
	const struct live_map *found = NULL;
	size_t low = 0;
	size_t high = process->map_count;

	/* Kept mappings have ascending places; what is not kept has the next one's. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (process->maps[middle].spool <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	while (low-- > 0 && !found)
		if (process->maps[low].is_kept)
			found = &process->maps[low];
	if (!found || offset - found->spool >= found->end - found->start)
		return NULL;
	return found;
}

const struct live_map *live_map_from(const struct hw_process *process, size_t *next, hw_addr addr)
{
	while (*next < process->map_count && process->maps[*next].end <= addr)
		(*next)++;
	return *next < process->map_count ? &process->maps[*next] : NULL;
}

void live_mark_done(struct hw_process *process, uint64_t start, uint64_t end)
{
	for (uint64_t i = start / LIVE_CHUNK; i < (end + LIVE_CHUNK - 1) / LIVE_CHUNK; i++)
		__atomic_or_fetch(&process->spool.done[i / 8], (uint8_t)(1u << i % 8),
				  __ATOMIC_RELAXED);
}

bool live_is_done(const struct hw_process *process, uint64_t offset)
{
	uint64_t i = offset / LIVE_CHUNK;

	return process->spool.done[i / 8] & (1u << i % 8);
}

/* What process_vm_readv() refuses (PROT_NONE), /proc/PID/mem may give. Page by page. */
static void copy_pages(struct hw_process *process, uint8_t *out, hw_addr addr, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += HW_PAGE) {
		ssize_t got = -1;

		while (process->mem >= 0 &&
		       (got = pread(process->mem, out + at, HW_PAGE, (off_t)(addr + at))) < 0 &&
		       errno == EINTR)
			;
		if (got == (ssize_t)HW_PAGE)
			atomic_fetch_add(&process->spool.used, HW_PAGE);
		else
			atomic_fetch_add(&process->unreadable, HW_PAGE);
	}
}

static void copy_vectors(struct hw_process *process, struct iovec *to, struct iovec *from,
			 unsigned count)
{
	ssize_t got;
	uint64_t done;

	do
		got = process_vm_readv(process->pid, to, count, from, count, 0);
	while (got < 0 && errno == EINTR);
	done = got > 0 ? (uint64_t)got : 0;
	atomic_fetch_add(&process->spool.used, done);
	for (unsigned i = 0; i < count; i++) {
		uint64_t part = MIN(done, from[i].iov_len) & ~(HW_PAGE - 1);

		done -= MIN(done, from[i].iov_len);
		if (part < from[i].iov_len)
			copy_pages(process, (uint8_t *)to[i].iov_base + part,
				   (hw_addr)(uintptr_t)from[i].iov_base + part,
				   from[i].iov_len - part);
	}
}

void live_copy(struct hw_process *process, const struct live_map *map, hw_addr start, hw_addr end)
{
	struct iovec to[VECTORS];
	struct iovec from[VECTORS];
	unsigned count = 0;

	for (size_t i = live_find_run(process, start);
	     i < process->run_count && process->runs[i].start < end; i++) {
		struct live_run run = process->runs[i];

		if (process->state >= LIVE_LATE)
			return;
		if (!live_wanted(map, &run, start, end))
			continue;
		if (atomic_load(&process->spool.used) + (run.end - run.start) >
		    process->spool.limit) {
			atomic_fetch_add(&process->spool_full, run.end - run.start);
			continue;
		}
		to[count].iov_base = process->spool.out + map->spool + (run.start - map->start);
		from[count].iov_base = (void *)(uintptr_t)run.start;
		to[count].iov_len = from[count].iov_len = run.end - run.start;
		if (++count == VECTORS) {
			copy_vectors(process, to, from, count);
			count = 0;
		}
	}
	if (count && process->state < LIVE_LATE)
		copy_vectors(process, to, from, count);
}

/* How much to read for a look at offset: more when it goes on where the last one ended. */
static uint64_t choose_size(struct hw_process *process, uint64_t offset)
{
	if (offset == process->next_fill)
		process->fill_size = MIN(process->fill_size * 2, FILL_MAX);
	else
		process->fill_size = process->fills > FILLS_MANY ? FILL_MAX / 2 : LIVE_CHUNK;
	process->fills++;
	return process->fill_size;
}

/* Resident bytes of [start, end) that should have been read. */
static uint64_t count_wanted(const struct hw_process *process, const struct live_map *map,
			     hw_addr start, hw_addr end)
{
	uint64_t bytes = 0;

	for (size_t i = live_find_run(process, start);
	     i < process->run_count && process->runs[i].start < end; i++) {
		struct live_run run = process->runs[i];

		if (live_wanted(map, &run, start, end))
			bytes += run.end - run.start;
	}
	return bytes;
}

static void fill(struct hw_process *process, uint64_t offset)
{
	const struct live_map *map = live_map_of(process, offset);
	uint64_t start = offset & ~(LIVE_CHUNK - 1);
	bool is_open = process->state == LIVE_RUNNING || process->state == LIVE_STOPPED;
	uint64_t end = start + choose_size(process, start);
	uint64_t limit = process->spool.size;

	if (map)
		limit = map->spool + hw_page_up(map->end - map->start);
	limit = MIN((limit + LIVE_CHUNK - 1) & ~(LIVE_CHUNK - 1), process->spool.size);
	end = MIN(end, limit);
	/* Up to what is there already: it must not change under a reader. */
	for (uint64_t at = start + LIVE_CHUNK; at < end; at += LIVE_CHUNK)
		if (live_is_done(process, at))
			end = at;
	process->next_fill = end;
	if (map) {
		hw_addr from = map->start + (start - map->spool);
		hw_addr to = MIN(map->start + (end - map->spool), map->end);

		if (is_open) {
			live_copy(process, map, from, to);
			live_learn_note(process, from, to);
		} else {
			atomic_fetch_add(&process->missed, count_wanted(process, map, from, to));
		}
	}
	mprotect(process->spool.in + start, end - start, PROT_READ);
	if (is_open)
		live_mark_done(process, start, end);
}

static void on_segv(int signal, siginfo_t *info, void *context)
{
	struct hw_process *process = atomic_load(&filling_for);
	uintptr_t addr = (uintptr_t)info->si_addr;
	int saved = errno;

	if (process && info->si_code == SEGV_ACCERR && addr >= (uintptr_t)process->spool.in &&
	    addr - (uintptr_t)process->spool.in < process->spool.size) {
		uint64_t offset = addr - (uintptr_t)process->spool.in;

		/* The alarm may let the process go; not while a page is being copied. */
		while (atomic_flag_test_and_set(&process->filling))
			;
		if (!live_is_done(process, offset))
			fill(process, offset);
		atomic_flag_clear(&process->filling);
		errno = saved;
		return;
	}
	errno = saved;
	if ((old_action.sa_flags & SA_SIGINFO) && old_action.sa_sigaction)
		old_action.sa_sigaction(signal, info, context);
	else /* Comes again with the action that was there before. */
		sigaction(SIGSEGV, &old_action, NULL);
}

void live_fill_install(struct hw_process *process)
{
	struct sigaction action = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};

	if (process && !atomic_load(&filling_for)) {
		/* The deadline waits until a page is copied whole. */
		sigemptyset(&action.sa_mask);
		sigaddset(&action.sa_mask, SIGALRM);
		sigaction(SIGSEGV, &action, &old_action);
	} else if (!process && atomic_load(&filling_for)) {
		sigaction(SIGSEGV, &old_action, NULL);
	}
	atomic_store(&filling_for, process);
}

/* Reads the chunks of [start, end) that are not there yet. False when time is over. */
static bool fill_range(struct hw_process *process, hw_addr start, hw_addr end)
{
	size_t low = 0;
	size_t high = process->map_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (process->maps[middle].end <= start)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < process->map_count && process->maps[low].start < end; low++) {
		const struct live_map *map = &process->maps[low];
		uint64_t from, to, next;

		if (!map->is_kept)
			continue;
		from = map->spool + (MAX(map->start, start) - map->start);
		to = map->spool + (MIN(map->end, end) - map->start);
		for (from &= ~(LIVE_CHUNK - 1); from < to; from = next) {
			next = from + LIVE_CHUNK;
			if (live_is_done(process, from))
				continue;
			while (next < to && next - from < FILL_MAX && !live_is_done(process, next))
				next += LIVE_CHUNK;
			live_copy(process, map, map->start + (from - map->spool),
				  MIN(map->start + (next - map->spool), map->end));
			if (process->state != LIVE_STOPPED)
				return false;
			mprotect(process->spool.in + from, next - from, PROT_READ);
			live_mark_done(process, from, next);
		}
	}
	return true;
}

bool live_fill_learned(struct hw_process *process)
{
	for (size_t i = 0; i < process->learned_count; i++)
		if (!fill_range(process, process->learned[i].start, process->learned[i].end))
			return false;
	return true;
}

bool live_fill_first(struct hw_process *process)
{
	bool follows_file = false;

	for (size_t i = 0; i < process->map_count; i++) {
		const struct live_map *map = &process->maps[i];
		bool is_next = i && map->start == map[-1].end;
		bool is_data = map->is_file ? !map->is_shared : map->path[0] == '[' || follows_file;

		follows_file = map->is_file || (follows_file && is_next && !map->path[0]);
		/* Data of modules, their bss, the kernel's pages; not the heap. */
		if (is_data && strcmp(map->path, "[heap]") != 0 &&
		    strcmp(map->path, "[stack]") != 0 && map->end - map->start <= DATA_MOST &&
		    !fill_range(process, map->start, map->end))
			return false;
	}
	for (size_t i = 0; i < process->register_count; i++) {
		hw_addr sp = process->registers[i].regs[HW_REG_SP];
		hw_addr tls = process->registers[i].regs[HW_REG_FS_BASE];

		if (sp && !fill_range(process, sp - MIN(sp, 4096), sp + STACK_MOST))
			return false;
		if (tls && !fill_range(process, tls - MIN(tls, TLS_BELOW), tls + TLS_ABOVE))
			return false;
	}
	return true;
}
