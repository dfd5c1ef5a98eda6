/* SPDX-License-Identifier: Apache-2.0 */
/* private.h -- what the files that open a core share. Private to this stage. */
#ifndef HW_TARGET_PRIVATE_H
#define HW_TARGET_PRIVATE_H
#include "target/elf.h"
#include "target/target.h"

/* A core while it is being opened. */
struct core {
	struct hw_target *target;
	struct hw_notes *notes;
	const char *name;      /* For messages: the path, valid UTF-8. */
	const char *spool_dir; /* Or NULL. */
	Elf64_Ehdr header;
	uint64_t phdr_count; /* Whole ones in the file. */
	uint64_t phdr_declared;
	uint64_t promised_end;  /* Highest file offset any header speaks of. */
	uint64_t promised_lost; /* Bytes of segments and notes behind the end. */
	uint64_t lost_count;    /* Program headers with such bytes, */
	uint64_t lost_index;    /* the first of them */
	uint64_t lost_end;      /* and where it ends. */
};

/* open.c: opens and maps; refuses what can be no core. */
bool hw_core_open_file(struct core *core, const char *path, GError **error);
bool hw_core_read_header(struct core *core, GError **error);

/* headers.c: fills target->segments. */
bool hw_core_phdr(const struct core *core, uint64_t index, Elf64_Phdr *ret);
bool hw_core_read_segments(struct core *core, GError **error);
/* How much of [offset, offset + size) the file has; counts what it lacks as promised
 * by program header index. */
uint64_t hw_core_held(struct core *core, uint64_t offset, uint64_t size, uint64_t index);
void hw_core_warn_truncated(struct core *core);

/* layout.c: damage when headers do not account for the file. */
bool hw_core_check_layout(struct core *core, GError **error);

/* elf_notes.c, file_notes.c */
bool hw_core_read_notes(struct core *core, GError **error);
bool hw_core_read_files(struct core *core, const uint8_t *desc, uint64_t size, uint64_t at,
			GError **error);
/* snapshot_read.c: a note of our own. finish: when all were read. */
bool hw_core_read_own(struct core *core, const struct hw_elf_note *note, uint64_t at,
		      GError **error);
void hw_core_finish_own(struct core *core);
bool hw_core_no_memory(const struct core *core, const char *what, GError **error);
#endif
