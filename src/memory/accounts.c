/* SPDX-License-Identifier: Apache-2.0 */
/* accounts.c -- smaps, status and memory cgroup files, version 1 and 2, as text. What they
 * mean: Documentation/filesystems/proc.rst, admin-guide/cgroup-v2.rst and
 * admin-guide/cgroup-v1/memory.rst of the kernel. */
#include "memory/accounts.h"
#include "base/array.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MOST 4000000u /* Mappings or processes: far above vm.max_map_count. */

/* One line without its end, as [*at, end); moves *at behind it. False at the end. */
static bool next_line(const char **at, const char **line_ret, const char **end_ret)
{
	const char *end;

	if (!**at)
		return false;
	end = strchrnul(*at, '\n');
	*line_ret = *at;
	*end_ret = end;
	*at = *end ? end + 1 : end;
	return true;
}

static bool read_number(const char **at, int base, uint64_t *ret)
{
	char *end;
	uint64_t value;

	if (!g_ascii_isxdigit(**at))
		return false;
	errno = 0;
	value = strtoull(*at, &end, base);
	if (errno || end == *at)
		return false;
	*at = end;
	*ret = value;
	return true;
}

/* The number behind "key" at the start of a line of text; HW_NOT_KNOWN when there is no such
 * line. scale: of the unit that the text has. */
static uint64_t find_value(const char *text, const char *key, uint64_t scale)
{
	size_t length = strlen(key);
	const char *line, *end;

	while (text && next_line(&text, &line, &end)) {
		uint64_t value;

		if (strncmp(line, key, length) != 0 ||
		    (line[length] != ' ' && line[length] != ':' && line[length] != '\t'))
			continue;
		line += length + 1;
		line += strspn(line, " \t");
		if (!read_number(&line, 10, &value) || value > (UINT64_MAX >> 11))
			return HW_NOT_KNOWN;
		return value * scale;
	}
	return HW_NOT_KNOWN;
}

/* A file of one number; "max" and what v1 prints for no limit are HW_NOT_KNOWN. */
static uint64_t read_single(const char *text)
{
	uint64_t value;

	if (!text || !read_number(&text, 10, &value) || value >= INT64_MAX - 4095)
		return HW_NOT_KNOWN;
	return value;
}

static const struct {
	const char *key;
	size_t offset[2]; /* Into struct hw_vma; the second SIZE_MAX mostly. */
} smaps_keys[] = {
    {"Rss:", {offsetof(struct hw_vma, rss), SIZE_MAX}},
    {"Pss:", {offsetof(struct hw_vma, pss), SIZE_MAX}},
    {"Shared_Dirty:", {offsetof(struct hw_vma, dirty), SIZE_MAX}},
    {"Private_Clean:", {offsetof(struct hw_vma, private_), SIZE_MAX}},
    {"Private_Dirty:", {offsetof(struct hw_vma, private_), offsetof(struct hw_vma, dirty)}},
    {"Anonymous:", {offsetof(struct hw_vma, anonymous), SIZE_MAX}},
    {"LazyFree:", {offsetof(struct hw_vma, lazy), SIZE_MAX}},
    {"AnonHugePages:", {offsetof(struct hw_vma, huge), SIZE_MAX}},
    {"Shared_Hugetlb:", {offsetof(struct hw_vma, hugetlb), SIZE_MAX}},
    {"Private_Hugetlb:", {offsetof(struct hw_vma, hugetlb), SIZE_MAX}},
    {"Swap:", {offsetof(struct hw_vma, swap), SIZE_MAX}},
};

static void add_to(struct hw_vma *vma, size_t offset, uint64_t bytes)
{
	if (offset != SIZE_MAX)
		*(uint64_t *)(void *)((char *)vma + offset) += bytes;
}

/* "Key:   12 kB". */
static void read_smaps_key(struct hw_vma *vma, const char *line)
{
	for (size_t i = 0; i < G_N_ELEMENTS(smaps_keys); i++) {
		size_t length = strlen(smaps_keys[i].key);
		uint64_t value;

		if (strncmp(line, smaps_keys[i].key, length) != 0)
			continue;
		line += length;
		line += strspn(line, " ");
		if (!read_number(&line, 10, &value) || value > (UINT64_MAX >> 30))
			return;
		add_to(vma, smaps_keys[i].offset[0], value << 10);
		add_to(vma, smaps_keys[i].offset[1], value << 10);
		return;
	}
}

/* "55f0-55f8 r--p …". */
static bool read_smaps_head(const char *line, struct hw_vma *ret)
{
	hw_addr start, end;

	if (!read_number(&line, 16, &start) || *line++ != '-' || !read_number(&line, 16, &end) ||
	    *line != ' ' || start >= end)
		return false;
	*ret = (struct hw_vma){.start = start, .end = end};
	return true;
}

