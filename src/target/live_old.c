/* SPDX-License-Identifier: Apache-2.0 */
/* live_old.c -- what the ioctl PAGEMAP_SCAN tells and pagemap alone does not, before Linux 6.7:
 * which pages are the kernel's page of zeros, which no RSS counts, and which are huge.
 *
 * smaps has the sums of each mapping. Where they leave no choice they decide: all candidates
 * are meant, or none. Else the frames do, which root may see. What is still open then stays
 * as pagemap has it: more pages than RSS, and fewer huge ones than smaps, which whoever adds
 * them up can see. */
#include "base/array.h"
#include "target/live.h"
#include <stdlib.h>

#define HUGE_SIZE ((uint64_t)2 << 20)
#define HUGE_MASK (HUGE_SIZE - 1)
#define HUGE_MANY (HUGE_SIZE / HW_PAGE)
#define KPF_THP   ((uint64_t)1 << 22) /* include/uapi/linux/kernel-page-flags.h */
#define KPF_ZERO  ((uint64_t)1 << 24)

struct marks {
	struct hw_process *process;
	struct live_frames frames;
	struct live_run *runs; /* Disjoint; flags: what is to be added. */
	size_t count;
	size_t room;
};

static bool push(struct marks *marks, hw_addr start, hw_addr end, uint32_t flags)
{
	if (start >= end)
		return true;
	if (!hw_array_reserve((void **)&marks->runs, &marks->room, marks->count,
			      sizeof(*marks->runs)))
		return false;
	marks->runs[marks->count++] = (struct live_run){start, end, flags};
	return true;
}

static bool mark_zero(struct marks *marks, hw_addr start, hw_addr end)
{
	struct live_run *last = marks->count ? &marks->runs[marks->count - 1] : NULL;

	if (!last || last->end != start || last->flags != LIVE_ZERO)
		return push(marks, start, end, LIVE_ZERO);
	last->end = end;
	return true;
}

/* Bytes of the mapping's pages that have all of these flags and are no forced ones. */
static uint64_t bytes_with(const struct hw_process *process, const struct live_vma *vma,
			   uint32_t flags)
{
	uint64_t bytes = 0;

	for (size_t i = live_find_run(process, vma->start);
	     i < process->run_count && process->runs[i].start < vma->end; i++)
		if ((process->runs[i].flags & (flags | LIVE_FORCED)) == flags)
			bytes += process->runs[i].end - process->runs[i].start;
	return bytes;
}

static bool mark_zero_frames(struct marks *marks, const struct live_run *run)
{
	uint64_t words[512];

	for (hw_addr at = run->start; at < run->end;) {
		size_t count =
		    live_pagemap(marks->process, at, run->end, words, G_N_ELEMENTS(words));

		if (!count)
			return true;
		for (size_t i = 0; i < count; i++, at += HW_PAGE)
			if ((live_frame_flags(&marks->frames, live_frame_of(words[i])) &
			     KPF_ZERO) &&
			    !mark_zero(marks, at, at + HW_PAGE))
				return false;
	}
	return true;
}

static bool mark_zeros(struct marks *marks, const struct live_vma *vma)
{
	const struct hw_process *process = marks->process;
	uint64_t present = bytes_with(process, vma, LIVE_PRESENT);
	uint64_t open = bytes_with(process, vma, LIVE_PRESENT | LIVE_SHARED);

	if (present <= vma->rss || !open)
		return true;
	for (size_t i = live_find_run(process, vma->start);
	     i < process->run_count && process->runs[i].start < vma->end; i++) {
		const struct live_run *run = &process->runs[i];

		if (!(run->flags & LIVE_SHARED) || (run->flags & LIVE_FORCED))
			continue;
		if (present - vma->rss == open ? !mark_zero(marks, run->start, run->end)
					       : !mark_zero_frames(marks, run))
			return false;
	}
	return true;
}

