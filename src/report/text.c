/* SPDX-License-Identifier: Apache-2.0 */
/* Text for people. Fields that follow one another are held back until their labels can
 * be aligned. */
#include "report/text.h"
#include "report/grid.h"
#include <string.h>

#define STEP        2  /* Spaces per level. */
#define DEEPEST     8  /* Spaces at most. */
#define LABEL_WIDTH 28 /* Longer labels stand out. */

struct field {
	char *label;
	char *value;
};

struct hw_text {
	struct hw_style style;
	GString *out;
	GArray *fields;   /* struct field, not printed yet. */
	GByteArray *open; /* 1 for each open object or list that has a title, else 0. */
	struct hw_grid *table;
	bool is_unbalanced;
};

static void clear_field(gpointer item)
{
	struct field *field = item;

	g_free(field->label);
	g_free(field->value);
}

struct hw_text *hw_text_new(const struct hw_style *style)
{
	struct hw_text *t = g_new0(struct hw_text, 1);

	t->style = *style;
	t->out = g_string_new(NULL);
	t->fields = g_array_new(FALSE, TRUE, sizeof(struct field));
	g_array_set_clear_func(t->fields, clear_field);
	t->open = g_byte_array_new();
	return t;
}

void hw_text_free(struct hw_text *t)
{
	if (!t)
		return;
	hw_grid_free(t->table);
	g_byte_array_unref(t->open);
	g_array_unref(t->fields);
	g_string_free(t->out, TRUE);
	g_free(t);
}

static unsigned indent_of(const struct hw_text *t)
{
	unsigned indent = 0;

	for (guint i = 0; i < t->open->len && indent < DEEPEST; i++)
		indent += t->open->data[i] ? STEP : 0;
	return indent;
}

static void pad(GString *to, unsigned count)
{
	for (; count; count--)
		g_string_append_c(to, ' ');
}

/* Bytes of s that fit into width columns, cut at a space when there is one. A word
 * longer than that is cut only where the terminal would do it anyway. */
static size_t take_line(const struct hw_text *t, const char *s, unsigned width)
{
	const char *space = NULL, *p = s;
	const size_t lead = strspn(s, " "); /* An indent is no place to break. */

	for (unsigned used = 0; *p; p = g_utf8_next_char(p)) {
		if (*p == ' ' && (size_t)(p - s) >= lead)
			space = p;
		used += g_unichar_iswide(g_utf8_get_char(p)) ? 2 : 1;
		if (used > width && (space || t->style.is_clipped))
			return (size_t)((space ? space : p) - s);
	}
	return (size_t)(p - s);
}

/* Clean text from column `at` on, further lines indented by `hang`. */
static void append_wrapped(struct hw_text *t, enum hw_tone tone, unsigned at, unsigned hang,
			   const char *s)
{
	do {
		unsigned room = t->style.width > at + STEP ? t->style.width - at : STEP;
		size_t size = take_line(t, s, room);
		g_autofree char *line = g_strndup(s, size);

		hw_style_paint(&t->style, t->out, tone, line);
		g_string_append_c(t->out, '\n');
		s += size;
		while (*s == ' ')
			s++;
		if (*s)
			pad(t->out, hang);
		at = hang;
	} while (*s);
}

static void flush_fields(struct hw_text *t)
{
	unsigned indent = indent_of(t), width = 0;

	for (guint i = 0; i < t->fields->len; i++) {
		unsigned w = hw_style_width(g_array_index(t->fields, struct field, i).label);

		width = w <= LABEL_WIDTH ? MAX(width, w) : width;
	}
	for (guint i = 0; i < t->fields->len; i++) {
		const struct field *f = &g_array_index(t->fields, struct field, i);
		unsigned w = hw_style_width(f->label), value_at = indent + MAX(width, w) + STEP;

		pad(t->out, indent);
		hw_style_paint(&t->style, t->out, HW_TONE_DIM, f->label);
		pad(t->out, MAX(width, w) - w + STEP);
		append_wrapped(t, HW_TONE_PLAIN, value_at, value_at, f->value);
	}
	g_array_set_size(t->fields, 0);
}

