/* SPDX-License-Identifier: Apache-2.0 */
/* The options, in groups. */
#include "report/options.h"
#include "base/error.h"
#include <string.h>

struct hw_given hw_given;

static const GOptionEntry output_entries[] = {
    {"json", 0, 0, G_OPTION_ARG_NONE, &hw_given.json, "One JSON object, for programs", NULL},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &hw_given.output,
     "Write to a new file, private to you", "FILE"},
    {"force", 0, 0, G_OPTION_ARG_NONE, &hw_given.force, "Let -o replace a file", NULL},
    {"bytes", 0, 0, G_OPTION_ARG_NONE, &hw_given.bytes, "Sizes as plain integers", NULL},
    {"color", 0, 0, G_OPTION_ARG_STRING, &hw_given.color, "auto, always or never", "WHEN"},
    {"width", 0, 0, G_OPTION_ARG_INT, &hw_given.width, "Columns of the text (40 to 500)", "N"},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &hw_given.quiet, "No warnings, no progress", NULL},
    {NULL},
};

static const GOptionEntry target_entries[] = {
    {"sysroot", 0, 0, G_OPTION_ARG_FILENAME, &hw_given.sysroot,
     "Where the target's files are on this machine", "DIR"},
    {"exe", 0, 0, G_OPTION_ARG_FILENAME, &hw_given.exe, "The target's executable", "FILE"},
    {"debug-dir", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &hw_given.debug_dirs,
     "Separate debug files; may be repeated", "DIR"},
    {"plugin-dir", 0, 0, G_OPTION_ARG_FILENAME, &hw_given.plugin_dir, "Load plugins from here only",
     "DIR"},
    {"spool-dir", 0, 0, G_OPTION_ARG_FILENAME, &hw_given.spool_dir,
     "For a process's pages and unpacked cores", "DIR"},
    {NULL},
};

static const GOptionEntry process_entries[] = {
    {"mode", 0, 0, G_OPTION_ARG_STRING, &hw_given.mode,
     "budget, stop (until all is read) or nostop", "MODE"},
    {"max-stop", 0, 0, G_OPTION_ARG_STRING, &hw_given.max_stop, "Longest stop (250ms)", "TIME"},
    {NULL},
};

static const GOptionEntry answer_entries[] = {
    {"strict", 0, 0, G_OPTION_ARG_NONE, &hw_given.strict,
     "Exit with 6 when the answer is incomplete", NULL},
    {NULL},
};

static const GOptionEntry general_entries[] = {
    {"help", 'h', 0, G_OPTION_ARG_NONE, &hw_given.help, "Explain a command", NULL},
    {"version", 0, 0, G_OPTION_ARG_NONE, &hw_given.version, "Name the version", NULL},
    {NULL},
};

static const GOptionEntry summary_entries[] = {
    {"quick", 0, 0, G_OPTION_ARG_NONE, &hw_given.quick, "Read heap metadata only", NULL},
    {NULL},
};
static const GOptionEntry heaps_entries[] = {
    {"all", 'a', 0, G_OPTION_ARG_NONE, &hw_given.all, "Every arena, not the 20 largest", NULL},
    {NULL},
};
static const GOptionEntry maps_entries[] = {
    {"summary", 's', 0, G_OPTION_ARG_NONE, &hw_given.totals, "Only totals by owner", NULL},
    {NULL},
};
static const GOptionEntry blocks_entries[] = {
    {"state", 0, 0, G_OPTION_ARG_STRING, &hw_given.state, "Only live, cached or free blocks",
     "STATE"},
    {"min", 0, 0, G_OPTION_ARG_STRING, &hw_given.min, "Only blocks of at least this size", "SIZE"},
    {"format", 0, 0, G_OPTION_ARG_STRING, &hw_given.format, "csv (default) or ndjson", "FORMAT"},
    {NULL},
};
#define STRINGS_ENTRY                                                                              \
	{                                                                                          \
		"show-strings", 0, 0, G_OPTION_ARG_NONE, &hw_given.strings,                        \
		    "Also print the target's bytes", NULL                                          \
	}

static const GOptionEntry show_entries[] = {
    STRINGS_ENTRY,
    {NULL},
};

/* What every command about references has. */
#define LIMIT_ENTRY                                                                                \
	{                                                                                          \
		"limit", 0, 0, G_OPTION_ARG_STRING, &hw_given.limit, "At most so many rows", "N"   \
	}
