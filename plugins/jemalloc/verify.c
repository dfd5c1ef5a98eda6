/* SPDX-License-Identifier: Apache-2.0 */
/* Every check the format allows. Most are made while the heap is read and added up: leaves
 * against extents, counts against bitmaps, extents against each other and against the
 * counters of their arena, pointers in thread caches against the regions they name. */
#include "jemalloc.h"

bool je_verify(void *handle, uint32_t heap)
{
	struct jemalloc *je = handle;
	struct copy *copy = copy_of(je, heap);

	if (!copy || !add_up(je, copy)) {
		je->host->fail(je->host->self, "stopped while adding up the slabs");
		return false;
	}
	return true;
}
