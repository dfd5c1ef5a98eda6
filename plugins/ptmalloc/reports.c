/* SPDX-License-Identifier: Apache-2.0 */
/* The reports: arenas, bins, tcache, top, mmapped; trim is in trim.c. */
#include "ptmalloc.h"
#include <stdio.h>
#include <string.h>

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof(*(a))))

static bool add_all(struct ptmalloc *pt)
{
	for (uint64_t l = 0; l < pt->count; l++)
		if (!add_up(pt, &pt->libcs[l]))
			return false;
	return true;
}

static void arena_totals(const struct libc *libc, uint32_t arena, struct totals *t)
{
	*t = (struct totals){0};
	for (uint64_t i = 0; i < libc->region_count; i++) {
		const struct totals *r = &libc->regions[i].totals;

		if (libc->regions[i].arena != arena)
			continue;
		t->live += r->live;
		t->live_bytes += r->live_bytes;
		t->cached += r->cached;
		t->cached_bytes += r->cached_bytes;
		t->fast += r->fast;
		t->fast_bytes += r->fast_bytes;
		t->binned += r->binned;
		t->binned_bytes += r->binned_bytes;
		t->top_bytes += r->top_bytes;
		t->unknown_bytes += r->unknown_bytes;
	}
}

static bool report_arenas(void *handle, const struct hw_emit *out)
{
	struct hw_column columns[] = {
	    {"heap", "heap", HW_KIND_TEXT, heap_column(handle)},
	    {"arena", "arena", HW_KIND_COUNT, 0},
	    {"address", "address", HW_KIND_ADDR, 0},
	    {"threads", "thr", HW_KIND_COUNT, 0},
	    {"heaps", "heaps", HW_KIND_COUNT, HW_COLUMN_JSON},
	    {"system_mem", "system", HW_KIND_SIZE, 0},
	    {"live", "live", HW_KIND_SIZE, 0},
	    {"cached", "tcache", HW_KIND_SIZE, 0},
	    {"free", "free", HW_KIND_SIZE, 0},
	    {"fast", "fast", HW_KIND_SIZE, HW_COLUMN_JSON},
	    {"binned", "binned", HW_KIND_SIZE, HW_COLUMN_JSON},
	    {"top", "top", HW_KIND_SIZE, 0},
	    {"unknown", "unknown", HW_KIND_SIZE, HW_COLUMN_JSON},
	    {"locked", "locked", HW_KIND_FLAG, HW_COLUMN_JSON},
	    {"contiguous", "contiguous", HW_KIND_FLAG, HW_COLUMN_JSON},
	};
	struct ptmalloc *pt = handle;

	if (!add_all(pt))
		return false;
	out->table(out->self, "arenas", "Arenas", columns, COUNT(columns));
	for (uint64_t l = 0; l < pt->count; l++) {
		const struct libc *libc = &pt->libcs[l];

		for (uint32_t i = 0; i < libc->arena_count; i++) {
			const struct arena *a = &libc->arenas[i];
			struct totals t;

			arena_totals(libc, i, &t);
			out->row(
			    out->self,
			    (struct hw_value[]){
				hw_text(libc->name), hw_count(i), hw_address(a->addr),
				libc->state->system_mem == 2064 ? hw_null() : hw_count(a->attached),
				hw_count(a->heaps), hw_size(a->system_mem),
				hw_size(t.live_bytes - t.live * CHUNK_OVERHEAD),
				hw_size(t.cached_bytes - t.cached * CHUNK_OVERHEAD),
				hw_size(t.fast_bytes + t.binned_bytes + t.top_bytes),
				hw_size(t.fast_bytes), hw_size(t.binned_bytes),
				hw_size(t.top_bytes), hw_size(t.unknown_bytes),
				hw_flag(a->is_locked), hw_flag(!(a->flags & NONCONTIGUOUS))});
		}
	}
	out->table_end(out->self);
	return true;
}

struct bin_totals {
	uint64_t count[NBINS], bytes[NBINS];
	uint64_t fast_count[NFASTBINS], fast_bytes[NFASTBINS];
};

static void count_bin(void *arg, uint32_t bin, hw_addr chunk, uint64_t size)
{
	struct bin_totals *b = arg;

	(void)chunk;
	b->count[bin]++;
	b->bytes[bin] += size;
}

