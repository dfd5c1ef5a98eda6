/* SPDX-License-Identifier: Apache-2.0 */
/* live_stop.c -- every thread of a process stands still for a moment.
 *
 * PTRACE_SEIZE sends no signal, and PTRACE_INTERRUPT leaves no trace: a system call that
 * it interrupts is restarted by the kernel, a group stop stays what it was. A thread may
 * be caught while it takes a signal; the signal is then passed on when it is let go.
 * Threads can appear while others are being seized: the list is read again until it
 * holds no new one, at which point nobody is left who could make one. */
#include "base/array.h"
#include "base/error.h"
#include "base/stop.h"
#include "target/live.h"
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_WAIT_NS ((uint64_t)200 * 1000 * 1000) /* For one thread, at least; */
#define BUSY_WAIT_NS (5 * STOP_WAIT_NS)            /* for one that waits for a processor. */
#define ROUNDS       1000                          /* Reads of the list of threads. */

static struct hw_process *armed; /* For the alarm. */

static struct live_thread *find_thread(struct hw_process *process, pid_t tid)
{
	for (size_t i = process->thread_count; i-- > 0;)
		if (process->threads[i].tid == tid)
			return &process->threads[i];
	return NULL;
}

static char task_state(const struct hw_process *process, pid_t tid)
{
	char name[64];
	char state = 'X';
	uint64_t start;
	int dir;

	g_snprintf(name, sizeof(name), "task/%d", tid);
	dir = openat(process->dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0) {
		live_start_time(dir, &start, &state);
		close(dir);
	}
	return state;
}

/* 1: seized; 0: it is gone or going; -1: refused. */
static int seize(struct hw_process *process, pid_t tid, GError **error)
{
	int errnum;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) == 0) {
		if (!hw_array_reserve((void **)&process->threads, &process->thread_room,
				      process->thread_count, sizeof(*process->threads))) {
			g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no memory for threads");
			return -1;
		}
		process->threads[process->thread_count++] = (struct live_thread){.tid = tid};
		ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
		return 1;
	}
	errnum = errno;
	if (errnum == ESRCH || strchr("ZXx", task_state(process, tid)))
		return 0;
	live_refuse(process, errnum, "ptrace", error);
	return -1;
}

/* Seizes who is new. *new_ret: how many. */
static bool seize_new(struct hw_process *process, size_t *new_ret, GError **error)
{
	int fd = openat(process->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *tasks = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	int result = 0;

	*new_ret = 0;
	if (!tasks) {
		live_refuse(process, errno, "/proc/PID/task", error);
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (result >= 0 && (entry = readdir(tasks))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid <= 0 || find_thread(process, tid))
			continue;
		result = seize(process, tid, error);
		*new_ret += result > 0;
	}
	closedir(tasks);
	return result >= 0;
}

static void forget(struct hw_process *process, struct live_thread *thread)
{
	*thread = process->threads[--process->thread_count];
}

/* One report of a thread. */
static void take_report(struct hw_process *process, struct live_thread *thread, int status)
{
	if (WIFEXITED(status) || WIFSIGNALED(status)) {
		forget(process, thread);
		return;
	}
	if (!WIFSTOPPED(status))
		return;
	thread->is_stopped = true;
	/* An event: an interrupt or a group stop. Anything else is a signal on its way. */
	if (!(status >> 16))
		thread->signal = WSTOPSIG(status);
}

static bool refuse_stuck(const struct hw_process *process, pid_t tid, GError **error)
{
	char name[64];
	char state = task_state(process, tid);
	g_autofree char *where = NULL;

	g_snprintf(name, sizeof(name), "task/%d/wchan", tid);
	where = live_read(process->dir, name, NULL);
	if (where && strstr(where, "refrigerator"))
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
			    "process %d (%s) is frozen by its cgroup: it cannot be stopped in a "
			    "consistent state. Thaw it, or use --mode nostop",
			    process->pid, process->command);
	else if (state == 'D')
		g_set_error(
		    error, HW_ERROR, HW_ERROR_TARGET,
		    "thread %d of process %d (%s) is in uninterruptible sleep (%s) and did "
		    "not stop within %d ms. Try again when it is over, or use --mode nostop",
		    tid, process->pid, process->command,
		    where && *where && strcmp(where, "0") != 0 ? where : "in the kernel",
		    (int)(STOP_WAIT_NS / 1000000));
	else
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
			    "thread %d of process %d (%s, state %c) did not stop within %d ms: the "
			    "machine is busy. Try again, or use --mode nostop",
			    tid, process->pid, process->command, state,
			    (int)((state == 'R' ? BUSY_WAIT_NS : STOP_WAIT_NS) / 1000000));
	return false;
}

