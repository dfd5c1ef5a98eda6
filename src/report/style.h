/* SPDX-License-Identifier: Apache-2.0 */
/* style.h -- how text looks: width, colour, characters, units. */
#ifndef HW_REPORT_STYLE_H
#define HW_REPORT_STYLE_H
#include "base/text.h"
#include "heapwalk/plugin.h"
#include <stdbool.h>

enum hw_color { HW_COLOR_AUTO = 0, HW_COLOR_ALWAYS, HW_COLOR_NEVER };

enum hw_tone {
	HW_TONE_PLAIN = 0,
	HW_TONE_TITLE,
	HW_TONE_DIM, /* Column heads, what is secondary. */
	HW_TONE_BAR,
	HW_TONE_GOOD,
	HW_TONE_WARN,
};

struct hw_style {
	unsigned width;  /* Columns to fill. */
	bool is_clipped; /* A terminal: shorten what does not fit. Never in a pipe. */
	bool is_colored;
	bool is_utf8;    /* Else only ASCII goes out. */
	bool is_bytes;   /* --bytes: plain integers. */
	bool is_grouped; /* Thousands separators. */
};

/* Looks at fd, TERM, NO_COLOR, COLUMNS and the locale. width 0: find out. */
void hw_style_init(struct hw_style *style, int fd, enum hw_color color, unsigned width, bool bytes);

/* A cell's text, fit for a terminal. Free with g_free(). */
char *hw_style_format(const struct hw_style *style, struct hw_value value);

/* Any string (target bytes included) fit for a terminal. Free with g_free(). */
char *hw_style_clean(const struct hw_style *style, const char *s);

/* Appends s in a tone; columns that s takes on a terminal are in hw_style_width(). */
void hw_style_paint(const struct hw_style *style, GString *to, enum hw_tone tone, const char *s);

/* Terminal columns of clean text. */
unsigned hw_style_width(const char *s);

/* Clean text in at most width columns, the start cut off when it is a path, else the
 * end. Free with g_free(). */
char *hw_style_shorten(const struct hw_style *style, const char *s, unsigned width);

/* share (0 to 1) of width columns as a bar; a share above 0 shows at least a trace. */
char *hw_style_bar(const struct hw_style *style, double share, unsigned width);
#endif