static void count_fast(void *arg, uint32_t index, hw_addr chunk, uint64_t size)
{
	struct bin_totals *b = arg;

	(void)chunk;
	b->fast_count[index]++;
	b->fast_bytes[index] += size;
}

static void emit_bins(const struct hw_emit *out, const struct bin_totals *b)
{
	for (uint32_t i = 0; i < NFASTBINS; i++)
		if (b->fast_count[i])
			out->row(out->self,
				 (struct hw_value[]){hw_text("fast"), hw_count(i),
						     hw_size(MINSIZE + (uint64_t)i * ALIGNMENT),
						     hw_size(MINSIZE + (uint64_t)i * ALIGNMENT),
						     hw_count(b->fast_count[i]),
						     hw_size(b->fast_bytes[i]),
						     hw_size(b->fast_bytes[i])});
	for (uint32_t i = 1; i < BIN_HEADS; i++) {
		const char *kind = i == 1 ? "unsorted" : i < 64 ? "small" : "large";

		if (b->count[i])
			out->row(out->self,
				 (struct hw_value[]){hw_text(kind), hw_count(i),
						     i == 1 ? hw_null() : hw_size(bin_smallest(i)),
						     i == 1 || i == 126
							 ? hw_null()
							 : hw_size(bin_smallest(i + 1) - ALIGNMENT),
						     hw_count(b->count[i]), hw_size(b->bytes[i]),
						     hw_size(b->bytes[i])});
	}
}

static bool report_bins(void *handle, const struct hw_emit *out)
{
	static const struct hw_column columns[] = {
	    {"kind", "kind", HW_KIND_TEXT, 0},
	    {"bin", "bin", HW_KIND_COUNT, 0},
	    {"smallest", "from", HW_KIND_SIZE, 0},
	    {"largest", "to", HW_KIND_SIZE, 0},
	    {"chunks", "chunks", HW_KIND_COUNT, 0},
	    {"bytes", "bytes", HW_KIND_SIZE, 0},
	    {"share", "", HW_KIND_SIZE, HW_COLUMN_BAR | HW_COLUMN_TEXT},
	};
	struct ptmalloc *pt = handle;

	if (!add_all(pt))
		return false;
	out->list(out->self, "heaps", NULL);
	for (uint64_t l = 0; l < pt->count; l++) {
		const struct libc *libc = &pt->libcs[l];
		struct bin_totals b = {0};
		uint64_t top = 0;

		for (uint32_t a = 0; a < libc->arena_count; a++) {
			struct bin_sum sum;
			struct totals t;

			walk_bins(pt, libc, a, false, &sum, count_bin, &b);
			walk_fastbins(pt, libc, a, count_fast, &b);
			arena_totals(libc, a, &t);
			top += t.top_bytes;
		}
		out->begin(out->self, NULL, NULL);
		out->field(out->self, "heap", "heap", hw_text(libc->name));
		out->field(out->self, "arenas", "arenas", hw_count(libc->arena_count));
		out->field(out->self, "top", "top, all arenas", hw_size(top));
		out->table(out->self, "bins", "Free chunks by bin, all arenas", columns,
			   COUNT(columns));
		emit_bins(out, &b);
		out->table_end(out->self);
		out->end(out->self);
	}
	out->list_end(out->self);
	return true;
}

static void tcache_sums(const struct tcache *t, uint64_t *count, uint64_t *bytes)
{
	*count = *bytes = 0;
	for (int i = 0; i < TCACHE_BINS_MAX; i++) {
		*count += t->count[i];
		*bytes += t->bytes[i];
	}
}

static void emit_threads(const struct hw_emit *out, const struct libc *libc)
{
	static const struct hw_column columns[] = {
	    {"thread", "thread", HW_KIND_ID, 0},
	    {"address", "tcache", HW_KIND_ADDR, 0},
	    {"blocks", "blocks", HW_KIND_COUNT, 0},
	    {"bytes", "bytes", HW_KIND_SIZE, 0},
	    {"share", "", HW_KIND_SIZE, HW_COLUMN_BAR | HW_COLUMN_TEXT},
	};

	out->table(out->self, "threads", "Cached by thread", columns, COUNT(columns));
	for (uint64_t i = 0; i < libc->tcache_count; i++) {
		const struct tcache *t = &libc->tcaches[i];
		uint64_t count, bytes;

		tcache_sums(t, &count, &bytes);
		bytes -= count * CHUNK_OVERHEAD;
		out->row(out->self,
			 (struct hw_value[]){t->tid ? hw_id((uint64_t)(uint32_t)t->tid) : hw_null(),
					     hw_address(t->addr), hw_count(count), hw_size(bytes),
					     hw_size(bytes)});
	}
	out->table_end(out->self);
}

