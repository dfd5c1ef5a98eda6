/* SPDX-License-Identifier: Apache-2.0 */
/* checks.c -- a core says where a file is mapped three times: in its program headers,
 * in NT_FILE, and in the file's own ELF header, which is in memory. Where they do not
 * agree something is damaged, and a module might be lost without a word. */
#include "memory/private.h"
#include <inttypes.h>
#include <string.h>

#define STRANGERS_MAX 16

/* The program header whose file part has the mapping at its place, or false. */
static bool is_at_place(const struct hw_layout *layout, hw_addr bias,
			const struct hw_mapping *mapping)
{
	Elf64_Phdr phdr;

	for (uint32_t i = 0; hw_elf_phdr(&layout->elf, i, &phdr); i++) {
		hw_addr start = bias + hw_page_down(phdr.p_vaddr);

		if (phdr.p_type == PT_LOAD && mapping->perm && mapping->start >= start &&
		    mapping->start < bias + phdr.p_vaddr + phdr.p_filesz &&
		    mapping->map_offset == hw_page_down(phdr.p_offset) + (mapping->start - start) &&
		    !(mapping->perm & HW_PERM_X) == !(phdr.p_flags & PF_X))
			return true;
	}
	return false;
}

static bool is_relro(const struct hw_layout *layout, hw_addr bias, hw_addr addr)
{
	Elf64_Phdr phdr;

	for (uint32_t i = 0; hw_elf_phdr(&layout->elf, i, &phdr); i++)
		if (phdr.p_type == PT_GNU_RELRO && addr >= bias + hw_page_down(phdr.p_vaddr) &&
		    addr < bias + phdr.p_vaddr + phdr.p_memsz)
			return true;
	return false;
}

/* ld.so can leave mappings without any rights between the segments. */
static bool is_hole(const struct hw_layout *layout, hw_addr bias, const struct hw_mapping *mapping)
{
	Elf64_Phdr phdr;

	for (uint32_t i = 0; hw_elf_phdr(&layout->elf, i, &phdr); i++)
		if (phdr.p_type == PT_LOAD && mapping->start >= bias + hw_page_down(phdr.p_vaddr) &&
		    mapping->start < bias + phdr.p_vaddr + phdr.p_filesz)
			return false;
	return mapping->perm == 0;
}

/* Is the last page of each data segment, and the first of its bss, writable? */
static void check_data(struct hw_build *build, const struct hw_object *object,
		       const struct hw_layout *layout)
{
	const struct hw_memory *memory = build->memory;
	Elf64_Phdr phdr;

	for (uint32_t i = 0; hw_elf_phdr(&layout->elf, i, &phdr); i++) {
		hw_addr file_end = object->bias + phdr.p_vaddr + phdr.p_filesz;
		hw_addr pages[2] = {hw_page_down(file_end - 1), hw_page_up(file_end)};
		bool has_bss = hw_page_up(file_end) < object->bias + phdr.p_vaddr + phdr.p_memsz;

		if (phdr.p_type != PT_LOAD || !(phdr.p_flags & PF_W) || !phdr.p_filesz)
			continue;
		for (int j = 0; j < 1 + has_bss; j++) {
			uint32_t at = hw_memory_find(memory, pages[j]);

			if (at < memory->mapping_count && memory->mappings[at].start <= pages[j] &&
			    !(memory->mappings[at].perm & HW_PERM_W) &&
			    !is_relro(layout, object->bias, pages[j]))
				hw_notes_damage(build->notes, pages[j],
						"data of %s is not writable here", object->path);
		}
	}
}

/* The mapping where a segment begins when it has the segment's file offset, but is
 * another file's: one of the names is damaged. */
static const struct hw_mapping *find_stranger(const struct hw_memory *memory, hw_addr bias,
					      const char *name, const Elf64_Phdr *phdr)
{
	hw_addr start = bias + hw_page_down(phdr->p_vaddr);
	uint32_t index = hw_memory_find(memory, start);
	const struct hw_mapping *mapping = &memory->mappings[index];

	if (phdr->p_type != PT_LOAD || !phdr->p_filesz || index == memory->mapping_count ||
	    mapping->start > start || !mapping->name || mapping->name == name ||
	    mapping->map_offset + (start - mapping->start) != hw_page_down(phdr->p_offset))
		return NULL;
	return mapping;
}

/* mapping: the first page of an ELF file that is no loaded object. */
static bool has_strangers(const struct hw_memory *memory, const struct hw_mapping *mapping)
{
	struct hw_elf elf;
	struct hw_span span;
	Elf64_Phdr phdr;

	if (!hw_elf_init(&elf, mapping->data, mapping->size) ||
	    !hw_span_measure(&elf, mapping->start, &span))
		return false;
	for (uint32_t i = 0; hw_elf_phdr(&elf, i, &phdr); i++)
		if (find_stranger(memory, span.bias, mapping->name, &phdr))
			return true;
	return false;
}

/* The names of a few mappings behind the object's last one may be wrong. */
static void check_strangers(struct hw_build *build, const struct hw_object *object,
			    const struct hw_layout *layout, uint32_t end)
{
	const struct hw_memory *memory = build->memory;
	struct hw_span span;

	if (!hw_span_measure(&layout->elf, object->start, &span))
		return;
	for (uint32_t i = end; i < memory->mapping_count && i - end < STRANGERS_MAX; i++) {
		const struct hw_mapping *mapping = &memory->mappings[i];

		if (mapping->start >= span.end)
			break;
		if (mapping->name && is_at_place(layout, object->bias, mapping))
			hw_notes_damage(build->notes, mapping->start,
					"a segment of %s is mapped here, but NT_FILE says %s",
					object->path, mapping->name);
	}
}

/* Every file mapping of an object must lie where its own headers say. */
void hw_build_check_object(struct hw_build *build, uint32_t module, uint32_t first, uint32_t end)
{
	const struct hw_memory *memory = build->memory;
	const struct hw_object *object = &memory->objects[module];
	const struct hw_layout *layout = &build->layouts[module];

	for (uint32_t i = first; i < end; i++) {
		const struct hw_mapping *mapping = &memory->mappings[i];

		if (mapping->module == module && !is_hole(layout, object->bias, mapping) &&
		    !is_at_place(layout, object->bias, mapping))
			hw_notes_damage(build->notes, mapping->start,
					"the program headers of %s say something else of this "
					"mapping (file offset 0x%" PRIx64 ", rights %u)",
					object->path, mapping->map_offset, mapping->perm);
	}
	check_data(build, object, layout);
	check_strangers(build, object, layout, end);
}

/* Mappings that are no object, but begin like one. */
void hw_build_check_rest(struct hw_build *build, const struct hw_mapping *mapping)
{
	uint64_t vdso;

	if (mapping->module != HW_NO_MODULE || mapping->size < SELFMAG ||
	    memcmp(mapping->data, ELFMAG, SELFMAG) != 0)
		return;
	if (mapping->name && mapping->map_offset)
		hw_notes_damage(build->notes, mapping->start,
				"%s has an ELF header here, at offset 0x%" PRIx64, mapping->name,
				mapping->map_offset);
	else if (mapping->name && has_strangers(build->memory, mapping))
		hw_notes_damage(build->notes, mapping->start,
				"the program headers of %s describe mappings that NT_FILE gives to "
				"other files",
				mapping->name);
	else if (!mapping->name && build->memory->target->auxv_count &&
		 !hw_target_auxv(build->memory->target, AT_SYSINFO_EHDR, &vdso))
		hw_notes_damage(build->notes, mapping->start,
				"an ELF header without a file, and NT_AUXV has no AT_SYSINFO_EHDR");
}
