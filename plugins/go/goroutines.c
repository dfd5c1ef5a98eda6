/* SPDX-License-Identifier: Apache-2.0 */
/* goroutines.c -- every goroutine, in the runtime's own words. */
#include "goroutines.h"
#include "states.h"
#include <string.h>

enum {
	ALLGS_PIECE = 512,
	NOW_UNKNOWN = 0,
	LATEST_KEPT = 8,
};
#define STACK_MAX (UINT64_C(2) << 30)
#define ID_MAX    (UINT64_C(1) << 53)

static hw_addr allgs_addr(const struct go_runtime *rt)
{
	hw_addr addr = rt->globals.allgs;

	if (!addr)
		rt->host->symbol(rt->host->self, rt->image.module, "runtime.allgs", &addr);
	return addr;
}

bool go_allgs(const struct go_runtime *rt, struct go_slice *ret)
{
	if (!go_slice_read(rt, allgs_addr(rt), ret) || ret->len > ret->cap ||
	    ret->cap > UINT64_MAX / 8)
		return false;
	return true;
}

/* Calls fn with the address of every g; false when fn said so or out of memory. */
static bool each_g(const struct go_runtime *rt, bool (*fn)(void *arg, hw_addr g), void *arg)
{
	struct go_slice allgs;
	uint64_t words[ALLGS_PIECE];

	if (!go_allgs(rt, &allgs)) {
		rt->host->damage(rt->host->self, rt->globals.allgs,
				 "allgs is not in the target, or no slice");
		return true;
	}
	for (uint64_t done = 0; done < allgs.len;) {
		uint64_t n = allgs.len - done < ALLGS_PIECE ? allgs.len - done : ALLGS_PIECE;
		uint64_t got = rt->host->read(rt->host->self, allgs.ptr + done * 8, words, n * 8);

		for (uint64_t i = 0; i < got / 8; i++)
			if (!fn(arg, words[i]))
				return false;
		if (got / 8 < n) { /* Also bounds the loop by what is there. */
			rt->host->damage(rt->host->self, allgs.ptr + (done + got / 8) * 8,
					 "allgs: %llu of %llu entries are not in the target",
					 (unsigned long long)(allgs.len - done - got / 8),
					 (unsigned long long)allgs.len);
			return true;
		}
		done += n;
	}
	return true;
}

/* The latest waitsince, each with how many goroutines have it. */
struct latest {
	const struct go_runtime *rt;
	int64_t time[LATEST_KEPT]; /* Descending. */
	uint64_t count[LATEST_KEPT];
};

static bool find_latest(void *arg, hw_addr addr)
{
	struct latest *l = arg;
	uint64_t since;
	int at = 0;

	if (!go_get(l->rt, addr, GO_G_WAITSINCE, &since) || !since || since > INT64_MAX)
		return !l->rt->host->stopped(l->rt->host->self);
	while (at < LATEST_KEPT && l->time[at] > (int64_t)since)
		at++;
	if (at < LATEST_KEPT && l->time[at] == (int64_t)since) {
		l->count[at]++;
	} else if (at < LATEST_KEPT) {
		memmove(l->time + at + 1, l->time + at,
			(size_t)(LATEST_KEPT - 1 - at) * sizeof(*l->time));
		memmove(l->count + at + 1, l->count + at,
			(size_t)(LATEST_KEPT - 1 - at) * sizeof(*l->count));
		l->time[at] = (int64_t)since;
		l->count[at] = 1;
	}
	return true;
}

/* A time the clock had passed when the target stood still: nothing in a core says what
 * nanotime() was, so the latest of the times the runtime wrote down. One goroutine alone is
 * not believed: a damaged one would lengthen the waits of all. A collection writes the same
 * time into every goroutine that it finds blocked. */
static void find_now(struct go_census *c)
{
	struct latest l = {.rt = c->rt};
	uint64_t lastpoll;

	c->now = NOW_UNKNOWN;
	if (c->rt->globals.sched &&
	    go_get(c->rt, c->rt->globals.sched, GO_SCHED_LASTPOLL, &lastpoll) &&
	    lastpoll < INT64_MAX)
		c->now = (int64_t)lastpoll;
	each_g(c->rt, find_latest, &l);
	for (int i = 0; i < LATEST_KEPT; i++) {
		if (l.count[i] > 1 && l.time[i] > c->now) {
			c->now = l.time[i];
			break;
		}
	}
}

