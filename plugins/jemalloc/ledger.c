/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger: what extents, base blocks and page slabs add up to, split into rows that sum
 * to what is mapped. */
#include "jemalloc.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct copy *copy_of(struct jemalloc *je, uint32_t heap)
{
	for (uint64_t i = 0; i < je->count; i++)
		if (je->copies[i].heap == heap)
			return &je->copies[i];
	return NULL;
}

struct arena *arena_of(const struct copy *copy, uint32_t index)
{
	for (uint64_t i = 0; i < copy->arena_count; i++)
		if (copy->arenas[i].index == index)
			return &copy->arenas[i];
	return NULL;
}

bool has_statistics(const struct copy *copy)
{
	for (uint64_t i = 0; i < copy->arena_count; i++)
		if (copy->arenas[i].base_mapped)
			return true;
	return copy->arena_count == 0;
}

static struct arena_totals *totals_of(struct jemalloc *je, struct copy *copy, uint32_t arena)
{
	for (uint64_t i = 0; i < copy->total_count; i++)
		if (copy->totals[i].arena == arena)
			return &copy->totals[i];
	if (!GROW(je, copy->totals, copy->total_room, copy->total_count))
		return NULL;
	copy->totals[copy->total_count] = (struct arena_totals){.arena = arena};
	return &copy->totals[copy->total_count++];
}

static int compare_totals(const void *a, const void *b)
{
	const struct arena_totals *x = a, *y = b;

	return x->arena < y->arena ? -1 : x->arena > y->arena;
}

/* Every arena that has anything, ascending. */
static bool make_totals(struct jemalloc *je, struct copy *copy)
{
	uint32_t number = (uint32_t)(copy - je->copies), last = NONE - 1;

	for (uint64_t i = 0; i < copy->arena_count; i++)
		if (!totals_of(je, copy, copy->arenas[i].index))
			return false;
	for (uint64_t i = 0; i < copy->extent_count; i++) {
		if (copy->extents[i].arena != last && !totals_of(je, copy, copy->extents[i].arena))
			return false;
		last = copy->extents[i].arena;
	}
	for (uint64_t i = 0; i < je->block_count; i++)
		if (je->blocks[i].copy == number && !totals_of(je, copy, je->blocks[i].arena))
			return false;
	for (uint64_t i = 0; i < copy->pageslab_count; i++)
		if (!totals_of(je, copy, copy->pageslabs[i].arena))
			return false;
	if (copy->eden_size && !totals_of(je, copy, NONE))
		return false;
	if (copy->total_count)
		qsort(copy->totals, copy->total_count, sizeof(*copy->totals), compare_totals);
	return true;
}

static void add_slab(struct jemalloc *je, struct copy *copy, struct extent *e,
		     struct arena_totals *t)
{
	const struct hw_host *host = je->host;
	struct bin_totals *b = &t->bins[e->szind];
	uint32_t nfree = (uint32_t)(e->bits >> copy->layout->nfree & 1023);
	uint64_t bitmap[8];

	if (!slab_bitmap(je, e, bitmap)) {
		copy->is_exact = false;
		host->damage(host->self, e->edata,
			     "the bitmap of the slab at 0x%" PRIx64 " is not in the target",
			     e->addr);
		e->kind = KIND_UNKNOWN;
		t->bytes[KIND_UNKNOWN] += e->size;
		t->extents[KIND_UNKNOWN]++;
		return;
	}
	e->nfree = (uint16_t)bitmap_count(bitmap, e->nregs);
	if (e->nfree != nfree) {
		copy->is_exact = false;
		host->damage(host->self, e->edata,
			     "the slab at 0x%" PRIx64 " counts %" PRIu32
			     " free regions, its bitmap has %u",
			     e->addr, nfree, e->nfree);
	}
	t->bytes[KIND_SLAB] += e->size;
	t->extents[KIND_SLAB]++;
	b->slabs++;
	b->slab_bytes += e->size;
	b->nonfull += e->nfree != 0;
	b->regions += e->nregs;
	b->free += e->nfree;
	b->cached += e->cached;
	b->internal += e->internals;
}

