/* SPDX-License-Identifier: Apache-2.0 */
/* text.h -- strings from the target made harmless, numbers made readable. */
#ifndef HW_BASE_TEXT_H
#define HW_BASE_TEXT_H
#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/* A copy of at most size bytes up to a NUL, valid UTF-8 (bad bytes become U+FFFD).
 * Control characters are kept: each back end escapes its own way. Free with g_free(). */
char *hw_text_copy(const char *bytes, size_t size);

/* A copy fit for a terminal: C0, C1, DEL and bidirectional controls shown as \xNN or
 * \u{NNNN}; s must be valid UTF-8. Free with g_free(). */
char *hw_text_printable(const char *s);

/* "1.50 GiB", "17 B" into buf (at least 24 bytes); returns buf. */
char *hw_text_size(char *buf, size_t size, uint64_t bytes);
/* "1,234,567" into buf (at least 28 bytes); returns buf. */
char *hw_text_count(char *buf, size_t size, uint64_t count);
#endif
