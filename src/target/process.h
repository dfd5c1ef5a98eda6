/* SPDX-License-Identifier: Apache-2.0 */
/* process.h -- a living process as a target.
 *
 * Its memory is copied, page by page, into a spool: a sparse file without a name that
 * is mapped read-only, so that everything above reads it like a core. A page gets
 * there when it is first looked at (while reading is allowed), or all at once. Pages
 * that the process does not have resident are never touched: they are holes of the
 * spool and read as zeros, or, when they are swapped out, are missing.
 *
 *   hw_process_open()      may we? what is there?
 *   hw_process_look()      a target to rehearse with; the process runs on
 *   hw_process_prepare()   what will be read is copied once while it runs
 *   hw_process_stop()      every thread stands still, outside of its allocators if possible
 *   hw_process_read()      into the spool: all, or what a look() showed to be needed
 *   hw_process_release()   the threads run again
 *   hw_process_freeze()    what was not read is missing from now on
 *   hw_process_target()    a target of the moment of the stop
 *
 * While stopped nothing may block: no output, no waiting. A deadline releases the
 * process from a signal handler; hw_process_is_late() tells. When this program dies
 * the kernel releases the threads. One process at a time. */
#ifndef HW_TARGET_PROCESS_H
#define HW_TARGET_PROCESS_H
#include "target/binary.h"
#include "target/target.h"

enum hw_stop_mode {
	HW_STOP_BUDGET = 0, /* At most so long; what was not read by then is missing. */
	HW_STOP_ALL,        /* As long as reading everything takes. */
	HW_STOP_NONE,       /* The process runs on: totals are of no one moment. */
};

#define HW_STOP_DEFAULT_NS ((uint64_t)250 * 1000 * 1000)

struct hw_process_options {
	enum hw_stop_mode mode;
	uint64_t max_stop_ns;  /* 0: the default in BUDGET mode, no limit in ALL. */
	const char *spool_dir; /* NULL: TMPDIR, /var/tmp or /tmp, whichever is on disk. */
	bool wants_kernel;     /* Also what the kernel counts (hw_target_text()). */
};

struct hw_process;

/* size (4 or 8) bytes that are not zero while a thread is inside an allocator. */
struct hw_lock {
	hw_addr addr;
	uint32_t size;
};

/* Looks at pid without touching it. Errors: TARGET (gone, zombie, kernel thread),
 * PERMISSION, UNSUPPORTED (32-bit), each with what was found to be the cause and what
 * to do. options is copied, spool_dir borrowed. NULL on error. */
struct hw_process *hw_process_open(int32_t pid, const struct hw_process_options *options,
				   GError **error);
void hw_process_close(struct hw_process *process); /* Accepts NULL. Releases. */

/* A target of now. Give it back with hw_target_free() before the next is made. NULL on
 * error. The process borrowed by a target must outlive it. */
struct hw_target *hw_process_look(struct hw_process *process, GError **error);

/* Copies what read() will read: all of it in ALL mode, what was looked at since look() in
 * BUDGET mode. At the stop only what has changed is written. Checks that the disk has room.
 * *bytes_ret: wanted in all; *expected_ns_ret: what reading took, as it will be done then. */
bool hw_process_prepare(struct hw_process *process, uint64_t *bytes_ret, uint64_t *expected_ns_ret,
			GError **error);

/* The locks that stop() looks at: while one is held it lets the process go on for a moment,
 * a few times at most. locks is copied. False: no memory. */
bool hw_process_expect_locks(struct hw_process *process, const struct hw_lock *locks,
			     uint32_t count);
/* Stops every thread. The deadline, if there is one, runs from here on. On error the process
 * runs. */
bool hw_process_stop(struct hw_process *process, GError **error);
/* In ALL mode everything into the spool; in BUDGET mode modules' data, stacks, and what was
 * looked at before, at look() or after an earlier stop. As much as the deadline allows:
 * hw_process_is_late() tells. False when the user interrupted or the process is gone. */
bool hw_process_read(struct hw_process *process, GError **error);
/* A target of the moment, to work with while it stands: what was not read yet is read when it
 * is looked at. NULL on error. */
struct hw_target *hw_process_show(struct hw_process *process, GError **error);
/* With options.wants_kernel: what the kernel counts now, as the last thing before release(),
 * if there is time. */
void hw_process_account(struct hw_process *process);
void hw_process_release(struct hw_process *process); /* Does nothing when it runs. */
enum hw_stop_mode hw_process_mode(const struct hw_process *process);
/* The deadline passed before release(): what was read since is not of the moment, and
 * whatever was computed from it must be thrown away. */
bool hw_process_is_late(const struct hw_process *process);
/* After release(): ends reading and tells in notes what is missing and why. target: that of
 * show(), or NULL. False when the deadline left pages unread: target, and what was computed
 * from it, must then be thrown away, and hw_process_rest() gives the target to go on with,
 * where those pages are missing. */
bool hw_process_freeze(struct hw_process *process, struct hw_target *target,
		       struct hw_notes *notes);
/* After a freeze() that was true: a target of the moment of the stop, where what was not read
 * reads as zeros and is counted by hw_process_missed(). NULL on error. */
struct hw_target *hw_process_target(struct hw_process *process, GError **error);
struct hw_target *hw_process_rest(struct hw_process *process, GError **error);
/* In NONE mode, where nothing is frozen: tells what will not be read. */
void hw_process_tell(const struct hw_process *process, struct hw_notes *notes);
/* After work on target() that missed something: tells what was not read. rest() is next. */
void hw_process_give_up(struct hw_process *process, struct hw_notes *notes);
/* Could it be stopped again, within what is left of the budget, to read what was missed? */
bool hw_process_has_time(const struct hw_process *process);
/* Bytes that were looked at after freeze() but had not been read: they read as zeros. */
uint64_t hw_process_missed(const struct hw_process *process);
/* Bytes that had no room in the spool, where nothing else tells of them (HW_STOP_NONE); they read
 * as zeros. */
uint64_t hw_process_lost(const struct hw_process *process);

/* Time left before the deadline; UINT64_MAX without one, 0 behind it. */
uint64_t hw_process_time_left(const struct hw_process *process);
uint64_t hw_process_time_spent(const struct hw_process *process); /* Since it was stopped; or 0. */
/* How long it stood still in all, over every stop(). */
uint64_t hw_process_stopped_ns(const struct hw_process *process);

/* Where the process sees its files: "/" or "/proc/PID/root". Borrowed. */
const char *hw_process_root(const struct hw_process *process);
/* The file that is mapped at start, whatever its name means by now. NULL on error. */
struct hw_binary *hw_process_binary(const struct hw_process *process, hw_addr start, hw_addr end,
				    GError **error);
#endif
