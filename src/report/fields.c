/* SPDX-License-Identifier: Apache-2.0 */
#include "report/fields.h"
#include <inttypes.h>
#include <string.h>

static const char *const kind_names[HW_PART_KINDS] = {
    [HW_PART_OTHER] = "other",   [HW_PART_BOOL] = "bool",   [HW_PART_INT] = "int",
    [HW_PART_UINT] = "uint",     [HW_PART_FLOAT] = "float", [HW_PART_POINTER] = "pointer",
    [HW_PART_STRING] = "string", [HW_PART_SLICE] = "slice", [HW_PART_INTERFACE] = "interface",
    [HW_PART_MAP] = "map",       [HW_PART_CHAN] = "chan",   [HW_PART_FUNC] = "func",
    [HW_PART_MORE] = "more",
};

/* A number as text, of any size; NULL where there is none. Free with g_free(). */
static char *number_text(const struct hw_show_field *f)
{
	char buf[G_ASCII_DTOSTR_BUF_SIZE];
	double number;

	switch (f->kind) {
	case HW_PART_BOOL:
		return g_strdup(f->number ? "true" : "false");
	case HW_PART_INT:
		return g_strdup_printf("%" PRId64, (int64_t)f->number);
	case HW_PART_UINT:
		return g_strdup_printf("%" PRIu64, f->number);
	case HW_PART_FLOAT:
		memcpy(&number, &f->number, sizeof(number));
		return g_strdup(g_ascii_formatd(buf, sizeof(buf), "%.17g", number));
	default:
		return NULL;
	}
}

static bool has_length(const struct hw_show_field *f)
{
	return f->kind == HW_PART_STRING || f->kind == HW_PART_SLICE || f->kind == HW_PART_MAP ||
	       f->kind == HW_PART_CHAN || f->kind == HW_PART_MORE;
}

static bool has_capacity(const struct hw_show_field *f)
{
	return f->kind == HW_PART_SLICE || f->kind == HW_PART_CHAN;
}

static hw_addr base_of(const struct hw_show *s)
{
	return s->has_block     ? s->block.addr
	       : s->fields->len ? g_array_index(s->fields, struct hw_show_field, 0).addr
				: 0;
}

/* What the target says may be any number: JSON has those that it can. */
static struct hw_value count_or_null(bool is_known, uint64_t count)
{
	return is_known && count < UINT64_C(1) << 53 ? hw_count(count) : hw_null();
}

static void field_json(struct hw_answer *a, const struct hw_show *s, const struct hw_show_field *f)
{
	const bool is_part = f->kind != HW_PART_MORE;
	g_autofree char *number = number_text(f);

	hw_answer_begin(a, NULL, NULL);
	hw_answer_field(a, "name", NULL, hw_text(f->name));
	hw_answer_field(a, "kind", NULL, hw_text(kind_names[f->kind]));
	hw_answer_field(a, "type", NULL, hw_text(f->type));
	hw_answer_field(a, "offset", NULL, is_part ? hw_size(f->addr - base_of(s)) : hw_null());
	hw_answer_field(a, "size", NULL, is_part ? hw_size(f->size) : hw_null());
	hw_answer_field(a, "value", NULL, hw_text(number));
	hw_answer_field(a, "length", NULL, count_or_null(has_length(f), f->length));
	hw_answer_field(a, "capacity", NULL, count_or_null(has_capacity(f), f->capacity));
	hw_answer_field(a, "address", NULL, f->target ? hw_address(f->target) : hw_null());
	hw_answer_field(a, "target_type", NULL, hw_text(f->target_type));
	hw_answer_field(a, "text", NULL, hw_text(f->text));
	hw_answer_field(a, "text_cut", NULL, hw_flag(f->text && f->is_text_cut));
	hw_answer_end(a);
}

void hw_report_fields_json(struct hw_answer *a, const struct hw_show *s)
{
	hw_answer_list(a, "fields", NULL);
	for (guint i = 0; i < s->fields->len; i++)
		field_json(a, s, &g_array_index(s->fields, struct hw_show_field, i));
	hw_answer_list_end(a);
}

/* Free with g_free(). */
static char *value_text(const struct hw_show_field *f)
{
	GString *text = g_string_new(NULL);
	g_autofree char *number = number_text(f);

	if (number)
		g_string_append(text, number);
	else if (f->kind == HW_PART_FUNC && f->target_type)
		g_string_append(text, f->target_type);
	else if (f->kind == HW_PART_STRING)
		g_string_append_printf(text, "len %" PRIu64, f->length);
	else if (f->kind == HW_PART_OTHER && f->text)
		g_string_append_printf(text, "%" PRIu64 " bytes", f->size);
	else if (!f->target && f->kind != HW_PART_OTHER && f->size == sizeof(f->target))
		g_string_append(text, "nil");
	else if (f->kind == HW_PART_SLICE)
		g_string_append_printf(text, "len %" PRIu64 ", cap %" PRIu64, f->length,
				       f->capacity);
	else if (f->kind == HW_PART_CHAN)
		g_string_append_printf(text, "len %" PRIu64 ", room %" PRIu64, f->length,
				       f->capacity);
	else if (f->kind == HW_PART_MAP)
		g_string_append_printf(text, "len %" PRIu64, f->length);
	else if (f->kind == HW_PART_INTERFACE && f->target_type)
		g_string_append_printf(text, "holds %s", f->target_type);
	else if (f->kind == HW_PART_INTERFACE && !f->target)
		g_string_append(text, "nil");
	if (f->target)
		g_string_append_printf(text, "%s-> 0x%" PRIx64, text->len ? " " : "", f->target);
	if (f->kind == HW_PART_POINTER && f->target && f->target_type)
		g_string_append_printf(text, ", %s", f->target_type);
	if (f->text)
		g_string_append_printf(text, ": \"%s\"%s", f->text, f->is_text_cut ? "..." : "");
	return g_string_free(text, FALSE);
}

static void field_text(struct hw_answer *a, const struct hw_show *s, const struct hw_show_field *f)
{
	g_autofree char *value = value_text(f), *name = NULL;

	if (f->kind == HW_PART_MORE) {
		name = g_strdup_printf("%s: and %" PRIu64 " more", f->name, f->length);
		const struct hw_value more[] = {hw_text(""), hw_text(*f->name ? name : name + 2),
						hw_text(""), hw_text("")};
		hw_answer_row(a, more);
		return;
	}
	name = g_strdup_printf("+%" PRIu64, f->addr - base_of(s));
	const struct hw_value row[] = {hw_text(name), hw_text(*f->name ? f->name : "(itself)"),
				       hw_text(f->type), hw_text(value)};
	hw_answer_row(a, row);
}

void hw_report_fields_text(struct hw_answer *a, const struct hw_show *s)
{
	static const struct hw_column columns[] = {
	    {NULL, "at", HW_KIND_TEXT, 0},
	    {NULL, "field", HW_KIND_TEXT, 0},
	    {NULL, "type", HW_KIND_TEXT, 0},
	    {NULL, "value", HW_KIND_TEXT, 0},
	};

	if (!s->fields->len)
		return;
	hw_answer_gap(a);
	hw_answer_table(a, NULL, NULL, columns, G_N_ELEMENTS(columns));
	for (guint i = 0; i < s->fields->len; i++)
		field_text(a, s, &g_array_index(s->fields, struct hw_show_field, i));
	hw_answer_table_end(a);
}
