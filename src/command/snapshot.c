/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.c -- the command that makes a file of a process. */
#include "command/command.h"
#include "report/options.h"
#include "report/report.h"

/* The file that -o names has the snapshot; what is said about it goes to stdout. */
bool hw_prepare_snapshot(struct hw_run *run, GError **error)
{
	if (!hw_given.output)
		return hw_usage(error, "snapshot: -o FILE says where it goes");
	if (hw_given.compress && !g_str_equal(hw_given.compress, "zstd"))
		return hw_usage(error, "--compress %s: must be zstd", hw_given.compress);
	if (hw_given.mode && g_str_equal(hw_given.mode, "nostop"))
		return hw_usage(error,
				"snapshot: --mode nostop would make a file of no one moment");
	if (!hw_session_pid(run->args[0]))
		return hw_usage(error, "snapshot: '%s' is no process id", run->args[0]);
	return true;
}

bool hw_run_snapshot(struct hw_run *run, GError **error)
{
	const struct hw_snapshot_request request = {
	    .fd = run->output->fd,
	    .name = hw_given.output,
	    .is_packed = hw_given.compress != NULL,
	    .drops_content = hw_given.no_content,
	};
	struct hw_snapshot_result result;

	if (!hw_snapshot_query(run->session, &request, &result, error))
		return false;
	hw_target_check(run->session->target, &run->session->notes);
	hw_report_snapshot(&run->answer, run->session, &request, &result);
	return true;
}

bool hw_finish_snapshot(struct hw_run *run, GError **error)
{
	struct hw_output *output = hw_output_open(NULL, false, error);
	bool ok = output && hw_answer_finish(&run->answer, run->name, run->session->target,
					     &run->session->notes, output, error);

	return hw_output_close(output, ok, ok ? error : NULL) && ok;
}
