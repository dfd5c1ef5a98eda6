/* SPDX-License-Identifier: Apache-2.0 */
/* goroutines.c -- every goroutine, in the runtime's own words. */
#include "goroutines.h"
#include "states.h"
#include <string.h>

#define STACK_MAX (UINT64_C(2) << 30)
#define ID_MAX    (UINT64_C(1) << 53)
#define LIST_MAX  (UINT64_C(1) << 40) /* Longer ones are damage. */

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
	return g->status < GO_STATUSES && g->self == g->addr && g->stack_lo < g->stack_hi &&
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

/* What the scheduler leaves behind in no state (runtime/proc.go). A g that has ended is kept for
 * the next goroutine as goexit0() left it: no thread, no reason to wait, sched where it ended.
 * Those that threads of C run for a while are locked to their m. NULL: nothing is wrong. */
static const char *contradiction(struct go_census *c, const struct go_g *g)
{
	const bool has_ended = go_sites_is_exit(c->sites, g->sched_pc);

	switch (g->status) {
	case GO_STATUS_IDLE: /* A g leaves that state before allgadd() lists it. */
		return "is listed but was never set up";
	case GO_STATUS_MORIBUND_UNUSED:
	case GO_STATUS_ENQUEUE_UNUSED:
		return "has a status that is not in use";
	case GO_STATUS_DEAD:
	case GO_STATUS_DEADEXTRA:
		if (g->waitreason)
			return "has ended, and waits";
		if (g->m && !g->lockedm)
			return "has ended, and a thread runs it";
		return !has_ended && g->sched_pc && g->sched_pc != g->startpc
			   ? "has ended, but not where goroutines end"
			   : NULL;
	case GO_STATUS_WAITING:
	case GO_STATUS_LEAKED:
		if (!g->waitreason && !g->m) /* One that is scanned has its m. */
			return "waits for nothing";
		return has_ended ? "waits where goroutines end" : NULL;
	case GO_STATUS_RUNNABLE:
	case GO_STATUS_COPYSTACK:
	case GO_STATUS_PREEMPTED:
		return has_ended ? "has ended, and could run" : NULL;
	default:
		return NULL;
	}
}

static bool tell(void *arg, hw_addr addr)
{
	struct go_census *c = arg;
	const struct hw_host *host = c->rt->host;
	struct hw_goroutine out = {.struct_size = sizeof(out), .wait_ns = -1, .wait_about_ns = -1};
	const char *wrong;
	struct go_g g;
	bool calls_out;

	if (host->stopped(host->self))
		return false;
	c->listed++;
	if (!go_g_read(c->rt, addr, &g)) {
		c->unread++;
		return true;
	}
	wrong = contradiction(c, &g);
	if (wrong)
		host->damage(host->self, addr, "g %llu %s", (unsigned long long)g.goid, wrong);
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
	if (g.status == GO_STATUS_WAITING || g.status == GO_STATUS_SYSCALL)
		go_clock_wait(&c->clock, g.waitsince, &out.wait_ns, &out.wait_about_ns);
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

/* Those that tell() could not read or was not given: the list, too, may be there in part. */
static void tell_unread(struct go_census *c)
{
	const struct hw_host *host = c->rt->host;
	struct hw_goroutine out = {.struct_size = sizeof(out), .flags = HW_GOROUTINE_UNREAD};
	struct go_slice allgs;

	out.id = c->unread;
	if (go_allgs(c->rt, &allgs) && allgs.len > c->listed && allgs.len < LIST_MAX)
		out.id += allgs.len - c->listed;
	if (!out.id || host->stopped(host->self))
		return;
	host->warn(host->self, "goroutines-unread", true,
		   "%llu goroutines, or what is left of them, are not in the target",
		   (unsigned long long)out.id);
	c->receiver(c->self, &out);
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
		go_clock_read(rt, &c.clock);
		/* Whoever has enough did not see the rest. */
		const bool is_whole = go_allgs_each(rt, tell, &c);

		ok = !c.no_memory;
		if (ok && is_whole)
			tell_unread(&c);
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
		struct go_slice allgs;

		if (!go_allgs(rt, &allgs) || !rt->module_count) {
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
