/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a heap of N blocks as a program leaves them that has run for a while: small
 * sizes mostly (184 bytes on average), a quarter of the allocations reuse a slot freed
 * at random, and one block in twelve is free at the end. Every block is filled, so
 * that nothing is a hole in the core. Then it aborts. bigheap N */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static uint64_t state = 88172645463325252u;

static uint64_t next_random(void) /* xorshift64 */
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static size_t next_size(void)
{
	uint64_t kind = next_random() % 100, r = next_random();

	if (kind < 60)
		return 16 + r % 48;
	if (kind < 88)
		return 64 + r % 192;
	return kind < 98 ? 256 + r % 768 : 1024 + r % 3072;
}

static void *make(void)
{
	size_t size = next_size();
	void *p = malloc(size);

	if (!p)
		abort();
	memset(p, (int)(next_random() | 1), size);
	return p;
}

int main(int argc, char **argv)
{
	size_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	void **slots = mmap(NULL, count * sizeof(*slots), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (slots == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < count; i++)
		slots[i] = make();
	for (size_t i = 0; i < count / 4; i++) {
		size_t at = next_random() % count;

		free(slots[at]);
		slots[at] = make();
	}
	for (size_t i = 0; i < count / 12; i++) {
		size_t at = next_random() % count;

		free(slots[at]);
		slots[at] = NULL;
	}
	munmap(slots, count * sizeof(*slots));
	fflush(stdout);
	abort();
}
