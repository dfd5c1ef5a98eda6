/* SPDX-License-Identifier: Apache-2.0 */
/* process.c -- a living process, from "may we?" to "let it go". Reads as the list in
 * process.h; the work is in the live_*.c files. */
#include "target/process.h"
#include "base/array.h"
#include "base/error.h"
#include "base/stop.h"
#include "base/text.h"
#include "target/live.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

#define ATTEMPTS    5    /* To stop it while no allocator is locked. */
#define FAILURES    20   /* Attempts in which a thread does not stop; five, at least. */
#define PAUSE_US    1000 /* After the first; each later one waits as much more. */
#define LEAVE_OVER  ((uint64_t)20 * 1000 * 1000)   /* Of the budget, for another attempt. */
#define SEIZE_MOST  ((uint64_t)1000 * 1000 * 1000) /* To stop it, where there is no budget. */
#define SEIZE_LEAST ((uint64_t)5 * 1000 * 1000)    /* An attempt, whatever the budget is. */
#define AWAIT_MOST  ((uint64_t)2000 * 1000 * 1000) /* Between attempts, while it runs. */

static void set_root(struct hw_process *process)
{
	struct stat own, theirs, own_ns, their_ns;
	bool is_same = stat("/", &own) == 0 && fstatat(process->dir, "root", &theirs, 0) == 0 &&
		       stat("/proc/self/ns/mnt", &own_ns) == 0 &&
		       fstatat(process->dir, "ns/mnt", &their_ns, 0) == 0 &&
		       own.st_dev == theirs.st_dev && own.st_ino == theirs.st_ino &&
		       own_ns.st_ino == their_ns.st_ino;

	process->root = is_same ? g_strdup("/") : g_strdup_printf("/proc/%d/root", process->alive);
}

static bool open_dir(struct hw_process *process, GError **error)
{
	g_autofree char *comm = NULL;

	process->dir = live_open_dir(process->pid, &process->alive);
	if (process->dir < 0) {
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
			    "%d: no such process%s. A file of that name is given as ./%d; a number "
			    "from inside a container is another one outside (NSpid in "
			    "/proc/PID/status)",
			    process->pid,
			    access("/proc/self", F_OK) == 0 ? "" : " (/proc is not mounted)",
			    process->pid);
		return false;
	}
	comm = live_read(process->dir, "comm", NULL);
	process->command = comm ? hw_text_copy(g_strchomp(comm), strlen(comm)) : g_strdup("?");
	return true;
}

static void close_memory(struct hw_process *process)
{
	if (process->mem >= 0)
		close(process->mem);
	if (process->pagemap >= 0)
		close(process->pagemap);
	process->mem = process->pagemap = -1;
}

/* An execve() gives the process other memory: these belong to the one of now. */
static bool open_memory(struct hw_process *process, GError **error)
{
	close_memory(process);
	process->mem = openat(process->dir, "mem", O_RDONLY | O_CLOEXEC);
	if (process->mem < 0) {
		live_refuse(process, errno, "/proc/PID/mem", error);
		return false;
	}
	process->pagemap = openat(process->dir, "pagemap", O_RDONLY | O_CLOEXEC);
	if (process->pagemap < 0) {
		live_refuse(process, errno, "/proc/PID/pagemap", error);
		return false;
	}
	return true;
}

/* Does the kernel let us read at all? Better known before it is stopped. */
static bool try_reading(struct hw_process *process, GError **error)
{
	uint64_t word;
	struct iovec to = {&word, sizeof(word)};
	struct iovec from = {(void *)(uintptr_t)process->maps[0].start, sizeof(word)};

	if (process_vm_readv(process->alive, &to, 1, &from, 1, 0) >= 0 || errno == EFAULT)
		return true;
	live_refuse(process, errno, "process_vm_readv", error);
	return false;
}

/* What we write to a file, and what we allocate, counts against the limits of our cgroup
 * and of those above it: the ones that we share with the process are its limits, too. */
static void find_cgroup(struct hw_process *process)
{
	int own = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool is_v2;
	g_autofree char *ours = own >= 0 ? live_cgroup_dir(own, &is_v2) : NULL;
	size_t same = 0;

	if (own >= 0)
		close(own);
	process->headroom = UINT64_MAX;
	process->cgroup = live_cgroup_dir(process->dir, &process->is_v2);
	if (!process->cgroup || !ours)
		return;
	for (size_t i = 0; ours[i] && ours[i] == process->cgroup[i]; i++)
		if ((!ours[i + 1] || ours[i + 1] == '/') &&
		    (!process->cgroup[i + 1] || process->cgroup[i + 1] == '/'))
			same = i + 1;
	ours[same] = '\0';
	process->headroom = live_headroom(ours, process->is_v2);
	if (process->headroom != UINT64_MAX && !process->options.spool_dir)
		process->spool.limit = process->headroom / 10;
}