static void add_total(struct hw_vma *total, const struct hw_vma *vma)
{
	total->rss += vma->rss;
	total->pss += vma->pss;
	total->dirty += vma->dirty;
	total->private_ += vma->private_;
	total->anonymous += vma->anonymous;
	total->lazy += vma->lazy;
	total->huge += vma->huge;
	total->hugetlb += vma->hugetlb;
	total->swap += vma->swap;
}

static bool read_smaps(struct hw_accounts *accounts, const char *text, struct hw_notes *notes)
{
	const char *line, *end;
	hw_addr last = 0;

	while (next_line(&text, &line, &end)) {
		struct hw_vma vma;

		if (!read_smaps_head(line, &vma)) {
			if (accounts->vma_count && *line >= 'A' && *line <= 'Z')
				read_smaps_key(&accounts->vmas[accounts->vma_count - 1], line);
			continue;
		}
		if (vma.start < last || accounts->vma_count >= LINES_MOST) {
			hw_notes_damage(notes, vma.start, "smaps is out of order");
			break;
		}
		last = vma.end;
		if (!hw_array_reserve((void **)&accounts->vmas, &accounts->vma_room,
				      accounts->vma_count, sizeof(vma)))
			return false;
		accounts->vmas[accounts->vma_count++] = vma;
	}
	for (uint32_t i = 0; i < accounts->vma_count; i++)
		add_total(&accounts->total, &accounts->vmas[i]);
	return true;
}

static uint64_t sum_known(uint64_t a, uint64_t b)
{
	return a == HW_NOT_KNOWN ? b : b == HW_NOT_KNOWN ? a : a + b;
}

/* a - b where both are known and in order; else a. */
static uint64_t without(uint64_t a, uint64_t b)
{
	return a != HW_NOT_KNOWN && b != HW_NOT_KNOWN && b <= a ? a - b : a;
}

static void read_cgroup_v2(struct hw_cgroup *cgroup, hw_text_fn text, void *arg)
{
	const char *stat = text(arg, "memory.stat");

	cgroup->version = 2;
	cgroup->usage = read_single(text(arg, "memory.current"));
	cgroup->limit = read_single(text(arg, "memory.max"));
	cgroup->swap = read_single(text(arg, "memory.swap.current"));
	cgroup->anon = find_value(stat, "anon", 1);
	cgroup->shmem = find_value(stat, "shmem", 1);
	/* NR_FILE_PAGES has the swap cache, too (mm/swap_state.c). */
	cgroup->swap_cache = find_value(stat, "swapcached", 1);
	cgroup->file =
	    without(without(find_value(stat, "file", 1), cgroup->shmem), cgroup->swap_cache);
	cgroup->active_file = find_value(stat, "active_file", 1);
	cgroup->inactive_file = find_value(stat, "inactive_file", 1);
	cgroup->mapped_file = find_value(stat, "file_mapped", 1);
	cgroup->slab = find_value(stat, "slab", 1);
	cgroup->kernel_stack = find_value(stat, "kernel_stack", 1);
	cgroup->page_tables = find_value(stat, "pagetables", 1);
	cgroup->sock = find_value(stat, "sock", 1);
	cgroup->kernel = find_value(stat, "kernel", 1);
	if (cgroup->kernel == HW_NOT_KNOWN) /* Before Linux 5.18: by its parts. */
		cgroup->kernel =
		    sum_known(sum_known(cgroup->slab, cgroup->kernel_stack),
			      sum_known(cgroup->page_tables, find_value(stat, "percpu", 1)));
}

/* Version 1 counts children in the total_ lines. */
static void read_cgroup_v1(struct hw_cgroup *cgroup, hw_text_fn text, void *arg)
{
	const char *stat = text(arg, "memory.stat");

	cgroup->version = 1;
	cgroup->usage = read_single(text(arg, "memory.usage_in_bytes"));
	cgroup->limit = read_single(text(arg, "memory.limit_in_bytes"));
	cgroup->swap = find_value(stat, "total_swap", 1);
	cgroup->anon = find_value(stat, "total_rss", 1);
	cgroup->shmem = find_value(stat, "total_shmem", 1);
	cgroup->swap_cache = find_value(stat, "total_swapcached", 1);
	cgroup->file =
	    without(without(find_value(stat, "total_cache", 1), cgroup->shmem), cgroup->swap_cache);
	cgroup->active_file = find_value(stat, "total_active_file", 1);
	cgroup->inactive_file = find_value(stat, "total_inactive_file", 1);
	cgroup->mapped_file = find_value(stat, "total_mapped_file", 1);
	cgroup->slab = cgroup->kernel_stack = cgroup->page_tables = HW_NOT_KNOWN;
	cgroup->sock = read_single(text(arg, "memory.kmem.tcp.usage_in_bytes"));
	cgroup->kernel = read_single(text(arg, "memory.kmem.usage_in_bytes"));
}

