/* SPDX-License-Identifier: Apache-2.0 */
/* test_live.c -- a process is copied while it runs, changes, and is stopped: what is read then is
 * of the stop, to the last bit, and nothing of the copy from before is left where it is stale. */
#include "../runner.h"
#include "base/array.h"
#include "base/error.h"
#include "target/live.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE    ((size_t)HW_PAGE)
#define ROOM    128 /* Pages of address space that are the child's to play with, */
#define MAPPED  32  /* those it has mapped when it is copied, */
#define FILLED  28  /* and those it has written to: page i holds pattern i + 1. */
#define ZERO    0
#define ABSENT  (-1) /* Nothing was read: not mapped, or left to a file. */
#define OF_FILE (-2) /* The first page of our own executable. */
#define LOW_BIT 1000 /* Added to a pattern: its first bit is the other one, */
#define LAST    2000 /* and its last byte is 0xa5. */

static struct hw_notes notes;
static GError *error;
static uint8_t *area; /* In this process and in the child. */

static void setup(void)
{
	hw_notes_init(&notes);
	area =
	    mmap(NULL, ROOM * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert_ptr_ne(area, MAP_FAILED);
}

static void teardown(void)
{
	munmap(area, ROOM * PAGE);
	hw_notes_clear(&notes);
	g_clear_error(&error);
	ck_assert_uint_eq(hw_array_used(), 0);
}

static void pattern(uint8_t *page, int number)
{
	uint64_t word = (uint64_t)(number % LOW_BIT) * 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < PAGE; i += 8, word = word * 6364136223846793005u + 1)
		memcpy(page + i, &word, 8);
	if (number >= LAST)
		page[PAGE - 1] = 0xa5;
	else if (number >= LOW_BIT)
		page[0] ^= 1;
}

static uint8_t *page_at(size_t i)
{
	return area + i * PAGE;
}

static void fill(size_t i)
{
	pattern(page_at(i), (int)i + 1);
}

