/* SPDX-License-Identifier: Apache-2.0 */
/* report.h -- one function per command that renders a query's result. Each writes the
 * members of `data`, and around them what only text has. */
#ifndef HW_REPORT_REPORT_H
#define HW_REPORT_REPORT_H
#include "query/blocks.h"
#include "query/census.h"
#include "query/goroutines.h"
#include "query/leaks.h"
#include "query/maps.h"
#include "query/pin_groups.h"
#include "query/refs.h"
#include "query/roots.h"
#include "query/show.h"
#include "query/snapshot.h"
#include "query/summary.h"
#include "query/top.h"
#include "query/tree.h"
#include "query/verify.h"
#include "query/why.h"
#include "report/answer.h"
#include "report/lines.h"

void hw_report_summary(struct hw_answer *answer, struct hw_session *session,
		       const struct hw_summary *summary);

/* all: every arena, also in text. */
void hw_report_heaps(struct hw_answer *answer, struct hw_session *session, bool all);

/* accounts: what the kernel says of each mapping, or NULL. totals_only: text without their list. */
void hw_report_maps(struct hw_answer *answer, struct hw_session *session,
		    const struct hw_accounts *accounts, const struct hw_maps *maps,
		    bool totals_only);

/* strings: also printable bytes of the target. */
void hw_report_show(struct hw_answer *answer, struct hw_session *session,
		    const struct hw_show *show, bool strings);

void hw_report_snapshot(struct hw_answer *answer, struct hw_session *session,
			const struct hw_snapshot_request *request,
			const struct hw_snapshot_result *result);

void hw_report_verify(struct hw_answer *answer, struct hw_session *session,
		      const struct hw_verify *verify);

/* Who holds what. limit: most rows; 0: as many as the text or the JSON has by itself. */
void hw_report_roots(struct hw_answer *answer, struct hw_session *session,
		     const struct hw_root_rows *roots, uint32_t limit);
void hw_report_tree(struct hw_answer *answer, struct hw_session *session,
		    const struct hw_tree_view *tree, const struct hw_tree_request *request);
void hw_report_why(struct hw_answer *answer, struct hw_session *session, const struct hw_why *why,
		   const struct hw_why_request *request);
void hw_report_refs(struct hw_answer *answer, struct hw_session *session,
		    const struct hw_refs *refs, uint32_t limit);
void hw_report_leaks(struct hw_answer *answer, struct hw_session *session,
		     const struct hw_leak_groups *leaks, uint32_t limit);
void hw_report_top(struct hw_answer *answer, struct hw_session *session, const struct hw_top *top,
		   uint32_t limit);
/* groups: or NULL. */
void hw_report_pins(struct hw_answer *answer, struct hw_session *session,
		    const struct hw_pins *pins, const struct hw_pin_groups *groups, uint32_t limit);
void hw_report_threads(struct hw_answer *answer, struct hw_session *session,
		       const struct hw_census *census, uint32_t limit);

/* all: also the calls that the runtime's own traceback leaves out. */
void hw_report_goroutines(struct hw_answer *answer, struct hw_session *session,
			  const struct hw_tasks *tasks, uint32_t limit, bool all);
/* strings: also the labels, which are the program's. */
void hw_report_goroutine(struct hw_answer *answer, struct hw_session *session,
			 const struct hw_task *task, bool strings);

/* only: the name of one plugin whose reports are listed, or NULL for all plugins. */
void hw_report_plugins(struct hw_answer *answer, const struct hw_plugins *plugins,
		       const char *only);

/* Run their query and write as they go: answers that are not kept in memory. */
bool hw_report_blocks(struct hw_output *output, struct hw_session *session,
		      const struct hw_block_filter *filter, enum hw_lines_format format,
		      GError **error);

/* One raw output of a plugin's report; "pprof" compressed. */
bool hw_report_raw(struct hw_output *output, struct hw_session *session, const char *plugin,
		   const char *report, const char *format, GError **error);

/* Every leaked block. */
bool hw_report_leak_list(struct hw_output *output, struct hw_session *session,
			 enum hw_lines_format format, bool pending, GError **error);
#endif
