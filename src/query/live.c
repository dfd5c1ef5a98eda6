/* SPDX-License-Identifier: Apache-2.0 */
/* live.c -- the pipeline over a process that must not stand still for long.
 *
 * The work is rehearsed while the process runs: symbols are looked up, and it shows where
 * the locks of allocators are and which pages the decoders want. These are copied once while
 * it runs. Then it is stopped, with no thread inside an allocator if that can be had, what
 * has changed is copied again, it is let go, and the work is done on the copy.
 *
 * In stop mode that is all there is to it. In budget mode the work may want pages that the
 * rehearsal did not, where the heap has changed meanwhile: then it is stopped again, for as
 * long as the budget has left; the last time the work is done while it stands, and pages are
 * read as they are looked at. When the deadline comes first, the process is let go at once,
 * that work is thrown away, and the pipeline is built over what had been read. */
#include "query/live.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include "base/text.h"
#include <stdlib.h>

#define TELL_NS ((uint64_t)100 * 1000 * 1000)
#define COPIES  2 /* Stops to copy what is wanted, before one to work in. */

int32_t hw_session_pid(const char *word)
{
	char *end;
	long value;

	if (!g_ascii_isdigit(word[0]))
		return 0;
	value = strtol(word, &end, 10);
	return *end == '\0' && value > 0 && value <= G_MAXINT32 ? (int32_t)value : 0;
}

/* The stages over a target that is about to be replaced. */
struct earlier {
	struct hw_target *target;
	struct hw_memory *memory;
};

/* Leaves s with its modules only, which still look at the earlier memory. */
static struct earlier set_aside(struct hw_session *s)
{
	struct earlier earlier = {s->target, s->memory};

	hw_heaps_free(s->heaps);
	g_free(s->threads);
	s->heaps = NULL;
	s->threads = NULL;
	s->memory = NULL;
	s->target = NULL;
	return earlier;
}

/* What modules still look at stays; the rest goes. */
static void forget(struct hw_session *s, struct earlier *earlier)
{
	if (s->modules && !s->memory && earlier->memory) {
		s->memory = g_steal_pointer(&earlier->memory);
		s->target = g_steal_pointer(&earlier->target);
	}
	hw_memory_free(earlier->memory);
	hw_target_free(earlier->target);
	*earlier = (struct earlier){0};
}

/* The stages over target (taken; NULL with *error set is passed on), then what the command
 * wants to be looked at. */
static bool work(struct hw_session *s, const struct hw_options *options, struct hw_target *target,
		 struct earlier *earlier, bool touches, GError **error)
{
	const struct hw_live_options *live = &options->live;
	bool ok;

	if (!target)
		return false;
	s->target = target;
	ok = hw_session_build(s, options, earlier->memory, error);
	if (s->memory)
		forget(s, earlier);
	if (!ok || !touches)
		return ok;
	return hw_session_ledgers(s, error) && (!live->touch || live->touch(s, live->arg, error));
}

/* An error that ends it all: not one of a rehearsal whose data moved under it. */
static bool is_fatal(const GError *error)
{
	return error->domain == HW_ERROR &&
	       (error->code == HW_ERROR_INTERRUPTED || error->code == HW_ERROR_PERMISSION ||
		error->code == HW_ERROR_USAGE);
}

/* Where the allocators' locks are. */
static bool expect_locks(struct hw_session *s, GError **error)
{
	uint32_t count;
	const struct hw_lock *locks = hw_heaps_locks(s->heaps, &count);

	if (hw_process_expect_locks(s->process, locks, count))
		return true;
	g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no memory for a list of locks");
	return false;
}

static bool rehearse(struct hw_session *s, const struct hw_options *options, GError **error)
{
	const struct hw_notes_mark mark = hw_notes_mark(&s->notes);
	const enum hw_stop_mode mode = options->live.process.mode;
	struct earlier none = {0};
	struct hw_target *target = hw_process_look(s->process, error);
	g_autoptr(GError) problem = NULL;

	if (!target)
		return false;
	if (!work(s, options, target, &none, mode != HW_STOP_ALL, &problem) &&
	    (is_fatal(problem) || mode == HW_STOP_NONE)) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	if (mode == HW_STOP_NONE)
		return true;
	hw_notes_rewind(&s->notes, &mark);
	return !s->heaps || expect_locks(s, error);
}

static void tell(const struct hw_session *s, const struct hw_options *options, uint64_t bytes,
		 uint64_t ns)
{
	g_autofree char *text = NULL;
	char size[32];

	if (!options->live.tell || ns < TELL_NS)
		return;
	text = g_strdup_printf("stopping %s to read %s: about %.1f s", s->target->path,
			       hw_text_size(size, sizeof(size), bytes), (double)ns / 1e9);
	options->live.tell(options->live.arg, text);
}

/* What will be read is copied once, and it is told how long reading takes. */
static bool prepare(struct hw_session *s, const struct hw_options *options, GError **error)
{
	uint64_t bytes;
	uint64_t ns;

	if (!hw_process_prepare(s->process, &bytes, &ns, error))
		return false;
	hw_progress_end();
	if (hw_process_mode(s->process) == HW_STOP_ALL)
		tell(s, options, bytes, ns);
	return true;
}

