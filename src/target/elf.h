/* SPDX-License-Identifier: Apache-2.0 */
/* elf.h -- ELF headers and notes read out of bytes that may lie. Everything is copied
 * out (no alignment is assumed) and bounded by the size given; nothing is kept. */
#ifndef HW_TARGET_ELF_H
#define HW_TARGET_ELF_H
#include <elf.h>
#include <stdbool.h>
#include <stdint.h>

#define HW_PAGE ((uint64_t)4096) /* The smallest page of x86-64; the kernel's unit. */

static inline uint64_t hw_page_down(uint64_t value)
{
	return value & ~(HW_PAGE - 1);
}

/* Rounds up; the last page of the address space stays where it is. */
static inline uint64_t hw_page_up(uint64_t value)
{
	return value > UINT64_MAX - HW_PAGE ? hw_page_down(UINT64_MAX)
					    : hw_page_down(value + HW_PAGE - 1);
}

/* An ELF64 little-endian x86-64 image, as a file or as mapped. */
struct hw_elf {
	const uint8_t *image;
	uint64_t size;
	Elf64_Ehdr header;
	uint32_t phdr_count; /* Whole program headers that the image holds. */
};

/* False when image is no such thing. */
bool hw_elf_init(struct hw_elf *elf, const uint8_t *image, uint64_t size);
bool hw_elf_phdr(const struct hw_elf *elf, uint32_t index, Elf64_Phdr *ret);

/* Copies size bytes at offset; false when they are not all there. */
bool hw_elf_copy(const uint8_t *image, uint64_t image_size, uint64_t offset, void *ret,
		 uint64_t size);

struct hw_elf_note {
	uint32_t type;
	uint32_t name_size; /* As in the header: with its NUL. */
	const char *name;   /* name_size bytes, borrowed; not always terminated. */
	const uint8_t *desc;
	uint64_t desc_size;
};

enum hw_elf_next { HW_ELF_NOTE, HW_ELF_END, HW_ELF_BAD };

/* The note at *offset of size bytes; moves *offset behind it. align is 4, or 8 for a
 * PT_NOTE aligned so (the gABI's; core files use 4). BAD: it does not fit. */
enum hw_elf_next hw_elf_note(const uint8_t *bytes, uint64_t size, uint64_t align, uint64_t *offset,
			     struct hw_elf_note *ret);
bool hw_elf_note_is(const struct hw_elf_note *note, const char *name, uint32_t type);
#endif