#define GRAPH_ENTRIES                                                                              \
	{"no-anon-roots",                                                                          \
	 0,                                                                                        \
	 0,                                                                                        \
	 G_OPTION_ARG_NONE,                                                                        \
	 &hw_given.no_anon,                                                                        \
	 "Memory that no heap explains holds nothing",                                             \
	 NULL},                                                                                    \
	{                                                                                          \
		"threads", 0, 0, G_OPTION_ARG_STRING, &hw_given.threads,                           \
		    "Threads to work with; default: one a processor", "N"                          \
	}

static const GOptionEntry graph_entries[] = {STRINGS_ENTRY, LIMIT_ENTRY, GRAPH_ENTRIES, {NULL}};
static const GOptionEntry leaks_entries[] = {
    {"format", 0, 0, G_OPTION_ARG_STRING, &hw_given.format, "Every leaked block, as csv or ndjson",
     "FORMAT"},
    {"pending", 0, 0, G_OPTION_ARG_NONE, &hw_given.pending,
     "With --format: what a collector will free, instead", NULL},
    LIMIT_ENTRY,
    GRAPH_ENTRIES,
    {NULL},
};
static const GOptionEntry tree_entries[] = {
    {"type", 0, 0, G_OPTION_ARG_STRING, &hw_given.type, "All blocks of this type together", "TYPE"},
    {"depth", 0, 0, G_OPTION_ARG_STRING, &hw_given.depth, "Levels below the first (3)", "N"},
    {"min", 0, 0, G_OPTION_ARG_STRING, &hw_given.min, "Only what retains so much (1 % of all)",
     "SIZE"},
    LIMIT_ENTRY,
    GRAPH_ENTRIES,
    {NULL},
};
static const GOptionEntry why_entries[] = {
    {"type", 0, 0, G_OPTION_ARG_STRING, &hw_given.type, "All blocks of this type", "TYPE"},
    {"size", 0, 0, G_OPTION_ARG_STRING, &hw_given.size, "All blocks of such a size: '>1MiB'",
     "CMP"},
    STRINGS_ENTRY,
    LIMIT_ENTRY,
    GRAPH_ENTRIES,
    {NULL},
};
static const GOptionEntry top_entries[] = {
    {"by", 0, 0, G_OPTION_ARG_STRING, &hw_given.by, "size (default), type, module or arena",
     "WHAT"},
    {"retained", 0, 0, G_OPTION_ARG_NONE, &hw_given.retained, "Also what the groups hold", NULL},
    LIMIT_ENTRY,
    GRAPH_ENTRIES,
    {NULL},
};
static const GOptionEntry pins_entries[] = {
    {"min", 0, 0, G_OPTION_ARG_STRING, &hw_given.min, "Only blocks of this size (4KiB)", "SIZE"},
    {"by", 0, 0, G_OPTION_ARG_STRING, &hw_given.by, "Add up by holder, type or site", "WHAT"},
    LIMIT_ENTRY,
    GRAPH_ENTRIES,
    {NULL},
};

static const GOptionEntry plugin_entries[] = {
    {"format", 0, 0, G_OPTION_ARG_STRING, &hw_given.format,
     "A raw output of the report, for other tools", "FORMAT"},
    {NULL},
};

#define KEPT_ENTRY                                                                                 \
	{                                                                                          \
		"retained", 0, 0, G_OPTION_ARG_NONE, &hw_given.retained,                           \
		    "Also what they alone keep alive", NULL                                        \
	}

static const GOptionEntry goroutines_entries[] = {
    {"creator", 0, 0, G_OPTION_ARG_STRING, &hw_given.creator,
     "Only those created by such a function", "PART"},
    {"state", 0, 0, G_OPTION_ARG_STRING, &hw_given.state, "Only those that do this: 'chan receive'",
     "STATE"},
    {"all", 'a', 0, G_OPTION_ARG_NONE, &hw_given.all, "Also the runtime's inner calls", NULL},
    KEPT_ENTRY,
    LIMIT_ENTRY,
    GRAPH_ENTRIES,
    {NULL},
};
static const GOptionEntry goroutine_entries[] = {
    STRINGS_ENTRY,
    KEPT_ENTRY,
    GRAPH_ENTRIES,
    {NULL},
};

static const GOptionEntry snapshot_entries[] = {
    {"no-content", 0, 0, G_OPTION_ARG_NONE, &hw_given.no_content,
     "Leave out what blocks and stacks say", NULL},
    {"compress", 0, 0, G_OPTION_ARG_STRING, &hw_given.compress, "zstd", "HOW"},
    {NULL},
};

static void add_group(GOptionContext *context, const char *name, const char *title,
		      const GOptionEntry *entries)
{
	GOptionGroup *group = g_option_group_new(name, title, title, NULL, NULL);

	g_option_group_add_entries(group, entries);
	g_option_context_add_group(context, group);
}

