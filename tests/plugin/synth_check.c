/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's own check. Offsets are numbers here, from the table in the project's
 * notes on glibc, not from synth_layout.h: that both agree is part of the check. */
#include "synth_check.h"
#include <inttypes.h>
#include <string.h>

/* bins, next, system_mem, sizeof heap_info, tcache: count bytes, bins, entries. */
static const struct table {
	const char *class;
	uint32_t bins, next, system_mem, heap_info, count_size, tcache_bins, entries;
} tables[] = {
    {"2.17-2.22", 104, 2152, 2168, 32, 0, 0, 0},    {"2.23", 104, 2152, 2176, 32, 0, 0, 0},
    {"2.24-2.25", 104, 2152, 2176, 32, 0, 0, 0},    {"2.26", 104, 2152, 2176, 32, 1, 64, 64},
    {"2.27-2.28", 112, 2160, 2184, 32, 1, 64, 64},  {"2.28-el8", 112, 2160, 2184, 32, 1, 64, 64},
    {"2.29", 112, 2160, 2184, 32, 1, 64, 64},       {"2.30-2.31", 112, 2160, 2184, 32, 2, 64, 128},
    {"2.32-2.33", 112, 2160, 2184, 32, 2, 64, 128}, {"2.34", 112, 2160, 2184, 32, 2, 64, 128},
    {"2.35-2.41", 112, 2160, 2184, 48, 2, 64, 128}, {"2.42", 112, 2160, 2184, 48, 2, 76, 152},
    {"2.43", 24, 2072, 2096, 48, 2, 76, 152},
};

struct reader {
	const struct synth *synth;
	const struct synth_libc *libc;
	const struct table *table;
	struct synth_count *count;
};

static void wrong(struct reader *r, const char *what, hw_addr addr)
{
	if (!r->count->error)
		r->count->error = g_strdup_printf("%s at 0x%" PRIx64, what, addr);
}

/* Chunks from `at` up to `end`; what precedes a chunk without PREV_INUSE is binned. */
static void walk(struct reader *r, hw_addr at, hw_addr end, hw_addr top, bool main)
{
	uint64_t before = 0;

	while (at < end) {
		uint64_t head = synth_word(r->synth, at + 8), size = head & ~UINT64_C(7);

		if (size == 0 && !main && at + 16 == end)
			size = 16;
		if (size < 16 || size % 16 || size > end - at)
			return wrong(r, "bad size", at);
		if (!(head & PREV_INUSE)) {
			r->count->binned++;
			r->count->binned_bytes += before;
			if (synth_word(r->synth, at) != before)
				wrong(r, "prev_size", at);
		}
		if ((head & IS_MMAPPED) || (main && (head & NON_MAIN_ARENA)))
			wrong(r, "flags", at);
		if (at == top && at + size != end)
			wrong(r, "top does not end its heap", at);
		r->count->chunks++;
		r->count->bytes += size;
		before = size;
		at += size;
	}
}

static void follow_bins(struct reader *r, hw_addr arena)
{
	for (int bin = 1; bin < 127; bin++) {
		hw_addr head = arena + r->table->bins + (uint64_t)(bin - 1) * 16 - 16;
		uint64_t size, last_size = UINT64_MAX;

		for (hw_addr p = synth_word(r->synth, head + 16); p != head;
		     p = synth_word(r->synth, p + 16)) {
			hw_addr fd = synth_word(r->synth, p + 16);

			size = synth_word(r->synth, p + 8) & ~UINT64_C(7);
			if (synth_word(r->synth, fd + 24) != p)
				return wrong(r, "fd->bk", p);
			if (bin > 1 && bin < 64 && size != (uint64_t)bin * 16)
				wrong(r, "size in small bin", p);
			if (bin >= 64 && (size > last_size || size < 1024))
				wrong(r, "order in large bin", p);
			if (bin >= 64 && size != last_size &&
			    synth_word(r->synth, synth_word(r->synth, p + 32) + 40) != p)
				wrong(r, "fd_nextsize", p);
			last_size = size;
			r->count->listed++;
			r->count->listed_bytes += size;
		}
	}
}

static void follow_chain(struct reader *r, hw_addr at, uint64_t to_size, uint64_t low,
			 uint64_t high, uint64_t *count)
{
	while (at) {
		hw_addr slot = to_size == 8 ? at + 16 : at;
		uint64_t next = synth_word(r->synth, slot);
		uint64_t size = synth_word(r->synth, to_size == 8 ? at + 8 : at - 8) & ~UINT64_C(7);

		if (size < low || size > high)
			return wrong(r, "size in a chain", at);
		(*count)++;
		at = r->libc->options.class->safe_linking ? next ^ (slot >> 12) : next;
		if (at & 15)
			return wrong(r, "chain is not aligned", slot);
	}
}

