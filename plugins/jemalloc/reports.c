/* SPDX-License-Identifier: Apache-2.0 */
/* The reports: arenas, extents, tcache; bins is in bins.c, stats in stats.c. */
#include "reports.h"
#include <stdlib.h>
#include <string.h>

#define LARGEST 32

bool add_all(struct jemalloc *je)
{
	for (uint64_t i = 0; i < je->count; i++) {
		if (!add_up(je, &je->copies[i])) {
			je->host->fail(je->host->self, "stopped while adding up the slabs");
			return false;
		}
	}
	return true;
}

void sum_bins(const struct arena_totals *t, struct small_sum *s)
{
	*s = (struct small_sum){0};
	for (uint32_t i = 0; i < SC_NBINS; i++) {
		const struct bin_totals *b = &t->bins[i];
		uint64_t size = index2size(i);

		s->live += (b->regions - b->free - b->cached - b->internal) * size;
		s->cached += b->cached * size;
		s->free += b->free * size;
		s->internal += b->internal * size;
	}
	for (uint32_t i = 0; i < SC_NSIZES; i++) {
		s->live += t->large[i].live_bytes;
		s->cached += t->large[i].cached_bytes;
		s->internal += t->large[i].internal_bytes;
	}
}

static void emit_arena(const struct hw_emit *out, const struct copy *copy,
		       const struct arena_totals *t)
{
	const struct arena *a = arena_of(copy, t->arena);
	struct small_sum s;

	sum_bins(t, &s);
	out->row(out->self,
		 (struct hw_value[]){
		     hw_text(copy->name), t->arena == NONE ? hw_null() : hw_count(t->arena),
		     a ? hw_address(a->addr) : hw_null(), a ? hw_count(a->threads) : hw_null(),
		     hw_size(s.live), hw_size(s.cached), hw_size(s.free),
		     hw_size(t->bytes[KIND_DIRTY]), hw_size(t->bytes[KIND_MUZZY]),
		     hw_size(t->bytes[KIND_DIRTY] + t->bytes[KIND_MUZZY]),
		     hw_size(t->bytes[KIND_RETAINED]), hw_size(t->base_used + s.internal),
		     hw_size(t->bytes[KIND_UNKNOWN]), a ? hw_flag(a->locked != 0) : hw_null()});
}

static bool report_arenas(void *handle, const struct hw_emit *out)
{
	struct jemalloc *je = handle;
	struct hw_column columns[] = {
	    {"heap", "heap", HW_KIND_TEXT, heap_column(je)},
	    {"arena", "arena", HW_KIND_COUNT, 0},
	    {"address", "address", HW_KIND_ADDR, HW_COLUMN_JSON},
	    {"threads", "thr", HW_KIND_COUNT, 0},
	    {"live", "live", HW_KIND_SIZE, 0},
	    {"cached", "tcache", HW_KIND_SIZE, 0},
	    {"free", "in slabs", HW_KIND_SIZE, 0},
	    {"dirty", "dirty", HW_KIND_SIZE, 0},
	    {"muzzy", "muzzy", HW_KIND_SIZE, 0},
	    {"purge", "purge", HW_KIND_SIZE, HW_COLUMN_JSON},
	    {"retained", "retained", HW_KIND_SIZE, 0},
	    {"metadata", "metadata", HW_KIND_SIZE, HW_COLUMN_JSON},
	    {"unknown", "unknown", HW_KIND_SIZE, HW_COLUMN_JSON},
	    {"locked", "locked", HW_KIND_FLAG, HW_COLUMN_JSON},
	};

	if (!add_all(je))
		return false;
	out->table(out->self, "arenas", "Arenas", columns, COUNT(columns));
	for (uint64_t c = 0; c < je->count; c++)
		for (uint64_t i = 0; i < je->copies[c].total_count; i++)
			emit_arena(out, &je->copies[c], &je->copies[c].totals[i]);
	out->table_end(out->self);
	out->note(out->self, "A purge now ('arena.<i>.purge') returns dirty and muzzy pages. Free "
			     "regions in slabs go back only when all of their slab is free.");
	return true;
}

static const char *const kind_names[KINDS] = {
    "slab", "large", "sec", "dirty", "muzzy", "retained", "unknown",
};

