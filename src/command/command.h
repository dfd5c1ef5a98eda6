/* SPDX-License-Identifier: Apache-2.0 */
/* command.h -- the commands: a table of them, a short function for each that reads as its pipeline
 * (query, report), and what one run of a command has. Errors are the caller's to print. */
#ifndef HW_COMMAND_COMMAND_H
#define HW_COMMAND_COMMAND_H
#include "report/answer.h"
#include "report/options.h"
#include "report/report.h"

/* One run of one command. Made of zeros, but for name, args and notes. */
struct hw_run {
	const char *name;   /* The command's. */
	const char *target; /* NULL: it needs none. */
	char **args;        /* After the command's name; the caller's. */
	guint arg_count;
	struct hw_session *session;
	struct hw_plugins *plugins; /* Without a session: these, and their notes. */
	struct hw_notes notes;
	struct hw_answer answer;
	struct hw_output *output;
	char *schema;                              /* When it is not the command's name. */
	char *hint;                                /* What to do about the error. */
	void (*tell)(void *arg, const char *text); /* News while a process is read; arg is NULL. */
};

struct hw_command {
	const char *name;
	const char *args;
	const char *summary;
	const char *more;                                    /* For its own help. */
	guint least, most;                                   /* Arguments. */
	bool (*prepare)(struct hw_run *run, GError **error); /* Checks words; or NULL. */
	bool (*run)(struct hw_run *run, GError **error);
	enum hw_option_set own; /* Options of its own. */
	enum hw_stop_mode mode; /* Of a process, without --mode. */
	/* What it will look at, besides ledgers; for a process. */
	bool (*touch)(struct hw_session *session, void *run, GError **error);
	bool wants_kernel; /* Also what the kernel counts. */
	bool is_lines;     /* It writes lines by itself, with --json too, not one answer. */
	/* It writes a file by itself: its answer, to stdout, once the file is whole. Or NULL. */
	bool (*finish)(struct hw_run *run, GError **error);
};

/* In the order of the help. */
extern const struct hw_command hw_commands[];
extern const guint hw_command_count;

/* NULL: there is none. */
const struct hw_command *hw_command_find(const char *name);

/* Everything from the words to the answer in its file. */
bool hw_run_command(struct hw_run *run, const struct hw_command *command, GError **error);
void hw_clear_run(struct hw_run *run);

/* The session's, or without one the run's own. */
const struct hw_notes *hw_notes_of(const struct hw_run *run);

/* Sets a USAGE error; false. */
bool hw_usage(GError **error, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* heaps.c */
bool hw_run_summary(struct hw_run *run, GError **error);
bool hw_run_heaps(struct hw_run *run, GError **error);
bool hw_run_maps(struct hw_run *run, GError **error);
bool hw_prepare_blocks(struct hw_run *run, GError **error);
bool hw_run_blocks(struct hw_run *run, GError **error);
bool hw_prepare_show(struct hw_run *run, GError **error);
bool hw_run_show(struct hw_run *run, GError **error);
bool hw_run_verify(struct hw_run *run, GError **error);
bool hw_touch_blocks(struct hw_session *session, void *run, GError **error);
bool hw_touch_summary(struct hw_session *session, void *run, GError **error);
bool hw_touch_show(struct hw_session *session, void *run, GError **error);
bool hw_touch_verify(struct hw_session *session, void *run, GError **error);
/* --format csv or ndjson; --json is ndjson. */
bool hw_read_format(enum hw_lines_format *format, GError **error);

/* holders.c */
bool hw_prepare_graph(struct hw_run *run, GError **error);
bool hw_build_graph(struct hw_run *run, enum hw_depth depth, uint32_t *limit_ret, GError **error);
bool hw_run_roots(struct hw_run *run, GError **error);
bool hw_prepare_tree(struct hw_run *run, GError **error);
bool hw_run_tree(struct hw_run *run, GError **error);
bool hw_prepare_why(struct hw_run *run, GError **error);
bool hw_run_why(struct hw_run *run, GError **error);
bool hw_prepare_refs(struct hw_run *run, GError **error);
bool hw_run_refs(struct hw_run *run, GError **error);
bool hw_prepare_leaks(struct hw_run *run, GError **error);
bool hw_run_leaks(struct hw_run *run, GError **error);
bool hw_prepare_top(struct hw_run *run, GError **error);
bool hw_run_top(struct hw_run *run, GError **error);
bool hw_prepare_pins(struct hw_run *run, GError **error);
bool hw_run_pins(struct hw_run *run, GError **error);
bool hw_run_threads(struct hw_run *run, GError **error);

/* goroutines.c */
bool hw_run_goroutines(struct hw_run *run, GError **error);
bool hw_prepare_goroutine(struct hw_run *run, GError **error);
bool hw_run_goroutine(struct hw_run *run, GError **error);
bool hw_touch_goroutines(struct hw_session *session, void *run, GError **error);

/* snapshot.c */
bool hw_prepare_snapshot(struct hw_run *run, GError **error);
bool hw_run_snapshot(struct hw_run *run, GError **error);
bool hw_finish_snapshot(struct hw_run *run, GError **error);

/* plugins.c */
bool hw_load_plugins(struct hw_run *run, GError **error);
bool hw_run_plugins(struct hw_run *run, GError **error);
bool hw_prepare_plugin(struct hw_run *run, GError **error);
bool hw_run_plugin(struct hw_run *run, GError **error);
bool hw_touch_plugin(struct hw_session *session, void *run, GError **error);
#endif
