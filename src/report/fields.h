/* SPDX-License-Identifier: Apache-2.0 */
/* fields.h -- what a block or variable is made of, for `heapwalk show`. */
#ifndef HW_REPORT_FIELDS_H
#define HW_REPORT_FIELDS_H
#include "query/show.h"
#include "report/answer.h"

/* JSON: the list `fields`, in an open object. */
void hw_report_fields_json(struct hw_answer *answer, const struct hw_show *show);
/* Text: a table; nothing when there are none. */
void hw_report_fields_text(struct hw_answer *answer, const struct hw_show *show);
#endif
