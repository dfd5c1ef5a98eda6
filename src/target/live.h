/* SPDX-License-Identifier: Apache-2.0 */
/* live.h -- what the files that read a process share. Private to this stage. */
#ifndef HW_TARGET_LIVE_H
#define HW_TARGET_LIVE_H
#include "target/elf.h"
#include "target/process.h"
#include <stdatomic.h>
#include <sys/types.h>

/* What a page is: categories of the ioctl PAGEMAP_SCAN, include/uapi/linux/fs.h. */
enum {
	LIVE_FILE = 1 << 2,    /* Of a mapped file or of shared memory. */
	LIVE_PRESENT = 1 << 3, /* In memory. */
	LIVE_SWAPPED = 1 << 4,
	LIVE_ZERO = 1 << 5, /* The kernel's page of zeros: in no RSS. */
	LIVE_HUGE = 1 << 6,
	LIVE_FORCED = 1 << 16, /* Ours: not resident, but read (an ELF header). */
	LIVE_SHARED = 1 << 17, /* Ours, of pagemap: not this process's alone; may be LIVE_ZERO. */
	LIVE_ELSEWHERE = 1 << 18, /* Ours: shared memory that is in no page table of the process. */
};

/* Pages of one kind. */
struct live_run {
	hw_addr start;
	hw_addr end; /* Exclusive. */
	uint32_t flags;
};

/* One mapping of /proc/PID/smaps; sizes in bytes. */
struct live_vma {
	hw_addr start;
	hw_addr end;
	uint64_t rss;
	uint64_t huge; /* AnonHugePages */
	uint64_t lazy; /* LazyFree */
};

#define LIVE_FRAMES     64 /* Neighbours that are read in one go. */
#define LIVE_PM_PRESENT ((uint64_t)1 << 63)

/* /proc/kpageflags. */
struct live_frames {
	int fd;         /* -1: we may not. */
	uint64_t first; /* Frame of words[0]. */
	uint64_t count; /* Of words that were read. */
	uint64_t words[LIVE_FRAMES];
};

/* One line of /proc/PID/maps. */
struct live_map {
	hw_addr start;
	hw_addr end;
	uint64_t file_offset;
	uint64_t spool; /* Offset of start in the spool, if it is kept. */
	uint32_t perm;  /* HW_PERM_ */
	bool is_shared;
	bool is_file;     /* path is a path. */
	bool is_kept;     /* Contents belong into the spool; it has a place there. */
	const char *path; /* As printed, valid UTF-8; "" for none. */
};

#define LIVE_MISSES 4096
#define LIVE_CHUNK  ((uint64_t)64 << 10) /* What is read for one look, at least. */

/* Address space, and where in the spool it goes. It stays there as long as the process is
 * looked at: what was copied before a stop is at its place then, if its mapping moved its
 * borders or not. All three are multiples of LIVE_CHUNK. */
struct live_place {
	hw_addr start;
	hw_addr end;
	uint64_t at;
};

/* What a page in the spool has in it; zeros: not known, and then it reads as zeros. */
struct live_tag {
	uint64_t word[2];
};
#define LIVE_KEY (4096 + 32) /* Bytes of random numbers that a tag depends on. */

/* The unnamed file. It is written to with pwrite() and read through a map. */
struct live_spool {
	int fd;
	uint64_t size;
	uint8_t *in;      /* Shared; PROT_NONE where a chunk was not read yet. */
	uint8_t *done;    /* Bit per chunk: read, or given up, since the last stop began. */
	uint8_t *listed;  /* Bit per chunk: in the list that is being read. */
	uint8_t *written; /* Bit per chunk: something was put there. */
	uint8_t *lost;    /* Bit per chunk: a page of it had no room since the last forgetting. */
	struct live_tag *tags; /* One a page. NULL: no memory for them. */
	uint8_t key[LIVE_KEY];
	uint64_t limit; /* Most bytes to be put there: of disk, or of a cgroup's headroom. */
	_Atomic uint64_t used;
	char *dir;
};

struct live_thread {
	pid_t tid;
	int signal; /* Caught on its way in; to be passed on. */
	bool is_stopped;
};

/* Who did not stop in time, as it was then. */
struct live_stuck {
	pid_t tid;      /* 0: new threads came all the time. */
	char state;     /* As in /proc/PID/stat. */
	char where[64]; /* wchan: a function of the kernel; "" when that is not told. */
};