struct hw_process *hw_process_open(int32_t pid, const struct hw_process_options *options,
				   GError **error)
{
	struct hw_process *process = g_new0(struct hw_process, 1);

	process->pid = process->alive = pid;
	process->options = *options;
	process->pidfd = process->dir = process->mem = process->pagemap = process->spool.fd = -1;
	process->spool.limit = UINT64_MAX;
	process->strings = g_string_chunk_new(4096);
	process->misses = hw_array_resize(NULL, 0, LIVE_MISSES, sizeof(*process->misses));
	process->texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	if (open_dir(process, error) && live_refuse_kind(process, error) &&
	    open_memory(process, error) && live_read_maps(process, error) &&
	    try_reading(process, error) && live_spool_open(process, error)) {
		process->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		set_root(process);
		find_cgroup(process);
		live_fill_install(process);
		return process;
	}
	hw_process_close(process);
	return NULL;
}

void hw_process_close(struct hw_process *process)
{
	if (!process)
		return;
	hw_process_release(process);
	process->is_watched = false;
	live_disarm(process);
	live_fill_install(NULL);
	live_spool_close(process);
	close_memory(process);
	if (process->pidfd >= 0)
		close(process->pidfd);
	if (process->dir >= 0)
		close(process->dir);
	hw_array_resize(process->maps, process->map_room, 0, sizeof(*process->maps));
	hw_array_resize(process->runs, process->run_room, 0, sizeof(*process->runs));
	hw_array_resize(process->old_runs, process->old_run_room, 0, sizeof(*process->old_runs));
	hw_array_resize(process->places, process->place_room, 0, sizeof(*process->places));
	live_learn_clear(process);
	hw_array_resize(process->misses, process->misses ? LIVE_MISSES : 0, 0,
			sizeof(*process->misses));
	hw_array_resize(process->lazy, process->lazy_room, 0, sizeof(*process->lazy));
	hw_array_resize(process->locks, process->lock_count, 0, sizeof(*process->locks));
	hw_array_resize(process->threads, process->thread_room, 0, sizeof(*process->threads));
	hw_array_resize(process->registers, process->register_room, 0, sizeof(*process->registers));
	hw_array_resize(process->floats, process->register_room * sizeof(struct user_fpregs_struct),
			0, 1);
	g_hash_table_unref(process->texts);
	g_string_chunk_free(process->strings);
	g_free(process->cgroup);
	g_free(process->command);
	g_free(process->root);
	g_free(process);
}

/* The scan of before is that of the look before. */
static void keep_runs(struct hw_process *process)
{
	struct live_run *runs = process->old_runs;
	size_t room = process->old_run_room;

	process->old_runs = process->runs;
	process->old_run_count = process->run_count;
	process->old_run_room = process->run_room;
	process->runs = runs;
	process->run_count = 0;
	process->run_room = room;
}

/* Where everything is now, and where it goes. */
static bool take_stock(struct hw_process *process, GError **error)
{
	keep_runs(process);
	return open_memory(process, error) && live_read_maps(process, error) &&
	       live_scan(process, error) && live_spool_layout(process, error);
}

struct hw_target *hw_process_look(struct hw_process *process, GError **error)
{
	process->state = LIVE_RUNNING;
	if (!live_spool_forget(process) || !take_stock(process, error))
		return NULL;
	if (!live_learn_begin(process)) {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no memory for a list of pages");
		return NULL;
	}
	if (process->options.wants_kernel) {
		uint64_t began = live_now_ns();

		live_kernel_now(process);
		process->kernel_ns = live_now_ns() - began;
		live_kernel_before(process);
	}
	return live_target_new(process, true, error);
}

static uint64_t wanted_bytes(const struct hw_process *process)
{
	uint64_t bytes = 0;

	for (size_t i = 0, m = 0; i < process->run_count; i++) {
		struct live_run run = process->runs[i];
		const struct live_map *map = live_map_from(process, &m, run.start);

		if (!map)
			break;
		if (live_wanted(map, &run, run.start, run.end))
			bytes += run.end - run.start;
	}
	return bytes;
}

