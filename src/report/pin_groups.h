/* SPDX-License-Identifier: Apache-2.0 */
/* pin_groups.h -- how groups of pins and allocation sites are shown. */
#ifndef HW_REPORT_PIN_GROUPS_H
#define HW_REPORT_PIN_GROUPS_H
#include "query/pin_groups.h"
#include "report/answer.h"

/* A list of calls, or null for NULL. */
void hw_report_pin_site(struct hw_answer *answer, const char *key, const GArray *calls);
/* `by` and `groups`. */
void hw_report_pin_groups_json(struct hw_answer *answer, struct hw_session *session,
			       const struct hw_pin_groups *groups, uint32_t limit);
void hw_report_pin_groups_text(struct hw_answer *answer, struct hw_session *session,
			       const struct hw_pin_groups *groups, uint32_t limit);
/* JSON: the object "guessed". */
void hw_report_pins_guessed_json(struct hw_answer *a, const struct hw_pins_guessed *guessed);
#endif
