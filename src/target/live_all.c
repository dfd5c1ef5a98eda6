/* SPDX-License-Identifier: Apache-2.0 */
/* live_all.c -- all of a process into the spool, by several readers. */
#include "base/array.h"
#include "base/error.h"
#include "base/pool.h"
#include "base/stop.h"
#include "target/live.h"

#define UNIT    ((uint64_t)4 << 20) /* What one reader takes at a time. */
#define READERS 4

struct unit {
	const struct live_map *map;
	hw_addr start;
	hw_addr end;
};

struct reading {
	struct hw_process *process;
	struct unit *units;
	size_t count;
	size_t room;
	atomic_size_t next;
};

static bool add_units(struct reading *reading)
{
	struct hw_process *process = reading->process;

	for (size_t i = 0; i < process->map_count; i++) {
		const struct live_map *map = &process->maps[i];
		size_t run = live_find_run(process, map->start);

		for (; map->is_kept && run < process->run_count &&
		       process->runs[run].start < map->end;
		     run++) {
			hw_addr start = process->runs[run].start;
			struct unit *last =
			    reading->count ? &reading->units[reading->count - 1] : NULL;

			/* Units are whole, so that a chunk has one reader. */
			start = map->start + (start - map->start) / UNIT * UNIT;
			for (; start < MIN(process->runs[run].end, map->end); start += UNIT) {
				if (last && last->map == map && last->start >= start)
					continue;
				if (!hw_array_reserve((void **)&reading->units, &reading->room,
						      reading->count, sizeof(*reading->units)))
					return false;
				last = &reading->units[reading->count++];
				*last = (struct unit){map, start, MIN(start + UNIT, map->end)};
			}
		}
	}
	return true;
}

static void read_units(void *arg, uint32_t worker)
{
	struct reading *reading = arg;
	struct hw_process *process = reading->process;
	size_t i;

	(void)worker;
	while (!hw_stop_requested() && hw_process_time_left(process) &&
	       (i = atomic_fetch_add(&reading->next, 1)) < reading->count) {
		const struct unit *unit = &reading->units[i];
		uint64_t place = unit->map->spool + (unit->start - unit->map->start);

		live_copy(process, unit->map, unit->start, unit->end);
		live_mark_done(process, place, place + (unit->end - unit->start));
	}
}

bool hw_process_read_all(struct hw_process *process, GError **error)
{
	struct reading reading = {.process = process};
	bool is_done = add_units(&reading);

	/* Readers look at the clock themselves: nothing is let go while one copies. */
	live_disarm(process);
	atomic_store(&process->spool.used, 0);
	if (is_done)
		hw_pool_run(MIN(hw_pool_threads(0), READERS), read_units, &reading);
	else
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no memory for a list of pages");
	hw_array_resize(reading.units, reading.room, 0, sizeof(*reading.units));
	if (is_done && hw_stop_requested()) {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
		return false;
	}
	return is_done;
}
