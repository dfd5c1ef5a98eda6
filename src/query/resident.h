/* SPDX-License-Identifier: Apache-2.0 */
/* resident.h -- from the cgroup's figure to the resident bytes of each heap's rows, for a
 * process or a snapshot.
 *
 *   cgroup → anon, file, shmem, kernel, sock;  anon → this process, the others
 *   RSS → mappings by owner → heaps → live, cached, free, the rest
 *
 * RSS is no part of the cgroup's figure: pages of files may be charged to others. Every level
 * has a row `unexplained`. */
#ifndef HW_QUERY_RESIDENT_H
#define HW_QUERY_RESIDENT_H
#include "query/reconcile.h"
#include "query/session.h"

/* Adds every level that the target knows; nothing for a core. with_blocks: the blocks of
 * all heaps are at hand, so that a heap's resident bytes can be split. False only when
 * reading them fails. */
bool hw_resident_query(struct hw_session *session, const struct hw_accounts *accounts,
		       bool with_blocks, struct hw_reconcile *chain, GError **error);

/* What the kernel counts; NULL for a core, or when the notes say why. */
struct hw_accounts *hw_resident_accounts(struct hw_session *session);

/* Pages of zeros inside huge pages: memory that the kernel gave and nobody wrote to, as far as
 * it shows. 0 without huge pages; HW_NOT_KNOWN when their contents were not read, or when it is
 * not known which they are. accounts may be NULL. */
uint64_t hw_resident_huge_waste(const struct hw_session *session,
				const struct hw_accounts *accounts);
#endif
