/* SPDX-License-Identifier: Apache-2.0 */
/* The fault sweep: damages a small core in every way that its headers allow and asks for
 * its heaps each time, in process, through the library's entry point.
 *
 *   sweep CORE [--seconds N] [--random SECONDS] [--plugins DIR] [--ranges FILE] [--graph 1]
 *         [--sysroot DIR]
 *
 * Ways: the file cut at every page and note border; every byte of the ELF header, the
 * program headers and the notes set to 0, to 0xff and inverted (register notes
 * sampled). --seconds spreads a budget over all of them; without it the sweep is
 * complete. --random damages bytes anywhere in the file for so long. --ranges: instead, every
 * byte of the structures that FILE names, one line each: label, address and size in hex;
 * and each of their pages and segments is left out. Then goroutines are counted, too.
 *
 * Of a snapshot, the summary is asked for as well: what the kernel said is read then.
 *
 * --graph: who holds what is asked, too, all of it. Then registers and flags of mappings are not
 * damaged one by one, since other values of them are other answers. With --ranges, too, another
 * answer is let pass (another pointer in a g is another graph), if only it agrees with itself.
 *
 * What must hold: no crash, no hang (20 s), and one of: an error; an answer that says it
 * is incomplete; the same answer as without damage. No array is left behind, and all of them
 * together stay below 1 GiB. */
#include "base/array.h"
#include "base/error.h"
#include "query/goroutines.h"
#include "query/session.h"
#include "query/summary.h"
#include "questions.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HANG_SECONDS 20
#define SHARDS       2
#define BULK_STEP    61 /* Of register notes, one byte in so many is damaged. */

struct answer {
	bool error;
	bool complete;
	uint64_t digest; /* Of every heap's rows and block counts. */
};

struct sweep {
	uint8_t *original;
	size_t size;
	int fd; /* The damaged copy, in memory. */
	char path[40];
	const char *plugins, *sysroot;
	char *ranges;   /* Text of the file, or NULL. */
	bool graph;     /* Ask who holds what. */
	uint64_t seed;  /* Of what is asked. */
	uint64_t wrong; /* Answers that contradict themselves. */
	struct answer baseline;
	int shard;
	uint64_t cases, errors, incompletes, same, others, bad;
	double budget; /* Seconds for the whole sweep; 0: complete. */
	uint64_t step; /* Every so many cases are run. */
	uint64_t total;
	double seconds_each;
};

static volatile sig_atomic_t current_offset;
static char current_what[64];

static void on_hang(int signal_number)
{
	char text[160];
	int n = snprintf(text, sizeof(text), "not ok hang (signal %d): %s at %#x\n", signal_number,
			 current_what, (unsigned int)current_offset);

	if (write(STDOUT_FILENO, text, (size_t)n) < 0)
		_exit(4);
	_exit(3);
}

static uint64_t mix(uint64_t digest, uint64_t value)
{
	return (digest ^ value) * UINT64_C(0x100000001b3) + (digest >> 31);
}

static struct answer ask(struct sweep *s)
{
	struct hw_options options = {.plugin_dir = s->plugins, .sysroot = s->sysroot};
	struct answer answer = {.digest = 14695981039346656037u};
	g_autoptr(GError) error = NULL;
	struct hw_session *session = hw_session_open(s->path, &options, &error);

	if (!session)
		return (struct answer){.error = true};
	for (uint32_t i = 0; i < hw_heaps_count(session->heaps); i++) {
		struct hw_heap *heap = hw_heaps_at(session->heaps, i);

		if (!hw_heaps_ledger(session->heaps, i, &error)) {
			/* A heap that is there must have a ledger, whatever its state. */
			if (error->code == HW_ERROR_INTERNAL)
				printf("# ledger: %s\n", error->message);
			hw_session_close(session);
			return (struct answer){.error = true};
		}
		for (int row = 0; row < HW_ROWS; row++)
			answer.digest = mix(answer.digest, heap->ledger.bytes[row]);
		for (int state = 0; state < HW_STATES; state++)
			answer.digest = mix(answer.digest, heap->ledger.blocks[state]);
	}
	if (s->ranges) {
		const struct hw_task_request all = {0};
		struct hw_tasks *tasks = hw_tasks_query(session, &all, &error);

		answer.digest = mix(answer.digest, tasks ? tasks->total : 0);
		answer.error = !tasks;
		hw_tasks_free(tasks);
	}
	/* What the kernel said is text: another one is another answer, but it has to be read. */
	if (session->target->kind == HW_TARGET_SNAPSHOT && !answer.error) {
		struct hw_summary *summary = hw_summary_query(session, &error);

		answer.error = !summary;
		hw_summary_free(summary);
	}
	if (s->graph) {
		uint64_t digest;
		enum fuzz_verdict verdict = fuzz_ask(session, s->seed, &digest);

		answer.digest = mix(answer.digest, digest);
		answer.error |= verdict == FUZZ_ERROR;
		s->wrong += verdict == FUZZ_WRONG;
	}
	answer.complete = !session->notes.incomplete;
	hw_session_close(session);
	if (hw_array_used()) {
		printf("# %zu bytes of arrays are left\n", hw_array_used());
		s->wrong++;
	}
	return answer;
}