static void add_large(const struct copy *copy, const struct extent *e, struct arena_totals *t)
{
	struct large_totals *l = &t->large[e->szind];
	uint64_t usable = usable_size(copy, e);

	t->bytes[KIND_LARGE] += e->size;
	t->extents[KIND_LARGE]++;
	if (e->is_sampled) {
		uint64_t bumped = e->size - copy->pad;

		/* 5.3.1 leaves those below the smallest large class out. */
		l->promoted +=
		    (int64_t)(bumped >= SC_LARGE_MINCLASS ? bumped : 0) - (int64_t)usable;
	}
	if (e->cached) {
		l->cached++;
		l->cached_bytes += usable;
	} else if (e->internals) {
		l->internal++;
		l->internal_bytes += usable;
	} else {
		l->live++;
		l->live_bytes += usable;
	}
}

static void add_blocks(struct jemalloc *je, struct copy *copy)
{
	uint32_t number = (uint32_t)(copy - je->copies);

	for (uint64_t i = 0; i < je->block_count; i++) {
		const struct base_block *b = &je->blocks[i];
		struct arena_totals *t;

		if (b->copy != number)
			continue;
		t = totals_of(je, copy, b->arena);
		t->base_size += b->size;
		t->base_used += b->used - b->addr;
	}
	for (uint64_t i = 0; i < copy->pageslab_count; i++) {
		const struct pageslab *p = &copy->pageslabs[i];
		struct arena_totals *t = totals_of(je, copy, p->arena);

		t->pageslabs++;
		if (p->used_pages == p->nactive) {
			t->ps_dirty += (p->ntouched - p->nactive) * PAGE;
			t->ps_clean += (HUGEPAGE_PAGES - p->ntouched) * PAGE;
		} else if (p->used_pages <= HUGEPAGE_PAGES) {
			t->ps_unknown += (HUGEPAGE_PAGES - p->used_pages) * PAGE;
		}
	}
	if (copy->eden_size)
		totals_of(je, copy, NONE)->eden = copy->eden_size;
}

static void check_count(struct jemalloc *je, struct copy *copy, const struct arena *a,
			const char *what, uint64_t counted, uint64_t found)
{
	if (counted == found)
		return;
	copy->is_exact = false;
	je->host->damage(je->host->self, a->addr,
			 "arena %" PRIu32 " counts %" PRIu64 " %s, %" PRIu64 " were found%s",
			 a->index, counted, what, found,
			 a->locked ? " (a thread was inside malloc)" : "");
}

/* Counters that nothing found equals, but that bound each other. */
static void check_counters(struct jemalloc *je, struct copy *copy, struct arena *a,
			   const struct arena_totals *t)
{
	uint64_t active = t->bytes[KIND_SLAB] + t->bytes[KIND_LARGE] + t->bytes[KIND_UNKNOWN];

	if (a->base_allocated <= t->base_used && a->base_resident <= t->base_size &&
	    a->base_allocated <= a->base_resident && a->internal <= active)
		return;
	copy->is_exact = false;
	je->host->damage(je->host->self, a->base,
			 "arena %" PRIu32 " counts %" PRIu64 " bytes of metadata, %" PRIu64
			 " of it resident, and %" PRIu64
			 " of its own allocations: more than there is",
			 a->index, a->base_allocated, a->base_resident, a->internal);
	a->base_allocated = a->base_resident = t->base_used;
	a->internal = 0;
}

