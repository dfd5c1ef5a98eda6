/* SPDX-License-Identifier: Apache-2.0 */
/* `heapwalk snapshot`: what was written. */
#include "report/report.h"

void hw_report_snapshot(struct hw_answer *a, struct hw_session *session,
			const struct hw_snapshot_request *request,
			const struct hw_snapshot_result *result)
{
	g_autofree char *name = g_filename_display_name(request->name);
	g_autofree char *bytes = hw_answer_size(a, result->bytes);
	g_autofree char *zero = hw_answer_size(a, result->zero);

	hw_answer_target(a, session->target);
	hw_answer_field(a, "path", NULL, hw_text(name));
	if (a->is_json) {
		hw_answer_field(a, "bytes", NULL, hw_size(result->bytes));
		hw_answer_field(a, "zero", NULL, hw_size(result->zero));
		hw_answer_field(a, "size", NULL, hw_size(result->size));
		hw_answer_field(a, "compressed", NULL, hw_flag(request->is_packed));
		hw_answer_field(a, "content", NULL, hw_flag(!request->drops_content));
		hw_answer_field(a, "undropped", NULL,
				request->drops_content ? hw_size(result->undropped) : hw_null());
	}
	hw_answer_line(a, HW_TONE_PLAIN, "%s has %s of its pages; %s of zeros are holes.", name,
		       bytes, zero);
	if (request->drops_content && result->undropped) {
		g_autofree char *kept = hw_answer_size(a, result->undropped);

		hw_answer_line(a, HW_TONE_WARN,
			       "%s that no heap explains are in it as they were, and the data of "
			       "programs and libraries: look before you share it.",
			       kept);
	}
	hw_answer_completeness(a, &session->notes, false);
}
