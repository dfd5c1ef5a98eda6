/* SPDX-License-Identifier: Apache-2.0 */
/* pacer.c -- the reports `gc` and `scavenger`: when the collector runs, and why memory that is
 * free does not leave the process. */
#include "counters.h"
#include "reports.h"
#include <time.h>

enum { SWEEP_MIN_DISTANCE = 1 << 20, MIN_RUNWAY = 64 << 10 }; /* mgcpacer.go: heapGoalInternal */

struct pacing {
	bool has_percent, has_limit, has_goal, has_phase, has_marked, has_live;
	int32_t percent; /* Negative: off. */
	uint64_t limit;  /* INT64_MAX: none. */
	uint64_t goal;   /* By GOGC alone; UINT64_MAX: none. */
	uint64_t marked, live;
	uint32_t phase;
	uint64_t unswept_spans;
};

/* mgcpacer.go: up to 1.18 heapGoal lies before lastHeapGoal; since then gcPercentHeapGoal and
 * sweepHeapLiveBasis lie before triggered. */
bool go_heap_goal(const struct go_runtime *rt, uint64_t *ret)
{
	hw_addr c = rt->globals.gc_controller, m = rt->globals.memstats;
	uint64_t goal, basis, triggered;

	if (rt->layout.minor <= 16)
		return m && go_get(rt, m, GO_MSTATS_NEXT_GC, ret);
	if (rt->layout.minor <= 18)
		return c && go_word(rt, go_at(rt, c, GO_GCC_LASTHEAPGOAL) - 8, ret);
	if (!c || !go_word(rt, go_at(rt, c, GO_GCC_TRIGGERED) - 16, &goal) ||
	    !go_word(rt, go_at(rt, c, GO_GCC_TRIGGERED) - 8, &basis) ||
	    !go_get(rt, c, GO_GCC_TRIGGERED, &triggered))
		return false;
	if (goal < basis + SWEEP_MIN_DISTANCE)
		goal = basis + SWEEP_MIN_DISTANCE;
	if (triggered != UINT64_MAX && goal < triggered + MIN_RUNWAY)
		goal = triggered + MIN_RUNWAY;
	*ret = goal;
	return true;
}

static void read_pacing(const struct go_runtime *rt, struct pacing *ret)
{
	const struct go_globals *g = &rt->globals;
	hw_addr c = g->gc_controller;
	uint32_t minor = rt->layout.minor;
	struct pacing p = {0};
	uint32_t word = 0;

	p.has_percent = minor <= 16 ? g->gcpercent && go_u32(rt, g->gcpercent, &word)
				    : c && go_u32(rt, go_at(rt, c, GO_GCC_GCPERCENT), &word);
	p.percent = (int32_t)word;
	p.has_limit = minor >= 19 && c && go_get(rt, c, GO_GCC_MEMORYLIMIT, &p.limit);
	p.has_goal = go_heap_goal(rt, &p.goal);
	if (minor <= 16)
		p.has_live = g->memstats && go_get(rt, g->memstats, GO_MSTATS_HEAP_LIVE, &p.live);
	else
		p.has_live = c && go_get(rt, c, GO_GCC_HEAPLIVE, &p.live);
	p.has_marked = minor >= 17 && c && go_get(rt, c, GO_GCC_HEAPMARKED, &p.marked);
	p.has_phase = g->gcphase && go_u32(rt, g->gcphase, &p.phase) && p.phase <= 2;
	*ret = p;
}

static struct hw_value size_or_null(bool has, uint64_t size)
{
	return has && size < UINT64_C(1) << 53 ? hw_size(size) : hw_null();
}

static const char *phase_name(const struct pacing *p, const struct go_totals *t)
{
	if (!p->has_phase)
		return "not known";
	if (p->phase == 1)
		return "mark";
	if (p->phase == 2)
		return "mark termination";
	return t->unswept_spans ? "sweep" : "off";
}

/* False: there was none. */
static bool write_time(uint64_t ns, char *buf, size_t size)
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;

	return ns && gmtime_r(&seconds, &tm) && strftime(buf, size, "%Y-%m-%d %H:%M:%S UTC", &tm);
}