enum live_seized {
	LIVE_SEIZED = 0,
	LIVE_STUCK,   /* process->stuck: another attempt may do. No error is set. */
	LIVE_REFUSED, /* For good; an error is set. */
};

enum live_state {
	LIVE_RUNNING = 0, /* Reading is allowed: a rehearsal, or no stop at all. */
	LIVE_STOPPED,
	LIVE_LATE,   /* Let go by the deadline. */
	LIVE_FROZEN, /* Nothing is read any more. */
};

struct hw_process {
	int32_t pid;
	pid_t alive; /* A thread that has not ended: pid, but where the first thread has. */
	struct hw_process_options options;
	uint64_t start_time; /* Field 22 of stat: tells a reused pid. */
	int pidfd;
	int dir;     /* /proc/PID, or that of the thread that has not ended. */
	int mem;     /* Reopened at every stop: exec gives the process other memory. */
	int pagemap; /* The same. */
	char *command;
	char *root;
	char *cgroup; /* Directory of its memory cgroup, or NULL. */
	bool is_v2;
	uint64_t headroom;  /* Of the limits that we share with it; UINT64_MAX: none. */
	uint64_t kernel_ns; /* What reading the next took. */
	bool is_early;      /* They are from before the stop. */
	GHashTable *texts;  /* char * by name: what the kernel says. */
	uint8_t *floats;    /* struct user_fpregs_struct of each of registers, for snapshots. */

	struct live_map *maps;
	size_t map_count;
	size_t map_room;
	GStringChunk *strings;
	struct live_run *runs; /* By address, disjoint, inside maps. */
	size_t run_count;
	size_t run_room;
	struct live_run *old_runs; /* Those of the look before. */
	size_t old_run_count;
	size_t old_run_room;
	struct live_place *places; /* By their place in the spool. */
	size_t place_count;
	size_t place_room;
	size_t place_sorted;   /* So many of the first are by address, too. */
	struct live_run *lazy; /* By address: given back with MADV_FREE, still there. */
	size_t lazy_count;
	size_t lazy_room;
	struct live_run *looked; /* What a look() read, in that order: up to a most. */
	size_t looked_count;
	struct live_run *learned; /* The same, in the order in which it is read again. */
	size_t learned_count;
	size_t learned_room;
	struct live_run *misses; /* Those that had not been read; room for LIVE_MISSES. */
	size_t miss_count;

	struct hw_lock *locks; /* Of its allocators, as the rehearsal found them. */
	uint32_t lock_count;

	/* Those that are seized; while it runs: those that were interrupted and have not stopped.
	 */
	struct live_thread *threads;
	size_t thread_count;
	size_t thread_room;
	struct hw_thread *registers; /* Of the last stop. */
	size_t register_count;
	size_t register_room;
	pid_t tracer; /* The thread of ours that holds them. */
	volatile enum live_state state;
	volatile bool is_armed;   /* The deadline may let go. */
	volatile bool is_watched; /* Who stops while it runs is let go. */
	struct live_stuck stuck;  /* Of the last attempt. */
	bool has_read;            /* All that was to be read at this stop has been. */
	uint64_t deadline_ns;     /* CLOCK_MONOTONIC; 0: none. */
	uint64_t stop_began_ns;
	uint64_t read_ns; /* How long the last reading of what was learned took. */
	volatile uint64_t stopped_ns;
	uint64_t queued_ns;          /* What we had waited for a processor when it began, */
	volatile uint64_t waited_ns; /* and of all stops. */

	struct live_spool spool;
	atomic_flag filling;
	volatile bool is_gone;       /* It has no memory any more. */
	_Atomic uint64_t unreadable; /* Bytes that the kernel refused. */
	_Atomic uint64_t spool_full; /* Bytes that the spool had no room for. */
	uint64_t unread;             /* Bytes that were wanted and not read. */
	_Atomic uint64_t missed;     /* Bytes looked at when nothing was read any more. */
	uint64_t next_fill;          /* Where a walk by ascending addresses goes on, */
	uint64_t fill_size;          /* and how much it gets then. */
	uint64_t fills;
};

uint64_t live_now_ns(void);

