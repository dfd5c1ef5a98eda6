/* SPDX-License-Identifier: Apache-2.0 */
/* options.h -- what the user asked for: the options of all commands and how they are
 * read. Which command takes which set is decided by the table of commands. */
#ifndef HW_REPORT_OPTIONS_H
#define HW_REPORT_OPTIONS_H
#include "report/style.h"

struct hw_given {
	gboolean json, bytes, force, quiet, help, version, strict;        /* Every command. */
	gboolean quick, all, totals, strings, no_anon, retained, pending; /* Some commands. */
	char *color, *output;
	int width;
	char *sysroot, *exe, **debug_dirs, *plugin_dir, *spool_dir;
	char *state, *min, *format;
	gboolean no_content;
	char *compress;
	char *mode, *max_stop; /* Of a process. */
	char *limit, *threads, *depth, *type, *size, *by;
	char *creator;
};

extern struct hw_given hw_given; /* As the last hw_options_parse() read it. */

/* The options that only some commands have. */
enum hw_option_set {
	HW_OPTIONS_NONE = 0,
	HW_OPTIONS_SUMMARY,
	HW_OPTIONS_HEAPS,
	HW_OPTIONS_MAPS,
	HW_OPTIONS_BLOCKS,
	HW_OPTIONS_SHOW,
	HW_OPTIONS_GRAPH, /* roots, refs, threads. */
	HW_OPTIONS_LEAKS,
	HW_OPTIONS_TREE,
	HW_OPTIONS_WHY,
	HW_OPTIONS_TOP,
	HW_OPTIONS_PINS,
	HW_OPTIONS_SNAPSHOT,
	HW_OPTIONS_PLUGIN,
	HW_OPTIONS_GOROUTINES,
	HW_OPTIONS_GOROUTINE,
	HW_OPTIONS_ALL, /* Of every command: to find out which one is meant. */
};

/* For --help. Free with g_option_context_free(). */
GOptionContext *hw_options_context(enum hw_option_set own, const char *args);

/* Fills hw_given. Returns the words that are no options, without the program's name
 * (g_strfreev()); NULL on error (G_OPTION_ERROR). */
char **hw_options_parse(char **argv, enum hw_option_set own, GError **error);
void hw_options_clear(void);

/* The style that --color, --width and --bytes ask for on fd. Errors: USAGE. */
bool hw_options_style(struct hw_style *style, int fd, GError **error);
#endif
