/* SPDX-License-Identifier: Apache-2.0 */
/* live_learn.c -- what a rehearsal looked at, to be read again when the process stands.
 *
 * Time may run out: what was looked at first (an allocator's own structures) comes first, what
 * a long walk met later (every block, every stack) comes later. But reading goes fastest by
 * address, in large pieces. So the order of looks is cut into batches of doubling size, and each
 * batch is sorted. */
#include "base/array.h"
#include "target/live.h"
#include <stdlib.h>

#define LOOKED_MOST ((size_t)1 << 16)
#define BATCH_FIRST ((uint64_t)1 << 20)
#define NEW_MOST    ((uint64_t)16 << 20) /* Of pages nobody looked at, because they are new. */

bool live_learn_begin(struct hw_process *process)
{
	process->looked_count = 0;
	if (!process->looked)
		process->looked = hw_array_resize(NULL, 0, LOOKED_MOST, sizeof(*process->looked));
	return process->looked != NULL;
}

void live_learn_note(struct hw_process *process, hw_addr start, hw_addr end)
{
	struct live_run *last;

	if (process->state != LIVE_RUNNING || !process->looked)
		return;
	last = process->looked_count ? &process->looked[process->looked_count - 1] : NULL;
	if (last && last->end == start)
		last->end = end;
	else if (process->looked_count < LOOKED_MOST)
		process->looked[process->looked_count++] = (struct live_run){start, end, 0};
}

static bool push(struct hw_process *process, hw_addr start, hw_addr end, size_t first)
{
	struct live_run *last =
	    process->learned_count > first ? &process->learned[process->learned_count - 1] : NULL;

	if (last && last->end == start) {
		last->end = end;
		return true;
	}
	if (!hw_array_reserve((void **)&process->learned, &process->learned_room,
			      process->learned_count, sizeof(*process->learned)))
		return false;
	process->learned[process->learned_count++] = (struct live_run){start, end, 0};
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct live_run *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Looks from `from` on, up to a sum of `most` bytes; returns where the next batch begins. */
static size_t batch_end(const struct hw_process *process, size_t from, uint64_t most)
{
	uint64_t bytes = 0;

	while (from < process->looked_count && bytes < most) {
		bytes += process->looked[from].end - process->looked[from].start;
		from++;
	}
	return from;
}

/* What the list of looks had no room for: all that is there, by address. What came before is
 * not read twice. */
static bool push_all(struct hw_process *process)
{
	const size_t first = process->learned_count;

	for (size_t i = 0; i < process->map_count; i++) {
		const struct live_map *map = &process->maps[i];
		hw_addr end = map->is_kept ? map->end : 0;

		for (hw_addr at = map->start, next; at < end; at = next) {
			next = MIN(end, (at / LIVE_CHUNK + 1) * LIVE_CHUNK);
			if (live_is_done(process, map->spool + (at - map->start)) &&
			    !push(process, at, next, first))
				return false;
		}
	}
	return true;
}

bool live_learn(struct hw_process *process)
{
	uint64_t most = BATCH_FIRST;

	process->learned_count = 0;
	for (size_t from = 0, end; from < process->looked_count; from = end, most *= 2) {
		const size_t first = process->learned_count;

		end = batch_end(process, from, most);
		qsort(&process->looked[from], end - from, sizeof(*process->looked), by_start);
		for (size_t i = from; i < end; i++)
			if (!push(process, process->looked[i].start, process->looked[i].end, first))
				return false;
	}
	return process->looked_count < LOOKED_MOST || push_all(process);
}

bool live_learn_missed(struct hw_process *process)
{
	const size_t first = process->learned_count;
	bool ok = true;

	for (size_t i = 0; ok && i < process->miss_count; i++)
		ok = push(process, process->misses[i].start, process->misses[i].end, first);
	process->miss_count = 0;
	return ok;
}

bool live_learn_new(struct hw_process *process)
{
	const size_t first = process->learned_count;
	uint64_t left = NEW_MOST;

	for (size_t i = 0, o = 0; i < process->run_count; i++) {
		hw_addr at = process->runs[i].start;
		hw_addr end = process->runs[i].end;

		while (at < end) {
			const struct live_run *old;
			hw_addr until = end;

			while (o < process->old_run_count && process->old_runs[o].end <= at)
				o++;
			old = o < process->old_run_count ? &process->old_runs[o] : NULL;
			if (old && old->start <= at) {
				at = MIN(end, old->end);
				continue;
			}
			until = old ? MIN(end, old->start) : end;
			if (until - at > left)
				return true;
			if (!push(process, at, until, first))
				return false;
			left -= until - at;
			at = until;
		}
	}
	return true;
}

void live_learn_clear(struct hw_process *process)
{
	hw_array_resize(process->looked, process->looked ? LOOKED_MOST : 0, 0,
			sizeof(*process->looked));
	hw_array_resize(process->learned, process->learned_room, 0, sizeof(*process->learned));
}
