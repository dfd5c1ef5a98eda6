/* SPDX-License-Identifier: Apache-2.0 */
/* flatten.c -- from segments that may overlap to sorted, disjoint mappings, with the
 * file of each where the core names it. O(n log n) in segments and files. */
#include "base/array.h"
#include "memory/private.h"
#include <stdlib.h>

bool hw_draft_push(struct hw_draft *draft, const struct hw_mapping *mapping)
{
	if (!hw_array_reserve((void **)&draft->items, &draft->room, draft->count,
			      sizeof(*draft->items)))
		return false;
	draft->items[draft->count++] = *mapping;
	return true;
}

void hw_draft_clear(struct hw_draft *draft)
{
	hw_array_resize(draft->items, draft->room, 0, sizeof(*draft->items));
	*draft = (struct hw_draft){0};
}

void hw_mapping_cut(struct hw_mapping *mapping, hw_addr at, struct hw_mapping *ret)
{
	uint64_t below = at - mapping->start;
	struct hw_mapping rest = *mapping;

	rest.start = at;
	rest.file_offset += below;
	rest.map_offset += below;
	rest.size = mapping->size > below ? mapping->size - below : 0;
	rest.promised = mapping->promised > below ? mapping->promised - below : 0;
	rest.data = rest.size ? mapping->data + below : NULL;
	if (!rest.size)
		rest.source = HW_SOURCE_NONE;
	mapping->end = at;
	mapping->size = MIN(mapping->size, below);
	mapping->promised = MIN(mapping->promised, below);
	*ret = rest;
}

void hw_mapping_clip(struct hw_mapping *mapping, hw_addr start, hw_addr end)
{
	struct hw_mapping rest;

	if (start > mapping->start) {
		hw_mapping_cut(mapping, start, &rest);
		*mapping = rest;
	}
	if (end < mapping->end)
		hw_mapping_cut(mapping, end, &rest);
}

/* The sweep of segments: between two bounds the set of segments is constant, and the
 * one with the smallest index, first in the file, is at the heap's top. */
struct sweep {
	const struct hw_target *target;
	hw_addr *bounds;  /* 2 * count, sorted. */
	uint32_t *starts; /* Segment indexes by start. */
	uint32_t *heap;   /* Segment indexes; smallest at 0. */
	uint32_t heap_count;
};

static void heap_push(struct sweep *sweep, uint32_t value)
{
	uint32_t at = sweep->heap_count++;

	while (at && sweep->heap[(at - 1) / 2] > value) {
		sweep->heap[at] = sweep->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	sweep->heap[at] = value;
}

static void heap_pop(struct sweep *sweep)
{
	uint32_t count = --sweep->heap_count;
	uint32_t value = sweep->heap[count];
	uint32_t at = 0;

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < count && sweep->heap[child + 1] < sweep->heap[child])
			child++;
		if (child >= count || sweep->heap[child] >= value)
			break;
		sweep->heap[at] = sweep->heap[child];
		at = child;
	}
	sweep->heap[at] = value;
}

