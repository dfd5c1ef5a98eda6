/* SPDX-License-Identifier: Apache-2.0 */
/* json.h -- the JSON back end of the emitter, and the envelope around it. */
#ifndef HW_REPORT_JSON_H
#define HW_REPORT_JSON_H
#include "heapwalk/plugin.h"
#include <glib.h>

struct hw_json;

/* depth: levels the result will be indented by where it is put. */
struct hw_json *hw_json_new(unsigned depth);
void hw_json_free(struct hw_json *json); /* Accepts NULL. */

/* Fills emit with this back end's functions; they write into an object that is open
 * already. */
void hw_json_emit(struct hw_json *json, struct hw_emit *emit);

/* Puts a finished value under a key. */
void hw_json_raw(struct hw_json *json, const char *key, const GString *value);

/* Closes the outermost object and returns the text; borrowed. */
const GString *hw_json_finish(struct hw_json *json);
/* Before finish(): were calls paired, and keys where they belong? */
bool hw_json_is_balanced(const struct hw_json *json);

/* Appends s as a JSON string, quotes included. Any bytes are taken. */
void hw_json_quote(GString *to, const char *s);
#endif
