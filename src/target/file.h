/* SPDX-License-Identifier: Apache-2.0 */
/* file.h -- a regular file opened without surprises and mapped without SIGBUS.
 * Private to this stage. */
#ifndef HW_TARGET_FILE_H
#define HW_TARGET_FILE_H
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* What is at st_mode, with article, when it is no regular file; else NULL. */
const char *hw_file_kind(mode_t mode);

/* Maps the whole file read-only and guards it: pages that vanish read as zeros from
 * then on and are counted. what: for messages. fd stays the caller's and must stay
 * open as long as the map. NULL on error. size must not be 0. */
const uint8_t *hw_file_map(int fd, uint64_t size, const char *what, GError **error);
void hw_file_unmap(const uint8_t *map, uint64_t size); /* Accepts NULL. */
#endif
