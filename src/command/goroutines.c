/* SPDX-License-Identifier: Apache-2.0 */
/* goroutines.c -- the commands about goroutines. */
#include "command/command.h"
#include "report/ask.h"
#include "report/options.h"
#include "report/report.h"

bool hw_run_goroutines(struct hw_run *run, GError **error)
{
	const struct hw_task_request request = {.creator = hw_given.creator,
						.state = hw_given.state};
	struct hw_tasks *tasks;
	uint32_t limit;

	if (!hw_ask_limit(&limit, error))
		return false;
	tasks = hw_tasks_query(run->session, &request, error);
	if (!tasks)
		return false;
	if (hw_given.retained && (!hw_build_graph(run, HW_DEPTH_MARK, &limit, error) ||
				  !hw_tasks_retained(run->session, tasks, error))) {
		hw_tasks_free(tasks);
		return false;
	}
	hw_report_goroutines(&run->answer, run->session, tasks, limit, hw_given.all);
	hw_tasks_free(tasks);
	return true;
}

static bool read_id(const char *word, uint64_t *ret, GError **error)
{
	if (g_ascii_string_to_unsigned(word, 10, 0, G_MAXINT64, ret, NULL))
		return true;
	return hw_usage(error, "%s: must be the number of a goroutine", word);
}

bool hw_prepare_goroutine(struct hw_run *run, GError **error)
{
	uint64_t id;

	return hw_prepare_graph(run, error) && read_id(run->args[1], &id, error);
}

bool hw_run_goroutine(struct hw_run *run, GError **error)
{
	struct hw_task *task;
	uint32_t limit;
	uint64_t id;

	if (!read_id(run->args[1], &id, error))
		return false;
	task = hw_task_query(run->session, id, error);
	if (!task)
		return false;
	if (hw_given.retained && (!hw_build_graph(run, HW_DEPTH_MARK, &limit, error) ||
				  !hw_task_retained(run->session, task, error))) {
		hw_task_free(task);
		return false;
	}
	hw_report_goroutine(&run->answer, run->session, task, hw_given.strings);
	hw_task_free(task);
	return true;
}

bool hw_touch_goroutines(struct hw_session *session, void *run G_GNUC_UNUSED, GError **error)
{
	const struct hw_task_request request = {.creator = hw_given.creator,
						.state = hw_given.state};
	struct hw_notes_mark mark = hw_notes_mark(&session->notes);
	struct hw_tasks *tasks = hw_tasks_query(session, &request, error);

	hw_notes_rewind(&session->notes, &mark);
	hw_tasks_free(tasks);
	return tasks != NULL;
}
