/* SPDX-License-Identifier: Apache-2.0 */
/* What malloc_trim(0) would return, what it may have returned already, and what pins
 * the rest.
 *
 * mtrim() (malloc.c, the same from 2.17 to 2.43): fastbins are consolidated; then in every
 * free chunk of the unsorted bin and of bins for a page or more, the whole pages behind
 * the first sizeof (struct malloc_chunk) bytes go to madvise(MADV_DONTNEED). Only the
 * main arena's top shrinks (systrim()), and only if it ends where sbrk() does. ptmalloc
 * does not record what it returned: such pages read as zeros until they are used again. */
#include "ptmalloc.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGE      UINT64_C(4096)
#define MMAP_AREA UINT64_C(0x700000000000) /* mmap_base lies above; brk never does. */

uint64_t trim_run(hw_addr start, uint64_t size)
{
	hw_addr page;

	if (size <= PAGE - 1 + MALLOC_CHUNK_SIZE)
		return 0;
	page = (start + MALLOC_CHUNK_SIZE + PAGE - 1) & ~(PAGE - 1);
	return (size - (page - start)) & ~(PAGE - 1);
}

/* Does sbrk(0) equal the end of top? A core does not say, its mappings do: the one that
 * holds the heap would go on behind a foreign sbrk(). */
static bool top_is_at_brk(struct ptmalloc *pt, const struct libc *libc, const struct region *region)
{
	const struct hw_host *host = pt->host;
	const struct arena *a = &libc->arenas[0];
	struct hw_range r = {.struct_size = sizeof(r)};

	if (!region->is_main || !region->has_top)
		return false;
	/* After a failed sbrk() top is usually in a mapping; back in the brk area it can
	 * shrink again. That area lies with the executable, far below all mappings. */
	if ((a->flags & NONCONTIGUOUS) && region->start >= MMAP_AREA)
		return false;
	/* The kernel's brk ends with its page; what follows without a gap is not ours. */
	return !host->range(host->self, region->end, &r) || r.start > region->end ||
	       r.owner != HW_OWNER_ANON || !(r.perm & HW_PERM_W);
}

uint64_t trim_top(struct ptmalloc *pt, const struct libc *libc, const struct region *region,
		  uint64_t top_size)
{
	uint64_t unit = libc->par.thp_pagesize ? libc->par.thp_pagesize : PAGE;

	if (top_size <= MINSIZE + 1 || !top_is_at_brk(pt, libc, region))
		return 0;
	return (top_size - MINSIZE - 1) / unit * unit;
}

/* Bytes of whole pages in [start, end) that read as zeros or are not in the file. */
static uint64_t returned_already(struct ptmalloc *pt, hw_addr start, hw_addr end)
{
	static const uint8_t zeros[4096];
	const struct hw_host *host = pt->host;
	uint64_t present = 0;

	for (hw_addr at = start, held, held_end; at < end; at = held_end) {
		if (!host->data(host->self, at, end, &held, &held_end))
			break;
		for (hw_addr p = held & ~(PAGE - 1); p < held_end; p += PAGE) {
			uint64_t size;
			const void *data = host->peek(host->self, p, &size);

			if (p >= start && data && size >= PAGE && memcmp(data, zeros, PAGE) != 0)
				present += PAGE;
		}
		held_end = (held_end + PAGE - 1) & ~(PAGE - 1);
		if (host->stopped(host->self))
			break;
	}
	return end - start - present;
}

/* One arena under trim. */
struct trimmer {
	struct ptmalloc *pt;
	const struct libc *libc;
	const struct region *region;
	uint64_t free, releasable, returned;
	/* The run of free chunks under way, after consolidation. */
	hw_addr run_start;
	uint64_t run_size;
	/* The page under way, and pages that hold used and free bytes. */
	hw_addr page;
	uint64_t page_used[3]; /* By enum hw_state; HW_FREE: not used. */
	uint64_t page_free;
	uint64_t pinned_pages, pinned_free, pinned_live, pinned_cached;
	/* The last used chunk before top. */
	hw_addr pin;
	uint64_t pin_size;
	enum chunk_kind pin_kind;
	uint64_t free_so_far, free_below_pin;
	uint64_t top_size;
};

static void end_page(struct trimmer *t)
{
	if (t->page_free && (t->page_used[HW_LIVE] || t->page_used[HW_CACHED])) {
		t->pinned_pages++;
		t->pinned_free += t->page_free;
		t->pinned_live += t->page_used[HW_LIVE];
		t->pinned_cached += t->page_used[HW_CACHED];
	}
	t->page_free = 0;
	memset(t->page_used, 0, sizeof(t->page_used));
}

