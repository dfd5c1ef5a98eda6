/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of streamed lines. */
#include "report/lines.h"
#include "base/text.h"
#include "report/json.h"
#include <string.h>

/* Quoted when it must be, control characters made visible. */
static void append_csv(GString *to, const char *s)
{
	g_autofree char *valid = hw_text_copy(s, strlen(s));
	g_autofree char *clean = hw_text_printable(valid);

	if (!strpbrk(clean, ",\"")) {
		g_string_append(to, clean);
		return;
	}
	g_string_append_c(to, '"');
	for (const char *p = clean; *p; p++) {
		if (*p == '"')
			g_string_append_c(to, '"');
		g_string_append_c(to, *p);
	}
	g_string_append_c(to, '"');
}

void hw_lines_text(GString *to, enum hw_lines_format format, const char *s)
{
	if (format == HW_LINES_NDJSON)
		hw_json_quote(to, s);
	else
		append_csv(to, s);
}
