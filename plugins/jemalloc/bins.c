/* SPDX-License-Identifier: Apache-2.0 */
/* The report `bins`: size classes, over all arenas for people, and per arena in JSON. */
#include "reports.h"

/* Bytes of slabs that would be free if the regions in use filled as few as they can. */
static uint64_t packing_frees(const struct bin_totals *b)
{
	uint64_t used = b->regions - b->free, per_slab, needed;

	if (!b->slabs)
		return 0;
	per_slab = b->regions / b->slabs;
	needed = (used + per_slab - 1) / per_slab;
	return needed < b->slabs ? (b->slabs - needed) * (b->slab_bytes / b->slabs) : 0;
}

static void add_bin(struct bin_totals *to, const struct bin_totals *from)
{
	to->slabs += from->slabs;
	to->slab_bytes += from->slab_bytes;
	to->nonfull += from->nonfull;
	to->regions += from->regions;
	to->free += from->free;
	to->cached += from->cached;
	to->internal += from->internal;
}

static void emit_bins(const struct hw_emit *out, const struct copy *copy)
{
	static const struct hw_column columns[] = {
	    {"size", "size", HW_KIND_SIZE, 0},
	    {"slabs", "slabs", HW_KIND_COUNT, 0},
	    {"nonfull", "partly used", HW_KIND_COUNT, HW_COLUMN_JSON},
	    {"slab_bytes", "bytes", HW_KIND_SIZE, 0},
	    {"live", "live", HW_KIND_COUNT, 0},
	    {"cached", "tcache", HW_KIND_COUNT, 0},
	    {"free", "free", HW_KIND_COUNT, 0},
	    {"internal", "internal", HW_KIND_COUNT, HW_COLUMN_JSON},
	    {"used", "used", HW_KIND_RATIO, 0},
	    {"packing_frees", "packing frees", HW_KIND_SIZE, HW_COLUMN_BAR},
	};
	uint64_t all = 0;

	out->table(out->self, "bins", "Slabs by region size, all arenas", columns, COUNT(columns));
	for (uint32_t i = 0; i < SC_NBINS; i++) {
		struct bin_totals b = {0};
		uint64_t frees = 0, taken;

		for (uint64_t a = 0; a < copy->total_count; a++) {
			add_bin(&b, &copy->totals[a].bins[i]);
			frees += packing_frees(&copy->totals[a].bins[i]);
		}
		if (!b.slabs)
			continue;
		all += frees;
		taken = b.regions - b.free;
		out->row(out->self,
			 (struct hw_value[]){
			     hw_size(index2size(i)), hw_count(b.slabs), hw_count(b.nonfull),
			     hw_size(b.slab_bytes), hw_count(taken - b.cached - b.internal),
			     hw_count(b.cached), hw_count(b.free), hw_count(b.internal),
			     hw_ratio((double)taken / (double)b.regions), hw_size(frees)});
	}
	out->table_end(out->self);
	out->field(out->self, "packing_frees", "perfect packing would free", hw_size(all));
}

static void emit_large(const struct hw_emit *out, const struct copy *copy)
{
	static const struct hw_column columns[] = {
	    {"size", "class", HW_KIND_SIZE, 0},
	    {"live", "live", HW_KIND_COUNT, 0},
	    {"cached", "tcache", HW_KIND_COUNT, 0},
	    {"internal", "internal", HW_KIND_COUNT, HW_COLUMN_JSON},
	    {"live_bytes", "live bytes", HW_KIND_SIZE, HW_COLUMN_BAR},
	    {"cached_bytes", "", HW_KIND_SIZE, HW_COLUMN_JSON},
	    {"internal_bytes", "", HW_KIND_SIZE, HW_COLUMN_JSON},
	    {"sampled", "sampled", HW_KIND_FLAG, HW_COLUMN_JSON},
	};

	out->table(out->self, "large", "Large allocations by size class, all arenas", columns,
		   COUNT(columns));
	for (uint32_t i = 0; i < SC_NSIZES; i++) {
		struct large_totals l = {0};

		for (uint64_t a = 0; a < copy->total_count; a++) {
			const struct large_totals *from = &copy->totals[a].large[i];

			l.live += from->live;
			l.cached += from->cached;
			l.internal += from->internal;
			l.live_bytes += from->live_bytes;
			l.cached_bytes += from->cached_bytes;
			l.internal_bytes += from->internal_bytes;
		}
		if (l.live + l.cached + l.internal)
			out->row(out->self, (struct hw_value[]){
						hw_size(index2size(i)), hw_count(l.live),
						hw_count(l.cached), hw_count(l.internal),
						hw_size(l.live_bytes), hw_size(l.cached_bytes),
						hw_size(l.internal_bytes), hw_flag(i < SC_NBINS)});
	}
	out->table_end(out->self);
}

static void put(const struct hw_emit *out, const char *key, uint64_t count)
{
	out->field(out->self, key, NULL, hw_count(count));
}

/* The same for one arena, only in JSON: as malloc_stats_print() has it. */
static void emit_arena(const struct hw_emit *out, const struct arena_totals *t)
{
	out->begin(out->self, NULL, NULL);
	out->field(out->self, "arena", NULL, t->arena == NONE ? hw_null() : hw_count(t->arena));
	out->list(out->self, "bins", NULL);
	for (uint32_t i = 0; i < SC_NBINS; i++) {
		const struct bin_totals *b = &t->bins[i];

		if (!b->slabs)
			continue;
		out->begin(out->self, NULL, NULL);
		put(out, "index", i);
		put(out, "size", index2size(i));
		put(out, "slabs", b->slabs);
		put(out, "nonfull", b->nonfull);
		put(out, "regions", b->regions);
		put(out, "live", b->regions - b->free - b->cached - b->internal);
		put(out, "cached", b->cached);
		put(out, "free", b->free);
		put(out, "internal", b->internal);
		out->end(out->self);
	}
	out->list_end(out->self);
	out->list(out->self, "large", NULL);
	for (uint32_t i = 0; i < SC_NSIZES; i++) {
		const struct large_totals *l = &t->large[i];

		if (!(l->live + l->cached + l->internal))
			continue;
		out->begin(out->self, NULL, NULL);
		put(out, "index", i);
		put(out, "size", index2size(i));
		put(out, "live", l->live);
		put(out, "cached", l->cached);
		put(out, "internal", l->internal);
		put(out, "bytes", l->live_bytes + l->cached_bytes + l->internal_bytes);
		out->end(out->self);
	}
	out->list_end(out->self);
	out->end(out->self);
}

bool report_bins(void *handle, const struct hw_emit *out)
{
	struct jemalloc *je = handle;

	if (!add_all(je))
		return false;
	out->list(out->self, "heaps", NULL);
	for (uint64_t c = 0; c < je->count; c++) {
		const struct copy *copy = &je->copies[c];

		out->begin(out->self, NULL, NULL);
		out->field(out->self, "heap", "heap", hw_text(copy->name));
		emit_bins(out, copy);
		emit_large(out, copy);
		out->list(out->self, "arenas", NULL);
		for (uint64_t a = 0; a < copy->total_count; a++)
			emit_arena(out, &copy->totals[a]);
		out->list_end(out->self);
		out->end(out->self);
	}
	out->list_end(out->self);
	return true;
}
