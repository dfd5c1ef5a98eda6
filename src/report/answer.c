/* SPDX-License-Identifier: Apache-2.0 */
/* The front of the two back ends: what both share, and the JSON envelope, which can
 * only be written last because completeness is known last. */
#include "report/answer.h"
#include "base/error.h"
#include "report/json.h"
#include "report/text.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

void hw_answer_init(struct hw_answer *r, bool json, const struct hw_style *style)
{
	*r = (struct hw_answer){.is_json = json};
	if (json) {
		r->json = hw_json_new(1);
		hw_json_emit(r->json, &r->emit);
	} else {
		r->text = hw_text_new(style);
		hw_text_emit(r->text, &r->emit);
	}
}

void hw_answer_clear(struct hw_answer *r)
{
	hw_json_free(r->json);
	hw_text_free(r->text);
	*r = (struct hw_answer){0};
}

int hw_answer_signal(const struct hw_target *target)
{
	int signal = target->signal;

	if (!signal && target->thread_count)
		signal = target->threads[0].signal;
	return signal == SIGSTOP ? 0 : signal; /* gcore's own stop: nothing ended. */
}

const char *hw_answer_signal_name(int signal)
{
	/* x86-64 Linux; the analysing host's own numbers may differ. */
	static const char *const names[] = {
	    NULL,       "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",  "SIGTRAP",   "SIGABRT",
	    "SIGBUS",   "SIGFPE",  "SIGKILL",   "SIGUSR1", "SIGSEGV", "SIGUSR2",   "SIGPIPE",
	    "SIGALRM",  "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP",   "SIGTSTP",
	    "SIGTTIN",  "SIGTTOU", "SIGURG",    "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF",
	    "SIGWINCH", "SIGIO",   "SIGPWR",    "SIGSYS",
	};

	return signal > 0 && signal < (int)G_N_ELEMENTS(names) ? names[signal] : NULL;
}

static void emit_target(const struct hw_emit *e, const struct hw_target *target)
{
	static const char *const kinds[] = {
	    [HW_TARGET_CORE] = "core",
	    [HW_TARGET_SNAPSHOT] = "snapshot",
	    [HW_TARGET_PROCESS] = "process",
	};
	int signal = hw_answer_signal(target);

	e->begin(e->self, "target", NULL);
	e->field(e->self, "kind", NULL, hw_text(kinds[target->kind]));
	e->field(e->self, "path", NULL, hw_text(target->process ? NULL : target->path));
	e->field(e->self, "pid", NULL,
		 target->pid > 0 ? hw_count((uint64_t)target->pid) : hw_null());
	e->field(e->self, "command", NULL, hw_text(target->command));
	e->field(e->self, "signal", NULL, signal > 0 ? hw_count((uint64_t)signal) : hw_null());
	e->field(e->self, "signal_name", NULL, hw_text(hw_answer_signal_name(signal)));
	e->field(e->self, "threads", NULL, hw_count(target->thread_count));
	e->field(e->self, "size", NULL, hw_size(target->ends_at));
	e->field(e->self, "truncated", NULL, hw_flag(target->truncated));
	e->field(e->self, "stopped_ns", NULL,
		 target->kind == HW_TARGET_CORE ? hw_null() : hw_count(target->stopped_ns));
	e->field(e->self, "waited_ns", NULL,
		 target->kind == HW_TARGET_PROCESS ? hw_count(target->waited_ns) : hw_null());
	e->end(e->self);
}

static void emit_warnings(const struct hw_emit *e, const struct hw_notes *notes)
{
	static const struct hw_column columns[] = {
	    {"code", "", HW_KIND_TEXT, 0},
	    {"message", "", HW_KIND_TEXT, 0},
	    {"hint", "", HW_KIND_TEXT, 0},
	};

	e->table(e->self, "warnings", NULL, columns, G_N_ELEMENTS(columns));
	for (guint i = 0; i < notes->warnings->len; i++) {
		const struct hw_warning *w = notes->warnings->pdata[i];
		const struct hw_value row[] = {hw_text(w->code), hw_text(w->message),
					       hw_text(w->hint)};

		e->row(e->self, row);
	}
	e->table_end(e->self);
}

static void emit_damage(const struct hw_emit *e, const struct hw_notes *notes)
{
	static const struct hw_column columns[] = {
	    {"address", "", HW_KIND_ADDR, 0},
	    {"message", "", HW_KIND_TEXT, 0},
	};

	e->begin(e->self, "damage", NULL);
	e->field(e->self, "count", NULL, hw_count(notes->damage_count));
	e->table(e->self, "items", NULL, columns, G_N_ELEMENTS(columns));
	for (guint i = 0; i < notes->damage->len; i++) {
		const struct hw_damage *d = notes->damage->pdata[i];
		const struct hw_value row[] = {d->addr ? hw_address(d->addr) : hw_null(),
					       hw_text(d->message)};

		e->row(e->self, row);
	}
	e->table_end(e->self);
	e->end(e->self);
}

