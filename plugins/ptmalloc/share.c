/* SPDX-License-Identifier: Apache-2.0 */
/* Shares out what the scan found. Pieces of main heaps and mmapped chunks do not say which
 * copy of libc they belong to; pointers, sums and counts do. */
#include "ptmalloc.h"
#include <inttypes.h>
#include <stdlib.h>

#define SUBSET_MAX 20 /* Pieces or chunks that are shared out by trying. */

static uint64_t piece_size(const struct libc *libc, const struct region *r)
{
	hw_addr base = libc->par.addr ? libc->par.sbrk_base : 0;

	return r->end - (base && ((base + ALIGNMENT - 1) & ~(hw_addr)(ALIGNMENT - 1)) == r->start
			     ? base
			     : r->start);
}

static uint64_t deficit(const struct libc *libc)
{
	uint64_t have = 0;

	for (uint64_t i = 0; i < libc->region_count; i++)
		if (libc->regions[i].arena == 0)
			have += piece_size(libc, &libc->regions[i]);
	return have < libc->arenas[0].system_mem ? libc->arenas[0].system_mem - have : 0;
}

static bool give_piece(struct ptmalloc *pt, struct libc *libc, uint64_t index)
{
	if (!grow(pt, (void **)&libc->regions, &libc->region_room, libc->region_count,
		  sizeof(struct region)))
		return false;
	libc->regions[libc->region_count] = pt->loose[index];
	libc->regions[libc->region_count++].arena = 0;
	pt->loose[index] = pt->loose[--pt->loose_count];
	return true;
}

/* Does the arena itself point into the piece: top, a bin's first or last chunk, a
 * fastbin, sbrk_base? */
static bool points_into(const struct ptmalloc *pt, const struct libc *libc, const struct region *r)
{
	const struct arena *a = &libc->arenas[0];
	hw_addr bins = a->addr + libc->state->bins;
	uint64_t word;

	if (a->top >= r->start && a->top < r->end)
		return true;
	if (libc->par.addr && libc->par.sbrk_base >= (r->start & ~(hw_addr)(PAGE - 1)) &&
	    libc->par.sbrk_base < r->end)
		return true;
	for (uint32_t i = 0; i < 2 * (BIN_HEADS - 1); i++)
		if (read_word(pt->host, bins + 8 * (hw_addr)i, &word) && word >= r->start &&
		    word < r->end)
			return true;
	for (uint32_t i = 0; libc->state->fastbins && i < NFASTBINS; i++)
		if (read_word(pt->host, a->addr + libc->state->fastbins + 8 * (hw_addr)i, &word) &&
		    word >= r->start && word < r->end)
			return true;
	return false;
}

static uint64_t loose_at(const struct ptmalloc *pt, hw_addr addr)
{
	uint64_t i = 0;

	while (i < pt->loose_count && (addr < pt->loose[i].start || addr >= pt->loose[i].end))
		i++;
	return i;
}

static bool in_main(const struct libc *libc, hw_addr addr)
{
	for (uint64_t i = 0; i < libc->region_count; i++)
		if (libc->regions[i].arena == 0 && addr >= libc->regions[i].start &&
		    addr < libc->regions[i].end)
			return true;
	return false;
}

/* Follows one bin's list; the pieces it leads through belong to its arena. */
static bool give_listed(struct ptmalloc *pt, struct libc *libc, uint32_t bin, uint64_t *left)
{
	hw_addr head = libc->arenas[0].addr + libc->state->bins + 16 * (hw_addr)bin - 16, chunk;

	if (!read_word(pt->host, head + 16, &chunk))
		return true;
	while (chunk != head && pt->loose_count && *left) {
		uint64_t index = loose_at(pt, chunk);

		if (index < pt->loose_count) {
			if (!give_piece(pt, libc, index))
				return false;
		} else if (!in_main(libc, chunk)) {
			break;
		}
		--*left;
		if (!read_word(pt->host, chunk + 16, &chunk))
			break;
	}
	return true;
}