struct ranked {
	const struct extent *largest[LARGEST];
	uint32_t count;
};

static void rank(struct ranked *r, const struct extent *e)
{
	uint32_t at = r->count;

	while (at && r->largest[at - 1]->size < e->size)
		at--;
	if (at == LARGEST)
		return;
	if (r->count < LARGEST)
		r->count++;
	memmove(&r->largest[at + 1], &r->largest[at], (r->count - at - 1) * sizeof(*r->largest));
	r->largest[at] = e;
}

static void emit_kinds(const struct hw_emit *out, const struct copy *copy)
{
	static const struct hw_column columns[] = {
	    {"kind", "kind", HW_KIND_TEXT, 0},
	    {"extents", "extents", HW_KIND_COUNT, 0},
	    {"bytes", "bytes", HW_KIND_SIZE, HW_COLUMN_BAR},
	};
	uint64_t count[KINDS] = {0}, bytes[KINDS] = {0};

	for (uint64_t i = 0; i < copy->extent_count; i++) {
		count[copy->extents[i].kind]++;
		bytes[copy->extents[i].kind] += copy->extents[i].size;
	}
	out->table(out->self, "kinds", "Extents by what they are", columns, COUNT(columns));
	for (uint32_t k = 0; k < KINDS; k++)
		if (count[k])
			out->row(out->self,
				 (struct hw_value[]){hw_text(kind_names[k]), hw_count(count[k]),
						     hw_size(bytes[k])});
	out->table_end(out->self);
}

static void emit_largest(const struct hw_emit *out, const struct copy *copy)
{
	static const struct hw_column columns[] = {
	    {"address", "address", HW_KIND_ADDR, 0}, {"size", "size", HW_KIND_SIZE, 0},
	    {"kind", "kind", HW_KIND_TEXT, 0},       {"arena", "arena", HW_KIND_COUNT, 0},
	    {"class", "class", HW_KIND_SIZE, 0},
	};
	struct ranked r = {.count = 0};

	for (uint64_t i = 0; i < copy->extent_count; i++)
		rank(&r, &copy->extents[i]);
	out->table(out->self, "largest", "Largest", columns, COUNT(columns));
	for (uint32_t i = 0; i < r.count; i++) {
		const struct extent *e = r.largest[i];
		bool has_class = e->kind == KIND_SLAB || e->kind == KIND_LARGE;

		out->row(out->self, (struct hw_value[]){
					hw_address(e->addr), hw_size(e->size),
					hw_text(kind_names[e->kind]), hw_count(e->arena),
					has_class ? hw_size(index2size(e->szind)) : hw_null()});
	}
	out->table_end(out->self);
}

static void emit_pageslabs(const struct hw_emit *out, const struct copy *copy)
{
	uint64_t active = 0, dirty = 0, huge = 0;

	for (uint64_t i = 0; i < copy->pageslab_count; i++) {
		const struct pageslab *p = &copy->pageslabs[i];

		active += p->nactive * PAGE;
		dirty += (p->ntouched - p->nactive) * PAGE;
		huge += p->is_huge;
	}
	out->field(out->self, "pageslabs", copy->pageslab_count ? "page slabs" : NULL,
		   hw_count(copy->pageslab_count));
	out->field(out->self, "pageslab_active", copy->pageslab_count ? "active in them" : NULL,
		   hw_size(active));
	out->field(out->self, "pageslab_dirty", copy->pageslab_count ? "dirty in them" : NULL,
		   hw_size(dirty));
	out->field(out->self, "pageslab_huge", copy->pageslab_count ? "hugified" : NULL,
		   hw_count(huge));
}

static bool report_extents(void *handle, const struct hw_emit *out)
{
	struct jemalloc *je = handle;

	if (!add_all(je))
		return false;
	out->list(out->self, "heaps", NULL);
	for (uint64_t c = 0; c < je->count; c++) {
		const struct copy *copy = &je->copies[c];

		out->begin(out->self, NULL, NULL);
		out->field(out->self, "heap", "heap", hw_text(copy->name));
		out->field(out->self, "rtree", "rtree", hw_text(copy->shape->name));
		out->field(out->self, "layout", "extents of", hw_text(copy->layout->versions));
		emit_pageslabs(out, copy);
		emit_kinds(out, copy);
		emit_largest(out, copy);
		out->end(out->self);
	}
	out->list_end(out->self);
	return true;
}