static void emit_classes(const struct hw_emit *out, const struct libc *libc)
{
	static const struct hw_column columns[] = {
	    {"smallest", "from", HW_KIND_SIZE, 0},
	    {"largest", "to", HW_KIND_SIZE, 0},
	    {"blocks", "blocks", HW_KIND_COUNT, 0},
	    {"bytes", "bytes", HW_KIND_SIZE, 0},
	    {"share", "", HW_KIND_SIZE, HW_COLUMN_BAR | HW_COLUMN_TEXT},
	};

	out->table(out->self, "sizes", "Cached by usable size, all threads", columns,
		   COUNT(columns));
	for (uint32_t b = 0; b < TCACHE_BINS_MAX; b++) {
		uint64_t count = 0, bytes = 0, low, high;

		for (uint64_t i = 0; i < libc->tcache_count; i++) {
			count += libc->tcaches[i].count[b];
			bytes += libc->tcaches[i].bytes[b];
		}
		if (!count)
			continue;
		tcache_bin_sizes(b, &low, &high);
		bytes -= count * CHUNK_OVERHEAD;
		out->row(out->self,
			 (struct hw_value[]){hw_size(low - CHUNK_OVERHEAD),
					     hw_size(high - CHUNK_OVERHEAD), hw_count(count),
					     hw_size(bytes), hw_size(bytes)});
	}
	out->table_end(out->self);
}

static bool report_tcache(void *handle, const struct hw_emit *out)
{
	struct ptmalloc *pt = handle;

	if (!add_all(pt))
		return false;
	out->list(out->self, "heaps", NULL);
	for (uint64_t l = 0; l < pt->count; l++) {
		const struct libc *libc = &pt->libcs[l];
		uint64_t count = 0, bytes = 0;

		for (uint64_t i = 0; i < libc->tcache_count; i++) {
			uint64_t c, b;

			tcache_sums(&libc->tcaches[i], &c, &b);
			count += c;
			bytes += b - c * CHUNK_OVERHEAD;
		}
		out->begin(out->self, NULL, NULL);
		out->field(out->self, "heap", "heap", hw_text(libc->name));
		out->field(out->self, "layout", "struct of",
			   libc->tcache_kind == TCACHE_NONE
			       ? hw_null()
			       : hw_text(tcache_layouts[libc->tcache_kind].versions));
		out->field(out->self, "limit", "blocks per bin",
			   libc->par.addr ? hw_count(libc->par.tcache_count) : hw_null());
		out->field(out->self, "blocks", "blocks", hw_count(count));
		out->field(out->self, "bytes", "bytes", hw_size(bytes));
		emit_threads(out, libc);
		emit_classes(out, libc);
		out->end(out->self);
	}
	out->list_end(out->self);
	return true;
}

/* The chunk before top, and whether it ends what sbrk or the heap could give back. */
struct before_top {
	hw_addr chunk;
	uint64_t size;
	enum chunk_kind kind;
};

static bool note_last(void *arg, enum chunk_kind kind, hw_addr chunk, uint64_t size)
{
	struct before_top *b = arg;

	if (kind != CHUNK_TOP)
		*b = (struct before_top){chunk, size, kind};
	return true;
}

static const char *const kind_names[] = {
    [CHUNK_LIVE] = "live",       [CHUNK_CACHED] = "tcache", [CHUNK_FAST] = "fastbin",
    [CHUNK_BINNED] = "free",     [CHUNK_TOP] = "top",       [CHUNK_FENCE] = "fencepost",
    [CHUNK_UNKNOWN] = "unknown",
};

