/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.h -- a heap's ledger, shared by summary and heaps. */
#ifndef HW_REPORT_LEDGER_H
#define HW_REPORT_LEDGER_H
#include "query/session.h"
#include "report/answer.h"

/* struct hw_heap *, by mapped bytes descending, then by id. Needs the ledgers. */
GPtrArray *hw_ledger_sort_heaps(struct hw_session *session);

/* JSON only: `heaps`, a list with every heap, its ledger and its arenas. */
void hw_ledger_json(struct hw_answer *answer, const GPtrArray *heaps);

/* Text only: that no heap was found, in words that claim no more than is known. */
void hw_ledger_none(struct hw_answer *answer, const struct hw_session *session);

/* Text only: a heading and the rows that are not 0, with bars. */
void hw_ledger_text(struct hw_answer *answer, const struct hw_heap *heap);

/* Text only: up to limit arenas, the largest first. */
void hw_ledger_arenas(struct hw_answer *answer, const struct hw_heap *heap, guint limit);
#endif
