/* SPDX-License-Identifier: Apache-2.0 */
/* live_lazy.c -- which pages were given back with MADV_FREE and are still there: anonymous
 * ones without SWAPBACKED (Documentation/admin-guide/mm/pagemap.rst). The kernel tells root
 * only. They are looked for where smaps has any. */
#include "base/array.h"
#include "target/live.h"

#define ANON       ((uint64_t)1 << 12) /* KPF_ANON, include/uapi/linux/kernel-page-flags.h */
#define SWAPBACKED ((uint64_t)1 << 14) /* KPF_SWAPBACKED */
#define PAGES_MOST 262144              /* 1 GiB of mappings: each page takes a fraction of a us. */

static bool is_lazy(struct live_frames *frames, uint64_t frame)
{
	return (live_frame_flags(frames, frame) & (ANON | SWAPBACKED)) == ANON;
}

static bool add(struct hw_process *process, hw_addr page)
{
	struct live_run *last =
	    process->lazy_count ? &process->lazy[process->lazy_count - 1] : NULL;

	if (last && last->end == page) {
		last->end += HW_PAGE;
		return true;
	}
	if (!hw_array_reserve((void **)&process->lazy, &process->lazy_room, process->lazy_count,
			      sizeof(*process->lazy)))
		return false;
	process->lazy[process->lazy_count++] = (struct live_run){page, page + HW_PAGE, 0};
	return true;
}

static bool look_at(struct hw_process *process, struct live_frames *frames, hw_addr start,
		    hw_addr end)
{
	uint64_t words[512];

	for (hw_addr at = start; at < end;) {
		size_t got = live_pagemap(process, at, end, words, G_N_ELEMENTS(words));

		if (!got)
			return false;
		for (size_t i = 0; i < got; i++, at += HW_PAGE)
			if (is_lazy(frames, live_frame_of(words[i])) && !add(process, at))
				return false;
	}
	return true;
}

void live_lazy_now(struct hw_process *process)
{
	const char *at = g_hash_table_lookup(process->texts, "smaps");
	struct live_frames frames;
	struct live_vma vma;
	uint64_t pages = 0;

	live_frames_open(&frames);
	process->lazy_count = 0;
	while (frames.fd >= 0 && live_next_vma(&at, &vma)) {
		if (!vma.lazy)
			continue;
		pages += (vma.end - vma.start) / HW_PAGE;
		if (pages > PAGES_MOST || !look_at(process, &frames, vma.start, vma.end))
			break;
	}
	live_frames_close(&frames);
}
