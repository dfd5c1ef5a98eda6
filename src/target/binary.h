/* SPDX-License-Identifier: Apache-2.0 */
/* binary.h -- an ELF file on this machine that a target names: opened below a
 * sysroot without leaving it, regular files only, known by its build-id. */
#ifndef HW_TARGET_BINARY_H
#define HW_TARGET_BINARY_H
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define HW_BUILD_ID_MAX 64

struct hw_build_id {
	uint32_t size; /* 0: none. */
	uint8_t bytes[HW_BUILD_ID_MAX];
};

struct hw_binary {
	char *path; /* As opened, sysroot included. */
	int fd;
	const uint8_t *map; /* Read-only, whole file. */
	uint64_t size;
	struct hw_build_id build_id;
};

/* Opens path (absolute, as the target names it) below sysroot ("/" for none), with
 * symbolic links resolved inside it. Errors: TARGET, PERMISSION, UNSUPPORTED. */
struct hw_binary *hw_binary_open(const char *sysroot, const char *path, GError **error);
void hw_binary_free(struct hw_binary *binary); /* Accepts NULL. */

bool hw_build_id_equal(const struct hw_build_id *a, const struct hw_build_id *b);
char *hw_build_id_hex(const struct hw_build_id *id); /* "none" when empty; g_free(). */
/* Searches the notes of an ELF image in memory: program headers at image[e_phoff],
 * note bytes at image[p_offset] (is_file) or image[p_vaddr - first p_vaddr]. All reads
 * stay below size. ret->size is 0 when there is none. */
void hw_build_id_find(const uint8_t *image, uint64_t size, bool is_file, struct hw_build_id *ret);
/* The same in the bytes of one PT_NOTE segment, p_align as its header says. */
bool hw_build_id_in_notes(const uint8_t *bytes, uint64_t size, uint64_t p_align,
			  struct hw_build_id *ret);
#endif
