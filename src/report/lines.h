/* SPDX-License-Identifier: Apache-2.0 */
/* lines.h -- answers that are streamed, one line for each block: CSV with a header line, or
 * NDJSON. They are not kept in memory, so they may be of any length. */
#ifndef HW_REPORT_LINES_H
#define HW_REPORT_LINES_H
#include <glib.h>

enum hw_lines_format { HW_LINES_CSV = 0, HW_LINES_NDJSON };

/* Appends s as a CSV field or a JSON string: control characters and invalid UTF-8 do not
 * come through. */
void hw_lines_text(GString *to, enum hw_lines_format format, const char *s);
#endif
