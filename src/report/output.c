/* SPDX-License-Identifier: Apache-2.0 */
/* Writes answers. Memory contents may be in them, so files are made with mode 0600. */
#include "report/output.h"
#include "base/error.h"
#include "base/stop.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail_open(const char *path, int errnum, GError **error)
{
	if (errnum == EACCES || errnum == EPERM)
		hw_error_errno(error, errnum, "cannot write %s", path);
	else
		g_set_error(error, HW_ERROR, HW_ERROR_USAGE, "cannot write %s: %s", path,
			    g_strerror(errnum));
	return false;
}

static bool refuse_existing(const struct hw_output *output, GError **error)
{
	g_set_error(error, HW_ERROR, HW_ERROR_USAGE, "%s exists and is not overwritten",
		    output->path);
	return false;
}

/* A file that has no name yet, so that nothing is left of it whatever happens. False where the
 * file system has none, or where there is no /proc to name it by. */
static bool open_nameless(struct hw_output *output)
{
	g_autofree char *dir = g_path_get_dirname(output->path);

	if (access("/proc/self/fd", X_OK) != 0)
		return false;
	output->fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	output->is_nameless = output->fd >= 0;
	return output->is_nameless;
}

/* errno when it fails. */
static bool give_name(const struct hw_output *output, const char *name)
{
	char fd[32];

	g_snprintf(fd, sizeof(fd), "/proc/self/fd/%d", output->fd);
	return linkat(AT_FDCWD, fd, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
}

/* A new file, never through a symbolic link. */
static bool create_file(struct hw_output *output, GError **error)
{
	struct stat st;

	if (lstat(output->path, &st) == 0)
		return refuse_existing(output, error);
	if (open_nameless(output))
		return true;
	output->fd = open(output->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
	if (output->fd < 0 && errno == EEXIST)
		return refuse_existing(output, error);
	if (output->fd < 0)
		return fail_open(output->path, errno, error);
	output->is_created = true;
	return true;
}

/* --force: a file is replaced as a whole, a device or pipe is written to. */
static bool replace_file(struct hw_output *output, GError **error)
{
	struct stat st;

	if (stat(output->path, &st) == 0 && !S_ISREG(st.st_mode)) {
		output->fd = open(output->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		return output->fd >= 0 || fail_open(output->path, errno, error);
	}
	if (open_nameless(output)) {
		output->temporary = g_strdup_printf("%s.%08x", output->path, g_random_int());
		return true;
	}
	output->temporary = g_strdup_printf("%s.XXXXXX", output->path);
	output->fd = g_mkstemp_full(output->temporary, O_WRONLY | O_CLOEXEC, 0600);
	if (output->fd >= 0)
		return true;
	g_clear_pointer(&output->temporary, g_free);
	return fail_open(output->path, errno, error);
}

struct hw_output *hw_output_open(const char *path, bool force, GError **error)
{
	struct hw_output *output = g_new0(struct hw_output, 1);

	output->fd = STDOUT_FILENO;
	output->path = g_strdup(path);
	output->buffer = g_malloc(HW_OUTPUT_ROOM);
	if (path && !(force ? replace_file(output, error) : create_file(output, error))) {
		g_free(output->path);
		g_free(output->buffer);
		g_free(output);
		return NULL;
	}
	return output;
}

static bool is_usable(const struct hw_output *output)
{
	return !output->errnum && !output->is_closed_pipe;
}

static bool write_out(struct hw_output *output, const char *bytes, size_t size)
{
	while (size && is_usable(output)) {
		ssize_t n = write(output->fd, bytes, size);

		if (n >= 0) {
			bytes += n;
			size -= (size_t)n;
		} else if (errno == EPIPE) {
			output->is_closed_pipe = true;
		} else if (errno != EINTR) {
			output->errnum = errno;
		}
		/* A signal may also show as a short count. */
		if (size && is_usable(output) && hw_stop_requested())
			output->errnum = EINTR;
	}
	return is_usable(output);
}

static bool flush(struct hw_output *output)
{
	size_t used = output->used;

	output->used = 0;
	return write_out(output, output->buffer, used);
}

bool hw_output_write(struct hw_output *output, const void *bytes, size_t size)
{
	if (size > HW_OUTPUT_ROOM - output->used && !flush(output))
		return false;
	if (size > HW_OUTPUT_ROOM)
		return write_out(output, bytes, size);
	memcpy(output->buffer + output->used, bytes, size);
	output->used += size;
	return is_usable(output);
}

char *hw_output_reserve(struct hw_output *output, size_t size)
{
	g_assert(size <= HW_OUTPUT_ROOM);
	if (size > HW_OUTPUT_ROOM - output->used && !flush(output))
		return NULL;
	return is_usable(output) ? output->buffer + output->used : NULL;
}

static void set_write_error(const struct hw_output *output, GError **error)
{
	const char *where = output->path ? output->path : "standard output";

	if (output->errnum == EINTR)
		g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
	else
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "cannot write to %s: %s", where,
			    g_strerror(output->errnum));
}

/* A file without a name gets one: its last, or one to be renamed. */
static bool name_file(struct hw_output *output)
{
	if (!output->is_nameless)
		return true;
	output->is_created =
	    give_name(output, output->temporary ? output->temporary : output->path);
	if (!output->is_created)
		output->errnum = errno;
	return output->is_created;
}

/* Gives the file its name, or removes it. */
static void settle_file(struct hw_output *output, bool keep)
{
	if (output->is_nameless && !output->is_created)
		return;
	if (output->temporary) {
		if (keep && rename(output->temporary, output->path) < 0) {
			output->errnum = errno;
			keep = false;
		}
		if (!keep)
			unlink(output->temporary);
	} else if (output->is_created && !keep) {
		unlink(output->path);
	}
}

bool hw_output_close(struct hw_output *output, bool keep, GError **error)
{
	bool ok;

	if (!output)
		return true;
	if (keep && flush(output))
		name_file(output);
	/* Network file systems report a full disk only here. */
	if (output->path && close(output->fd) < 0 && !output->errnum && errno != EINTR)
		output->errnum = errno;
	settle_file(output, keep && !output->errnum);
	ok = !output->errnum;
	if (!ok)
		set_write_error(output, error);
	g_free(output->path);
	g_free(output->temporary);
	g_free(output->buffer);
	g_free(output);
	return ok;
}
