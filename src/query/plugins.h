/* SPDX-License-Identifier: Apache-2.0 */
/* plugins.h -- are there such a plugin and such a report? Asked before a target is
 * opened: a typing error must not cost the reading of a large core. */
#ifndef HW_QUERY_PLUGINS_H
#define HW_QUERY_PLUGINS_H
#include "heap/plugins.h"

/* report may be NULL. On error (USAGE) *hint_ret may be set to what was probably meant;
 * g_free(). */
bool hw_plugins_check(const struct hw_plugins *plugins, const char *name, const char *report,
		      char **hint_ret, GError **error);

/* Does the report, which exists, have such a raw output? Error and hint as above. */
bool hw_plugins_check_format(const struct hw_plugins *plugins, const char *name, const char *report,
			     const char *format, char **hint_ret, GError **error);

/* False also when there is no such plugin. */
bool hw_plugins_has_report(const struct hw_plugins *plugins, const char *name, const char *report);
#endif
