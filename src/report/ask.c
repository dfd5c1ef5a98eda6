/* SPDX-License-Identifier: Apache-2.0 */
/* Strict, like words.c: a request that is half understood is refused. */
#include "report/ask.h"
#include "base/error.h"
#include "query/words.h"
#include "report/options.h"

#define WHY_PATHS    5 /* Without --limit. */
#define TREE_DEPTH   3
#define TREE_TEXT    20 /* Children of a node, without --limit. */
#define DEPTH_MOST   1000
#define THREADS_MOST 1024

static bool read_number(const char *option, const char *word, uint64_t least, uint64_t most,
			uint32_t *ret, GError **error)
{
	guint64 value;

	if (!g_ascii_string_to_unsigned(word, 10, least, most, &value, NULL)) {
		g_set_error(error, HW_ERROR, HW_ERROR_USAGE,
			    "%s %s: must be a number from %" G_GUINT64_FORMAT
			    " to %" G_GUINT64_FORMAT,
			    option, word, least, most);
		return false;
	}
	*ret = (uint32_t)value;
	return true;
}

bool hw_ask_graph(enum hw_depth depth, struct hw_graph_request *ret, GError **error)
{
	struct hw_graph_request request = {.depth = depth, .no_anon = hw_given.no_anon};

	if (hw_given.threads &&
	    !read_number("--threads", hw_given.threads, 1, THREADS_MOST, &request.threads, error))
		return false;
	*ret = request;
	return true;
}

bool hw_ask_limit(uint32_t *ret, GError **error)
{
	*ret = 0;
	return !hw_given.limit || read_number("--limit", hw_given.limit, 1, INT32_MAX, ret, error);
}

bool hw_ask_min(uint64_t otherwise, uint64_t *ret, GError **error)
{
	*ret = otherwise;
	if (!hw_given.min || hw_words_size(hw_given.min, ret, error))
		return true;
	g_prefix_error(error, "--min: ");
	return false;
}

bool hw_ask_by(enum hw_top_by *ret, GError **error)
{
	for (unsigned i = 0; i < HW_TOP_BYS; i++) {
		if (g_strcmp0(hw_given.by ? hw_given.by : "size", hw_top_by_names[i]) == 0) {
			*ret = (enum hw_top_by)i;
			return true;
		}
	}
	g_set_error(error, HW_ERROR, HW_ERROR_USAGE, "--by %s: must be size, type, module or arena",
		    hw_given.by);
	return false;
}

bool hw_ask_pins_by(enum hw_pins_by *ret, GError **error)
{
	for (unsigned i = 0; i <= HW_PINS_BYS; i++) {
		if (g_strcmp0(hw_given.by, i < HW_PINS_BYS ? hw_pins_by_names[i] : NULL) == 0) {
			*ret = (enum hw_pins_by)i;
			return true;
		}
	}
	g_set_error(error, HW_ERROR, HW_ERROR_USAGE, "--by %s: must be holder, type or site",
		    hw_given.by);
	return false;
}

static bool check_type(GError **error)
{
	if (!hw_given.type || *hw_given.type)
		return true;
	g_set_error(error, HW_ERROR, HW_ERROR_USAGE, "--type: must not be empty");
	return false;
}

bool hw_ask_why(const char *address, struct hw_why_request *ret, GError **error)
{
	struct hw_why_request request = {.is_address = address != NULL, .type = hw_given.type};

	if (!check_type(error) || !hw_ask_limit(&request.limit, error))
		return false;
	if (address && (hw_given.type || hw_given.size)) {
		g_set_error(error, HW_ERROR, HW_ERROR_USAGE,
			    "why: an address, or --type and --size, not both");
		return false;
	}
	if (!address && !hw_given.type && !hw_given.size) {
		g_set_error(error, HW_ERROR, HW_ERROR_USAGE,
			    "why needs an ADDRESS, --type or --size");
		return false;
	}
	if (address && !hw_words_address(address, &request.addr, error))
		return false;
	if (hw_given.size && !hw_why_size(hw_given.size, &request, error)) {
		g_prefix_error(error, "--size: ");
		return false;
	}
	request.limit = request.limit ? request.limit : WHY_PATHS;
	*ret = request;
	return true;
}

bool hw_ask_tree(const char *address, struct hw_tree_request *ret, GError **error)
{
	struct hw_tree_request request = {.is_address = address != NULL,
					  .type = hw_given.type,
					  .depth = TREE_DEPTH,
					  .is_merged = !hw_given.json,
					  .has_min = hw_given.min != NULL};

	if (!check_type(error) || !hw_ask_limit(&request.limit, error) ||
	    !hw_ask_min(0, &request.min, error))
		return false;
	if (address && hw_given.type) {
		g_set_error(error, HW_ERROR, HW_ERROR_USAGE,
			    "tree: an address or --type, not both");
		return false;
	}
	if (address && !hw_words_address(address, &request.addr, error))
		return false;
	if (hw_given.depth &&
	    !read_number("--depth", hw_given.depth, 0, DEPTH_MOST, &request.depth, error))
		return false;
	if (!request.limit)
		request.limit = hw_given.json ? INT32_MAX : TREE_TEXT;
	*ret = request;
	return true;
}

/* "250ms", "1.5s", "250" (milliseconds). */
static bool read_time(const char *text, uint64_t *ns_ret)
{
	char *end;
	double value = g_ascii_strtod(text, &end);

	if (end == text || !(value > 0) || value > 1e6)
		return false;
	if (g_str_equal(end, "s"))
		value *= 1000;
	else if (*end && !g_str_equal(end, "ms"))
		return false;
	*ns_ret = (uint64_t)(value * 1e6);
	return *ns_ret > 0;
}

bool hw_ask_process(enum hw_stop_mode mode, struct hw_process_options *ret, GError **error)
{
	static const char *const names[] = {"budget", "stop", "nostop"};
	struct hw_process_options options = {.mode = mode, .spool_dir = hw_given.spool_dir};
	bool is_known = !hw_given.mode;

	for (unsigned i = 0; !is_known && i < G_N_ELEMENTS(names); i++) {
		is_known = g_str_equal(hw_given.mode, names[i]);
		options.mode = (enum hw_stop_mode)i;
	}
	if (!is_known)
		g_set_error(error, HW_ERROR, HW_ERROR_USAGE,
			    "--mode %s: must be budget, stop or nostop", hw_given.mode);
	else if (hw_given.max_stop && !read_time(hw_given.max_stop, &options.max_stop_ns))
		g_set_error(error, HW_ERROR, HW_ERROR_USAGE,
			    "--max-stop %s: must be a time like 250ms or 1s", hw_given.max_stop);
	else
		*ret = options;
	return is_known && (!hw_given.max_stop || options.max_stop_ns);
}
