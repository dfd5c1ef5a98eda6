/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of arenas and the regions their chunks lie in.
 *
 * Secondary arenas live in heaps of heap_max bytes, aligned to it, each starting with a
 * heap_info; the newest holds top, and prev leads to the first, which holds the
 * malloc_state. The main arena grows by sbrk(): one stretch [top end - system_mem, top
 * end), which foreign sbrk() calls may interrupt (walk.c) and which, once sbrk() has
 * failed, is several mappings (scan.c). */
#include "ptmalloc.h"
#include <stdlib.h>

static bool add_region(struct ptmalloc *pt, struct libc *libc, struct region region)
{
	if (!grow(pt, (void **)&libc->regions, &libc->region_room, libc->region_count,
		  sizeof(region)))
		return false;
	libc->regions[libc->region_count++] = region;
	return true;
}

/* The fixed fields; false when the struct is not all there. */
static bool read_arena(struct ptmalloc *pt, const struct libc *libc, struct arena *a)
{
	const struct hw_host *host = pt->host;
	hw_addr bins = a->addr + libc->state->bins;
	uint32_t mutex = 0;
	uint64_t size = 0;

	if (!read_u32(host, a->addr + STATE_MUTEX, &mutex) ||
	    !read_u32(host, a->addr + STATE_FLAGS, &a->flags) ||
	    !read_word(host, bins + (uint64_t)BINS_TO_TOP, &a->top) ||
	    !read_word(host, bins + libc->state->system_mem, &a->system_mem)) {
		host->damage(host->self, a->addr, "arena is not in the target");
		return false;
	}
	if (libc->state->system_mem > BINS_TO_ATTACHED)
		read_word(host, bins + BINS_TO_ATTACHED, &a->attached);
	a->is_locked = mutex != 0;
	a->top_is_unread = !(a->top & (ALIGNMENT - 1)) && !read_word(host, a->top + 8, &size) &&
			   is_mapped(host, a->top, a->top + MINSIZE);
	if (a->top_is_unread) {
		host->warn(host->self, "memory-missing", true,
			   "the top chunk at 0x%llx of arena 0x%llx is not in the target",
			   (unsigned long long)a->top, (unsigned long long)a->addr);
		return true;
	}
	if (!read_word(host, a->top + 8, &size) || chunk_size(size) % ALIGNMENT ||
	    (a->top & (ALIGNMENT - 1)) || !is_mapped(host, a->top, a->top + chunk_size(size))) {
		/* An arena that never allocated has top = its own bin 1. */
		if (a->top != bins - 16)
			host->damage(host->self, a->addr, "arena's top 0x%llx is no chunk",
				     (unsigned long long)a->top);
		return true;
	}
	if (a->top == bins - 16)
		return true;
	if (!(size & PREV_INUSE))
		host->damage(host->self, a->top, "top chunk lacks PREV_INUSE");
	a->top_size = chunk_size(size);
	return true;
}

/* Arenas by `next`, in ring order, as malloc_info() numbers them. */
static bool read_ring(struct ptmalloc *pt, struct libc *libc)
{
	const struct hw_host *host = pt->host;
	hw_addr start = libc->arenas[0].addr, at = start;

	read_arena(pt, libc, &libc->arenas[0]);
	for (;;) {
		struct arena a = {0};
		uint64_t next = 0, ar_ptr = 0;

		if (!read_word(host, at + libc->state->bins + BINS_TO_NEXT, &next)) {
			host->damage(host->self, at, "arena is not in the target");
			break;
		}
		if (next == start)
			return true;
		for (uint64_t i = 1; i < libc->arena_count; i++) {
			if (libc->arenas[i].addr == next) {
				host->damage(host->self, at, "ring of arenas turns back to 0x%llx",
					     (unsigned long long)next);
				libc->ring_is_broken = true;
				return true;
			}
		}
		a.addr = next;
		if (((next & 0xfff) != HEAP_INFO_OLD && (next & 0xfff) != HEAP_INFO_NEW) ||
		    !read_word(host, next - (next & 0xfff), &ar_ptr) || ar_ptr != next) {
			host->damage(host->self, at, "arena's next 0x%llx is no arena",
				     (unsigned long long)next);
			break;
		}
		if (!libc->heap_info)
			libc->heap_info = next & 0xfff;
		if (!read_arena(pt, libc, &a))
			break;
		if (!grow(pt, (void **)&libc->arenas, &libc->arena_room, libc->arena_count,
			  sizeof(a)))
			return false;
		libc->arenas[libc->arena_count++] = a;
		at = next;
		if (host->stopped(host->self))
			return false;
	}
	libc->ring_is_broken = true;
	return true;
}

