/* SPDX-License-Identifier: Apache-2.0 */
/* live_refuse.c -- why a process cannot be looked at, as far as it shows, and what to do.
 * The kernel only says EPERM: the checks of ptrace_may_access() (kernel/ptrace.c) are
 * made again here, one by one. */
#include "base/error.h"
#include "target/live.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CAP_PTRACE 19 /* CAP_SYS_PTRACE, include/uapi/linux/capability.h. */

static char *read_own(const char *path)
{
	char *text = NULL;

	g_file_get_contents(path, &text, NULL, NULL);
	return text;
}

/* "Uid:\treal\teffective…": the second is what counts. */
static uint64_t capabilities(const char *status, const char *key)
{
	const char *at = strstr(status, key);

	return at ? strtoull(at + strlen(key), NULL, 16) : 0;
}

static bool has_capability(const char *status)
{
	return capabilities(status, "\nCapEff:") >> CAP_PTRACE & 1;
}

static char *comm_of(uint64_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%" PRIu64 "/comm", pid);
	char *name = read_own(path);

	return name ? g_strchomp(name) : g_strdup("unknown");
}

/* Are we in the first user namespace, which maps every id to itself? */
static bool in_first_user_namespace(void)
{
	g_autofree char *map = read_own("/proc/self/uid_map");
	unsigned long long inside = 1, outside = 1, count = 0;

	return map && sscanf(map, "%llu %llu %llu", &inside, &outside, &count) == 3 && !inside &&
	       !outside && count == UINT32_MAX;
}

static bool other_user_namespace(const struct hw_process *process, const char *own_status)
{
	struct stat own, theirs;

	if (stat("/proc/self/ns/user", &own) != 0)
		return false;
	if (fstatat(process->dir, "ns/user", &theirs, 0) == 0)
		return own.st_ino != theirs.st_ino;
	/* It may not even be asked which one: the capability counts in ours and below. */
	return has_capability(own_status) && !in_first_user_namespace();
}

static void refuse(const struct hw_process *process, GError **error, const char *why)
{
	g_set_error(error, HW_ERROR, HW_ERROR_PERMISSION, "process %d (%s): %s", process->pid,
		    process->command, why);
}

/* What other than user ids and capabilities stands in the way. */
static char *say_rest(const char *own, const char *theirs, const char *what, int errnum)
{
	uint64_t more = capabilities(theirs, "\nCapPrm:") & ~capabilities(own, "\nCapPrm:");
	g_autofree char *yama = read_own("/proc/sys/kernel/yama/ptrace_scope");
	g_autofree char *lsm = read_own("/sys/kernel/security/lsm");
	uint64_t seccomp = 0;
	int scope = yama ? atoi(yama) : 0;

	live_field(own, "Seccomp", &seccomp);
	if (scope == 3)
		return g_strdup("yama allows no ptrace until the next boot "
				"(kernel.yama.ptrace_scope = 3)");
	if (scope == 2 && !has_capability(own))
		return g_strdup("yama allows ptrace only with CAP_SYS_PTRACE "
				"(kernel.yama.ptrace_scope = 2): run as root");
	if (scope == 1 && !has_capability(own))
		return g_strdup("yama allows ptrace of own children only "
				"(kernel.yama.ptrace_scope = 1): run as root, or set it to 0");
	if (more) /* cap_ptrace_access_check(), security/commoncap.c */
		return g_strdup_printf("has capabilities that heapwalk lacks (0x%" PRIx64
				       " in CapPrm of /proc/PID/status): run heapwalk with all "
				       "of them, or with CAP_SYS_PTRACE outside of the container",
				       more);
	if (seccomp)
		return g_strdup_printf(
		    "%s was refused (%s), perhaps by the seccomp filter that "
		    "heapwalk itself runs under (a container's): allow ptrace and "
		    "process_vm_readv there, or run outside",
		    what, g_strerror(errnum));
	return g_strdup_printf("%s was refused (%s) although user ids and capabilities allow it; "
			       "security modules: %s",
			       what, g_strerror(errnum), lsm ? g_strchomp(lsm) : "not known");
}

