/* SPDX-License-Identifier: Apache-2.0 */
/* The report `stats`: the numbers jemalloc itself prints (ctl.c, "stats.*"), computed from
 * extents and base blocks, with what each means. */
#include "reports.h"

enum stat {
	ALLOCATED,
	ACTIVE,
	DIRTY,
	MUZZY,
	METADATA,
	RESIDENT,
	MAPPED,
	RETAINED,
	TCACHE_BYTES,
	STATS
};

static const struct {
	const char *name, *meaning;
} stats[STATS] = {
    {"allocated", "in use by size class: live, cached by threads, and jemalloc's own"},
    {"active", "pages of slabs and large extents that hold any of it"},
    {"dirty", "free pages with old contents: a purge returns them"},
    {"muzzy", "free pages given to MADV_FREE: in RSS until the kernel wants them"},
    {"metadata", "base blocks handed out, and jemalloc's own allocations"},
    {"resident", "active, dirty, touched metadata, and up to 5.2 muzzy: at most, in RSS"},
    {"mapped", "active, dirty, muzzy, and all of the base blocks"},
    {"retained", "address space kept for reuse, its pages are with the OS"},
    {"tcache_bytes", "part of allocated that thread caches hold: freed by the program"},
};

/* As upstream adds them up: a sampled small allocation counts with all of its extent but the
 * pad, in 5.3.1 not at all below 16 KiB (arena_large_malloc_stats_update(), arena.c). */
static void arena_stats(const struct copy *copy, const struct arena_totals *t, uint64_t s[STATS])
{
	/* Its own counters, if it counts. */
	const struct arena *a = has_statistics(copy) ? arena_of(copy, t->arena) : NULL;
	struct small_sum sum;
	uint64_t promoted = 0, pac; /* Modulo 2^64. */

	sum_bins(t, &sum);
	for (uint32_t i = 0; i < SC_NBINS; i++)
		promoted += (uint64_t)t->large[i].promoted;
	pac = t->bytes[KIND_SLAB] + t->bytes[KIND_LARGE] + t->bytes[KIND_SEC] - t->hpa_bytes +
	      t->bytes[KIND_DIRTY] + t->bytes[KIND_MUZZY];
	s[ALLOCATED] = sum.live + sum.cached + sum.internal + promoted;
	s[ACTIVE] = t->bytes[KIND_SLAB] + t->bytes[KIND_LARGE];
	/* 5.3.1 counts the dirty pages of page slabs, too; 5.3.0 only those of the other
	 * extents. */
	s[DIRTY] = t->bytes[KIND_DIRTY] +
		   (copy->version && copy->version->counts_hpa_dirty ? t->ps_dirty : 0);
	s[MUZZY] = t->bytes[KIND_MUZZY];
	s[METADATA] = a ? a->base_allocated + a->internal : t->base_used + sum.internal;
	/* Muzzy pages counted up to 5.2 (arena_stats_merge()), and no more in 5.3 (pa_extra.c). */
	s[RESIDENT] = (a ? a->base_resident : (t->base_used + PAGE - 1) & ~(PAGE - 1)) + s[ACTIVE] +
		      s[DIRTY] + (copy->layout->leaf_has_state ? 0 : s[MUZZY]);
	s[MAPPED] = t->base_size + pac;
	s[RETAINED] = t->bytes[KIND_RETAINED];
	/* A tcache counts for its own arena, whichever its blocks are from. */
	s[TCACHE_BYTES] = 0;
	for (uint64_t i = 0; i < copy->tcache_count; i++)
		if (copy->tcaches[i].arena == t->arena)
			s[TCACHE_BYTES] += copy->tcaches[i].bytes;
}

static void emit_stats(const struct hw_emit *out, const uint64_t s[STATS])
{
	static const struct hw_column columns[] = {
	    {NULL, "", HW_KIND_TEXT, 0},
	    {NULL, "bytes", HW_KIND_SIZE, 0},
	    {NULL, "is", HW_KIND_TEXT, 0},
	};

	for (int i = 0; i < STATS; i++)
		out->field(out->self, stats[i].name, NULL, hw_size(s[i]));
	out->table(out->self, NULL, NULL, columns, COUNT(columns));
	for (int i = 0; i < STATS; i++)
		out->row(out->self, (struct hw_value[]){hw_text(stats[i].name), hw_size(s[i]),
							hw_text(stats[i].meaning)});
	out->table_end(out->self);
}

static void emit_arenas(const struct hw_emit *out, const struct copy *copy)
{
	out->list(out->self, "arenas", NULL);
	for (uint64_t i = 0; i < copy->total_count; i++) {
		const struct arena_totals *t = &copy->totals[i];
		const struct arena *a = arena_of(copy, t->arena);
		struct small_sum sum;
		uint64_t s[STATS];

		arena_stats(copy, t, s);
		sum_bins(t, &sum);
		out->begin(out->self, NULL, NULL);
		out->field(out->self, "arena", NULL,
			   t->arena == NONE ? hw_null() : hw_count(t->arena));
		for (int k = 0; k < STATS; k++)
			out->field(out->self, stats[k].name, NULL, hw_size(s[k]));
		out->field(out->self, "base", NULL, a ? hw_size(a->base_allocated) : hw_null());
		out->field(out->self, "internal", NULL, a ? hw_size(a->internal) : hw_null());
		out->field(out->self, "internal_found", NULL, hw_size(sum.internal));
		out->end(out->self);
	}
	out->list_end(out->self);
}

bool report_stats(void *handle, const struct hw_emit *out)
{
	struct jemalloc *je = handle;

	if (!add_all(je))
		return false;
	out->list(out->self, "heaps", NULL);
	for (uint64_t c = 0; c < je->count; c++) {
		const struct copy *copy = &je->copies[c];
		uint64_t all[STATS] = {0}, s[STATS];

		for (uint64_t i = 0; i < copy->total_count; i++) {
			arena_stats(copy, &copy->totals[i], s);
			for (int k = 0; k < STATS; k++)
				all[k] += s[k];
		}
		out->begin(out->self, NULL, NULL);
		out->field(out->self, "heap", "heap", hw_text(copy->name));
		out->field(out->self, "version", "version", hw_text(copy->version_name));
		emit_stats(out, all);
		emit_arenas(out, copy);
		out->end(out->self);
	}
	out->list_end(out->self);
	return true;
}
