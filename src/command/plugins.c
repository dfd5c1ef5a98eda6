/* SPDX-License-Identifier: Apache-2.0 */
/* plugins.c -- the commands about plugins, and their reports. */
#include "query/plugins.h"
#include "command/command.h"
#include "report/options.h"
#include "report/report.h"
#include <unistd.h>

bool hw_load_plugins(struct hw_run *run, GError **error)
{
	run->plugins = hw_plugins_load(hw_given.plugin_dir, &run->notes, error);
	return run->plugins != NULL;
}

bool hw_run_plugins(struct hw_run *run, GError **error G_GNUC_UNUSED)
{
	hw_report_plugins(&run->answer, run->plugins, run->arg_count ? run->args[0] : NULL);
	return true;
}

/* --format, once name and report are known. */
static bool check_plugin_format(struct hw_run *run, GError **error)
{
	if (!hw_given.format)
		return true;
	if (hw_given.json)
		return hw_usage(error, "--json and --format exclude each other");
	if (g_str_equal(hw_given.format, "pprof") && !hw_given.output && isatty(STDOUT_FILENO))
		return hw_usage(error, "pprof is not for a terminal: name a file with -o");
	return hw_plugins_check_format(run->plugins, run->args[0], run->args[1], hw_given.format,
				       &run->hint, error);
}

/* plugin NAME [REPORT] [TARGET]: names are checked before a large core is read. */
bool hw_prepare_plugin(struct hw_run *run, GError **error)
{
	const char *name = run->args[0], *report = run->arg_count > 1 ? run->args[1] : NULL;

	run->target = run->arg_count == 3 ? run->args[2] : NULL;
	run->schema = g_strdup("plugins");
	if (!hw_load_plugins(run, error) ||
	    !hw_plugins_check(run->plugins, name, NULL, &run->hint, error))
		return false;
	/* A target without a report asks what reports there are. */
	if (!report || (!run->target && !hw_plugins_has_report(run->plugins, name, report) &&
			(g_file_test(report, G_FILE_TEST_EXISTS) || hw_session_pid(report))))
		return !hw_given.format || hw_usage(error, "--format: of which report?");
	if (!hw_plugins_check(run->plugins, name, report, &run->hint, error))
		return false;
	g_free(run->schema);
	run->schema = g_strdup_printf("plugin.%s.%s", name, report);
	if (!run->target)
		return hw_usage(error, "plugin %s %s: which core file?", name, report);
	return check_plugin_format(run, error);
}

bool hw_run_plugin(struct hw_run *run, GError **error)
{
	if (!run->target)
		return hw_run_plugins(run, error);
	if (hw_given.format) {
		if (!hw_report_raw(run->output, run->session, run->args[0], run->args[1],
				   hw_given.format, error))
			return false;
		hw_target_check(run->session->target, &run->session->notes);
		return true;
	}
	hw_answer_target(&run->answer, run->session->target);
	hw_answer_gap(&run->answer);
	if (!hw_heaps_report(run->session->heaps, run->args[0], run->args[1], &run->answer.emit,
			     error))
		return false;
	hw_target_check(run->session->target, &run->session->notes);
	hw_answer_completeness(&run->answer, &run->session->notes, false);
	return true;
}

bool hw_touch_plugin(struct hw_session *session, void *arg, GError **error)
{
	const struct hw_run *run = arg;
	struct hw_notes_mark mark = hw_notes_mark(&session->notes);
	struct hw_answer answer;
	bool ok;

	if (run->arg_count < 3)
		return true;
	hw_answer_init(&answer, true, NULL);
	ok = hw_heaps_report(session->heaps, run->args[0], run->args[1], &answer.emit, error);
	hw_answer_clear(&answer);
	hw_notes_rewind(&session->notes, &mark);
	return ok;
}
