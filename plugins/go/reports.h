/* SPDX-License-Identifier: Apache-2.0 */
/* reports.h -- the reports, one function each; the list is in go.c. */
#ifndef GO_REPORTS_H
#define GO_REPORTS_H
#include "go.h"

bool go_report_runtime(void *handle, const struct hw_emit *out);
#endif
