/* SPDX-License-Identifier: Apache-2.0 */
/* unpack.c -- libarchive's stream filters, and nothing else of it: no archive formats, no
 * external programs. Output goes to the spool as it comes, so neither size needs memory. */
#include "target/unpack.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/stat.h>

/* What unpacks to more than this is no core of a machine there is. Zeros of a bomb cost no
 * disk, only time, which the user can interrupt. */
#define SIZE_MOST (UINT64_C(16) << 40)
#define BUFFER    (UINT64_C(1) << 20)

static const struct packer {
	uint8_t size;
	uint8_t magic[6];
	const char *tool;
} packers[] = {
    {2, {0x1f, 0x8b}, "gzip"},
    {4, {0x28, 0xb5, 0x2f, 0xfd}, "zstd"},
    {6, {0xfd, '7', 'z', 'X', 'Z', 0}, "xz"},
    {4, {0x04, 0x22, 0x4d, 0x18}, "lz4"},
    {4, {0x02, 0x21, 0x4c, 0x18}, "lz4"},
    {3, {'B', 'Z', 'h'}, "bzip2"},
};

const char *hw_unpack_format(const void *bytes, uint64_t size)
{
	for (size_t i = 0; i < G_N_ELEMENTS(packers); i++)
		if (size >= packers[i].size && !memcmp(bytes, packers[i].magic, packers[i].size))
			return packers[i].tool;
	return NULL;
}

static bool fail(struct archive *archive, const char *name, GError **error)
{
	const char *why = archive ? archive_error_string(archive) : NULL;

	g_set_error(error, HW_ERROR, HW_ERROR_TARGET, "%s cannot be unpacked: %s", name,
		    why ? why : "out of memory");
	return false;
}

static bool open_filters(struct archive *archive, int fd, const char *name, GError **error)
{
	struct archive_entry *entry;

	if (!archive || archive_read_support_format_raw(archive) != ARCHIVE_OK ||
	    archive_read_support_filter_gzip(archive) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(archive) != ARCHIVE_OK ||
	    archive_read_support_filter_xz(archive) != ARCHIVE_OK ||
	    archive_read_support_filter_lz4(archive) != ARCHIVE_OK ||
	    archive_read_support_filter_bzip2(archive) != ARCHIVE_OK ||
	    archive_read_open_fd(archive, fd, BUFFER) != ARCHIVE_OK ||
	    archive_read_next_header(archive, &entry) != ARCHIVE_OK)
		return fail(archive, name, error);
	if (archive_filter_code(archive, 0) != ARCHIVE_FILTER_NONE)
		return true;
	g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
		    "%s cannot be unpacked: its header is damaged", name);
	return false;
}

static void note_cut(struct archive *archive, const char *name, uint64_t size,
		     struct hw_notes *notes)
{
	const char *why = archive_error_string(archive);

	hw_notes_missing(notes, "truncated",
			 "Take the file again, or unpack it with the tool that "
			 "packed it to see what can be saved.",
			 "%s: unpacking stopped after 0x%" G_GINT64_MODIFIER "x bytes, at byte "
			 "0x%" G_GINT64_MODIFIER "x of the packed file: %s",
			 name, size, (uint64_t)MAX(archive_filter_bytes(archive, -1), 0),
			 why ? why : "the data is damaged");
}

/* Moves everything. *is_cut_ret: it did not end well after some bytes. */
static bool copy_all(struct archive *archive, int fd, const char *name, struct hw_spool *spool,
		     bool *is_cut_ret, GError **error)
{
	g_autofree uint8_t *buffer = g_malloc(BUFFER);
	uint64_t size = 0;
	struct stat st;

	if (fstat(fd, &st) != 0)
		st.st_size = 0;
	for (;;) {
		la_ssize_t n = archive_read_data(archive, buffer, BUFFER);

		if (hw_stop_requested()) {
			g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
			return false;
		}
		if (n == ARCHIVE_RETRY)
			continue;
		if (n < 0 && !size)
			return fail(archive, name, error);
		if (n <= 0) {
			*is_cut_ret = n < 0;
			return hw_spool_extend(spool, size, error);
		}
		if (size + (uint64_t)n > SIZE_MOST) {
			g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
				    "%s unpacks to more than 16 TiB", name);
			return false;
		}
		if (!hw_spool_write(spool, size, buffer, (uint64_t)n, error))
			return false;
		size += (uint64_t)n;
		hw_progress_bytes("unpacking the core",
				  (uint64_t)MAX(archive_filter_bytes(archive, -1), 0),
				  (uint64_t)MAX(st.st_size, 0));
	}
}

bool hw_unpack(int fd, const char *name, const char *spool_dir, struct hw_spool *spool,
	       struct hw_notes *notes, bool *is_cut_ret, GError **error)
{
	struct archive *archive;
	bool is_cut = false;
	bool ok;

	if (!hw_spool_open(spool, spool_dir, 0, name, error))
		return false;
	archive = archive_read_new();
	ok = open_filters(archive, fd, name, error) &&
	     copy_all(archive, fd, name, spool, &is_cut, error);
	if (ok && is_cut)
		note_cut(archive, name, spool->size, notes);
	if (ok && !spool->size) {
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET, "%s unpacks to nothing", name);
		ok = false;
	}
	archive_read_free(archive);
	hw_progress_end();
	if (ok)
		*is_cut_ret = is_cut;
	else
		hw_spool_close(spool);
	return ok;
}
