/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: words to a command, and the one place that prints errors and decides the exit
 * status. */
#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include "command/command.h"
#include "query/words.h"
#include "report/options.h"
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WARNINGS_SHOWN 3 /* Of one code. */

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

static void tell(void *arg G_GNUC_UNUSED, const char *text)
{
	if (!hw_given.quiet)
		print_message("", text, NULL);
}

/* An answer in lines or as a file of its own has no place for how long a process stood still. */
static void print_target(const struct hw_run *run, const struct hw_command *command)
{
	g_autofree char *line = NULL;

	if (!run->session || !run->session->process || (!command->is_lines && !hw_given.format))
		return;
	line = hw_answer_target_line(run->session->target);
	print_message("", line, NULL);
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
static char *make_hint(const struct hw_run *run, const struct hw_command *command,
		       const GError *error)
{
	if (run->hint)
		return g_strdup(run->hint);
	if (error->domain == G_OPTION_ERROR || error->code == HW_ERROR_USAGE)
		return command ? g_strdup_printf("'heapwalk help %s' explains it", command->name)
			       : g_strdup("'heapwalk help' lists the commands");
	if (error->code == HW_ERROR_PERMISSION)
		return run->session && run->session->process
			   ? NULL
			   : g_strdup("run heapwalk as the owner of the file, or as root");
	return NULL;
}

static int fail(const struct hw_run *run, const struct hw_command *command, GError *error)
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

static char **parse_for(const struct hw_command *command, char **argv, GError **error)
{
	char **words = hw_options_parse(argv, command->own, error);

	if (!words)
		g_prefix_error(error, "%s: ", command->name);
	return words;
}

static int print_all(const char *text)
{
	struct hw_run none = {0};
	struct hw_output *output = hw_output_open(NULL, false, NULL);
	GError *error = NULL;

	hw_output_write(output, text, strlen(text));
	return hw_output_close(output, true, &error) ? 0 : fail(&none, NULL, error);
}

static int print_help(const struct hw_command *command)
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
	for (guint i = 0; i < hw_command_count; i++) {
		g_autofree char *line =
		    g_strdup_printf("%s %s", hw_commands[i].name, hw_commands[i].args);

		g_string_append_printf(text, "  %-30s %s\n", line, hw_commands[i].summary);
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

static int help_with(char **words, const struct hw_command *command)
{
	struct hw_run none = {0};
	GError *error = NULL;

	if (!words[0] || (g_str_equal(words[0], "help") && !words[1]))
		return print_help(NULL);
	if (!command && g_str_equal(words[0], "help"))
		command = hw_command_find(words[1]);
	if (command)
		return print_help(command);
	hw_usage(&error, "there is no command '%s'",
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
static const struct hw_command *guess_command(char **words, struct hw_run *run, GError **error)
{
	g_autofree const char **names = g_new0(const char *, hw_command_count + 1);
	const char *nearest;

	for (guint i = 0; i < hw_command_count; i++)
		names[i] = hw_commands[i].name;
	nearest = strchr(words[0], '/') ? NULL : hw_words_nearest(words[0], names);
	if (g_file_test(words[0], G_FILE_TEST_EXISTS) || hw_session_pid(words[0]) ||
	    (!words[1] && !nearest))
		return hw_command_find("summary");
	if (nearest)
		run->hint = g_strdup_printf("did you mean '%s'?", nearest);
	hw_usage(error, "there is no command '%s'", words[0]);
	return NULL;
}

static bool check_count(const struct hw_run *run, const struct hw_command *command, GError **error)
{
	if (run->arg_count >= command->least && run->arg_count <= command->most)
		return true;
	if (run->arg_count > command->most)
		return hw_usage(error, "%s: '%s' is one argument too many", command->name,
				run->args[command->most]);
	return hw_usage(error, "%s needs %s", command->name, command->args);
}

static int dispatch(char **argv)
{
	struct hw_run run = {.tell = tell};
	const struct hw_command *command = NULL;
	g_auto(GStrv) words = NULL;
	GError *error = NULL;
	bool has_name;
	int code = 0;

	words = hw_options_parse(argv, HW_OPTIONS_ALL, &error);
	if (!words)
		return fail(&run, NULL, error);
	command = words[0] ? hw_command_find(words[0]) : NULL;
	has_name = command != NULL;
	if (hw_given.version)
		return print_version();
	if (hw_given.help || g_strcmp0(words[0], "help") == 0)
		return help_with(words, command);
	if (!words[0])
		hw_usage(&error, "give a core file, or a command and a core file");
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
	if (!check_count(&run, command, &error) || !hw_run_command(&run, command, &error)) {
		code = fail(&run, command, error);
		goto out;
	}
	if (!hw_given.quiet)
		print_target(&run, command);
	if (!hw_given.quiet && (!hw_given.json || command->is_lines))
		print_warnings(hw_notes_of(&run));
	if (hw_given.strict && (hw_notes_of(&run)->incomplete || hw_notes_of(&run)->damage_count))
		code = HW_ERROR_DAMAGED;
out:
	hw_clear_run(&run);
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
