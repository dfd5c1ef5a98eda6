/* SPDX-License-Identifier: Apache-2.0 */
/* reports.h -- the reports, one function each; the list is in go.c. */
#ifndef GO_REPORTS_H
#define GO_REPORTS_H
#include "go.h"

/* The runtime that a report is about: the one with a heap, the executable's first. Others get
 * a note; NULL, with a note, when there is none. */
const struct go_runtime *go_reported(const struct go *go, const struct hw_emit *out);

bool go_report_classes(void *handle, const struct hw_emit *out);
bool go_report_goroutines(void *handle, const struct hw_emit *out);
bool go_report_gc(void *handle, const struct hw_emit *out);
bool go_report_scavenger(void *handle, const struct hw_emit *out);
bool go_report_spans(void *handle, const struct hw_emit *out);
bool go_report_memstats(void *handle, const struct hw_emit *out);
bool go_report_types(void *handle, const struct hw_emit *out);
bool go_report_runtime(void *handle, const struct hw_emit *out);
#endif
