/* SPDX-License-Identifier: Apache-2.0 */
/* notes.h -- what went wrong without stopping us: warnings with a stable code and
 * damage found in the target. Kept by the session, shown in every report.
 * Not thread-safe. */
#ifndef HW_BASE_NOTES_H
#define HW_BASE_NOTES_H
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct hw_warning {
	char *code; /* Stable: "truncated", "tls-not-dumped", … */
	char *message;
	char *hint; /* What to do, or NULL. */
};

struct hw_damage {
	uint64_t addr; /* Where in the target; 0 when the place is in the file only. */
	char *message;
};

struct hw_notes {
	GPtrArray *warnings;   /* struct hw_warning *. */
	GPtrArray *damage;     /* struct hw_damage *, the first HW_NOTES_KEPT. */
	uint64_t damage_count; /* All of them. */
	bool incomplete;       /* Some answer may miss something. */
};

#define HW_NOTES_KEPT 1000

void hw_notes_init(struct hw_notes *notes);
void hw_notes_clear(struct hw_notes *notes);

/* A second warning with the same code and message is dropped. hint may be NULL. */
void hw_notes_warn(struct hw_notes *notes, const char *code, const char *hint, const char *fmt, ...)
    G_GNUC_PRINTF(4, 5);
/* The same, and marks the answer incomplete. */
void hw_notes_missing(struct hw_notes *notes, const char *code, const char *hint, const char *fmt,
		      ...) G_GNUC_PRINTF(4, 5);
/* Counts damage at addr, keeps the text of the first ones, marks incomplete. */
void hw_notes_damage(struct hw_notes *notes, uint64_t addr, const char *fmt, ...)
    G_GNUC_PRINTF(3, 4);
/* Where the notes are now; rewind() forgets what came since: for work that is thrown away. */
struct hw_notes_mark {
	guint warnings;
	guint damage;
	uint64_t damage_count;
	bool incomplete;
};
struct hw_notes_mark hw_notes_mark(const struct hw_notes *notes);
void hw_notes_rewind(struct hw_notes *notes, const struct hw_notes_mark *mark);
#endif