/* Adds a chunk's bytes to the pages it touches; pages inside it are of one kind. */
static void touch(struct trimmer *t, hw_addr start, uint64_t size, bool is_free,
		  enum hw_state state)
{
	hw_addr end = start + size;

	while (start < end) {
		hw_addr page = start & ~(PAGE - 1), stop = page + PAGE < end ? page + PAGE : end;

		if (page != t->page) {
			end_page(t);
			t->page = page;
		}
		if (is_free)
			t->page_free += stop - start;
		else
			t->page_used[state] += stop - start;
		start = stop;
		if (end - start >= 2 * PAGE) /* Whole pages of one kind pin nothing. */
			start += (end - start - PAGE) & ~(PAGE - 1);
	}
}

static void end_run(struct trimmer *t)
{
	uint64_t bytes = t->run_size ? trim_run(t->run_start, t->run_size) : 0;
	hw_addr first = (t->run_start + MALLOC_CHUNK_SIZE + PAGE - 1) & ~(PAGE - 1);

	if (bytes) {
		t->releasable += bytes;
		t->returned += returned_already(t->pt, first, first + bytes);
	}
	t->run_size = 0;
}

static void end_in_top(struct trimmer *t, hw_addr chunk, uint64_t size)
{
	uint64_t merged = t->run_size + size;
	uint64_t bytes = trim_top(t->pt, t->libc, t->region, merged);

	t->releasable += bytes;
	if (bytes)
		t->returned += returned_already(t->pt, chunk + size - bytes, chunk + size);
	t->top_size = size;
	t->run_size = 0;
}

static bool trim_chunk(void *arg, enum chunk_kind kind, hw_addr chunk, uint64_t size)
{
	struct trimmer *t = arg;

	switch (kind) {
	case CHUNK_FAST:
	case CHUNK_BINNED:
		if (!t->run_size)
			t->run_start = chunk;
		t->run_size += size;
		t->free += size;
		t->free_so_far += size;
		touch(t, chunk, size, true, HW_FREE);
		if (kind == CHUNK_BINNED)
			return true;
		break;
	case CHUNK_TOP:
		t->free += size;
		touch(t, chunk, size, true, HW_FREE);
		end_in_top(t, chunk, size);
		return true;
	case CHUNK_LIVE:
	case CHUNK_CACHED:
		end_run(t);
		touch(t, chunk, size, false, kind == CHUNK_LIVE ? HW_LIVE : HW_CACHED);
		break;
	default:
		end_run(t);
		return true;
	}
	t->pin = chunk;
	t->pin_size = size;
	t->pin_kind = kind;
	t->free_below_pin = t->free_so_far - (kind == CHUNK_FAST ? size : 0);
	return true;
}

static void trim_arena(struct ptmalloc *pt, const struct libc *libc, uint32_t arena,
		       struct trimmer *t)
{
	*t = (struct trimmer){.pt = pt, .libc = libc};
	for (uint64_t i = 0; i < libc->region_count; i++) {
		if (libc->regions[i].arena != arena)
			continue;
		t->region = &libc->regions[i];
		if (t->region->has_top) /* What lies below in other heaps cannot join top. */
			t->free_so_far = t->free_below_pin = t->pin = 0;
		walk_region(pt, libc, t->region, false, trim_chunk, t);
		end_run(t);
		end_page(t);
	}
}

static const char *pin_state(const struct trimmer *t)
{
	if (t->pin_kind == CHUNK_FAST)
		return "fastbin";
	return t->pin_kind == CHUNK_CACHED ? "tcache" : "live";
}

/* heap is shown in text where there are several. */
static const struct hw_column columns[] = {
    {"heap", "heap", HW_KIND_TEXT, 0},
    {"arena", "arena", HW_KIND_COUNT, 0},
    {"free", "free", HW_KIND_SIZE, 0},
    {"releasable", "releasable", HW_KIND_SIZE, 0},
    {"returned", "returned", HW_KIND_SIZE, 0},
    {"pinned_free", "pinned", HW_KIND_SIZE, 0},
    {"pinned_pages", "pages", HW_KIND_COUNT, 0},
    {"pinned_live", "by live", HW_KIND_SIZE, 0},
    {"pinned_cached", "by tcache", HW_KIND_SIZE, 0},
    {"top", "top", HW_KIND_SIZE, HW_COLUMN_JSON},
    {"top_pin", "top pin", HW_KIND_ADDR, HW_COLUMN_JSON},
    {"top_pin_size", "size", HW_KIND_SIZE, HW_COLUMN_JSON},
    {"top_pin_state", "state", HW_KIND_TEXT, HW_COLUMN_JSON},
    {"free_below_pin", "free below", HW_KIND_SIZE, HW_COLUMN_JSON},
};

