/* SPDX-License-Identifier: Apache-2.0 */
/* unwind.c -- frames of a goroutine, by the frame sizes in pclntab. */
#include "sites.h"
#include <string.h>

enum {
	G_MAX = 1024,        /* Bytes of a g read at once; the largest has 456. */
	SYSTEM_FRAMES = 256, /* Frames of a system stack before giving up on it. */
	/* Linux struct rt_sigframe behind the return address of the handler: ucontext with
	 * gregs[] at 40; REG_RSP is 15, REG_RIP 16. */
	UCONTEXT_RSP = 40 + 15 * 8,
	UCONTEXT_RIP = 40 + 16 * 8,
};

bool go_g_read(const struct go_runtime *rt, hw_addr addr, struct go_g *ret)
{
	const struct go_layout *l = &rt->layout;
	const uint64_t size = l->at[GO_G_SIZE];
	uint8_t bytes[G_MAX];

	if (size > sizeof(bytes) || !go_read(rt, addr, bytes, size))
		return false;
	*ret = (struct go_g){
	    .addr = addr,
	    .stack_lo = go_pick(l, bytes, size, GO_G_STACK_LO),
	    .stack_hi = go_pick(l, bytes, size, GO_G_STACK_HI),
	    .self = go_pick(l, bytes, size, GO_G_SCHED_G),
	    .sched_pc = go_pick(l, bytes, size, GO_G_SCHED_PC),
	    .sched_sp = go_pick(l, bytes, size, GO_G_SCHED_SP),
	    .syscall_pc = go_pick(l, bytes, size, GO_G_SYSCALLPC),
	    .syscall_sp = go_pick(l, bytes, size, GO_G_SYSCALLSP),
	    .m = go_pick(l, bytes, size, GO_G_M),
	    .gopc = go_pick(l, bytes, size, GO_G_GOPC),
	    .startpc = go_pick(l, bytes, size, GO_G_STARTPC),
	    .lockedm = go_pick(l, bytes, size, GO_G_LOCKEDM),
	    .labels = go_pick(l, bytes, size, GO_G_LABELS),
	    .goid = go_pick(l, bytes, size, GO_G_GOID),
	    .parent = go_pick(l, bytes, size, GO_G_PARENTGOID),
	    .waitsince = (int64_t)go_pick(l, bytes, size, GO_G_WAITSINCE),
	    .status =
		(uint32_t)go_pick(l, bytes, size, GO_G_ATOMICSTATUS) & ~(uint32_t)GO_STATUS_SCAN,
	    .waitreason = (uint8_t)go_pick(l, bytes, size, GO_G_WAITREASON),
	};
	return true;
}

static bool stop(struct go_walk *w, const char *why)
{
	w->is_done = true;
	w->is_cut = true;
	w->why = why;
	return false;
}

static bool is_on_stack(const struct go_g *g, hw_addr sp)
{
	return sp >= g->stack_lo && sp < g->stack_hi;
}

/* The thread that runs the goroutine's m; 0 when it has none. */
static int32_t tid_of(const struct go_walk *w)
{
	uint64_t procid;

	if (!w->g.m || !go_get(w->rt, w->g.m, GO_M_PROCID, &procid) || procid > INT32_MAX)
		return 0;
	return (int32_t)procid;
}

static bool is_sigtramp(const struct go_runtime *rt, const struct go_func *func)
{
	char name[32];

	if (func->id != GO_ID_NORMAL)
		return false;
	go_func_name(rt, func->module, func->name, name, sizeof(name));
	return strcmp(name, "runtime.sigtramp") == 0 || strcmp(name, "runtime.cgoSigtramp") == 0;
}

/* Where the goroutine's own stack was left for the system stack: saved by systemstack(),
 * mcall(), morestack and asmcgocall. */
static bool use_sched(struct go_walk *w)
{
	const struct go_site *site = go_sites_at(w->sites, w->g.sched_pc);

	if (!is_on_stack(&w->g, w->g.sched_sp) || !site->has_func)
		return false;
	w->pc = w->g.sched_pc;
	w->sp = w->g.sched_sp;
	w->is_exact = false;
	return true;
}

static bool is_switch(enum go_func_id id)
{
	return id == GO_ID_SYSTEMSTACK || id == GO_ID_MORESTACK || id == GO_ID_MCALL ||
	       id == GO_ID_ASMCGOCALL;
}

/* C code, or code of the kernel, that the goroutine called: it stands where the system stack
 * was entered. A goroutine that runs without having left its stack has an old sched, which
 * must not be taken for it. */
static bool leave_foreign(struct go_walk *w)
{
	uint64_t sp, pc;

	if (go_get(w->rt, w->g.m, GO_M_VDSOSP, &sp) && sp &&
	    go_get(w->rt, w->g.m, GO_M_VDSOPC, &pc) && go_sites_at(w->sites, pc)->has_func) {
		w->pc = pc;
		w->sp = sp;
		w->is_exact = false;
		return true;
	}
	return go_sites_at(w->sites, w->g.sched_pc)->func.id == GO_ID_SYSTEMSTACK_SWITCH &&
	       use_sched(w);
}

/* From a frame of a signal handler to what it interrupted. */
static bool leave_signal(struct go_walk *w, hw_addr sp)
{
	w->is_exact = true;
	return go_word(w->rt, sp + UCONTEXT_RSP, &w->sp) &&
	       go_word(w->rt, sp + UCONTEXT_RIP, &w->pc);
}

