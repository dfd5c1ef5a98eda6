/* SPDX-License-Identifier: Apache-2.0 */
/* ptmalloc -- glibc's malloc, 2.17 to 2.43, x86-64, with or without symbols.
 *
 * This file is the table of contents. FORMAT.md draws the format; layout.[ch] has every
 * offset; find.c and params.c find main_arena and mp_; arenas.c, scan.c and share.c find
 * the regions; lists.c and tcache.c mark what is cached; walk.c walks the chunks;
 * ledger.c, blocks.c, trim.c, reports.c and verify.c answer. */
#include "ptmalloc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_BUDGET UINT64_C(200000000)
#define LISTED_MOST  16 /* Arenas that a warning names. */

static void close_plugin(void *handle)
{
	struct ptmalloc *pt = handle;
	const struct hw_host *host;

	if (!pt)
		return;
	host = pt->host;
	for (uint64_t l = 0; l < pt->count; l++) {
		struct libc *libc = &pt->libcs[l];

		for (uint64_t i = 0; i < libc->region_count; i++) {
			struct region *r = &libc->regions[i];
			uint64_t words = (r->end - r->start) / (ALIGNMENT * 64) + 1;

			if (r->tcache_bits)
				host->resize(host->self, r->tcache_bits, words, 0, 8);
			if (r->fast_bits)
				host->resize(host->self, r->fast_bits, words, 0, 8);
		}
		host->resize(host->self, libc->arenas, libc->arena_room, 0, sizeof(struct arena));
		host->resize(host->self, libc->regions, libc->region_room, 0,
			     sizeof(struct region));
		host->resize(host->self, libc->mmapped, libc->mmapped_room, 0,
			     sizeof(struct mmapped));
		host->resize(host->self, libc->tcaches, libc->tcache_room, 0,
			     sizeof(struct tcache));
	}
	host->resize(host->self, pt->libcs, pt->room, 0, sizeof(struct libc));
	host->resize(host->self, pt->found, pt->found_room, 0, sizeof(struct mmapped));
	host->resize(host->self, pt->loose, pt->loose_room, 0, sizeof(struct region));
	host->resize(host->self, pt, 1, 0, sizeof(*pt));
}

/* Every glibc has the banner or main_arena somewhere; looking for arenas is the probe. */
static int probe(const struct hw_host *host)
{
	struct hw_range r = {.struct_size = sizeof(r)};

	return host->range(host->self, 0, &r) ? 50 : 0;
}

/* Two copies of one library get names that tell them apart. */
static void name_copies(struct ptmalloc *pt)
{
	for (uint64_t l = 1; l < pt->count; l++) {
		uint64_t same = 1;
		size_t length = strlen(pt->libcs[l].name);

		for (uint64_t k = 0; k < l; k++)
			same +=
			    strncmp(pt->libcs[k].name, pt->libcs[l].name, length) == 0 &&
			    (pt->libcs[k].name[length] == 0 || pt->libcs[k].name[length] == '#');
		if (same > 1 && length + 8 < sizeof(pt->libcs[l].name))
			snprintf(pt->libcs[l].name + length, sizeof(pt->libcs[l].name) - length,
				 "#%llu", (unsigned long long)same);
	}
}

static void claim_libc(struct ptmalloc *pt, const struct libc *libc)
{
	const struct hw_host *host = pt->host;

	for (uint64_t i = 0; i < libc->region_count; i++) {
		const struct region *r = &libc->regions[i];
		char name[40];

		snprintf(name, sizeof(name), r->arena ? "arena %u" : "main arena", r->arena);
		host->claim(host->self, libc->heap, HW_CLAIM_HEAP, r->mapped_start, r->mapped_end,
			    name);
	}
	for (uint64_t i = 0; i < libc->mmapped_count; i++) {
		const struct mmapped *m = &libc->mmapped[i];

		host->claim(host->self, libc->heap, HW_CLAIM_HEAP, m->base, m->base + m->length,
			    "mmapped chunk");
	}
	host->claim(host->self, libc->heap, HW_CLAIM_METADATA, libc->arenas[0].addr,
		    libc->arenas[0].addr + libc->state->size, "main_arena");
	if (libc->par.addr)
		host->claim(host->self, libc->heap, HW_CLAIM_METADATA, libc->par.addr,
			    libc->par.addr + libc->par.layout->size, "mp_");
}

