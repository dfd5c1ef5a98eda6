/* SPDX-License-Identifier: Apache-2.0 */
/* live_place.c -- where in the spool a process's pages go.
 *
 * Mappings grow, shrink, split and merge while the process runs. Neighbours share a place
 * with some room around them, so that a page that was copied before a stop is where it
 * belongs at the stop. Where a mapping does not fit in any more it gets a new place, and
 * what was copied to the old one is not looked at again. */
#include "base/array.h"
#include "target/live.h"

#define PLACE_MAX ((uint64_t)8 << 40)    /* ext4 has files of up to 16 TiB. */
#define GAP       ((uint64_t)64 << 20)   /* Mappings not further apart are neighbours. */
#define SLACK     (GAP / 2 - LIVE_CHUNK) /* Room around them. */
#define LATER     64                     /* Places made at later looks that are tried. */

static hw_addr chunk_up(hw_addr addr)
{
	return (addr + LIVE_CHUNK - 1) & ~(LIVE_CHUNK - 1);
}

static bool fits(const struct live_place *place, const struct live_map *map)
{
	return map->start >= place->start && map->end <= place->end;
}

static const struct live_place *find_place(const struct hw_process *process,
					   const struct live_map *map)
{
	size_t low = 0;
	size_t high = process->place_sorted;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (process->places[middle].end < map->end)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < process->place_sorted && fits(&process->places[low], map))
		return &process->places[low];
	for (size_t i = process->place_count, n = 0; i-- > process->place_sorted && n < LATER; n++)
		if (fits(&process->places[i], map))
			return &process->places[i];
	return NULL;
}

static uint64_t size_of(const struct live_place *place)
{
	return place->end - place->start;
}

/* Room for neighbours from start on; their end is known when the last one is. */
static struct live_place begin_place(hw_addr start, uint64_t at)
{
	return (struct live_place){
	    .start = (start - MIN(start, SLACK)) & ~(LIVE_CHUNK - 1),
	    .at = at,
	};
}

static bool finish_place(struct hw_process *process, struct live_place *place)
{
	if (!place->end)
		return true;
	place->end = chunk_up(place->end + SLACK);
	if (!hw_array_reserve((void **)&process->places, &process->place_room, process->place_count,
			      sizeof(*process->places)))
		return false;
	process->places[process->place_count++] = *place;
	return true;
}

bool live_place_all(struct hw_process *process, uint64_t *size_ret)
{
	const size_t known = process->place_count;
	const struct live_place *last = known ? &process->places[known - 1] : NULL;
	struct live_place place = {.at = last ? last->at + size_of(last) : 0};

	for (size_t i = 0; i < process->map_count; i++) {
		struct live_map *map = &process->maps[i];
		const struct live_place *found = map->is_kept ? find_place(process, map) : NULL;

		map->spool = 0;
		if (!map->is_kept || found) {
			if (found)
				map->spool = found->at + (map->start - found->start);
			continue;
		}
		if (!place.end || map->start - place.end > GAP) {
			uint64_t at = place.at;

			if (place.end) {
				if (!finish_place(process, &place))
					return false;
				at += size_of(&place);
			}
			place = begin_place(map->start, at);
		}
		/* Address space that nobody could use up: only its being there counts. */
		if (place.at + (map->end - place.start) + GAP > PLACE_MAX) {
			map->is_kept = false;
			continue;
		}
		map->spool = place.at + (map->start - place.start);
		place.end = map->end;
	}
	if (!finish_place(process, &place))
		return false;
	if (!known)
		process->place_sorted = process->place_count;
	last = process->place_count ? &process->places[process->place_count - 1] : NULL;
	*size_ret = last ? last->at + size_of(last) : LIVE_CHUNK;
	return true;
}

const struct live_map *live_map_from(const struct hw_process *process, size_t *next, hw_addr addr)
{
	while (*next < process->map_count && process->maps[*next].end <= addr)
		(*next)++;
	return *next < process->map_count ? &process->maps[*next] : NULL;
}

size_t live_find_map(const struct hw_process *process, hw_addr addr)
{
	size_t low = 0;
	size_t high = process->map_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (process->maps[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The last place that begins at or below offset. */
static size_t place_below(const struct hw_process *process, uint64_t offset)
{
	size_t low = 0;
	size_t high = process->place_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (process->places[middle].at <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? low - 1 : 0;
}

const struct live_place *live_place_of(const struct hw_process *process, uint64_t offset)
{
	const struct live_place *place;

	if (!process->place_count)
		return NULL;
	place = &process->places[place_below(process, offset)];
	return offset - place->at < size_of(place) ? place : NULL;
}

void live_walk_init(struct live_walk *walk, const struct hw_process *process, uint64_t from,
		    uint64_t to)
{
	*walk = (struct live_walk){
	    .process = process, .from = from, .to = to, .place = place_below(process, from)};
}

static void enter(struct live_walk *walk, const struct live_place *place)
{
	uint64_t from = MAX(walk->from, place->at) - place->at;
	uint64_t to = MIN(walk->to - place->at, size_of(place));

	walk->is_inside = true;
	walk->addr = place->start + MIN(from, to);
	walk->end = place->start + to;
	walk->map = live_find_map(walk->process, walk->addr);
	walk->run = live_find_run(walk->process, walk->addr);
}

/* The next run of the mapping at hand, which has its place here. */
static bool next_of_map(struct live_walk *walk, const struct live_map *map, struct live_piece *ret)
{
	const struct hw_process *process = walk->process;
	hw_addr end = MIN(map->end, walk->end);

	while (walk->run < process->run_count && process->runs[walk->run].start < end) {
		struct live_run run = process->runs[walk->run++];

		if (run.start < map->start || !live_wanted(map, &run, walk->addr, end))
			continue;
		ret->addr = run.start;
		ret->at = map->spool + (run.start - map->start);
		ret->size = run.end - run.start;
		return true;
	}
	return false;
}

bool live_walk_next(struct live_walk *walk, struct live_piece *ret)
{
	const struct hw_process *process = walk->process;

	for (; walk->place < process->place_count && process->places[walk->place].at < walk->to;
	     walk->place++, walk->is_inside = false) {
		const struct live_place *place = &process->places[walk->place];

		if (!walk->is_inside)
			enter(walk, place);
		for (; walk->map < process->map_count && process->maps[walk->map].start < walk->end;
		     walk->map++) {
			const struct live_map *map = &process->maps[walk->map];

			if (map->is_kept && fits(place, map) &&
			    map->spool == place->at + (map->start - place->start) &&
			    next_of_map(walk, map, ret))
				return true;
		}
	}
	return false;
}