static void follow_fastbins(struct reader *r, hw_addr arena)
{
	for (int i = 0; r->table->bins > 24 && i < 10; i++) {
		uint64_t size = 32 + (uint64_t)i * 16;

		follow_chain(r, synth_word(r->synth, arena + r->table->bins - 96 + 8 * i), 8, size,
			     size, &r->count->fast);
	}
}

static void follow_tcache(struct reader *r, hw_addr tcache)
{
	for (uint32_t i = 0; i < r->table->tcache_bins; i++) {
		const uint8_t *counts = synth_at(r->synth, tcache, 256);
		uint64_t low = 32 + (uint64_t)i * 16, high = low, met = 0;
		uint32_t count = r->table->count_size == 1
				     ? counts[i]
				     : counts[2 * i] + 256u * counts[2 * i + 1];

		if (i >= 64) {
			low = UINT64_C(1) << (10 + i - 64);
			high = 2 * low - 16;
			low = MAX(low, 1056);
		}
		follow_chain(r, synth_word(r->synth, tcache + r->table->entries + 8 * i), 16, low,
			     high, &met);
		if (r->table->tcache_bins == 76)
			count = r->libc->fill - count;
		if (met != count)
			wrong(r, "tcache count", tcache + i);
		r->count->cached += met;
	}
}

/* A secondary arena: heaps from the one with top, by prev; sizes are system_mem. */
static void walk_arena(struct reader *r, hw_addr arena)
{
	hw_addr top = synth_word(r->synth, arena + r->table->bins - 16);
	hw_addr heap = top & ~(r->libc->heap_max - 1);
	uint64_t sum = 0;

	for (bool first = true; heap; first = false) {
		uint64_t size = synth_word(r->synth, heap + 16);
		hw_addr prev = synth_word(r->synth, heap + 8);
		hw_addr start = heap + r->table->heap_info;

		if (synth_word(r->synth, heap) != arena)
			return wrong(r, "ar_ptr", heap);
		if (start == arena)
			start = (r->table->system_mem + 16 + arena + 15) & ~UINT64_C(15);
		walk(r, start, heap + size, first ? top : 0, false);
		sum += size;
		heap = prev;
	}
	if (sum != synth_word(r->synth, arena + r->table->system_mem))
		wrong(r, "system_mem", arena);
}

/* A contiguous main heap with holes cannot be walked blindly: the writer says where
 * its pieces are. */
static void walk_main(struct reader *r)
{
	hw_addr arena = r->libc->main_arena;
	hw_addr top = synth_word(r->synth, arena + r->table->bins - 16);
	hw_addr top_end = top + (synth_word(r->synth, top + 8) & ~UINT64_C(7));
	hw_addr first = top_end - synth_word(r->synth, arena + r->table->system_mem);
	uint64_t pieces = 0;

	for (guint i = 0; i < r->libc->regions->len; i++) {
		const struct synth_region *p =
		    &g_array_index(r->libc->regions, struct synth_region, i);

		if (p->arena != 0)
			continue;
		walk(r, p->start, p->end, top, true);
		pieces += p->end - p->start;
		if (i == 0 && !r->libc->options.noncontiguous &&
		    p->start != ((first + 15) & ~UINT64_C(15)))
			wrong(r, "first chunk", p->start);
	}
	if (r->libc->options.noncontiguous &&
	    pieces != synth_word(r->synth, arena + r->table->system_mem))
		wrong(r, "system_mem of pieces", arena);
}

void synth_count(struct synth_count *count, const struct synth *synth,
		 const struct synth_libc *libc)
{
	struct reader r = {synth, libc, NULL, count};
	hw_addr arena = libc->main_arena;

	*count = (struct synth_count){0};
	for (guint i = 0; i < G_N_ELEMENTS(tables); i++)
		if (strcmp(tables[i].class, libc->options.class->name) == 0)
			r.table = &tables[i];
	g_assert_nonnull(r.table);
	walk_main(&r);
	do {
		if (arena != libc->main_arena)
			walk_arena(&r, arena);
		follow_bins(&r, arena);
		follow_fastbins(&r, arena);
		arena = synth_word(synth, arena + r.table->next);
	} while (arena != libc->main_arena && !count->error);
	for (guint i = 0; r.table->tcache_bins && i < synth->threads->len; i++) {
		const struct synth_thread *t =
		    &g_array_index(synth->threads, struct synth_thread, i);
		hw_addr tcache = synth_word(synth, t->tls - libc->tcache_offset);

		if (tcache && tcache != libc->dummy_tcache && tcache != libc->dummy_tcache + 8)
			follow_tcache(&r, tcache);
	}
}
