/* SPDX-License-Identifier: Apache-2.0 */
/* jemalloc -- jemalloc 5.0 to 5.3.1, x86-64, with or without symbols.
 *
 * This file is the table of contents. FORMAT.md draws the format; layout.[ch] has every
 * offset; find.c finds base blocks and radix trees; extents.c reads what a tree leads to;
 * version.c and arenas.c tell versions and arenas; tcache.c, internal.c and hpa.c find what
 * is cached, what is jemalloc's own, and huge pages; ledger.c, blocks.c, reports.c and
 * verify.c answer. */
#include "jemalloc.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUDGET UINT64_C(100000000)

static void close_copy(const struct hw_host *host, struct copy *c)
{
	host->resize(host->self, c->extents, c->extent_room, 0, sizeof(*c->extents));
	host->resize(host->self, c->arenas, c->arena_room, 0, sizeof(*c->arenas));
	host->resize(host->self, c->tcaches, c->tcache_room, 0, sizeof(*c->tcaches));
	host->resize(host->self, c->cached, c->cached_room, 0, sizeof(*c->cached));
	host->resize(host->self, c->internals, c->internal_room, 0, sizeof(*c->internals));
	host->resize(host->self, c->pageslabs, c->pageslab_room, 0, sizeof(*c->pageslabs));
	host->resize(host->self, c->stacks, c->stack_room, 0, sizeof(*c->stacks));
	host->resize(host->self, c->totals, c->total_room, 0, sizeof(*c->totals));
}

static void close_plugin(void *handle)
{
	struct jemalloc *je = handle;
	const struct hw_host *host;

	if (!je)
		return;
	host = je->host;
	for (uint64_t i = 0; i < je->count; i++)
		close_copy(host, &je->copies[i]);
	host->resize(host->self, je->copies, je->room, 0, sizeof(*je->copies));
	host->resize(host->self, je->blocks, je->block_room, 0, sizeof(*je->blocks));
	host->resize(host->self, je->refs, je->ref_room, 0, sizeof(*je->refs));
	host->resize(host->self, je, 1, 0, sizeof(*je));
}

/* Looking for base blocks is the probe: one word for each 2 MiB. */
static int probe(const struct hw_host *host)
{
	struct hw_range r = {.struct_size = sizeof(r)};

	return host->range(host->self, 0, &r) ? 50 : 0;
}

/* Copies in one module get names that tell them apart. */
static void name_copies(struct jemalloc *je)
{
	for (uint64_t i = 1; i < je->count; i++) {
		size_t length = strlen(je->copies[i].name);
		uint64_t same = 1;

		for (uint64_t k = 0; k < i; k++)
			same += je->copies[k].module == je->copies[i].module;
		if (same > 1 && length + 8 < sizeof(je->copies[i].name))
			snprintf(je->copies[i].name + length, sizeof(je->copies[i].name) - length,
				 "#%llu", (unsigned long long)same);
	}
}

static void claim_extents(struct jemalloc *je, const struct copy *copy)
{
	const struct hw_host *host = je->host;

	for (uint64_t i = 0, next; i < copy->extent_count; i = next) {
		const struct extent *e = &copy->extents[i];
		hw_addr end = e->addr + e->size;
		char name[32];

		for (next = i + 1; next < copy->extent_count; next++) {
			const struct extent *n = &copy->extents[next];

			if (n->addr != end || n->arena != e->arena || n->is_hpa != e->is_hpa)
				break;
			end += n->size;
		}
		snprintf(name, sizeof(name), "arena %u", e->arena);
		if (!e->is_hpa || !copy->pageslab_count) /* Page slabs are claimed whole. */
			host->claim(host->self, copy->heap, HW_CLAIM_HEAP, e->addr, end, name);
	}
}

static void claim_copy(struct jemalloc *je, const struct copy *copy)
{
	const struct hw_host *host = je->host;

	claim_extents(je, copy);
	for (uint64_t i = 0; i < copy->pageslab_count; i++)
		host->claim(host->self, copy->heap, HW_CLAIM_HEAP, copy->pageslabs[i].addr,
			    copy->pageslabs[i].addr + HUGEPAGE, "page slab");
	if (copy->eden_size)
		host->claim(host->self, copy->heap, HW_CLAIM_HEAP, copy->eden,
			    copy->eden + copy->eden_size, "huge pages, unused");
	for (uint64_t i = 0; i < je->block_count; i++) {
		const struct base_block *b = &je->blocks[i];

		if (b->copy == (uint32_t)(copy - je->copies))
			host->claim(host->self, copy->heap, HW_CLAIM_HEAP, b->addr,
				    b->addr + b->size, "metadata");
	}
	host->claim(host->self, copy->heap, HW_CLAIM_METADATA, copy->root,
		    copy->root + (UINT64_C(8) << copy->shape->root_bits), "rtree");
	if (copy->arenas_at)
		host->claim(host->self, copy->heap, HW_CLAIM_METADATA, copy->arenas_at,
			    copy->arenas_at + 8 * MALLOCX_ARENA_LIMIT, "arenas");
}

static const char *version_of(struct copy *copy)
{
	size_t length = strcspn(copy->version_text, "-");

	if (length && (copy->is_newer || !copy->version ||
		       strncmp(copy->version_text, copy->version->version, length) == 0 ||
		       copy->version_text[2] == copy->version->version[2]))
		snprintf(copy->version_name, sizeof(copy->version_name), "%.*s", (int)length,
			 copy->version_text);
	else
		snprintf(copy->version_name, sizeof(copy->version_name), "%s",
			 copy->version ? copy->version->version : copy->layout->versions);
	return copy->version_name;
}

