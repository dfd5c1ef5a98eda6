/* SPDX-License-Identifier: Apache-2.0 */
/* text.c -- strings put one behind the other. */
#include "text.h"
#include <stdio.h>

void go_text_add(struct go_text *text, const char *more)
{
	const uint64_t room = text->size - text->used;
	const int n = snprintf(text->buf + text->used, room, "%s", more);

	if (n > 0)
		text->used += (uint64_t)n < room ? (uint64_t)n : room - 1;
}