/* What an arena's free lists lead through is its own. */
static bool share_by_lists(struct ptmalloc *pt)
{
	for (uint64_t l = 0; l < pt->count; l++) {
		uint64_t left = 0;

		if (!is_open(&pt->libcs[l]))
			continue;
		for (uint64_t i = 0; i < pt->loose_count; i++)
			left += (pt->loose[i].end - pt->loose[i].start) / MINSIZE;
		left += pt->libcs[l].arenas[0].system_mem / MINSIZE;
		for (uint32_t bin = 0; bin < BIN_HEADS - 1; bin++)
			if (!give_listed(pt, &pt->libcs[l], bin, &left))
				return false;
	}
	return true;
}

/* The one subset of the loose pieces that makes up an arena's deficit; false: none, or
 * several. */
static bool subset_closes(const struct ptmalloc *pt, const struct libc *libc, uint64_t *mask_ret)
{
	uint64_t ways = 0, want = deficit(libc);

	if (pt->loose_count > SUBSET_MAX || !want)
		return false;
	for (uint64_t mask = 1; mask < UINT64_C(1) << pt->loose_count; mask++) {
		uint64_t bytes = 0;

		for (uint64_t i = 0; i < pt->loose_count; i++)
			bytes += (mask >> i) & 1 ? piece_size(libc, &pt->loose[i]) : 0;
		if (bytes != want)
			continue;
		*mask_ret = mask;
		ways++;
	}
	return ways == 1;
}

/* Pieces go to the arena that points into them; what is left, to the one that it alone
 * closes. */
bool share_pieces(struct ptmalloc *pt)
{
	uint64_t mask = 0;

	for (uint64_t l = 0; l < pt->count; l++)
		for (uint64_t i = 0; is_open(&pt->libcs[l]) && i < pt->loose_count;)
			if (!points_into(pt, &pt->libcs[l], &pt->loose[i]))
				i++;
			else if (!give_piece(pt, &pt->libcs[l], i))
				return false;
	if (!share_by_lists(pt))
		return false;
	for (uint64_t l = 0; l < pt->count; l++) {
		struct libc *libc = &pt->libcs[l];
		uint64_t left = 0;

		if (!is_open(libc) || !deficit(libc))
			continue;
		for (uint64_t i = 0; i < pt->loose_count; i++)
			left += piece_size(libc, &pt->loose[i]);
		if (left == deficit(libc))
			mask = UINT64_MAX;
		else if (!subset_closes(pt, libc, &mask))
			continue;
		for (uint64_t i = pt->loose_count; i-- > 0;)
			if ((i > 63 || (mask >> i) & 1) && !give_piece(pt, libc, i))
				return false;
	}
	return true;
}

void close_arenas(struct ptmalloc *pt)
{
	const struct hw_host *host = pt->host;

	for (uint64_t l = 0; l < pt->count; l++) {
		struct libc *libc = &pt->libcs[l];
		struct arena *a = &libc->arenas[0];
		uint64_t have = 0;

		if (!is_open(libc))
			continue;
		sort_regions(libc);
		for (uint64_t i = 0; i < libc->region_count; i++)
			if (libc->regions[i].arena == 0)
				have += piece_size(libc, &libc->regions[i]);
		a->is_closed = have == a->system_mem;
		if (a->is_closed)
			continue;
		libc->is_exact = false;
		host->warn(host->self, "main-heap-not-closed", true,
			   "main arena 0x%" PRIx64 ": %" PRIu64 " of the %" PRIu64
			   " bytes of its heap were found; the rest is unknown",
			   a->addr, have, a->system_mem);
	}
}

static int compare_mmapped(const void *a, const void *b)
{
	const struct mmapped *x = a, *y = b;

	return x->base < y->base ? -1 : x->base > y->base;
}

static bool give_mmapped(struct ptmalloc *pt, struct libc *libc, uint64_t mask, bool all)
{
	for (uint64_t i = 0; i < pt->found_count; i++) {
		if (!all && !((mask >> i) & 1))
			continue;
		if (!grow(pt, (void **)&libc->mmapped, &libc->mmapped_room, libc->mmapped_count,
			  sizeof(struct mmapped)))
			return false;
		libc->mmapped[libc->mmapped_count++] = pt->found[i];
	}
	if (libc->mmapped_count)
		qsort(libc->mmapped, libc->mmapped_count, sizeof(struct mmapped), compare_mmapped);
	return true;
}

/* The one way to split the found chunks between two libcs that agrees with both their
 * counts and sums; 0 or several: false. */
