/* SPDX-License-Identifier: Apache-2.0 */
/* objects.c -- which mappings are loaded ELF objects. One file can be loaded twice
 * (dlmopen) and can be mapped as data, so neither the path nor the magic number is
 * enough: the program headers in the target say which ranges one copy has, and the
 * mappings must agree. */
#include "base/array.h"
#include "base/stop.h"
#include "memory/private.h"
#include <inttypes.h>
#include <string.h>

/* Real objects have about a dozen; the kernel would load 1,170. */
#define PHDR_MAX 128

bool hw_span_measure(const struct hw_elf *elf, hw_addr at, struct hw_span *ret)
{
	uint64_t low = UINT64_MAX;
	uint64_t high = 0;
	bool has_bias = false;
	Elf64_Phdr phdr;
	uint64_t end;

	if (elf->phdr_count > PHDR_MAX || elf->phdr_count < elf->header.e_phnum)
		return false;
	for (uint32_t i = 0; hw_elf_phdr(elf, i, &phdr); i++) {
		if (phdr.p_type != PT_LOAD || phdr.p_memsz == 0)
			continue;
		if (__builtin_add_overflow(phdr.p_vaddr, phdr.p_memsz, &end))
			return false;
		if (!has_bias && hw_page_down(phdr.p_offset) == 0 && phdr.p_filesz) {
			ret->bias = at - hw_page_down(phdr.p_vaddr);
			has_bias = true;
		}
		low = MIN(low, hw_page_down(phdr.p_vaddr));
		high = MAX(high, hw_page_up(end));
	}
	if (!has_bias)
		return false;
	ret->start = ret->bias + low;
	ret->end = ret->bias + high;
	return ret->start <= at && at < ret->end;
}

/* Does a mapping lie where the program header says, with the rights it says?
 * mprotect() takes W away from RELRO, never gives or takes X. */
static bool fits(const struct hw_memory *memory, const char *name, hw_addr bias,
		 const Elf64_Phdr *phdr)
{
	hw_addr start = bias + hw_page_down(phdr->p_vaddr);
	uint32_t index = hw_memory_find(memory, start);
	const struct hw_mapping *mapping = &memory->mappings[index];

	if (index == memory->mapping_count || mapping->start > start)
		return false;
	if (!(mapping->perm & PERM_UNKNOWN) &&
	    !(mapping->perm & HW_PERM_X) != !(phdr->p_flags & PF_X))
		return false;
	if (!name) /* No NT_FILE: only the place can be checked. */
		return mapping->start == start;
	return mapping->name == name &&
	       mapping->map_offset + (start - mapping->start) == hw_page_down(phdr->p_offset);
}

/* Two segments that fit make a loaded object (or the only one it has); a file mapped
 * as data has no executable mapping and its data elsewhere. */
static bool is_loaded(const struct hw_memory *memory, const char *name, const struct hw_elf *elf,
		      hw_addr bias)
{
	uint32_t fitting = 0;
	uint32_t count = 0;
	Elf64_Phdr phdr;

	for (uint32_t i = 0; hw_elf_phdr(elf, i, &phdr); i++) {
		if (phdr.p_type != PT_LOAD || !phdr.p_filesz)
			continue;
		count++;
		fitting += fits(memory, name, bias, &phdr);
	}
	return fitting >= MIN(count, 2) && fitting > 0;
}

static void find_identity(const struct hw_memory *memory, const struct hw_elf *elf, hw_addr bias,
			  struct hw_identity *ret)
{
	uint8_t notes[4096];
	Elf64_Phdr phdr;

	for (uint32_t i = 0; hw_elf_phdr(elf, i, &phdr); i++) {
		uint64_t size;

		if (phdr.p_type != PT_NOTE)
			continue;
		size = hw_memory_read(memory, bias + phdr.p_vaddr, notes,
				      MIN(phdr.p_filesz, sizeof(notes)));
		hw_identity_in_notes(notes, size, phdr.p_align, ret);
	}
}