static bool has_arena(const struct libc *libc, hw_addr addr)
{
	for (uint64_t i = 0; i < libc->arena_count; i++)
		if (libc->arenas[i].addr == addr)
			return true;
	return false;
}

/* A broken ring loses arenas: every address that could start a heap is looked at. With
 * several libc copies they are given to the one whose ring is broken. */
static bool recover_arenas(struct ptmalloc *pt, struct libc *libc)
{
	const struct hw_host *host = pt->host;
	struct hw_range r = {.struct_size = sizeof(r)};
	uint32_t info =
	    libc->heap_info ? libc->heap_info : (libc->state->bins == 24 ? HEAP_INFO_NEW : 0);

	for (hw_addr at = 0; host->range(host->self, at, &r); at = r.end) {
		hw_addr heap = (r.start + libc->heap_max - 1) & ~(libc->heap_max - 1);

		if (!(r.perm & HW_PERM_W) || r.owner == HW_OWNER_MODULE)
			continue;
		for (; heap >= r.start && heap < r.end; heap += libc->heap_max) {
			uint64_t ar_ptr = 0;
			struct arena a = {0};
			hw_addr held, held_end;

			/* A lying core may have a mapping of petabytes: go where bytes are. */
			if (!host->data(host->self, heap, r.end, &held, &held_end))
				break;
			if (held - heap >= libc->heap_max)
				heap = held & ~(libc->heap_max - 1);
			if (!read_word(host, heap, &ar_ptr) || ar_ptr <= heap ||
			    ar_ptr - heap > HEAP_INFO_NEW || (info && ar_ptr - heap != info) ||
			    has_arena(libc, ar_ptr))
				continue;
			a.addr = ar_ptr;
			if (!libc->heap_info)
				libc->heap_info = (uint32_t)(ar_ptr - heap);
			if (!read_arena(pt, libc, &a))
				continue;
			if (!grow(pt, (void **)&libc->arenas, &libc->arena_room, libc->arena_count,
				  sizeof(a)))
				return false;
			libc->arenas[libc->arena_count++] = a;
		}
	}
	return true;
}

/* One heap of a secondary arena. */
static bool add_heap_region(struct ptmalloc *pt, struct libc *libc, uint32_t index, hw_addr heap,
			    uint64_t *size_ret)
{
	const struct hw_host *host = pt->host;
	const struct arena *a = &libc->arenas[index];
	bool is_first = heap == (a->addr & ~(libc->heap_max - 1));
	hw_addr first = is_first ? a->addr + libc->state->size : heap + libc->heap_info;
	struct region r = {
	    .arena = index,
	    .start = (first + ALIGNMENT - 1) & ~(hw_addr)(ALIGNMENT - 1),
	    .mapped_start = heap,
	    .mapped_end = heap + libc->heap_max,
	    .has_top = a->top_size && a->top >= heap && a->top < heap + libc->heap_max,
	    .is_sound = true,
	};
	uint64_t size = 0;

	if (!read_word(host, heap + HEAP_SIZE, &size) || size > libc->heap_max || (size & 4095) ||
	    r.start >= heap + size) {
		host->damage(host->self, heap, "heap_info has size 0x%llx",
			     (unsigned long long)size);
		r.is_sound = false;
		size = libc->heap_max;
	}
	r.end = heap + size;
	if (r.is_sound && r.has_top && a->top + a->top_size != r.end) {
		host->damage(host->self, a->top, "top ends at 0x%llx, its heap at 0x%llx",
			     (unsigned long long)(a->top + a->top_size), (unsigned long long)r.end);
		libc->is_exact = false;
	}
	*size_ret = r.is_sound ? size : 0;
	return add_region(pt, libc, r);
}