/* Asks, and judges the answer. */
static void judge(struct sweep *s, const char *what, size_t offset)
{
	struct answer a;

	snprintf(current_what, sizeof(current_what), "%s", what);
	current_offset = (sig_atomic_t)offset;
	alarm(HANG_SECONDS);
	a = ask(s);
	alarm(0);
	if (a.error) {
		s->errors++;
	} else if (!a.complete) {
		s->incompletes++;
	} else if (a.digest == s->baseline.digest) {
		s->same++;
	} else if (s->graph && s->ranges) {
		s->others++;
	} else {
		s->bad++;
		if (s->bad <= 20) {
			uint8_t now = 0;

			if (pread(s->fd, &now, 1, (off_t)offset) != 1)
				now = 0;
			printf("# %s at %#zx, %#x made %#x: another answer, said to be complete\n",
			       what, offset, s->original[offset], now);
		}
	}
}

static bool is_mine(struct sweep *s)
{
	uint64_t number = s->cases++;

	return number % s->step == 0 && number / s->step % SHARDS == (uint64_t)s->shard;
}

static void put(struct sweep *s, size_t offset, const void *bytes, size_t size)
{
	if (pwrite(s->fd, bytes, size, (off_t)offset) != (ssize_t)size)
		abort();
}

static void cut(struct sweep *s, size_t at)
{
	if (at >= s->size || !is_mine(s))
		return;
	if (ftruncate(s->fd, (off_t)at) != 0)
		abort();
	judge(s, "cut", at);
	put(s, at, s->original + at, s->size - at);
}

static void damage_byte(struct sweep *s, const char *what, size_t offset)
{
	uint8_t was = s->original[offset];
	uint8_t now[3] = {0, 0xff, (uint8_t)~was};

	for (int i = 0; i < 3; i++) {
		if (now[i] == was || (i == 2 && (now[2] == 0 || now[2] == 0xff)) || !is_mine(s))
			continue;
		put(s, offset, &now[i], 1);
		judge(s, what, offset);
	}
	put(s, offset, &was, 1);
}

static void damage_range(struct sweep *s, const char *what, size_t offset, size_t size, size_t step)
{
	for (size_t i = 0; i < size && offset + i < s->size; i += step)
		damage_byte(s, what, offset + i);
}

static bool is_bulk(uint32_t type)
{
	return type == NT_FPREGSET || type == NT_X86_XSTATE || type == NT_PRXFPREG;
}

/* All notes of one PT_NOTE; both their bytes and cuts at their borders. */
static void sweep_notes(struct sweep *s, const Elf64_Phdr *ph)
{
	size_t at = ph->p_offset, end = ph->p_offset + ph->p_filesz;

	while (at + sizeof(Elf64_Nhdr) <= end && end <= s->size) {
		Elf64_Nhdr note;
		size_t name, desc;
		char what[32];

		memcpy(&note, s->original + at, sizeof(note));
		name = (note.n_namesz + 3u) & ~(size_t)3;
		desc = (note.n_descsz + 3u) & ~(size_t)3;
		snprintf(what, sizeof(what), "note type %#x", note.n_type);
		cut(s, at);
		cut(s, at + sizeof(note));
		cut(s, at + sizeof(note) + name);
		damage_range(s, what, at, sizeof(note) + name, 1);
		damage_range(s, what, at + sizeof(note) + name, desc,
			     is_bulk(note.n_type) ? BULK_STEP : 1);
		at += sizeof(note) + name + desc;
	}
}

