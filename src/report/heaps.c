/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk heaps`: each heap's ledger, then its arenas. */
#include "report/ledger.h"
#include "report/report.h"

#define ARENAS_SHOWN 20

void hw_report_heaps(struct hw_answer *a, struct hw_session *session, bool all)
{
	g_autoptr(GPtrArray) heaps = hw_ledger_sort_heaps(session);

	hw_answer_target(a, session->target);
	hw_ledger_json(a, heaps);
	if (!heaps->len)
		hw_ledger_none(a, session);
	for (guint i = 0; i < heaps->len; i++) {
		const struct hw_heap *heap = heaps->pdata[i];

		hw_ledger_text(a, heap);
		if (*heap->how)
			hw_answer_line(a, HW_TONE_DIM, "  found by %s", heap->how);
		hw_ledger_arenas(a, heap, all ? G_MAXUINT : ARENAS_SHOWN);
	}
	hw_answer_completeness(a, &session->notes, false);
}