static void emit_threads(const struct hw_emit *out, const struct copy *copy)
{
	static const struct hw_column columns[] = {
	    {"thread", "thread", HW_KIND_ID, 0},
	    {"address", "tcache", HW_KIND_ADDR, 0},
	    {"arena", "arena", HW_KIND_COUNT, 0},
	    {"blocks", "blocks", HW_KIND_COUNT, 0},
	    {"bytes", "bytes", HW_KIND_SIZE, HW_COLUMN_BAR},
	};

	out->table(out->self, "threads", "Cached by thread", columns, COUNT(columns));
	for (uint64_t i = 0; i < copy->tcache_count; i++) {
		const struct tcache *t = &copy->tcaches[i];

		out->row(out->self,
			 (struct hw_value[]){t->tid ? hw_id((uint64_t)(uint32_t)t->tid) : hw_null(),
					     hw_address(t->addr), hw_count(t->arena),
					     hw_count(t->blocks), hw_size(t->bytes)});
	}
	out->table_end(out->self);
}

static void emit_sizes(const struct hw_emit *out, const struct copy *copy)
{
	static const struct hw_column columns[] = {
	    {"size", "size", HW_KIND_SIZE, 0},
	    {"blocks", "blocks", HW_KIND_COUNT, 0},
	    {"bytes", "bytes", HW_KIND_SIZE, HW_COLUMN_BAR},
	};
	uint64_t count[SC_NSIZES] = {0}, bytes[SC_NSIZES] = {0};

	for (uint64_t i = 0; i < copy->cached_count; i++) {
		const struct extent *e = &copy->extents[copy->cached[i].extent];

		count[e->szind]++;
		bytes[e->szind] += usable_size(copy, e);
	}
	out->table(out->self, "sizes", "Cached by size class, all threads", columns,
		   COUNT(columns));
	for (uint32_t i = 0; i < SC_NSIZES; i++)
		if (count[i])
			out->row(out->self,
				 (struct hw_value[]){hw_size(index2size(i)), hw_count(count[i]),
						     hw_size(bytes[i])});
	out->table_end(out->self);
}

static bool report_tcache(void *handle, const struct hw_emit *out)
{
	struct jemalloc *je = handle;

	if (!add_all(je))
		return false;
	out->list(out->self, "heaps", NULL);
	for (uint64_t c = 0; c < je->count; c++) {
		const struct copy *copy = &je->copies[c];
		uint64_t bytes = 0;

		for (uint64_t i = 0; i < copy->cached_count; i++)
			bytes += usable_size(copy, &copy->extents[copy->cached[i].extent]);
		out->begin(out->self, NULL, NULL);
		out->field(out->self, "heap", "heap", hw_text(copy->name));
		out->field(out->self, "known", NULL, hw_flag(copy->tcaches_known));
		out->field(out->self, "hidden_threads",
			   copy->hidden_threads ? "threads without data" : NULL,
			   hw_count(copy->hidden_threads));
		out->field(out->self, "blocks", "blocks", hw_count(copy->cached_count));
		out->field(out->self, "bytes", "bytes", hw_size(bytes));
		emit_threads(out, copy);
		emit_sizes(out, copy);
		out->end(out->self);
	}
	out->list_end(out->self);
	return true;
}

const struct hw_report je_reports[6] = {
    {.name = "arenas",
     .summary = "every arena: live, cached, free, and what a purge would return",
     .run = report_arenas},
    {.name = "bins",
     .summary = "size classes: slabs, regions, utilisation, what perfect packing frees",
     .run = report_bins},
    {.name = "extents", .summary = "extents by kind, and the largest", .run = report_extents},
    {.name = "tcache", .summary = "what each thread caches, and by size", .run = report_tcache},
    {.name = "stats",
     .summary = "allocated, active, dirty, resident, … as jemalloc names them, explained",
     .run = report_stats},
    {.name = "prof",
     .summary = "live bytes by allocation backtrace, where prof:true was on",
     .run = report_prof,
     .formats = prof_formats,
     .write = write_prof},
};
