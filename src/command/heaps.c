/* SPDX-License-Identifier: Apache-2.0 */
/* heaps.c -- the commands about heaps and the address space, and what they look at while a process
 * stands still: themselves, without an answer. */
#include "command/command.h"
#include "query/resident.h"
#include "query/words.h"
#include "report/options.h"
#include "report/report.h"

bool hw_run_summary(struct hw_run *run, GError **error)
{
	struct hw_summary *summary = hw_summary_query(run->session, error);

	if (!summary)
		return false;
	hw_report_summary(&run->answer, run->session, summary);
	hw_summary_free(summary);
	return true;
}

bool hw_run_heaps(struct hw_run *run, GError **error)
{
	if (!hw_session_ledgers(run->session, error))
		return false;
	hw_report_heaps(&run->answer, run->session, hw_given.all);
	return true;
}

bool hw_run_maps(struct hw_run *run, GError **error G_GNUC_UNUSED)
{
	struct hw_accounts *accounts = hw_resident_accounts(run->session);
	struct hw_maps maps;

	hw_maps_query(run->session, accounts, &maps);
	hw_report_maps(&run->answer, run->session, accounts, &maps, hw_given.totals);
	hw_accounts_free(accounts);
	return true;
}

bool hw_read_format(enum hw_lines_format *format, GError **error)
{
	const char *name = hw_given.format ? hw_given.format : hw_given.json ? "ndjson" : "csv";

	*format = g_str_equal(name, "ndjson") ? HW_LINES_NDJSON : HW_LINES_CSV;
	if (*format == HW_LINES_CSV && !g_str_equal(name, "csv"))
		return hw_usage(error, "--format %s: must be csv or ndjson", name);
	if (*format == HW_LINES_CSV && hw_given.json)
		return hw_usage(error, "--json and --format csv exclude each other");
	return true;
}

static bool read_filter(struct hw_block_filter *filter, enum hw_lines_format *format,
			GError **error)
{
	*filter = (struct hw_block_filter){0};
	if (!hw_read_format(format, error))
		return false;
	for (unsigned s = 0; s < HW_STATES && hw_given.state; s++)
		if (g_str_equal(hw_given.state, hw_state_names[s]))
			filter->states = 1u << s;
	if (hw_given.state && !filter->states)
		return hw_usage(error, "--state %s: must be live, cached or free", hw_given.state);
	if (hw_given.min && !hw_words_size(hw_given.min, &filter->min, error)) {
		g_prefix_error(error, "--min: ");
		return false;
	}
	return true;
}

bool hw_prepare_blocks(struct hw_run *run G_GNUC_UNUSED, GError **error)
{
	struct hw_block_filter filter;
	enum hw_lines_format format;

	return read_filter(&filter, &format, error);
}

bool hw_run_blocks(struct hw_run *run, GError **error)
{
	struct hw_block_filter filter;
	enum hw_lines_format format;

	if (!read_filter(&filter, &format, error) ||
	    !hw_report_blocks(run->output, run->session, &filter, format, error))
		return false;
	hw_target_check(run->session->target, &run->session->notes);
	return true;
}

bool hw_prepare_show(struct hw_run *run, GError **error)
{
	hw_addr addr;

	return hw_words_address(run->args[1], &addr, error);
}

bool hw_run_show(struct hw_run *run, GError **error)
{
	struct hw_show show;
	hw_addr addr;

	if (!hw_words_address(run->args[1], &addr, error) ||
	    !hw_show_query(run->session, addr, &show, error))
		return false;
	hw_show_fields(run->session, hw_given.strings, &show);
	hw_report_show(&run->answer, run->session, &show, hw_given.strings);
	hw_show_clear(&show);
	return true;
}

bool hw_run_verify(struct hw_run *run, GError **error)
{
	struct hw_verify *verify = hw_verify_query(run->session, error);

	if (!verify)
		return false;
	hw_report_verify(&run->answer, run->session, verify);
	hw_verify_free(verify);
	return true;
}

static bool ignore_blocks(void *arg G_GNUC_UNUSED, const struct hw_blocks *batch G_GNUC_UNUSED)
{
	return true;
}

bool hw_touch_blocks(struct hw_session *session, void *run G_GNUC_UNUSED, GError **error)
{
	for (uint32_t i = 0; i < hw_heaps_count(session->heaps); i++)
		if (!hw_heaps_blocks(session->heaps, i, ignore_blocks, NULL, error))
			return false;
	return true;
}

/* The blocks, for their resident bytes, when there is time: twice what it took so far. */
bool hw_touch_summary(struct hw_session *session, void *run, GError **error)
{
	session->is_short_of_time =
	    hw_process_time_left(session->process) < 2 * hw_process_time_spent(session->process);
	return session->is_short_of_time || hw_touch_blocks(session, run, error);
}

bool hw_touch_show(struct hw_session *session, void *run, GError **error)
{
	struct hw_show show;
	hw_addr addr;

	return hw_words_address(((struct hw_run *)run)->args[1], &addr, error) &&
	       hw_show_query(session, addr, &show, error);
}

bool hw_touch_verify(struct hw_session *session, void *run G_GNUC_UNUSED, GError **error)
{
	struct hw_notes_mark mark = hw_notes_mark(&session->notes);
	struct hw_verify *verify = hw_verify_query(session, error);

	hw_notes_rewind(&session->notes, &mark); /* They will come again. */
	hw_verify_free(verify);
	return verify != NULL;
}
