/* SPDX-License-Identifier: Apache-2.0 */
/* shimlog.c -- reads a log of the allocation shim (fixtures/shimlog.h) and prints what was
 * live at its end as `address,requested,usable`, ascending. A log that contradicts itself is
 * an error: then it is no oracle.
 *
 *   shimlog [--busy] FILE
 *
 * --busy: threads were stopped anywhere, so records may be unfinished; they are left out.
 *
 * Frees of blocks the log never saw (allocated before the shim was there) are counted on
 * stderr: `shimlog: records N live N early-frees N`. Exit 1 for a bad log, 2 for usage. */
#include "../../fixtures/shimlog.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Open addressing by address; a freed entry keeps its address with live == false. */
struct entry {
	uint64_t addr;
	uint64_t size;
	uint64_t usable;
	bool live;
};
static struct entry *entries;
static uint64_t mask, used;
static bool busy;

static void fail(const char *what)
{
	fprintf(stderr, "shimlog: %s\n", what);
	exit(1);
}

static struct entry *find(uint64_t addr)
{
	uint64_t i = (addr >> 4) * 0x9e3779b97f4a7c15u >> 20 & mask;

	while (entries[i].addr && entries[i].addr != addr)
		i = (i + 1) & mask;
	return &entries[i];
}

static void grow(void)
{
	struct entry *old = entries;
	uint64_t count = old ? mask + 1 : 0;

	mask = old ? 2 * mask + 1 : (1 << 16) - 1;
	entries = calloc(mask + 1, sizeof(*entries));
	if (!entries)
		fail("out of memory");
	used = 0;
	for (uint64_t i = 0; i < count; i++)
		if (old[i].live) {
			*find(old[i].addr) = old[i];
			used++;
		}
	free(old);
}

static void replay(const struct hw_log_record *record, uint64_t *early)
{
	struct entry *entry;

	if (2 * used >= mask)
		grow();
	if (record->op == HW_LOG_NONE && !busy)
		fail("a record was not finished: a thread was stopped in malloc");
	if (record->op == HW_LOG_NONE)
		return;
	entry = find(record->addr);
	if (record->op == HW_LOG_ALLOC) {
		if (entry->live) {
			fprintf(stderr, "shimlog: 0x%" PRIx64 " allocated twice\n", record->addr);
			exit(1);
		}
		used += !entry->addr;
		*entry = (struct entry){record->addr, record->size, record->usable, true};
	} else if (record->op == HW_LOG_FREE) {
		*early += !entry->live;
		entry->live = false;
	} else {
		fail("a record of no known kind");
	}
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

static void print_live(void)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i <= mask; i++)
		if (entries[i].live)
			entries[count++] = entries[i];
	qsort(entries, count, sizeof(*entries), compare);
	for (uint64_t i = 0; i < count; i++)
		printf("0x%" PRIx64 ",%" PRIu64 ",%" PRIu64 "\n", entries[i].addr, entries[i].size,
		       entries[i].usable);
	fprintf(stderr, "live %" PRIu64 " ", count);
}

int main(int argc, char **argv)
{
	const struct hw_log_header *log;
	uint64_t early = 0;
	struct stat st;
	int fd;

	busy = argc == 3 && !strcmp(argv[1], "--busy");
	if (argc != 2 + busy) {
		fprintf(stderr, "usage: shimlog [--busy] FILE\n");
		return 2;
	}
	fd = open(argv[argc - 1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		fail("cannot open the log");
	if ((uint64_t)st.st_size != HW_LOG_BYTES)
		fail("not a log: wrong length");
	log = mmap(NULL, HW_LOG_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	if (log == MAP_FAILED)
		fail("cannot map the log");
	if (log->magic != HW_LOG_MAGIC)
		fail("not a log");
	if (log->count > log->capacity || log->capacity != HW_LOG_CAPACITY)
		fail("the log overflowed");
	grow();
	for (uint64_t i = 0; i < log->count; i++)
		replay((const struct hw_log_record *)(log + 1) + i, &early);
	fprintf(stderr, "shimlog: records %" PRIu64 " ", log->count);
	print_live();
	fprintf(stderr, "early-frees %" PRIu64 "\n", early);
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
