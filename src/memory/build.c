/* SPDX-License-Identifier: Apache-2.0 */
/* build.c -- from a target to an address space: flatten, name, find objects, fill from
 * binaries, give every range its owner. */
#include "base/array.h"
#include "base/error.h"
#include "memory/private.h"

bool hw_build_adopt(struct hw_build *build, struct hw_draft *draft)
{
	struct hw_memory *memory = build->memory;

	if (draft->count >= UINT32_MAX)
		return false;
	hw_array_resize(memory->mappings, memory->mapping_room, 0, sizeof(*memory->mappings));
	memory->mappings = draft->items;
	memory->mapping_count = (uint32_t)draft->count;
	memory->mapping_room = draft->room;
	*draft = (struct hw_draft){0};
	return true;
}

static bool flatten(struct hw_build *build)
{
	const struct hw_target *target = build->memory->target;
	struct hw_draft segments = {0};
	struct hw_draft named = {0};
	bool is_done = hw_draft_segments(&segments, target) &&
		       hw_draft_files(&named, &segments, target) && hw_build_adopt(build, &named);

	hw_draft_clear(&segments);
	hw_draft_clear(&named);
	return is_done;
}

static void find_private(struct hw_build *build)
{
	const struct hw_memory *memory = build->memory;

	for (uint32_t i = 0; i < memory->mapping_count && !build->has_private; i++) {
		const struct hw_mapping *mapping = &memory->mappings[i];

		build->has_private =
		    !mapping->name && mapping->promised && (mapping->perm & HW_PERM_W);
	}
}

static bool build_all(struct hw_build *build, GError **error)
{
	bool is_done = flatten(build);

	if (is_done) {
		find_private(build);
		is_done = hw_build_objects(build) && hw_build_bss(build);
	}
	if (!is_done) {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL,
			    "no memory for the list of mappings");
		return false;
	}
	if (!hw_build_binaries(build, error))
		return false;
	hw_build_names(build);
	hw_build_check(build);
	return true;
}

struct hw_memory *hw_memory_new(const struct hw_target *target,
				const struct hw_memory_options *options, struct hw_notes *notes,
				GError **error)
{
	static const struct hw_memory_options none;
	struct hw_memory *memory = g_new0(struct hw_memory, 1);
	struct hw_build build = {
	    .memory = memory,
	    .options = options ? options : &none,
	    .notes = notes,
	};
	bool is_done;

	memory->target = target;
	memory->last = g_new0(uint32_t, 1);
	memory->strings = g_string_chunk_new(4096);
	is_done = build_all(&build, error);
	hw_array_resize(build.layouts, build.layout_room, 0, sizeof(*build.layouts));
	if (is_done)
		return memory;
	hw_memory_free(memory);
	return NULL;
}

void hw_memory_free(struct hw_memory *memory)
{
	if (!memory)
		return;
	for (uint32_t i = 0; i < memory->object_count; i++) {
		hw_binary_free(memory->objects[i].binary);
		g_free(memory->objects[i].path);
	}
	hw_array_resize(memory->objects, memory->object_room, 0, sizeof(*memory->objects));
	hw_array_resize(memory->mappings, memory->mapping_room, 0, sizeof(*memory->mappings));
	g_string_chunk_free(memory->strings);
	g_free(memory->last);
	g_free(memory);
}
