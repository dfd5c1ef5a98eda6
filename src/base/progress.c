/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c -- shows on stderr what takes long. The caller decides whether stderr
 * is a terminal; here only time is looked at. */
#include "base/progress.h"
#include "base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS ((uint64_t)1000000000)
#define FIRST_NS  SECOND_NS /* Nothing is shown before. */
#define EVERY_NS  ((uint64_t)100000000)
#define LEFT_NS   ((uint64_t)500000000) /* A phase this old says how long it will be. */
#define BAR       10

static struct {
	bool is_on;
	bool is_muted;
	bool is_timed;
	bool is_shown;
	uint64_t next_ns; /* The line is not written before. */
	/* The phase. */
	const char *what; /* NULL: none. */
	bool is_bytes;
	uint64_t first, done, total;
	uint64_t began_ns;
	uint64_t began_cpu_ns;
} state;

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

/* Coarse: a few ns a call, and a tick (4 ms) is fine enough. */
static uint64_t now_ns(void)
{
	return read_clock(CLOCK_MONOTONIC_COARSE);
}

void hw_progress_enable(bool on)
{
	hw_progress_end();
	state.is_on = on;
	state.is_timed = getenv("HEAPWALK_TIMES") != NULL;
	state.next_ns = now_ns() + FIRST_NS;
}

/* Anonymous memory in use, in bytes; 0 when the system does not say. */
static uint64_t anonymous_bytes(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long kib = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %llu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return (uint64_t)kib << 10;
}

static void end_phase(void)
{
	if (state.what && state.is_timed) {
		uint64_t wall = read_clock(CLOCK_MONOTONIC) - state.began_ns;
		uint64_t cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID) - state.began_cpu_ns;

		fprintf(stderr, "heapwalk: time: %s: %.3f s, %.3f s cpu, %.1f MiB\n", state.what,
			(double)wall / (double)SECOND_NS, (double)cpu / (double)SECOND_NS,
			(double)anonymous_bytes() / (1 << 20));
		fflush(stderr);
	}
	state.what = NULL;
}

static void begin_phase(const char *what, uint64_t done)
{
	hw_progress_end();
	state.what = what;
	state.first = done;
	state.began_ns = read_clock(CLOCK_MONOTONIC);
	if (state.is_timed)
		state.began_cpu_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static void add_bar(GString *line)
{
	double part = state.done >= state.total ? 1 : (double)state.done / (double)state.total;

	g_string_append(line, " [");
	for (int i = 0; i < BAR; i++)
		g_string_append_c(line, i < (int)(part * BAR) ? '#' : '.');
	g_string_append_printf(line, "] %3.0f %%", part * 100);
}

static void add_numbers(GString *line)
{
	char *(*text)(char *, size_t, uint64_t) = state.is_bytes ? hw_text_size : hw_text_count;
	char done[32];
	char total[32];

	text(done, sizeof(done), state.total ? MIN(state.done, state.total) : state.done);
	text(total, sizeof(total), state.total);
	if (state.total)
		g_string_append_printf(line, "  %s of %s", done, total);
	else if (state.done)
		g_string_append_printf(line, "  %s", done);
}

static void add_left(GString *line, uint64_t now)
{
	uint64_t passed = now > state.began_ns ? now - state.began_ns : 0;
	double seconds;

	if (passed < LEFT_NS || state.done <= state.first || state.done >= state.total)
		return;
	seconds = (double)passed / (double)SECOND_NS * (double)(state.total - state.done) /
		  (double)(state.done - state.first);
	if (seconds < 100)
		g_string_append_printf(line, ", %.0f s left", seconds + 0.5);
	else
		g_string_append_printf(line, ", %.0f min left", seconds / 60 + 0.5);
}

/* A line that wraps could not be wiped. */
static size_t line_width(void)
{
	struct winsize size = {0};

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u
									       : 79;
}

static void show(uint64_t now)
{
	GString *line = g_string_new(state.what);

	if (state.total)
		add_bar(line);
	add_numbers(line);
	add_left(line, now);
	if (line->len > line_width())
		g_string_truncate(line, line_width());
	fprintf(stderr, "\r\033[K%s", line->str);
	fflush(stderr);
	g_string_free(line, TRUE);
	state.is_shown = true;
}

void hw_progress_again(void)
{
	uint64_t now;

	if (!state.is_on || !state.what || state.is_muted)
		return;
	now = now_ns();
	if (now < state.next_ns)
		return;
	state.next_ns = now + EVERY_NS;
	show(now);
}

static void progress(const char *what, uint64_t done, uint64_t total, bool is_bytes)
{
	if ((!state.is_on && !state.is_timed) || state.is_muted)
		return;
	if (what != state.what && (!state.what || strcmp(what, state.what) != 0))
		begin_phase(what, done);
	state.done = done;
	state.total = total;
	state.is_bytes = is_bytes;
	hw_progress_again();
}

void hw_progress(const char *what, uint64_t done, uint64_t total)
{
	progress(what, done, total, false);
}

void hw_progress_bytes(const char *what, uint64_t done, uint64_t total)
{
	progress(what, done, total, true);
}

void hw_progress_mute(bool on)
{
	hw_progress_end();
	state.is_muted = on;
}

void hw_progress_end(void)
{
	if (state.is_shown) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
	}
	state.is_shown = false;
	end_phase();
}
