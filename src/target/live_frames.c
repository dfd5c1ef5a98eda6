/* SPDX-License-Identifier: Apache-2.0 */
/* live_frames.c -- what the kernel says of single pages: pagemap and /proc/kpageflags
 * (Documentation/admin-guide/mm/pagemap.rst). Frames and their flags are told to root only. */
#include "target/live.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FRAME (((uint64_t)1 << 55) - 1)

void live_frames_open(struct live_frames *frames)
{
	*frames = (struct live_frames){.fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC)};
}

void live_frames_close(struct live_frames *frames)
{
	if (frames->fd >= 0)
		close(frames->fd);
	frames->fd = -1;
}

size_t live_pagemap(const struct hw_process *process, hw_addr at, hw_addr end, uint64_t *words,
		    size_t most)
{
	size_t want = MIN(most, (end - at) / HW_PAGE);
	ssize_t got;

	do
		got = pread(process->pagemap, words, want * sizeof(*words),
			    (off_t)(at / HW_PAGE * sizeof(*words)));
	while (got < 0 && errno == EINTR);
	return got > 0 ? (size_t)got / sizeof(*words) : 0;
}

uint64_t live_frame_of(uint64_t word)
{
	return word & LIVE_PM_PRESENT ? word & FRAME : 0;
}

uint64_t live_frame_flags(struct live_frames *frames, uint64_t frame)
{
	if (frames->fd < 0 || !frame)
		return 0;
	if (frame - frames->first >= frames->count) {
		ssize_t got;

		frames->first = frame / LIVE_FRAMES * LIVE_FRAMES;
		got = pread(frames->fd, frames->words, sizeof(frames->words),
			    (off_t)(frames->first * sizeof(uint64_t)));
		frames->count = got > 0 ? (uint64_t)got / sizeof(uint64_t) : 0;
		if (frame - frames->first >= frames->count)
			return 0;
	}
	return frames->words[frame - frames->first];
}
