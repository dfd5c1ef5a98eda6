/* SPDX-License-Identifier: Apache-2.0 */
/* text.c -- strings of the target on their way in and out, and numbers for people. */
#include "base/text.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

char *hw_text_copy(const char *bytes, size_t size)
{
	return g_utf8_make_valid(bytes ? bytes : "", bytes ? (gssize)strnlen(bytes, size) : 0);
}

/* Characters that move the cursor, change colours or reorder what is read. */
static bool is_harmful(gunichar c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

char *hw_text_printable(const char *s)
{
	GString *out = g_string_sized_new(strlen(s) + 16);

	for (const char *p = s; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (!is_harmful(c))
			g_string_append_len(out, p, g_utf8_next_char(p) - p);
		else if (c < 0x100)
			g_string_append_printf(out, "\\x%02x", c);
		else
			g_string_append_printf(out, "\\u{%04x}", c);
	}
	return g_string_free(out, FALSE);
}

char *hw_text_size(char *buf, size_t size, uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(buf, size, "%u B", (unsigned)bytes);
		return buf;
	}
	/* 1023.995 would be shown as 1024.00. */
	while (value >= 1023.995 && unit + 1 < G_N_ELEMENTS(units)) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, size,
		 value < 9.995   ? "%.2f %s"
		 : value < 99.95 ? "%.1f %s"
				 : "%.0f %s",
		 value, units[unit]);
	return buf;
}

char *hw_text_count(char *buf, size_t size, uint64_t count)
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%" G_GUINT64_FORMAT, count);
	size_t at = 0;

	for (int i = 0; i < length && at + 2 < size; i++) {
		if (i && (length - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	if (size)
		buf[at] = '\0';
	return buf;
}