/* All heaps of a secondary arena, newest first. */
static bool read_heaps(struct ptmalloc *pt, struct libc *libc, uint32_t index)
{
	const struct hw_host *host = pt->host;
	struct arena *a = &libc->arenas[index];
	hw_addr first = a->addr & ~(libc->heap_max - 1);
	hw_addr heap = a->top_size || a->top_is_unread ? a->top & ~(libc->heap_max - 1) : first;
	uint64_t total = 0, limit = libc->region_count + (UINT64_C(1) << 21);
	bool first_seen = false;

	while (heap && libc->region_count < limit) {
		uint64_t ar_ptr = 0, prev = 0, size = 0;

		for (uint64_t i = 0; i < libc->region_count; i++)
			if (libc->regions[i].mapped_start == heap)
				goto loop;
		if (!read_word(host, heap + HEAP_AR_PTR, &ar_ptr) || ar_ptr != a->addr ||
		    !read_word(host, heap + HEAP_PREV, &prev) || (prev & (libc->heap_max - 1))) {
			host->damage(host->self, heap, "heap does not belong to arena 0x%llx",
				     (unsigned long long)a->addr);
			break;
		}
		if (!add_heap_region(pt, libc, index, heap, &size))
			return false;
		first_seen = first_seen || heap == first;
		total += size;
		a->heaps++;
		if (heap == first && prev)
			host->damage(host->self, heap, "first heap of an arena has a previous one");
		heap = prev;
	}
	goto done;
loop:
	host->damage(host->self, heap, "chain of heaps turns back");
done:
	if (!first_seen) { /* The malloc_state is there, so is its heap. */
		uint64_t size = 0;

		if (!add_heap_region(pt, libc, index, first, &size))
			return false;
		total += size;
		a->heaps++;
		host->damage(host->self, a->addr, "chain of heaps does not reach the first one");
	}
	a->is_closed = total == a->system_mem;
	if (!a->is_closed) {
		host->damage(host->self, a->addr,
			     "arena's heaps hold %llu bytes, system_mem says %llu",
			     (unsigned long long)total, (unsigned long long)a->system_mem);
		libc->is_exact = false;
	}
	return true;
}

/* Does [start, end) touch a heap of a secondary arena? Then some pointer lied. */
static bool touches_heaps(const struct libc *libc, hw_addr start, hw_addr end)
{
	for (uint64_t i = 0; i < libc->region_count; i++)
		if (start < libc->regions[i].mapped_end && libc->regions[i].mapped_start < end)
			return true;
	return false;
}

/* Where the main heap starts when it is one stretch: by the arithmetic, or, when that is
 * contradicted, where mp_ says that sbrk() began. 0: nowhere. */
static hw_addr main_start(struct ptmalloc *pt, struct libc *libc)
{
	const struct hw_host *host = pt->host;
	const struct arena *a = &libc->arenas[0];
	hw_addr start = a->top + a->top_size - a->system_mem, base = libc->par.sbrk_base;
	bool fits = a->system_mem <= a->top + a->top_size && a->system_mem >= a->top_size;
	uint64_t word;

	if (!(a->flags & NONCONTIGUOUS) && libc->par.addr && base && base != start) {
		host->damage(host->self, a->addr,
			     "main heap starts at 0x%llx by system_mem, at 0x%llx by sbrk_base",
			     (unsigned long long)start, (unsigned long long)base);
		libc->is_exact = false;
		if (base < a->top && read_word(host, base + 8, &word) &&
		    size_is_sane(word, base, a->top) && is_mapped(host, base, a->top + a->top_size))
			return base;
	}
	return fits && is_mapped(host, start, a->top + a->top_size) &&
		       read_word(host, start + 8, &word)
		   ? start
		   : 0;
}

