/* SPDX-License-Identifier: Apache-2.0 */
/* target.h -- where bytes come from. A target is opened once, is immutable
 * afterwards, and is the only place that touches files or processes. */
#ifndef HW_TARGET_TARGET_H
#define HW_TARGET_TARGET_H
#include "base/notes.h"
#include "heapwalk/plugin.h"
#include <glib.h>

enum hw_target_kind { HW_TARGET_CORE, HW_TARGET_SNAPSHOT, HW_TARGET_PROCESS };

/* One range as the target's own headers give it (a PT_LOAD). May overlap others. */
struct hw_segment {
	hw_addr start;
	hw_addr end;         /* Exclusive; start < end. */
	uint32_t perm;       /* HW_PERM_ bits. */
	const uint8_t *data; /* Bytes held, borrowed; NULL when size is 0. */
	uint64_t size;       /* Bytes held from start on, ≤ end - start: what the file has. */
	uint64_t wanted;     /* Bytes the header promised; > size in a truncated file. */
	uint64_t offset;     /* Of data in the file. */
};

/* A line of NT_FILE. */
struct hw_file_map {
	hw_addr start;
	hw_addr end;
	uint64_t offset;  /* Bytes into the file. */
	const char *path; /* Valid UTF-8, borrowed. */
};

/* x86-64 user_regs_struct order: r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx
 * rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs. */
#define HW_REGS 27
enum { HW_REG_IP = 16, HW_REG_SP = 19, HW_REG_FS_BASE = 21 };

struct hw_thread {
	int32_t tid;
	int32_t signal; /* Current signal, 0 when none. */
	uint64_t regs[HW_REGS];
};

struct hw_auxv {
	uint64_t type;
	uint64_t value;
};

/* Bytes [start, end) of a file that are no hole. */
struct hw_stretch {
	uint64_t start;
	uint64_t end;
};

/* Pages of one kind that a process had. */
enum {
	HW_PAGE_PRESENT = 1, /* Resident. */
	HW_PAGE_SWAPPED = 2,
	HW_PAGE_FILE = 4,  /* Of a mapped file or of shared memory. */
	HW_PAGE_HUGE = 8,  /* Part of a huge page. */
	HW_PAGE_LAZY = 16, /* Given back with MADV_FREE; only where the kernel tells (root). */
	HW_PAGE_FLAGS = 31,
};
struct hw_page_run {
	hw_addr start;
	hw_addr end; /* Exclusive. */
	uint32_t flags;
};

struct hw_target {
	enum hw_target_kind kind;
	char *path;         /* "process 4711" for one. */
	const uint8_t *map; /* The whole file, read-only. */
	uint64_t map_size;
	bool truncated;   /* The file ends before its headers say. */
	uint64_t ends_at; /* File size; what was promised beyond is missing. */

	struct hw_segment *segments; /* In file order. */
	uint32_t segment_count;
	struct hw_file_map *file_maps; /* By start. */
	uint32_t file_map_count;
	bool has_file_maps;
	bool lists_all;            /* Every mapping has a segment: the kernel's cores, not gdb's. */
	struct hw_thread *threads; /* In file order: the kernel puts the dying one first. */
	uint32_t thread_count;
	struct hw_auxv *auxv;
	uint32_t auxv_count;
	int32_t pid;
	char *command;      /* NT_PRPSINFO pr_fname, or NULL. */
	char *arguments;    /* pr_psargs, or NULL. */
	int32_t signal;     /* NT_SIGINFO si_signo, or 0. */
	hw_addr fault_addr; /* si_addr for SIGSEGV and SIGBUS. */

	/* What the kernel said, of a process or a snapshot; see hw_target_text(). NULL for others.
	 */
	GHashTable *texts;
	struct hw_page_run *pages; /* By start, disjoint: what was in memory. */
	size_t page_count;
	struct hw_process *process; /* Of HW_TARGET_PROCESS, borrowed; else NULL. */
	uint64_t stopped_ns;        /* How long a process stood still for this, */
	uint64_t waited_ns;         /* and how much of it we waited for a processor ourselves. */
	bool has_contents;          /* Of every page in pages that is of no file and not swapped. */

	/* Private. */
	struct hw_stretch *stretches; /* Sorted; where a process has pages. */
	size_t stretch_count;
	size_t stretch_room;
	size_t page_room;
	int fd;
	int64_t mtime_ns;    /* At open: tells whether the file changed since. */
	uint64_t faults;     /* hw_target_faults() at open. */
	size_t segment_room; /* Items the arrays above have room for. */
	size_t file_map_room;
	size_t thread_room;
	size_t auxv_room;
	GStringChunk *strings;
	GMutex lock;         /* Of the last answer of SEEK_DATA and SEEK_HOLE: */
	uint64_t data_start; /* [hole_start, data_start) is a hole, */
	uint64_t data_end;   /* [data_start, data_end) is data. */
	uint64_t hole_start;
};

struct hw_target_options {
	const char *spool_dir; /* Where bytes go that need a file of ours; NULL: $TMPDIR, else
				* /var/tmp, /tmp, unless that is in memory. */
};

/* Opens a core file. One packed with gzip, zstd, xz, lz4 or bzip2 is unpacked into a file
 * without a name in options->spool_dir. options may be NULL. Warnings (truncated, bad notes)
 * go to notes. Errors: TARGET (missing, a directory, a FIFO, unreadable, no disk to unpack),
 * PERMISSION, UNSUPPORTED (not a core, other class or machine). Messages name file, offset,
 * field and bound. NULL on error. */
struct hw_target *hw_target_open(const char *path, const struct hw_target_options *options,
				 struct hw_notes *notes, GError **error);
void hw_target_free(struct hw_target *target);             /* Accepts NULL. */
struct hw_target *hw_target_new(enum hw_target_kind kind); /* An empty one, to be filled. */

/* A text of the kernel as it was: "smaps", "status", "memory.stat", …; NULL: not known. */
const char *hw_target_text(const struct hw_target *target, const char *name);
/* Resident bytes of [start, end); UINT64_MAX where a target does not know (a core). */
uint64_t hw_target_resident(const struct hw_target *target, hw_addr start, hw_addr end);
uint64_t hw_target_swapped(const struct hw_target *target, hw_addr start, hw_addr end);
uint64_t hw_target_lazy(const struct hw_target *target, hw_addr start, hw_addr end);

/* Value of an auxv entry; false when there is none. */
bool hw_target_auxv(const struct hw_target *target, uint64_t type, uint64_t *ret);

/* The next stretch of file [offset, end) that is no hole (SEEK_DATA, SEEK_HOLE).
 * False when only holes are left. On a file system without holes: all of it. */
bool hw_target_data(const struct hw_target *target, uint64_t offset, uint64_t end,
		    uint64_t *start_ret, uint64_t *end_ret);

/* Pages of mapped files (cores and binaries) that vanished under us since the program
 * began: a SIGBUS handler put zeros there. */
uint64_t hw_target_faults(void);

/* To be called when all has been read: says in the notes (target-changed, incomplete)
 * when the file was cut or written to since it was opened. */
void hw_target_check(const struct hw_target *target, struct hw_notes *notes);
#endif
