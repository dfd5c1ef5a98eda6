/* SPDX-License-Identifier: Apache-2.0 */
/* run.c -- one run of a command: options, output, session, answer. */
#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include "command/command.h"
#include "query/plugins.h"
#include "report/ask.h"
#include "report/options.h"
#include <unistd.h>

bool hw_usage(GError **error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (error)
		*error = g_error_new_valist(HW_ERROR, HW_ERROR_USAGE, fmt, args);
	va_end(args);
	return false;
}

const struct hw_notes *hw_notes_of(const struct hw_run *run)
{
	return run->session ? &run->session->notes : &run->notes;
}

static bool make_answer(struct hw_run *run, const struct hw_command *command, GError **error)
{
	struct hw_options session_options = {
	    .sysroot = hw_given.sysroot,
	    .exe = hw_given.exe,
	    .debug_dirs = (const char *const *)hw_given.debug_dirs,
	    .plugin_dir = hw_given.plugin_dir,
	    .spool_dir = hw_given.spool_dir,
	    .live = {.touch = command->touch, .arg = run, .tell = run->tell},
	};
	bool is_stream = command->is_lines || command->finish || hw_given.format;

	/* What something retains needs all blocks. */
	if (!hw_ask_process(hw_given.retained ? HW_STOP_ALL : command->mode,
			    &session_options.live.process, error))
		return false;
	session_options.live.process.wants_kernel = command->wants_kernel;
	if (run->target) {
		run->session = hw_session_open(run->target, &session_options, error);
		if (!run->session)
			return false;
	}
	if (!command->run(run, error))
		return false;
	hw_progress_end();
	if (hw_stop_requested()) { /* A loop that was left early is no answer. */
		g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
		return false;
	}
	return is_stream || hw_answer_finish(&run->answer, run->schema ? run->schema : run->name,
					     run->session ? run->session->target : NULL,
					     hw_notes_of(run), run->output, error);
}

bool hw_run_command(struct hw_run *run, const struct hw_command *command, GError **error)
{
	struct hw_style style;
	bool ok;

	/* Words first: a typing error must not cost the reading of a large core. */
	if (!hw_options_style(&style, STDOUT_FILENO, error) ||
	    (command->prepare && !command->prepare(run, error)))
		return false;
	run->output = hw_output_open(hw_given.output, hw_given.force, error);
	if (!run->output) {
		if (hw_given.output && !hw_given.force &&
		    g_file_test(hw_given.output, G_FILE_TEST_EXISTS))
			run->hint = g_strdup("another name, or --force to replace it");
		return false;
	}
	hw_options_style(&style, run->output->fd, NULL);
	hw_answer_init(&run->answer, hw_given.json, &style);
	run->answer.has_strings = hw_given.strings;
	ok = make_answer(run, command, error);
	hw_progress_end();
	if (!hw_output_close(run->output, ok, ok ? error : NULL))
		ok = false;
	return ok && (!command->finish || command->finish(run, error));
}

void hw_clear_run(struct hw_run *run)
{
	hw_answer_clear(&run->answer);
	hw_session_close(run->session);
	hw_plugins_free(run->plugins);
	hw_notes_clear(&run->notes);
	g_free(run->schema);
	g_free(run->hint);
}