static int compare_addr(const void *a, const void *b)
{
	const hw_addr *x = a;
	const hw_addr *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int compare_start(const void *a, const void *b, void *segments)
{
	const struct hw_segment *list = segments;
	const uint32_t *x = a;
	const uint32_t *y = b;

	if (list[*x].start != list[*y].start)
		return list[*x].start < list[*y].start ? -1 : 1;
	return *x < *y ? -1 : *x > *y;
}

static struct hw_mapping from_segment(const struct hw_segment *segment)
{
	return (struct hw_mapping){
	    .start = segment->start,
	    .end = segment->end,
	    .data = segment->data,
	    .size = segment->size,
	    .promised = segment->wanted,
	    .file_offset = segment->offset,
	    .perm = segment->perm,
	    .owner = HW_OWNER_ANON,
	    .source = segment->size ? HW_SOURCE_CORE : HW_SOURCE_NONE,
	    .module = HW_NO_MODULE,
	};
}

/* The part [start, end) of a segment; one that continues the last one extends it. */
static bool push_part(struct hw_draft *draft, const struct hw_segment *segment,
		      uint32_t *last_index, uint32_t index, hw_addr start, hw_addr end)
{
	struct hw_mapping mapping = from_segment(segment);

	if (draft->count && *last_index == index && draft->items[draft->count - 1].end == start) {
		start = draft->items[draft->count - 1].start;
		draft->count--;
	}
	*last_index = index;
	hw_mapping_clip(&mapping, start, end);
	return hw_draft_push(draft, &mapping);
}

static bool run_sweep(struct sweep *sweep, struct hw_draft *draft)
{
	const struct hw_segment *segments = sweep->target->segments;
	uint32_t count = sweep->target->segment_count;
	uint32_t last_index = UINT32_MAX;
	uint32_t next = 0;

	for (size_t i = 0; i + 1 < (size_t)count * 2; i++) {
		hw_addr start = sweep->bounds[i];
		hw_addr end = sweep->bounds[i + 1];

		while (next < count && segments[sweep->starts[next]].start <= start)
			heap_push(sweep, sweep->starts[next++]);
		while (sweep->heap_count && segments[sweep->heap[0]].end <= start)
			heap_pop(sweep);
		if (start == end || !sweep->heap_count)
			continue;
		if (!push_part(draft, &segments[sweep->heap[0]], &last_index, sweep->heap[0], start,
			       end))
			return false;
	}
	return true;
}

bool hw_draft_segments(struct hw_draft *draft, const struct hw_target *target)
{
	struct sweep sweep = {.target = target};
	size_t count = target->segment_count;
	bool is_done = false;

	if (!count)
		return true;
	sweep.bounds = hw_array_resize(NULL, 0, 2 * count, sizeof(*sweep.bounds));
	sweep.starts = hw_array_resize(NULL, 0, count, sizeof(*sweep.starts));
	sweep.heap = hw_array_resize(NULL, 0, count, sizeof(*sweep.heap));
	if (sweep.bounds && sweep.starts && sweep.heap) {
		for (size_t i = 0; i < count; i++) {
			sweep.bounds[2 * i] = target->segments[i].start;
			sweep.bounds[2 * i + 1] = target->segments[i].end;
			sweep.starts[i] = (uint32_t)i;
		}
		qsort(sweep.bounds, 2 * count, sizeof(*sweep.bounds), compare_addr);
		qsort_r(sweep.starts, count, sizeof(*sweep.starts), compare_start,
			target->segments);
		is_done = run_sweep(&sweep, draft);
	}
	hw_array_resize(sweep.bounds, 2 * count, 0, sizeof(*sweep.bounds));
	hw_array_resize(sweep.starts, count, 0, sizeof(*sweep.starts));
	hw_array_resize(sweep.heap, count, 0, sizeof(*sweep.heap));
	return is_done;
}

/* A range that only NT_FILE knows: gdb leaves mappings out that nobody wrote to. */
static bool push_file(struct hw_draft *draft, const struct hw_file_map *file)
{
	struct hw_mapping mapping = {
	    .start = file->start,
	    .end = file->end,
	    .map_offset = file->offset,
	    .perm = PERM_UNKNOWN,
	    .owner = HW_OWNER_FILE,
	    .source = HW_SOURCE_NONE,
	    .module = HW_NO_MODULE,
	    .name = file->path,
	    .is_unlisted = true,
	};

	return hw_draft_push(draft, &mapping);
}

static void move_start(struct hw_file_map *file, hw_addr start)
{
	file->offset += start - file->start;
	file->start = start;
}

/* The next file map that has something above `from`, which is cut off. */
static bool next_file(const struct hw_target *target, uint32_t *index, hw_addr from,
		      struct hw_file_map *ret)
{
	for (; *index < target->file_map_count; ++*index) {
		if (target->file_maps[*index].end <= from)
			continue;
		*ret = target->file_maps[*index];
		if (ret->start < from)
			move_start(ret, from);
		return true;
	}
	return false;
}

/* Anonymous memory in huge pages (MAP_HUGETLB) has this name of the kernel's own:
 * fs/hugetlbfs/inode.c. */
static bool is_anonymous(const char *path)
{
	return g_str_has_prefix(path, "/anon_hugepage");
}

/* Emits what comes first of mapping and file (NULL: none left) and cuts it off.
 * Returns where it ends; 0 when out of memory. */
static hw_addr step(struct hw_draft *draft, struct hw_mapping *mapping, struct hw_file_map *file)
{
	struct hw_mapping first;
	struct hw_mapping rest = {0};
	hw_addr end;

	if (!mapping || (file && file->start < mapping->start)) {
		struct hw_file_map part = *file;

		if (mapping)
			part.end = MIN(part.end, mapping->start);
		return push_file(draft, &part) ? part.end : 0;
	}
	end = mapping->end;
	if (file && file->start < end)
		end = mapping->start < file->start ? file->start : MIN(end, file->end);
	first = *mapping;
	if (end < first.end)
		hw_mapping_cut(&first, end, &rest);
	if (file && file->start == first.start) {
		first.name = file->path;
		first.map_offset = file->offset;
		first.owner = is_anonymous(file->path) ? HW_OWNER_ANON : HW_OWNER_FILE;
	}
	*mapping = rest;
	return hw_draft_push(draft, &first) ? end : 0;
}

bool hw_draft_files(struct hw_draft *draft, const struct hw_draft *from,
		    const struct hw_target *target)
{
	struct hw_mapping mapping = {0};
	struct hw_file_map file;
	uint32_t file_index = 0;
	size_t next = 0;
	hw_addr done = 0;

	for (;;) {
		bool has_file = next_file(target, &file_index, done, &file);

		/* A mapping used up is empty: [0, 0). */
		if (mapping.start == mapping.end && next < from->count)
			mapping = from->items[next++];
		if (mapping.start == mapping.end && !has_file)
			return true;
		done = step(draft, mapping.start == mapping.end ? NULL : &mapping,
			    has_file ? &file : NULL);
		if (!done)
			return false;
	}
}
