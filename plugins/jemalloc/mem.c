/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the target and small helpers. */
#include "jemalloc.h"
#include <string.h>

bool grow(struct jemalloc *je, void **array, uint64_t *room, uint64_t count, uint64_t size)
{
	uint64_t more = *room ? *room * 2 : 16;
	void *bigger;

	if (count < *room)
		return true;
	bigger = je->host->resize(je->host->self, *array, *room, more, size);
	if (!bigger) {
		je->no_memory = true;
		return false;
	}
	*array = bigger;
	*room = more;
	return true;
}

const uint8_t *view(struct jemalloc *je, hw_addr addr, uint64_t n, void *buf)
{
	const struct hw_host *host = je->host;
	const uint8_t *data;
	uint64_t size;

	if (addr >= je->window_start && addr < je->window_end && je->window_end - addr >= n)
		return je->window + (addr - je->window_start);
	data = host->peek(host->self, addr, &size);
	if (data && size >= n) {
		je->window_start = addr;
		je->window_end = addr + size;
		je->window = data;
		return data;
	}
	return host->read(host->self, addr, buf, n) == n ? buf : NULL;
}

bool read_word(struct jemalloc *je, hw_addr addr, uint64_t *ret)
{
	uint8_t buf[8];
	const uint8_t *at = view(je, addr, 8, buf);

	if (!at)
		return false;
	*ret = word_at(at);
	return true;
}

bool read_u32(struct jemalloc *je, hw_addr addr, uint32_t *ret)
{
	uint8_t buf[4];
	const uint8_t *at = view(je, addr, 4, buf);

	if (!at)
		return false;
	*ret = u32_at(at);
	return true;
}

struct base_block *block_of(struct jemalloc *je, hw_addr addr, uint64_t size)
{
	uint64_t low = 0, high = je->block_count;
	struct base_block *b;

	while (low < high) { /* First block that starts above addr. */
		uint64_t mid = low + (high - low) / 2;

		if (je->blocks[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0)
		return NULL;
	b = &je->blocks[low - 1];
	return addr < b->used && b->used - addr >= size ? b : NULL;
}

struct base_block *block_at(struct jemalloc *je, hw_addr addr)
{
	struct base_block *b = block_of(je, addr, BASE_BLOCK_HEADER);

	return b && b->addr == addr ? b : NULL;
}
