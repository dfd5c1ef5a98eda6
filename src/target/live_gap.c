/* SPDX-License-Identifier: Apache-2.0 */
/* live_gap.c -- the end of reading: what was not read, why, and a target without it. */
#include "base/text.h"
#include "target/live.h"
#include <inttypes.h>

#define HEADROOM_TOLD ((uint64_t)2 << 30)

struct gap {
	uint64_t swapped;
	uint64_t elsewhere;
	uint64_t unread;
	uint64_t wanted;
};

static void count_gap(const struct hw_process *process, struct gap *gap)
{
	for (size_t i = 0, m = 0; i < process->run_count; i++) {
		struct live_run run = process->runs[i];
		const struct live_map *map = live_map_from(process, &m, run.start);

		if (!map)
			break;
		if ((run.flags & LIVE_SWAPPED) && map->is_kept)
			gap->swapped += run.end - run.start;
		if (run.flags & LIVE_ELSEWHERE)
			gap->elsewhere += run.end - run.start;
		if (!live_wanted(map, &run, run.start, run.end))
			continue;
		gap->wanted += run.end - run.start;
		for (hw_addr at = run.start; at < run.end;) {
			uint64_t place = map->spool + (at - map->start);
			hw_addr next = MIN(run.end, at + (LIVE_CHUNK - place % LIVE_CHUNK));

			if (!live_is_done(process, place))
				gap->unread += next - at;
			at = next;
		}
	}
}

static void tell_gap(const struct hw_process *process, const struct gap *gap, bool is_late,
		     struct hw_notes *notes)
{
	char a[32], b[32];

	if (gap->swapped)
		hw_notes_missing(notes, "swapped", NULL,
				 "%s of the process is swapped out and was not read: reading would "
				 "bring it back into its memory",
				 hw_text_size(a, sizeof(a), gap->swapped));
	if (gap->elsewhere)
		hw_notes_missing(notes, "shared-elsewhere", NULL,
				 "up to %s of shared memory that the process has not mapped in "
				 "were not read: that would add them to its memory",
				 hw_text_size(a, sizeof(a), gap->elsewhere));
	if (process->headroom != UINT64_MAX && process->headroom < HEADROOM_TOLD)
		hw_notes_warn(
		    notes, "same-cgroup", "run heapwalk outside of the container",
		    "heapwalk runs under the same memory limit as the process: %s are left, "
		    "and heapwalk takes at most %s of that for pages it reads",
		    hw_text_size(a, sizeof(a), process->headroom),
		    hw_text_size(b, sizeof(b), process->spool.limit));
	if (process->is_early)
		hw_notes_warn(
		    notes, "kernel-early", NULL,
		    "what the kernel counts is from just before the stop: there was no time "
		    "left for it");
	if (process->unreadable)
		hw_notes_missing(notes, "unreadable", NULL, "the kernel refused %s of the process",
				 hw_text_size(a, sizeof(a), process->unreadable));
	if (process->spool_full)
		hw_notes_missing(
		    notes, "spool-full", "give more room with --spool-dir",
		    "%s of what was wanted of the process had no room in %s",
		    hw_text_size(a, sizeof(a), is_late ? process->spool_full : gap->unread),
		    process->spool.dir);
	if (is_late && process->stuck.tid)
		hw_notes_warn(notes, "not-stopped-in-time",
			      "wait until the machine is less busy, or give a larger --max-stop",
			      "thread %d (state %c) had not stopped when the process was let go",
			      process->stuck.tid, process->stuck.state);
	if (is_late)
		hw_notes_missing(
		    notes, "stop-budget", "a larger --max-stop, or --mode stop, reads all",
		    "%s of %s were not read: the process was let go after %" PRIu64 " ms",
		    hw_text_size(a, sizeof(a), gap->unread),
		    hw_text_size(b, sizeof(b), gap->wanted), process->stopped_ns / 1000000);
}

/* What is known of it only now. */
static void complete(const struct hw_process *process, struct hw_target *target)
{
	target->stopped_ns = process->stopped_ns;
	target->waited_ns = process->waited_ns;
	target->has_contents = !process->unread && !process->unreadable && !process->spool_full;
}

bool hw_process_freeze(struct hw_process *process, struct hw_target *target, struct hw_notes *notes)
{
	struct gap gap = {0};
	bool is_late = process->state == LIVE_LATE;
	bool is_whole;

	process->state = LIVE_FROZEN;
	count_gap(process, &gap);
	process->unread = gap.unread;
	is_whole = !((is_late || process->spool_full) && gap.unread);
	tell_gap(process, &gap, is_late && gap.unread, notes);
	if (!target)
		live_copy_stale(process);
	/* Holes too, where nothing is missing or no segment has what is. */
	live_spool_show(process, !is_whole || !gap.unread);
	if (target && is_whole) {
		complete(process, target);
		/* What is lazy was not known when it was made. */
		if (!live_target_pages(process, target))
			hw_notes_missing(notes, "out-of-memory", NULL,
					 "no memory for the list of resident pages");
	}
	return is_whole;
}

void hw_process_tell(const struct hw_process *process, struct hw_notes *notes)
{
	struct gap gap = {0};

	count_gap(process, &gap);
	tell_gap(process, &gap, false, notes);
}

void hw_process_give_up(struct hw_process *process, struct hw_notes *notes)
{
	struct gap gap = {0};

	count_gap(process, &gap);
	tell_gap(process, &gap, true, notes);
	live_spool_show(process, true);
}

struct hw_target *hw_process_target(struct hw_process *process, GError **error)
{
	struct hw_target *target = live_target_new(process, true, error);

	if (target && process->state == LIVE_FROZEN)
		complete(process, target);
	return target;
}

struct hw_target *hw_process_rest(struct hw_process *process, GError **error)
{
	struct hw_target *target = live_target_new(process, false, error);

	if (!target)
		return NULL;
	target->stopped_ns = process->stopped_ns;
	target->waited_ns = process->waited_ns;
	/* What was not read is in no segment; the rest are pages and holes. What the work that
	 * was thrown away had looked at is forgotten with it. */
	atomic_store(&process->missed, 0);
	return target;
}