void hw_text_gap(struct hw_text *t)
{
	flush_fields(t);
	if (t->out->len && !g_str_has_suffix(t->out->str, "\n\n"))
		g_string_append_c(t->out, '\n');
}

void hw_text_line(struct hw_text *t, enum hw_tone tone, const char *line)
{
	/* A line end in it is the target's, and shown as an escape. */
	g_autofree char *clean = hw_style_clean(&t->style, line);
	unsigned indent = indent_of(t), lead = (unsigned)strspn(clean, " ");

	flush_fields(t);
	pad(t->out, indent);
	append_wrapped(t, tone, indent, indent + lead, clean);
}

static void print_title(struct hw_text *t, const char *title)
{
	g_autofree char *clean = NULL;

	if (!title)
		return;
	clean = hw_style_clean(&t->style, title);
	hw_text_gap(t);
	pad(t->out, indent_of(t));
	append_wrapped(t, HW_TONE_TITLE, indent_of(t), indent_of(t) + STEP, clean);
}

static void emit_field(void *self, const char *key G_GNUC_UNUSED, const char *label,
		       struct hw_value value)
{
	struct hw_text *t = self;
	struct field field;

	if (!label)
		return;
	field.label = hw_style_clean(&t->style, label);
	field.value = hw_style_format(&t->style, value);
	g_array_append_val(t->fields, field);
}

static void emit_begin(void *self, const char *key G_GNUC_UNUSED, const char *title)
{
	struct hw_text *t = self;
	guint8 has_title = title != NULL;

	flush_fields(t);
	print_title(t, title);
	g_byte_array_append(t->open, &has_title, 1);
}

static void emit_end(void *self)
{
	struct hw_text *t = self;

	flush_fields(t);
	if (t->open->len)
		g_byte_array_set_size(t->open, t->open->len - 1);
	else
		t->is_unbalanced = true;
}

static void emit_table(void *self, const char *key G_GNUC_UNUSED, const char *title,
		       const struct hw_column *columns, uint32_t count)
{
	struct hw_text *t = self;

	flush_fields(t);
	print_title(t, title);
	t->is_unbalanced |= t->table != NULL;
	hw_grid_free(t->table);
	t->table = hw_grid_new(&t->style, columns, count);
}

static void emit_row(void *self, const struct hw_value *values)
{
	struct hw_text *t = self;

	if (t->table)
		hw_grid_add(t->table, values);
	else
		t->is_unbalanced = true;
}

static void emit_table_end(void *self)
{
	struct hw_text *t = self;

	if (t->table)
		hw_grid_print(t->table, t->out, indent_of(t) + STEP);
	else
		t->is_unbalanced = true;
	g_clear_pointer(&t->table, hw_grid_free);
}

static void emit_note(void *self, const char *fmt, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, fmt);
	text = g_strdup_vprintf(fmt, args);
	va_end(args);
	hw_text_line(self, HW_TONE_PLAIN, text);
}

void hw_text_emit(struct hw_text *t, struct hw_emit *emit)
{
	*emit = (struct hw_emit){
	    .struct_size = sizeof(*emit),
	    .self = t,
	    .field = emit_field,
	    .begin = emit_begin,
	    .end = emit_end,
	    .list = emit_begin,
	    .list_end = emit_end,
	    .table = emit_table,
	    .row = emit_row,
	    .table_end = emit_table_end,
	    .note = emit_note,
	};
}

char *hw_text_format_size(const struct hw_text *t, uint64_t bytes)
{
	return hw_style_format(&t->style, hw_size(bytes));
}

const GString *hw_text_finish(struct hw_text *t)
{
	flush_fields(t);
	return t->out;
}

bool hw_text_is_balanced(const struct hw_text *t)
{
	return !t->is_unbalanced && !t->open->len && !t->table;
}