/* What an arena counts itself must be what was found. */
static void check_arenas(struct jemalloc *je, struct copy *copy)
{
	uint64_t pageslabs = 0;

	for (uint64_t i = 0; i < copy->arena_count; i++) {
		const struct arena *a = &copy->arenas[i];
		const struct arena_totals *t = totals_of(je, copy, a->index);

		pageslabs += a->npageslabs;
		if (has_statistics(copy)) {
			check_count(je, copy, a, "bytes of base blocks", a->base_mapped,
				    t->base_size);
			check_counters(je, copy, &copy->arenas[i], t);
		}
		if (t->bytes[KIND_UNKNOWN])
			continue;
		check_count(je, copy, a, "active pages", a->nactive,
			    (t->bytes[KIND_SLAB] + t->bytes[KIND_LARGE]) / PAGE);
		check_count(je, copy, a, "dirty pages", a->npages[0], t->bytes[KIND_DIRTY] / PAGE);
		check_count(je, copy, a, "muzzy pages", a->npages[1], t->bytes[KIND_MUZZY] / PAGE);
		check_count(je, copy, a, "retained pages", a->npages[2],
			    t->bytes[KIND_RETAINED] / PAGE);
	}
	if (copy->arena_count)
		check_count(je, copy, &copy->arenas[0], "page slabs, with all others", pageslabs,
			    copy->pageslab_count);
	for (uint64_t i = 0; copy->version && i < copy->total_count; i++) {
		const struct arena_totals *t = &copy->totals[i];

		if (t->arena == NONE || arena_of(copy, t->arena))
			continue;
		copy->is_exact = false;
		je->host->damage(je->host->self, copy->arenas_at + 8 * (uint64_t)t->arena,
				 "extents belong to arena %" PRIu32 ", which does not exist",
				 t->arena);
	}
}

/* Allocations of jemalloc's own that were not recognised stand among the live ones. */
static void check_internal(struct jemalloc *je, struct copy *copy)
{
	uint64_t counted = 0, found = 0;

	for (uint64_t i = 0; i < copy->arena_count; i++)
		counted += copy->arenas[i].internal;
	for (uint64_t i = 0; i < copy->internal_count; i++)
		found += usable_size(copy, &copy->extents[copy->internals[i].extent]);
	if (counted == found || !copy->arena_count || !has_statistics(copy))
		return;
	copy->is_exact = false;
	je->host->warn(je->host->self, "internal-not-found", true,
		       "jemalloc counts %" PRIu64 " bytes of allocations of its own, %" PRIu64
		       " were found: the rest counts as live",
		       counted, found);
}

bool add_up(struct jemalloc *je, struct copy *copy)
{
	struct arena_totals *t = NULL;

	if (copy->added_up)
		return true;
	if (!copy->total_count && !make_totals(je, copy))
		return false;
	for (uint64_t i = 0; i < copy->extent_count; i++) {
		struct extent *e = &copy->extents[i];

		if (i % 4096 == 0 && je->host->stopped(je->host->self)) {
			copy->total_count = 0;
			return false;
		}
		if (!t || t->arena != e->arena)
			t = totals_of(je, copy, e->arena);
		if (e->is_hpa)
			t->hpa_bytes += e->size;
		if (e->kind == KIND_SLAB) {
			add_slab(je, copy, e, t);
		} else if (e->kind == KIND_LARGE) {
			add_large(copy, e, t);
		} else {
			t->bytes[e->kind] += e->size;
			t->extents[e->kind]++;
		}
	}
	add_blocks(je, copy);
	check_arenas(je, copy);
	check_internal(je, copy);
	copy->added_up = true;
	return true;
}

static void ledger_bins(const struct arena_totals *t, struct hw_ledger *l)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < SC_NBINS; i++) {
		const struct bin_totals *b = &t->bins[i];
		uint64_t size = index2size(i),
			 live = b->regions - b->free - b->cached - b->internal;

		l->bytes[HW_ROW_LIVE] += live * size;
		l->bytes[HW_ROW_CACHED] += b->cached * size;
		l->bytes[HW_ROW_FREE] += b->free * size;
		l->bytes[HW_ROW_METADATA] += b->internal * size;
		l->blocks[HW_LIVE] += live;
		l->blocks[HW_CACHED] += b->cached;
		l->blocks[HW_FREE] += b->free;
		used += b->regions * size;
	}
	l->bytes[HW_ROW_OVERHEAD] += t->bytes[KIND_SLAB] - used;
}

