/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger: what every region's chunks add up to, crossed with the bin lists, split
 * into rows that sum to the bytes mapped. */
#include "ptmalloc.h"
#include <inttypes.h>
#include <stdio.h>

struct libc *libc_of(struct ptmalloc *pt, uint32_t heap)
{
	for (uint64_t i = 0; i < pt->count; i++)
		if (pt->libcs[i].heap == heap)
			return &pt->libcs[i];
	return NULL;
}

/* Marks that the walk did not meet are no chunk borders. */
static void check_marks(struct ptmalloc *pt, struct libc *libc, const struct region *r)
{
	uint64_t marks = r->tcache_marks + r->fast_marks;

	if (marks == r->totals.marks_seen)
		return;
	if (!libc->arenas[r->arena].is_locked)
		libc->is_exact = false;
	if (!r->totals.unknown_bytes)
		pt->host->damage(pt->host->self, r->start,
				 "%" PRIu64
				 " chunks of fastbins or tcaches in this region are no chunks",
				 marks - r->totals.marks_seen);
}

/* Bin lists and flags must tell the same free chunks. */
static void check_bins(struct ptmalloc *pt, struct libc *libc, uint32_t arena)
{
	struct arena *a = &libc->arenas[arena];
	struct bin_sum lists, flags = {0};
	bool sound = walk_bins(pt, libc, arena, true, &lists, NULL, NULL);
	bool unknown = false;

	for (uint64_t i = 0; i < libc->region_count; i++) {
		const struct region *r = &libc->regions[i];

		if (r->arena != arena)
			continue;
		flags.count += r->totals.binned;
		flags.bytes += r->totals.binned_bytes;
		flags.hash += r->totals.binned_hash;
		unknown |= r->totals.unknown_bytes != 0;
	}
	a->bin_chunks = lists.count;
	a->bin_bytes = lists.bytes;
	if (!sound && !a->is_locked)
		libc->is_exact = false;
	if (lists.count == flags.count && lists.bytes == flags.bytes && lists.hash == flags.hash)
		return;
	if (!a->is_locked)
		libc->is_exact = false;
	if (sound && !unknown)
		pt->host->damage(pt->host->self, a->addr,
				 "arena %" PRIu32 ": its bins hold %" PRIu64 " chunks of %" PRIu64
				 " bytes, its heap has %" PRIu64 " of %" PRIu64 " marked free%s",
				 arena, lists.count, lists.bytes, flags.count, flags.bytes,
				 a->is_locked ? " (a thread was inside malloc)" : "");
}

bool add_up_region(struct ptmalloc *pt, struct libc *libc, struct region *r, chunk_fn fn, void *arg)
{
	if (!total_region(pt, libc, r, fn, arg))
		return false;
	check_marks(pt, libc, r);
	if (r->totals.unknown_bytes || r->totals.orphans)
		libc->is_exact = false;
	return true;
}

bool add_up_end(struct ptmalloc *pt, struct libc *libc)
{
	for (uint64_t a = 0; a < libc->arena_count; a++)
		check_bins(pt, libc, (uint32_t)a);
	libc->added_up = !pt->host->stopped(pt->host->self);
	return libc->added_up;
}

bool add_up(struct ptmalloc *pt, struct libc *libc)
{
	for (uint64_t i = 0; !libc->added_up && i < libc->region_count; i++)
		if (!add_up_region(pt, libc, &libc->regions[i], NULL, NULL))
			return false;
	return libc->added_up || add_up_end(pt, libc);
}