/* [start, start + HUGE_SIZE) is all there, and of no file. */
static bool may_be_huge(const struct hw_process *process, hw_addr start)
{
	hw_addr at = start;

	for (size_t i = live_find_run(process, start);
	     i < process->run_count && process->runs[i].start <= at; i++) {
		if ((process->runs[i].flags & (LIVE_PRESENT | LIVE_FILE)) != LIVE_PRESENT)
			return false;
		at = process->runs[i].end;
		if (at >= start + HUGE_SIZE)
			return true;
	}
	return false;
}

/* Frames in a row, of a huge page that begins where this does. */
static bool is_huge(struct marks *marks, hw_addr start)
{
	uint64_t words[HUGE_MANY];
	uint64_t first;

	if (live_pagemap(marks->process, start, start + HUGE_SIZE, words, HUGE_MANY) != HUGE_MANY)
		return false;
	first = live_frame_of(words[0]);
	for (size_t i = 0; i < HUGE_MANY; i++)
		if (live_frame_of(words[i]) != first + i)
			return false;
	return first % HUGE_MANY == 0 &&
	       (live_frame_flags(&marks->frames, first) & (KPF_THP | KPF_ZERO)) == KPF_THP;
}

/* Marks them if they are as many as smaps says. asks: for their frames. False: no memory. */
static bool mark_huge(struct marks *marks, const struct live_vma *vma, bool asks, bool *done_ret)
{
	size_t before = marks->count;
	uint64_t bytes = 0;

	for (hw_addr at = (vma->start + HUGE_MASK) & ~HUGE_MASK;
	     at < vma->end && vma->end - at >= HUGE_SIZE; at += HUGE_SIZE) {
		if (!may_be_huge(marks->process, at) || (asks && !is_huge(marks, at)))
			continue;
		if (!push(marks, at, at + HUGE_SIZE, LIVE_HUGE))
			return false;
		bytes += HUGE_SIZE;
	}
	*done_ret = bytes == vma->huge;
	if (!*done_ret)
		marks->count = before;
	return true;
}

static bool find_marks(struct marks *marks)
{
	const char *at = g_hash_table_lookup(marks->process->texts, "smaps");
	struct live_vma vma;

	while (live_next_vma(&at, &vma)) {
		bool is_done = !vma.huge;

		if (!mark_zeros(marks, &vma))
			return false;
		for (int asks = 0; !is_done && asks < 2; asks++)
			if (!mark_huge(marks, &vma, asks, &is_done))
				return false;
	}
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct live_run *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* The process's runs again, cut where the marks are. */
static bool cut(const struct marks *marks, struct marks *ret)
{
	const struct hw_process *process = marks->process;
	const struct live_run *mark = marks->runs, *end = mark + marks->count;

	for (size_t i = 0; i < process->run_count; i++) {
		const struct live_run *run = &process->runs[i];
		hw_addr at = run->start;

		while (mark < end && mark->end <= at)
			mark++;
		for (const struct live_run *m = mark; m < end && m->start < run->end; m++) {
			hw_addr from = MAX(m->start, at), to = MIN(m->end, run->end);

			if (!push(ret, at, from, run->flags) ||
			    !push(ret, from, to, run->flags | m->flags))
				return false;
			at = to;
		}
		if (!push(ret, at, run->end, run->flags))
			return false;
	}
	return true;
}

void live_old_now(struct hw_process *process)
{
	struct marks marks = {.process = process};
	struct marks all = {.process = process};

	live_frames_open(&marks.frames);
	if (find_marks(&marks) && marks.count) {
		qsort(marks.runs, marks.count, sizeof(*marks.runs), by_start);
		if (cut(&marks, &all)) {
			hw_array_resize(process->runs, process->run_room, 0, sizeof(*all.runs));
			process->runs = all.runs;
			process->run_count = all.count;
			process->run_room = all.room;
			all = (struct marks){0};
		}
	}
	live_frames_close(&marks.frames);
	hw_array_resize(all.runs, all.room, 0, sizeof(*all.runs));
	hw_array_resize(marks.runs, marks.room, 0, sizeof(*marks.runs));
}
