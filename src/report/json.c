/* SPDX-License-Identifier: Apache-2.0 */
/* Writes JSON as it comes. Table rows take one line each; all else is indented. */
#include "report/json.h"
#include "base/text.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Readers keep numbers in doubles: integers are exact below this. */
#define EXACT_LIMIT (UINT64_C(1) << 53)

struct frame {
	bool is_list;
	bool is_filled; /* Something is in it already. */
};

struct hw_json {
	GString *out;
	unsigned depth; /* Of the outermost object. */
	GArray *frames; /* struct frame; the first is the outermost object. */
	char **keys;    /* Of the open table's columns; NULL for text-only ones. */
	uint32_t key_count;
	bool is_table;
	bool is_skipped; /* The open table is for text only. */
	bool is_unbalanced;
};

struct hw_json *hw_json_new(unsigned depth)
{
	struct hw_json *j = g_new0(struct hw_json, 1);
	struct frame outermost = {0};

	j->out = g_string_new("{");
	j->depth = depth;
	j->frames = g_array_new(FALSE, TRUE, sizeof(struct frame));
	g_array_append_val(j->frames, outermost);
	return j;
}

static void drop_keys(struct hw_json *j)
{
	for (uint32_t i = 0; i < j->key_count; i++)
		g_free(j->keys[i]);
	g_clear_pointer(&j->keys, g_free);
	j->key_count = 0;
}

void hw_json_free(struct hw_json *j)
{
	if (!j)
		return;
	drop_keys(j);
	g_array_unref(j->frames);
	g_string_free(j->out, TRUE);
	g_free(j);
}

/* Escaped beyond what JSON asks for: what moves a terminal's cursor or reorders text,
 * and the line ends of JavaScript. */
