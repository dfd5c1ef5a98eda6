/* SPDX-License-Identifier: Apache-2.0 */
/* Checks beyond what the ledger makes: which chunks the bins and the flags disagree on,
 * the order of large bins, and the bin map. */
#include "ptmalloc.h"
#include <inttypes.h>

/* Free chunks by flag, as a bit set over one region: set by the walk, cleared by lists. */
struct diff {
	struct ptmalloc *pt;
	const struct libc *libc;
	const struct region *region;
	uint64_t *bits;
	uint64_t reported;
};

static bool set_free(void *arg, enum chunk_kind kind, hw_addr chunk, uint64_t size)
{
	struct diff *d = arg;
	uint64_t bit = (chunk - d->region->start) / ALIGNMENT;

	(void)size;
	if (kind == CHUNK_BINNED)
		d->bits[bit / 64] |= UINT64_C(1) << (bit % 64);
	return true;
}

static void clear_listed(void *arg, uint32_t bin, hw_addr chunk, uint64_t size)
{
	struct diff *d = arg;
	uint64_t bit;

	(void)size;
	if (chunk < d->region->start || chunk >= d->region->end)
		return;
	bit = (chunk - d->region->start) / ALIGNMENT;
	if ((d->bits[bit / 64] >> (bit % 64)) & 1)
		d->bits[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
	else
		d->pt->host->damage(d->pt->host->self, chunk,
				    "in bin %" PRIu32 ", but no free chunk by the walk", bin);
}

/* Names the chunks that are free by flag and in no bin, or the other way round. */
static bool diff_region(struct ptmalloc *pt, const struct libc *libc, const struct region *r)
{
	const struct hw_host *host = pt->host;
	uint64_t words = (r->end - r->start) / (ALIGNMENT * 64) + 1;
	struct diff d = {.pt = pt, .libc = libc, .region = r};
	struct bin_sum sum;

	d.bits = host->resize(host->self, NULL, 0, words, 8);
	if (!d.bits) {
		host->fail(host->self, "out of memory");
		return false;
	}
	walk_region(pt, libc, r, false, set_free, &d);
	walk_bins(pt, libc, r->arena, false, &sum, clear_listed, &d);
	for (uint64_t w = 0; w < words; w++)
		for (uint64_t left = d.bits[w]; left; left &= left - 1)
			host->damage(host->self,
				     r->start +
					 (w * 64 + (uint64_t)__builtin_ctzll(left)) * ALIGNMENT,
				     "free by the next chunk's flag, but in no bin");
	host->resize(host->self, d.bits, words, 0, 8);
	return true;
}

/* Large bins are sorted by size, largest first; a bin with chunks has its map bit
 * set (the other way round the bit is only cleared lazily). */
struct order {
	struct ptmalloc *pt;
	const struct libc *libc;
	uint32_t arena, bin;
	uint64_t size;
};

static void check_order(void *arg, uint32_t bin, hw_addr chunk, uint64_t size)
{
	struct order *o = arg;
	const struct hw_host *host = o->pt->host;

	if (bin != o->bin) {
		uint32_t map = 0;
		hw_addr word = o->libc->arenas[o->arena].addr + o->libc->state->bins +
			       BINS_TO_BINMAP + 4 * (hw_addr)(bin / 32);

		if (bin > 1 && read_u32(host, word, &map) && !((map >> (bin % 32)) & 1))
			host->damage(host->self, word,
				     "bin %" PRIu32 " has chunks, its bit in the bin map is clear",
				     bin);
	} else if (bin >= 64 && size > o->size) {
		host->damage(host->self, chunk, "large bin %" PRIu32 " is not sorted", bin);
	}
	o->bin = bin;
	o->size = size;
}

bool pt_verify(void *handle, uint32_t heap)
{
	struct ptmalloc *pt = handle;
	struct libc *libc = libc_of(pt, heap);

	if (!libc || !add_up(pt, libc)) {
		pt->host->fail(pt->host->self, "stopped while adding up the chunks");
		return false;
	}
	for (uint32_t a = 0; a < libc->arena_count; a++) {
		struct order o = {.pt = pt, .libc = libc, .arena = a};
		struct bin_sum sum;

		walk_bins(pt, libc, a, false, &sum, check_order, &o);
	}
	for (uint64_t i = 0; i < libc->region_count; i++)
		if (!diff_region(pt, libc, &libc->regions[i]))
			return false;
	return true;
}
