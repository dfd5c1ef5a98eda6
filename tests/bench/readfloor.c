/* SPDX-License-Identifier: Apache-2.0 */
/* The floor of a stop: what it takes the kernel to hand out the private memory of a process
 * that stands still, to as many readers as there are processors (8 at most), 1 MiB at a time into a
 * buffer each. Prints the least of three tries. readfloor PID */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PIECE   ((uint64_t)1 << 20)
#define AT_ONCE 4
#define READERS 8

static struct {
	uint64_t start, end;
} maps[65536];
static size_t count;
static _Atomic uint64_t next_piece;
static pid_t pid;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Mappings that are resident, as far as smaps says: all of them, or nearly. */
static int list_maps(void)
{
	char name[64], line[512];
	uint64_t start = 0, end = 0;
	unsigned long kib;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/smaps", (int)pid);
	f = fopen(name, "r");
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long a, b;

		if (sscanf(line, "%lx-%lx ", &a, &b) == 2)
			start = a, end = b;
		else if (sscanf(line, "Anonymous: %lu", &kib) == 1 &&
			 kib * 1024 * 10 > (end - start) * 9)
			for (; start < end && count < 65536; start += (uint64_t)64 << 20) {
				maps[count].start = start;
				maps[count++].end = end - start > (uint64_t)64 << 20
							? start + ((uint64_t)64 << 20)
							: end;
			}
	}
	return f ? fclose(f) : -1;
}

static void *read_some(void *arg)
{
	char *buffer = aligned_alloc(4096, PIECE);
	uint64_t per_map = ((uint64_t)64 << 20) / PIECE;
	uint64_t i;

	(void)arg;
	if (!buffer)
		abort();
	memset(buffer, 1, PIECE);
	while ((i = atomic_fetch_add(&next_piece, AT_ONCE)) < count * per_map)
		for (uint64_t k = i; k < i + AT_ONCE; k++) {
			uint64_t at = maps[k / per_map].start + k % per_map * PIECE;
			uint64_t left = maps[k / per_map].end > at ? maps[k / per_map].end - at : 0;
			struct iovec to = {buffer, left < PIECE ? left : PIECE};
			struct iovec from = {(void *)at, to.iov_len};

			if (to.iov_len)
				process_vm_readv(pid, &to, 1, &from, 1, 0);
		}
	free(buffer);
	return NULL;
}

int main(int argc, char **argv)
{
	long readers = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t least = UINT64_MAX;

	pid = argc > 1 ? atoi(argv[1]) : 0;
	if (pid <= 0 || list_maps())
		return 1;
	readers = readers > READERS ? READERS : readers < 1 ? 1 : readers;
	kill(pid, SIGSTOP);
	usleep(50000);
	for (int k = 0; k < 3; k++) {
		uint64_t began = now_ns();
		pthread_t threads[READERS];

		next_piece = 0;
		for (long i = 0; i < readers; i++)
			if (pthread_create(&threads[i], NULL, read_some, NULL))
				abort();
		for (long i = 0; i < readers; i++)
			pthread_join(threads[i], NULL);
		if (now_ns() - began < least)
			least = now_ns() - began;
	}
	kill(pid, SIGCONT);
	printf("%llu\n", (unsigned long long)least);
	return 0;
}
