/* SPDX-License-Identifier: Apache-2.0 */
/* read.c -- looking at the address space. Nothing is copied that the caller did not
 * ask to have copied. */
#include "memory/private.h"
#include "target/elf.h"
#include <string.h>

static bool is_at(const struct hw_memory *memory, uint32_t index, hw_addr addr)
{
	return index < memory->mapping_count && addr < memory->mappings[index].end &&
	       addr >= memory->mappings[index].start;
}

uint32_t hw_memory_find(const struct hw_memory *memory, hw_addr addr)
{
	uint32_t hint = __atomic_load_n(memory->last, __ATOMIC_RELAXED);
	uint32_t low = 0;
	uint32_t high = memory->mapping_count;

	if (is_at(memory, hint, addr))
		return hint;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (memory->mappings[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	__atomic_store_n(memory->last, low, __ATOMIC_RELAXED);
	return low;
}

const uint8_t *hw_memory_peek(const struct hw_memory *memory, hw_addr addr, uint64_t *size_ret)
{
	uint32_t index = hw_memory_find(memory, addr);
	const struct hw_mapping *mapping = &memory->mappings[index];
	uint64_t offset;

	if (!is_at(memory, index, addr))
		return NULL;
	offset = addr - mapping->start;
	if (offset >= mapping->size)
		return NULL;
	*size_ret = mapping->size - offset;
	return mapping->data + offset;
}

uint64_t hw_memory_read(const struct hw_memory *memory, hw_addr addr, void *buf, uint64_t size)
{
	uint64_t done = 0;

	while (done < size) {
		uint64_t held;
		const uint8_t *data = hw_memory_peek(memory, addr + done, &held);

		if (!data)
			break;
		held = MIN(held, size - done);
		memcpy((uint8_t *)buf + done, data, held);
		done += held;
		if (addr + done < addr) /* The end of the address space. */
			break;
	}
	return done;
}

bool hw_memory_word(const struct hw_memory *memory, hw_addr addr, uint64_t *ret)
{
	uint64_t held;
	uint64_t word;
	const uint8_t *data = hw_memory_peek(memory, addr, &held);

	if (data && held >= sizeof(word))
		memcpy(&word, data, sizeof(word));
	else if (hw_memory_read(memory, addr, &word, sizeof(word)) != sizeof(word))
		return false;
	*ret = word;
	return true;
}

/* The first stretch of data in [from, end) of one mapping. */
static bool data_in(const struct hw_memory *memory, const struct hw_mapping *mapping, hw_addr from,
		    hw_addr end, hw_addr *start_ret, hw_addr *end_ret)
{
	uint64_t file_start;
	uint64_t file_end;
	hw_addr base = mapping->start;

	from = MAX(from, base);
	end = MIN(end, base + mapping->size);
	if (from >= end)
		return false;
	if (mapping->source != HW_SOURCE_CORE) {
		*start_ret = from;
		*end_ret = end;
		return true;
	}
	if (!hw_target_data(memory->target, mapping->file_offset + (from - base),
			    mapping->file_offset + (end - base), &file_start, &file_end))
		return false;
	*start_ret = base + (file_start - mapping->file_offset);
	*end_ret = base + (file_end - mapping->file_offset);
	return true;
}

bool hw_memory_data(const struct hw_memory *memory, hw_addr from, hw_addr end, hw_addr *start_ret,
		    hw_addr *end_ret)
{
	for (uint32_t i = hw_memory_find(memory, from); i < memory->mapping_count; i++) {
		const struct hw_mapping *mapping = &memory->mappings[i];

		if (mapping->start >= end)
			return false;
		if (data_in(memory, mapping, from, end, start_ret, end_ret))
			return true;
	}
	return false;
}

/* Pages that are in use have something early; zero pages are read to their end. */
static bool has_bits(const uint8_t *bytes, uint64_t size)
{
	uint64_t at = 0;

	for (; size - at >= 64; at += 64) {
		uint64_t w[8];

		memcpy(w, bytes + at, sizeof(w));
		if (w[0] | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | w[7])
			return true;
	}
	for (; at < size; at++)
		if (bytes[at])
			return true;
	return false;
}

uint64_t hw_memory_nonzero(const struct hw_memory *memory, hw_addr start, hw_addr end)
{
	uint64_t total = 0;
	hw_addr data_start;
	hw_addr data_end;

	while (start < end && hw_memory_data(memory, start, end, &data_start, &data_end)) {
		uint64_t held;
		const uint8_t *data = hw_memory_peek(memory, data_start, &held);

		if (!data)
			break;
		while (data_start < data_end) {
			/* Page borders of the target, also when start is inside one. */
			hw_addr next = MIN(hw_page_down(data_start) + HW_PAGE, data_end);

			if (has_bits(data, next - data_start))
				total += next - data_start;
			data += next - data_start;
			data_start = next;
		}
		start = data_end;
	}
	return total;
}