/* Until each seized thread has reported, died or had its time. */
static bool wait_all(struct hw_process *process, GError **error)
{
	uint64_t end = live_now_ns() + STOP_WAIT_NS;
	useconds_t pause = 20;

	for (size_t i = 0; i < process->thread_count;) {
		struct live_thread *thread = &process->threads[i];
		int status;
		pid_t got;

		if (thread->is_stopped) {
			i++;
			continue;
		}
		got = waitpid(thread->tid, &status, __WALL | WNOHANG);
		if (got == thread->tid) {
			take_report(process, thread, status);
			end = live_now_ns() + STOP_WAIT_NS;
			pause = 20;
		} else if (got < 0 && errno == ECHILD) {
			/* Another thread's execve() took its id over. */
			forget(process, thread);
		} else if (live_now_ns() > end &&
			   (live_now_ns() > end + (BUSY_WAIT_NS - STOP_WAIT_NS) ||
			    task_state(process, thread->tid) != 'R')) {
			return refuse_stuck(process, thread->tid, error);
		} else {
			usleep(pause);
			pause = MIN(pause * 2, 1000);
		}
		if (hw_stop_requested()) {
			g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
			return false;
		}
	}
	return true;
}

static int compare_tid(const void *a, const void *b)
{
	const struct live_thread *x = a;
	const struct live_thread *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

static bool is_same_process(const struct hw_process *process)
{
	uint64_t start;

	return live_start_time(process->dir, &start, NULL) && start == process->start_time;
}

/* Ctrl-Z must not stop us while others stand still for us. */
static void hold_back(bool on)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGTTIN);
	sigaddset(&set, SIGTTOU);
	pthread_sigmask(on ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* How long this thread has waited for a processor; 0 where the kernel does not say. The second
 * number of Documentation/scheduler/sched-stats.rst. */
static uint64_t queue_ns(void)
{
	int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	char text[128];
	ssize_t size = fd >= 0 ? read(fd, text, sizeof(text)) : 0;
	uint64_t ns = 0;
	ssize_t i = 0;

	if (fd >= 0)
		close(fd);
	while (i < size && text[i] != ' ')
		i++;
	for (i++; i < size && text[i] >= '0' && text[i] <= '9'; i++)
		ns = ns * 10 + (uint64_t)(text[i] - '0');
	return ns;
}

bool live_seize(struct hw_process *process, GError **error)
{
	size_t new_count = 1;

	process->tracer = (pid_t)syscall(SYS_gettid);
	process->thread_count = 0;
	hold_back(true);
	process->queued_ns = queue_ns();
	process->stop_began_ns = live_now_ns();
	process->state = LIVE_STOPPED;
	for (int round = 0; new_count; round++) {
		if (round == ROUNDS) {
			g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
				    "process %d (%s) makes threads faster than they can be "
				    "stopped; try again",
				    process->pid, process->command);
			break;
		}
		if (!seize_new(process, &new_count, error) || !wait_all(process, error))
			break;
	}
	if (!new_count && process->thread_count && is_same_process(process)) {
		qsort(process->threads, process->thread_count, sizeof(*process->threads),
		      compare_tid);
		return true;
	}
	if (!new_count)
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
			    "process %d (%s) ended while it was being stopped", process->pid,
			    process->command);
	live_detach(process);
	return false;
}

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
		if (process_vm_readv(process->pid, to, n, from, n, 0) <= 0)
			continue;
		for (uint32_t k = 0; k < n; k++)
			if (words[k])
				return true;
	}
	return false;
}

void live_detach(struct hw_process *process)
{
	if (process->state != LIVE_STOPPED || process->tracer != (pid_t)syscall(SYS_gettid))
		return;
	process->state = LIVE_RUNNING;
	for (size_t i = 0; i < process->thread_count; i++) {
		const struct live_thread *thread = &process->threads[i];
		int status;

		if (ptrace(PTRACE_DETACH, thread->tid, NULL, (long)thread->signal) == 0 ||
		    thread->is_stopped)
			continue;
		/* One that has not stopped yet; if it never does, it is let go when we exit. */
		if (waitpid(thread->tid, &status, __WALL | WNOHANG) == thread->tid &&
		    WIFSTOPPED(status))
			ptrace(PTRACE_DETACH, thread->tid, NULL,
			       (long)(status >> 16 ? 0 : WSTOPSIG(status)));
	}
	process->stopped_ns += live_now_ns() - process->stop_began_ns;
	process->waited_ns += queue_ns() - process->queued_ns;
	process->thread_count = 0;
	hold_back(false);
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

/* The deadline. Everything here is async-signal-safe; ptrace() wants the thread that
 * seized, and that is the one the alarm interrupts: others block it. */
static void on_alarm(int signal)
{
	struct hw_process *process = armed;
	int saved = errno;

	(void)signal;
	if (process && process->is_armed && process->state == LIVE_STOPPED) {
		process->is_armed = false;
		live_detach(process);
		process->state = LIVE_LATE;
		hw_stop_abandon(true);
	}
	errno = saved;
}

static void set_timer(uint64_t ns)
{
	struct itimerval timer = {.it_value = {.tv_sec = (time_t)(ns / 1000000000),
					       .tv_usec = (suseconds_t)(ns % 1000000000 / 1000)}};

	setitimer(ITIMER_REAL, &timer, NULL);
}

void live_arm(struct hw_process *process)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	uint64_t now = live_now_ns();

	if (!process->deadline_ns)
		return;
	sigemptyset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL);
	armed = process;
	process->is_armed = true;
	set_timer(process->deadline_ns > now + 1000 ? process->deadline_ns - now : 1000);
}

void live_disarm(struct hw_process *process)
{
	if (!process->is_armed && armed != process)
		return;
	process->is_armed = false;
	set_timer(0);
	armed = NULL;
}
