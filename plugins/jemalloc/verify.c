/* SPDX-License-Identifier: Apache-2.0 */
/* Every check the format allows. Most are made while the heap is read and added up: leaves
 * against extents, counts against bitmaps, extents against each other and against the
 * counters of their arena, pointers in thread caches against the regions they name. */
#include "jemalloc.h"
#include <inttypes.h>

/* Every bin takes regions from one slab first: bin.h. With several shards per bin these are
 * not all bins, but bins all the same. */
static void check_bins(struct jemalloc *je, const struct copy *copy, const struct arena *a)
{
	const struct version_layout *v = copy->version;

	for (uint32_t i = 0; i < SC_NBINS; i++) {
		hw_addr bin = a->addr + v->arena_bins + (uint64_t)i * v->bin_size;
		uint64_t slab = 0, addr = 0;
		const struct extent *e;

		if (v->bin_is_pointer &&
		    !read_word(je, a->addr + v->arena_bins + 8 * (uint64_t)i, &bin))
			continue;
		if (!read_word(je, bin + v->bin_slabcur, &slab) || !slab)
			continue;
		e = read_word(je, slab + EDATA_ADDR, &addr) ? extent_find(copy, addr) : NULL;
		if (!e || e->edata != slab || e->kind != KIND_SLAB || e->arena != a->index)
			je->host->damage(je->host->self, bin,
					 "bin %" PRIu32 " of arena %" PRIu32
					 " takes regions from no slab of its arena",
					 i, a->index);
	}
}

bool je_verify(void *handle, uint32_t heap)
{
	struct jemalloc *je = handle;
	struct copy *copy = copy_of(je, heap);

	if (!copy || !add_up(je, copy)) {
		je->host->fail(je->host->self, "stopped while adding up the slabs");
		return false;
	}
	for (uint64_t i = 0; copy->version && i < copy->arena_count; i++)
		check_bins(je, copy, &copy->arenas[i]);
	return true;
}
