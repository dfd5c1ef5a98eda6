/* SPDX-License-Identifier: Apache-2.0 */
/* elf.c -- bounded access to ELF headers and notes. Knows nothing of cores. */
#include "target/elf.h"
#include <string.h>

bool hw_elf_copy(const uint8_t *image, uint64_t image_size, uint64_t offset, void *ret,
		 uint64_t size)
{
	if (!image || offset > image_size || size > image_size - offset)
		return false;
	memcpy(ret, image + offset, size);
	return true;
}

bool hw_elf_init(struct hw_elf *elf, const uint8_t *image, uint64_t size)
{
	Elf64_Ehdr header;
	uint64_t held;

	if (!hw_elf_copy(image, size, 0, &header, sizeof(header)) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_machine != EM_X86_64)
		return false;
	held = header.e_phoff < size ? (size - header.e_phoff) / sizeof(Elf64_Phdr) : 0;
	if (header.e_phentsize != sizeof(Elf64_Phdr))
		held = 0;
	*elf = (struct hw_elf){
	    .image = image,
	    .size = size,
	    .header = header,
	    .phdr_count = held < header.e_phnum ? (uint32_t)held : header.e_phnum,
	};
	return true;
}

bool hw_elf_phdr(const struct hw_elf *elf, uint32_t index, Elf64_Phdr *ret)
{
	if (index >= elf->phdr_count)
		return false;
	return hw_elf_copy(elf->image, elf->size, elf->header.e_phoff + index * sizeof(*ret), ret,
			   sizeof(*ret));
}

/* size bytes and their padding, or what is left when only the padding is cut. */
static bool skip(uint64_t *offset, uint64_t total, uint64_t size, uint64_t align)
{
	uint64_t left = total - *offset;
	uint64_t padded = (size + align - 1) & ~(align - 1);

	if (size > left)
		return false;
	*offset += padded < left ? padded : left;
	return true;
}

enum hw_elf_next hw_elf_note(const uint8_t *bytes, uint64_t size, uint64_t align, uint64_t *offset,
			     struct hw_elf_note *ret)
{
	Elf64_Nhdr header;
	uint64_t at = *offset;

	if (at >= size)
		return HW_ELF_END;
	if (!hw_elf_copy(bytes, size, at, &header, sizeof(header)))
		return HW_ELF_BAD;
	at += sizeof(header);
	*ret = (struct hw_elf_note){
	    .type = header.n_type,
	    .name_size = header.n_namesz,
	    .name = (const char *)bytes + at,
	    .desc_size = header.n_descsz,
	};
	/* With align 8 the header is 12 bytes: the name's end is what gets aligned. */
	if (align == 8 && header.n_namesz <= size - at)
		at = ((at + header.n_namesz + 7) & ~(uint64_t)7) < size
			 ? ((at + header.n_namesz + 7) & ~(uint64_t)7)
			 : size;
	else if (!skip(&at, size, header.n_namesz, 4))
		return HW_ELF_BAD;
	ret->desc = bytes + at;
	if (!skip(&at, size, header.n_descsz, align))
		return HW_ELF_BAD;
	*offset = at;
	return HW_ELF_NOTE;
}

bool hw_elf_note_is(const struct hw_elf_note *note, const char *name, uint32_t type)
{
	size_t length = strlen(name);

	if (note->type != type || note->name_size < length)
		return false;
	/* Some writers leave the NUL out. */
	return !memcmp(note->name, name, length) &&
	       (note->name_size == length || note->name[length] == '\0');
}
