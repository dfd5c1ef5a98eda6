/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: a table of commands, their options, and the one place that prints
 * errors and decides the exit status. Longer than most files: it is one flat list, a
 * short function per command. */
#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include "query/plugins.h"
#include "query/words.h"
#include "report/ask.h"
#include "report/options.h"
#include "report/report.h"
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WARNINGS_SHOWN 3 /* Of one code. */

/* One run of one command. */
struct run {
	const char *name;   /* The command's. */
	const char *target; /* NULL: it needs none. */
	char **args;        /* After the command's name. */
	guint arg_count;
	struct hw_session *session;
	struct hw_plugins *plugins; /* Without a session: these, and their notes. */
	struct hw_notes notes;
	struct hw_answer answer;
	struct hw_output *output;
	char *schema; /* When it is not the command's name. */
	char *hint;   /* What to do about the error. */
};

struct command {
	const char *name;
	const char *args;
	const char *summary;
	const char *more;                                 /* For its own help. */
	guint least, most;                                /* Arguments. */
	bool (*prepare)(struct run *run, GError **error); /* Checks words; or NULL. */
	bool (*run)(struct run *run, GError **error);
	enum hw_option_set own; /* Options of its own. */
	enum hw_stop_mode mode; /* Of a process, without --mode. */
	/* What it will look at, besides ledgers; for a process. */
	bool (*touch)(struct hw_session *session, void *run, GError **error);
	bool wants_kernel; /* Also what the kernel counts. */
};

/* Commands. Each reads as its pipeline: query, report. */

