/* SPDX-License-Identifier: Apache-2.0 */
/* ask.h -- the options of the commands about references, read into requests. All errors
 * are USAGE, and can be had before a target is opened. */
#ifndef HW_REPORT_ASK_H
#define HW_REPORT_ASK_H
#include "query/pin_groups.h"
#include "query/top.h"
#include "query/tree.h"
#include "query/why.h"

bool hw_ask_graph(enum hw_depth depth, struct hw_graph_request *ret, GError **error);

/* --limit; 0 when not given. */
bool hw_ask_limit(uint32_t *ret, GError **error);
bool hw_ask_min(uint64_t otherwise, uint64_t *ret, GError **error);
bool hw_ask_by(enum hw_top_by *ret, GError **error);
/* HW_PINS_BYS: not asked for. */
bool hw_ask_pins_by(enum hw_pins_by *ret, GError **error);

/* address: the argument, or NULL. */
bool hw_ask_why(const char *address, struct hw_why_request *ret, GError **error);
bool hw_ask_tree(const char *address, struct hw_tree_request *ret, GError **error);

/* --mode, --max-stop and --spool-dir; mode: what the command does without --mode. */
bool hw_ask_process(enum hw_stop_mode mode, struct hw_process_options *ret, GError **error);
#endif
