/* SPDX-License-Identifier: Apache-2.0 */
/* reserve.c -- mmap() without reserve: an untouched page costs nothing. */
#include "base/reserve.h"
#include "base/array.h"
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

static size_t round_up(size_t bytes)
{
	return (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
}

bool hw_reserve_init(struct hw_reserve *reserve, size_t most)
{
	size_t size = round_up(CLAMP(most, 1, hw_array_budget()));

	*reserve = (struct hw_reserve){0};
	for (; size >= HUGE_PAGE; size = round_up(size / 2)) {
		void *p = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (p == MAP_FAILED && size == HUGE_PAGE)
			return false;
		if (p == MAP_FAILED)
			continue;
		reserve->mapping = p;
		reserve->data = (void *)round_up((size_t)p);
		reserve->size = size;
		madvise(reserve->data, size, MADV_HUGEPAGE); /* Refused: slower, not wrong. */
		return true;
	}
	return false;
}

void hw_reserve_clear(struct hw_reserve *reserve)
{
	if (reserve->mapping)
		munmap(reserve->mapping, reserve->size + HUGE_PAGE);
	hw_array_uncharge(reserve->charged);
	*reserve = (struct hw_reserve){0};
}

bool hw_reserve_grow(struct hw_reserve *reserve, size_t bytes)
{
	size_t wanted;

	if (bytes <= reserve->charged)
		return true;
	if (bytes > reserve->size)
		return false;
	wanted = round_up(bytes);
	if (!hw_array_charge(wanted - reserve->charged))
		return false;
	reserve->charged = wanted;
	return true;
}

void hw_reserve_shrink(struct hw_reserve *reserve, size_t bytes)
{
	size_t kept = round_up(bytes);

	if (kept >= reserve->charged)
		return;
	madvise((char *)reserve->data + kept, reserve->charged - kept, MADV_DONTNEED);
	hw_array_uncharge(reserve->charged - kept);
	reserve->charged = kept;
}