/* The permission of a range that the core has no header for. */
static uint32_t perm_of(const struct hw_layout *layout, hw_addr bias, hw_addr addr)
{
	uint32_t perm = HW_PERM_R;
	Elf64_Phdr phdr;

	for (uint32_t i = 0; layout->has_elf && hw_elf_phdr(&layout->elf, i, &phdr); i++) {
		hw_addr start = bias + hw_page_down(phdr.p_vaddr);
		hw_addr end = bias + hw_page_up(phdr.p_vaddr + phdr.p_memsz);

		if (addr < start || addr >= end)
			continue;
		if (phdr.p_type == PT_LOAD)
			perm = (phdr.p_flags & PF_R ? HW_PERM_R : 0) |
			       (phdr.p_flags & PF_W ? HW_PERM_W : 0) |
			       (phdr.p_flags & PF_X ? HW_PERM_X : 0);
		else if (phdr.p_type == PT_GNU_RELRO)
			return perm & ~(uint32_t)HW_PERM_W;
	}
	return perm;
}

/* Without NT_FILE: does some PT_LOAD's file part begin at or cover the mapping? */
static bool is_inside(const struct hw_layout *layout, hw_addr bias,
		      const struct hw_mapping *mapping)
{
	Elf64_Phdr phdr;

	for (uint32_t i = 0; hw_elf_phdr(&layout->elf, i, &phdr); i++)
		if (phdr.p_type == PT_LOAD && mapping->start >= bias + hw_page_down(phdr.p_vaddr) &&
		    mapping->start < bias + phdr.p_vaddr + phdr.p_filesz)
			return true;
	return false;
}

static bool has_magic(const struct hw_mapping *mapping)
{
	return mapping->size >= SELFMAG && !memcmp(mapping->data, ELFMAG, SELFMAG);
}

/* Gives the mappings of [object->start, object->end) from index on to the object, up
 * to the first that belongs to another file: so each is looked at once. Returns the
 * index behind them. */
static uint32_t assign(struct hw_memory *memory, uint32_t index, struct hw_object *object,
		       const struct hw_layout *layout, const char *name)
{
	uint32_t module = memory->object_count;
	uint32_t i;

	for (i = index; i < memory->mapping_count; i++) {
		struct hw_mapping *mapping = &memory->mappings[i];

		if (mapping->start >= object->end || (mapping->name && mapping->name != name) ||
		    (!name && i > index && has_magic(mapping)))
			break;
		if (name ? !mapping->name : !is_inside(layout, object->bias, mapping))
			continue;
		mapping->owner = HW_OWNER_MODULE;
		mapping->module = module;
		if (mapping->perm & PERM_UNKNOWN)
			mapping->perm = perm_of(layout, object->bias, mapping->start);
	}
	if (i < memory->mapping_count)
		object->end = MIN(object->end, memory->mappings[i].start);
	return i;
}

static bool add_object(struct hw_build *build, struct hw_object *object,
		       const struct hw_layout *layout, const char *path)
{
	struct hw_memory *memory = build->memory;
	const char *slash = strrchr(path, '/');

	if (!hw_array_reserve((void **)&memory->objects, &memory->object_room, memory->object_count,
			      sizeof(*memory->objects)) ||
	    !hw_array_reserve((void **)&build->layouts, &build->layout_room, memory->object_count,
			      sizeof(*build->layouts)))
		return false;
	object->path = g_strdup(path);
	object->name = object->path + (slash ? slash + 1 - path : 0);
	build->layouts[memory->object_count] = *layout;
	memory->objects[memory->object_count++] = *object;
	return true;
}

/* An object whose headers the target shows at mapping index. *next_ret: where to go on. */
static bool try_headers(struct hw_build *build, uint32_t index, uint32_t *next_ret, bool *found_ret)
{
	struct hw_memory *memory = build->memory;
	struct hw_mapping *mapping = &memory->mappings[index];
	struct hw_layout layout = {.has_elf = true};
	const char *name = mapping->name;
	g_autofree char *made_up = NULL;
	struct hw_object object = {0};
	struct hw_span span;

	*found_ret = false;
	if (!hw_elf_init(&layout.elf, mapping->data, mapping->size) ||
	    !hw_span_measure(&layout.elf, mapping->start, &span) ||
	    !is_loaded(memory, name, &layout.elf, span.bias))
		return true;
	object.start = mapping->start;
	object.end = span.end;
	object.bias = span.bias;
	find_identity(memory, &layout.elf, span.bias, &object.identity);
	*next_ret = assign(memory, index, &object, &layout, name);
	if (!name) {
		made_up = g_strdup_printf("module@0x%" PRIx64, mapping->start);
		for (uint32_t i = index; i < *next_ret; i++)
			if (memory->mappings[i].module == memory->object_count)
				memory->mappings[i].name =
				    g_string_chunk_insert_const(memory->strings, made_up);
	}
	*found_ret = true;
	if (!add_object(build, &object, &layout, name ? name : made_up))
		return false;
	if (name)
		hw_build_check_object(build, memory->object_count - 1, index, *next_ret);
	return true;
}

