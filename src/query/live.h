/* SPDX-License-Identifier: Apache-2.0 */
/* live.h -- how the pipeline is opened over a process. Private to this stage. */
#ifndef HW_QUERY_LIVE_H
#define HW_QUERY_LIVE_H
#include "query/session.h"

/* session.c: memory, modules, threads and heaps over s->target. earlier: the memory of an
 * earlier target of the same process, or NULL; s->modules may be of that one. */
bool hw_session_build(struct hw_session *s, const struct hw_options *options,
		      struct hw_memory *earlier, GError **error);

/* live.c: stops pid as options->live says, and leaves s as if it were a file. */
bool hw_session_open_process(struct hw_session *s, int32_t pid, const struct hw_options *options,
			     GError **error);
#endif
