/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot_notes.h -- the notes of a snapshot, made. Private to this stage. */
#ifndef HW_TARGET_SNAPSHOT_NOTES_H
#define HW_TARGET_SNAPSHOT_NOTES_H
#include "target/target.h"

/* All of them. Free with g_byte_array_unref(). */
GByteArray *hw_snapshot_notes(const struct hw_target *target, bool is_bare,
			      const struct hw_notes *notes);
#endif
