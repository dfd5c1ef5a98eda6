/* SPDX-License-Identifier: Apache-2.0 */
/* binary.h -- an ELF file on this machine that a target names: opened below a
 * sysroot without leaving it, regular files only, known by its build-id. */
#ifndef HW_TARGET_BINARY_H
#define HW_TARGET_BINARY_H
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define HW_BUILD_ID_MAX 128

/* What tells two builds apart: the note that linkers write. Go's has a note of its own,
 * and up to 1.23 often no other; its bytes are text. */
struct hw_build_id {
	uint32_t size; /* 0: none. */
	bool is_text;
	uint8_t bytes[HW_BUILD_ID_MAX];
};

/* Both notes of one image. */
struct hw_identity {
	struct hw_build_id gnu; /* NT_GNU_BUILD_ID */
	struct hw_build_id go;  /* Owner "Go", type 4 (cmd/internal/buildid). */
};

struct hw_binary {
	char *path; /* As opened, sysroot included. */
	int fd;
	const uint8_t *map; /* Read-only, whole file. */
	uint64_t size;
	struct hw_identity identity;
};

/* Opens path (absolute, as the target names it) below sysroot ("/" for none), with
 * symbolic links resolved inside it. Errors: TARGET, PERMISSION, UNSUPPORTED. */
struct hw_binary *hw_binary_open(const char *sysroot, const char *path, GError **error);
/* The same through a link below dir that the kernel made: no name is followed twice. */
struct hw_binary *hw_binary_open_at(int dir, const char *name, GError **error);
void hw_binary_free(struct hw_binary *binary); /* Accepts NULL. */

bool hw_build_id_equal(const struct hw_build_id *a, const struct hw_build_id *b);
/* Hex digits; Go's as it is, made printable; "none" when empty; g_free(). */
char *hw_build_id_hex(const struct hw_build_id *id);
/* The note that both have: the pair to compare, GNU's first. False when there is none. */
bool hw_identity_common(const struct hw_identity *a, const struct hw_identity *b,
			const struct hw_build_id **a_ret, const struct hw_build_id **b_ret);
/* Searches the notes of an ELF image in memory: program headers at image[e_phoff],
 * note bytes at image[p_offset] (is_file) or image[p_vaddr - first p_vaddr]. All reads
 * stay below size. A size of 0 in ret: there is no such note. */
void hw_identity_find(const uint8_t *image, uint64_t size, bool is_file, struct hw_identity *ret);
/* Adds those in the bytes of one PT_NOTE segment that ret lacks; p_align as its header says. */
void hw_identity_in_notes(const uint8_t *bytes, uint64_t size, uint64_t p_align,
			  struct hw_identity *ret);
#endif