bool go_report_gc(void *handle, const struct hw_emit *out)
{
	char when[64];
	const struct go_runtime *rt = go_reported(handle, out);
	struct go_counters c;
	struct go_totals t;
	struct pacing p;

	if (!rt)
		return true;
	go_totals(rt, &t);
	go_counters(rt, &c);
	read_pacing(rt, &p);
	out->field(out->self, "gogc", p.has_percent && p.percent >= 0 ? "GOGC" : NULL,
		   p.has_percent && p.percent >= 0 ? hw_count((uint64_t)p.percent) : hw_null());
	out->field(out->self, "gc_enabled", NULL,
		   p.has_percent ? hw_flag(p.percent >= 0) : hw_null());
	if (p.has_percent && p.percent < 0)
		out->field(out->self, NULL, "GOGC", hw_text("off"));
	out->field(out->self, "memory_limit", "GOMEMLIMIT", size_or_null(p.has_limit, p.limit));
	out->field(out->self, "phase", "phase", hw_text(phase_name(&p, &t)));
	out->field(out->self, "heap_alloc", "heap now", hw_size(t.alloc_bytes));
	out->field(out->self, "heap_live", "live by the pacer", size_or_null(p.has_live, p.live));
	out->field(out->self, "heap_marked", "marked by the last cycle",
		   size_or_null(p.has_marked, p.marked));
	out->field(out->self, "goal", "next collection at, by GOGC",
		   size_or_null(p.has_goal, p.goal));
	out->field(out->self, "cycles", "collections", c.has_gc ? hw_count(c.num_gc) : hw_null());
	/* A number of nanoseconds passes 2^53, so JSON has seconds. */
	out->field(out->self, "last_gc", NULL,
		   c.has_gc && c.last_gc ? hw_id(c.last_gc / 1000000000) : hw_null());
	out->field(out->self, "last_gc_time", "last collection",
		   c.has_gc && write_time(c.last_gc, when, sizeof(when)) ? hw_text(when)
									 : hw_null());
	out->field(out->self, "unswept_spans", "spans to be swept", hw_count(t.unswept_spans));
	out->field(out->self, "unswept_objects", "dead objects in them", hw_count(t.unswept_slots));
	out->field(out->self, "unswept", "their bytes", hw_size(t.unswept_bytes));
	if (p.has_phase && p.phase == 1)
		out->note(out->self, "The collector was marking: what is dead is not known yet.");
	return true;
}

/* scavenge.gcPercentGoal is behind memoryLimitGoal; ^0 means none yet. */
static bool read_goal(const struct go_runtime *rt, uint64_t *ret)
{
	uint64_t limit_goal, goal;

	if (!rt->globals.scavenge || !go_word(rt, rt->globals.scavenge, &limit_goal) ||
	    !go_word(rt, rt->globals.scavenge + 8, &goal))
		return false;
	*ret = goal;
	return true;
}

static void explain(const struct go_totals *t, bool is_lazy, bool has_goal, uint64_t goal,
		    const struct hw_emit *out)
{
	uint64_t retained = t->sys - t->released;

	if (is_lazy && t->released)
		out->note(out->self,
			  "RSS does not fall because pages are given back with MADV_FREE: the "
			  "kernel takes them only when memory is short, and counts them until "
			  "then. GODEBUG=madvdontneed=1 changes that.");
	if (t->idle)
		out->note(
		    out->self,
		    "Idle pages are kept for the next allocations. The background scavenger "
		    "returns only what is above its goal, slowly (about a hundredth of a CPU); "
		    "runtime/debug.FreeOSMemory returns all of them at once.");
	if (has_goal && goal != UINT64_MAX && retained <= goal)
		out->note(out->self, "What is retained is below the scavenger's goal: it returns "
				     "nothing more by itself.");
	if (t->free_bytes)
		out->note(out->self,
			  "Free slots inside spans cannot go back at all while one object of their "
			  "span is left: see the reports classes and spans.");
}

bool go_report_scavenger(void *handle, const struct hw_emit *out)
{
	const struct go_runtime *rt = go_reported(handle, out);
	bool is_known, is_lazy, has_goal;
	struct go_counters c;
	struct go_totals t;
	uint64_t goal = 0;

	if (!rt)
		return true;
	is_lazy = go_uses_madv_free(rt, &is_known);
	has_goal = read_goal(rt, &goal);
	go_totals(rt, &t);
	go_counters(rt, &c);
	out->field(out->self, "heap_sys", "heap address space",
		   hw_size(t.inuse + t.idle + t.released));
	out->field(out->self, "in_use", "in spans in use", hw_size(t.inuse));
	out->field(out->self, "free_in_spans", "  free slots in them",
		   hw_size(t.free_bytes + t.cached_bytes));
	out->field(out->self, "idle", "idle pages", hw_size(t.idle));
	out->field(out->self, "scavenged", "scavenged pages", hw_size(t.released));
	out->field(out->self, "scavenged_counter", NULL, size_or_null(c.has_heap, c.heap_released));
	out->field(out->self, "retained", "retained", hw_size(t.sys - t.released));
	out->field(out->self, "retained_goal", "goal of the scavenger",
		   size_or_null(has_goal, goal));
	out->field(out->self, "advice", "pages go back by",
		   hw_text(is_lazy ? "MADV_FREE" : "MADV_DONTNEED"));
	out->field(out->self, "advice_known", NULL, hw_flag(is_known));
	explain(&t, is_lazy, has_goal, goal, out);
	return true;
}
