/* SPDX-License-Identifier: Apache-2.0 */
/* text.h -- a name in the making, in the caller's buffer. */
#ifndef GO_TEXT_H
#define GO_TEXT_H
#include <stdint.h>

struct go_text {
	char *buf;
	uint64_t size; /* Of buf, not 0. */
	uint64_t used; /* Without the NUL behind it. */
};

/* As much as there is room for. */
void go_text_add(struct go_text *text, const char *more);
#endif