/* Which arenas are in flux, and how many; the others are exact all the same. */
static uint64_t list_locked(const struct libc *libc, char *text, size_t room)
{
	uint64_t locked = 0;
	size_t used = 0;

	text[0] = '\0';
	for (uint64_t i = 0; i < libc->arena_count; i++) {
		if (!libc->arenas[i].is_locked)
			continue;
		if (++locked <= LISTED_MOST && used < room)
			used += (size_t)snprintf(text + used, room - used, "%s%llu",
						 locked > 1 ? ", " : "", (unsigned long long)i);
		else if (locked == LISTED_MOST + 1 && used < room)
			used += (size_t)snprintf(text + used, room - used, ", …");
	}
	return locked;
}

static void announce(struct ptmalloc *pt, struct libc *libc)
{
	const struct hw_host *host = pt->host;
	char how[160], arenas[LISTED_MOST * 8];
	struct hw_heap_info info = {
	    .struct_size = sizeof(info),
	    .confidence = libc->is_exact ? HW_EXACT : HW_CONSERVATIVE,
	    .name = libc->name,
	    .version = libc->version,
	    .how = how,
	    .block_header = CHUNK_HDR,
	};
	uint64_t locked;

	snprintf(how, sizeof(how), "main_arena by %s, malloc_state of %s, %s",
		 libc->by_symbol ? "symbol" : "structure", libc->state->versions,
		 libc->safe_linking_known ? (libc->safe_linking ? "safe-linking" : "plain links")
					  : "links not seen");
	for (uint64_t i = 0; i < libc->arena_count; i++)
		host->lock(host->self, libc->arenas[i].addr + STATE_MUTEX, 4);
	locked = list_locked(libc, arenas, sizeof(arenas));
	if (locked)
		info.confidence = HW_CONSERVATIVE;
	libc->heap = host->add_heap(host->self, &info);
	if (locked)
		host->warn(
		    host->self, "arena-locked", true,
		    "%llu of %llu arenas were locked (%s): a thread was inside malloc or free; "
		    "chunks it had taken off a list there count as live, the other arenas are "
		    "exact",
		    (unsigned long long)locked, (unsigned long long)libc->arena_count, arenas);
	claim_libc(pt, libc);
}

/* The libc whose heap is the brk area first: it lies below every mapping. */
static int compare_libcs(const void *a, const void *b)
{
	const struct arena *x = ((const struct libc *)a)->arenas;
	const struct arena *y = ((const struct libc *)b)->arenas;

	return x->top < y->top ? -1 : x->top > y->top;
}

static bool read_all(struct ptmalloc *pt)
{
	if (!find_main_arenas(pt))
		return false;
	for (uint64_t l = 0; l < pt->count; l++) {
		if (!read_arenas(pt, &pt->libcs[l]))
			return false;
		name_version(pt, &pt->libcs[l]);
	}
	if (pt->count)
		qsort(pt->libcs, pt->count, sizeof(*pt->libcs), compare_libcs);
	name_copies(pt);
	if (pt->count && !scan_anonymous(pt))
		return false;
	for (uint64_t l = 0; l < pt->count; l++) {
		if (!find_tcaches(pt, &pt->libcs[l]) || !mark_fastbins(pt, &pt->libcs[l]))
			return false;
		name_version(pt, &pt->libcs[l]);
	}
	name_copies(pt);
	return true;
}

static void *open_plugin(const struct hw_host *host)
{
	struct ptmalloc *pt = host->resize(host->self, NULL, 0, 1, sizeof(*pt));

	if (!pt) {
		host->fail(host->self, "out of memory");
		return NULL;
	}
	pt->host = host;
	pt->chain_budget = CHAIN_BUDGET;
	if (!read_all(pt)) {
		host->fail(host->self, pt->no_memory ? "out of memory" : "stopped");
		close_plugin(pt);
		return NULL;
	}
	for (uint64_t l = 0; l < pt->count; l++)
		announce(pt, &pt->libcs[l]);
	return pt;
}

HW_PLUGIN_EXPORT const struct hw_plugin hw_plugin_ptmalloc;
const struct hw_plugin hw_plugin_ptmalloc = {
    HW_PLUGIN_HEADER,
    .name = "ptmalloc",
    .summary = "glibc malloc: arenas, bins, fastbins, tcaches, mmapped chunks",
    .tested = "glibc 2.31, 2.36, 2.41, 2.43 run; 2.17 to 2.43 by synthetic heaps; x86-64",
    .probe = probe,
    .open = open_plugin,
    .ledger = pt_ledger,
    .blocks = pt_blocks,
    .verify = pt_verify,
    .close = close_plugin,
    .reports = pt_reports,
    .report_count = 6,
};
