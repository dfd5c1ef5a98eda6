/* SPDX-License-Identifier: Apache-2.0 */
/* accounts.h -- what the kernel counts for a process and for its memory cgroup, read from the
 * texts that /proc and the cgroup file system print. A live process and a snapshot bring the
 * same texts, so both give the same figures; a core file brings none.
 *
 * All sizes are bytes. HW_NOT_KNOWN: the kernel that wrote the text does not tell. */
#ifndef HW_MEMORY_ACCOUNTS_H
#define HW_MEMORY_ACCOUNTS_H
#include "base/notes.h"
#include "heapwalk/plugin.h"

#define HW_NOT_KNOWN UINT64_MAX

/* One mapping as /proc/PID/smaps has it. */
struct hw_vma {
	hw_addr start;
	hw_addr end; /* Exclusive. */
	uint64_t rss;
	uint64_t pss;
	uint64_t dirty;     /* Shared and private. */
	uint64_t private_;  /* Clean and dirty: what killing the process would give back. */
	uint64_t anonymous; /* Part of rss. */
	uint64_t lazy;      /* LazyFree: part of anonymous. */
	uint64_t huge;      /* AnonHugePages: part of anonymous. */
	uint64_t hugetlb;   /* Not part of rss. */
	uint64_t swap;
};

/* The figures of one memory cgroup, its children included. */
struct hw_cgroup {
	uint32_t version; /* 1 or 2; 0: not known. */
	uint64_t usage;   /* memory.current, memory.usage_in_bytes: what monitors show. */
	uint64_t limit;   /* The least of it and of those above it. HW_NOT_KNOWN: none. */
	uint64_t high;    /* The same of memory.high, above which it is slowed down. */
	uint64_t anon;
	uint64_t file;                       /* Page cache without shmem and swap_cache. */
	uint64_t active_file, inactive_file; /* LRU lists; MADV_FREE'd pages are on the second. */
	uint64_t mapped_file;                /* Part of file and shmem that someone has mapped. */
	uint64_t shmem;
	uint64_t kernel; /* All of it; slab, stacks and tables are parts. */
	uint64_t slab, kernel_stack, page_tables;
	uint64_t sock;
	uint64_t swap;       /* Not part of usage. */
	uint64_t swap_cache; /* Pages with a copy in swap; mapped ones are part of anon, too. */
};

/* A process of the cgroup. */
struct hw_peer {
	int32_t pid;
	uint64_t rss;
	uint64_t anon; /* Its share (Pss) of anonymous pages. */
	char *command; /* Valid UTF-8. */
};

struct hw_accounts {
	struct hw_vma *vmas; /* By start, disjoint. */
	uint32_t vma_count;
	struct hw_vma total;  /* Sums over vmas. */
	uint64_t status_rss;  /* VmRSS: the kernel's own running count, off by a few pages a CPU. */
	uint64_t page_tables; /* VmPTE. */
	uint64_t locked;      /* VmLck. */
	bool has_cgroup;
	struct hw_cgroup cgroup;
	struct hw_peer *peers; /* All processes of the cgroup, this one too, by pid. */
	uint32_t peer_count;
	uint32_t peers_unread; /* Besides: they may have memory, but it could not be asked for. */
	/* Private. */
	size_t vma_room, peer_room;
};

/* The text of that name, or NULL when there is none. Names:
 *   smaps, status                  /proc/PID/…
 *   memory.current, memory.stat, memory.max, memory.swap.current         cgroup v2
 *   memory.usage_in_bytes, memory.limit_in_bytes, memory.kmem.usage_in_bytes,
 *   memory.kmem.tcp.usage_in_bytes, memory.stat                          cgroup v1
 *   cgroup limits                  "limit N", "high N": the least of it and of those above it
 *   processes                      one line a process of the cgroup: pid, Rss kB, Pss_Anon kB,
 *                                  command, its line ends as CR
 *   processes.unread               how many more there are */
typedef const char *(*hw_text_fn)(void *arg, const char *name);

/* Lines that cannot be read are damage in notes and left out. NULL: out of memory, in which
 * case the notes say so. */
struct hw_accounts *hw_accounts_new(hw_text_fn text, void *arg, struct hw_notes *notes);
void hw_accounts_free(struct hw_accounts *accounts); /* Accepts NULL. */

/* The mapping of smaps that contains addr, or NULL. */
const struct hw_vma *hw_accounts_vma(const struct hw_accounts *accounts, hw_addr addr);
#endif
