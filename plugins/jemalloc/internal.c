/* SPDX-License-Identifier: Apache-2.0 */
/* Allocations of jemalloc's own: it takes the stacks of thread caches and the tables of the
 * profiler from its own heap (is_internal in arena_malloc's callers). Those that a structure
 * leads to are told apart from the program's. */
#include "jemalloc.h"
#include <stdlib.h>
#include <string.h>

bool add_internal(struct jemalloc *je, struct copy *copy, hw_addr addr, const char *what)
{
	struct extent *e = object_at(je, copy, addr);

	if (!e)
		return true;
	if (!GROW(je, copy->internals, copy->internal_room, copy->internal_count))
		return false;
	copy->internals[copy->internal_count++] =
	    (struct internal){addr, what, (uint32_t)(e - copy->extents)};
	return true;
}

hw_addr object_start(const struct copy *copy, hw_addr addr)
{
	const struct extent *e = extent_find(copy, addr);

	if (e && e->kind == KIND_LARGE)
		return e->addr + e->offset;
	if (e && e->kind == KIND_SLAB)
		return addr - (addr - e->addr) % index2size(e->szind);
	return 0;
}

/* 5.3.0: tcache_slow_t.dyn_alloc. Before: the array that avail of every bin points into; the
 * first bin's ends there at the latest. 5.3.1 takes it from the base allocator. */
static bool tcache_internals(struct jemalloc *je, struct copy *copy, const struct tcache *t)
{
	const struct version_layout *v = copy->version;
	uint64_t avail;

	if (v->tcache_kind == TCACHE_STACK)
		return add_internal(je, copy, t->dyn, "tcache stack");
	if (!read_word(je, t->addr + v->tcache_small + 16, &avail) || avail < 8)
		return true;
	return add_internal(je, copy, object_start(copy, avail - 8), "tcache stack") &&
	       add_internal(je, copy, t->addr, "tcache_t");
}

/* 5.0 to 5.2: a ticker for each arena, {i32 tick, i32 nticks}, nticks always the same
 * (DECAY_NTICKS_PER_UPDATE); the thread's tsd_t leads to them. 0: it has none. */
static hw_addr tickers_of(struct jemalloc *je, const struct copy *copy, hw_addr tsd)
{
	const struct version_layout *v = copy->version;
	const struct extent *e;
	uint32_t count, nticks;
	uint64_t tickers;

	if (!read_word(je, tsd + v->tsd_tdata, &tickers) || !tickers ||
	    !read_u32(je, tsd + TSD_NARENAS_TDATA, &count) || !count ||
	    count > MALLOCX_ARENA_LIMIT || !(e = object_at(je, copy, tickers)) ||
	    usable_size(copy, e) < 8 * (uint64_t)count)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		if (!read_u32(je, tickers + 8 * (uint64_t)i + 4, &nticks) ||
		    nticks != DECAY_NTICKS_PER_UPDATE)
			return 0;
	return tickers;
}

static bool thread_internals(struct jemalloc *je, struct copy *copy, const struct tcache *t)
{
	const struct version_layout *v = copy->version;
	hw_addr tickers =
	    v->tsd_tdata && t->tid ? tickers_of(je, copy, t->addr - v->tsd_tcache) : 0;

	return !tickers || add_internal(je, copy, tickers, "arenas tdata");
}

/* Without thread caches nothing leads to a thread's tsd_t: it is searched below the thread's
 * control block. Its arena, just before the tickers, is one of this copy's. */
static bool search_thread(struct jemalloc *je, struct copy *copy, hw_addr tls)
{
	const struct version_layout *v = copy->version;

	for (hw_addr at = tls - TLS_SEARCHED; at + v->tsd_tdata + 8 <= tls; at += 8) {
		uint64_t arena;
		hw_addr tickers;

		if (!read_word(je, at + v->tsd_tdata - 8, &arena) || !arena)
			continue;
		for (uint64_t i = 0; i < copy->arena_count; i++)
			if (copy->arenas[i].addr == arena && (tickers = tickers_of(je, copy, at)) &&
			    !add_internal(je, copy, tickers, "arenas tdata"))
				return false;
	}
	return true;
}

static bool search_threads(struct jemalloc *je, struct copy *copy)
{
	const struct hw_host *host = je->host;
	struct hw_thread_info t = {.struct_size = sizeof(t)};

	for (uint32_t i = 0; copy->version->tsd_tdata && host->thread(host->self, i, &t); i++)
		if (t.tls > TLS_SEARCHED && !search_thread(je, copy, t.tls))
			return false;
	return true;
}

