/* SPDX-License-Identifier: Apache-2.0 */
/* file.c -- files mapped read-only, and the SIGBUS handler that keeps a file that is
 * cut (or a disk that fails) while mapped from killing us. */
#include "target/file.h"
#include "base/error.h"
#include "target/elf.h"
#include "target/target.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define SLOTS 4096 /* Files mapped at a time. The handler can't take locks or allocate. */

struct slot {
	_Atomic uintptr_t start;
	_Atomic uintptr_t end; /* 0: free. Written last, read first. */
	atomic_int fd;
};

static struct slot slots[SLOTS];
static atomic_uint slots_used; /* Slots at and above were never taken. */
static GMutex slots_lock;
static _Atomic uint64_t faults;
static struct sigaction old_action;

uint64_t hw_target_faults(void)
{
	return atomic_load(&faults);
}

const char *hw_file_kind(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return NULL;
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
		return "a character device";
	case S_IFBLK:
		return "a block device";
	default:
		return "not a regular file";
	}
}

static struct slot *find_slot(uintptr_t addr)
{
	unsigned count = atomic_load_explicit(&slots_used, memory_order_acquire);

	for (unsigned i = 0; i < count; i++) {
		uintptr_t end = atomic_load_explicit(&slots[i].end, memory_order_acquire);

		if (addr < end && addr >= atomic_load(&slots[i].start))
			return &slots[i];
	}
	return NULL;
}

/* Puts zeros under addr: to the end of the map when the file ends before addr, else
 * (a bad sector) one page. Only async-signal-safe calls. */
static bool patch(struct slot *slot, uintptr_t addr)
{
	uintptr_t start = atomic_load(&slot->start);
	uintptr_t page = hw_page_down(addr);
	uintptr_t end = page + HW_PAGE;
	struct stat st;

	if (fstat(atomic_load(&slot->fd), &st) == 0 && st.st_size >= 0 &&
	    (uint64_t)st.st_size <= page - start)
		end = hw_page_up(atomic_load(&slot->end));
	if (mmap((void *)page, end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		return false;
	atomic_fetch_add(&faults, (end - page) / HW_PAGE);
	return true;
}

/* A fault comes again by itself, with the old action; a signal that was sent does not. */
static void default_action(int signal, bool is_fault)
{
	sigaction(SIGBUS, &old_action, NULL);
	if (!is_fault)
		raise(signal);
}

static void on_sigbus(int signal, siginfo_t *info, void *context)
{
	int saved = errno;
	struct slot *slot = info->si_code > 0 ? find_slot((uintptr_t)info->si_addr) : NULL;
	bool is_done = slot && patch(slot, (uintptr_t)info->si_addr);

	errno = saved;
	if (is_done)
		return;
	/* Not ours: whoever was there before gets it; the default action kills when
	 * the access is made again. */
	if ((old_action.sa_flags & SA_SIGINFO) && old_action.sa_sigaction)
		old_action.sa_sigaction(signal, info, context);
	else if (old_action.sa_handler != SIG_DFL && old_action.sa_handler != SIG_IGN)
		old_action.sa_handler(signal);
	else
		default_action(signal, info->si_code > 0);
}

/* Once per process; under slots_lock. */
static void install_handler(void)
{
	static bool is_installed;
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};

	if (is_installed)
		return;
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, &old_action);
	is_installed = true;
}

static bool guard(const uint8_t *map, uint64_t size, int fd)
{
	unsigned i = 0;

	g_mutex_lock(&slots_lock);
	install_handler();
	while (i < SLOTS && atomic_load(&slots[i].end))
		i++;
	if (i < SLOTS) {
		atomic_store(&slots[i].start, (uintptr_t)map);
		atomic_store(&slots[i].fd, fd);
		atomic_store_explicit(&slots[i].end, (uintptr_t)map + size, memory_order_release);
		if (i >= atomic_load(&slots_used))
			atomic_store_explicit(&slots_used, i + 1, memory_order_release);
	}
	g_mutex_unlock(&slots_lock);
	return i < SLOTS;
}

const uint8_t *hw_file_map(int fd, uint64_t size, const char *what, GError **error)
{
	void *map;

	if (size > SIZE_MAX / 2) {
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET, "%s: too large to map", what);
		return NULL;
	}
	map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		hw_error_errno(error, errno, "%s: cannot be mapped", what);
		return NULL;
	}
	if (!guard(map, size, fd)) {
		munmap(map, size);
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "%s: more than %d files mapped",
			    what, SLOTS);
		return NULL;
	}
	return map;
}

void hw_file_unmap(const uint8_t *map, uint64_t size)
{
	struct slot *slot;

	if (!map)
		return;
	g_mutex_lock(&slots_lock);
	slot = find_slot((uintptr_t)map);
	if (slot)
		atomic_store(&slot->end, 0);
	g_mutex_unlock(&slots_lock);
	munmap((void *)(uintptr_t)map, size);
}