static char *say_why(const struct hw_process *process, const char *own, const char *status,
		     const char *what, int errnum)
{
	uint64_t uid = 0, tracer = 0;
	struct stat st;

	if (live_field(status, "TracerPid", &tracer) && tracer && !strcmp(what, "ptrace")) {
		g_autofree char *name = comm_of(tracer);

		return g_strdup_printf("is traced by process %" PRIu64
				       " (%s) already. End that, or "
				       "use --mode nostop",
				       tracer, name);
	}
	live_field(status, "Uid", &uid);
	if (has_capability(own) && !other_user_namespace(process, own))
		return say_rest(own, status, what, errnum);
	if (other_user_namespace(process, own))
		return g_strdup("is in another user namespace: run heapwalk with CAP_SYS_PTRACE in "
				"that one, or as root outside");
	if (geteuid() == 0)
		return g_strdup("heapwalk runs as root but lacks CAP_SYS_PTRACE (docker run "
				"--cap-add SYS_PTRACE, or securityContext.capabilities.add)");
	if (uid != geteuid())
		return g_strdup_printf("is owned by uid %" PRIu64 ": run heapwalk as that user or "
				       "as root",
				       uid);
	/* task_dump_owner() in fs/proc/base.c: the directory itself keeps its owner. */
	if (fstatat(process->dir, "maps", &st, 0) == 0 && st.st_uid != geteuid())
		return g_strdup("is not dumpable: its files in /proc belong to root although it "
				"runs as you (PR_SET_DUMPABLE, set-user-id or file capabilities). "
				"Run heapwalk as root");
	return say_rest(own, status, what, errnum);
}

void live_refuse(const struct hw_process *process, int errnum, const char *what, GError **error)
{
	g_autofree char *own = read_own("/proc/self/status");
	g_autofree char *status = live_read(process->dir, "status", NULL);
	g_autofree char *why = NULL;

	if (errnum == ESRCH || errnum == ENOENT || !status) {
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET, "process %d (%s) has ended",
			    process->pid, process->command);
		return;
	}
	if (errnum != EPERM && errnum != EACCES) {
		hw_error_errno(error, errnum, "process %d (%s): %s", process->pid, process->command,
			       what);
		return;
	}
	why = say_why(process, own ? own : "", status, what, errnum);
	refuse(process, error, why);
}

static bool refuse_frozen(const struct hw_process *process, GError **error)
{
	g_autofree char *where = live_read(process->dir, "wchan", NULL);

	if (process->options.mode == HW_STOP_NONE || !where ||
	    (!strstr(where, "refrigerator") && !strstr(where, "cgroup_freeze")))
		return false;
	g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
		    "process %d (%s) is frozen by its cgroup (%s). Thaw it, or use --mode nostop",
		    process->pid, process->command, where);
	return true;
}

/* ELF class of the executable, by its first bytes. */
static bool is_32bit(const struct hw_process *process)
{
	unsigned char ident[EI_NIDENT] = {0};
	int fd = openat(process->dir, "exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool is_short = fd >= 0 && pread(fd, ident, sizeof(ident), 0) == (ssize_t)sizeof(ident) &&
			!memcmp(ident, ELFMAG, SELFMAG) && ident[EI_CLASS] == ELFCLASS32;

	if (fd >= 0)
		close(fd);
	return is_short;
}

static bool refuse_state(const struct hw_process *process, const char *status, char state,
			 GError **error)
{
	uint64_t value = 0;

	if (state == 'Z' || state == 'X') {
		live_field(status, "PPid", &value);
		g_set_error(
		    error, HW_ERROR, HW_ERROR_TARGET,
		    "process %d (%s) is a zombie: it has ended, and its memory is gone; its "
		    "parent %" PRIu64 " has not collected it yet",
		    process->pid, process->command, value);
	} else if (!live_field(status, "VmSize", &value)) {
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
			    "process %d (%s) is a kernel thread: it has no memory of its own",
			    process->pid, process->command);
	} else {
		return false;
	}
	return true;
}

bool live_refuse_kind(struct hw_process *process, GError **error)
{
	g_autofree char *status = live_read(process->dir, "status", NULL);
	uint64_t group = 0, tracer = 0;
	char state = 'X';

	if (!status || !live_start_time(process->dir, &process->start_time, &state)) {
		live_refuse(process, ESRCH, "/proc/PID/status", error);
		return false;
	}
	if (process->pid == getpid()) {
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET, "process %d is heapwalk itself",
			    process->pid);
		return false;
	}
	if (live_field(status, "Tgid", &group) && group != (uint64_t)process->pid) {
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
			    "%d is a thread of process %" PRIu64 " (%s): give that number",
			    process->pid, group, process->command);
		return false;
	}
	if (refuse_state(process, status, state, error))
		return false;
	if (live_field(status, "TracerPid", &tracer) && tracer &&
	    process->options.mode != HW_STOP_NONE) {
		live_refuse(process, EPERM, "ptrace", error);
		return false;
	}
	if (is_32bit(process)) {
		g_set_error(
		    error, HW_ERROR, HW_ERROR_UNSUPPORTED,
		    "process %d (%s) is a 32-bit process; heapwalk reads 64-bit x86-64 ones",
		    process->pid, process->command);
		return false;
	}
	return !refuse_frozen(process, error);
}
