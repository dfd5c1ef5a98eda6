/* SPDX-License-Identifier: Apache-2.0 */
/* unpack.h -- a compressed core (gzip, zstd, xz, lz4, bzip2) becomes a spool file that can be
 * mapped. Private to this stage. */
#ifndef HW_TARGET_UNPACK_H
#define HW_TARGET_UNPACK_H
#include "base/notes.h"
#include "target/spool.h"

/* "gzip", "zstd", …, or NULL: not packed. Looks at the first bytes. */
const char *hw_unpack_format(const void *bytes, uint64_t size);

/* Unpacks all of fd (from its start) into spool, which is opened here. A file that ends or
 * breaks in the middle gives what came before: *is_cut_ret is true then and the notes say
 * where and why. False on error (disk short, nothing could be unpacked, interrupted). */
bool hw_unpack(int fd, const char *name, const char *spool_dir, struct hw_spool *spool,
	       struct hw_notes *notes, bool *is_cut_ret, GError **error);
#endif
