/* SPDX-License-Identifier: Apache-2.0 */
/* exports.c -- what an object exports and which bytes it contains, straight from the
 * file without libdwfl: asked of every object of every target. */
#include "module/private.h"
#include "target/elf.h"
#include <string.h>

/* .dynsym and its strings, inside the file. */
struct dynsym {
	const uint8_t *symbols;
	uint64_t count;
	const char *strings;
	uint64_t strings_size;
};

/* [offset, offset + size) of the image, cut at its end; NULL when it is all behind. */
static const uint8_t *part(const struct hw_elf *elf, uint64_t offset, uint64_t *size)
{
	if (offset >= elf->size)
		return NULL;
	*size = MIN(*size, elf->size - offset);
	return elf->image + offset;
}

static bool copy_section(const struct hw_elf *elf, uint64_t index, Elf64_Shdr *ret)
{
	uint64_t offset;

	return index < elf->header.e_shnum && elf->header.e_shentsize == sizeof(*ret) &&
	       !__builtin_add_overflow(elf->header.e_shoff, index * sizeof(*ret), &offset) &&
	       hw_elf_copy(elf->image, elf->size, offset, ret, sizeof(*ret));
}

static bool by_sections(const struct hw_elf *elf, struct dynsym *ret)
{
	Elf64_Shdr symbols;
	Elf64_Shdr strings;
	uint64_t size;

	for (uint64_t i = 0; copy_section(elf, i, &symbols); i++) {
		if (symbols.sh_type != SHT_DYNSYM || !copy_section(elf, symbols.sh_link, &strings))
			continue;
		size = symbols.sh_size;
		ret->symbols = part(elf, symbols.sh_offset, &size);
		ret->count = size / sizeof(Elf64_Sym);
		ret->strings_size = strings.sh_size;
		ret->strings = (const char *)part(elf, strings.sh_offset, &ret->strings_size);
		return ret->symbols && ret->strings;
	}
	return false;
}

/* File offset of an address of the unloaded image. */
static bool to_offset(const struct hw_elf *elf, uint64_t vaddr, uint64_t *ret)
{
	Elf64_Phdr phdr;

	for (uint32_t i = 0; hw_elf_phdr(elf, i, &phdr); i++) {
		if (phdr.p_type == PT_LOAD && vaddr >= phdr.p_vaddr &&
		    vaddr - phdr.p_vaddr < phdr.p_filesz) {
			*ret = phdr.p_offset + (vaddr - phdr.p_vaddr);
			return true;
		}
	}
	return false;
}

static void read_dynamic(const struct hw_elf *elf, uint64_t *symtab, uint64_t *strtab,
			 uint64_t *strsz)
{
	Elf64_Phdr phdr;
	Elf64_Dyn dyn;

	for (uint32_t i = 0; hw_elf_phdr(elf, i, &phdr); i++) {
		if (phdr.p_type != PT_DYNAMIC)
			continue;
		for (uint64_t at = 0; at < phdr.p_filesz; at += sizeof(dyn)) {
			if (!hw_elf_copy(elf->image, elf->size, phdr.p_offset + at, &dyn,
					 sizeof(dyn)) ||
			    dyn.d_tag == DT_NULL)
				return;
			if (dyn.d_tag == DT_SYMTAB)
				*symtab = dyn.d_un.d_ptr;
			else if (dyn.d_tag == DT_STRTAB)
				*strtab = dyn.d_un.d_ptr;
			else if (dyn.d_tag == DT_STRSZ)
				*strsz = dyn.d_un.d_val;
		}
		return;
	}
}

/* Without section headers (sstrip). The table has no length there; every linker puts
 * its strings right behind it, and a wrong end is harmless here. */
static bool by_dynamic(const struct hw_elf *elf, struct dynsym *ret)
{
	uint64_t symtab = 0;
	uint64_t strtab = 0;
	uint64_t symbols;
	uint64_t strings;
	uint64_t size;

	read_dynamic(elf, &symtab, &strtab, &ret->strings_size);
	if (!to_offset(elf, symtab, &symbols) || !to_offset(elf, strtab, &strings) ||
	    strings <= symbols)
		return false;
	size = strings - symbols;
	ret->symbols = part(elf, symbols, &size);
	ret->count = size / sizeof(Elf64_Sym);
	ret->strings = (const char *)part(elf, strings, &ret->strings_size);
	return ret->symbols && ret->strings;
}

bool hw_modules_exports(struct hw_modules *modules, uint32_t object, const char *name)
{
	const struct hw_memory *memory = modules->memory;
	size_t size = strlen(name) + 1;
	struct dynsym table = {0};
	struct hw_elf elf;

	if (object >= memory->object_count || !memory->objects[object].binary ||
	    !hw_elf_init(&elf, memory->objects[object].binary->map,
			 memory->objects[object].binary->size) ||
	    !(by_sections(&elf, &table) || by_dynamic(&elf, &table)))
		return false;
	for (uint64_t i = 0; i < table.count; i++) {
		Elf64_Sym sym;

		memcpy(&sym, table.symbols + i * sizeof(sym), sizeof(sym));
		if (sym.st_shndx != SHN_UNDEF && sym.st_name < table.strings_size &&
		    table.strings_size - sym.st_name >= size &&
		    !memcmp(table.strings + sym.st_name, name, size))
			return true;
	}
	return false;
}

static bool file_contains(const struct hw_binary *binary, const void *bytes, size_t size)
{
	struct hw_elf elf;
	Elf64_Phdr phdr;

	if (!hw_elf_init(&elf, binary->map, binary->size))
		return false;
	for (uint32_t i = 0; hw_elf_phdr(&elf, i, &phdr); i++) {
		uint64_t held = phdr.p_filesz;
		const uint8_t *data;

		if (phdr.p_type != PT_LOAD || (phdr.p_flags & PF_W))
			continue;
		data = part(&elf, phdr.p_offset, &held);
		if (data && memmem(data, held, bytes, size))
			return true;
	}
	return false;
}

bool hw_modules_contains(struct hw_modules *modules, uint32_t object, const void *bytes,
			 size_t size)
{
	const struct hw_memory *memory = modules->memory;
	const struct hw_object *found;

	if (object >= memory->object_count || size == 0)
		return false;
	found = &memory->objects[object];
	if (found->binary)
		return file_contains(found->binary, bytes, size);
	for (uint32_t i = hw_memory_find(memory, found->start);
	     i < memory->mapping_count && memory->mappings[i].start < found->end; i++) {
		const struct hw_mapping *mapping = &memory->mappings[i];

		if (mapping->module == object && !(mapping->perm & HW_PERM_W) && mapping->size &&
		    memmem(mapping->data, mapping->size, bytes, size))
			return true;
	}
	return false;
}
