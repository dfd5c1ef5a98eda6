/* SPDX-License-Identifier: Apache-2.0 */
/* text.h -- the text back end of the emitter: titles, aligned fields, tables, notes. */
#ifndef HW_REPORT_TEXT_H
#define HW_REPORT_TEXT_H
#include "report/style.h"

struct hw_text;

struct hw_text *hw_text_new(const struct hw_style *style);
void hw_text_free(struct hw_text *text); /* Accepts NULL. */

/* Fills emit with this back end's functions. */
void hw_text_emit(struct hw_text *text, struct hw_emit *emit);

/* A wrapped paragraph in one tone. */
void hw_text_line(struct hw_text *text, enum hw_tone tone, const char *line);
/* An empty line, unless there is one already or nothing came before. */
void hw_text_gap(struct hw_text *text);

/* A size in this text's units. Free with g_free(). */
char *hw_text_format_size(const struct hw_text *text, uint64_t bytes);

/* All that was emitted so far; borrowed. */
const GString *hw_text_finish(struct hw_text *text);
/* Were begin() and end() paired? A plugin may have left something open. */
bool hw_text_is_balanced(const struct hw_text *text);
#endif
