/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c -- shows on stderr what takes long. The caller decides whether stderr
 * is a terminal; here only time is looked at. */
#include "base/progress.h"
#include "base/text.h"
#include <stdio.h>
#include <time.h>

#define FIRST_NS ((uint64_t)1000000000) /* Nothing is shown before. */
#define EVERY_NS ((uint64_t)100000000)

static struct {
	bool is_on;
	bool is_shown;
	uint64_t began_ns; /* 0: nothing under way. */
	uint64_t next_ns;
} state;

static uint64_t now_ns(void)
{
	struct timespec ts;

	/* Coarse: a few ns a call, and a tick (4 ms) is fine enough. */
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void hw_progress_enable(bool on)
{
	if (!on)
		hw_progress_end();
	state.is_on = on;
}

void hw_progress(const char *what, uint64_t done, uint64_t total)
{
	char buf[32];
	uint64_t now;

	if (!state.is_on)
		return;
	now = now_ns();
	if (!state.began_ns) {
		state.began_ns = now;
		state.next_ns = now + FIRST_NS;
	}
	if (now < state.next_ns)
		return;
	state.next_ns = now + EVERY_NS;
	state.is_shown = true;
	if (total)
		fprintf(stderr, "\r\033[K%s … %.0f%%", what,
			done >= total ? 100.0 : 100.0 * (double)done / (double)total);
	else
		fprintf(stderr, "\r\033[K%s … %s", what, hw_text_count(buf, sizeof(buf), done));
	fflush(stderr);
}

void hw_progress_end(void)
{
	if (state.is_shown) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
	}
	state.is_shown = false;
	state.began_ns = 0;
}
