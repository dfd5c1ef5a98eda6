/* SPDX-License-Identifier: Apache-2.0 */
/* Looks plugins and reports up by name, and finds the nearest name. */
#include "query/plugins.h"
#include "base/error.h"
#include "query/words.h"

static char *make_hint(const char *word, const char *const *names)
{
	const char *nearest = hw_words_nearest(word, names);

	return nearest ? g_strdup_printf("did you mean '%s'?", nearest) : NULL;
}

static char *hint_plugin(const struct hw_plugins *plugins, const char *name)
{
	g_autofree const char **names = g_new0(const char *, plugins->list->len + 1);
	char *hint;

	for (guint i = 0; i < plugins->list->len; i++)
		names[i] = ((const struct hw_plugin *)plugins->list->pdata[i])->name;
	hint = make_hint(name, names);
	return hint ? hint : g_strdup("'heapwalk plugins' lists them");
}

static char *hint_report(const struct hw_plugin *plugin, const char *report)
{
	g_autofree const char **names = g_new0(const char *, plugin->report_count + 1);
	char *hint;

	for (uint32_t i = 0; i < plugin->report_count; i++)
		names[i] = plugin->reports[i].name;
	hint = make_hint(report, names);
	return hint ? hint : g_strdup_printf("'heapwalk plugin %s' lists them", plugin->name);
}

static const struct hw_report *find_report(const struct hw_plugins *plugins, const char *name,
					   const char *report)
{
	const struct hw_plugin *plugin = hw_plugins_find(plugins, name);

	for (uint32_t i = 0; plugin && i < plugin->report_count; i++)
		if (g_str_equal(plugin->reports[i].name, report))
			return &plugin->reports[i];
	return NULL;
}

bool hw_plugins_has_report(const struct hw_plugins *plugins, const char *name, const char *report)
{
	return find_report(plugins, name, report) != NULL;
}

bool hw_plugins_check(const struct hw_plugins *plugins, const char *name, const char *report,
		      char **hint_ret, GError **error)
{
	const struct hw_plugin *plugin = hw_plugins_find(plugins, name);

	if (!plugin) {
		*hint_ret = hint_plugin(plugins, name);
		g_set_error(error, HW_ERROR, HW_ERROR_USAGE, "there is no plugin '%s'", name);
		return false;
	}
	if (report && !hw_plugins_has_report(plugins, name, report)) {
		*hint_ret = hint_report(plugin, report);
		g_set_error(error, HW_ERROR, HW_ERROR_USAGE, "plugin %s has no report '%s'", name,
			    report);
		return false;
	}
	return true;
}

static char *hint_format(const char *name, const struct hw_report *report)
{
	g_autoptr(GString) hint = g_string_new(NULL);

	if (!report->formats || !*report->formats)
		return g_strdup_printf("'heapwalk plugin %s %s' has a table, and --json", name,
				       report->name);
	for (const char *const *f = report->formats; *f; f++)
		g_string_append_printf(hint, "%s%s", f == report->formats ? "it has " : ", ", *f);
	return g_strdup(hint->str);
}

bool hw_plugins_check_format(const struct hw_plugins *plugins, const char *name, const char *report,
			     const char *format, char **hint_ret, GError **error)
{
	const struct hw_report *found = find_report(plugins, name, report);

	if (found && hw_report_has_format(found, format))
		return true;
	if (found)
		*hint_ret = hint_format(name, found);
	g_set_error(error, HW_ERROR, HW_ERROR_USAGE, "report %s of plugin %s has no format '%s'",
		    report, name, format);
	return false;
}
