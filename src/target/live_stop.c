/* SPDX-License-Identifier: Apache-2.0 */
/* live_stop.c -- every thread of a process stands still for a moment.
 *
 * PTRACE_SEIZE sends no signal, and PTRACE_INTERRUPT leaves no trace: a system call that
 * it interrupts is restarted by the kernel, a group stop stays what it was. A thread may
 * be caught while it takes a signal; the signal is then passed on when it is let go.
 * Threads can appear while others are being seized: the list is read again until it
 * holds no new one, at which point nobody is left who could make one.
 *
 * A thread that sleeps uninterruptibly or gets no processor does not stop, and the others must not
 * stand still for it: they are let go, and it is waited for while they run. The kernel lets no
 * thread be detached before it has stopped; such a thread stays in process->threads until it has,
 * and is then let go at once, or is the first of the next attempt. */
#include "base/array.h"
#include "base/error.h"
#include "base/stop.h"
#include "target/live.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAUSE_MOST 1000                        /* us between two looks at who has stopped. */
#define WATCH_NS   ((uint64_t)2 * 1000 * 1000) /* The same when there is other work. */

static struct hw_process *armed; /* For the alarm. */

/* They are mostly asked for in the order in which they are: *next is where the search begins. */
static bool is_known(const struct hw_process *process, pid_t tid, size_t *next)
{
	for (size_t i = 0; i < process->thread_count; i++) {
		size_t k = (*next + i) % process->thread_count;

		if (process->threads[k].tid != tid)
			continue;
		*next = k + 1;
		return true;
	}
	return false;
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
	const size_t known = process->thread_count;
	struct dirent *entry;
	size_t next = 0;
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

		if (tid <= 0 || (known && is_known(process, tid, &next)))
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

/* Who did not stop, for an error; read when the others run again. */
static void note_stuck(struct hw_process *process)
{
	struct live_stuck *stuck = &process->stuck;
	char name[64];
	g_autofree char *where = NULL;

	if (!stuck->tid)
		return;
	stuck->state = task_state(process, stuck->tid);
	g_snprintf(name, sizeof(name), "task/%d/wchan", stuck->tid);
	where = live_read(process->dir, name, NULL);
	g_strlcpy(stuck->where, where && strcmp(where, "0") != 0 ? where : "",
		  sizeof(stuck->where));
}

void live_refuse_stuck(const struct hw_process *process, GError **error)
{
	const struct live_stuck *stuck = &process->stuck;
	const char *next = "It runs on. Try again, or use --mode nostop";

	if (!stuck->tid)
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
			    "process %d (%s) makes threads faster than they can be stopped. %s",
			    process->pid, process->command, next);
	else if (strstr(stuck->where, "refrigerator"))
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
			    "process %d (%s) is frozen by its cgroup: it cannot be stopped in a "
			    "consistent state. Thaw it, or use --mode nostop",
			    process->pid, process->command);
	else if (stuck->state == 'D')
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
			    "thread %d of process %d (%s) is in uninterruptible sleep (state D, in "
			    "%s) and did not stop, in several attempts. %s",
			    stuck->tid, process->pid, process->command,
			    *stuck->where ? stuck->where : "the kernel", next);
	else
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
			    "thread %d of process %d (%s, state %c) did not stop, in several "
			    "attempts: the machine is busy. %s",
			    stuck->tid, process->pid, process->command, stuck->state, next);
}

static bool interrupted(GError **error)
{
	if (!hw_stop_requested())
		return false;
	g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
	return true;
}

/* Until each seized thread has reported or died. STUCK: there was no report for patience, or it is
 * past end. */
