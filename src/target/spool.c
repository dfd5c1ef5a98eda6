/* SPDX-License-Identifier: Apache-2.0 */
/* spool.c -- an unlinked file that leaves the disk some room and keeps zeros as holes. */
#include "target/spool.h"
#include "base/error.h"
#include "base/text.h"
#include "target/elf.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define CHECK_EVERY (UINT64_C(64) << 20) /* Bytes between two looks at the free disk. */

#define TMPFS_MAGIC 0x01021994
#define RAMFS_MAGIC 0x858458f6

static bool is_in_memory(const char *dir)
{
	struct statfs fs;

	if (statfs(dir, &fs) != 0)
		return false;
	return (uint32_t)fs.f_type == TMPFS_MAGIC || (uint32_t)fs.f_type == RAMFS_MAGIC;
}

/* Where a spool goes when the user named no place. */
static const char *choose_dir(void)
{
	const char *const places[] = {g_getenv("TMPDIR"), "/var/tmp", "/tmp"};

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
		if (places[i] && *places[i] && access(places[i], W_OK | X_OK) == 0 &&
		    !is_in_memory(places[i]))
			return places[i];
	return NULL;
}

bool hw_spool_has_room(int fd, uint64_t need, uint64_t *free_ret)
{
	struct statvfs fs;

	*free_ret = UINT64_MAX;
	if (fstatvfs(fd, &fs) == 0)
		*free_ret = (uint64_t)fs.f_bavail * fs.f_frsize;
	return *free_ret >= HW_SPOOL_RESERVE && *free_ret - HW_SPOOL_RESERVE >= need;
}

bool hw_spool_check_room(int fd, const char *dir, uint64_t need, const char *what, GError **error)
{
	char need_text[32], free_text[32], stay[32];
	uint64_t room;

	if (hw_spool_has_room(fd, need, &room))
		return true;
	g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
		    "%s: needs %s of disk, and %s has %s free, %s of which stay free; name another "
		    "place with --spool-dir",
		    what, hw_text_size(need_text, sizeof(need_text), need), dir,
		    hw_text_size(free_text, sizeof(free_text), room),
		    hw_text_size(stay, sizeof(stay), HW_SPOOL_RESERVE));
	return false;
}

/* A file without a name: O_TMPFILE, or made and unlinked where the file system lacks it. */
static int open_nameless(const char *dir)
{
	g_autofree char *name = NULL;
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return fd;
	name = g_build_filename(dir, ".heapwalk-XXXXXX", NULL);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	return fd;
}

bool hw_spool_open(struct hw_spool *spool, const char *dir, uint64_t need, const char *what,
		   GError **error)
{
	*spool = (struct hw_spool){.fd = -1};
	if (!dir)
		dir = choose_dir();
	if (!dir) {
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
			    "%s: must be spooled to a file, and neither $TMPDIR, /var/tmp nor /tmp "
			    "is a writable directory on a disk; name one with --spool-dir",
			    what);
		return false;
	}
	spool->dir = g_filename_display_name(dir);
	spool->fd = open_nameless(dir);
	if (spool->fd < 0)
		hw_error_errno(error, errno, "%s: cannot make a spool file in %s", what,
			       spool->dir);
	else if (hw_spool_check_room(spool->fd, spool->dir, need, what, error))
		return true;
	hw_spool_close(spool);
	return false;
}

void hw_spool_close(struct hw_spool *spool)
{
	if (spool->dir && spool->fd >= 0)
		close(spool->fd);
	g_clear_pointer(&spool->dir, g_free);
	spool->fd = -1;
}

int hw_spool_steal(struct hw_spool *spool)
{
	int fd = spool->fd;

	spool->fd = -1;
	return fd;
}

static bool write_run(struct hw_spool *spool, uint64_t offset, const uint8_t *bytes, uint64_t size,
		      GError **error)
{
	if (spool->written - spool->checked >= CHECK_EVERY || !spool->written) {
		if (!hw_spool_check_room(spool->fd, spool->dir, 0, "the spool file", error))
			return false;
		spool->checked = spool->written;
	}
	spool->written += size;
	while (size) {
		ssize_t n = pwrite(spool->fd, bytes, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			hw_error_errno(error, n < 0 ? errno : ENOSPC,
				       "the spool file in %s cannot be written", spool->dir);
			return false;
		}
		bytes += n;
		offset += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return true;
}

static bool is_zero(const uint8_t *bytes, uint64_t size)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, size - 1);
}

/* Bytes from `from` to the next border of a page of the file, at most size. */
static uint64_t next_piece(uint64_t from, uint64_t size)
{
	return MIN(size, HW_PAGE - from % HW_PAGE);
}

bool hw_spool_write(struct hw_spool *spool, uint64_t offset, const void *bytes, uint64_t size,
		    GError **error)
{
	const uint8_t *at = bytes;
	uint64_t done = 0, start = 0; /* [start, done) waits to be written. */

	while (done < size) {
		uint64_t piece = next_piece(offset + done, size - done);

		if (piece == HW_PAGE && is_zero(at + done, piece)) {
			if (done > start &&
			    !write_run(spool, offset + start, at + start, done - start, error))
				return false;
			start = done + piece;
		}
		done += piece;
	}
	if (done > start && !write_run(spool, offset + start, at + start, done - start, error))
		return false;
	spool->size = MAX(spool->size, offset + size);
	return true;
}

bool hw_spool_extend(struct hw_spool *spool, uint64_t size, GError **error)
{
	if (ftruncate(spool->fd, (off_t)size) != 0) {
		hw_error_errno(error, errno,
			       "the spool file in %s cannot be made %" G_GUINT64_FORMAT
			       " bytes long",
			       spool->dir, size);
		return false;
	}
	spool->size = size;
	return true;
}