/* live_proc.c: files below /proc/PID. text: NUL-terminated, g_free(); NULL and errno. */
char *live_read(int dir, const char *name, size_t *size_ret);
/* The number behind "Key:" of a status-like text; false when there is none. */
bool live_field(const char *text, const char *key, uint64_t *ret);
bool live_read_maps(struct hw_process *process, GError **error);
/* A number of /proc/PID/stat, from field 4 on; false when there is none. */
bool live_stat_field(const char *stat, int field, uint64_t *ret);
bool live_start_time(int dir, uint64_t *ret, char *state_ret);
/* The next mapping of a text as smaps; *at: where it goes on, NULL behind the last one. */
bool live_next_vma(const char **at, struct live_vma *ret);

/* live_refuse.c: why not, in words. what: the call that failed, errnum its error. */
bool live_refuse_kind(struct hw_process *process, GError **error);
void live_refuse(const struct hw_process *process, int errnum, const char *what, GError **error);

/* live_stop.c. Times are in ns. */
/* Every thread stands still, or none. patience: how long to wait for one thread; most: for all of
 * them. */
enum live_seized live_seize(struct hw_process *process, uint64_t patience, uint64_t most,
			    GError **error);
/* After STUCK, while the others run: until those that did not stop have. The last one is kept, for
 * live_seize(), which has to follow. False: not before end, or the user interrupted. */
bool live_await(struct hw_process *process, uint64_t end);
/* After STUCK, and no live_seize() follows: lets them go as soon as they stop. */
void live_watch(struct hw_process *process);
void live_refuse_stuck(const struct hw_process *process, GError **error);
void live_detach(struct hw_process *process); /* Async-signal-safe. */
void live_arm(struct hw_process *process);
void live_disarm(struct hw_process *process);

/* live_held.c */
/* Is one of process->locks held? Of a process that stands. */
bool live_is_locked(const struct hw_process *process);
bool live_registers(struct hw_process *process, GError **error);

/* live_pages.c: which pages there are. */
bool live_scan(struct hw_process *process, GError **error);
bool live_scan_was_old(void); /* By pagemap. */
/* Narrows run to the part inside [start, end) of map whose contents are copied. False
 * when there is none. */
bool live_wanted(const struct live_map *map, struct live_run *run, hw_addr start, hw_addr end);
/* The first run that ends after addr. */
size_t live_find_run(const struct hw_process *process, hw_addr addr);

/* live_place.c: gives the mappings their places. New ones go behind those there are. */
bool live_place_all(struct hw_process *process, uint64_t *size_ret);
/* The first mapping that ends above addr, NULL past the last. For ascending addresses: *next is
 * 0 at first, and where the search goes on. */
const struct live_map *live_map_from(const struct hw_process *process, size_t *next, hw_addr addr);
/* The same for one address: an index, map_count for none. */
size_t live_find_map(const struct hw_process *process, hw_addr addr);
/* Goes through what is wanted of a part of the spool. */
struct live_walk {
	const struct hw_process *process;
	uint64_t from;
	uint64_t to;
	size_t place;
	bool is_inside; /* The next are of that place. */
	hw_addr addr;
	hw_addr end;
	size_t map;
	size_t run;
};
struct live_piece {
	hw_addr addr;
	uint64_t at; /* In the spool. */
	uint64_t size;
};
void live_walk_init(struct live_walk *walk, const struct hw_process *process, uint64_t from,
		    uint64_t to);
bool live_walk_next(struct live_walk *walk, struct live_piece *ret);
/* The place that has offset, or NULL. */
const struct live_place *live_place_of(const struct hw_process *process, uint64_t offset);

/* live_spool.c */
bool live_spool_open(struct hw_process *process, GError **error);
/* What was read is kept, but is not of the next stop. */
bool live_spool_forget(struct hw_process *process);
/* Nothing is in the list of what is to be read. */
void live_spool_list(struct hw_process *process);
/* Places for process->maps. */
bool live_spool_layout(struct hw_process *process, GError **error);
/* Is there disk for bytes more? */
bool live_spool_room(const struct hw_process *process, uint64_t bytes, GError **error);
/* What was read may be looked at; all: and the rest, as zeros. */
void live_spool_show(struct hw_process *process, bool all);
void live_spool_close(struct hw_process *process);

/* live_tags.c. Two pages that differ have the same tag with a probability of 2^-64, whatever
 * is in them, as long as nobody who wrote them knows the key. */
