/* SPDX-License-Identifier: Apache-2.0 */
/* claim.c -- heaps take what is theirs. The list stays sorted and disjoint; claims that
 * follow each other grow one mapping instead of adding one each. */
#include "base/array.h"
#include "memory/private.h"
#include <string.h>

/* Opens count places before index. */
static bool insert(struct hw_memory *memory, uint32_t index, uint32_t count)
{
	struct hw_draft draft = {memory->mappings, memory->mapping_count, memory->mapping_room};

	if (memory->mapping_count >= UINT32_MAX - count ||
	    !hw_array_reserve((void **)&draft.items, &draft.room, draft.count + count - 1,
			      sizeof(*draft.items)))
		return false;
	memory->mappings = draft.items;
	memory->mapping_room = draft.room;
	memmove(&memory->mappings[index + count], &memory->mappings[index],
		(memory->mapping_count - index) * sizeof(*memory->mappings));
	memory->mapping_count += count;
	return true;
}

/* Makes `at` a border: the mapping that has it inside becomes two. */
static bool split(struct hw_memory *memory, hw_addr at)
{
	uint32_t index = hw_memory_find(memory, at);

	if (index == memory->mapping_count || memory->mappings[index].start >= at)
		return true;
	if (!insert(memory, index, 1))
		return false;
	/* insert() moved it up by one; the lower part goes into the free place. */
	memory->mappings[index] = memory->mappings[index + 1];
	hw_mapping_cut(&memory->mappings[index], at, &memory->mappings[index + 1]);
	return true;
}

static void give(struct hw_mapping *mapping, const char *name)
{
	if (mapping->owner == HW_OWNER_MODULE || mapping->owner == HW_OWNER_VDSO)
		return;
	mapping->owner = HW_OWNER_HEAP;
	mapping->name = name;
}

/* A range the target has no header for. */
static bool add_reserve(struct hw_memory *memory, uint32_t index, hw_addr start, hw_addr end,
			const char *name)
{
	if (!insert(memory, index, 1))
		return false;
	memory->mappings[index] = (struct hw_mapping){
	    .start = start,
	    .end = end,
	    .owner = HW_OWNER_HEAP,
	    .module = HW_NO_MODULE,
	    .name = name,
	};
	return true;
}

/* Could b be the continuation of a? */
static bool is_one(const struct hw_mapping *a, const struct hw_mapping *b)
{
	return a->end == b->start && a->owner == HW_OWNER_HEAP && b->owner == HW_OWNER_HEAP &&
	       a->name == b->name && a->perm == b->perm && a->source == b->source &&
	       a->module == b->module && a->size == a->end - a->start && a->promised == a->size &&
	       a->source == HW_SOURCE_CORE && a->data + a->size == b->data &&
	       a->file_offset + a->size == b->file_offset;
}

static void merge(struct hw_memory *memory, uint32_t index)
{
	struct hw_mapping *a = &memory->mappings[index];
	struct hw_mapping *b = a + 1;

	if (index + 1 >= memory->mapping_count || !is_one(a, b))
		return;
	a->end = b->end;
	a->size += b->size;
	a->promised += b->promised;
	memmove(b, b + 1, (memory->mapping_count - index - 2) * sizeof(*b));
	memory->mapping_count--;
}

bool hw_memory_claim(struct hw_memory *memory, hw_addr start, hw_addr end, const char *name)
{
	const char *copy = name ? g_string_chunk_insert_const(memory->strings, name) : NULL;
	hw_addr done = start;
	uint32_t first;
	uint32_t i;

	if (start >= end)
		return true;
	if (!split(memory, start) || !split(memory, end))
		return false;
	first = hw_memory_find(memory, start);
	for (i = first; done < end; i++) {
		hw_addr next =
		    i < memory->mapping_count ? MIN(memory->mappings[i].start, end) : end;

		if (next > done) {
			if (!add_reserve(memory, i, done, next, copy))
				return false;
		} else {
			give(&memory->mappings[i], copy);
		}
		done = memory->mappings[i].end;
	}
	merge(memory, i - 1);
	if (first)
		merge(memory, first - 1);
	return true;
}