static void emit_arena(const struct hw_emit *out, const struct libc *libc, uint32_t arena,
		       const struct trimmer *t)
{
	struct hw_value row[] = {
	    hw_text(libc->name),
	    hw_count(arena),
	    hw_size(t->free),
	    hw_size(t->releasable),
	    hw_size(t->returned),
	    hw_size(t->pinned_free),
	    hw_count(t->pinned_pages),
	    hw_size(t->pinned_live),
	    hw_size(t->pinned_cached),
	    hw_size(t->top_size),
	    t->pin ? hw_address(t->pin + CHUNK_HDR) : hw_null(),
	    t->pin ? hw_size(t->pin_size - CHUNK_OVERHEAD) : hw_null(),
	    t->pin ? hw_text(pin_state(t)) : hw_null(),
	    hw_size(t->free_below_pin),
	};

	out->row(out->self, row);
}

/* Sums over all arenas, and the one whose top pin holds back most. */
struct trim_sum {
	uint64_t free, releasable, returned, pinned_free, pinned_live, pinned_cached, pages;
	struct trimmer worst;
	uint32_t worst_arena;
};

static void sum_up(struct trim_sum *sum, uint32_t arena, const struct trimmer *t)
{
	sum->free += t->free;
	sum->releasable += t->releasable;
	sum->returned += t->returned;
	sum->pinned_free += t->pinned_free;
	sum->pinned_live += t->pinned_live;
	sum->pinned_cached += t->pinned_cached;
	sum->pages += t->pinned_pages;
	if (t->free_below_pin > sum->worst.free_below_pin) {
		sum->worst = *t;
		sum->worst_arena = arena;
	}
}

/* "1.5 GiB" for prose; tables format by themselves. */
static const char *human(char *buf, size_t size, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes;
	unsigned int unit = 0;

	while (value >= 1024 && unit < 4) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, size, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return buf;
}

static void emit_prose(const struct hw_emit *out, const struct trim_sum *sum)
{
	char a[24], b[24], c[24], d[24];

	out->note(out->self,
		  "%s free. malloc_trim(0) would return %s, of which %s reads as zeros and "
		  "may be back with the system already.",
		  human(a, sizeof(a), sum->free), human(b, sizeof(b), sum->releasable),
		  human(c, sizeof(c), sum->returned));
	if (sum->pages)
		out->note(out->self,
			  "%s of it shares %" PRIu64 " pages with %s of live blocks and %s of "
			  "tcache blocks, which pin them.",
			  human(a, sizeof(a), sum->pinned_free), sum->pages,
			  human(b, sizeof(b), sum->pinned_live),
			  human(c, sizeof(c), sum->pinned_cached));
	if (sum->worst.pin && sum->worst.free_below_pin)
		out->note(out->self,
			  "Without malloc_trim only top shrinks: in arena %" PRIu32
			  " a %s block of %s at 0x%" PRIx64 " ends it, with %s free below.",
			  sum->worst_arena, pin_state(&sum->worst),
			  human(d, sizeof(d), sum->worst.pin_size - CHUNK_OVERHEAD),
			  sum->worst.pin + CHUNK_HDR,
			  human(a, sizeof(a), sum->worst.free_below_pin));
}

bool report_trim(void *handle, const struct hw_emit *out)
{
	struct ptmalloc *pt = handle;
	struct trim_sum sum = {0};
	struct hw_column shown[sizeof(columns) / sizeof(*columns)];

	memcpy(shown, columns, sizeof(columns));
	shown[0].flags = heap_column(pt);
	out->table(out->self, "arenas", "What malloc_trim(0) would return, and what pins the rest",
		   shown, sizeof(columns) / sizeof(*columns));
	for (uint64_t l = 0; l < pt->count; l++) {
		if (!add_up(pt, &pt->libcs[l]))
			return false;
		for (uint32_t a = 0; a < pt->libcs[l].arena_count; a++) {
			struct trimmer t;

			trim_arena(pt, &pt->libcs[l], a, &t);
			sum_up(&sum, a, &t);
			emit_arena(out, &pt->libcs[l], a, &t);
			if (pt->host->stopped(pt->host->self))
				return false;
		}
	}
	out->table_end(out->self);
	out->field(out->self, "free", NULL, hw_size(sum.free));
	out->field(out->self, "releasable", NULL, hw_size(sum.releasable));
	out->field(out->self, "returned", NULL, hw_size(sum.returned));
	out->field(out->self, "pinned_free", NULL, hw_size(sum.pinned_free));
	out->field(out->self, "pinned_pages", NULL, hw_count(sum.pages));
	out->field(out->self, "pinned_live", NULL, hw_size(sum.pinned_live));
	out->field(out->self, "pinned_cached", NULL, hw_size(sum.pinned_cached));
	emit_prose(out, &sum);
	return true;
}