struct live_tag live_tag_page(const uint8_t key[LIVE_KEY], const uint8_t *page);
bool live_tag_key(uint8_t key[LIVE_KEY]);

/* live_copy.c: reads all wanted pages of the spool's [from, to), multiples of LIVE_CHUNK.
 * Async-signal-safe. */
void live_copy(struct hw_process *process, uint64_t from, uint64_t to);
/* What was copied earlier, and is not there any more, reads as zeros from now on. */
void live_copy_stale(struct hw_process *process);

/* live_fill.c */
void live_fill_install(struct hw_process *process); /* NULL: no more. */
void live_mark_done(struct hw_process *process, uint64_t from, uint64_t to);
bool live_is_done(const struct hw_process *process, uint64_t offset);

/* live_read.c: by several readers. False: not all of it, for the deadline, or the user. */
bool live_read_all(struct hw_process *process, GError **error);
/* What every answer needs: data of modules, stacks, thread-local memory; then what was
 * learned. */
bool live_read_learned(struct hw_process *process, GError **error);

/* live_learn.c: what the work looks at, first things first. False: no memory. */
bool live_learn_begin(struct hw_process *process);
/* [start, end) is read now; async-signal-safe, one caller at a time. */
void live_learn_note(struct hw_process *process, hw_addr start, hw_addr end);
bool live_learn(struct hw_process *process);        /* Makes process->learned. */
bool live_learn_missed(struct hw_process *process); /* What would have had to be read. */
bool live_learn_new(struct hw_process *process);    /* What came to be since the scan before. */
void live_learn_clear(struct hw_process *process);

/* live_kernel.c: texts of the kernel, into process->texts. */
void live_text(struct hw_process *process, const char *name, char *text); /* Takes text. */
/* /proc/PID, or that of a thread that has not ended where the first one has; *alive_ret is its
 * number. -1: there is none. To be closed. */
int live_open_dir(int32_t pid, pid_t *alive_ret);

void live_kernel_before(struct hw_process *process); /* What may take its time. */
void live_kernel_now(struct hw_process *process);    /* What must fit the pages. */

/* live_cgroup.c */
/* The directory of the memory cgroup that a process counts in; dir: of the process; NULL: none, or
 * it cannot be reached from here. */
char *live_cgroup_dir(int dir, bool *is_v2_ret);
/* Bytes that the cgroup at dir, and every one above it, may still take; UINT64_MAX: no limit. */
uint64_t live_headroom(const char *dir, bool is_v2);
/* The least limits of these: "limit N", "high N", each with "max" for none. */
char *live_cgroup_limits(const char *dir, bool is_v2);

void live_lazy_now(struct hw_process *process); /* live_lazy.c: into process->lazy. */
/* live_old.c: of process->runs which are LIVE_ZERO and LIVE_HUGE, where pagemap was read. Needs the
 * text of smaps. */
void live_old_now(struct hw_process *process);

/* live_shared.c, of a mapping that is shared and kept. */
/* Its file, to be closed; -1: we may not. */
int live_shared_open(const struct hw_process *process, const struct live_map *map);
/* The next part of [from, end) that has data; all of it is taken to have some where fd is -1. */
bool live_shared_data(int fd, const struct live_map *map, hw_addr from, hw_addr end,
		      hw_addr *start_ret, hw_addr *end_ret);

/* live_frames.c */
void live_frames_open(struct live_frames *frames);
void live_frames_close(struct live_frames *frames);
/* The flags KPF_ of a frame; 0: not known. */
uint64_t live_frame_flags(struct live_frames *frames, uint64_t frame);
/* Words of pagemap from at on, most of them at most; how many, 0 on error. */
size_t live_pagemap(const struct hw_process *process, hw_addr at, hw_addr end, uint64_t *words,
		    size_t most);
/* The frame of a page that is in memory, by its word; 0: none, or not told. */
uint64_t live_frame_of(uint64_t word);

/* live_target.c. is_whole: what was not read is in it, too, to be counted when it is looked
 * at. */
struct hw_target *live_target_new(struct hw_process *process, bool is_whole, GError **error);
/* Its list of pages again, with what is known by now. False: no memory, and it has none. */
bool live_target_pages(struct hw_process *process, struct hw_target *target);
#endif
