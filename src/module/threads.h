/* SPDX-License-Identifier: Apache-2.0 */
/* threads.h -- what a thread's registers point at, checked.
 *
 * On x86-64 the thread control block starts with a pointer to itself (tcb) and has
 * one again at +16 (self); glibc and musl both do. gdb's gcore writes thread blocks
 * and stacks as zeros under glibc >= 2.42 (guard pages inside one mapping). */
#ifndef HW_MODULE_THREADS_H
#define HW_MODULE_THREADS_H
#include "memory/memory.h"

enum hw_tls_state {
	HW_TLS_OK = 0,
	HW_TLS_NONE,    /* fs base is 0: not a libc thread, or not started. */
	HW_TLS_MISSING, /* Not in the target. */
	HW_TLS_ZERO,    /* Reads as zeros: not dumped. */
	HW_TLS_STRANGE, /* The self pointers do not match. */
};

struct hw_thread_state {
	int32_t tid;
	hw_addr tls; /* fs base. */
	hw_addr sp;
	hw_addr ip;
	enum hw_tls_state tls_state;
	bool stack_dumped; /* Some byte of sp's page or the one above is not zero. */
};

/* One entry per thread of the target, same order. Warns (tls-not-dumped,
 * stack-not-dumped: counted over all threads, incomplete). Free with g_free(). */
struct hw_thread_state *hw_threads_check(const struct hw_memory *memory, struct hw_notes *notes);
#endif
