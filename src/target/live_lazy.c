/* SPDX-License-Identifier: Apache-2.0 */
/* live_lazy.c -- which pages were given back with MADV_FREE and are still there: anonymous
 * ones without SWAPBACKED (Documentation/admin-guide/mm/pagemap.rst). The kernel tells root
 * only. They are looked for where smaps has any. */
#include "base/array.h"
#include "target/live.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PRESENT    ((uint64_t)1 << 63)
#define FRAME      (((uint64_t)1 << 55) - 1)
#define ANON       ((uint64_t)1 << 12) /* KPF_ANON, include/uapi/linux/kernel-page-flags.h */
#define SWAPBACKED ((uint64_t)1 << 14) /* KPF_SWAPBACKED */
#define FLAGS      64                  /* Of neighbours, read in one go. */
#define PAGES_MOST 262144              /* 1 GiB of mappings: each page takes a fraction of a us. */

struct flags {
	int fd;
	uint64_t first; /* Frame of words[0]; UINT64_MAX: none were read. */
	uint64_t count;
	uint64_t words[FLAGS];
};

static bool is_lazy(struct flags *flags, uint64_t frame)
{
	if (frame - flags->first >= flags->count) {
		ssize_t got;

		flags->first = frame / FLAGS * FLAGS;
		got = pread(flags->fd, flags->words, sizeof(flags->words),
			    (off_t)(flags->first * sizeof(uint64_t)));
		flags->count = got > 0 ? (uint64_t)got / sizeof(uint64_t) : 0;
		if (frame - flags->first >= flags->count)
			return false;
	}
	return (flags->words[frame - flags->first] & (ANON | SWAPBACKED)) == ANON;
}

static bool add(struct hw_process *process, hw_addr page)
{
	struct live_run *last =
	    process->lazy_count ? &process->lazy[process->lazy_count - 1] : NULL;

	if (last && last->end == page) {
		last->end += HW_PAGE;
		return true;
	}
	if (!hw_array_reserve((void **)&process->lazy, &process->lazy_room, process->lazy_count,
			      sizeof(*process->lazy)))
		return false;
	process->lazy[process->lazy_count++] = (struct live_run){page, page + HW_PAGE, 0};
	return true;
}

static bool look_at(struct hw_process *process, struct flags *flags, hw_addr start, hw_addr end)
{
	uint64_t words[512];

	for (hw_addr at = start; at < end;) {
		size_t want = MIN(G_N_ELEMENTS(words), (end - at) / HW_PAGE);
		ssize_t got = pread(process->pagemap, words, want * sizeof(*words),
				    (off_t)(at / HW_PAGE * sizeof(*words)));

		if (got < (ssize_t)sizeof(*words))
			return false;
		for (size_t i = 0; i < (size_t)got / sizeof(*words); i++, at += HW_PAGE)
			if ((words[i] & PRESENT) && (words[i] & FRAME) &&
			    is_lazy(flags, words[i] & FRAME) && !add(process, at))
				return false;
	}
	return true;
}

/* "start-end …" of a mapping. sscanf() would count the rest of the text at every line. */
static bool parse_head(const char *line, hw_addr *start_ret, hw_addr *end_ret)
{
	char *next;
	hw_addr start = strtoull(line, &next, 16);

	if (next == line || *next != '-')
		return false;
	*start_ret = start;
	*end_ret = MAX(start, strtoull(next + 1, NULL, 16));
	return true;
}

void live_lazy_now(struct hw_process *process)
{
	static const char key[] = "LazyFree:";

	const char *line = g_hash_table_lookup(process->texts, "smaps");
	struct flags flags = {.fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC),
			      .first = UINT64_MAX};
	hw_addr start = 0, end = 0;
	uint64_t pages = 0;

	process->lazy_count = 0;
	while (flags.fd >= 0 && line) {
		line += *line == '\n';
		if (!parse_head(line, &start, &end) && !strncmp(line, key, sizeof(key) - 1) &&
		    strtoull(line + sizeof(key) - 1, NULL, 10)) {
			pages += (end - start) / HW_PAGE;
			if (pages > PAGES_MOST || !look_at(process, &flags, start, end))
				break;
		}
		line = strchr(line, '\n');
	}
	if (flags.fd >= 0)
		close(flags.fd);
}
