/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the target and small helpers. */
#include "ptmalloc.h"
#include <string.h>

bool read_word(const struct hw_host *host, hw_addr addr, uint64_t *ret)
{
	uint64_t word;

	if (host->read(host->self, addr, &word, sizeof(word)) != sizeof(word))
		return false;
	*ret = word;
	return true;
}

bool read_u32(const struct hw_host *host, hw_addr addr, uint32_t *ret)
{
	uint32_t word;

	if (host->read(host->self, addr, &word, sizeof(word)) != sizeof(word))
		return false;
	*ret = word;
	return true;
}

bool window_refill(const struct hw_host *host, struct window *w, hw_addr addr, uint64_t pair[2])
{
	uint64_t size;
	const uint8_t *data = host->peek(host->self, addr, &size);

	if (data && size >= 16) {
		w->start = addr;
		w->end = addr + size;
		w->data = data;
		memcpy(pair, data, 16);
		return true;
	}
	return host->read(host->self, addr, pair, 16) == 16; /* Across two segments. */
}

bool grow(struct ptmalloc *pt, void **array, uint64_t *room, uint64_t count, uint64_t size)
{
	uint64_t more = *room ? *room * 2 : 16;
	void *bigger;

	if (count < *room)
		return true;
	bigger = pt->host->resize(pt->host->self, *array, *room, more, size);
	if (!bigger) {
		pt->no_memory = true;
		return false;
	}
	*array = bigger;
	*room = more;
	return true;
}

struct region *region_find(const struct libc *libc, hw_addr addr)
{
	uint64_t low = 0, high = libc->region_count;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (libc->regions[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low < libc->region_count && libc->regions[low].start <= addr ? &libc->regions[low]
									    : NULL;
}

bool is_mapped(const struct hw_host *host, hw_addr start, hw_addr end)
{
	struct hw_range r = {.struct_size = sizeof(r)};

	for (hw_addr at = start; at < end; at = r.end)
		if (!host->range(host->self, at, &r) || r.start > at)
			return false;
	return start < end;
}
