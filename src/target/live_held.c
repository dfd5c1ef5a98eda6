/* SPDX-License-Identifier: Apache-2.0 */
/* live_held.c -- what is asked of threads that stand still: registers, and whether one is inside
 * an allocator. */
#include "base/array.h"
#include "base/error.h"
#include "target/live.h"
#include <elf.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

bool live_is_locked(const struct hw_process *process)
{
	enum { BATCH = 256 };
	uint64_t words[BATCH];
	struct iovec to[BATCH], from[BATCH];

	for (uint32_t i = 0, n; i < process->lock_count; i += n) {
		const struct hw_lock *locks = &process->locks[i];

		n = MIN(BATCH, process->lock_count - i);
		memset(words, 0, sizeof(words));
		for (uint32_t k = 0; k < n; k++) {
			to[k] = (struct iovec){&words[k], locks[k].size};
			from[k] = (struct iovec){(void *)(uintptr_t)locks[k].addr, locks[k].size};
		}
		/* What cannot be read any more is no lock. */
		if (process_vm_readv(process->alive, to, n, from, n, 0) <= 0)
			continue;
		for (uint32_t k = 0; k < n; k++)
			if (words[k])
				return true;
	}
	return false;
}

/* The main thread first, as in a core. */
static void main_first(struct hw_process *process)
{
	struct hw_thread *threads = process->registers;
	struct user_fpregs_struct floats, *all = (void *)process->floats;

	for (size_t i = 1; i < process->register_count; i++) {
		struct hw_thread main_thread = threads[i];

		if (main_thread.tid != process->pid)
			continue;
		memmove(&threads[1], &threads[0], i * sizeof(*threads));
		threads[0] = main_thread;
		floats = all[i];
		memmove(&all[1], &all[0], i * sizeof(floats));
		all[0] = floats;
		return;
	}
}

bool live_registers(struct hw_process *process, GError **error)
{
	const size_t each = sizeof(struct user_fpregs_struct);
	size_t room = process->thread_count;

	hw_array_resize(process->floats, process->register_room * each, 0, 1);
	hw_array_resize(process->registers, process->register_room, 0, sizeof(*process->registers));
	process->register_count = process->register_room = 0;
	process->registers = hw_array_resize(NULL, 0, room, sizeof(*process->registers));
	process->floats = hw_array_resize(NULL, 0, room * each, 1);
	if (!process->registers || !process->floats) {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no memory for threads");
		return false;
	}
	process->register_room = room;
	for (size_t i = 0; i < room; i++) {
		struct hw_thread *thread = &process->registers[process->register_count];
		struct iovec io = {thread->regs, sizeof(thread->regs)};

		if (ptrace(PTRACE_GETREGSET, process->threads[i].tid, (void *)NT_PRSTATUS, &io) !=
		    0)
			continue; /* Killed meanwhile. */
		if (io.iov_len != sizeof(thread->regs)) {
			g_set_error(error, HW_ERROR, HW_ERROR_UNSUPPORTED,
				    "process %d (%s) runs 32-bit code; heapwalk reads 64-bit "
				    "processes",
				    process->pid, process->command);
			return false;
		}
		thread->tid = process->threads[i].tid;
		io = (struct iovec){process->floats + process->register_count * each, each};
		if (process->options.wants_kernel)
			ptrace(PTRACE_GETREGSET, thread->tid, (void *)NT_PRFPREG, &io);
		process->register_count++;
	}
	main_first(process);
	return true;
}