static bool is_escaped(gunichar c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == '"' || c == '\\' || c == 0x61c ||
	       c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void append_escaped(GString *to, gunichar c)
{
	const char *short_forms = "\"\"\\\\\nn\rr\tt\bb\ff";
	const char *p = short_forms;

	for (; *p; p += 2) {
		if ((gunichar)*p == c) {
			g_string_append_c(to, '\\');
			g_string_append_c(to, p[1]);
			return;
		}
	}
	g_string_append_printf(to, "\\u%04x", c);
}

void hw_json_quote(GString *to, const char *s)
{
	g_autofree char *valid = NULL;

	if (!g_utf8_validate(s, -1, NULL))
		s = valid = hw_text_copy(s, strlen(s));
	g_string_append_c(to, '"');
	for (const char *p = s, *next; *p; p = next) {
		gunichar c = g_utf8_get_char(p);

		next = g_utf8_next_char(p);
		if (is_escaped(c))
			append_escaped(to, c);
		else
			g_string_append_len(to, p, next - p);
	}
	g_string_append_c(to, '"');
}

static void append_integer(GString *to, bool is_negative, uint64_t u)
{
	const char *quote = u < EXACT_LIMIT ? "" : "\"";

	g_string_append_printf(to, "%s%s%" PRIu64 "%s", quote, is_negative ? "-" : "", u, quote);
}

static void append_ratio(GString *to, double d)
{
	char buf[G_ASCII_DTOSTR_BUF_SIZE];

	g_string_append(to, isfinite(d) ? g_ascii_formatd(buf, sizeof(buf), "%.9g", d) : "null");
}

static void append_value(GString *to, struct hw_value value)
{
	switch ((enum hw_kind)value.kind) {
	case HW_KIND_SIZE:
	case HW_KIND_COUNT:
	case HW_KIND_ID:
		append_integer(to, false, value.u);
		return;
	case HW_KIND_DELTA:
		append_integer(to, value.i < 0,
			       value.i < 0 ? 0 - (uint64_t)value.i : (uint64_t)value.i);
		return;
	case HW_KIND_ADDR:
		g_string_append_printf(to, "\"0x%" PRIx64 "\"", value.u);
		return;
	case HW_KIND_TEXT:
		if (value.s)
			hw_json_quote(to, value.s);
		else
			g_string_append(to, "null");
		return;
	case HW_KIND_FLAG:
		g_string_append(to, value.u ? "true" : "false");
		return;
	case HW_KIND_RATIO:
		append_ratio(to, value.d);
		return;
	case HW_KIND_NULL:
		break;
	}
	g_string_append(to, "null");
}

static struct frame *top(struct hw_json *j)
{
	return &g_array_index(j->frames, struct frame, j->frames->len - 1);
}

static void new_line(struct hw_json *j, unsigned level)
{
	g_string_append_c(j->out, '\n');
	for (level += j->depth; level; level--)
		g_string_append(j->out, "  ");
}

/* Comma, line and key of the next value. A list takes no keys, an object needs one. */
static bool start_value(struct hw_json *j, const char *key)
{
	struct frame *frame = top(j);

	if (!frame->is_list && !key) {
		j->is_unbalanced = true;
		return false;
	}
	if (frame->is_filled)
		g_string_append_c(j->out, ',');
	frame->is_filled = true;
	new_line(j, j->frames->len);
	if (!frame->is_list) {
		hw_json_quote(j->out, key);
		g_string_append(j->out, ": ");
	}
	return true;
}

static void open_frame(struct hw_json *j, const char *key, bool is_list)
{
	struct frame frame = {.is_list = is_list};

	if (start_value(j, key)) {
		g_string_append_c(j->out, is_list ? '[' : '{');
		g_array_append_val(j->frames, frame);
	}
}

static void close_frame(struct hw_json *j, bool is_list)
{
	struct frame frame = *top(j);

	if (j->frames->len < 2 || frame.is_list != is_list) {
		j->is_unbalanced = true;
		return;
	}
	g_array_set_size(j->frames, j->frames->len - 1);
	if (frame.is_filled)
		new_line(j, j->frames->len);
	g_string_append_c(j->out, is_list ? ']' : '}');
}

static void emit_field(void *self, const char *key, const char *label, struct hw_value value)
{
	struct hw_json *j = self;

	if (!key && label)
		return;
	if (start_value(j, key))
		append_value(j->out, value);
}

static void emit_begin(void *self, const char *key, const char *title G_GNUC_UNUSED)
{
	open_frame(self, key, false);
}

static void emit_end(void *self)
{
	close_frame(self, false);
}

static void emit_list(void *self, const char *key, const char *title G_GNUC_UNUSED)
{
	open_frame(self, key, true);
}

static void emit_list_end(void *self)
{
	close_frame(self, true);
}

static void emit_table(void *self, const char *key, const char *title G_GNUC_UNUSED,
		       const struct hw_column *columns, uint32_t count)
{
	struct hw_json *j = self;

	j->is_unbalanced |= j->is_table;
	j->is_table = true;
	j->is_skipped = !key;
	if (!key)
		return;
	drop_keys(j);
	j->keys = g_new0(char *, count + 1);
	j->key_count = count;
	for (uint32_t i = 0; i < count; i++)
		if (!(columns[i].flags & HW_COLUMN_TEXT))
			j->keys[i] = g_strdup(columns[i].key);
	open_frame(j, key, true);
}

static void emit_row(void *self, const struct hw_value *values)
{
	struct hw_json *j = self;
	const char *comma = "";

	if (j->is_skipped)
		return;
	if (!j->is_table || !top(j)->is_list) {
		j->is_unbalanced = true;
		return;
	}
	start_value(j, NULL);
	g_string_append_c(j->out, '{');
	for (uint32_t i = 0; i < j->key_count; i++) {
		if (!j->keys[i])
			continue;
		g_string_append(j->out, comma);
		hw_json_quote(j->out, j->keys[i]);
		g_string_append(j->out, ": ");
		append_value(j->out, values[i]);
		comma = ", ";
	}
	g_string_append_c(j->out, '}');
}

static void emit_table_end(void *self)
{
	struct hw_json *j = self;

	if (!j->is_skipped)
		close_frame(j, true);
	j->is_unbalanced |= !j->is_table;
	j->is_table = j->is_skipped = false;
	drop_keys(j);
}

static void emit_note(void *self G_GNUC_UNUSED, const char *fmt G_GNUC_UNUSED, ...)
{
}

void hw_json_emit(struct hw_json *j, struct hw_emit *emit)
{
	*emit = (struct hw_emit){
	    .struct_size = sizeof(*emit),
	    .self = j,
	    .field = emit_field,
	    .begin = emit_begin,
	    .end = emit_end,
	    .list = emit_list,
	    .list_end = emit_list_end,
	    .table = emit_table,
	    .row = emit_row,
	    .table_end = emit_table_end,
	    .note = emit_note,
	};
}

void hw_json_raw(struct hw_json *j, const char *key, const GString *value)
{
	if (start_value(j, key))
		g_string_append_len(j->out, value->str, (gssize)value->len);
}

const GString *hw_json_finish(struct hw_json *j)
{
	while (j->frames->len > 1)
		close_frame(j, top(j)->is_list);
	if (top(j)->is_filled)
		new_line(j, 0);
	g_string_append_c(j->out, '}');
	return j->out;
}

bool hw_json_is_balanced(const struct hw_json *j)
{
	return !j->is_unbalanced && j->frames->len == 1 && !j->is_table;
}
