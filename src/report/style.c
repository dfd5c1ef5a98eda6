/* SPDX-License-Identifier: Apache-2.0 */
/* Decides once what the terminal can show, and makes every string safe for it. */
#include "report/style.h"
#include <inttypes.h>
#include <langinfo.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEFAULT_WIDTH 80
#define LEAST_WIDTH   40
#define MOST_WIDTH    500

static unsigned find_width(int fd, bool is_terminal)
{
	const char *columns = g_getenv("COLUMNS");
	struct winsize size;
	gint64 n;

	if (!is_terminal)
		return DEFAULT_WIDTH;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	n = columns ? g_ascii_strtoll(columns, NULL, 10) : 0;
	return n > 0 && n < MOST_WIDTH ? (unsigned)n : DEFAULT_WIDTH;
}

static bool wants_color(bool is_terminal, enum hw_color color)
{
	const char *term = g_getenv("TERM"), *no_color = g_getenv("NO_COLOR");

	if (color != HW_COLOR_AUTO)
		return color == HW_COLOR_ALWAYS;
	return is_terminal && !(no_color && *no_color) && term && *term &&
	       strcmp(term, "dumb") != 0;
}

void hw_style_init(struct hw_style *style, int fd, enum hw_color color, unsigned width, bool bytes)
{
	bool is_terminal = isatty(fd) == 1;

	*style = (struct hw_style){
	    .width = width ? width : find_width(fd, is_terminal),
	    .is_clipped = is_terminal || width,
	    .is_colored = wants_color(is_terminal, color),
	    .is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
	    .is_bytes = bytes,
	    .is_grouped = is_terminal || !bytes,
	};
	style->width = CLAMP(style->width, LEAST_WIDTH, MOST_WIDTH);
}

static char *format_count(const struct hw_style *style, uint64_t u)
{
	char buf[32];

	if (style->is_grouped)
		return g_strdup(hw_text_count(buf, sizeof(buf), u));
	return g_strdup_printf("%" PRIu64, u);
}

static char *format_size(const struct hw_style *style, uint64_t u)
{
	char buf[32];

	return style->is_bytes ? format_count(style, u)
			       : g_strdup(hw_text_size(buf, sizeof(buf), u));
}

static char *format_delta(const struct hw_style *style, int64_t i)
{
	g_autofree char *size = format_size(style, i < 0 ? 0 - (uint64_t)i : (uint64_t)i);

	return g_strconcat(i < 0 ? "-" : i > 0 ? "+" : "", size, NULL);
}

/* 0 % is nothing at all and 100 % is everything: rounding never makes them. */
static char *format_ratio(double d)
{
	if (!isfinite(d))
		return g_strdup("-");
	if (d <= 0)
		return g_strdup("0 %");
	if (d < 0.001)
		return g_strdup("<0.1 %");
	if (d < 0.0995)
		return g_strdup_printf("%.1f %%", d * 100);
	if (d < 1 && d >= 0.995)
		return g_strdup(">99 %");
	return g_strdup_printf("%.0f %%", d * 100);
}

char *hw_style_format(const struct hw_style *style, struct hw_value value)
{
	switch ((enum hw_kind)value.kind) {
	case HW_KIND_SIZE:
		return format_size(style, value.u);
	case HW_KIND_COUNT:
		return format_count(style, value.u);
	case HW_KIND_ADDR:
		return g_strdup_printf("0x%" PRIx64, value.u);
	case HW_KIND_TEXT:
		return value.s ? hw_style_clean(style, value.s) : g_strdup("-");
	case HW_KIND_FLAG:
		return g_strdup(value.u ? "yes" : "no");
	case HW_KIND_RATIO:
		return format_ratio(value.d);
	case HW_KIND_DELTA:
		return format_delta(style, value.i);
	case HW_KIND_ID:
		return g_strdup_printf("%" PRIu64, value.u);
	case HW_KIND_NULL:
		break;
	}
	return g_strdup("-");
}

char *hw_style_clean(const struct hw_style *style, const char *s)
{
	g_autofree char *valid = hw_text_copy(s, strlen(s));
	g_autofree char *printable = hw_text_printable(valid);
	GString *ascii;

	if (style->is_utf8)
		return g_steal_pointer(&printable);
	/* Elsewhere the bytes of UTF-8 may be control characters. */
	ascii = g_string_new(NULL);
	for (const char *p = printable; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (c < 0x80)
			g_string_append_c(ascii, (char)c);
		else
			g_string_append_printf(ascii, "\\u{%04x}", c);
	}
	return g_string_free(ascii, FALSE);
}

void hw_style_paint(const struct hw_style *style, GString *to, enum hw_tone tone, const char *s)
{
	static const char *const codes[] = {
	    [HW_TONE_PLAIN] = "",       [HW_TONE_TITLE] = "\033[1m", [HW_TONE_DIM] = "\033[2m",
	    [HW_TONE_BAR] = "\033[36m", [HW_TONE_GOOD] = "\033[32m", [HW_TONE_WARN] = "\033[33m",
	};

	if (!style->is_colored || tone == HW_TONE_PLAIN || !*s) {
		g_string_append(to, s);
		return;
	}
	g_string_append(to, codes[tone]);
	g_string_append(to, s);
	g_string_append(to, "\033[0m");
}

static unsigned char_width(gunichar c)
{
	return g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
}

unsigned hw_style_width(const char *s)
{
	unsigned width = 0;

	for (const char *p = s; *p; p = g_utf8_next_char(p))
		width += char_width(g_utf8_get_char(p));
	return width;
}

/* The longest start of s that takes at most width columns. */
static const char *cut_end(const char *s, unsigned width)
{
	const char *p = s;

	for (unsigned used = 0; *p; p = g_utf8_next_char(p)) {
		used += char_width(g_utf8_get_char(p));
		if (used > width)
			break;
	}
	return p;
}

/* The longest end of s that takes at most width columns. */
static const char *cut_start(const char *s, unsigned width)
{
	unsigned total = hw_style_width(s);
	const char *p = s;

	for (; total > width; p = g_utf8_next_char(p))
		total -= char_width(g_utf8_get_char(p));
	return p;
}

char *hw_style_shorten(const struct hw_style *style, const char *s, unsigned width)
{
	const char *mark = style->is_utf8 ? "…" : "...";
	unsigned mark_width = hw_style_width(mark);
	g_autofree char *start = NULL;

	if (hw_style_width(s) <= width)
		return g_strdup(s);
	if (width <= mark_width)
		return g_strndup(mark, (gsize)(cut_end(mark, width) - mark));
	width -= mark_width;
	if (*s == '/')
		return g_strconcat(mark, cut_start(s, width), NULL);
	start = g_strndup(s, (gsize)(cut_end(s, width) - s));
	return g_strconcat(start, mark, NULL);
}

char *hw_style_bar(const struct hw_style *style, double share, unsigned width)
{
	static const char *const eighths[] = {"▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
	GString *bar = g_string_new(NULL);
	unsigned units;

	if (!(share > 0))
		return g_string_free(bar, FALSE);
	share = MIN(share, 1.0);
	if (!style->is_utf8) {
		units = MAX(1, (unsigned)(share * width + 0.5));
		for (unsigned i = 0; i < units; i++)
			g_string_append_c(bar, '#');
		return g_string_free(bar, FALSE);
	}
	units = MAX(1, (unsigned)(share * width * 8 + 0.5));
	for (; units >= 8; units -= 8)
		g_string_append(bar, eighths[7]);
	if (units)
		g_string_append(bar, eighths[units - 1]);
	return g_string_free(bar, FALSE);
}
