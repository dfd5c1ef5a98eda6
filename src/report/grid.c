/* SPDX-License-Identifier: Apache-2.0 */
/* Lays out a table: widths, bars, alignment. */
#include "report/grid.h"
#include <math.h>

#define GAP        2 /* Spaces between columns; one when that makes them fit. */
#define BAR_MOST   32
#define BAR_LEAST  6
#define TEXT_LEAST 10 /* Texts are not cut below this. */

struct column {
	char *title;
	uint32_t kind;
	uint32_t flags;
	uint32_t source; /* Index into a row's values. */
	unsigned width;
	unsigned gap;       /* Spaces before it and before its bar. */
	unsigned bar_width; /* 0: no bar. */
	double most;        /* Largest number, for the bar. */
};

struct cell {
	char *text;
	double number;
};

struct hw_grid {
	const struct hw_style *style;
	struct column *columns;
	uint32_t count;
	GArray *cells; /* struct cell, row by row. */
};

static void clear_cell(gpointer item)
{
	g_free(((struct cell *)item)->text);
}

struct hw_grid *hw_grid_new(const struct hw_style *style, const struct hw_column *columns,
			    uint32_t count)
{
	struct hw_grid *t = g_new0(struct hw_grid, 1);

	t->style = style;
	t->columns = g_new0(struct column, count + 1);
	t->cells = g_array_new(FALSE, TRUE, sizeof(struct cell));
	g_array_set_clear_func(t->cells, clear_cell);
	for (uint32_t i = 0; i < count; i++) {
		struct column *c = &t->columns[t->count];

		if (columns[i].flags & HW_COLUMN_JSON)
			continue;
		c->title = hw_style_clean(style, columns[i].title ? columns[i].title : "");
		c->kind = columns[i].kind;
		c->flags = columns[i].flags;
		c->source = i;
		c->width = hw_style_width(c->title);
		c->gap = GAP;
		t->count++;
	}
	return t;
}

void hw_grid_free(struct hw_grid *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->count; i++)
		g_free(t->columns[i].title);
	g_free(t->columns);
	g_array_unref(t->cells);
	g_free(t);
}

/* What a bar shows: bytes, or a share. */
static double number_of(struct hw_value value)
{
	if (value.kind == HW_KIND_RATIO)
		return isfinite(value.d) ? value.d : 0;
	if (value.kind == HW_KIND_SIZE || value.kind == HW_KIND_COUNT)
		return (double)value.u;
	return 0;
}

static bool is_right(const struct column *c)
{
	return c->kind == HW_KIND_SIZE || c->kind == HW_KIND_COUNT || c->kind == HW_KIND_RATIO ||
	       c->kind == HW_KIND_DELTA || c->kind == HW_KIND_ID;
}

/* A column that exists for its bar: another one shows the value. */
static bool is_bar_only(const struct column *c)
{
	const uint32_t both = HW_COLUMN_BAR | HW_COLUMN_TEXT;

	return (c->flags & both) == both;
}

/* Spaces between a cell and its bar. */
static unsigned bar_gap(const struct column *c)
{
	return c->width ? c->gap : 0;
}

void hw_grid_add(struct hw_grid *t, const struct hw_value *values)
{
	if (!t->count) /* All columns are for JSON. */
		return;
	for (uint32_t i = 0; i < t->count; i++) {
		struct column *c = &t->columns[i];
		struct hw_value value = values[c->source];
		struct cell cell = {.number = number_of(value)};

		cell.text = is_bar_only(c) ? g_strdup("") : hw_style_format(t->style, value);

		c->width = MAX(c->width, hw_style_width(cell.text));
		/* A share is of a whole, so its bar is too. */
		c->most = MAX(c->most, value.kind == HW_KIND_RATIO ? 1.0 : cell.number);
		g_array_append_val(t->cells, cell);
	}
}

/* Columns of text from first to end, bars included. */
static unsigned span(const struct column *columns, uint32_t first, uint32_t end)
{
	unsigned total = 0;

	for (uint32_t i = first; i < end; i++) {
		total += columns[i].width + (i > first ? columns[i].gap : 0);
		if (columns[i].bar_width)
			total += bar_gap(&columns[i]) + columns[i].bar_width;
	}
	return total;
}

static void size_bars(struct column *columns, uint32_t count, unsigned room)
{
	unsigned bars = 0, used = span(columns, 0, count), each;

	for (uint32_t i = 0; i < count; i++)
		bars += (columns[i].flags & HW_COLUMN_BAR) && columns[i].most > 0;
	if (!bars || room < used + bars * (GAP + BAR_LEAST))
		return;
	each = MIN((room - used) / bars - GAP, BAR_MOST);
	for (uint32_t i = 0; i < count; i++)
		if ((columns[i].flags & HW_COLUMN_BAR) && columns[i].most > 0)
			columns[i].bar_width = each;
}