static void add_region(const struct libc *libc, const struct region *r, struct hw_ledger *l)
{
	const struct totals *t = &r->totals;
	uint64_t chunks = t->live + t->cached;

	l->mapped += r->mapped_end - r->mapped_start;
	l->bytes[HW_ROW_LIVE] += t->live_bytes - t->live * CHUNK_OVERHEAD;
	l->bytes[HW_ROW_CACHED] += t->cached_bytes - t->cached * CHUNK_OVERHEAD;
	l->bytes[HW_ROW_OVERHEAD] += chunks * CHUNK_OVERHEAD + t->fence_bytes;
	l->bytes[HW_ROW_FREE] += t->fast_bytes + t->binned_bytes + t->top_bytes;
	l->bytes[HW_ROW_UNKNOWN] += t->unknown_bytes;
	l->bytes[HW_ROW_METADATA] += r->start - r->mapped_start;
	l->bytes[HW_ROW_UNTOUCHED] += r->mapped_end - r->end;
	l->releasable += t->releasable;
	l->blocks[HW_LIVE] += t->live;
	l->blocks[HW_CACHED] += t->cached;
	l->blocks[HW_FREE] += t->fast + t->binned + (t->top_bytes != 0);
	(void)libc;
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

/* What system_mem counts and no region accounts for. */
static uint64_t missing_bytes(const struct libc *libc)
{
	const struct arena *a = &libc->arenas[0];
	uint64_t have = 0;

	if (a->is_closed)
		return 0;
	for (uint64_t i = 0; i < libc->region_count; i++)
		if (libc->regions[i].arena == 0)
			have += libc->regions[i].end - libc->regions[i].start;
	/* A size beyond any address space is damage, not memory. */
	return have < a->system_mem && a->system_mem < UINT64_C(1) << 47 ? a->system_mem - have : 0;
}

static void ledger_arena(const struct libc *libc, uint32_t arena, struct hw_ledger *l)
{
	*l = (struct hw_ledger){.struct_size = sizeof(*l)};
	for (uint64_t i = 0; i < libc->region_count; i++)
		if (libc->regions[i].arena == arena)
			add_region(libc, &libc->regions[i], l);
	if (arena == 0) {
		l->bytes[HW_ROW_UNKNOWN] += missing_bytes(libc);
		l->mapped += missing_bytes(libc);
	}
}

static void ledger_mmapped(const struct libc *libc, struct hw_ledger *l)
{
	*l = (struct hw_ledger){.struct_size = sizeof(*l)};
	for (uint64_t i = 0; i < libc->mmapped_count; i++) {
		const struct mmapped *m = &libc->mmapped[i];

		l->mapped += m->length;
		l->bytes[HW_ROW_LIVE] += m->usable;
		l->bytes[HW_ROW_OVERHEAD] += m->length - m->usable;
		l->blocks[HW_LIVE]++;
	}
}

bool pt_ledger(void *handle, uint32_t heap, struct hw_ledger *ret)
{
	struct ptmalloc *pt = handle;
	struct libc *libc = libc_of(pt, heap);
	struct hw_ledger total = {.struct_size = sizeof(total)}, part;

	if (!libc || !add_up(pt, libc)) {
		pt->host->fail(pt->host->self, "stopped while adding up the chunks");
		return false;
	}
	for (uint32_t a = 0; a < libc->arena_count; a++) {
		char name[32];

		snprintf(name, sizeof(name), a ? "arena %" PRIu32 : "main arena", a);
		ledger_arena(libc, a, &part);
		part.in_flux = libc->arenas[a].is_locked;
		part.confidence = libc->is_exact && !part.in_flux ? HW_EXACT : HW_CONSERVATIVE;
		total.in_flux |= part.in_flux;
		pt->host->arena(pt->host->self, heap, a, name, &part);
		add_ledger(&total, &part);
	}
	ledger_mmapped(libc, &part);
	part.confidence = libc->is_exact ? HW_EXACT : HW_CONSERVATIVE;
	if (libc->mmapped_count)
		pt->host->arena(pt->host->self, heap, (uint32_t)libc->arena_count, "mmapped chunks",
				&part);
	add_ledger(&total, &part);
	total.confidence = libc->is_exact && !total.in_flux ? HW_EXACT : HW_CONSERVATIVE;
	*ret = total;
	return true;
}