static bool usage(GError **error, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static bool usage(GError **error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (error)
		*error = g_error_new_valist(HW_ERROR, HW_ERROR_USAGE, fmt, args);
	va_end(args);
	return false;
}

static bool run_summary(struct run *run, GError **error)
{
	struct hw_summary *summary = hw_summary_query(run->session, error);

	if (!summary)
		return false;
	hw_report_summary(&run->answer, run->session, summary);
	hw_summary_free(summary);
	return true;
}

static bool run_heaps(struct run *run, GError **error)
{
	if (!hw_session_ledgers(run->session, error))
		return false;
	hw_report_heaps(&run->answer, run->session, hw_given.all);
	return true;
}

static bool run_maps(struct run *run, GError **error G_GNUC_UNUSED)
{
	struct hw_maps maps;

	hw_maps_query(run->session, &maps);
	hw_report_maps(&run->answer, run->session, &maps, hw_given.totals);
	return true;
}

static bool read_format(enum hw_lines_format *format, GError **error)
{
	const char *name = hw_given.format ? hw_given.format : hw_given.json ? "ndjson" : "csv";

	*format = g_str_equal(name, "ndjson") ? HW_LINES_NDJSON : HW_LINES_CSV;
	if (*format == HW_LINES_CSV && !g_str_equal(name, "csv"))
		return usage(error, "--format %s: must be csv or ndjson", name);
	if (*format == HW_LINES_CSV && hw_given.json)
		return usage(error, "--json and --format csv exclude each other");
	return true;
}

static bool read_filter(struct hw_block_filter *filter, enum hw_lines_format *format,
			GError **error)
{
	*filter = (struct hw_block_filter){0};
	if (!read_format(format, error))
		return false;
	for (unsigned s = 0; s < HW_STATES && hw_given.state; s++)
		if (g_str_equal(hw_given.state, hw_state_names[s]))
			filter->states = 1u << s;
	if (hw_given.state && !filter->states)
		return usage(error, "--state %s: must be live, cached or free", hw_given.state);
	if (hw_given.min && !hw_words_size(hw_given.min, &filter->min, error)) {
		g_prefix_error(error, "--min: ");
		return false;
	}
	return true;
}

static bool prepare_blocks(struct run *run G_GNUC_UNUSED, GError **error)
{
	struct hw_block_filter filter;
	enum hw_lines_format format;

	return read_filter(&filter, &format, error);
}

static bool run_blocks(struct run *run, GError **error)
{
	struct hw_block_filter filter;
	enum hw_lines_format format;

	if (!read_filter(&filter, &format, error) ||
	    !hw_report_blocks(run->output, run->session, &filter, format, error))
		return false;
	hw_target_check(run->session->target, &run->session->notes);
	return true;
}

static bool prepare_show(struct run *run, GError **error)
{
	hw_addr addr;

	return hw_words_address(run->args[1], &addr, error);
}

static bool run_show(struct run *run, GError **error)
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

static bool run_verify(struct run *run, GError **error)
{
	struct hw_verify *verify = hw_verify_query(run->session, error);

	if (!verify)
		return false;
	hw_report_verify(&run->answer, run->session, verify);
	hw_verify_free(verify);
	return true;
}

/* Who holds what: every one of these builds the graph as far as it needs it. */

static const char *second_arg(const struct run *run)
{
	return run->arg_count > 1 ? run->args[1] : NULL;
}

static bool build_graph(struct run *run, enum hw_depth depth, uint32_t *limit_ret, GError **error)
{
	struct hw_graph_request request;

	return hw_ask_limit(limit_ret, error) && hw_ask_graph(depth, &request, error) &&
	       hw_session_graph(run->session, &request, error);
}

static bool prepare_graph(struct run *run G_GNUC_UNUSED, GError **error)
{
	struct hw_graph_request request;
	uint32_t limit;

	return hw_ask_limit(&limit, error) && hw_ask_graph(HW_DEPTH_TABLE, &request, error);
}

static bool run_roots(struct run *run, GError **error)
{
	struct hw_root_rows *roots;
	uint32_t limit;

	if (!build_graph(run, HW_DEPTH_DOMINATORS, &limit, error))
		return false;
	roots = hw_root_rows_query(run->session, error);
	if (!roots)
		return false;
	hw_report_roots(&run->answer, run->session, roots, limit);
	hw_root_rows_free(roots);
	return true;
}

static bool prepare_tree(struct run *run, GError **error)
{
	struct hw_tree_request request;

	return prepare_graph(run, error) && hw_ask_tree(second_arg(run), &request, error);
}

static bool run_tree(struct run *run, GError **error)
{
	struct hw_tree_request request;
	struct hw_tree_view *tree;
	uint32_t limit;

	if (!hw_ask_tree(second_arg(run), &request, error) ||
	    !build_graph(run, HW_DEPTH_DOMINATORS, &limit, error))
		return false;
	tree = hw_tree_view_query(run->session, &request, error);
	if (!tree)
		return false;
	hw_report_tree(&run->answer, run->session, tree, &request);
	hw_tree_view_free(tree);
	return true;
}

static bool prepare_why(struct run *run, GError **error)
{
	struct hw_why_request request;

	return prepare_graph(run, error) && hw_ask_why(second_arg(run), &request, error);
}

static bool run_why(struct run *run, GError **error)
{
	struct hw_why_request request;
	struct hw_why *why;
	uint32_t limit;

	if (!hw_ask_why(second_arg(run), &request, error) ||
	    !build_graph(run, HW_DEPTH_PATHS, &limit, error))
		return false;
	why = hw_why_query(run->session, &request, error);
	if (!why)
		return false;
	hw_report_why(&run->answer, run->session, why, &request);
	hw_why_free(why);
	return true;
}

static bool prepare_refs(struct run *run, GError **error)
{
	return prepare_graph(run, error) && prepare_show(run, error);
}

static bool run_refs(struct run *run, GError **error)
{
	struct hw_refs *refs;
	uint32_t limit;
	hw_addr addr;

	if (!hw_words_address(run->args[1], &addr, error) ||
	    !build_graph(run, HW_DEPTH_MARK, &limit, error))
		return false;
	refs = hw_refs_query(run->session, addr, error);
	if (!refs)
		return false;
	hw_report_refs(&run->answer, run->session, refs, limit);
	hw_refs_free(refs);
	return true;
}

static bool prepare_leaks(struct run *run, GError **error)
{
	enum hw_lines_format format;

	if (hw_given.format && (hw_given.json || hw_given.limit))
		return usage(error, "--format lists every leaked block: %s does not go with it",
			     hw_given.json ? "--json" : "--limit");
	if (hw_given.pending && !hw_given.format)
		return usage(error, "--pending lists blocks: it needs --format csv or ndjson");
	return prepare_graph(run, error) && read_format(&format, error);
}

static bool run_leaks(struct run *run, GError **error)
{
	struct hw_graph_request request;
	struct hw_leak_groups *leaks;
	enum hw_lines_format format;
	uint32_t limit;

	if (!read_format(&format, error) || !hw_ask_limit(&limit, error) ||
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

static bool prepare_top(struct run *run, GError **error)
{
	enum hw_top_by by;

	return prepare_graph(run, error) && hw_ask_by(&by, error);
}

static bool run_top(struct run *run, GError **error)
{
	struct hw_top *top;
	enum hw_top_by by;
	uint32_t limit;

	if (!hw_ask_by(&by, error) ||
	    !build_graph(run, hw_top_depth(run->session, by, hw_given.retained), &limit, error))
		return false;
	top = hw_top_query(run->session, by, hw_given.retained, error);
	if (!top)
		return false;
	hw_report_top(&run->answer, run->session, top, limit);
	hw_top_free(top);
	return true;
}

static bool prepare_pins(struct run *run, GError **error)
{
	enum hw_pins_by by;
	uint64_t min;

	return prepare_graph(run, error) && hw_ask_min(HW_PIN_MIN, &min, error) &&
	       hw_ask_pins_by(&by, error);
}

static bool run_pins(struct run *run, GError **error)
{
	struct hw_pin_groups *groups = NULL;
	struct hw_pins *pins;
	enum hw_pins_by by;
	uint32_t limit;
	uint64_t min;

	if (!hw_ask_min(HW_PIN_MIN, &min, error) || !hw_ask_pins_by(&by, error) ||
	    !build_graph(run, HW_DEPTH_PATHS, &limit, error))
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

static bool run_threads(struct run *run, GError **error)
{
	struct hw_census *census;
	uint32_t limit;

	if (!build_graph(run, HW_DEPTH_MARK, &limit, error))
		return false;
	census = hw_census_query(run->session, error);
	if (!census)
		return false;
	hw_report_threads(&run->answer, run->session, census, limit);
	hw_census_free(census);
	return true;
}

static bool prepare_goroutines(struct run *run, GError **error)
{
	return prepare_graph(run, error);
}

static bool run_goroutines(struct run *run, GError **error)
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
	if (hw_given.retained && (!build_graph(run, HW_DEPTH_MARK, &limit, error) ||
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
	return usage(error, "%s: must be the number of a goroutine", word);
}

static bool prepare_goroutine(struct run *run, GError **error)
{
	uint64_t id;

	return prepare_graph(run, error) && read_id(run->args[1], &id, error);
}

static bool run_goroutine(struct run *run, GError **error)
{
	struct hw_task *task;
	uint32_t limit;
	uint64_t id;

	if (!read_id(run->args[1], &id, error))
		return false;
	task = hw_task_query(run->session, id, error);
	if (!task)
		return false;
	if (hw_given.retained && (!build_graph(run, HW_DEPTH_MARK, &limit, error) ||
				  !hw_task_retained(run->session, task, error))) {
		hw_task_free(task);
		return false;
	}
	hw_report_goroutine(&run->answer, run->session, task, hw_given.strings);
	hw_task_free(task);
	return true;
}

/* The file that -o names has the snapshot; what is said about it goes to stdout. */
static bool prepare_snapshot(struct run *run, GError **error)
{
	if (!hw_given.output)
		return usage(error, "snapshot: -o FILE says where it goes");
	if (hw_given.compress && !g_str_equal(hw_given.compress, "zstd"))
		return usage(error, "--compress %s: must be zstd", hw_given.compress);
	if (hw_given.mode && g_str_equal(hw_given.mode, "nostop"))
		return usage(error, "snapshot: --mode nostop would make a file of no one moment");
	if (!hw_session_pid(run->args[0]))
		return usage(error, "snapshot: '%s' is no process id", run->args[0]);
	return true;
}

static bool run_snapshot(struct run *run, GError **error)
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

/* Plugins. */

static bool load_plugins(struct run *run, GError **error)
{
	run->plugins = hw_plugins_load(hw_given.plugin_dir, &run->notes, error);
	return run->plugins != NULL;
}

static bool run_plugins(struct run *run, GError **error G_GNUC_UNUSED)
{
	hw_report_plugins(&run->answer, run->plugins, run->arg_count ? run->args[0] : NULL);
	return true;
}

/* --format, once name and report are known. */
static bool check_plugin_format(struct run *run, GError **error)
{
	if (!hw_given.format)
		return true;
	if (hw_given.json)
		return usage(error, "--json and --format exclude each other");
	if (g_str_equal(hw_given.format, "pprof") && !hw_given.output && isatty(STDOUT_FILENO))
		return usage(error, "pprof is not for a terminal: name a file with -o");
	return hw_plugins_check_format(run->plugins, run->args[0], run->args[1], hw_given.format,
				       &run->hint, error);
}

/* plugin NAME [REPORT] [TARGET]: names are checked before a large core is read. */
static bool prepare_plugin(struct run *run, GError **error)
{
	const char *name = run->args[0], *report = run->arg_count > 1 ? run->args[1] : NULL;

	run->target = run->arg_count == 3 ? run->args[2] : NULL;
	run->schema = g_strdup("plugins");
	if (!load_plugins(run, error) ||
	    !hw_plugins_check(run->plugins, name, NULL, &run->hint, error))
		return false;
	/* A target without a report asks what reports there are. */
	if (!report || (!run->target && !hw_plugins_has_report(run->plugins, name, report) &&
			(g_file_test(report, G_FILE_TEST_EXISTS) || hw_session_pid(report))))
		return !hw_given.format || usage(error, "--format: of which report?");
	if (!hw_plugins_check(run->plugins, name, report, &run->hint, error))
		return false;
	g_free(run->schema);
	run->schema = g_strdup_printf("plugin.%s.%s", name, report);
	if (!run->target)
		return usage(error, "plugin %s %s: which core file?", name, report);
	return check_plugin_format(run, error);
}

static bool run_plugin(struct run *run, GError **error)
{
	if (!run->target)
		return run_plugins(run, error);
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

/* What these look at while a process stands still: themselves, without an answer. */

static bool ignore_blocks(void *arg G_GNUC_UNUSED, const struct hw_blocks *batch G_GNUC_UNUSED)
{
	return true;
}

static bool touch_blocks(struct hw_session *session, void *run G_GNUC_UNUSED, GError **error)
{
	for (uint32_t i = 0; i < hw_heaps_count(session->heaps); i++)
		if (!hw_heaps_blocks(session->heaps, i, ignore_blocks, NULL, error))
			return false;
	return true;
}

/* The blocks, for their resident bytes, when there is time: twice what it took so far. */
static bool touch_summary(struct hw_session *session, void *run, GError **error)
{
	session->is_short_of_time =
	    hw_process_time_left(session->process) < 2 * hw_process_time_spent(session->process);
	return session->is_short_of_time || touch_blocks(session, run, error);
}

static bool touch_goroutines(struct hw_session *session, void *run G_GNUC_UNUSED, GError **error)
{
	const struct hw_task_request request = {.creator = hw_given.creator,
						.state = hw_given.state};
	struct hw_notes_mark mark = hw_notes_mark(&session->notes);
	struct hw_tasks *tasks = hw_tasks_query(session, &request, error);

	hw_notes_rewind(&session->notes, &mark);
	hw_tasks_free(tasks);
	return tasks != NULL;
}

static bool touch_show(struct hw_session *session, void *run, GError **error)
{
	struct hw_show show;
	hw_addr addr;

	return hw_words_address(((struct run *)run)->args[1], &addr, error) &&
	       hw_show_query(session, addr, &show, error);
}

static bool touch_verify(struct hw_session *session, void *run G_GNUC_UNUSED, GError **error)
{
	struct hw_notes_mark mark = hw_notes_mark(&session->notes);
	struct hw_verify *verify = hw_verify_query(session, error);

	hw_notes_rewind(&session->notes, &mark); /* They will come again. */
	hw_verify_free(verify);
	return verify != NULL;
}

static bool touch_plugin(struct hw_session *session, void *arg, GError **error)
{
	const struct run *run = arg;
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

static const struct command commands[] = {
    {.name = "summary",
     .args = "TARGET",
     .least = 1,
     .most = 1,
     .run = run_summary,
     .touch = touch_summary,
     .wants_kernel = true,
     .summary = "Where the memory is, from mapped down to live",
     .more = "The address space by owner, each heap's ledger, and what stands out.\n"
	     "'heapwalk TARGET' is the same.",
     .own = HW_OPTIONS_SUMMARY},
    {.name = "heaps",
     .args = "TARGET",
     .least = 1,
     .most = 1,
     .run = run_heaps,
     .summary = "Each heap's ledger, arena by arena",
     .more = "The rows of a ledger add up to the bytes the heap has mapped. Free is what\n"
	     "the program gave back; releasable is the part of it that is whole pages.",
     .own = HW_OPTIONS_HEAPS},
    {.name = "maps",
     .args = "TARGET",
     .least = 1,
     .most = 1,
     .run = run_maps,
     .wants_kernel = true,
     .summary = "The mappings by address, with their owners",
     .own = HW_OPTIONS_MAPS},
    {.name = "blocks",
     .args = "TARGET",
     .least = 1,
     .most = 1,
     .prepare = prepare_blocks,
     .run = run_blocks,
     .touch = touch_blocks,
     .summary = "Every block, as CSV or NDJSON",
     .more = "Columns: address, size, state, heap, arena, type. Sizes are usable bytes.\n"
	     "SIZE may have a unit: 4k, 4KiB, 1MiB. --json is --format ndjson.",
     .own = HW_OPTIONS_BLOCKS},
    {.name = "show",
     .mode = HW_STOP_ALL,
     .args = "TARGET ADDRESS",
     .least = 2,
     .most = 2,
     .prepare = prepare_show,
     .run = run_show,
     .touch = touch_show,
     .summary = "What is at an address",
     .more = "The mapping, the symbol, the block, what it is made of, as far as its type is\n"
	     "known, and which words near the address are addresses themselves. Strings, bytes\n"
	     "and keys of maps stay private without --show-strings.",
     .own = HW_OPTIONS_SHOW},
    {.name = "roots",
     .mode = HW_STOP_ALL,
     .args = "TARGET",
     .least = 1,
     .most = 1,
     .prepare = prepare_graph,
     .run = run_roots,
     .summary = "Who holds the memory, by name",
     .more = "Variables, registers and stack slots by retained size: the bytes that would\n"
	     "become unreachable without that one root.",
     .own = HW_OPTIONS_GRAPH},
    {.name = "tree",
     .mode = HW_STOP_ALL,
     .args = "TARGET [ADDRESS]",
     .least = 1,
     .most = 2,
     .prepare = prepare_tree,
     .run = run_tree,
     .summary = "What goes with what: the dominator tree",
     .more = "From all roots, or from the block at ADDRESS, or with --type for all blocks\n"
	     "of a type. Each line goes when the one it is indented under goes.",
     .own = HW_OPTIONS_TREE},
    {.name = "why",
     .mode = HW_STOP_ALL,
     .args = "TARGET [ADDRESS]",
     .least = 1,
     .most = 2,
     .prepare = prepare_why,
     .run = run_why,
     .summary = "Why blocks are alive: paths from roots",
     .more = "Shortest paths from distinct roots, five without --limit. With --type or\n"
	     "--size: for all blocks that fit, those with the same nearest root together.\n"
	     "CMP is >SIZE, >=SIZE, <SIZE, <=SIZE or =SIZE.",
     .own = HW_OPTIONS_WHY},
    {.name = "refs",
     .mode = HW_STOP_ALL,
     .args = "TARGET ADDRESS",
     .least = 2,
     .most = 2,
     .prepare = prepare_refs,
     .run = run_refs,
     .summary = "What points at a block, and where it points",
     .own = HW_OPTIONS_GRAPH},
    {.name = "leaks",
     .mode = HW_STOP_ALL,
     .args = "TARGET",
     .least = 1,
     .most = 1,
     .prepare = prepare_leaks,
     .run = run_leaks,
     .summary = "Live blocks that nothing holds any more",
     .more = "Heads first: blocks that nothing else that leaked points at, and one of each\n"
	     "cycle, with the bytes that go with them. --format lists every leaked block and\n"
	     "the head that keeps it (none: several do); with --pending those that no root\n"
	     "reaches in heaps with a collector, which is no leak.",
     .own = HW_OPTIONS_LEAKS},
    {.name = "top",
     .mode = HW_STOP_ALL,
     .args = "TARGET",
     .least = 1,
     .most = 1,
     .prepare = prepare_top,
     .run = run_top,
     .summary = "Live blocks by size, type, module or arena",
     .more = "A block's module is that of the nearest root that holds it.",
     .own = HW_OPTIONS_TOP},
    {.name = "pins",
     .mode = HW_STOP_ALL,
     .args = "TARGET",
     .least = 1,
     .most = 1,
     .prepare = prepare_pins,
     .run = run_pins,
     .summary = "Blocks seen only in part, and who keeps them",
     .more = "Visible is what substrings, subslices and pointers see together. --by adds the\n"
	     "blocks up: by the variable at the start of a shortest path, by their type, or\n"
	     "by the calls that allocated them, as far as the runtime sampled those.",
     .own = HW_OPTIONS_PINS},
    {.name = "threads",
     .mode = HW_STOP_ALL,
     .args = "TARGET",
     .least = 1,
     .most = 1,
     .prepare = prepare_graph,
     .run = run_threads,
     .summary = "Threads by stack, and what they hold",
     .own = HW_OPTIONS_GRAPH},
    {.name = "goroutines",
     .args = "TARGET",
     .least = 1,
     .most = 1,
     .prepare = prepare_goroutines,
     .run = run_goroutines,
     .touch = touch_goroutines,
     .summary = "Goroutines by state, stack and creator",
     .more = "Stacks are shown as the runtime's traceback shows them; --all adds its inner\n"
	     "calls. How long they wait is what the collector noted, so at least so long.\n"
	     "--retained: what would be unreachable if all goroutines of a group were gone.",
     .own = HW_OPTIONS_GOROUTINES},
    {.name = "goroutine",
     .mode = HW_STOP_ALL,
     .args = "TARGET N",
     .least = 2,
     .most = 2,
     .prepare = prepare_goroutine,
     .run = run_goroutine,
     .summary = "One goroutine in full",
     .own = HW_OPTIONS_GOROUTINE},
    {.name = "snapshot",
     .mode = HW_STOP_ALL,
     .args = "PID",
     .least = 1,
     .most = 1,
     .prepare = prepare_snapshot,
     .run = run_snapshot,
     .wants_kernel = true,
     .summary = "A process as a file that all commands take",
     .more = "An ELF core that gdb opens, too: resident private pages, and what the kernel\n"
	     "says of the process. -o names it; it is readable by you only.",
     .own = HW_OPTIONS_SNAPSHOT},
    {.name = "verify",
     .args = "TARGET",
     .least = 1,
     .most = 1,
     .run = run_verify,
     .touch = touch_verify,
     .summary = "Check the heaps' own structures",
     .more = "Lists every place that contradicts its format. With --strict the exit\n"
	     "status tells."},
    {.name = "plugin",
     .args = "NAME [REPORT] [TARGET]",
     .least = 1,
     .most = 3,
     .prepare = prepare_plugin,
     .run = run_plugin,
     .touch = touch_plugin,
     .summary = "A plugin's report; no REPORT: list them",
     .own = HW_OPTIONS_PLUGIN},
    {.name = "plugins",
     .args = "",
     .least = 0,
     .most = 0,
     .prepare = load_plugins,
     .run = run_plugins,
     .summary = "The allocators that can be decoded"},
};

/* Running one. */

static const struct hw_notes *notes_of(const struct run *run)
{
	return run->session ? &run->session->notes : &run->notes;
}

static void print_message(const char *kind, const char *message, const char *hint);

static void tell(void *arg G_GNUC_UNUSED, const char *text)
{
	if (!hw_given.quiet)
		print_message("", text, NULL);
}

static bool make_answer(struct run *run, const struct command *command, GError **error)
{
	struct hw_options session_options = {
	    .sysroot = hw_given.sysroot,
	    .exe = hw_given.exe,
	    .debug_dirs = (const char *const *)hw_given.debug_dirs,
	    .plugin_dir = hw_given.plugin_dir,
	    .spool_dir = hw_given.spool_dir,
	    .live = {.touch = command->touch, .arg = run, .tell = tell},
	};
	bool is_stream =
	    command->run == run_blocks || command->run == run_snapshot || hw_given.format;

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
					     notes_of(run), run->output, error);
}

static bool finish_snapshot(struct run *run, GError **error)
{
	struct hw_output *output = hw_output_open(NULL, false, error);
	bool ok = output && hw_answer_finish(&run->answer, run->name, run->session->target,
					     &run->session->notes, output, error);

	return hw_output_close(output, ok, ok ? error : NULL) && ok;
}

static bool run_command(struct run *run, const struct command *command, GError **error)
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
	return ok && (command->run != run_snapshot || finish_snapshot(run, error));
}

static void clear_run(struct run *run)
{
	hw_answer_clear(&run->answer);
	hw_session_close(run->session);
	hw_plugins_free(run->plugins);
	hw_notes_clear(&run->notes);
	g_free(run->schema);
	g_free(run->hint);
}

/* Messages. */

static void print_message(const char *kind, const char *message, const char *hint)
{
	struct hw_style style;
	g_autofree char *clean = NULL, *clean_hint = NULL;

	hw_style_init(&style, STDERR_FILENO, HW_COLOR_NEVER, 0, false);
	clean = hw_style_clean(&style, message);
	clean_hint = hw_style_clean(&style, hint ? hint : "");
	fprintf(stderr, "heapwalk: %s%s\n", kind, clean);
	if (hint)
		fprintf(stderr, "  hint: %s\n", clean_hint);
}

static void print_warnings(const struct hw_notes *notes)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	guint hidden = 0;

	for (guint i = 0; i < notes->warnings->len; i++) {
		const struct hw_warning *w = notes->warnings->pdata[i];
		guint same = GPOINTER_TO_UINT(g_hash_table_lookup(seen, w->code));

		g_hash_table_insert(seen, w->code, GUINT_TO_POINTER(same + 1));
		if (same < WARNINGS_SHOWN)
			print_message("warning: ", w->message, w->hint);
		else
			hidden++;
	}
	if (hidden)
		fprintf(stderr, "heapwalk: warning: and %u more like these (--json has all)\n",
			hidden);
	if (notes->damage_count) {
		const struct hw_damage *d = notes->damage->pdata[0];
		g_autofree char *message = g_strdup_printf(
		    "%" G_GUINT64_FORMAT " damaged place%s, the first at 0x%" G_GINT64_MODIFIER
		    "x: %s",
		    notes->damage_count, notes->damage_count == 1 ? "" : "s", d->addr, d->message);

		print_message("warning: ", message, NULL);
	}
}

/* What to do next, where nobody knew better. */
static char *make_hint(const struct run *run, const struct command *command, const GError *error)
{
	if (run->hint)
		return g_strdup(run->hint);
	if (error->domain == G_OPTION_ERROR || error->code == HW_ERROR_USAGE)
		return command ? g_strdup_printf("'heapwalk help %s' explains it", command->name)
			       : g_strdup("'heapwalk help' lists the commands");
	if (error->code == HW_ERROR_PERMISSION)
		return g_strdup("run heapwalk as the owner of the file, or as root");
	return NULL;
}

static int fail(const struct run *run, const struct command *command, GError *error)
{
	int code = error->domain == HW_ERROR         ? error->code
		   : error->domain == G_OPTION_ERROR ? HW_ERROR_USAGE
						     : HW_ERROR_INTERNAL;
	g_autofree char *hint =
	    code == HW_ERROR_INTERRUPTED ? NULL : make_hint(run, command, error);

	print_message("", error->message, hint);
	g_error_free(error);
	return code;
}

/* The command line. */

static char **parse_for(const struct command *command, char **argv, GError **error)
{
	char **words = hw_options_parse(argv, command->own, error);

	if (!words)
		g_prefix_error(error, "%s: ", command->name);
	return words;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		if (g_str_equal(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int print_all(const char *text)
{
	struct run none = {0};
	struct hw_output *output = hw_output_open(NULL, false, NULL);
	GError *error = NULL;

	hw_output_write(output, text, strlen(text));
	return hw_output_close(output, true, &error) ? 0 : fail(&none, NULL, error);
}

static int print_help(const struct command *command)
{
	g_autoptr(GString) text = g_string_new(NULL);

	if (command) {
		GOptionContext *context = hw_options_context(command->own, command->args);
		g_autofree char *help = NULL, *name = NULL;

		name = g_strdup_printf("heapwalk %s", command->name);
		g_set_prgname(name);
		g_option_context_set_summary(context, command->summary);
		g_option_context_set_description(context, command->more);
		help = g_option_context_get_help(context, FALSE, NULL);
		g_option_context_free(context);
		g_string_append(text, help);
		g_string_replace(text, "…", "...", 0);
		return print_all(text->str);
	}
	g_string_append(text, "Usage: heapwalk [COMMAND] TARGET [ARG...] [OPTION...]\n\n"
			      "Explains the heap of a core file or a process.\n\nCommands:\n");
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
		g_autofree char *line =
		    g_strdup_printf("%s %s", commands[i].name, commands[i].args);

		g_string_append_printf(text, "  %-30s %s\n", line, commands[i].summary);
	}
	g_string_append(
	    text, "\nTARGET is an ELF core file, from the kernel or from gcore, or a process by\n"
		  "its number. Without COMMAND the answer is the summary. A file that is\n"
		  "called like a command or a number is given as ./NAME.\n\n"
		  "'heapwalk help COMMAND' lists a command's options, 'man heapwalk' has it\n"
		  "all.\n\n"
		  "Exit status: 0 answered, 2 usage, 3 target not readable, 4 permission,\n"
		  "5 unsupported, 6 damaged or incomplete with --strict, 7 internal error.\n");
	return print_all(text->str);
}

static int help_with(char **words, const struct command *command)
{
	struct run none = {0};
	GError *error = NULL;

	if (!words[0] || (g_str_equal(words[0], "help") && !words[1]))
		return print_help(NULL);
	if (!command && g_str_equal(words[0], "help"))
		command = find_command(words[1]);
	if (command)
		return print_help(command);
	usage(&error, "there is no command '%s'",
	      g_str_equal(words[0], "help") ? words[1] : words[0]);
	return fail(&none, NULL, error);
}

static int print_version(void)
{
	g_autofree char *text =
	    g_strdup_printf("heapwalk %s (plugin ABI %d)\n", HW_VERSION, HW_PLUGIN_ABI);

	return print_all(text);
}

/* A first word that is no command: a target, or a command spelled wrong. */
static const struct command *guess_command(char **words, struct run *run, GError **error)
{
	const char *names[G_N_ELEMENTS(commands) + 1] = {NULL}, *nearest;

	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		names[i] = commands[i].name;
	nearest = strchr(words[0], '/') ? NULL : hw_words_nearest(words[0], names);
	if (g_file_test(words[0], G_FILE_TEST_EXISTS) || hw_session_pid(words[0]) ||
	    (!words[1] && !nearest))
		return find_command("summary");
	if (nearest)
		run->hint = g_strdup_printf("did you mean '%s'?", nearest);
	usage(error, "there is no command '%s'", words[0]);
	return NULL;
}

static bool check_count(const struct run *run, const struct command *command, GError **error)
{
	if (run->arg_count >= command->least && run->arg_count <= command->most)
		return true;
	if (run->arg_count > command->most)
		return usage(error, "%s: '%s' is one argument too many", command->name,
			     run->args[command->most]);
	return usage(error, "%s needs %s", command->name, command->args);
}

static int dispatch(char **argv)
{
	struct run run = {0};
	const struct command *command = NULL;
	g_auto(GStrv) words = NULL;
	GError *error = NULL;
	bool has_name;
	int code = 0;

	words = hw_options_parse(argv, HW_OPTIONS_ALL, &error);
	if (!words)
		return fail(&run, NULL, error);
	command = words[0] ? find_command(words[0]) : NULL;
	has_name = command != NULL;
	if (hw_given.version)
		return print_version();
	if (hw_given.help || g_strcmp0(words[0], "help") == 0)
		return help_with(words, command);
	if (!words[0])
		usage(&error, "give a core file, or a command and a core file");
	else if (!command)
		command = guess_command(words, &run, &error);
	g_strfreev(words);
	words = command ? parse_for(command, argv, &error) : NULL;
	if (!words)
		code = fail(&run, command, error);
	if (!words)
		goto out;
	run.name = command->name;
	run.args = words + (has_name ? 1 : 0);
	run.arg_count = g_strv_length(run.args);
	run.target = command->most ? run.args[0] : NULL;
	hw_notes_init(&run.notes);
	hw_progress_enable(!hw_given.quiet && isatty(STDERR_FILENO) == 1);
	if (!check_count(&run, command, &error) || !run_command(&run, command, &error)) {
		code = fail(&run, command, error);
		goto out;
	}
	if (!hw_given.quiet && (!hw_given.json || command->run == run_blocks))
		print_warnings(notes_of(&run));
	if (hw_given.strict && (notes_of(&run)->incomplete || notes_of(&run)->damage_count))
		code = HW_ERROR_DAMAGED;
out:
	clear_run(&run);
	return code;
}

/* A closed stdout must not become the number of the core file's descriptor. */
static void keep_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			_exit(HW_ERROR_INTERNAL);
}

int main(int argc G_GNUC_UNUSED, char **argv)
{
	int code;

	keep_descriptors();
	setlocale(LC_CTYPE, "");
	g_set_prgname("heapwalk");
	signal(SIGPIPE, SIG_IGN);
	hw_stop_install();
	code = dispatch(argv);
	hw_options_clear();
	return code;
}
