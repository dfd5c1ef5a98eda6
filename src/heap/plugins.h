/* SPDX-License-Identifier: Apache-2.0 */
/* plugins.h -- the loader: .so files of one directory, checked before use. */
#ifndef HW_HEAP_PLUGINS_H
#define HW_HEAP_PLUGINS_H
#include "base/notes.h"
#include "heapwalk/plugin.h"
#include <glib.h>

struct hw_plugins {
	GPtrArray *list; /* struct hw_plugin *: our copies, by name. */
	/* Private. */
	GPtrArray *libraries;
};

/* Loads every *.so of dir (NULL: plugins/ beside the executable in a build tree,
 * else the compiled-in directory), never from the working directory, the
 * environment or the target. A file that is no plugin or has another ABI is
 * skipped with a warning; a dir that cannot be read is an error. */
struct hw_plugins *hw_plugins_load(const char *dir, struct hw_notes *notes, GError **error);
void hw_plugins_free(struct hw_plugins *plugins); /* Accepts NULL. */

bool hw_report_has_format(const struct hw_report *report, const char *format);

const struct hw_plugin *hw_plugins_find(const struct hw_plugins *plugins, const char *name);
#endif
