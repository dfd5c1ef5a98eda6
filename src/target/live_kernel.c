/* SPDX-License-Identifier: Apache-2.0 */
/* live_kernel.c -- what the kernel says of a process and of its memory cgroup, as the texts
 * it prints. They are kept as they are: what they mean is known further up, and a
 * snapshot takes them along. */
#include "base/text.h"
#include "target/live.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEERS_MOST 1000 /* Processes of a cgroup that are asked. */
#define DEPTH_MOST 64   /* Cgroups below it. */
#define FDS_MOST   20000
#define PATHS_MOST 200 /* Kinds of open files that are listed. */

void live_text(struct hw_process *process, const char *name, char *text)
{
	if (text)
		g_hash_table_replace(process->texts, g_strdup(name), text);
}

/* A line for a process. False: it has memory, but we may not ask how much. */
static bool add_peer(GString *list, int32_t pid)
{
	uint64_t rss = 0, anon = 0;
	g_autofree char *rollup = NULL;
	g_autofree char *comm = NULL;
	pid_t alive;
	int dir = live_open_dir(pid, &alive);
	bool is_denied;

	if (dir < 0)
		return true;
	rollup = live_read(dir, "smaps_rollup", NULL);
	is_denied = !rollup && (errno == EACCES || errno == EPERM);
	comm = live_read(dir, "comm", NULL);
	close(dir);
	if (!rollup || !live_field(rollup, "Rss", &rss))
		return !is_denied;
	live_field(rollup, "Pss_Anon", &anon);
	/* A name may have line ends, too. */
	g_string_append_printf(list, "%d %" PRIu64 " %" PRIu64 " %s\n", pid, rss, anon,
			       comm ? g_strdelimit(g_strchomp(comm), "\n", '\r') : "?");
	return true;
}

struct peers {
	GString *list;
	unsigned count;
	unsigned unread; /* Of count: are not in list, although they may have memory. */
};

/* The processes of a cgroup and of those below it. */
static void add_peers(struct peers *peers, int parent, const char *name, unsigned depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	g_autofree char *procs = fd >= 0 ? live_read(fd, "cgroup.procs", NULL) : NULL;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	for (const char *at = procs; at && *at;) {
		int32_t pid = (int32_t)strtol(at, NULL, 10);

		if (pid > 0 && (peers->count++ >= PEERS_MOST || !add_peer(peers->list, pid)))
			peers->unread++;
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	while (dir && depth < DEPTH_MOST && (entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			add_peers(peers, fd, entry->d_name, depth + 1);
	if (dir)
		closedir(dir);
}

/* Sockets and pipes have a number each: they are counted by kind. */
static char *fd_kind(const char *target)
{
	const char *colon = strchr(target, ':');

	if (target[0] != '/' && colon)
		return g_strndup(target, (gsize)(colon - target));
	return g_strdup(target);
}

static int by_count(gconstpointer a, gconstpointer b, gpointer table)
{
	guint x = GPOINTER_TO_UINT(g_hash_table_lookup(table, *(char *const *)a));
	guint y = GPOINTER_TO_UINT(g_hash_table_lookup(table, *(char *const *)b));

	if (x != y)
		return x > y ? -1 : 1;
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *list_files(const struct hw_process *process)
{
	int fd = openat(process->dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	g_autoptr(GHashTable) counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	GString *list = g_string_new(NULL);
	GHashTableIter iter;
	gpointer name;
	struct dirent *entry;

	for (unsigned i = 0; dir && i < FDS_MOST && (entry = readdir(dir)); i++) {
		char target[4096];
		ssize_t size = readlinkat(fd, entry->d_name, target, sizeof(target) - 1);
		g_autofree char *text = size > 0 ? hw_text_copy(target, (size_t)size) : NULL;
		char *kind = text ? fd_kind(text) : NULL;

		if (kind)
			g_hash_table_replace(
			    counts, kind,
			    GUINT_TO_POINTER(GPOINTER_TO_UINT(g_hash_table_lookup(counts, kind)) +
					     1));
	}
	g_hash_table_iter_init(&iter, counts);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		g_ptr_array_add(names, name);
	g_ptr_array_sort_with_data(names, by_count, counts);
	for (guint i = 0; i < names->len && i < PATHS_MOST; i++)
		g_string_append_printf(
		    list, "%u %s\n", GPOINTER_TO_UINT(g_hash_table_lookup(counts, names->pdata[i])),
		    (char *)names->pdata[i]);
	if (dir)
		closedir(dir);
	return g_string_free(list, FALSE);
}

/* Is nothing in [start, end) swapped out? */
static bool is_in_memory(const struct hw_process *process, hw_addr start, hw_addr end)
{
	for (size_t i = live_find_run(process, start);
	     i < process->run_count && process->runs[i].start < end; i++)
		if (process->runs[i].flags & LIVE_SWAPPED)
			return false;
	return true;
}

/* Arguments are separated by NULs. The kernel takes them, and perhaps what is behind them up to
 * the end of the environment, from the process's memory: it would bring back what is swapped
 * out. NULL then. */
static char *read_arguments(const struct hw_process *process)
{
	size_t size = 0;
	uint64_t start = 0, end = 0;
	g_autofree char *stat = live_read(process->dir, "stat", NULL);
	g_autofree char *raw = NULL;

	if (!stat || !live_stat_field(stat, 48, &start) || !live_stat_field(stat, 51, &end) ||
	    !is_in_memory(process, start, end))
		return NULL;
	raw = live_read(process->dir, "cmdline", &size);

	for (size_t i = 0; i + 1 < size; i++)
		if (!raw[i])
			raw[i] = ' ';
	return raw ? hw_text_copy(raw, size) : NULL;
}

void live_kernel_before(struct hw_process *process)
{
	struct peers peers = {.list = g_string_new(NULL)};

	if (process->cgroup) {
		add_peers(&peers, AT_FDCWD, process->cgroup, 0);
		live_text(process, "cgroup limits",
			  live_cgroup_limits(process->cgroup, process->is_v2));
	}
	live_text(process, "processes", g_string_free(peers.list, FALSE));
	live_text(process, "processes.unread", g_strdup_printf("%u\n", peers.unread));
	live_text(process, "cmdline", read_arguments(process));
	live_text(process, "limits", live_read(process->dir, "limits", NULL));
	live_text(process, "cgroup", live_read(process->dir, "cgroup", NULL));
	live_text(process, "files", list_files(process));
}

void live_kernel_now(struct hw_process *process)
{
	static const char *const v1[] = {
	    "memory.usage_in_bytes",          "memory.limit_in_bytes", "memory.kmem.usage_in_bytes",
	    "memory.kmem.tcp.usage_in_bytes", "memory.stat",           NULL};
	static const char *const v2[] = {"memory.current", "memory.max",    "memory.swap.current",
					 "memory.stat",    "memory.events", NULL};
	const char *const *names = process->is_v2 ? v2 : v1;
	int dir = process->cgroup ? open(process->cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	live_text(process, "smaps", live_read(process->dir, "smaps", NULL));
	live_text(process, "status", live_read(process->dir, "status", NULL));
	live_text(process, "stat", live_read(process->dir, "stat", NULL));
	for (; dir >= 0 && *names; names++)
		live_text(process, *names, live_read(dir, *names, NULL));
	if (dir >= 0)
		close(dir);
}
