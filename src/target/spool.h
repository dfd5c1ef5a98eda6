/* SPDX-License-Identifier: Apache-2.0 */
/* spool.h -- an unlinked file of ours for bytes that must be at hand as a map but must not
 * become anonymous memory: an unpacked core, what was read of a process. Private to
 * this stage. */
#ifndef HW_TARGET_SPOOL_H
#define HW_TARGET_SPOOL_H
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Free bytes that whatever we write leaves on its disk. */
#define HW_SPOOL_RESERVE (UINT64_C(256) << 20)

/* Has the disk of fd need bytes besides the reserve? *free_ret: what it has; UINT64_MAX, and true,
 * when it does not say. */
bool hw_spool_has_room(int fd, uint64_t need, uint64_t *free_ret);
/* The same, with the error (TARGET). what needs it, dir is where: for the message. */
bool hw_spool_check_room(int fd, const char *dir, uint64_t need, const char *what, GError **error);

struct hw_spool {
	int fd; /* Mode 0600, no name. */
	char *dir;
	uint64_t size;    /* Highest byte written + 1, or as hw_spool_extend() said. */
	uint64_t written; /* Bytes that are on the disk: pages of zeros are holes. */
	uint64_t checked; /* Of written, when free disk was last looked at. */
};

/* dir NULL: $TMPDIR, else /var/tmp, else /tmp, and then not one in memory (tmpfs): named by
 * the user, any will do. need: bytes known to come, 0 when not known; checked against
 * the free disk. what: for messages. False on error (TARGET: disk short; PERMISSION). */
bool hw_spool_open(struct hw_spool *spool, const char *dir, uint64_t need, const char *what,
		   GError **error);
/* Accepts one that was zeroed or not opened. fd is left alone where hw_spool_steal() took it. */
void hw_spool_close(struct hw_spool *spool);

/* Puts size bytes at offset. Whole 4 KiB pages of zeros, at multiples of 4 KiB in the file,
 * become holes. */
bool hw_spool_write(struct hw_spool *spool, uint64_t offset, const void *bytes, uint64_t size,
		    GError **error);
/* The file's size; a hole up to there. Needed when the end was zeros. */
bool hw_spool_extend(struct hw_spool *spool, uint64_t size, GError **error);
int hw_spool_steal(struct hw_spool *spool); /* The caller closes it. */
#endif
