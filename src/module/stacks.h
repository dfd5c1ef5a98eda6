/* SPDX-License-Identifier: Apache-2.0 */
/* stacks.h -- every thread's stack: its bounds, its frames by libdwfl's unwinder (through
 * .eh_frame, so stripped binaries work), and its thread-local storage.
 *
 * A stack ends where struct pthread says (stackblock + size), else at the next thread's
 * control block, else at the end of its mapping: since glibc 2.42 neighbouring stacks may
 * share one mapping. On an alternate signal stack both it and the interrupted one count. */
#ifndef HW_MODULE_STACKS_H
#define HW_MODULE_STACKS_H
#include "module/module.h"
#include "module/threads.h"

#define HW_FRAMES_MAX 512 /* Frames kept per thread. */
#define HW_FRAME_REGS 17
#define HW_FRAME_SP   7

struct hw_frame {
	hw_addr pc;
	hw_addr sp;                   /* Lowest slot of this frame: its stack pointer. */
	hw_addr cfa;                  /* Slots of this frame lie in [sp, cfa); 0: unknown. */
	bool is_activation;           /* pc is exact (innermost, or interrupted by a signal). */
	const char *function;         /* Or NULL; borrowed. */
	const char *module;           /* Base name, or NULL. */
	const char *file;             /* Or NULL. */
	int32_t line;                 /* 0: not known. */
	uint32_t known;               /* Bit by register that regs has the value of. */
	uint64_t regs[HW_FRAME_REGS]; /* In DWARF's numbering: rax rdx rcx rbx rsi rdi rbp
				       * rsp r8 to r15 rip. */
};

struct hw_range_pair {
	hw_addr start, end; /* Exclusive. */
};

/* A thread-local variable area of one module in one thread. */
struct hw_tls_block {
	uint32_t object; /* Index into memory->objects; HW_NO_MODULE: static TLS of nobody known. */
	hw_addr start;
	hw_addr end;
};

struct hw_thread_stack {
	int32_t tid;
	struct hw_range_pair range[2]; /* Live stack: sp - 128 to the end; the second one is the
					* interrupted stack below a signal handler's. */
	uint32_t range_count;
	struct hw_range_pair block; /* All of the thread's own stack, live or stale. */
	struct hw_range_pair alt;   /* All of the alternate signal stack in use; or empty. */
	struct hw_frame *frames;    /* Innermost first. */
	uint32_t frame_count;
	bool is_cut; /* Unwinding ended early. */
	struct hw_tls_block *tls;
	uint32_t tls_count;
	hw_addr tcb; /* struct pthread; bookkeeping, no root. 0: not known. */
	hw_addr tcb_end;
	hw_addr dtv;        /* Its first entry (the generation is before), 0: not known. */
	uint64_t dtv_count; /* Entries believed: module ids 1 to dtv_count. */
	size_t tls_room;    /* Private. */
};

/* A stack whose thread is gone; libc keeps it for the next one. */
struct hw_dead_stack {
	struct hw_range_pair block;
	hw_addr tcb;
	hw_addr dtv; /* As in struct hw_thread_stack: freed when the stack is used again. */
	uint64_t dtv_count;
	bool is_joinable; /* Its struct pthread still holds what pthread_join() would give. */
};

struct hw_stacks {
	struct hw_thread_stack *threads; /* As in the target. */
	uint32_t count;
	/* Ranges that are libc's bookkeeping (dtv arrays, struct pthread): never roots. */
	struct hw_range_pair *bookkeeping;
	uint32_t bookkeeping_count;
	/* Stacks of threads that are gone: never roots. */
	struct hw_dead_stack *dead;
	uint32_t dead_count;
	/* Private. */
	size_t thread_room, bookkeeping_room, dead_room;
};

struct hw_stacks *hw_stacks_new(const struct hw_memory *memory, struct hw_modules *modules,
				const struct hw_thread_state *threads, struct hw_notes *notes,
				GError **error);
void hw_stacks_free(struct hw_stacks *stacks); /* Accepts NULL. */

/* Name of the thread-local variable at addr of an object's TLS block that starts at block;
 * the variable's own start and size. NULL when unknown. */
const char *hw_stacks_tls_name(struct hw_modules *modules, uint32_t object, hw_addr block,
			       hw_addr addr, hw_addr *start_ret, uint64_t *size_ret);
#endif
