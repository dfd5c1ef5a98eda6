/* SPDX-License-Identifier: Apache-2.0 */
/* live_read.c -- much of a process into the spool, by several readers. */
#include "base/array.h"
#include "base/error.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/stop.h"
#include "target/live.h"
#include <string.h>

#define UNIT       ((uint64_t)4 << 20)   /* What one reader takes at a time, at most. */
#define READERS    8                     /* More than that, and memory is not faster. */
#define DATA_MOST  ((uint64_t)32 << 20)  /* Of one mapping, to be read before all else, */
#define STACK_MOST ((uint64_t)256 << 10) /* of one stack above its pointer, */
#define TLS_BELOW  ((uint64_t)64 << 10)  /* and around a thread's control block. */
#define TLS_ABOVE  ((uint64_t)8 << 10)

/* Of the spool; multiples of LIVE_CHUNK. A chunk is in one of them, so that it has one reader. */
struct unit {
	uint64_t from;
	uint64_t to;
};

struct reading {
	struct hw_process *process;
	enum live_state state; /* It is over when that changes. */
	struct unit *units;
	size_t count;
	size_t room;
	atomic_size_t next;
	atomic_size_t done;
};

static bool add_chunk(struct reading *reading, uint64_t from)
{
	struct unit *last = reading->count ? &reading->units[reading->count - 1] : NULL;
	uint8_t *listed = &reading->process->spool.listed[from / LIVE_CHUNK / 8];
	uint8_t bit = (uint8_t)(1u << from / LIVE_CHUNK % 8);

	if (*listed & bit)
		return true;
	*listed |= bit;
	if (last && from == last->to && from / UNIT == last->from / UNIT) {
		last->to = from + LIVE_CHUNK;
		return true;
	}
	if (!hw_array_reserve((void **)&reading->units, &reading->room, reading->count,
			      sizeof(*reading->units)))
		return false;
	reading->units[reading->count++] = (struct unit){from, from + LIVE_CHUNK};
	return true;
}

/* The chunks around [start, end) of map. */
static bool add_part(struct reading *reading, const struct live_map *map, hw_addr start,
		     hw_addr end)
{
	uint64_t from = (map->spool + (start - map->start)) & ~(LIVE_CHUNK - 1);
	uint64_t to = map->spool + (end - map->start);

	for (; from < to; from += LIVE_CHUNK)
		if (!add_chunk(reading, from))
			return false;
	return true;
}

/* What is wanted of [start, end). */
static bool add_range(struct reading *reading, hw_addr start, hw_addr end)
{
	const struct hw_process *process = reading->process;
	size_t m = 0;

	for (size_t i = live_find_run(process, start);
	     i < process->run_count && process->runs[i].start < end; i++) {
		struct live_run run = process->runs[i];
		const struct live_map *map;

		if (!m)
			m = live_find_map(process, run.start);
		map = live_map_from(process, &m, run.start);
		if (map && live_wanted(map, &run, start, end) &&
		    !add_part(reading, map, run.start, run.end))
			return false;
	}
	return true;
}

/* The chunks of it that are not there yet. */
static void read_unit(struct reading *reading, const struct unit *unit)
{
	struct hw_process *process = reading->process;

	for (uint64_t from = unit->from, to; from < unit->to; from = to) {
		to = from + LIVE_CHUNK;
		if (live_is_done(process, from))
			continue;
		while (to < unit->to && !live_is_done(process, to))
			to += LIVE_CHUNK;
		live_copy(process, from, to);
		/* Let go meanwhile: it may not be of the moment. */
		atomic_thread_fence(memory_order_seq_cst);
		if (process->state != reading->state || process->is_gone)
			return;
		live_mark_done(process, from, to);
	}
	atomic_fetch_add(&reading->done, 1);
}

static void read_units(void *arg, uint32_t worker)
{
	struct reading *reading = arg;
	size_t i;

	while (!hw_stop_requested() && reading->process->state == reading->state &&
	       !reading->process->is_gone &&
	       (i = atomic_fetch_add(&reading->next, 1)) < reading->count) {
		read_unit(reading, &reading->units[i]);
		if (!worker && reading->state == LIVE_RUNNING)
			hw_progress("copying what is there before the stop", i, reading->count);
	}
}

/* Ends reading. ok: there was memory for the list. */
static bool read_listed(struct reading *reading, bool ok, GError **error)
{
	bool is_done = false;

	if (ok) {
		hw_pool_run(MIN(hw_pool_threads(0), READERS), read_units, reading);
		is_done = atomic_load(&reading->done) == reading->count;
	} else {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no memory for a list of pages");
	}
	hw_array_resize(reading->units, reading->room, 0, sizeof(*reading->units));
	return is_done;
}

bool live_read_all(struct hw_process *process, GError **error)
{
	struct reading reading = {.process = process, .state = process->state};

	live_spool_list(process);
	return read_listed(&reading, add_range(&reading, 0, UINT64_MAX), error);
}

/* Data of modules, their bss, the kernel's pages; not the heap. */
static bool add_data(struct reading *reading)
{
	const struct hw_process *process = reading->process;
	bool follows_file = false;

	for (size_t i = 0; i < process->map_count; i++) {
		const struct live_map *map = &process->maps[i];
		bool is_next = i && map->start == map[-1].end;
		bool is_data = map->is_file ? !map->is_shared : map->path[0] == '[' || follows_file;

		follows_file = map->is_file || (follows_file && is_next && !map->path[0]);
		if (is_data && strcmp(map->path, "[heap]") != 0 &&
		    strcmp(map->path, "[stack]") != 0 && map->end - map->start <= DATA_MOST &&
		    !add_range(reading, map->start, map->end))
			return false;
	}
	return true;
}

static bool add_stacks(struct reading *reading)
{
	const struct hw_process *process = reading->process;

	for (size_t i = 0; i < process->register_count; i++) {
		hw_addr sp = process->registers[i].regs[HW_REG_SP];
		hw_addr tls = process->registers[i].regs[HW_REG_FS_BASE];

		if (sp && !add_range(reading, sp - MIN(sp, 4096), sp + STACK_MOST))
			return false;
		if (tls && !add_range(reading, tls - MIN(tls, TLS_BELOW), tls + TLS_ABOVE))
			return false;
	}
	return true;
}

static bool add_learned(struct reading *reading)
{
	const struct hw_process *process = reading->process;

	for (size_t i = 0; i < process->learned_count; i++)
		if (!add_range(reading, process->learned[i].start, process->learned[i].end))
			return false;
	return true;
}

bool live_read_learned(struct hw_process *process, GError **error)
{
	struct reading first = {.process = process, .state = process->state};
	struct reading rest = first;

	live_spool_list(process);
	return read_listed(&first, add_data(&first) && add_stacks(&first), error) &&
	       read_listed(&rest, add_learned(&rest), error);
}
