/* SPDX-License-Identifier: Apache-2.0 */
/* `plugin NAME REPORT TARGET --format F`: the bytes a plugin writes for other tools, on
 * their way to the output. Profiles are gzip files there, as pprof's own are. */
#include "base/error.h"
#include "report/report.h"
#include <string.h>
#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* zlib's manual: 16 more asks for gzip's header. */

struct raw {
	struct hw_output *output;
	z_stream zip;
	bool is_zipped;
	bool is_broken; /* zlib refused: out of memory. */
};

/* Runs deflate() until it wants more input or, with Z_FINISH, is done. */
static bool zip(struct raw *raw, const void *bytes, uInt size, int flush)
{
	Bytef room[16384];

	raw->zip.next_in = (z_const Bytef *)(uintptr_t)bytes;
	raw->zip.avail_in = size;
	do {
		raw->zip.next_out = room;
		raw->zip.avail_out = sizeof(room);
		if (deflate(&raw->zip, flush) == Z_STREAM_ERROR) {
			raw->is_broken = true;
			return false;
		}
		if (!hw_output_write(raw->output, room, sizeof(room) - raw->zip.avail_out))
			return false;
	} while (!raw->zip.avail_out);
	return true;
}

static bool write_raw(void *self, const void *bytes, uint64_t size)
{
	struct raw *raw = self;
	const char *at = bytes;

	if (!raw->is_zipped)
		return hw_output_write(raw->output, bytes, size);
	while (size) {
		uInt n = (uInt)MIN(size, UINT64_C(1) << 30);

		if (!zip(raw, at, n, Z_NO_FLUSH))
			return false;
		at += n;
		size -= n;
	}
	return true;
}

bool hw_report_raw(struct hw_output *output, struct hw_session *session, const char *plugin,
		   const char *report, const char *format, GError **error)
{
	struct raw raw = {.output = output, .is_zipped = strcmp(format, "pprof") == 0};
	const struct hw_sink sink = {.struct_size = sizeof(sink), .self = &raw, .write = write_raw};
	bool ok;

	if (raw.is_zipped && deflateInit2(&raw.zip, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW,
					  8, Z_DEFAULT_STRATEGY) != Z_OK) {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no memory to compress");
		return false;
	}
	ok = hw_heaps_report_raw(session->heaps, plugin, report, format, &sink, error);
	if (raw.is_zipped) {
		if (ok)
			zip(&raw, "", 0, Z_FINISH);
		deflateEnd(&raw.zip);
	}
	if (ok && raw.is_broken) {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "compressing failed");
		return false;
	}
	return ok;
}