/* Where the file holds an address, and how many bytes follow there; 0 when it does not. */
static size_t offset_of(const struct sweep *s, uint64_t addr, size_t *left)
{
	Elf64_Ehdr eh;

	memcpy(&eh, s->original, sizeof(eh));
	for (size_t i = 0; i < eh.e_phnum; i++) {
		Elf64_Phdr ph;

		memcpy(&ph, s->original + eh.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type != PT_LOAD || addr < ph.p_vaddr || addr - ph.p_vaddr >= ph.p_filesz)
			continue;
		*left = ph.p_filesz - (addr - ph.p_vaddr);
		return ph.p_offset + (addr - ph.p_vaddr);
	}
	return 0;
}

/* Every bit of a byte by itself, too: a pointer or a size that is a little off. */
static void flip_bits(struct sweep *s, const char *what, size_t offset)
{
	uint8_t was = s->original[offset];

	for (int bit = 0; bit < 8; bit++) {
		uint8_t now = was ^ (uint8_t)(1 << bit);

		if (!is_mine(s))
			continue;
		put(s, offset, &now, 1);
		judge(s, what, offset);
	}
	put(s, offset, &was, 1);
}

/* Without one segment: its memory is not in the file. */
static void leave_out(struct sweep *s)
{
	Elf64_Ehdr eh;

	memcpy(&eh, s->original, sizeof(eh));
	for (size_t i = 0; i < eh.e_phnum; i++) {
		size_t at = eh.e_phoff + i * sizeof(Elf64_Phdr);
		Elf64_Phdr ph;

		memcpy(&ph, s->original + at, sizeof(ph));
		if (ph.p_type != PT_LOAD || !ph.p_filesz || !is_mine(s))
			continue;
		ph.p_filesz = 0;
		put(s, at, &ph, sizeof(ph));
		judge(s, "segment left out", at);
		put(s, at, s->original + at, sizeof(ph));
	}
}

static void sweep_ranges(struct sweep *s)
{
	g_auto(GStrv) lines = g_strsplit(s->ranges, "\n", -1);

	leave_out(s);
	for (char **line = lines; *line; line++) {
		char label[32];
		uint64_t addr;
		uint64_t size;
		size_t left = 0;
		size_t at;

		if (sscanf(*line, "%31s %" SCNx64 " %" SCNx64, label, &addr, &size) != 3)
			continue;
		at = offset_of(s, addr, &left);
		for (size_t i = 0; at && i < MIN(size, left); i++) {
			damage_byte(s, label, at + i);
			flip_bits(s, label, at + i);
		}
	}
}

