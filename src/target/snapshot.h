/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.h -- a process that was read, as a file: an ELF core that gdb and every command
 * here open.
 *
 *     ELF header, program headers (one PT_NOTE, a PT_LOAD per segment of the target)
 *     notes as the kernel writes them: NT_PRSTATUS, NT_PRPSINFO, NT_SIGINFO, NT_AUXV,
 *       NT_FILE, NT_FPREGSET; then ours, owner "HEAPWALK":
 *       type 1   name, NUL, text, NUL       what the kernel said (hw_target_text())
 *       type 2   {u64 start, end; u64 HW_PAGE_ flags}[]   which pages there were
 *       type 3   {u64 start, end}[]         memory that exists and is not in the file
 *     pages; those of zeros, and those the process did not have, are holes
 *
 * Resident private pages are all it holds. A segment whose pages are elsewhere (in a file,
 * swapped out) has no bytes. */
#ifndef HW_TARGET_SNAPSHOT_H
#define HW_TARGET_SNAPSHOT_H
#include "target/target.h"

enum { HW_NOTE_TEXT = 1, HW_NOTE_PAGES = 2, HW_NOTE_MISSING = 3 };

struct hw_snapshot_options {
	int fd;           /* Empty, writable; the caller's. */
	const char *name; /* For messages. */
	bool is_packed;   /* zstd. */
	bool is_bare;     /* Arguments of the process are left out, too. */
	/* Changes a copy of size bytes at addr (offset in target->map) before it is written;
	 * NULL: nothing does. */
	void (*filter)(void *arg, hw_addr addr, uint64_t offset, uint8_t *bytes, uint64_t size);
	void *arg;
};

struct hw_snapshot_result {
	uint64_t size;      /* Of the file; unpacked. */
	uint64_t bytes;     /* Pages in it. */
	uint64_t zero;      /* Pages of zeros left out. */
	uint64_t undropped; /* Without contents: pages that may say something nevertheless. */
};

/* Writes target, a process after hw_process_freeze(). notes: its warnings, which go along.
 * Stops when the disk gets short or the user interrupts; the file is then to be removed. */
bool hw_snapshot_write(const struct hw_target *target, const struct hw_snapshot_options *options,
		       const struct hw_notes *notes, struct hw_snapshot_result *ret,
		       GError **error);
#endif