/* It runs again. False, and *error is set, when that was not for the deadline's sake. */
static bool let_go(struct hw_session *s, bool ok, GError **problem, GError **error)
{
	hw_process_account(s->process);
	hw_process_release(s->process);
	hw_stop_abandon(false);
	hw_progress_mute(false);
	if (ok || (hw_process_is_late(s->process) && !hw_stop_requested()))
		return true;
	g_propagate_error(error, g_steal_pointer(problem));
	return false;
}

/* It is stopped and read, and runs again. *whole_ret: there was time for all of that. False on
 * error. Nothing may be printed while it stands. */
static bool copy(struct hw_session *s, bool *whole_ret, GError **error)
{
	g_autoptr(GError) problem = NULL;
	bool ok;

	hw_progress_mute(true);
	ok = hw_process_stop(s->process, &problem) && hw_process_read(s->process, &problem);
	if (!let_go(s, ok, &problem, error))
		return false;
	*whole_ret = hw_process_freeze(s->process, NULL, &s->notes);
	return true;
}

/* Works on a copy of all of it, or of what was read in time. */
static bool copy_all(struct hw_session *s, const struct hw_options *options, GError **error)
{
	struct earlier earlier = set_aside(s);
	bool is_whole;
	bool ok = copy(s, &is_whole, error) && work(s, options,
						    is_whole ? hw_process_target(s->process, error)
							     : hw_process_rest(s->process, error),
						    &earlier, false, error);

	forget(s, &earlier);
	return ok;
}

/* Time is over: over what was read, from the start. */
static bool build_rest(struct hw_session *s, const struct hw_options *options, GError **error)
{
	struct earlier earlier = set_aside(s);
	bool ok = work(s, options, hw_process_rest(s->process, error), &earlier, false, error);

	forget(s, &earlier);
	return ok;
}

/* Copies what the rehearsal wanted, lets go and works on the copy. *again_ret: the work wanted
 * more than that, and there is time for another stop. */
static bool copy_some(struct hw_session *s, const struct hw_options *options,
		      const struct hw_notes_mark *mark, bool *again_ret, GError **error)
{
	bool is_lacking = false;
	struct earlier earlier = set_aside(s);
	g_autoptr(GError) problem = NULL;
	bool is_whole;
	bool ok = copy(s, &is_whole, error);

	*again_ret = false;
	if (ok && !is_whole) {
		ok = work(s, options, hw_process_rest(s->process, error), &earlier, false, error);
	} else if (ok) {
		ok = work(s, options, hw_process_target(s->process, &problem), &earlier, true,
			  &problem);
		*again_ret = hw_process_missed(s->process) && hw_process_has_time(s->process) &&
			     !(problem && is_fatal(problem));
		is_lacking =
		    hw_process_missed(s->process) && !*again_ret && !(problem && is_fatal(problem));
		if (!ok && !*again_ret && !is_lacking)
			g_propagate_error(error, g_steal_pointer(&problem));
	}
	forget(s, &earlier);
	if (!is_lacking)
		return ok || *again_ret;
	/* Zeros where there was something are not to be taken for damage. */
	hw_notes_rewind(&s->notes, mark);
	hw_process_give_up(s->process, &s->notes);
	return build_rest(s, options, error);
}

/* Works while it stands: what is looked at besides is read as it goes. */
static bool work_stopped(struct hw_session *s, const struct hw_options *options, GError **error)
{
	const struct hw_notes_mark mark = hw_notes_mark(&s->notes);
	struct earlier earlier = set_aside(s);
	g_autoptr(GError) problem = NULL;
	bool is_done, ok;

	hw_progress_mute(true);
	is_done = hw_process_stop(s->process, &problem) && hw_process_read(s->process, &problem) &&
		  !hw_process_is_late(s->process) &&
		  work(s, options, hw_process_show(s->process, &problem), &earlier, true, &problem);
	ok = let_go(s, is_done, &problem, error);
	forget(s, &earlier);
	if (!ok)
		return false;
	if (hw_process_is_late(s->process))
		hw_notes_rewind(&s->notes, &mark);
	/* Work that was broken off is of no use, even if all that it wanted had been read. */
	if (hw_process_freeze(s->process, s->target, &s->notes) && is_done)
		return true;
	return build_rest(s, options, error);
}

static bool work_in_budget(struct hw_session *s, const struct hw_options *options, GError **error)
{
	const struct hw_notes_mark mark = hw_notes_mark(&s->notes);
	bool again = true;

	for (unsigned i = 0; again && i < COPIES; i++) {
		hw_notes_rewind(&s->notes, &mark);
		if (!copy_some(s, options, &mark, &again, error))
			return false;
	}
	if (!again)
		return true;
	hw_notes_rewind(&s->notes, &mark);
	return work_stopped(s, options, error);
}

bool hw_session_open_process(struct hw_session *s, int32_t pid, const struct hw_options *options,
			     GError **error)
{
	s->process = hw_process_open(pid, &options->live.process, error);
	if (!s->process || !rehearse(s, options, error))
		return false;
	if (options->live.process.mode != HW_STOP_NONE)
		return prepare(s, options, error) && (options->live.process.mode == HW_STOP_ALL
							  ? copy_all(s, options, error)
							  : work_in_budget(s, options, error));
	hw_notes_missing(&s->notes, "not-stopped", "leave --mode nostop out",
			 "%s ran on while it was read: totals are of no one moment, and without "
			 "registers blocks cached by threads may count as live",
			 s->target->path);
	hw_process_tell(s->process, &s->notes);
	return true;
}
