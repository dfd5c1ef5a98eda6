/* SPDX-License-Identifier: Apache-2.0 */
/* Page slabs of the huge page allocator (5.3, opt.hpa): 2 MiB each, with two bitmaps in an
 * hpdata_t that say which pages are in use and which were touched. The tree has only the
 * extents in use; what is left of a page slab is known from the bitmaps alone.
 *
 * Extents in use name their hpdata (e_ps). Page slabs without any are found by looking at
 * every place of the metadata where an hpdata could be: its counts must be those of its
 * bitmaps. */
#include "jemalloc.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BOOLS ((uint64_t)0xfefefefefe)

/* The longest run of clear bits: hpdata.c keeps it up to date. */
static uint32_t longest_free(const uint64_t bitmap[8])
{
	uint32_t run = 0, longest = 0;

	for (uint32_t i = 0; i < HUGEPAGE_PAGES; i++) {
		run = bitmap_is_free(bitmap, i) ? 0 : run + 1;
		if (run > longest)
			longest = run;
	}
	return longest;
}

static bool read_hpdata(struct jemalloc *je, hw_addr addr, struct pageslab *ret)
{
	uint8_t buf[HPDATA_SIZE];
	const uint8_t *p = view(je, addr, sizeof(buf), buf);
	struct pageslab s = {.hpdata = addr, .arena = NONE};

	if (!p)
		return false;
	s.addr = word_at(p + HPDATA_ADDRESS);
	if (!s.addr || s.addr % HUGEPAGE || s.addr >> 47 || (word_at(p + HPDATA_HUGE) & BOOLS) ||
	    (word_at(p + 32) & BOOLS) || word_at(p + HPDATA_NACTIVE) > HUGEPAGE_PAGES ||
	    word_at(p + HPDATA_NTOUCHED) > HUGEPAGE_PAGES)
		return false;
	s.nactive = (uint32_t)word_at(p + HPDATA_NACTIVE);
	s.ntouched = (uint32_t)word_at(p + HPDATA_NTOUCHED);
	s.is_huge = p[HPDATA_HUGE];
	memcpy(s.active, p + HPDATA_ACTIVE, sizeof(s.active));
	memcpy(s.touched, p + HPDATA_TOUCHED, sizeof(s.touched));
	for (int i = 0; i < 8; i++)
		if (s.active[i] & ~s.touched[i])
			return false;
	if (bitmap_count(s.active, HUGEPAGE_PAGES) != s.nactive ||
	    bitmap_count(s.touched, HUGEPAGE_PAGES) != s.ntouched ||
	    word_at(p + HPDATA_LONGEST) != longest_free(s.active))
		return false;
	*ret = s;
	return true;
}

static bool add_pageslab(struct jemalloc *je, struct copy *copy, const struct pageslab *s)
{
	if (!GROW(je, copy->pageslabs, copy->pageslab_room, copy->pageslab_count))
		return false;
	copy->pageslabs[copy->pageslab_count++] = *s;
	return true;
}

/* Is [start, end) mapped, and no extent of another kind in it? */
static bool is_free_range(struct jemalloc *je, const struct copy *copy, hw_addr start, hw_addr end)
{
	const struct hw_host *host = je->host;
	struct hw_range r = {.struct_size = sizeof(r)};

	for (hw_addr at = start; at < end; at = r.end)
		if (!host->range(host->self, at, &r) || r.start > at || r.end <= at)
			return false;
	for (uint64_t i = 0; i < je->block_count; i++)
		if (je->blocks[i].addr < end && start < je->blocks[i].addr + je->blocks[i].size)
			return false;
	for (hw_addr at = start; at < end; at += HUGEPAGE) {
		const struct extent *e = extent_find(copy, at);

		if (e && !e->is_hpa)
			return false;
	}
	return true;
}

/* Every place of this copy's metadata that reads as an hpdata_t. */
static bool scan_block(struct jemalloc *je, struct copy *copy, const struct base_block *b)
{
	const struct hw_host *host = je->host;
	hw_addr from = b->addr + BASE_AT, start, end;

	while (from < b->used && host->data(host->self, from, b->used, &start, &end)) {
		for (hw_addr at = (start + CACHELINE - 1) & ~(hw_addr)(CACHELINE - 1);
		     at + HPDATA_SIZE <= end; at += CACHELINE) {
			struct pageslab s;
			uint64_t word;

			if (!read_word(je, at, &word) || !word || word % HUGEPAGE || word >> 47)
				continue;
			if (read_hpdata(je, at, &s) &&
			    is_free_range(je, copy, s.addr, s.addr + HUGEPAGE) &&
			    !add_pageslab(je, copy, &s))
				return false;
		}
		if (host->stopped(host->self))
			return false;
		from = end;
	}
	return true;
}

