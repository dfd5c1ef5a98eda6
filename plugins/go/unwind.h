/* SPDX-License-Identifier: Apache-2.0 */
/* unwind.h -- goroutines and their frames.
 *
 *   struct go_sites *sites = go_sites_new(rt);         a cache, for all walks
 *   struct go_g g;  go_g_read(rt, addr, &g)
 *   struct go_walk walk;  go_walk_start(&walk, rt, sites, &g);
 *   while (go_walk_next(&walk, &frame)) …              innermost first
 *   walk.is_cut                                        it did not reach the bottom
 *
 * Frames are those on the goroutine's own stack. pcs follow runtime/traceback.go: a return
 * address points behind its call, so what it names is asked of the byte before, except where
 * the frame below was not called but injected (sigpanic) or interrupted. */
#ifndef GO_UNWIND_H
#define GO_UNWIND_H
#include "pclntab.h"

/* runtime/runtime2.go: the values of g.atomicstatus, without _Gscan. */
enum go_status {
	GO_STATUS_IDLE = 0,
	GO_STATUS_RUNNABLE,
	GO_STATUS_RUNNING,
	GO_STATUS_SYSCALL,
	GO_STATUS_WAITING,
	GO_STATUS_MORIBUND_UNUSED,
	GO_STATUS_DEAD,
	GO_STATUS_ENQUEUE_UNUSED,
	GO_STATUS_COPYSTACK,
	GO_STATUS_PREEMPTED, /* 1.14 and later. */
	GO_STATUS_LEAKED,    /* 1.26 and later, as the next. */
	GO_STATUS_DEADEXTRA,
	GO_STATUSES,
	GO_STATUS_SCAN = 0x1000,
};

struct go_g {
	hw_addr addr;
	hw_addr stack_lo, stack_hi;
	hw_addr self; /* sched.g: the same as addr. */
	hw_addr sched_pc, sched_sp, syscall_pc, syscall_sp;
	hw_addr m;
	hw_addr gopc, startpc;
	hw_addr lockedm, labels;
	uint64_t goid, parent; /* parent is 0 before 1.21. */
	int64_t waitsince;     /* See clock.h. */
	uint32_t status;       /* enum go_status or, when damaged, anything. */
	uint8_t waitreason;
};

/* False when it is not all there. */
bool go_g_read(const struct go_runtime *rt, hw_addr addr, struct go_g *ret);

/* One frame. */
struct go_frame {
	struct go_func func;
	hw_addr pc;     /* Where it goes on, or was interrupted. */
	hw_addr sym_pc; /* What to ask names, lines and PCDATA for. */
	hw_addr sp;     /* Lowest address. */
	hw_addr fp;     /* Behind the return address: the caller's sp. */
	/* runtime/traceback.go, without frame pointer: locals end at varp, arguments begin
	 * at argp. */
	hw_addr varp, argp;
};

struct go_sites; /* What is known of each pc met so far. */

/* NULL when out of memory. */
struct go_sites *go_sites_new(const struct go_runtime *rt);
void go_sites_free(struct go_sites *sites); /* Accepts NULL. */

struct go_walk {
	const struct go_runtime *rt;
	struct go_sites *sites;
	struct go_g g;
	hw_addr pc, sp;
	int32_t tid;     /* Of the thread that runs it; 0: none, or not found. */
	bool is_exact;   /* pc was interrupted, it is no return address. */
	bool is_syscall; /* The innermost frame is that of a system call. */
	bool is_first;
	bool is_done;
	bool is_cut;     /* Ended before the goroutine's first function. */
	const char *why; /* For is_cut. */
};

/* False when the goroutine has no frames that can be found (walk->why). */
bool go_walk_start(struct go_walk *walk, const struct go_runtime *rt, struct go_sites *sites,
		   const struct go_g *g);
bool go_walk_next(struct go_walk *walk, struct go_frame *ret);

/* Is this where the g of a goroutine that has ended still points, until it is used again? */
bool go_sites_is_exit(struct go_sites *sites, hw_addr pc);
/* Does the function's name begin with "runtime."? False for pcs outside Go code. */
bool go_sites_is_runtime(struct go_sites *sites, hw_addr pc, enum go_func_id *id_ret);
#endif
