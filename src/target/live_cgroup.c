/* SPDX-License-Identifier: Apache-2.0 */
/* live_cgroup.c -- which memory cgroup a process is in, as far as it can be reached from here,
 * and what it and those above it may still take. */
#include "target/live.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNLIMITED   ((uint64_t)1 << 60) /* Version 1 says 2^63 less a page. */
#define LEVELS_MOST 64

/* The path behind "N:controllers:" of a line with this controller; "" is version 2. */
static char *cgroup_path(int dir, const char *controller)
{
	g_autofree char *text = live_read(dir, "cgroup", NULL);
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

	for (size_t i = 0; lines[i]; i++) {
		g_auto(GStrv) parts = g_strsplit(lines[i], ":", 3);
		g_auto(GStrv) names = NULL;

		if (g_strv_length(parts) != 3)
			continue;
		names = g_strsplit(parts[1], ",", -1);
		if (*controller ? g_strv_contains((const char *const *)names, controller)
				: !*parts[1])
			return g_strdup(parts[2]);
	}
	return NULL;
}

/* The part of path behind root, both as seen from our cgroup namespace: what is outside of it
 * begins with "/..". NULL: path is not below root. Borrowed from path. */
static const char *below(const char *root, const char *path)
{
	size_t length = strcmp(root, "/") != 0 ? strlen(root) : 0;

	if (strncmp(path, root, length) != 0 || (path[length] != '/' && path[length]))
		return NULL;
	path += length;
	return strcmp(path, "/..") != 0 && !strstr(path, "/../") ? path : NULL;
}

/* Where path of a hierarchy is mounted here: version 1 with the controller among the super
 * options, or version 2. A container sees its own cgroup, or some other, as the root of the
 * mount. *top_ret: how much of it is the mount point. */
static char *find_mount(const char *type, const char *option, const char *path, size_t *top_ret)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL);
	lines = g_strsplit(text ? text : "", "\n", -1);
	for (size_t i = 0; lines[i]; i++) {
		const char *rest = strstr(lines[i], " - ");
		char root[1024], point[1024], kind[64], options[1024] = "";
		const char *inside;
		g_auto(GStrv) names = NULL;
		g_autofree char *dir = NULL;

		if (!rest || sscanf(lines[i], "%*s %*s %*s %1023s %1023s", root, point) != 2 ||
		    sscanf(rest, " - %63s %*s %1023s", kind, options) < 1 ||
		    strcmp(kind, type) != 0)
			continue;
		names = g_strsplit(options, ",", -1);
		inside = below(root, path);
		if (!inside || (option && !g_strv_contains((const char *const *)names, option)))
			continue;
		dir = g_build_filename(point, inside, NULL);
		if (!g_file_test(dir, G_FILE_TEST_IS_DIR))
			continue;
		*top_ret = strlen(point);
		return g_steal_pointer(&dir);
	}
	return NULL;
}

/* Is there a file of that name in dir? */
static bool has_file(const char *dir, const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);

	return access(path, R_OK) == 0;
}

/* What a cgroup of version 2 without the controller takes counts in the first one above it that
 * has it. The root has no figures. */
static char *first_with_memory(char *dir, size_t top)
{
	while (dir && !has_file(dir, "memory.current")) {
		char *slash = strrchr(dir, '/');

		if (!slash || (size_t)(slash - dir) < top)
			g_clear_pointer(&dir, g_free);
		else
			*slash = '\0';
	}
	return dir;
}

char *live_cgroup_dir(int dir, bool *is_v2_ret)
{
	size_t top = 0;
	g_autofree char *path = cgroup_path(dir, "memory");
	char *found = path ? find_mount("cgroup", "memory", path, &top) : NULL;
	g_autofree char *unified = NULL;

	*is_v2_ret = false;
	if (found)
		return found;
	unified = cgroup_path(dir, "");
	found = unified ? find_mount("cgroup2", NULL, unified, &top) : NULL;
	*is_v2_ret = true;
	return first_with_memory(found, top);
}

/* UINT64_MAX: none, or no such file. */
static uint64_t read_number(const char *dir, const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_autofree char *text = NULL;
	uint64_t value;

	if (!g_file_get_contents(path, &text, NULL, NULL) || !g_ascii_isdigit(text[0]))
		return UINT64_MAX;
	value = strtoull(text, NULL, 10);
	return value < UNLIMITED ? value : UINT64_MAX;
}

struct level {
	uint64_t limit; /* memory.max or memory.limit_in_bytes. */
	uint64_t high;  /* memory.high: above it, it is slowed down. */
	uint64_t usage;
};

static struct level read_level(const char *dir, bool is_v2)
{
	return (struct level){
	    .limit = read_number(dir, is_v2 ? "memory.max" : "memory.limit_in_bytes"),
	    .high = is_v2 ? read_number(dir, "memory.high") : UINT64_MAX,
	    .usage = read_number(dir, is_v2 ? "memory.current" : "memory.usage_in_bytes"),
	};
}

/* Of dir, then of those above it; false when there is none any more. */
static bool next_level(char *dir, bool is_v2, struct level *ret)
{
	char *slash;

	*ret = read_level(dir, is_v2);
	slash = strrchr(dir, '/');
	if (ret->usage == UINT64_MAX || !slash)
		return false;
	*slash = '\0';
	return true;
}

uint64_t live_headroom(const char *start, bool is_v2)
{
	g_autofree char *dir = g_strdup(start);
	uint64_t least = UINT64_MAX;
	struct level level;

	for (int i = 0; i < LEVELS_MOST && next_level(dir, is_v2, &level); i++) {
		uint64_t limit = MIN(level.limit, level.high);

		if (limit != UINT64_MAX)
			least = MIN(least, limit > level.usage ? limit - level.usage : 0);
	}
	return least;
}

static void put_number(GString *to, const char *key, uint64_t number)
{
	if (number == UINT64_MAX)
		g_string_append_printf(to, "%s max\n", key);
	else
		g_string_append_printf(to, "%s %" PRIu64 "\n", key, number);
}

char *live_cgroup_limits(const char *start, bool is_v2)
{
	g_autofree char *dir = g_strdup(start);
	struct level least = {.limit = UINT64_MAX, .high = UINT64_MAX}, level;
	GString *text = g_string_new(NULL);

	for (int i = 0; i < LEVELS_MOST && next_level(dir, is_v2, &level); i++) {
		least.limit = MIN(least.limit, level.limit);
		least.high = MIN(least.high, level.high);
	}
	put_number(text, "limit", least.limit);
	put_number(text, "high", least.high);
	return g_string_free(text, FALSE);
}
