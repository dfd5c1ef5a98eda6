/* SPDX-License-Identifier: Apache-2.0 */
/* holders.c -- who holds what: every one of these commands builds the graph as far as it needs it.
 */
#include "command/command.h"
#include "query/words.h"
#include "report/ask.h"
#include "report/options.h"
#include "report/report.h"

static const char *second_arg(const struct hw_run *run)
{
	return run->arg_count > 1 ? run->args[1] : NULL;
}

bool hw_build_graph(struct hw_run *run, enum hw_depth depth, uint32_t *limit_ret, GError **error)
{
	struct hw_graph_request request;

	return hw_ask_limit(limit_ret, error) && hw_ask_graph(depth, &request, error) &&
	       hw_session_graph(run->session, &request, error);
}

bool hw_prepare_graph(struct hw_run *run G_GNUC_UNUSED, GError **error)
{
	struct hw_graph_request request;
	uint32_t limit;

	return hw_ask_limit(&limit, error) && hw_ask_graph(HW_DEPTH_TABLE, &request, error);
}

bool hw_run_roots(struct hw_run *run, GError **error)
{
	struct hw_root_rows *roots;
	uint32_t limit;

	if (!hw_build_graph(run, HW_DEPTH_DOMINATORS, &limit, error))
		return false;
	roots = hw_root_rows_query(run->session, error);
	if (!roots)
		return false;
	hw_report_roots(&run->answer, run->session, roots, limit);
	hw_root_rows_free(roots);
	return true;
}

bool hw_prepare_tree(struct hw_run *run, GError **error)
{
	struct hw_tree_request request;

	return hw_prepare_graph(run, error) && hw_ask_tree(second_arg(run), &request, error);
}

bool hw_run_tree(struct hw_run *run, GError **error)
{
	struct hw_tree_request request;
	struct hw_tree_view *tree;
	uint32_t limit;

	if (!hw_ask_tree(second_arg(run), &request, error) ||
	    !hw_build_graph(run, HW_DEPTH_DOMINATORS, &limit, error))
		return false;
	tree = hw_tree_view_query(run->session, &request, error);
	if (!tree)
		return false;
	hw_report_tree(&run->answer, run->session, tree, &request);
	hw_tree_view_free(tree);
	return true;
}

bool hw_prepare_why(struct hw_run *run, GError **error)
{
	struct hw_why_request request;

	return hw_prepare_graph(run, error) && hw_ask_why(second_arg(run), &request, error);
}

bool hw_run_why(struct hw_run *run, GError **error)
{
	struct hw_why_request request;
	struct hw_why *why;
	uint32_t limit;

	if (!hw_ask_why(second_arg(run), &request, error) ||
	    !hw_build_graph(run, HW_DEPTH_PATHS, &limit, error))
		return false;
	why = hw_why_query(run->session, &request, error);
	if (!why)
		return false;
	hw_report_why(&run->answer, run->session, why, &request);
	hw_why_free(why);
	return true;
}

bool hw_prepare_refs(struct hw_run *run, GError **error)
{
	return hw_prepare_graph(run, error) && hw_prepare_show(run, error);
}

bool hw_run_refs(struct hw_run *run, GError **error)
{
	struct hw_refs *refs;
	uint32_t limit;
	hw_addr addr;

	if (!hw_words_address(run->args[1], &addr, error) ||
	    !hw_build_graph(run, HW_DEPTH_MARK, &limit, error))
		return false;
	refs = hw_refs_query(run->session, addr, error);
	if (!refs)
		return false;
	hw_report_refs(&run->answer, run->session, refs, limit);
	hw_refs_free(refs);
	return true;
}

bool hw_prepare_leaks(struct hw_run *run, GError **error)
{
	enum hw_lines_format format;

	if (hw_given.format && (hw_given.json || hw_given.limit))
		return hw_usage(error, "--format lists every leaked block: %s does not go with it",
				hw_given.json ? "--json" : "--limit");
	if (hw_given.pending && !hw_given.format)
		return hw_usage(error, "--pending lists blocks: it needs --format csv or ndjson");
	return hw_prepare_graph(run, error) && hw_read_format(&format, error);
}

bool hw_run_leaks(struct hw_run *run, GError **error)
{
	struct hw_graph_request request;
	struct hw_leak_groups *leaks;
	enum hw_lines_format format;
	uint32_t limit;

	if (!hw_read_format(&format, error) || !hw_ask_limit(&limit, error) ||
	    !hw_ask_graph(HW_DEPTH_MARK, &request, error))
		return false;
	request.is_unnamed = true; /* No root is shown. */
	if (!hw_session_graph(run->session, &request, error))
		return false;
	if (hw_given.format)
		return hw_report_leak_list(run->output, run->session, format, hw_given.pending,
					   error);
	leaks = hw_leak_groups_query(run->session, error);
	if (!leaks)
		return false;
	hw_report_leaks(&run->answer, run->session, leaks, limit);
	hw_leak_groups_free(leaks);
	return true;
}

bool hw_prepare_top(struct hw_run *run, GError **error)
{
	enum hw_top_by by;

	return hw_prepare_graph(run, error) && hw_ask_by(&by, error);
}

bool hw_run_top(struct hw_run *run, GError **error)
{
	struct hw_top *top;
	enum hw_top_by by;
	uint32_t limit;

	if (!hw_ask_by(&by, error) ||
	    !hw_build_graph(run, hw_top_depth(run->session, by, hw_given.retained), &limit, error))
		return false;
	top = hw_top_query(run->session, by, hw_given.retained, error);
	if (!top)
		return false;
	hw_report_top(&run->answer, run->session, top, limit);
	hw_top_free(top);
	return true;
}

bool hw_prepare_pins(struct hw_run *run, GError **error)
{
	enum hw_pins_by by;
	uint64_t min;

	return hw_prepare_graph(run, error) && hw_ask_min(HW_PIN_MIN, &min, error) &&
	       hw_ask_pins_by(&by, error);
}

bool hw_run_pins(struct hw_run *run, GError **error)
{
	struct hw_pin_groups *groups = NULL;
	struct hw_pins *pins;
	enum hw_pins_by by;
	uint32_t limit;
	uint64_t min;

	if (!hw_ask_min(HW_PIN_MIN, &min, error) || !hw_ask_pins_by(&by, error) ||
	    !hw_build_graph(run, HW_DEPTH_PATHS, &limit, error))
		return false;
	pins = hw_pins_query(run->session, min, error);
	if (pins && by < HW_PINS_BYS)
		groups = hw_pin_groups_query(run->session, pins, by, error);
	if (!pins || (by < HW_PINS_BYS && !groups)) {
		hw_pins_free(pins);
		return false;
	}
	hw_report_pins(&run->answer, run->session, pins, groups, limit);
	hw_pin_groups_free(groups);
	hw_pins_free(pins);
	return true;
}

bool hw_run_threads(struct hw_run *run, GError **error)
{
	struct hw_census *census;
	uint32_t limit;

	if (!hw_build_graph(run, HW_DEPTH_MARK, &limit, error))
		return false;
	census = hw_census_query(run->session, error);
	if (!census)
		return false;
	hw_report_threads(&run->answer, run->session, census, limit);
	hw_census_free(census);
	return true;
}