static void ledger_large(const struct arena_totals *t, struct hw_ledger *l)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < SC_NSIZES; i++) {
		const struct large_totals *s = &t->large[i];

		l->bytes[HW_ROW_LIVE] += s->live_bytes;
		l->bytes[HW_ROW_CACHED] += s->cached_bytes;
		l->bytes[HW_ROW_METADATA] += s->internal_bytes;
		l->blocks[HW_LIVE] += s->live;
		l->blocks[HW_CACHED] += s->cached;
		used += s->live_bytes + s->cached_bytes + s->internal_bytes;
	}
	l->bytes[HW_ROW_OVERHEAD] += t->bytes[KIND_LARGE] - used;
}

static void ledger_arena(const struct copy *copy, const struct arena_totals *t, struct hw_ledger *l)
{
	*l = (struct hw_ledger){.struct_size = sizeof(*l)};
	l->confidence = copy->is_exact ? HW_EXACT : HW_CONSERVATIVE;
	ledger_bins(t, l);
	ledger_large(t, l);
	l->bytes[HW_ROW_FREE] += t->bytes[KIND_DIRTY] + t->bytes[KIND_SEC] + t->ps_dirty;
	l->bytes[HW_ROW_LAZY] += t->bytes[KIND_MUZZY];
	l->bytes[HW_ROW_RELEASED] += t->bytes[KIND_RETAINED] + t->ps_clean;
	l->bytes[HW_ROW_METADATA] += t->base_used;
	l->bytes[HW_ROW_UNTOUCHED] += t->base_size - t->base_used + t->eden;
	l->bytes[HW_ROW_UNKNOWN] += t->bytes[KIND_UNKNOWN] + t->ps_unknown;
	l->blocks[HW_FREE] += t->extents[KIND_DIRTY] + t->extents[KIND_SEC];
	l->releasable = t->bytes[KIND_DIRTY];
	for (int i = 0; i < HW_ROWS; i++)
		l->mapped += l->bytes[i];
}

static void add_ledger(struct hw_ledger *to, const struct hw_ledger *from)
{
	to->mapped += from->mapped;
	to->releasable += from->releasable;
	for (int i = 0; i < HW_ROWS; i++)
		to->bytes[i] += from->bytes[i];
	for (int i = 0; i < HW_STATES; i++)
		to->blocks[i] += from->blocks[i];
}

/* A thread is inside the arena, or one of its bins. */
static bool is_locked(const struct copy *copy, uint32_t arena)
{
	for (uint64_t i = 0; i < copy->arena_count; i++)
		if (copy->arenas[i].index == arena && copy->arenas[i].locked)
			return true;
	return false;
}

bool je_ledger(void *handle, uint32_t heap, struct hw_ledger *ret)
{
	struct jemalloc *je = handle;
	struct copy *copy = copy_of(je, heap);
	struct hw_ledger total = {.struct_size = sizeof(total)}, part;

	if (!copy || !add_up(je, copy)) {
		je->host->fail(je->host->self, je->no_memory ? "out of memory"
							     : "stopped while adding up the slabs");
		return false;
	}
	for (uint64_t i = 0; i < copy->total_count; i++) {
		const struct arena_totals *t = &copy->totals[i];
		char name[32];

		if (t->arena == NONE)
			snprintf(name, sizeof(name),
				 copy->pageslab_count ? "no arena: huge pages" : "no known arena");
		else
			snprintf(name, sizeof(name), "arena %" PRIu32, t->arena);
		ledger_arena(copy, t, &part);
		part.in_flux = is_locked(copy, t->arena);
		if (part.in_flux)
			part.confidence = HW_CONSERVATIVE;
		total.in_flux |= part.in_flux;
		je->host->arena(je->host->self, heap,
				t->arena == NONE ? MALLOCX_ARENA_LIMIT : t->arena, name, &part);
		add_ledger(&total, &part);
	}
	total.confidence =
	    copy->is_exact && !copy->is_newer && !total.in_flux ? HW_EXACT : HW_CONSERVATIVE;
	*ret = total;
	return true;
}