static void write_envelope(struct hw_json *json, const char *schema, const struct hw_target *target,
			   const struct hw_notes *notes, const GString *data)
{
	g_autofree char *id = g_strdup_printf("heapwalk.%s/1", schema);
	struct hw_emit emit, *e = &emit;

	hw_json_emit(json, e);
	e->field(e->self, "schema", NULL, hw_text(id));
	e->begin(e->self, "tool", NULL);
	e->field(e->self, "name", NULL, hw_text("heapwalk"));
	e->field(e->self, "version", NULL, hw_text(HW_VERSION));
	e->end(e->self);
	if (target)
		emit_target(e, target);
	else
		e->field(e->self, "target", NULL, hw_null());
	e->field(e->self, "complete", NULL, hw_flag(!notes->incomplete && !notes->damage_count));
	emit_warnings(e, notes);
	emit_damage(e, notes);
	hw_json_raw(json, "data", data);
}

static bool check_balance(const struct hw_answer *r, const char *schema, GError **error)
{
	if (r->is_json ? hw_json_is_balanced(r->json) : hw_text_is_balanced(r->text))
		return true;
	g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL,
		    "%s: the report does not close what it opens", schema);
	return false;
}

bool hw_answer_finish(struct hw_answer *r, const char *schema, const struct hw_target *target,
		      const struct hw_notes *notes, struct hw_output *output, GError **error)
{
	const GString *all;
	struct hw_json *json;

	if (!check_balance(r, schema, error))
		return false;
	if (!r->is_json) {
		all = hw_text_finish(r->text);
		hw_output_write(output, all->str, all->len);
		return true;
	}
	json = hw_json_new(0);
	write_envelope(json, schema, target, notes, hw_json_finish(r->json));
	all = hw_json_finish(json);
	hw_output_write(output, all->str, all->len);
	hw_output_write(output, "\n", 1);
	hw_json_free(json);
	return true;
}

void hw_answer_line(struct hw_answer *r, enum hw_tone tone, const char *fmt, ...)
{
	g_autofree char *line = NULL;
	va_list args;

	if (r->is_json)
		return;
	va_start(args, fmt);
	line = g_strdup_vprintf(fmt, args);
	va_end(args);
	hw_text_line(r->text, tone, line);
}

void hw_answer_gap(struct hw_answer *r)
{
	if (!r->is_json)
		hw_text_gap(r->text);
}

char *hw_answer_target_line(const struct hw_target *target)
{
	g_autofree char *name = g_path_get_basename(target->path);
	GString *line = g_string_new(name);
	int signal = hw_answer_signal(target);

	g_string_append_printf(line, ": %s", target->command ? target->command : "a core file");
	if (target->pid > 0 && !target->process)
		g_string_append_printf(line, ", pid %d", target->pid);
	if (signal > 0 && hw_answer_signal_name(signal))
		g_string_append_printf(line, ", %s", hw_answer_signal_name(signal));
	else if (signal > 0)
		g_string_append_printf(line, ", signal %d", signal);
	g_string_append_printf(line, ", %u thread%s", target->thread_count,
			       target->thread_count == 1 ? "" : "s");
	if (target->kind != HW_TARGET_CORE)
		g_string_append_printf(line, ", stopped %.*f ms",
				       target->stopped_ns < 10000000 ? 1 : 0,
				       (double)target->stopped_ns / 1e6);
	return g_string_free(line, FALSE);
}

void hw_answer_target(struct hw_answer *r, const struct hw_target *target)
{
	g_autofree char *line = hw_answer_target_line(target);

	hw_answer_line(r, HW_TONE_TITLE, "%s", line);
}

/* "truncated, binary-missing": each code once. Free with g_free(). */
static char *list_codes(const struct hw_notes *notes)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	GString *codes = g_string_new(NULL);

	for (guint i = 0; i < notes->warnings->len; i++) {
		const struct hw_warning *w = notes->warnings->pdata[i];

		if (g_hash_table_add(seen, w->code))
			g_string_append_printf(codes, "%s%s", codes->len ? ", " : "", w->code);
	}
	return g_string_free(codes, FALSE);
}

static char *plural(uint64_t count, const char *noun)
{
	char buf[32];

	return g_strdup_printf("%s %s%s", hw_text_count(buf, sizeof(buf), count), noun,
			       count == 1 ? "" : "s");
}

void hw_answer_completeness(struct hw_answer *r, const struct hw_notes *notes, bool always)
{
	g_autofree char *codes = NULL, *warnings = NULL, *places = NULL;

	if (r->is_json)
		return;
	if (!notes->incomplete && !notes->damage_count) {
		if (!always)
			return;
		hw_answer_gap(r);
		hw_answer_line(r, HW_TONE_GOOD, "Complete: no heap data is missing or damaged.");
		return;
	}
	codes = list_codes(notes);
	warnings = plural(notes->warnings->len, "warning");
	places = plural(notes->damage_count, "damaged place");
	hw_answer_gap(r);
	if (notes->warnings->len)
		hw_answer_line(r, HW_TONE_WARN, "Incomplete: %s (%s).", warnings, codes);
	if (notes->damage_count)
		hw_answer_line(r, HW_TONE_WARN, "Incomplete: %s ('heapwalk verify' lists %s).",
			       places, notes->damage_count == 1 ? "it" : "them");
}

char *hw_answer_size(const struct hw_answer *r, uint64_t bytes)
{
	char buf[32];

	if (r->text)
		return hw_text_format_size(r->text, bytes);
	return g_strdup(hw_text_size(buf, sizeof(buf), bytes));
}
