/* SPDX-License-Identifier: Apache-2.0 */
/* layout.c -- do the headers account for the file? Kernel and gdb write every byte of a
 * core for some header, once; bytes nobody names mean a header was lost or damaged,
 * and with it memory we would otherwise silently not see. */
#include "base/array.h"
#include "target/private.h"
#include <inttypes.h>
#include <stdlib.h>

struct extent {
	uint64_t start;
	uint64_t end; /* Exclusive. */
};

struct extents {
	struct extent *items;
	size_t count;
	size_t room;
};

static void add(struct extents *list, uint64_t start, uint64_t size, uint64_t file_size)
{
	if (size == 0 || start >= file_size || list->count == list->room)
		return;
	list->items[list->count++] = (struct extent){start, start + MIN(size, file_size - start)};
}

/* gdb adds section headers for everything and a table of their names. */
static void add_sections(const struct core *core, struct extents *list)
{
	const struct hw_target *target = core->target;
	const Elf64_Ehdr *header = &core->header;
	/* With PN_XNUM the kernel writes one section header and says so. */
	uint64_t count = header->e_shnum;
	Elf64_Shdr names;

	if (header->e_shoff == 0 || header->e_shentsize != sizeof(Elf64_Shdr))
		return;
	add(list, header->e_shoff, count * sizeof(Elf64_Shdr), target->map_size);
	if (header->e_shstrndx < count &&
	    hw_elf_copy(target->map, target->map_size,
			header->e_shoff + header->e_shstrndx * sizeof(names), &names,
			sizeof(names)) &&
	    names.sh_type == SHT_STRTAB)
		add(list, names.sh_offset, names.sh_size, target->map_size);
}

static int compare(const void *a, const void *b)
{
	const struct extent *x = a;
	const struct extent *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void check_gap(const struct core *core, uint64_t start, uint64_t end)
{
	/* The kernel aligns memory to a page, gdb everything to 8. */
	if (end > start && end - start >= HW_PAGE)
		hw_notes_damage(core->notes, 0,
				"0x%" PRIx64 " bytes at file offset 0x%" PRIx64
				" belong to no program header",
				end - start, start);
}

static void check_extents(const struct core *core, const struct extents *list)
{
	uint64_t end = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct extent *extent = &list->items[i];

		check_gap(core, end, extent->start);
		if (extent->start < end)
			hw_notes_damage(core->notes, 0,
					"two headers claim the bytes at file offset 0x%" PRIx64,
					extent->start);
		end = MAX(end, extent->end);
	}
	check_gap(core, end, core->target->map_size);
}

/* A header behind the last one that e_phnum counts? */
static void check_count(const struct core *core)
{
	uint64_t at = core->header.e_phoff + core->phdr_count * sizeof(Elf64_Phdr);
	Elf64_Phdr phdr;
	Elf64_Phdr last;

	if (core->phdr_count < core->phdr_declared || !core->phdr_count ||
	    !hw_core_phdr(core, core->phdr_count - 1, &last) ||
	    !hw_elf_copy(core->target->map, core->target->map_size, at, &phdr, sizeof(phdr)))
		return;
	if (phdr.p_type == PT_LOAD && phdr.p_flags <= (PF_R | PF_W | PF_X) &&
	    phdr.p_memsz >= phdr.p_filesz && phdr.p_memsz && phdr.p_align == last.p_align &&
	    phdr.p_vaddr >= last.p_vaddr)
		hw_notes_damage(core->notes, 0,
				"e_phnum says %" PRIu64
				", but a program header follows at file offset 0x%" PRIx64,
				core->phdr_declared, at);
}

/* The kernel writes one program header for each mapping, and one entry of NT_FILE for
 * each that has a file: with the same borders, in the same order. */
static void check_files(const struct core *core)
{
	const struct hw_target *target = core->target;
	uint32_t at = 0;

	/* Of files a snapshot has single pages. */
	if (target->kind == HW_TARGET_SNAPSHOT)
		return;
	for (uint32_t i = 0; target->lists_all && i < target->file_map_count; i++) {
		const struct hw_file_map *file = &target->file_maps[i];

		while (at < target->segment_count && target->segments[at].start < file->start)
			at++;
		if (at < target->segment_count && target->segments[at].start == file->start &&
		    target->segments[at].end == file->end)
			continue;
		hw_notes_damage(core->notes, file->start,
				"NT_FILE says that %s is mapped at 0x%" PRIx64 "-0x%" PRIx64
				", but no program header has that range",
				file->path, file->start, file->end);
	}
}

bool hw_core_check_layout(struct core *core, GError **error)
{
	const struct hw_target *target = core->target;
	struct extents list = {.room = core->phdr_count + 4};
	Elf64_Phdr phdr;

	list.items = hw_array_resize(NULL, 0, list.room, sizeof(*list.items));
	if (!list.items)
		return hw_core_no_memory(core, "program headers", error);
	add(&list, 0, sizeof(Elf64_Ehdr), target->map_size);
	add(&list, core->header.e_phoff, core->phdr_count * sizeof(phdr), target->map_size);
	add_sections(core, &list);
	for (uint64_t i = 0; hw_core_phdr(core, i, &phdr); i++)
		if (phdr.p_type == PT_LOAD || phdr.p_type == PT_NOTE)
			add(&list, phdr.p_offset, phdr.p_filesz, target->map_size);
	qsort(list.items, list.count, sizeof(*list.items), compare);
	check_extents(core, &list);
	check_count(core);
	check_files(core);
	hw_array_resize(list.items, list.room, 0, sizeof(*list.items));
	return true;
}