static void *map_pages(size_t i, size_t count)
{
	return mmap(page_at(i), count * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/* What the child does between the copy and the stop, and what its pages hold then. */
struct change {
	const char *name;
	void (*make)(void);
	void (*expect)(int *pages);
	void (*again)(void); /* And before a second stop, if there is one: all is as in the copy. */
};

static void make_nothing(void)
{
}

static void expect_same(int *pages)
{
	(void)pages;
}

static void make_written(void)
{
	pattern(page_at(5), 105);
	page_at(6)[0] ^= 1;
	page_at(7)[PAGE - 1] = 0xa5;
	page_at(8)[100] ^= 4, page_at(8)[100] ^= 4; /* And back again. */
	memset(page_at(9), 0, PAGE);
}

static void expect_written(int *pages)
{
	pages[5] = 105;
	pages[6] += LOW_BIT;
	pages[7] += LAST;
	pages[9] = ZERO;
}

static void make_dropped(void)
{
	madvise(page_at(3), 2 * PAGE, MADV_DONTNEED);
	madvise(page_at(20), PAGE, MADV_DONTNEED);
	pattern(page_at(20), 120);
}

static void expect_dropped(int *pages)
{
	pages[3] = pages[4] = ZERO;
	pages[20] = 120;
}

static void make_back(void)
{
	fill(3), fill(4), fill(20);
}

static void make_appeared(void)
{
	pattern(page_at(29), 129);
}

static void expect_appeared(int *pages)
{
	pages[29] = 129;
}

static void make_unmapped(void)
{
	munmap(page_at(10), 3 * PAGE);
}

static void expect_unmapped(int *pages)
{
	pages[10] = pages[11] = pages[12] = ABSENT;
}

static void make_mapped_anew(void)
{
	make_unmapped();
	map_pages(10, 3);
	pattern(page_at(11), 111);
}

static void expect_mapped_anew(int *pages)
{
	pages[10] = pages[12] = ZERO;
	pages[11] = 111;
}

static void make_neighbour(void)
{
	map_pages(MAPPED, 8);
	pattern(page_at(MAPPED + 1), 133);
}

static void expect_neighbour(int *pages)
{
	for (int i = MAPPED; i < MAPPED + 8; i++)
		pages[i] = ZERO;
	pages[MAPPED + 1] = 133;
}

static void make_grown(void)
{
	if (mremap(area, MAPPED * PAGE, (MAPPED + 8) * PAGE, 0) != area)
		_exit(1);
	pattern(page_at(MAPPED + 1), 133);
	pattern(page_at(0), 100);
}

static void expect_grown(int *pages)
{
	expect_neighbour(pages);
	pages[0] = 100;
}

static void make_shrunk(void)
{
	if (mremap(area, MAPPED * PAGE, 20 * PAGE, 0) != area)
		_exit(1);
	pattern(page_at(19), 119);
}

static void expect_shrunk(int *pages)
{
	for (int i = 20; i < MAPPED; i++)
		pages[i] = ABSENT;
	pages[19] = 119;
}

static void move(size_t from, size_t count, size_t to)
{
	if (mremap(page_at(from), count * PAGE, count * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		   page_at(to)) == MAP_FAILED)
		_exit(1);
}

static void make_moved(void)
{
	move(0, 8, 64);
	map_pages(0, 4);
	pattern(page_at(2), 102);
}

static void expect_moved(int *pages)
{
	for (int i = 0; i < 8; i++) {
		pages[64 + i] = i + 1;
		pages[i] = i < 4 ? ZERO : ABSENT;
	}
	pages[2] = 102;
}

static void make_swapped_bytes(void)
{
	for (size_t i = 0; i < PAGE; i++) {
		uint8_t byte = page_at(1)[i];

		page_at(1)[i] = page_at(2)[i];
		page_at(2)[i] = byte;
	}
}

static void expect_swapped_bytes(int *pages)
{
	pages[1] = 3;
	pages[2] = 2;
}

static void make_swapped_pages(void)
{
	move(3, 1, 100);
	move(17, 1, 3);
	move(100, 1, 17);
}

static void expect_swapped_pages(int *pages)
{
	pages[3] = 18;
	pages[17] = 4;
}

static void make_split(void)
{
	pattern(page_at(6), 106);
	mprotect(page_at(5), 3 * PAGE, PROT_READ);
	mprotect(page_at(8), PAGE, PROT_NONE);
}

static void expect_split(int *pages)
{
	pages[6] = 106;
}

static void make_file(void)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	if (mmap(page_at(20), 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) != page_at(20))
		_exit(1);
}

static void expect_file(int *pages)
{
	pages[20] = OF_FILE;
	pages[21] = ABSENT;
}

static const struct change changes[] = {
    {"nothing", make_nothing, expect_same, NULL},
    {"written", make_written, expect_written, NULL},
    {"dropped", make_dropped, expect_dropped, make_back},
    {"appeared", make_appeared, expect_appeared, NULL},
    {"unmapped", make_unmapped, expect_unmapped, NULL},
    {"mapped anew", make_mapped_anew, expect_mapped_anew, NULL},
    {"neighbour", make_neighbour, expect_neighbour, NULL},
    {"grown", make_grown, expect_grown, NULL},
    {"shrunk", make_shrunk, expect_shrunk, NULL},
    {"moved", make_moved, expect_moved, NULL},
    {"bytes swapped", make_swapped_bytes, expect_swapped_bytes, NULL},
    {"pages swapped", make_swapped_pages, expect_swapped_pages, NULL},
    {"split", make_split, expect_split, NULL},
    {"file", make_file, expect_file, NULL},
};
#define CHANGES ((int)G_N_ELEMENTS(changes))

/* A child with its area filled, that makes the change for a byte at *to_ret and answers at
 * *from_ret. */
static pid_t start(const struct change *change, int *to_ret, int *from_ret)
{
	int to[2], from[2];
	char byte;
	pid_t pid;

	ck_assert(!pipe(to) && !pipe(from));
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		munmap(area, ROOM * PAGE);
		map_pages(0, MAPPED);
		for (size_t i = 0; i < FILLED; i++)
			fill(i);
		if (write(from[1], "r", 1) != 1 || read(to[0], &byte, 1) != 1)
			_exit(1);
		change->make();
		if (write(from[1], "c", 1) != 1 || read(to[0], &byte, 1) != 1)
			_exit(1);
		change->again();
		if (write(from[1], "a", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(from[0], &byte, 1), 1);
	*to_ret = to[1];
	*from_ret = from[0];
	return pid;
}

static const struct hw_segment *segment_of(const struct hw_target *target, hw_addr addr)
{
	for (uint32_t i = 0; i < target->segment_count; i++)
		if (addr >= target->segments[i].start && addr < target->segments[i].end)
			return &target->segments[i];
	return NULL;
}

/* The page's bytes, or NULL. */
static const uint8_t *bytes_of(const struct hw_target *target, hw_addr addr)
{
	const struct hw_segment *segment = segment_of(target, addr);

	return segment && segment->data && addr - segment->start < segment->size
		   ? segment->data + (addr - segment->start)
		   : NULL;
}

static void check_page(const struct hw_target *target, const char *name, size_t i, int expected)
{
	const uint8_t *found = bytes_of(target, (hw_addr)(uintptr_t)page_at(i));
	uint8_t wanted[4096] = {0};
	int fd;

	ck_assert_msg((expected == ABSENT) == !found, "%s: page %zu was%s read", name, i,
		      found ? "" : " not");
	if (!found)
		return;
	if (expected == OF_FILE) {
		fd = open("/proc/self/exe", O_RDONLY);
		ck_assert_int_eq(read(fd, wanted, PAGE), (ssize_t)PAGE);
		close(fd);
	} else if (expected != ZERO) {
		pattern(wanted, expected);
	}
	ck_assert_msg(!memcmp(found, wanted, PAGE), "%s: page %zu is not %d", name, i, expected);
}

/* Is the pattern in the spool before the stop? Else nothing could be stale. */
static void check_copied(const struct hw_process *process, size_t i)
{
	const struct live_map *map;
	uint8_t found[4096], wanted[4096];
	size_t next = 0;
	hw_addr addr = (hw_addr)(uintptr_t)page_at(i);

	map = live_map_from(process, &next, addr);
	ck_assert(map && map->start <= addr && map->is_kept);
	ck_assert_int_eq(
	    pread(process->spool.fd, found, PAGE, (off_t)(map->spool + (addr - map->start))),
	    (ssize_t)PAGE);
	pattern(wanted, (int)i + 1);
	ck_assert_msg(!memcmp(found, wanted, PAGE), "page %zu was not copied", i);
}

/* Up to the copy before the stop. In budget mode what is copied is what somebody looked at. */
static void copy_before(struct hw_process *process)
{
	struct hw_target *target = hw_process_look(process, &error);
	volatile uint8_t sum = 0;
	uint64_t bytes, ns;

	ck_assert_ptr_nonnull(target);
	for (size_t i = 0; i < MAPPED; i++)
		sum += *bytes_of(target, (hw_addr)(uintptr_t)page_at(i));
	hw_target_free(target);
	ck_assert(hw_process_prepare(process, &bytes, &ns, &error));
	ck_assert_uint_ge(bytes, FILLED * PAGE);
	for (size_t i = 0; i < FILLED; i++)
		check_copied(process, i);
}

/* Lets the child make its next change, stops it, and compares. */
static void check_stop(struct hw_process *process, const char *name, int to, int from,
		       const int *pages)
{
	struct hw_target *target;
	char byte;

	ck_assert_int_eq(write(to, "c", 1), 1);
	ck_assert_int_eq(read(from, &byte, 1), 1);
	ck_assert(hw_process_stop(process, &error));
	ck_assert(hw_process_read(process, &error));
	hw_process_release(process);
	ck_assert(hw_process_freeze(process, NULL, &notes));
	target = hw_process_target(process, &error);
	ck_assert_ptr_nonnull(target);
	for (size_t i = 0; i < ROOM; i++)
		check_page(target, name, i, pages[i]);
	ck_assert_uint_eq(hw_process_missed(process), 0);
	hw_target_free(target);
}

static void check_change(const struct change *change, enum hw_stop_mode mode)
{
	const struct hw_process_options options = {.mode = mode,
						   .max_stop_ns = (uint64_t)20 * 1000000000};
	struct hw_process *process;
	int before[ROOM], pages[ROOM];
	int to, from;
	pid_t pid = start(change, &to, &from);

	for (int i = 0; i < ROOM; i++)
		pages[i] = before[i] = i < FILLED ? i + 1 : i < MAPPED ? ZERO : ABSENT;
	change->expect(pages);
	process = hw_process_open(pid, &options, &error);
	ck_assert_msg(process != NULL, "%s", error ? error->message : "");
	copy_before(process);
	check_stop(process, change->name, to, from, pages);
	if (change->again)
		check_stop(process, "again as before", to, from, before);
	hw_process_close(process);
	ck_assert(!kill(pid, SIGKILL));
	waitpid(pid, NULL, 0);
	close(to);
	close(from);
}

START_TEST(everything_is_of_the_stop)
{
	check_change(&changes[_i], HW_STOP_ALL);
}
END_TEST

START_TEST(what_was_looked_at_is_of_the_stop)
{
	check_change(&changes[_i], HW_STOP_BUDGET);
}
END_TEST

#define LARGE ((size_t)700 << 20)

/* Mappings that are scanned in parts, by several workers: runs end where mappings do, and nowhere
 * else. The kernel's page of zeros costs no memory. */
START_TEST(runs_end_where_mappings_do)
{
	const struct hw_process_options options = {.mode = HW_STOP_NONE};
	uint8_t *large = mmap(NULL, LARGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	const hw_addr start = (hw_addr)(uintptr_t)large;
	const hw_addr ends[] = {start, start + LARGE / 4 * 3, start + LARGE};
	struct hw_process *process;
	size_t first;
	int from[2];
	char byte;
	pid_t pid;

	ck_assert(large != MAP_FAILED && !pipe(from));
	pid = fork();
	if (!pid) {
		volatile uint8_t sum = 0;

		madvise(large, LARGE, MADV_NOHUGEPAGE);
		mprotect(large + LARGE / 4 * 3, LARGE / 4, PROT_READ);
		for (size_t i = 0; i < LARGE; i += PAGE)
			sum += large[i];
		if (write(from[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(from[0], &byte, 1), 1);
	process = hw_process_open(pid, &options, &error);
	ck_assert_ptr_nonnull(process);
	hw_target_free(hw_process_look(process, &error));
	for (size_t i = 1; i < process->run_count; i++)
		ck_assert_uint_ge(process->runs[i].start, process->runs[i - 1].end);
	first = live_find_run(process, start);
	ck_assert_uint_le(first + 2, process->run_count);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(process->runs[first + i].start, ends[i]);
		ck_assert_uint_eq(process->runs[first + i].end, ends[i + 1]);
	}
	hw_process_close(process);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	munmap(large, LARGE);
}
END_TEST

/* May a child be seized here at all? */
static bool may_trace(void)
{
	pid_t pid = fork();
	bool may;

	if (!pid)
		for (;;)
			pause();
	may = pid > 0 && !ptrace(PTRACE_SEIZE, pid, NULL, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, __WALL);
	return may;
}

int main(void)
{
	TCase *tests = tcase_create("live");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, setup, teardown);
	if (may_trace()) {
		tcase_add_test(tests, runs_end_where_mappings_do);
		tcase_add_loop_test(tests, everything_is_of_the_stop, 0, CHANGES);
		tcase_add_loop_test(tests, what_was_looked_at_is_of_the_stop, 0, CHANGES);
	} else {
		printf("skip: processes cannot be traced here\n");
	}
	return run_case("live", tests);
}