static bool keep_pc(struct go_census *c, hw_addr pc)
{
	const struct hw_host *host = c->rt->host;

	if (c->pc_count == c->pc_room) {
		uint64_t room = c->pc_room ? c->pc_room * 2 : 64;
		hw_addr *grown = host->resize(host->self, c->pcs, c->pc_room, room, sizeof(*grown));

		if (!grown)
			return false;
		c->pcs = grown;
		c->pc_room = room;
	}
	c->pcs[c->pc_count++] = pc;
	return true;
}

/* Code of the program, or reflect's way to call it: runtime.call16, runtime.call32, … */
static bool is_callers(struct go_census *c, const struct go_func *func)
{
	enum go_func_id id;
	char name[24];

	if (!go_sites_is_runtime(c->sites, func->entry, &id))
		return true;
	if (id != GO_ID_NORMAL)
		return false;
	go_func_name(c->rt, func->module, func->name, name, sizeof(name));
	return strncmp(name, "runtime.call", 12) == 0 && name[12] >= '0' && name[12] <= '9';
}

/* runtime/traceback.go isSystemGoroutine(): the runtime's own, except where it runs code of
 * the program: main.main, iterators, finalizers and cleanups. What tells the last two (a flag
 * the runtime keeps) is seen from what it calls. */
static bool is_system(struct go_census *c, const struct go_g *g, bool calls_out)
{
	enum go_func_id id;
	bool is_runtime = go_sites_is_runtime(c->sites, g->startpc, &id);

	if (id == GO_ID_RUNTIME_MAIN || id == GO_ID_COROSTART || id == GO_ID_HANDLEASYNCEVENT)
		return false;
	if (id == GO_ID_RUNFINQ || id == GO_ID_RUNCLEANUPS)
		return !calls_out;
	return is_runtime;
}

/* Fills c->pcs. *calls_out_ret: a finalizer or cleanup goroutine runs the program's code. */
static bool walk_stack(struct go_census *c, const struct go_g *g, struct hw_goroutine *out,
		       bool *calls_out_ret)
{
	enum go_func_id id;
	struct go_walk walk;
	struct go_frame frame;
	bool asks;

	go_sites_is_runtime(c->sites, g->startpc, &id);
	asks = id == GO_ID_RUNFINQ || id == GO_ID_RUNCLEANUPS;
	c->pc_count = 0;
	*calls_out_ret = false;
	go_walk_start(&walk, c->rt, c->sites, g);
	while (go_walk_next(&walk, &frame)) {
		if (asks && frame.func.entry != g->startpc && is_callers(c, &frame.func))
			*calls_out_ret = true;
		if (!keep_pc(c, frame.sym_pc))
			return false;
	}
	out->tid = walk.tid;
	out->pcs = c->pcs;
	out->pc_count = (uint32_t)c->pc_count;
	if (walk.is_cut) {
		out->flags |= HW_GOROUTINE_CUT;
		c->cut++;
		c->why = walk.why;
	}
	return true;
}

/* What runtime.newproc saved is a return address. */
static hw_addr created_pc(struct go_census *c, const struct go_g *g)
{
	struct go_func func;

	/* The first one: the runtime's start code, and the runtime does not tell either. */
	if (g->goid == 1 || !g->gopc || !go_func_find(c->rt, g->gopc, &func))
		return 0;
	return g->gopc > func.entry ? g->gopc - 1 : g->gopc;
}

static bool is_gone(uint32_t status)
{
	return status == GO_STATUS_IDLE || status == GO_STATUS_DEAD ||
	       status == GO_STATUS_DEADEXTRA;
}

/* runtime/proc.go: maxstacksize is 1 GB, and a stack doubles. Ids count up from 1. */
static bool is_sane(const struct go_g *g)
{
	return g->status < GO_STATUSES && g->stack_lo < g->stack_hi &&
	       g->stack_hi - g->stack_lo <= STACK_MAX && g->goid < ID_MAX && g->parent < ID_MAX;
}

/* What cannot be is not told. */
static void make_sane(struct go_g *g)
{
	if (g->stack_lo >= g->stack_hi || g->stack_hi - g->stack_lo > STACK_MAX)
		g->stack_lo = g->stack_hi = 0;
	g->goid = g->goid < ID_MAX ? g->goid : 0;
	g->parent = g->parent < ID_MAX ? g->parent : 0;
}

