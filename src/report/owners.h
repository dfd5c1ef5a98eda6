/* SPDX-License-Identifier: Apache-2.0 */
/* owners.h -- the address space by owner, shared by summary and maps. */
#ifndef HW_REPORT_OWNERS_H
#define HW_REPORT_OWNERS_H
#include "query/maps.h"
#include "report/answer.h"

/* JSON: the list `owners`. Text: a table with bars. */
void hw_owners(struct hw_answer *answer, const struct hw_maps *maps);

/* "rw-" into buf (4 bytes); returns buf. */
const char *hw_owners_perm(char *buf, uint32_t perm);
#endif