static int compare_pageslabs(const void *a, const void *b)
{
	const struct pageslab *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static struct pageslab *pageslab_of(const struct copy *copy, hw_addr addr)
{
	struct pageslab key = {.addr = addr & ~(HUGEPAGE - 1)};

	if (!copy->pageslab_count)
		return NULL;
	return bsearch(&key, copy->pageslabs, copy->pageslab_count, sizeof(key), compare_pageslabs);
}

static void drop_twins(struct jemalloc *je, struct copy *copy)
{
	uint64_t kept = 0;

	if (copy->pageslab_count)
		qsort(copy->pageslabs, copy->pageslab_count, sizeof(*copy->pageslabs),
		      compare_pageslabs);
	for (uint64_t i = 0; i < copy->pageslab_count; i++) {
		if (kept && copy->pageslabs[kept - 1].addr == copy->pageslabs[i].addr) {
			copy->is_exact = false;
			je->host->damage(je->host->self, copy->pageslabs[i].hpdata,
					 "two page slabs at 0x%" PRIx64, copy->pageslabs[i].addr);
			continue;
		}
		copy->pageslabs[kept++] = copy->pageslabs[i];
	}
	copy->pageslab_count = kept;
}

/* Extents in use against the page slab they name. */
static void count_extents(struct jemalloc *je, struct copy *copy)
{
	const struct hw_host *host = je->host;
	uint64_t lost = 0, bytes = 0;

	for (uint64_t i = 0; i < copy->extent_count; i++) {
		const struct extent *e = &copy->extents[i];
		struct pageslab *s;
		uint64_t ps = 0;

		if (!e->is_hpa)
			continue;
		s = pageslab_of(copy, e->addr);
		if (!s || !read_word(je, e->edata + EDATA_PS, &ps) || ps != s->hpdata ||
		    e->addr + e->size > s->addr + HUGEPAGE) {
			lost++;
			bytes += e->size;
			continue;
		}
		s->arena = e->arena;
		s->used_pages += (uint32_t)(e->size / PAGE);
	}
	if (!lost)
		return;
	copy->is_exact = false;
	host->warn(host->self, "hpa-pageslabs", true,
		   "%" PRIu64 " extents of %" PRIu64
		   " bytes lie in page slabs whose hpdata was not found: free pages beside them "
		   "are not accounted for",
		   lost, bytes);
}

static void check_pageslabs(struct jemalloc *je, struct copy *copy)
{
	for (uint64_t i = 0; i < copy->pageslab_count; i++) {
		const struct pageslab *s = &copy->pageslabs[i];

		if (s->used_pages == s->nactive)
			continue;
		copy->is_exact = false;
		je->host->damage(je->host->self, s->hpdata,
				 "the page slab at 0x%" PRIx64 " has %" PRIu32
				 " active pages, extents use %" PRIu32 " of it",
				 s->addr, s->nactive, s->used_pages);
	}
}

/* What the HPA mapped and no page slab was cut from yet: one for all arenas. */
static void find_eden(struct jemalloc *je, struct copy *copy)
{
	for (uint64_t i = 0; i < copy->arena_count; i++) {
		const struct arena *a = &copy->arenas[i];

		if (!a->hpa_eden || a->hpa_eden % HUGEPAGE || !a->hpa_eden_size ||
		    a->hpa_eden_size % HUGEPAGE || a->hpa_eden_size > UINT64_C(1) << 32 ||
		    !is_free_range(je, copy, a->hpa_eden, a->hpa_eden + a->hpa_eden_size))
			continue;
		for (hw_addr at = a->hpa_eden; at < a->hpa_eden + a->hpa_eden_size; at += HUGEPAGE)
			if (pageslab_of(copy, at))
				return;
		copy->eden = a->hpa_eden;
		copy->eden_size = a->hpa_eden_size;
		return;
	}
}

bool find_pageslabs(struct jemalloc *je, struct copy *copy)
{
	uint32_t number = (uint32_t)(copy - je->copies);
	bool used = false;

	if (copy->layout->pai == NO_BIT)
		return true;
	for (uint64_t i = 0; i < copy->extent_count && !used; i++)
		used = copy->extents[i].is_hpa;
	for (uint64_t i = 0; i < copy->arena_count && !used; i++)
		used = copy->arenas[i].hpa_eden != 0;
	if (!used)
		return true;
	for (uint64_t i = 0; i < je->block_count; i++)
		if (je->blocks[i].copy == number && !scan_block(je, copy, &je->blocks[i]))
			return false;
	drop_twins(je, copy);
	count_extents(je, copy);
	check_pageslabs(je, copy);
	find_eden(je, copy);
	return true;
}
