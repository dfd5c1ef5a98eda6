/* SPDX-License-Identifier: Apache-2.0 */
/* output.h -- where an answer goes: stdout, or a file that is private to its owner.
 *
 * Bytes are collected and written in large pieces; a file appears complete or not at
 * all. A reader that goes away (EPIPE) is no error; every other failure is. */
#ifndef HW_REPORT_OUTPUT_H
#define HW_REPORT_OUTPUT_H
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define HW_OUTPUT_ROOM (1u << 20) /* Bytes kept before a write. */

struct hw_output {
	int fd;
	char *path;       /* NULL: stdout. */
	char *temporary;  /* Renamed to path when all is well, or NULL. */
	bool is_created;  /* path is ours to remove on failure. */
	bool is_nameless; /* It gets its name when all is well. */
	bool is_closed_pipe;
	int errnum; /* First write error, 0 when none. */
	size_t used;
	char *buffer; /* HW_OUTPUT_ROOM bytes. */
};

/* path NULL: stdout. An existing file is refused (USAGE) unless force. The file is
 * readable by its owner only. */
struct hw_output *hw_output_open(const char *path, bool force, GError **error);

/* Adds bytes. False when nothing more can be written: the caller should stop. */
bool hw_output_write(struct hw_output *output, const void *bytes, size_t size);

/* A place for size (at most HW_OUTPUT_ROOM) more bytes, NULL when nothing more can be
 * written; output->used is then advanced by the caller. For fast formatting. */
char *hw_output_reserve(struct hw_output *output, size_t size);

/* Writes the rest and closes. keep false: the answer failed, drop the file. False when
 * the answer could not be written in full. Frees output in any case; accepts NULL. */
bool hw_output_close(struct hw_output *output, bool keep, GError **error);
#endif
