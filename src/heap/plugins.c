/* SPDX-License-Identifier: Apache-2.0 */
/* The loader. A plugin is copied into a struct of our own size, so that an older,
 * shorter one reads as having NULL in the members it does not know. */
#include "heap/plugins.h"
#include "base/error.h"
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#ifndef HW_PLUGIN_DIR
#define HW_PLUGIN_DIR "/usr/local/lib/heapwalk/plugins"
#endif

/* plugins/ beside the executable when it is there (a build tree), else the
 * compiled-in directory. */
static char *default_dir(void)
{
	g_autofree char *exe = g_file_read_link("/proc/self/exe", NULL);

	if (exe) {
		g_autofree char *home = g_path_get_dirname(exe);
		g_autofree char *beside = g_build_filename(home, "plugins", NULL);

		if (g_file_test(beside, G_FILE_TEST_IS_DIR))
			return g_steal_pointer(&beside);
	}
	return g_strdup(HW_PLUGIN_DIR);
}

/* What is wrong with it, or NULL. */
static const char *check(const struct hw_plugin *plugin)
{
	if (!plugin->name || !*plugin->name || !plugin->summary || !plugin->tested)
		return "it has no name, summary or tested versions";
	if (!plugin->probe || !plugin->open || !plugin->ledger || !plugin->blocks || !plugin->close)
		return "it lacks probe, open, ledger, blocks or close";
	if (plugin->report_count && !plugin->reports)
		return "it counts reports it does not have";
	if (plugin->goroutines && !plugin->frames)
		return "it has goroutines but no frames";
	if (plugin->report_size && plugin->report_size < offsetof(struct hw_report, formats))
		return "its reports are too short";
	return NULL;
}

/* The reports in structs of our own size, like the plugin. NULL when there are none.
 * Free with g_free(). */
static struct hw_report *copy_reports(const struct hw_plugin *plugin)
{
	const uint32_t size =
	    plugin->report_size ? plugin->report_size : offsetof(struct hw_report, formats);
	struct hw_report *copies = g_new0(struct hw_report, plugin->report_count);

	for (uint32_t i = 0; i < plugin->report_count; i++)
		memcpy(&copies[i], (const char *)plugin->reports + (size_t)i * size,
		       MIN(size, sizeof(*copies)));
	return copies;
}

static void free_plugin(gpointer item)
{
	struct hw_plugin *plugin = item;

	g_free((void *)(uintptr_t)plugin->reports);
	g_free(plugin);
}

static void load_one(struct hw_plugins *plugins, const char *dir, const char *file,
		     struct hw_notes *notes)
{
	g_autofree char *path = g_build_filename(dir, file, NULL);
	g_autofree char *stem = g_strndup(file, strlen(file) - strlen(".so"));
	g_autofree char *name = g_strdup_printf("hw_plugin_%s", stem);
	g_autofree struct hw_plugin *plugin = g_new0(struct hw_plugin, 1);
	const struct hw_plugin *theirs;
	const char *why;
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		hw_notes_missing(notes, "plugin-refused", NULL, "plugin %s: %s", path, dlerror());
		return;
	}
	theirs = dlsym(library, name);
	if (!theirs) {
		hw_notes_missing(notes, "plugin-refused", NULL, "plugin %s: no symbol %s", path,
				 name);
		dlclose(library);
		return;
	}
	if (theirs->struct_size < 2 * sizeof(uint32_t)) {
		hw_notes_missing(notes, "plugin-refused", NULL,
				 "plugin %s: %s says it is %u bytes long", path, name,
				 theirs->struct_size);
		dlclose(library);
		return;
	}
	if (theirs->abi != HW_PLUGIN_ABI) {
		hw_notes_missing(notes, "plugin-refused",
				 "rebuild the plugin against this heapwalk's <heapwalk/plugin.h>",
				 "plugin %s: ABI %u, this heapwalk has %u", path, theirs->abi,
				 HW_PLUGIN_ABI);
		dlclose(library);
		return;
	}
	memcpy(plugin, theirs, MIN(theirs->struct_size, sizeof(*plugin)));
	why = check(plugin);
	if (why) {
		hw_notes_missing(notes, "plugin-refused", NULL, "plugin %s: %s", path, why);
		dlclose(library);
		return;
	}
	plugin->reports = copy_reports(plugin);
	plugin->report_size = sizeof(struct hw_report);
	g_ptr_array_add(plugins->list, g_steal_pointer(&plugin));
	g_ptr_array_add(plugins->libraries, library);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static void close_library(gpointer library)
{
	dlclose(library);
}

struct hw_plugins *hw_plugins_load(const char *dir, struct hw_notes *notes, GError **error)
{
	g_autofree char *where = dir ? g_strdup(dir) : default_dir();
	g_autoptr(GError) why = NULL;
	g_autoptr(GDir) list = g_dir_open(where, 0, &why);
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
	struct hw_plugins *plugins;
	const char *file;

	if (!list) {
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET, "plugin directory %s: %s", where,
			    why->message);
		return NULL;
	}
	while ((file = g_dir_read_name(list)))
		if (g_str_has_suffix(file, ".so"))
			g_ptr_array_add(files, g_strdup(file));
	g_ptr_array_sort(files, compare_names);

	plugins = g_new0(struct hw_plugins, 1);
	plugins->list = g_ptr_array_new_with_free_func(free_plugin);
	plugins->libraries = g_ptr_array_new_with_free_func(close_library);
	for (guint i = 0; i < files->len; i++)
		load_one(plugins, where, files->pdata[i], notes);
	return plugins;
}

void hw_plugins_free(struct hw_plugins *plugins)
{
	if (!plugins)
		return;
	g_ptr_array_unref(plugins->list);
	g_ptr_array_unref(plugins->libraries);
	g_free(plugins);
}

bool hw_report_has_format(const struct hw_report *report, const char *format)
{
	for (const char *const *f = report->formats; f && *f && report->write; f++)
		if (strcmp(*f, format) == 0)
			return true;
	return false;
}

const struct hw_plugin *hw_plugins_find(const struct hw_plugins *plugins, const char *name)
{
	for (guint i = 0; i < plugins->list->len; i++) {
		const struct hw_plugin *plugin = plugins->list->pdata[i];

		if (strcmp(plugin->name, name) == 0)
			return plugin;
	}
	return NULL;
}