GOptionContext *hw_options_context(enum hw_option_set own, const char *args)
{
	static const struct {
		enum hw_option_set set;
		const char *name;
		const GOptionEntry *entries;
	} sets[] = {
	    {HW_OPTIONS_SUMMARY, "summary", summary_entries},
	    {HW_OPTIONS_HEAPS, "heaps", heaps_entries},
	    {HW_OPTIONS_MAPS, "maps", maps_entries},
	    {HW_OPTIONS_BLOCKS, "blocks", blocks_entries},
	    {HW_OPTIONS_SHOW, "show", show_entries},
	    {HW_OPTIONS_GRAPH, "graph", graph_entries},
	    {HW_OPTIONS_LEAKS, "leaks", leaks_entries},
	    {HW_OPTIONS_TREE, "tree", tree_entries},
	    {HW_OPTIONS_WHY, "why", why_entries},
	    {HW_OPTIONS_TOP, "top", top_entries},
	    {HW_OPTIONS_PINS, "pins", pins_entries},
	    {HW_OPTIONS_SNAPSHOT, "snapshot", snapshot_entries},
	    {HW_OPTIONS_PLUGIN, "plugin", plugin_entries},
	    {HW_OPTIONS_GOROUTINES, "goroutines", goroutines_entries},
	    {HW_OPTIONS_GOROUTINE, "goroutine", goroutine_entries},
	};
	GOptionContext *context = g_option_context_new(args);

	g_option_context_set_help_enabled(context, FALSE);
	for (size_t i = 0; i < G_N_ELEMENTS(sets); i++)
		if (own == HW_OPTIONS_ALL || own == sets[i].set)
			add_group(context, sets[i].name, "Options:", sets[i].entries);
	add_group(context, "general", "General:", general_entries);
	add_group(context, "answer", "Answer:", answer_entries);
	add_group(context, "output", "Output:", output_entries);
	add_group(context, "target", "Target:", target_entries);
	add_group(context, "process", "A process as target:", process_entries);
	return context;
}

void hw_options_clear(void)
{
	g_free(hw_given.color);
	g_free(hw_given.output);
	g_free(hw_given.sysroot);
	g_free(hw_given.exe);
	g_strfreev(hw_given.debug_dirs);
	g_free(hw_given.plugin_dir);
	g_free(hw_given.state);
	g_free(hw_given.min);
	g_free(hw_given.format);
	g_free(hw_given.compress);
	g_free(hw_given.mode);
	g_free(hw_given.max_stop);
	g_free(hw_given.spool_dir);
	g_free(hw_given.limit);
	g_free(hw_given.threads);
	g_free(hw_given.depth);
	g_free(hw_given.type);
	g_free(hw_given.size);
	g_free(hw_given.by);
	g_free(hw_given.creator);
	memset(&hw_given, 0, sizeof(hw_given));
}

/* A copy of the words after the program's name, without the `--` that ends options. */
static char **copy_words(char **words)
{
	GPtrArray *left = g_ptr_array_new();
	bool is_after = false;

	for (; *words; words++) {
		bool is_separator = !is_after && g_str_equal(*words, "--");

		is_after |= is_separator;
		if (!is_separator)
			g_ptr_array_add(left, g_strdup(*words));
	}
	g_ptr_array_add(left, NULL);
	return (char **)g_ptr_array_free(left, FALSE);
}

char **hw_options_parse(char **argv, enum hw_option_set own, GError **error)
{
	GOptionContext *context = hw_options_context(own, NULL);
	g_auto(GStrv) words = g_strdupv(argv);
	bool ok;

	hw_options_clear();
	ok = g_option_context_parse_strv(context, &words, error);
	g_option_context_free(context);
	if (g_strcmp0(hw_given.output, "-") == 0)
		g_clear_pointer(&hw_given.output, g_free); /* stdout */
	return ok ? copy_words(words[0] ? words + 1 : words) : NULL;
}

bool hw_options_style(struct hw_style *style, int fd, GError **error)
{
	static const char *const names[] = {"auto", "always", "never"};
	int color = -1;

	for (int i = 0; i < 3; i++)
		if (g_str_equal(hw_given.color ? hw_given.color : "auto", names[i]))
			color = i;
	if (color < 0) {
		g_set_error(error, HW_ERROR, HW_ERROR_USAGE,
			    "--color %s: must be auto, always or never", hw_given.color);
		return false;
	}
	if (hw_given.width && (hw_given.width < 40 || hw_given.width > 500)) {
		g_set_error(error, HW_ERROR, HW_ERROR_USAGE, "--width %d: must be 40 to 500",
			    hw_given.width);
		return false;
	}
	hw_style_init(style, fd, (enum hw_color)color, (unsigned)hw_given.width, hw_given.bytes);
	return true;
}