static bool tell(void *arg, hw_addr addr)
{
	struct go_census *c = arg;
	const struct hw_host *host = c->rt->host;
	struct hw_goroutine out = {.struct_size = sizeof(out), .wait_ns = -1};
	struct go_g g;
	bool calls_out;

	if (host->stopped(host->self))
		return false;
	if (!go_g_read(c->rt, addr, &g)) {
		host->damage(host->self, addr, "a g is not in the target");
		return true;
	}
	/* proc.go: a g leaves that state before allgadd() lists it. */
	if (g.status == GO_STATUS_IDLE)
		host->damage(host->self, addr, "g %llu is listed but was never set up",
			     (unsigned long long)g.goid);
	if (is_gone(g.status))
		return true;
	if (!is_sane(&g)) {
		host->damage(host->self, addr,
			     "g %llu with status %u and a stack from 0x%llx to 0x%llx",
			     (unsigned long long)g.goid, g.status, (unsigned long long)g.stack_lo,
			     (unsigned long long)g.stack_hi);
		make_sane(&g);
	}
	if (!walk_stack(c, &g, &out, &calls_out)) {
		c->no_memory = true;
		return false;
	}
	out.id = g.goid;
	out.addr = addr;
	out.status = go_status_name(g.status);
	out.state = go_state_name(c->rt->layout.minor, g.status, g.waitreason);
	if ((g.status == GO_STATUS_WAITING || g.status == GO_STATUS_SYSCALL) && g.waitsince > 0 &&
	    c->now >= g.waitsince)
		out.wait_ns = c->now - g.waitsince;
	out.parent = g.parent;
	out.created_pc = created_pc(c, &g);
	out.start_pc = g.startpc;
	if (g.stack_lo < g.stack_hi) {
		out.stack_start = g.stack_lo;
		out.stack_end = g.stack_hi;
	}
	if (is_system(c, &g, calls_out))
		out.flags |= HW_GOROUTINE_SYSTEM;
	go_labels_read(c->rt, g.labels, c->labels);
	out.labels = c->labels->labels;
	out.label_count = c->labels->count;
	if (g.lockedm)
		out.flags |= HW_GOROUTINE_LOCKED;
	return c->receiver(c->self, &out);
}

static bool tell_all(const struct go_runtime *rt, go_goroutine_fn receiver, void *self)
{
	const struct hw_host *host = rt->host;
	struct go_census c = {
	    .rt = rt, .sites = go_sites_new(rt), .receiver = receiver, .self = self};
	bool ok;

	c.labels = host->resize(host->self, NULL, 0, 1, sizeof(*c.labels));
	ok = c.sites && c.labels;
	if (ok) {
		find_now(&c);
		each_g(rt, tell, &c);
		ok = !c.no_memory;
	}
	if (c.cut)
		host->warn(host->self, "stack-cut", true,
			   "%llu goroutine stacks could not be unwound to their end (the last: %s)",
			   (unsigned long long)c.cut, c.why);
	if (c.pcs)
		host->resize(host->self, c.pcs, c.pc_room, 0, sizeof(*c.pcs));
	go_sites_free(c.sites);
	if (c.labels)
		host->resize(host->self, c.labels, 1, 0, sizeof(*c.labels));
	if (!ok)
		host->fail(host->self, "out of memory");
	return ok;
}

bool go_goroutines_each(const struct go *go, go_goroutine_fn receiver, void *self)
{
	for (uint64_t i = 0; i < go->count; i++) {
		const struct go_runtime *rt = &go->runtimes[i];

		if (!allgs_addr(rt) || !rt->module_count) {
			rt->host->warn(rt->host->self, "goroutines-missing", true,
				       rt->module_count
					   ? "%s: the list of goroutines was not found"
					   : "%s: goroutines need the tables of the program's "
					     "file: give it with --exe or --sysroot",
				       rt->image.name);
			continue;
		}
		if (!tell_all(rt, receiver, self))
			return false;
	}
	return true;
}

bool go_goroutines(void *handle)
{
	const struct go *go = handle;

	return !go->count ||
	       go_goroutines_each(go, go->runtimes[0].host->goroutine, go->runtimes[0].host->self);
}