static bool check_limit(const struct hw_process *process, uint64_t bytes, GError **error)
{
	char need[32], have[32];

	if (bytes <= process->spool.limit)
		return true;
	g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
		    "heapwalk runs under the same memory limit as process %d, which has %s left; "
		    "the copy of the process needs %s. Run heapwalk outside of the container, or "
		    "name a place with --spool-dir if its pages may count against that limit",
		    process->pid, hw_text_size(have, sizeof(have), process->headroom),
		    hw_text_size(need, sizeof(need), bytes));
	return false;
}

static bool fail_for_memory(GError **error)
{
	g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no memory for a list of pages");
	return false;
}

/* Is it over, and not for the deadline? *error may be set already. */
static bool is_broken_off(const struct hw_process *process, GError *problem, GError **error)
{
	if (problem)
		g_propagate_error(error, problem);
	else if (process->is_gone)
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
			    "process %d (%s) ended while it was read", process->pid,
			    process->command);
	else if (process->state != LIVE_LATE && hw_stop_requested())
		g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
	else
		return false;
	return true;
}

/* What will be read at the stop, from the process as it runs. */
static bool read_before(struct hw_process *process, bool (*read)(struct hw_process *, GError **),
			GError **error)
{
	GError *problem = NULL;

	return (live_spool_forget(process) || fail_for_memory(error)) &&
	       take_stock(process, error) && (live_learn_new(process) || fail_for_memory(error)) &&
	       (read(process, &problem) || !is_broken_off(process, problem, error));
}

bool hw_process_prepare(struct hw_process *process, uint64_t *bytes_ret, uint64_t *expected_ns_ret,
			GError **error)
{
	bool is_all = process->options.mode == HW_STOP_ALL;
	bool (*read)(struct hw_process *, GError **) = is_all ? live_read_all : live_read_learned;
	uint64_t began;

	if (is_all) {
		if (!live_spool_forget(process) || !take_stock(process, error) ||
		    !check_limit(process, wanted_bytes(process), error) ||
		    !live_spool_room(process, wanted_bytes(process), error) ||
		    !read_before(process, read, error))
			return false;
	} else if (!live_learn(process)) {
		return fail_for_memory(error);
	}
	/* As it will be done at the stop: tells how long that takes. */
	began = live_now_ns();
	if (!read_before(process, read, error))
		return false;
	process->read_ns = *expected_ns_ret = live_now_ns() - began;
	*bytes_ret = wanted_bytes(process);
	return true;
}

/* All stops together; 0: no limit. */
static uint64_t budget_of(const struct hw_process *process)
{
	uint64_t budget = process->options.max_stop_ns;

	return !budget && process->options.mode == HW_STOP_BUDGET ? HW_STOP_DEFAULT_NS : budget;
}

static void set_deadline(struct hw_process *process)
{
	uint64_t budget = budget_of(process);

	process->deadline_ns = 0;
	if (budget)
		process->deadline_ns =
		    process->stop_began_ns +
		    (budget > process->stopped_ns ? budget - process->stopped_ns : 1);
}

bool hw_process_expect_locks(struct hw_process *process, const struct hw_lock *locks,
			     uint32_t count)
{
	struct hw_lock *copy =
	    hw_array_resize(process->locks, process->lock_count, count, sizeof(*process->locks));

	if (count && !copy)
		return false;
	process->locks = copy;
	process->lock_count = count;
	if (count)
		memcpy(copy, locks, count * sizeof(*locks));
	return true;
}

/* What is left of the budget for stopping it. */
static uint64_t seize_time(const struct hw_process *process)
{
	uint64_t budget = budget_of(process);
	uint64_t all = budget ? budget : SEIZE_MOST;

	return all > process->stopped_ns ? all - process->stopped_ns : 0;
}

/* Seizes it, after so many attempts in which a thread did not stop. Each gets a part of what is
 * left, so that there is time for others and for reading; the last one gets all of it. */
static enum live_seized try_to_seize(struct hw_process *process, unsigned failed, bool is_last,
				     GError **error)
{
	uint64_t left = MAX(seize_time(process), SEIZE_LEAST);
	uint64_t part = left / (2 * (ATTEMPTS - MIN(failed, ATTEMPTS - 2)));

	return live_seize(process, is_last ? left : MAX(part, SEIZE_LEAST), left, error);
}

/* A thread did not stop. Where only the time was too short the answer is one without what there
 * was no time to read; false in any case. */
static bool give_up(struct hw_process *process, bool is_last, GError **error)
{
	bool is_slow = process->stuck.tid && process->stuck.state != 'D';

	live_watch(process);
	if (hw_stop_requested()) {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
	} else if (is_last && is_slow && budget_of(process)) {
		process->register_count = 0;
		process->state = LIVE_LATE;
	} else {
		live_refuse_stuck(process, error);
	}
	return false;
}