static void warn_of(struct jemalloc *je, struct copy *copy, uint64_t locked)
{
	const struct hw_host *host = je->host;

	if (copy->is_newer)
		host->warn(host->self, "jemalloc-newer", false,
			   "%s says it is jemalloc %s, newer than this plugin knows; every check "
			   "that it makes held with the layout of %s",
			   copy->name, copy->version_text,
			   copy->version ? copy->version->version : copy->layout->versions);
	if (locked)
		host->warn(host->self, "arena-locked", true,
			   "%llu locks of arenas and bins were held: a thread was inside malloc or "
			   "free; what it had in hand may be counted wrongly",
			   (unsigned long long)locked);
}

static void announce(struct jemalloc *je, struct copy *copy)
{
	const struct hw_host *host = je->host;
	char how[160];
	struct hw_heap_info info = {
	    .struct_size = sizeof(info),
	    .name = copy->name,
	    .version = version_of(copy),
	    .how = how,
	};
	uint64_t locked = 0;

	for (uint64_t i = 0; i < copy->arena_count; i++)
		locked += copy->arenas[i].locked;
	info.confidence = copy->is_exact && !copy->is_newer && !locked ? HW_EXACT : HW_CONSERVATIVE;
	snprintf(how, sizeof(how),
		 "%s rtree by structure, extents of %s (%" PRIu64 " of %" PRIu64
		 " slabs tried fit), arena_t of %s",
		 copy->shape->name, copy->layout->versions, copy->score[0],
		 copy->score[0] + copy->score[1], copy->version ? copy->version->version : "none");
	copy->heap = host->add_heap(host->self, &info);
	warn_of(je, copy, locked);
	claim_copy(je, copy);
}

/* Everything of one copy, from its root on. *fits_ret false: no layout does, it is none. */
static bool read_copy(struct jemalloc *je, struct copy *copy, bool *fits_ret)
{
	name_version(je, copy);
	if (!read_extents(je, copy))
		return false;
	*fits_ret = choose_layout(je, copy);
	if (!*fits_ret)
		return true;
	decode_extents(je, copy);
	return find_arenas(je, copy) && find_pageslabs(je, copy) && find_tcaches(je, copy) &&
	       find_internals(je, copy);
}

/* Base blocks that no arena leads to. */
static void check_blocks(struct jemalloc *je)
{
	const struct hw_host *host = je->host;
	uint64_t lost = 0, bytes = 0;

	for (uint64_t i = 0; i < je->block_count; i++) {
		struct base_block *b = &je->blocks[i];

		if (b->copy == NONE && je->count == 1 && !je->copies[0].version)
			b->copy = 0;
		if (b->copy != NONE)
			continue;
		lost++;
		bytes += b->size;
	}
	if (lost)
		host->warn(host->self, "jemalloc-not-decoded", true,
			   "%" PRIu64 " blocks of %" PRIu64
			   " bytes look like jemalloc's metadata, but nothing that is decoded "
			   "leads to them: another copy of it, or another version",
			   lost, bytes);
}

static bool read_all(struct jemalloc *je)
{
	if (!find_base_blocks(je) || !find_refs(je) || !find_roots(je))
		return false;
	for (uint64_t i = 0; i < je->count;) {
		bool fits = false;

		if (!read_copy(je, &je->copies[i], &fits))
			return false;
		if (fits) {
			i++;
			continue;
		}
		for (uint64_t k = 0; k < je->block_count; k++)
			if (je->blocks[k].copy == i)
				je->blocks[k].copy = NONE;
		close_copy(je->host, &je->copies[i]);
		memmove(&je->copies[i], &je->copies[i + 1],
			(je->count - i - 1) * sizeof(*je->copies));
		je->count--;
	}
	name_copies(je);
	check_blocks(je);
	find_undecoded(je);
	return true;
}

static void *open_plugin(const struct hw_host *host)
{
	struct jemalloc *je = host->resize(host->self, NULL, 0, 1, sizeof(*je));

	if (!je) {
		host->fail(host->self, "out of memory");
		return NULL;
	}
	je->host = host;
	je->budget = BUDGET;
	if (!read_all(je)) {
		host->fail(host->self, je->no_memory ? "out of memory" : "stopped");
		close_plugin(je);
		return NULL;
	}
	for (uint64_t i = 0; i < je->count; i++)
		announce(je, &je->copies[i]);
	return je;
}

HW_PLUGIN_EXPORT const struct hw_plugin hw_plugin_jemalloc;
const struct hw_plugin hw_plugin_jemalloc = {
    HW_PLUGIN_HEADER,
    .name = "jemalloc",
    .summary = "jemalloc: extents, slabs, thread caches, dirty, muzzy and retained pages",
    .tested =
	"jemalloc 5.0.0 to 5.3.1, Debian's 5.2.1, 5.3.0 (48 and 57 bits) and 5.3.1 run; x86-64",
    .probe = probe,
    .open = open_plugin,
    .ledger = je_ledger,
    .blocks = je_blocks,
    .verify = je_verify,
    .close = close_plugin,
    .reports = je_reports,
    .report_count = 6,
};
