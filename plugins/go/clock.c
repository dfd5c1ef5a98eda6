/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c -- what time it was when the target stood still, and since when a goroutine waits.
 * FORMAT.md, "Waiting", says what the runtime writes down and what follows from it. */
#include "clock.h"
#include <string.h>

#define MINUTE INT64_C(60000000000)
#define SECOND INT64_C(1000000000)

enum { KEPT = 8 };

/* The latest times, descending. */
struct times {
	int64_t time[KEPT];
	int count;
};

static void add(struct times *t, uint64_t ns)
{
	int at = 0;

	if (!ns || ns > INT64_MAX)
		return;
	while (at < t->count && t->time[at] > (int64_t)ns)
		at++;
	if (at == KEPT)
		return;
	t->count += t->count < KEPT;
	memmove(t->time + at + 1, t->time + at, (size_t)(t->count - 1 - at) * sizeof(*t->time));
	t->time[at] = (int64_t)ns;
}

static void add_globals(const struct go_runtime *rt, struct times *t)
{
	const struct go_globals *g = &rt->globals;
	uint64_t when;

	if (g->sched && go_get(rt, g->sched, GO_SCHED_LASTPOLL, &when))
		add(t, when);
	if (g->memstats && go_get(rt, g->memstats, GO_MSTATS_LAST_GC_NANOTIME, &when))
		add(t, when);
	if (g->work && go_get(rt, g->work, GO_WORK_TEND, &when))
		add(t, when);
}

static void add_processors(const struct go_runtime *rt, struct times *t)
{
	struct go_slice allp;
	uint64_t p, when;

	if (!go_slice_read(rt, rt->globals.allp, &allp) || allp.len > UINT16_MAX)
		return;
	for (uint64_t i = 0; i < allp.len; i++)
		if (go_word(rt, allp.ptr + i * 8, &p) &&
		    go_get(rt, p, GO_P_SYSMONTICK_SCHEDWHEN, &when))
			add(t, when);
}

/* The latest time that a second place bears out, by the same or one of the minute before: a
 * single damaged word would lengthen the wait of every goroutine. */
static int64_t find_now(const struct go_runtime *rt)
{
	struct times t = {0};

	add_globals(rt, &t);
	add_processors(rt, &t);
	for (int i = 0; i + 1 < t.count; i++)
		if (t.time[i] - t.time[i + 1] <= MINUTE)
			return t.time[i];
	return 0;
}

/* The ends of the last collections, by the clock of nanotime(). */
static void read_ends(const struct go_runtime *rt, struct go_clock *c)
{
	hw_addr memstats = rt->globals.memstats;
	uint64_t ends[GO_CLOCK_ENDS], numgc, unix_ns, ns, count;
	int64_t shift;

	if (!memstats || !go_get(rt, memstats, GO_MSTATS_NUMGC, &numgc) || !numgc ||
	    !go_get(rt, memstats, GO_MSTATS_LAST_GC_UNIX, &unix_ns) || unix_ns > INT64_MAX ||
	    !go_get(rt, memstats, GO_MSTATS_LAST_GC_NANOTIME, &ns) || ns > unix_ns ||
	    !go_read(rt, go_at(rt, memstats, GO_MSTATS_PAUSE_END), ends, sizeof(ends)) ||
	    ends[(numgc - 1) % GO_CLOCK_ENDS] != unix_ns)
		return;
	shift = (int64_t)(unix_ns - ns);
	count = numgc < GO_CLOCK_ENDS ? numgc : GO_CLOCK_ENDS;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t end = ends[(numgc - count + i) % GO_CLOCK_ENDS];

		/* What does not ascend is no clock: only what comes after it is kept. */
		if (end > unix_ns || (int64_t)end < shift ||
		    (c->end_count && (int64_t)end - shift <= c->ends[c->end_count - 1]))
			c->end_count = 0;
		if (end <= unix_ns && (int64_t)end >= shift)
			c->ends[c->end_count++] = (int64_t)end - shift;
	}
}

void go_clock_read(const struct go_runtime *rt, struct go_clock *ret)
{
	struct go_clock c = {.now = find_now(rt)};
	uint64_t started;

	read_ends(rt, &c);
	if (rt->globals.work && go_get(rt, rt->globals.work, GO_WORK_TSTART, &started) &&
	    started <= INT64_MAX)
		c.started = (int64_t)started;
	*ret = c;
}

/* A time at which a goroutine with this waitsince was blocked already. */
static int64_t found_at(const struct go_clock *c, int64_t since)
{
	uint32_t low = 0, high = c->end_count;

	if (since >= c->started) /* The collection that found it has not ended. */
		return c->now;
	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (c->ends[middle] > since)
			high = middle;
		else
			low = middle + 1;
	}
	/* Wall clocks can be set: only where the end fits the start that waitsince is. */
	if (low + 1 < c->end_count && c->ends[low] - since <= SECOND)
		return c->ends[low + 1];
	return c->end_count ? c->ends[c->end_count - 1] : c->now;
}

bool go_clock_wait(const struct go_clock *c, int64_t since, int64_t *least_ret, int64_t *about_ret)
{
	int64_t found;

	if (!c->now || since <= 0)
		return false;
	found = found_at(c, since);
	*least_ret = found < c->now ? c->now - found : 0;
	*about_ret = since < c->now ? c->now - since : 0;
	return true;
}