/* A main heap whose top was not dumped. Where it began and how long it is stand in mp_ and in
 * the arena; what can be read of it is read. */
static bool read_cut_main(struct ptmalloc *pt, struct libc *libc)
{
	const struct hw_host *host = pt->host;
	struct arena *a = &libc->arenas[0];
	hw_addr base = libc->par.addr ? libc->par.sbrk_base : 0;
	hw_addr start = (base + ALIGNMENT - 1) & ~(hw_addr)(ALIGNMENT - 1);
	hw_addr end = base + a->system_mem;
	uint64_t word;

	libc->is_exact = false;
	if (!base || a->flags & NONCONTIGUOUS || a->top <= start || a->top >= end ||
	    !is_mapped(host, base, end) || !read_word(host, start + 8, &word) ||
	    !size_is_sane(word, start, a->top) || touches_heaps(libc, base, end))
		return true;
	a->is_closed = true;
	return add_region(pt, libc,
			  (struct region){.start = start,
					  .end = end,
					  .mapped_start = start,
					  .mapped_end = end,
					  .is_main = true,
					  .is_sound = true});
}

static bool read_main(struct ptmalloc *pt, struct libc *libc)
{
	struct arena *a = &libc->arenas[0];
	hw_addr end = a->top + a->top_size, start, chain_end = 0;

	if (a->top_is_unread)
		return read_cut_main(pt, libc);
	if (!a->top_size) {
		a->is_closed = a->system_mem == 0;
		if (!a->is_closed)
			pt->host->damage(pt->host->self, a->addr,
					 "main arena has system_mem, but no top");
		return true;
	}
	start = main_start(pt, libc);
	if (!start)
		return true;
	start = (start + ALIGNMENT - 1) & ~(hw_addr)(ALIGNMENT - 1);
	if (touches_heaps(libc, start, end)) {
		pt->host->damage(pt->host->self, a->addr,
				 "main arena's top 0x%llx lies in another arena's heap",
				 (unsigned long long)a->top);
		return true;
	}
	/* Non-contiguous ones are rarely one stretch: believed when a walk arrives. */
	if ((a->flags & NONCONTIGUOUS) && start != a->top &&
	    (!chain_ends(pt, start, end, a->top, &chain_end) || chain_end != end))
		return true;
	a->is_closed = true;
	return add_region(pt, libc,
			  (struct region){.start = start,
					  .end = end,
					  .mapped_start = start,
					  .mapped_end = end,
					  .is_main = true,
					  .has_top = true,
					  .is_sound = true});
}

static int compare_regions(const void *a, const void *b)
{
	const struct region *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

void sort_regions(struct libc *libc)
{
	if (libc->region_count)
		qsort(libc->regions, libc->region_count, sizeof(*libc->regions), compare_regions);
}

bool read_arenas(struct ptmalloc *pt, struct libc *libc)
{
	if (!read_ring(pt, libc))
		return false;
	find_params(pt, libc);
	/* glibc.malloc.hugetlb: 2.35 to 2.41 size heaps by the huge page. */
	if (libc->par.addr && libc->par.hp_pagesize && libc->state->bins == 112 &&
	    libc->arena_count > 1 &&
	    ((libc->arenas[1].addr - libc->heap_info) & (HEAP_MAX_DEFAULT - 1)))
		libc->heap_max = libc->par.hp_pagesize * 4;
	if (libc->heap_max & (libc->heap_max - 1))
		libc->heap_max = HEAP_MAX_DEFAULT;
	if (libc->ring_is_broken) {
		libc->is_exact = false;
		if (!recover_arenas(pt, libc))
			return false;
	}
	for (uint64_t i = 1; i < libc->arena_count; i++)
		if (!read_heaps(pt, libc, (uint32_t)i))
			return false;
	if (!read_main(pt, libc))
		return false;
	sort_regions(libc);
	return true;
}