/* From the system stacks of the thread (g0, gsignal, C) to the goroutine's own. */
static bool leave_system(struct go_walk *w)
{
	for (int i = 0; i < SYSTEM_FRAMES; i++) {
		const struct go_site *site = go_sites_at(w->sites, w->pc);
		hw_addr back;

		if (is_on_stack(&w->g, w->sp) && site->has_func)
			return true;
		if (!site->has_func)
			return leave_foreign(w) && is_on_stack(&w->g, w->sp);
		if (is_switch(site->func.id))
			return use_sched(w);
		if (!site->has_delta)
			return false;
		back = w->sp + (uint32_t)site->delta;
		if (is_sigtramp(w->rt, &site->func)) {
			if (!leave_signal(w, back + 8))
				return false;
		} else {
			if (!go_word(w->rt, back, &w->pc))
				return false;
			w->sp = back + 8;
			w->is_exact = false;
		}
	}
	return false;
}

static bool start_running(struct go_walk *w)
{
	struct hw_thread_info thread;

	w->tid = tid_of(w);
	if (!go_sites_thread(w->sites, w->tid, &thread))
		return stop(w, "no thread of the target runs it");
	w->pc = thread.regs[HW_THREAD_RIP];
	w->sp = thread.regs[HW_THREAD_RSP];
	w->is_exact = true;
	return leave_system(w) || stop(w, "its thread's stack could not be unwound");
}

bool go_walk_start(struct go_walk *w, const struct go_runtime *rt, struct go_sites *sites,
		   const struct go_g *g)
{
	*w = (struct go_walk){.rt = rt, .sites = sites, .g = *g, .is_first = true};
	if (g->stack_lo >= g->stack_hi || g->status >= GO_STATUSES)
		return stop(w, "its g is damaged");
	if (g->status == GO_STATUS_RUNNING)
		return start_running(w);
	/* runtime/traceback.go: what entersyscall() saved, else what gosave() did. */
	w->is_syscall = g->status == GO_STATUS_SYSCALL || g->syscall_sp != 0;
	w->pc = w->is_syscall ? g->syscall_pc : g->sched_pc;
	w->sp = w->is_syscall ? g->syscall_sp : g->sched_sp;
	w->tid = w->is_syscall ? tid_of(w) : 0;
	if (!is_on_stack(g, w->sp))
		return stop(w, "its saved stack pointer is not on its stack");
	return true;
}

/* The outermost function of a stack: runtime/traceback.go topofstack(), since 1.17 a flag. */
static bool is_outermost(const struct go_runtime *rt, const struct go_func *func)
{
	if (rt->layout.minor >= 17)
		return func->flag & GO_FLAG_TOPFRAME;
	return func->id == GO_ID_GOEXIT || func->id == GO_ID_MSTART || func->id == GO_ID_MCALL ||
	       func->id == GO_ID_MORESTACK || func->id == GO_ID_RT0_GO ||
	       func->id == GO_ID_EXTERNALTHREADHANDLER;
}

/* Functions that stand on a stack without having been called by what is below them. */
static bool is_injected(const struct go_runtime *rt, enum go_func_id id)
{
	if (id == GO_ID_SIGPANIC)
		return true;
	return rt->layout.minor >= 21 && (id == GO_ID_ASYNCPREEMPT || id == GO_ID_DEBUGCALL);
}

static bool writes_sp(const struct go_walk *w, const struct go_func *func)
{
	return w->rt->layout.minor >= 17 && func->flag & GO_FLAG_SPWRITE &&
	       func->id != GO_ID_CGOCALLBACK && !(w->is_first && w->is_syscall);
}

/* Goes to the caller of the frame just returned. */
static bool step(struct go_walk *w, const struct go_frame *frame)
{
	hw_addr back;

	if (is_outermost(w->rt, &frame->func)) {
		w->is_done = true;
	} else if (writes_sp(w, &frame->func)) {
		stop(w, "a function that moves the stack pointer");
	} else if (!go_word(w->rt, frame->fp - 8, &back)) {
		stop(w, "its stack is not in the target");
	} else {
		w->pc = back;
		w->sp = frame->fp;
		w->is_exact = is_injected(w->rt, frame->func.id);
	}
	w->is_first = false;
	return !w->is_done;
}

bool go_walk_next(struct go_walk *w, struct go_frame *ret)
{
	const struct go_site *site;
	struct go_frame frame = {.pc = w->pc, .sp = w->sp};

	if (w->is_done)
		return false;
	site = go_sites_at(w->sites, w->pc);
	if (!site->has_func)
		return stop(w, "a return address is not in Go code");
	frame.func = site->func;
	frame.sym_pc = w->is_exact || w->pc == site->func.entry ? w->pc : w->pc - 1;
	frame.fp = w->sp + (site->has_delta ? (uint32_t)site->delta : 0) + 8;
	if (!is_on_stack(&w->g, w->sp) || frame.fp <= w->sp || frame.fp > w->g.stack_hi)
		return stop(w, "a frame does not lie on the stack");
	frame.varp = frame.fp - 8;
	/* framepointer_enabled on amd64: the caller's rbp is saved above the locals. */
	if (frame.varp > frame.sp)
		frame.varp -= 8;
	frame.argp = frame.fp;
	*ret = frame;
	if (!site->has_delta && !is_outermost(w->rt, &frame.func))
		stop(w, "no frame size for a pc");
	else
		step(w, &frame);
	return true;
}
