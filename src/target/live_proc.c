/* SPDX-License-Identifier: Apache-2.0 */
/* live_proc.c -- the text files below /proc/PID. */
#include "base/array.h"
#include "base/error.h"
#include "base/text.h"
#include "target/live.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX ((size_t)256 << 20) /* A line of maps has 100 bytes; there are 65530 at most. */

uint64_t live_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

char *live_read(int dir, const char *name, size_t *size_ret)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t room = 16384;
	size_t size = 0;
	char *text;
	ssize_t got = 1;

	if (fd < 0)
		return NULL;
	text = g_malloc(room);
	while (got > 0) {
		if (size + 1 >= room && room < TEXT_MAX)
			text = g_realloc(text, room *= 2);
		got = read(fd, text + size, room - 1 - size);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			size += (size_t)got;
	}
	close(fd);
	if (got < 0) {
		g_free(text);
		return NULL;
	}
	text[size] = '\0';
	if (size_ret)
		*size_ret = size;
	return text;
}

bool live_field(const char *text, const char *key, uint64_t *ret)
{
	size_t length = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, length) && line[length] == ':') {
			*ret = strtoull(line + length + 1, NULL, 10);
			return true;
		}
	}
	return false;
}

/* The name of a process may have blanks and parentheses: the last one ends it. */
static const char *find_field(const char *stat, int field)
{
	const char *at = strrchr(stat, ')');

	if (!at || strlen(at) < 4)
		return NULL;
	at += 2;
	for (int i = 3; at && i < field; i++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at;
}

bool live_stat_field(const char *stat, int field, uint64_t *ret)
{
	const char *at = find_field(stat, field);

	if (!at || !g_ascii_isdigit(*at))
		return false;
	*ret = strtoull(at, NULL, 10);
	return true;
}

bool live_start_time(int dir, uint64_t *ret, char *state_ret)
{
	g_autofree char *text = live_read(dir, "stat", NULL);
	const char *state = text ? find_field(text, 3) : NULL;

	if (!state || !live_stat_field(text, 22, ret))
		return false;
	if (state_ret)
		*state_ret = *state;
	return true;
}

static int open_dir(const char *pid)
{
	char path[300];

	g_snprintf(path, sizeof(path), "/proc/%s", pid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static bool has_ended(int dir)
{
	uint64_t start;
	char state = 'X';

	live_start_time(dir, &start, &state);
	return state == 'Z' || state == 'X';
}

int live_open_dir(int32_t pid, pid_t *alive_ret)
{
	char name[16];
	struct dirent *entry;
	DIR *tasks;
	int dir, fd;

	g_snprintf(name, sizeof(name), "%d", pid);
	*alive_ret = pid;
	dir = open_dir(name);
	if (dir < 0 || !has_ended(dir))
		return dir;
	/* Its memory is not to be seen there any more; any other thread has all of it. */
	fd = openat(dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tasks = fd >= 0 ? fdopendir(fd) : NULL;
	while (tasks && *alive_ret == pid && (entry = readdir(tasks))) {
		int other = g_ascii_isdigit(entry->d_name[0]) ? open_dir(entry->d_name) : -1;

		if (other >= 0 && !has_ended(other)) {
			*alive_ret = (pid_t)strtol(entry->d_name, NULL, 10);
			close(dir);
			dir = other;
		} else if (other >= 0) {
			close(other);
		}
	}
	if (tasks)
		closedir(tasks);
	return dir;
}

/* The kernel writes a line end in a path as \012. */
static char *unescape(const char *path)
{
	g_autofree char *copy = g_strdup(path);
	char *out = copy;

	for (const char *in = copy; *in; in++) {
		if (g_str_has_prefix(in, "\\012")) {
			*out++ = '\n';
			in += 3;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
	return hw_text_copy(copy, strlen(copy));
}

static bool has_prefix(const char *path, const char *prefix)
{
	return !strncmp(path, prefix, strlen(prefix));
}

/* Whose contents are copied. Files have theirs, unless they were written to in private;
 * shared memory without a name is nowhere else; devices may act on being read. */
static bool is_kept(const struct live_map *map)
{
	if (map->path[0] == '[')
		return !has_prefix(map->path, "[vvar") && !has_prefix(map->path, "[vsyscall");
	if (has_prefix(map->path, "/dev/") && !has_prefix(map->path, "/dev/shm/") &&
	    !has_prefix(map->path, "/dev/zero"))
		return false;
	if (map->is_shared)
		return g_str_has_suffix(map->path, " (deleted)");
	return true;
}

/* "start-end rwxp offset dev inode   path" */
static bool parse_line(struct hw_process *process, char *line, struct live_map *ret)
{
	struct live_map map = {.path = ""};
	char perm[5] = "";
	int path_at = 0;
	g_autofree char *path = NULL;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*u %n", &map.start, &map.end,
		   perm, &map.file_offset, &path_at) < 4 ||
	    map.start >= map.end || strlen(perm) != 4)
		return false;
	map.perm = (perm[0] == 'r' ? HW_PERM_R : 0) | (perm[1] == 'w' ? HW_PERM_W : 0) |
		   (perm[2] == 'x' ? HW_PERM_X : 0);
	map.is_shared = perm[3] == 's';
	if (path_at && line[path_at]) {
		path = unescape(line + path_at);
		map.path = g_string_chunk_insert_const(process->strings, path);
	}
	map.is_file = map.path[0] == '/';
	map.is_kept = is_kept(&map);
	*ret = map;
	return true;
}

bool live_read_maps(struct hw_process *process, GError **error)
{
	g_autofree char *text = live_read(process->dir, "maps", NULL);
	char *next = text;

	if (!text) {
		live_refuse(process, errno, "/proc/PID/maps", error);
		return false;
	}
	process->map_count = 0;
	while (next && *next) {
		char *line = next;
		struct live_map map;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!parse_line(process, line, &map))
			continue;
		if (!hw_array_reserve((void **)&process->maps, &process->map_room,
				      process->map_count, sizeof(*process->maps))) {
			g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL,
				    "no memory for the list of mappings");
			return false;
		}
		process->maps[process->map_count++] = map;
	}
	if (process->map_count)
		return true;
	g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
		    "process %d (%s) has no memory: it has ended or is about to", process->pid,
		    process->command);
	return false;
}

/* "Key:   12 kB", in bytes. */
static void read_key(const char *line, const char *key, uint64_t *ret)
{
	size_t length = strlen(key);

	if (!strncmp(line, key, length) && line[length] == ':')
		*ret = strtoull(line + length + 1, NULL, 10) << 10;
}

/* "start-end …" of a mapping. sscanf() would count the rest of the text at every line. */
static bool parse_head(const char *line, struct live_vma *ret)
{
	char *next;
	hw_addr start = strtoull(line, &next, 16), end;

	if (next == line || *next != '-')
		return false;
	end = strtoull(next + 1, NULL, 16);
	*ret = (struct live_vma){.start = start, .end = MAX(start, end)};
	return true;
}

bool live_next_vma(const char **at, struct live_vma *ret)
{
	bool is_begun = false;

	for (const char *line = *at, *next; line && *line; line = next) {
		struct live_vma vma;

		next = strchr(line, '\n');
		next = next ? next + 1 : NULL;
		if (parse_head(line, &vma)) {
			*at = line;
			if (is_begun)
				return true;
			is_begun = true;
			*ret = vma;
		} else if (is_begun) {
			read_key(line, "Rss", &ret->rss);
			read_key(line, "AnonHugePages", &ret->huge);
			read_key(line, "LazyFree", &ret->lazy);
		}
	}
	*at = NULL;
	return is_begun;
}
