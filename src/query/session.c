/* SPDX-License-Identifier: Apache-2.0 */
/* The pipeline: each stage is made from the ones before it and freed in reverse. */
#include "query/session.h"
#include "base/progress.h"
#include "query/firsts.h"
#include "query/live.h"

static bool find_heaps(struct hw_session *s, GError **error)
{
	s->threads = hw_threads_check(s->memory, &s->notes);
	hw_progress("looking for heaps", 0, 0);
	s->heaps = hw_heaps_new(s->plugins, s->memory, s->modules, s->threads, &s->notes, error);
	return s->heaps != NULL;
}

bool hw_session_build(struct hw_session *s, const struct hw_options *options,
		      struct hw_memory *earlier, GError **error)
{
	const char *root =
	    s->process && !options->sysroot ? hw_process_root(s->process) : options->sysroot;
	const struct hw_memory_options memory_options = {
	    .sysroot = root,
	    .exe = options->exe,
	    .earlier = earlier,
	};
	const struct hw_modules_options modules_options = {
	    .debug_dirs = options->debug_dirs,
	    .sysroot = root,
	};

	hw_progress("mapping the address space", 0, 0);
	s->memory = hw_memory_new(s->target, &memory_options, &s->notes, error);
	if (!s->memory)
		return false;
	if (s->modules && !hw_modules_move(s->modules, s->memory)) {
		hw_modules_free(s->modules);
		s->modules = NULL;
	}
	if (!s->modules)
		s->modules = hw_modules_new(s->memory, &modules_options, &s->notes, error);
	return s->modules && find_heaps(s, error);
}

static bool open_stages(struct hw_session *s, const char *path, const struct hw_options *options,
			GError **error)
{
	const struct hw_target_options target_options = {.spool_dir = options->spool_dir};
	int32_t pid = hw_session_pid(path);

	s->plugins = hw_plugins_load(options->plugin_dir, &s->notes, error);
	if (!s->plugins)
		return false;
	if (pid)
		return hw_session_open_process(s, pid, options, error);
	s->target = hw_target_open(path, &target_options, &s->notes, error);
	return s->target && hw_session_build(s, options, NULL, error);
}

struct hw_session *hw_session_open(const char *path, const struct hw_options *options,
				   GError **error)
{
	struct hw_session *s = g_new0(struct hw_session, 1);

	hw_notes_init(&s->notes);
	if (!open_stages(s, path, options, error)) {
		hw_session_close(s);
		return NULL;
	}
	return s;
}

void hw_session_close(struct hw_session *s)
{
	if (!s)
		return;
	hw_firsts_free(s->firsts);
	hw_graph_free(s->graph);
	hw_roots_free(s->roots);
	hw_stacks_free(s->stacks);
	hw_table_free(s->table);
	hw_heaps_free(s->heaps);
	g_free(s->threads);
	hw_modules_free(s->modules);
	hw_memory_free(s->memory);
	hw_target_free(s->target);
	hw_process_close(s->process);
	hw_plugins_free(s->plugins);
	hw_notes_clear(&s->notes);
	g_free(s);
}

bool hw_session_ledgers(struct hw_session *s, GError **error)
{
	uint32_t count = hw_heaps_count(s->heaps);

	for (uint32_t i = 0; i < count; i++) {
		hw_progress("reading heap metadata", i, count);
		if (!hw_heaps_ledger(s->heaps, i, error))
			return false;
	}
	hw_progress_end();
	hw_target_check(s->target, &s->notes);
	return true;
}

char *hw_session_heap_label(const struct hw_heap *heap)
{
	return g_strdup_printf("%s:%s", heap->plugin->name, heap->name);
}