/* Every thread stands still, outside of malloc() if that can be had: a lock is not held for
 * long. The deadline runs from here on. */
static bool stand_still(struct hw_process *process, GError **error)
{
	for (unsigned failed = 0, locked = 0;;) {
		bool is_last = failed + 1 == FAILURES ||
			       (failed + 1 >= ATTEMPTS && seize_time(process) <= LEAVE_OVER);
		enum live_seized seized = try_to_seize(process, failed, is_last, error);

		if (seized == LIVE_REFUSED) {
			live_watch(process);
			return false;
		}
		if (seized == LIVE_STUCK) {
			if (is_last || !live_await(process, live_now_ns() + AWAIT_MOST))
				return give_up(process, is_last, error);
			failed++;
			usleep(process->thread_count ? 0 : failed * PAUSE_US);
			continue;
		}
		set_deadline(process);
		if (++locked == ATTEMPTS || hw_process_time_left(process) <= LEAVE_OVER ||
		    !live_is_locked(process))
			break;
		live_detach(process);
		usleep(locked * PAUSE_US);
	}
	live_arm(process);
	return true;
}

bool hw_process_stop(struct hw_process *process, GError **error)
{
	process->has_read = false;
	if (!live_learn_missed(process) || !live_spool_forget(process))
		return fail_for_memory(error);
	if (!stand_still(process, error))
		return false;
	if (live_registers(process, error) && take_stock(process, error) &&
	    (live_learn_new(process) || fail_for_memory(error)))
		return true;
	hw_process_release(process);
	return false;
}

bool hw_process_read(struct hw_process *process, GError **error)
{
	bool is_all = process->options.mode == HW_STOP_ALL;
	uint64_t began = live_now_ns();
	GError *problem = NULL;

	process->has_read =
	    is_all ? live_read_all(process, &problem) : live_read_learned(process, &problem);
	process->read_ns = MAX(process->read_ns, live_now_ns() - began);
	return process->has_read || !is_broken_off(process, problem, error);
}

struct hw_target *hw_process_show(struct hw_process *process, GError **error)
{
	live_copy_stale(process);
	live_spool_show(process, false);
	return hw_process_target(process, error);
}

bool hw_process_has_time(const struct hw_process *process)
{
	uint64_t budget =
	    process->options.max_stop_ns ? process->options.max_stop_ns : HW_STOP_DEFAULT_NS;

	return budget > process->stopped_ns &&
	       budget - process->stopped_ns > 2 * process->read_ns + LEAVE_OVER;
}

void hw_process_account(struct hw_process *process)
{
	if (!process->options.wants_kernel)
		return;
	live_disarm(process);
	process->is_early =
	    process->state != LIVE_STOPPED || hw_process_time_left(process) < process->kernel_ns;
	if (process->is_early)
		return;
	live_kernel_now(process);
	if (hw_process_time_left(process) <= process->kernel_ns)
		return;
	live_lazy_now(process);
	if (live_scan_was_old())
		live_old_now(process);
}

void hw_process_release(struct hw_process *process)
{
	live_disarm(process);
	live_detach(process);
}

enum hw_stop_mode hw_process_mode(const struct hw_process *process)
{
	return process->options.mode;
}

bool hw_process_is_late(const struct hw_process *process)
{
	return process->state == LIVE_LATE;
}

uint64_t hw_process_time_left(const struct hw_process *process)
{
	uint64_t now;

	if (!process->deadline_ns)
		return UINT64_MAX;
	now = live_now_ns();
	return process->deadline_ns > now ? process->deadline_ns - now : 0;
}

uint64_t hw_process_time_spent(const struct hw_process *process)
{
	return process->state == LIVE_STOPPED ? live_now_ns() - process->stop_began_ns : 0;
}

uint64_t hw_process_stopped_ns(const struct hw_process *process)
{
	return process->stopped_ns;
}

const char *hw_process_root(const struct hw_process *process)
{
	return process->root;
}

struct hw_binary *hw_process_binary(const struct hw_process *process, hw_addr start, hw_addr end,
				    GError **error)
{
	char name[80];

	g_snprintf(name, sizeof(name), "map_files/%" PRIx64 "-%" PRIx64, start, end);
	return hw_binary_open_at(process->dir, name, error);
}

uint64_t hw_process_missed(const struct hw_process *process)
{
	return process->missed;
}

uint64_t hw_process_lost(const struct hw_process *process)
{
	return process->options.mode == HW_STOP_NONE ? process->spool_full : 0;
}