static bool split_two(const struct ptmalloc *pt, const struct libc *a, uint64_t *mask_ret)
{
	uint64_t ways = 0;

	if (pt->found_count > SUBSET_MAX)
		return false;
	for (uint64_t mask = 0; mask < UINT64_C(1) << pt->found_count; mask++) {
		uint64_t bytes = 0;

		if ((uint64_t)__builtin_popcountll(mask) != a->par.n_mmaps)
			continue;
		for (uint64_t i = 0; i < pt->found_count; i++)
			bytes += (mask >> i) & 1 ? pt->found[i].length : 0;
		if (bytes != a->par.mmapped_mem)
			continue;
		*mask_ret = mask;
		ways++;
	}
	return ways == 1;
}

/* Does the chunk end where its mapping does, or where other heap memory begins? */
static bool ends_cleanly(const struct ptmalloc *pt, const struct mmapped *m)
{
	struct hw_range r = {.struct_size = sizeof(r)};
	hw_addr end = m->base + m->length;

	if (!pt->host->range(pt->host->self, end - 1, &r) || r.end == end || known_end(pt, end))
		return true;
	for (uint64_t i = 0; i < pt->found_count; i++)
		if (pt->found[i].base == end)
			return true;
	return false;
}

/* Are these all the chunks that mp_ counts? 2.43's mremap_chunk() adds new_size - size -
 * offset to mmapped_mem, which leaves CHUNK_HDR_SZ out: each resize that moves adds 16 too
 * many, for good. A surplus of a page and more might also be a wrong length: then every
 * chunk must end where something ends. */
bool adds_up(const struct ptmalloc *pt, uint64_t want, uint64_t want_bytes)
{
	uint64_t bytes = 0;
	bool is_new = true, clean = true;

	for (uint64_t i = 0; i < pt->found_count; i++)
		bytes += pt->found[i].length;
	for (uint64_t l = 0; l < pt->count; l++)
		is_new = is_new && pt->libcs[l].state->bins == 24;
	if (want != pt->found_count || want_bytes == bytes)
		return want == pt->found_count;
	if (!is_new || want_bytes < bytes || (want_bytes - bytes) % CHUNK_HDR)
		return false;
	for (uint64_t i = 0; want_bytes - bytes >= PAGE && clean && i < pt->found_count; i++)
		clean = ends_cleanly(pt, &pt->found[i]);
	return clean;
}

/* mmapped chunks carry no owner: mp_ of each libc says how many are its own. */
bool share_mmapped(struct ptmalloc *pt, uint64_t want, uint64_t want_bytes, bool known)
{
	const struct hw_host *host = pt->host;
	struct libc *first = NULL, *second = NULL;
	uint64_t users = 0, bytes = 0, mask = 0;

	for (uint64_t i = 0; i < pt->found_count; i++)
		bytes += pt->found[i].length;
	for (uint64_t l = 0; l < pt->count; l++) {
		if (pt->libcs[l].par.addr && !pt->libcs[l].par.n_mmaps)
			continue;
		users++;
		second = first ? (second ? second : &pt->libcs[l]) : NULL;
		first = first ? first : &pt->libcs[l];
	}
	if (!first)
		first = &pt->libcs[0];
	if (!known || !adds_up(pt, want, want_bytes)) {
		for (uint64_t l = 0; l < pt->count; l++)
			pt->libcs[l].is_exact = false;
		if (known)
			host->warn(host->self, "mmapped-mismatch", true,
				   "%" PRIu64 " mmapped chunks of %" PRIu64
				   " bytes were found, mp_ counts %" PRIu64 " of %" PRIu64,
				   pt->found_count, bytes, want, want_bytes);
		else
			host->warn(
			    host->self, "params-not-found", true,
			    "mp_ was not found: whether all mmapped chunks were is not known");
	} else if (users == 2 && split_two(pt, first, &mask)) {
		return give_mmapped(pt, first, mask, false) &&
		       give_mmapped(pt, second, ~mask, false);
	} else if (users > 1) {
		for (uint64_t l = 0; l < pt->count; l++)
			pt->libcs[l].is_exact = false;
		host->warn(
		    host->self, "mmapped-shared", false,
		    "several copies of libc have mmapped chunks, which do not tell their owner: "
		    "all are counted with %s",
		    first->name);
	}
	return give_mmapped(pt, first, 0, true);
}