static void read_cgroup(struct hw_accounts *accounts, hw_text_fn text, void *arg)
{
	const char *limits = text(arg, "cgroup limits");
	struct hw_cgroup *cgroup = &accounts->cgroup;

	if (text(arg, "memory.current"))
		read_cgroup_v2(cgroup, text, arg);
	else if (text(arg, "memory.usage_in_bytes"))
		read_cgroup_v1(cgroup, text, arg);
	else
		return;
	cgroup->limit = MIN(cgroup->limit, find_value(limits, "limit", 1));
	cgroup->high = find_value(limits, "high", 1);
	accounts->has_cgroup = cgroup->usage != HW_NOT_KNOWN;
}

static bool read_peer(const char *line, const char *end, struct hw_peer *ret)
{
	uint64_t pid, rss, anon;

	if (!read_number(&line, 10, &pid) || *line++ != ' ' || !read_number(&line, 10, &rss) ||
	    *line++ != ' ' || !read_number(&line, 10, &anon) || *line++ != ' ' || line > end ||
	    !pid || pid > INT32_MAX || rss > (UINT64_MAX >> 30) || anon > (UINT64_MAX >> 30))
		return false;
	ret->pid = (int32_t)pid;
	ret->rss = rss << 10;
	ret->anon = anon << 10;
	ret->command = g_strdelimit(g_utf8_make_valid(line, end - line), "\r", '\n');
	return true;
}

static int compare_peers(const void *a, const void *b)
{
	const struct hw_peer *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static uint32_t read_count(const char *text)
{
	uint64_t value;

	return text && read_number(&text, 10, &value) && value <= LINES_MOST ? (uint32_t)value : 0;
}

static bool read_peers(struct hw_accounts *accounts, const char *text, struct hw_notes *notes)
{
	const char *line, *end;

	while (text && next_line(&text, &line, &end)) {
		struct hw_peer peer;

		if (!read_peer(line, end, &peer) || accounts->peer_count >= LINES_MOST) {
			hw_notes_damage(notes, 0, "the list of the cgroup's processes is spoilt");
			break;
		}
		if (!hw_array_reserve((void **)&accounts->peers, &accounts->peer_room,
				      accounts->peer_count, sizeof(peer))) {
			g_free(peer.command);
			return false;
		}
		accounts->peers[accounts->peer_count++] = peer;
	}
	if (accounts->peer_count)
		qsort(accounts->peers, accounts->peer_count, sizeof(*accounts->peers),
		      compare_peers);
	return true;
}

struct hw_accounts *hw_accounts_new(hw_text_fn text, void *arg, struct hw_notes *notes)
{
	struct hw_accounts *accounts = g_new0(struct hw_accounts, 1);
	const char *smaps = text(arg, "smaps");
	const char *status = text(arg, "status");

	accounts->status_rss = find_value(status, "VmRSS", 1024);
	accounts->page_tables = find_value(status, "VmPTE", 1024);
	accounts->locked = find_value(status, "VmLck", 1024);
	accounts->peers_unread = read_count(text(arg, "processes.unread"));
	read_cgroup(accounts, text, arg);
	if ((!smaps || read_smaps(accounts, smaps, notes)) &&
	    read_peers(accounts, text(arg, "processes"), notes))
		return accounts;
	hw_notes_missing(notes, "out-of-memory", NULL, "no memory for what the kernel counts");
	hw_accounts_free(accounts);
	return NULL;
}

void hw_accounts_free(struct hw_accounts *accounts)
{
	if (!accounts)
		return;
	for (uint32_t i = 0; i < accounts->peer_count; i++)
		g_free(accounts->peers[i].command);
	hw_array_resize(accounts->peers, accounts->peer_room, 0, sizeof(*accounts->peers));
	hw_array_resize(accounts->vmas, accounts->vma_room, 0, sizeof(*accounts->vmas));
	g_free(accounts);
}

const struct hw_vma *hw_accounts_vma(const struct hw_accounts *accounts, hw_addr addr)
{
	uint32_t low = 0, high = accounts->vma_count;

	while (low < high) { /* The first that ends above addr. */
		uint32_t middle = low + (high - low) / 2;

		if (accounts->vmas[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < accounts->vma_count && accounts->vmas[low].start <= addr ? &accounts->vmas[low]
									      : NULL;
}