static bool is_code(struct jemalloc *je, const struct copy *copy, hw_addr addr)
{
	struct hw_range r = {.struct_size = sizeof(r)};

	return addr && je->host->range(je->host->self, addr, &r) && r.start <= addr &&
	       (r.perm & HW_PERM_X) && r.module == copy->module;
}

/* The cells of the ckh_t whose tab is at slot; 0: there is none. */
static hw_addr table_at(struct jemalloc *je, const struct copy *copy, hw_addr slot, hw_addr tab)
{
	const struct extent *e = object_at(je, copy, tab);
	hw_addr ckh = slot - CKH_TAB;
	uint64_t hash, keycomp;
	uint32_t lg;

	if (!e || !read_u32(je, ckh + CKH_LG_CURBUCKETS, &lg) || lg > 40 ||
	    usable_size(copy, e) < (uint64_t)CKH_BUCKET << lg ||
	    !read_word(je, ckh + CKH_HASH, &hash) || !read_word(je, ckh + CKH_KEYCOMP, &keycomp) ||
	    !is_code(je, copy, hash) || !is_code(je, copy, keycomp))
		return 0;
	return tab;
}

/* The profiler's hash tables in the module's data: bt2gctx, those of prof_log. */
static bool table_internals(struct jemalloc *je, struct copy *copy)
{
	const struct hw_host *host = je->host;
	struct hw_range r = {.struct_size = sizeof(r)};
	hw_addr low, high;

	if (!copy->extent_count)
		return true;
	low = copy->extents[0].addr;
	high = copy->extents[copy->extent_count - 1].addr;
	for (hw_addr at = 0; host->range(host->self, at, &r); at = r.end) {
		hw_addr from = r.start, start, end;

		if (r.module != copy->module || !(r.perm & HW_PERM_W))
			continue;
		while (from < r.end && host->data(host->self, from, r.end, &start, &end)) {
			for (hw_addr a = (start + 7) & ~UINT64_C(7); a + 8 <= end; a += 8) {
				uint64_t w;

				if (read_word(je, a, &w) && w >= low && w <= high &&
				    w % CACHELINE == 0 && table_at(je, copy, a, w) &&
				    !add_internal(je, copy, w, "prof table"))
					return false;
			}
			if (host->stopped(host->self))
				return false;
			from = end;
		}
	}
	return true;
}

static uint64_t internal_bytes(const struct copy *copy)
{
	uint64_t bytes = 0;

	for (uint64_t i = 0; i < copy->internal_count; i++)
		bytes += usable_size(copy, &copy->extents[copy->internals[i].extent]);
	return bytes;
}

static int compare_internals(const void *a, const void *b)
{
	const struct internal *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* By address, once each, and never what a thread cache holds. */
static void settle(struct copy *copy)
{
	uint64_t kept = 0, c = 0;

	if (!copy->internal_count)
		return;
	qsort(copy->internals, copy->internal_count, sizeof(*copy->internals), compare_internals);
	for (uint64_t i = 0; i < copy->internal_count; i++) {
		hw_addr addr = copy->internals[i].addr;

		while (c < copy->cached_count && copy->cached[c].addr < addr)
			c++;
		if ((kept && copy->internals[kept - 1].addr == addr) ||
		    (c < copy->cached_count && copy->cached[c].addr == addr))
			continue;
		copy->internals[kept++] = copy->internals[i];
	}
	copy->internal_count = kept;
	for (uint64_t i = 0; i < kept; i++)
		copy->extents[copy->internals[i].extent].internals = 0;
	for (uint64_t i = 0; i < kept; i++)
		copy->extents[copy->internals[i].extent].internals++;
}

/* Does jemalloc count more than was found? */
static bool is_missing(const struct copy *copy)
{
	uint64_t counted = 0;

	for (uint64_t i = 0; i < copy->arena_count; i++)
		counted += copy->arenas[i].internal;
	return internal_bytes(copy) < counted;
}

bool find_internals(struct jemalloc *je, struct copy *copy)
{
	for (uint64_t i = 0; copy->version && i < copy->tcache_count; i++)
		if (!tcache_internals(je, copy, &copy->tcaches[i]) ||
		    !thread_internals(je, copy, &copy->tcaches[i]))
			return false;
	if (!find_stacks(je, copy))
		return false;
	settle(copy);
	if (copy->version && is_missing(copy)) {
		if (!search_threads(je, copy))
			return false;
		settle(copy);
	}
	if (is_missing(copy)) {
		if (!table_internals(je, copy))
			return false;
		settle(copy);
	}
	return true;
}
