/* SPDX-License-Identifier: Apache-2.0 */
/* array.c -- big arrays that can be refused: every byte is counted against a budget
 * of our own, because RLIMIT_AS would also hit the mapped core. */
#include "base/array.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAP_FROM ((size_t)128 << 10) /* Arrays of this many bytes are mappings. */
#define PAGE     ((size_t)4096)

static atomic_size_t used;
static atomic_size_t budget = (size_t)8 << 30;

size_t hw_array_set_budget(size_t bytes)
{
	return atomic_exchange(&budget, bytes);
}

size_t hw_array_budget(void)
{
	return atomic_load(&budget);
}

size_t hw_array_used(void)
{
	return atomic_load(&used);
}

/* What an array of so many bytes costs; callers checked that it does not wrap. */
static size_t cost(size_t bytes)
{
	return bytes < MAP_FROM ? bytes : (bytes + PAGE - 1) & ~(PAGE - 1);
}

bool hw_array_charge(size_t bytes)
{
	size_t now = atomic_fetch_add(&used, bytes) + bytes;

	if (now >= bytes && now <= atomic_load(&budget))
		return true;
	atomic_fetch_sub(&used, bytes);
	return false;
}

void hw_array_uncharge(size_t bytes)
{
	atomic_fetch_sub(&used, bytes);
}

static void *take(size_t bytes)
{
	void *p;

	if (bytes < MAP_FROM)
		return calloc(1, bytes);
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

static void drop(void *ptr, size_t bytes)
{
	if (bytes < MAP_FROM)
		free(ptr);
	else if (ptr)
		munmap(ptr, bytes);
}

/* Both sizes are costs. The bytes behind the old end are not zeroed here. */
static void *move(void *ptr, size_t old_cost, size_t new_cost)
{
	void *p;

	if (ptr && old_cost >= MAP_FROM && new_cost >= MAP_FROM) {
		p = mremap(ptr, old_cost, new_cost, MREMAP_MAYMOVE);
		return p == MAP_FAILED ? NULL : p;
	}
	if (old_cost < MAP_FROM && new_cost < MAP_FROM)
		return realloc(ptr, new_cost);
	p = take(new_cost);
	if (p && ptr) {
		memcpy(p, ptr, MIN(old_cost, new_cost));
		drop(ptr, old_cost);
	}
	return p;
}

void *hw_array_resize(void *ptr, size_t old_count, size_t count, size_t size)
{
	size_t bytes;
	size_t old_bytes = ptr ? old_count * size : 0;
	size_t old_cost = cost(old_bytes);
	size_t new_cost;
	void *p;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2)
		return NULL;
	if (bytes == 0) {
		drop(ptr, old_cost);
		atomic_fetch_sub(&used, old_cost);
		return NULL;
	}
	new_cost = cost(bytes);
	if (new_cost > old_cost && !hw_array_charge(new_cost - old_cost))
		return NULL;
	p = move(ptr, old_cost, new_cost);
	if (!p) {
		if (new_cost > old_cost)
			atomic_fetch_sub(&used, new_cost - old_cost);
		return NULL;
	}
	if (new_cost < old_cost)
		atomic_fetch_sub(&used, old_cost - new_cost);
	/* Pages that are new to a mapping are zero already; only what a shrunk array
	 * left behind in its last page, or the heap, is not. */
	if (bytes > old_bytes) {
		size_t dirty_end = new_cost < MAP_FROM ? bytes : MIN(old_cost, bytes);

		if (dirty_end > old_bytes)
			memset((char *)p + old_bytes, 0, dirty_end - old_bytes);
	}
	return p;
}

void *hw_array_new_huge(size_t count, size_t size)
{
	void *p = hw_array_resize(NULL, 0, count, size);

	if (p && count * size >= MAP_FROM)
		madvise(p, count * size, MADV_HUGEPAGE); /* Refused: slower, not wrong. */
	return p;
}

bool hw_array_reserve(void **array, size_t *room, size_t count, size_t size)
{
	size_t wanted;
	void *p;

	if (count < *room)
		return true;
	if (__builtin_mul_overflow(*room, (size_t)2, &wanted))
		return false;
	if (wanted < 16)
		wanted = 16;
	if (wanted <= count && __builtin_add_overflow(count, (size_t)1, &wanted))
		return false;
	p = hw_array_resize(*array, *room, wanted, size);
	if (!p)
		return false;
	*array = p;
	*room = wanted;
	return true;
}