static bool report_top(void *handle, const struct hw_emit *out)
{
	struct hw_column columns[] = {
	    {"heap", "heap", HW_KIND_TEXT, heap_column(handle)},
	    {"arena", "arena", HW_KIND_COUNT, 0},
	    {"address", "top", HW_KIND_ADDR, 0},
	    {"size", "size", HW_KIND_SIZE, 0},
	    {"before", "block before", HW_KIND_ADDR, 0},
	    {"before_size", "size", HW_KIND_SIZE, 0},
	    {"before_state", "state", HW_KIND_TEXT, 0},
	};
	struct ptmalloc *pt = handle;

	if (!add_all(pt))
		return false;
	out->table(out->self, "tops", "Top chunks, and the block that keeps each from growing down",
		   columns, COUNT(columns));
	for (uint64_t l = 0; l < pt->count; l++) {
		const struct libc *libc = &pt->libcs[l];

		for (uint64_t i = 0; i < libc->region_count; i++) {
			const struct region *r = &libc->regions[i];
			const struct arena *a = &libc->arenas[r->arena];
			struct before_top b = {0};

			if (!r->has_top)
				continue;
			walk_region(pt, libc, r, false, note_last, &b);
			out->row(out->self,
				 (struct hw_value[]){
				     hw_text(libc->name), hw_count(r->arena), hw_address(a->top),
				     hw_size(a->top_size),
				     b.chunk ? hw_address(b.chunk + CHUNK_HDR) : hw_null(),
				     b.chunk ? hw_size(b.size - CHUNK_OVERHEAD) : hw_null(),
				     b.chunk ? hw_text(kind_names[b.kind]) : hw_null()});
			if (pt->host->stopped(pt->host->self))
				return false;
		}
	}
	out->table_end(out->self);
	return true;
}

static void emit_params(const struct hw_emit *out, const struct libc *libc)
{
	const struct params *p = &libc->par;

	out->field(out->self, "chunks", "mmapped chunks", hw_count(libc->mmapped_count));
	out->field(out->self, "n_mmaps", "mp_.n_mmaps", p->addr ? hw_count(p->n_mmaps) : hw_null());
	out->field(out->self, "mmapped_mem", "mp_.mmapped_mem",
		   p->addr ? hw_size(p->mmapped_mem) : hw_null());
	out->field(out->self, "mmap_threshold", "mmap_threshold",
		   p->addr ? hw_size(p->mmap_threshold) : hw_null());
	out->field(out->self, "trim_threshold", "trim_threshold",
		   p->addr && p->trim_threshold < UINT64_C(1) << 53 ? hw_size(p->trim_threshold)
								    : hw_null());
}

static bool report_mmapped(void *handle, const struct hw_emit *out)
{
	static const struct hw_column columns[] = {
	    {"address", "address", HW_KIND_ADDR, 0},
	    {"size", "usable", HW_KIND_SIZE, 0},
	    {"mapping", "mapping", HW_KIND_ADDR, 0},
	    {"mapped", "mapped", HW_KIND_SIZE, 0},
	    {"share", "", HW_KIND_SIZE, HW_COLUMN_BAR | HW_COLUMN_TEXT},
	};
	struct ptmalloc *pt = handle;

	out->list(out->self, "heaps", NULL);
	for (uint64_t l = 0; l < pt->count; l++) {
		const struct libc *libc = &pt->libcs[l];

		out->begin(out->self, NULL, NULL);
		out->field(out->self, "heap", "heap", hw_text(libc->name));
		emit_params(out, libc);
		out->table(out->self, "blocks", "Blocks with a mapping of their own", columns,
			   COUNT(columns));
		for (uint64_t i = 0; i < libc->mmapped_count; i++) {
			const struct mmapped *m = &libc->mmapped[i];

			out->row(out->self,
				 (struct hw_value[]){hw_address(m->addr), hw_size(m->usable),
						     hw_address(m->base), hw_size(m->length),
						     hw_size(m->length)});
		}
		out->table_end(out->self);
		out->end(out->self);
	}
	out->list_end(out->self);
	return true;
}

const struct hw_report pt_reports[6] = {
    {.name = "arenas",
     .summary = "every arena: threads, bytes live, cached, free, top",
     .run = report_arenas},
    {.name = "bins",
     .summary = "free chunks by fastbin, unsorted, small and large bin",
     .run = report_bins},
    {.name = "tcache", .summary = "what each thread caches, and by size", .run = report_tcache},
    {.name = "top", .summary = "top chunks and the block below each", .run = report_top},
    {.name = "mmapped",
     .summary = "blocks with a mapping of their own, and the thresholds",
     .run = report_mmapped},
    {.name = "trim",
     .summary = "what malloc_trim(0) would return, and what pins the rest",
     .run = report_trim},
};