static enum live_seized wait_all(struct hw_process *process, uint64_t patience, uint64_t end,
				 GError **error)
{
	uint64_t last = live_now_ns();
	useconds_t pause = 20;

	for (size_t i = 0; i < process->thread_count;) {
		struct live_thread *thread = &process->threads[i];
		uint64_t now;
		int status;
		pid_t got;

		if (thread->is_stopped) {
			i++;
			continue;
		}
		now = live_now_ns();
		got = waitpid(thread->tid, &status, __WALL | WNOHANG);
		if (got == thread->tid) {
			take_report(process, thread, status);
			last = now;
			pause = 20;
		} else if (got < 0 && errno == ECHILD) {
			/* Another thread's execve() took its id over. */
			forget(process, thread);
		} else if (now > last + patience || now > end) {
			process->stuck.tid = thread->tid;
			return LIVE_STUCK;
		} else {
			usleep(pause);
			pause = MIN(pause * 2, PAUSE_MOST);
		}
		if (interrupted(error))
			return LIVE_REFUSED;
	}
	return LIVE_SEIZED;
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

/* Seizes round by round, until a round finds nobody new. */
static enum live_seized seize_all(struct hw_process *process, uint64_t patience, uint64_t end,
				  GError **error)
{
	enum live_seized result = LIVE_SEIZED;
	size_t new_count = 1;
	uint64_t rounds_end = end; /* The first takes as long as there are threads. */

	for (bool is_first = true; result == LIVE_SEIZED && new_count; is_first = false) {
		if (!seize_new(process, &new_count, error))
			return LIVE_REFUSED;
		result = wait_all(process, patience, end, error);
		if (is_first)
			rounds_end = MIN(end, live_now_ns() + patience);
		else if (result == LIVE_SEIZED && new_count && live_now_ns() > rounds_end)
			result = LIVE_STUCK;
	}
	return result;
}

enum live_seized live_seize(struct hw_process *process, uint64_t patience, uint64_t most,
			    GError **error)
{
	enum live_seized result;

	process->is_watched = false;
	process->tracer = (pid_t)syscall(SYS_gettid);
	process->stuck = (struct live_stuck){0};
	hold_back(true);
	process->queued_ns = queue_ns();
	process->stop_began_ns = live_now_ns();
	process->state = LIVE_STOPPED;
	result = seize_all(process, patience, process->stop_began_ns + most, error);
	if (result == LIVE_SEIZED && process->thread_count && is_same_process(process)) {
		qsort(process->threads, process->thread_count, sizeof(*process->threads),
		      compare_tid);
		return LIVE_SEIZED;
	}
	live_detach(process);
	if (result == LIVE_STUCK)
		note_stuck(process);
	if (result != LIVE_SEIZED)
		return result;
	g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
		    "process %d (%s) ended while it was being stopped", process->pid,
		    process->command);
	return LIVE_REFUSED;
}

/* False when it has not stopped yet. */
static bool let_one_go(const struct live_thread *thread)
{
	int status;
	pid_t got;

	if (ptrace(PTRACE_DETACH, thread->tid, NULL, (long)thread->signal) == 0 ||
	    thread->is_stopped)
		return true;
	got = waitpid(thread->tid, &status, __WALL | WNOHANG);
	if (got == thread->tid && WIFSTOPPED(status))
		ptrace(PTRACE_DETACH, thread->tid, NULL,
		       (long)(status >> 16 ? 0 : WSTOPSIG(status)));
	return got != 0;
}

static void let_all_go(struct hw_process *process)
{
	size_t kept = 0;

	for (size_t i = 0; i < process->thread_count; i++)
		if (!let_one_go(&process->threads[i]))
			process->threads[kept++] = process->threads[i];
	process->thread_count = kept;
}

void live_detach(struct hw_process *process)
{
	if (process->state != LIVE_STOPPED || process->tracer != (pid_t)syscall(SYS_gettid))
		return;
	process->state = LIVE_RUNNING;
	let_all_go(process);
	process->stopped_ns += live_now_ns() - process->stop_began_ns;
	process->waited_ns += queue_ns() - process->queued_ns;
	hold_back(false);
}

bool live_await(struct hw_process *process, uint64_t end)
{
	useconds_t pause = 20;

	while (process->thread_count && !hw_stop_requested()) {
		struct live_thread *thread = &process->threads[0];
		int status;
		pid_t got = 0;

		if (process->thread_count > 1)
			let_all_go(process);
		else if ((got = waitpid(thread->tid, &status, __WALL | WNOHANG)) < 0)
			forget(process, thread);
		else if (got)
			take_report(process, thread, status);
		if (got && (!process->thread_count || thread->is_stopped))
			return true;
		if (live_now_ns() > end)
			return false;
		usleep(pause);
		pause = MIN(pause * 2, PAUSE_MOST);
	}
	return !hw_stop_requested();
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
	} else if (process && process->is_watched && process->state != LIVE_STOPPED) {
		let_all_go(process);
		if (!process->thread_count)
			setitimer(ITIMER_REAL, &(const struct itimerval){0}, NULL);
	}
	errno = saved;
}

static void set_timer(uint64_t ns, bool is_repeated)
{
	const struct timeval time = {.tv_sec = (time_t)(ns / 1000000000),
				     .tv_usec = (suseconds_t)(ns % 1000000000 / 1000)};
	struct itimerval timer = {.it_value = time};

	if (is_repeated)
		timer.it_interval = time;
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void catch_alarm(struct hw_process *process)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

	sigemptyset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL);
	armed = process;
}

void live_arm(struct hw_process *process)
{
	uint64_t now = live_now_ns();

	if (!process->deadline_ns)
		return;
	catch_alarm(process);
	process->is_armed = true;
	set_timer(process->deadline_ns > now + 1000 ? process->deadline_ns - now : 1000, false);
}

void live_watch(struct hw_process *process)
{
	if (!process->thread_count)
		return;
	catch_alarm(process);
	process->is_watched = true;
	set_timer(WATCH_NS, true);
}

void live_disarm(struct hw_process *process)
{
	if ((!process->is_armed && armed != process) || process->is_watched)
		return;
	process->is_armed = false;
	set_timer(0, false);
	armed = NULL;
}
