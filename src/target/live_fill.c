/* SPDX-License-Identifier: Apache-2.0 */
/* live_fill.c -- pages come into the spool when they are looked at.
 *
 * A chunk that was not read yet is PROT_NONE in the map that readers see. The first
 * access faults; the SIGSEGV handler copies the process's resident pages into the spool
 * and opens the chunk. A walk by ascending addresses gets more at a time. So decoders
 * that peek and walk need not know, and the pages they do not look at cost the process
 * no time.
 *
 * Everything below a handler is async-signal-safe: system calls and atomics. */
#include "target/live.h"
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#define FILL_MAX   ((uint64_t)2 << 20)
#define FILLS_MANY 16384 /* Islands cost one of 65530 mappings each; then larger ones. */

static struct hw_process *_Atomic filling_for;
static struct sigaction old_action;

void live_mark_done(struct hw_process *process, uint64_t from, uint64_t to)
{
	const struct live_spool *spool = &process->spool;

	for (uint64_t i = from / LIVE_CHUNK; i < (to + LIVE_CHUNK - 1) / LIVE_CHUNK; i++)
		if (!(spool->lost[i / 8] & (1u << i % 8)))
			__atomic_or_fetch(&spool->done[i / 8], (uint8_t)(1u << i % 8),
					  __ATOMIC_RELAXED);
}

bool live_is_done(const struct hw_process *process, uint64_t offset)
{
	uint64_t i = offset / LIVE_CHUNK;

	return process->spool.done[i / 8] & (1u << i % 8);
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

/* What should have been read of the spool's [from, to). */
static void miss(struct hw_process *process, uint64_t from, uint64_t to)
{
	struct live_walk walk;
	struct live_piece piece;

	live_walk_init(&walk, process, from, to);
	while (live_walk_next(&walk, &piece)) {
		atomic_fetch_add(&process->missed, piece.size);
		if (process->misses && process->miss_count < LIVE_MISSES)
			process->misses[process->miss_count++] =
			    (struct live_run){piece.addr, piece.addr + piece.size, 0};
	}
}

static void fill(struct hw_process *process, uint64_t offset)
{
	uint64_t start = offset & ~(LIVE_CHUNK - 1);
	uint64_t end = start + choose_size(process, start);
	bool is_open = process->state == LIVE_RUNNING || process->state == LIVE_STOPPED;
	const struct live_place *place = live_place_of(process, offset);

	end = MIN(end, place ? place->at + (place->end - place->start) : start + LIVE_CHUNK);
	/* Up to what is there already: it must not change under a reader. */
	for (uint64_t at = start + LIVE_CHUNK; at < end; at += LIVE_CHUNK)
		if (live_is_done(process, at))
			end = at;
	process->next_fill = end;
	if (is_open) {
		live_copy(process, start, end);
		if (place)
			live_learn_note(process, place->start + (start - place->at),
					place->start + (end - place->at));
	} else {
		miss(process, start, end);
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