static void sweep_all(struct sweep *s)
{
	Elf64_Ehdr eh;

	if (s->ranges) {
		sweep_ranges(s);
		return;
	}

	memcpy(&eh, s->original, sizeof(eh));
	damage_range(s, "ELF header", 0, sizeof(eh), 1);
	for (size_t i = 0; i < eh.e_phnum; i++) {
		size_t at = eh.e_phoff + i * sizeof(Elf64_Phdr);
		size_t flags = offsetof(Elf64_Phdr, p_flags), behind = flags + sizeof(Elf64_Word);

		damage_range(s, "program header", at, flags, 1);
		if (!s->graph)
			damage_range(s, "program header", at + flags, behind - flags, 1);
		damage_range(s, "program header", at + behind, sizeof(Elf64_Phdr) - behind, 1);
	}
	for (size_t i = 0; i < eh.e_phnum; i++) {
		Elf64_Phdr ph;

		cut(s, eh.e_phoff + i * sizeof(ph));
		memcpy(&ph, s->original + eh.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type == PT_NOTE && !s->graph)
			sweep_notes(s, &ph);
		else
			cut(s, ph.p_offset);
	}
	for (size_t at = 0; at < s->size; at += 4096)
		cut(s, at);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Random bytes anywhere: up to eight at once. Contents of heaps may be hit too, so only
 * crashes, hangs and sums are judged (ask() prints a ledger that does not add up). */
static void sweep_random(struct sweep *s, double seconds, uint64_t seed)
{
	double stop = now() + seconds;
	uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;

	while (now() < stop) {
		size_t at[8];

		for (int i = 0; i < 8; i++) {
			uint8_t byte;

			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			at[i] = i < 4 ? x % s->size : x % MIN(s->size, 16384);
			byte = (uint8_t)(x >> 40);
			put(s, at[i], &byte, 1);
		}
		s->seed = x;
		s->cases++;
		snprintf(current_what, sizeof(current_what), "random seed %" PRIu64, seed);
		alarm(HANG_SECONDS);
		ask(s);
		alarm(0);
		for (int i = 0; i < 8; i++)
			put(s, at[i], s->original + at[i], 1);
	}
}

static void open_copy(struct sweep *s)
{
	s->fd = memfd_create("core", 0);
	snprintf(s->path, sizeof(s->path), "/proc/self/fd/%d", s->fd);
	put(s, 0, s->original, s->size);
}

/* Baseline, and how many of the cases fit into the budget; before the shards part. */
static bool prepare(struct sweep *s)
{
	double began;

	open_copy(s);
	s->baseline = ask(s);
	if (s->baseline.error || !s->baseline.complete || s->wrong) {
		printf("not ok the undamaged core gives no complete answer\n");
		return false;
	}
	began = now();
	for (int i = 0; i < 3; i++)
		ask(s);
	s->seconds_each = (now() - began) / 3;
	s->step = UINT64_MAX; /* Counts the cases without running them. */
	s->cases = 1;
	sweep_all(s);
	s->total = s->cases;
	s->step = 1;
	if (s->budget > 0 && (double)s->total * s->seconds_each / SHARDS > s->budget)
		s->step = (uint64_t)((double)s->total * s->seconds_each / SHARDS / s->budget) + 1;
	s->cases = 0;
	return true;
}

static int run_shard(struct sweep *s, double random_seconds)
{
	signal(SIGALRM, on_hang);
	close(s->fd);
	open_copy(s);
	if (random_seconds > 0) {
		sweep_random(s, random_seconds, (uint64_t)time(NULL) * SHARDS + (uint64_t)s->shard);
		printf("# random: %" PRIu64 " cases, %" PRIu64 " wrong\n", s->cases, s->wrong);
		return s->wrong != 0;
	}
	sweep_all(s);
	printf("# shard %d: every %" PRIu64 ". of %" PRIu64 " cases: %" PRIu64 " errors, %" PRIu64
	       " incomplete, %" PRIu64 " unchanged, %" PRIu64 " other, %" PRIu64
	       " wrong (%.1f ms each)\n",
	       s->shard, s->step, s->total, s->errors, s->incompletes, s->same, s->others, s->bad,
	       s->seconds_each * 1e3);
	return s->bad || s->wrong;
}

static void load(struct sweep *s, const char *path)
{
	g_autoptr(GError) error = NULL;
	gchar *bytes;

	if (!g_file_get_contents(path, &bytes, &s->size, &error)) {
		fprintf(stderr, "sweep: %s\n", error->message);
		exit(2);
	}
	s->original = (uint8_t *)bytes;
}

int main(int argc, char **argv)
{
	struct sweep s = {.step = 1};
	double random_seconds = 0;
	int failed = 0;

	for (int i = 2; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--seconds") == 0)
			s.budget = atof(argv[i + 1]);
		else if (strcmp(argv[i], "--random") == 0)
			random_seconds = atof(argv[i + 1]);
		else if (strcmp(argv[i], "--plugins") == 0)
			s.plugins = argv[i + 1];
		else if (strcmp(argv[i], "--sysroot") == 0)
			s.sysroot = argv[i + 1];
		else if (strcmp(argv[i], "--graph") == 0)
			s.graph = true;
		else if (strcmp(argv[i], "--ranges") == 0 &&
			 !g_file_get_contents(argv[i + 1], &s.ranges, NULL, NULL))
			return 2;
	}
	if (argc < 2) {
		fprintf(stderr, "usage: sweep CORE [--seconds N] [--random N] [--plugins DIR] "
				"[--ranges FILE] [--graph 1] [--sysroot DIR]\n");
		return 2;
	}
	load(&s, argv[1]);
	hw_array_set_budget((size_t)1 << 30);
	if (!prepare(&s)) {
		printf("sweep: 0 passed, 1 failed, 0 skipped\n");
		return 1;
	}
	fflush(stdout);
	for (int shard = 0; shard < SHARDS; shard++) {
		pid_t pid = fork();

		if (pid == 0) {
			int rc;

			s.shard = shard;
			rc = run_shard(&s, random_seconds);
			g_free(s.original);
			g_free(s.ranges);
			close(s.fd);
			fflush(stdout);
			exit(rc);
		}
	}
	for (int shard = 0; shard < SHARDS; shard++) {
		int status;

		if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
			printf("not ok a shard ended with status %#x\n", (unsigned int)status);
			failed++;
		}
	}
	g_free(s.original);
	g_free(s.ranges);
	close(s.fd);
	printf("sweep: %d passed, %d failed, 0 skipped\n", SHARDS - failed, failed);
	return failed != 0;
}
