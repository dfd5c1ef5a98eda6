/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.h -- a process that was read becomes a file. */
#ifndef HW_QUERY_SNAPSHOT_H
#define HW_QUERY_SNAPSHOT_H
#include "query/session.h"
#include "target/snapshot.h"

struct hw_snapshot_request {
	int fd;
	const char *name;
	bool is_packed;
	/* Of live blocks and stacks only words that are addresses of the process; of others
	 * what their allocator keeps there. Module data and what heaps do not claim stay. */
	bool drops_content;
};

bool hw_snapshot_query(struct hw_session *session, const struct hw_snapshot_request *request,
		       struct hw_snapshot_result *ret, GError **error);
#endif