/* An object whose first page is not in the target: the run of mappings of its file,
 * taken for a module when one of them is executable. */
static bool try_run(struct hw_build *build, uint32_t index, uint32_t *next_ret)
{
	struct hw_memory *memory = build->memory;
	const struct hw_mapping *first = &memory->mappings[index];
	struct hw_layout layout = {.has_elf = false};
	struct hw_object object = {.start = first->start, .bias = first->start};
	uint64_t offset = 0;
	bool is_code = false;
	uint32_t i;

	for (i = index; i < memory->mapping_count; i++) {
		const struct hw_mapping *mapping = &memory->mappings[i];

		if (mapping->name != first->name || (i > index && mapping->map_offset < offset))
			break;
		offset = mapping->map_offset;
		object.end = mapping->end;
		is_code =
		    is_code || (!(mapping->perm & PERM_UNKNOWN) && (mapping->perm & HW_PERM_X));
	}
	*next_ret = i;
	if (!is_code)
		return true;
	for (uint32_t j = index; j < i; j++) {
		struct hw_mapping *mapping = &memory->mappings[j];

		mapping->owner = HW_OWNER_MODULE;
		mapping->module = memory->object_count;
	}
	return add_object(build, &object, &layout, first->name);
}

/* The main executable holds its own program headers and entry point. */
static void find_exe(struct hw_build *build)
{
	struct hw_memory *memory = build->memory;
	hw_addr where[2] = {0, 0};
	struct hw_object *found[2] = {NULL, NULL};

	hw_target_auxv(memory->target, AT_PHDR, &where[0]);
	hw_target_auxv(memory->target, AT_ENTRY, &where[1]);
	for (uint32_t i = 0; i < memory->object_count; i++) {
		struct hw_object *object = &memory->objects[i];

		for (int j = 0; j < 2; j++)
			if (where[j] >= object->start && where[j] < object->end)
				found[j] = object;
	}
	if (where[0] && where[1] && found[0] != found[1])
		hw_notes_damage(build->notes, where[0],
				"AT_PHDR 0x%" PRIx64 " and AT_ENTRY 0x%" PRIx64
				" do not lie in the same object",
				where[0], where[1]);
	if (found[0] || found[1])
		(found[0] ? found[0] : found[1])->is_exe = true;
}

static bool is_vdso(const struct hw_memory *memory, const struct hw_mapping *mapping)
{
	hw_addr vdso;

	return hw_target_auxv(memory->target, AT_SYSINFO_EHDR, &vdso) && vdso == mapping->start;
}

bool hw_build_objects(struct hw_build *build)
{
	struct hw_memory *memory = build->memory;
	bool has_names = memory->target->has_file_maps;

	for (uint32_t i = 0; i < memory->mapping_count && !hw_stop_requested();) {
		const struct hw_mapping *mapping = &memory->mappings[i];
		uint32_t next = i + 1;
		bool is_found = false;

		if (mapping->module == HW_NO_MODULE && mapping->map_offset == 0 &&
		    (mapping->name || !has_names) && !is_vdso(memory, mapping)) {
			if (mapping->size && !try_headers(build, i, &next, &is_found))
				return false;
			if (!mapping->size && mapping->name && !try_run(build, i, &next))
				return false;
		}
		i = next;
	}
	for (uint32_t i = 0; i < memory->mapping_count; i++) {
		if (memory->mappings[i].perm & PERM_UNKNOWN)
			memory->mappings[i].perm = HW_PERM_R;
		hw_build_check_rest(build, &memory->mappings[i]);
	}
	find_exe(build);
	return true;
}
