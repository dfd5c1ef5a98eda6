/* SPDX-License-Identifier: Apache-2.0 */
/* answer.h -- one answer on its way out: rendered once through struct hw_emit, as text or
 * as JSON in its envelope. Nothing leaves before the answer is complete. */
#ifndef HW_REPORT_ANSWER_H
#define HW_REPORT_ANSWER_H
#include "base/notes.h"
#include "report/output.h"
#include "report/style.h"
#include "target/target.h"

struct hw_answer {
	bool is_json;
	bool has_strings;    /* Contents of the target may be shown (--show-strings). */
	struct hw_emit emit; /* Writes into the object that is `data` of the JSON. */
	/* Private. */
	struct hw_text *text;
	struct hw_json *json;
};

/* style is for text. */
void hw_answer_init(struct hw_answer *answer, bool json, const struct hw_style *style);
void hw_answer_clear(struct hw_answer *answer);

/* Writes the answer. schema: "summary", without prefix and version. target may be NULL.
 * INTERNAL when a plugin left its report half open. */
bool hw_answer_finish(struct hw_answer *answer, const char *schema, const struct hw_target *target,
		      const struct hw_notes *notes, struct hw_output *output, GError **error);

/* Text only: a line in a tone, and an empty line. */
void hw_answer_line(struct hw_answer *answer, enum hw_tone tone, const char *fmt, ...)
    G_GNUC_PRINTF(3, 4);
void hw_answer_gap(struct hw_answer *answer);

/* "process 12: name, 3 threads, stopped 4.1 ms". Free with g_free(). */
char *hw_answer_target_line(const struct hw_target *target);
/* Text only: what was examined; and, when something is missing or always is set, how
 * complete the answer is. */
void hw_answer_target(struct hw_answer *answer, const struct hw_target *target);
void hw_answer_completeness(struct hw_answer *answer, const struct hw_notes *notes, bool always);

/* A size as the text shows it. Free with g_free(). */
char *hw_answer_size(const struct hw_answer *answer, uint64_t bytes);

/* "SIGSEGV", or NULL. */
const char *hw_answer_signal_name(int signal);
/* The signal that ended the target: of NT_SIGINFO, else of its first thread; 0: none. */
int hw_answer_signal(const struct hw_target *target);

/* Short forms of the emitter's calls. */
static inline void hw_answer_field(struct hw_answer *r, const char *key, const char *label,
				   struct hw_value value)
{
	r->emit.field(r->emit.self, key, label, value);
}
static inline void hw_answer_begin(struct hw_answer *r, const char *key, const char *title)
{
	r->emit.begin(r->emit.self, key, title);
}
static inline void hw_answer_end(struct hw_answer *r)
{
	r->emit.end(r->emit.self);
}
static inline void hw_answer_list(struct hw_answer *r, const char *key, const char *title)
{
	r->emit.list(r->emit.self, key, title);
}
static inline void hw_answer_list_end(struct hw_answer *r)
{
	r->emit.list_end(r->emit.self);
}
static inline void hw_answer_table(struct hw_answer *r, const char *key, const char *title,
				   const struct hw_column *columns, uint32_t count)
{
	r->emit.table(r->emit.self, key, title, columns, count);
}
static inline void hw_answer_row(struct hw_answer *r, const struct hw_value *values)
{
	r->emit.row(r->emit.self, values);
}
static inline void hw_answer_table_end(struct hw_answer *r)
{
	r->emit.table_end(r->emit.self);
}
#endif
