/* SPDX-License-Identifier: Apache-2.0 */
/* notes.c -- keeps warnings and damage for the report. A hostile target can make
 * any number of them, so what is kept is bounded; what is counted is not. */
#include "base/notes.h"
#include <string.h>

static void free_warning(void *data)
{
	struct hw_warning *warning = data;

	g_free(warning->code);
	g_free(warning->message);
	g_free(warning->hint);
	g_free(warning);
}

static void free_damage(void *data)
{
	struct hw_damage *damage = data;

	g_free(damage->message);
	g_free(damage);
}

void hw_notes_init(struct hw_notes *notes)
{
	*notes = (struct hw_notes){
	    .warnings = g_ptr_array_new_with_free_func(free_warning),
	    .damage = g_ptr_array_new_with_free_func(free_damage),
	};
}

void hw_notes_clear(struct hw_notes *notes)
{
	if (notes->warnings)
		g_ptr_array_unref(notes->warnings);
	if (notes->damage)
		g_ptr_array_unref(notes->damage);
	*notes = (struct hw_notes){0};
}

static bool is_known(const struct hw_notes *notes, const char *code, const char *message)
{
	for (guint i = 0; i < notes->warnings->len; i++) {
		const struct hw_warning *warning = notes->warnings->pdata[i];

		if (!strcmp(warning->code, code) && !strcmp(warning->message, message))
			return true;
	}
	return false;
}

static char *format(const char *fmt, va_list args) G_GNUC_PRINTF(1, 0);

/* Names from the target may be in the text; reports rely on valid UTF-8. */
static char *format(const char *fmt, va_list args)
{
	g_autofree char *raw = g_strdup_vprintf(fmt, args);

	return g_utf8_make_valid(raw, -1);
}

/* Takes message. */
static void add_warning(struct hw_notes *notes, const char *code, const char *hint, char *message)
{
	struct hw_warning *warning;

	if (notes->warnings->len >= HW_NOTES_KEPT || is_known(notes, code, message)) {
		g_free(message);
		return;
	}
	warning = g_new0(struct hw_warning, 1);
	warning->code = g_strdup(code);
	warning->message = message;
	warning->hint = g_strdup(hint);
	g_ptr_array_add(notes->warnings, warning);
}

void hw_notes_warn(struct hw_notes *notes, const char *code, const char *hint, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_warning(notes, code, hint, format(fmt, args));
	va_end(args);
}

void hw_notes_missing(struct hw_notes *notes, const char *code, const char *hint, const char *fmt,
		      ...)
{
	va_list args;

	va_start(args, fmt);
	add_warning(notes, code, hint, format(fmt, args));
	va_end(args);
	notes->incomplete = true;
}

void hw_notes_damage(struct hw_notes *notes, uint64_t addr, const char *fmt, ...)
{
	struct hw_damage *damage;
	va_list args;

	notes->incomplete = true;
	notes->damage_count++;
	if (notes->damage->len >= HW_NOTES_KEPT)
		return;
	damage = g_new0(struct hw_damage, 1);
	damage->addr = addr;
	va_start(args, fmt);
	damage->message = format(fmt, args);
	va_end(args);
	g_ptr_array_add(notes->damage, damage);
}

struct hw_notes_mark hw_notes_mark(const struct hw_notes *notes)
{
	return (struct hw_notes_mark){notes->warnings->len, notes->damage->len, notes->damage_count,
				      notes->incomplete};
}

void hw_notes_rewind(struct hw_notes *notes, const struct hw_notes_mark *mark)
{
	g_ptr_array_set_size(notes->warnings, (gint)mark->warnings);
	g_ptr_array_set_size(notes->damage, (gint)mark->damage);
	notes->damage_count = mark->damage_count;
	notes->incomplete = mark->incomplete;
}