/* Takes from the widest text until the row fits or nothing is left to take. */
static void cut_texts(struct column *columns, uint32_t count, unsigned room)
{
	for (unsigned used = span(columns, 0, count); used > room; used = span(columns, 0, count)) {
		struct column *widest = NULL;

		for (uint32_t i = 0; i < count; i++)
			if (columns[i].kind == HW_KIND_TEXT &&
			    (!widest || columns[i].width > widest->width))
				widest = &columns[i];
		if (!widest || widest->width <= TEXT_LEAST)
			return;
		widest->width -= MIN(used - room, widest->width - TEXT_LEAST);
	}
}

static void pad(GString *line, unsigned count)
{
	for (; count; count--)
		g_string_append_c(line, ' ');
}

static void append_cell(const struct hw_style *style, GString *line, const struct column *c,
			enum hw_tone tone, const char *full)
{
	g_autofree char *text = hw_style_shorten(style, full, c->width);
	unsigned width = hw_style_width(text), space = c->width > width ? c->width - width : 0;

	if (is_right(c))
		pad(line, space);
	hw_style_paint(style, line, tone, text);
	if (!is_right(c))
		pad(line, space);
}

static void append_bar(const struct hw_style *style, GString *line, const struct column *c,
		       double number)
{
	g_autofree char *bar =
	    hw_style_bar(style, c->most > 0 ? number / c->most : 0, c->bar_width);
	unsigned width = hw_style_width(bar);

	pad(line, bar_gap(c));
	hw_style_paint(style, line, HW_TONE_BAR, bar);
	pad(line, c->bar_width > width ? c->bar_width - width : 0);
}

/* cells NULL: the line of titles. */
static void print_line(const struct hw_grid *t, const struct column *columns, uint32_t first,
		       uint32_t end, const struct cell *cells, GString *to, unsigned indent)
{
	g_autoptr(GString) line = g_string_new(NULL);

	pad(line, indent);
	/* A piece of a table that was cut starts with the first column again. */
	for (uint32_t at = first ? first - 1 : 0; at < end; at++) {
		uint32_t i = first && at == first - 1 ? 0 : at;

		if (line->len > indent)
			pad(line, columns[i].gap);
		append_cell(t->style, line, &columns[i], cells ? HW_TONE_PLAIN : HW_TONE_DIM,
			    cells ? cells[i].text : columns[i].title);
		if (columns[i].bar_width)
			append_bar(t->style, line, &columns[i], cells ? cells[i].number : 0);
	}
	while (line->len && line->str[line->len - 1] == ' ')
		g_string_truncate(line, line->len - 1);
	g_string_append_len(to, line->str, (gssize)line->len);
	g_string_append_c(to, '\n');
}

static void print_piece(const struct hw_grid *t, const struct column *columns, uint32_t first,
			uint32_t end, GString *to, unsigned indent)
{
	bool has_titles = false;

	for (uint32_t i = first; i < end; i++)
		has_titles |= *columns[i].title != '\0';
	if (has_titles)
		print_line(t, columns, first, end, NULL, to, indent);
	for (guint row = 0; row + t->count <= t->cells->len; row += t->count)
		print_line(t, columns, first, end, &g_array_index(t->cells, struct cell, row), to,
			   indent);
}

/* How many columns from first on fit beside a repeated first column; at least one. */
static uint32_t fit(const struct column *columns, uint32_t first, uint32_t count, unsigned room)
{
	unsigned lead = first ? columns[0].width + columns[first].gap : 0;
	uint32_t end = first + 1;

	while (end < count && lead + span(columns, first, end + 1) <= room)
		end++;
	return end;
}

void hw_grid_print(const struct hw_grid *t, GString *to, unsigned indent)
{
	unsigned room = t->style->width > indent ? t->style->width - indent : 1;
	g_autofree struct column *columns = g_memdup2(t->columns, t->count * sizeof(*columns));

	if (!t->count)
		return;
	if (!t->cells->len) {
		pad(to, indent);
		hw_style_paint(t->style, to, HW_TONE_DIM, "(none)");
		g_string_append_c(to, '\n');
		return;
	}
	size_bars(columns, t->count, room);
	if (!t->style->is_clipped) {
		print_piece(t, columns, 0, t->count, to, indent);
		return;
	}
	if (span(columns, 0, t->count) > room)
		for (uint32_t i = 0; i < t->count; i++)
			columns[i].gap = 1;
	cut_texts(columns, t->count, room);
	for (uint32_t first = 0, end; first < t->count; first = end) {
		if (first)
			g_string_append_c(to, '\n');
		end = fit(columns, first, t->count, room);
		print_piece(t, columns, first, end, to, indent);
	}
}
