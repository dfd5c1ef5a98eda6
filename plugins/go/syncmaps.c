/* SPDX-License-Identifier: Apache-2.0 */
/* syncmaps.c -- a sync.Map to 1.23 is two pointers to the collector (sync/map.go), and a program
 * without names does not say that they belong together:
 *
 *   to 1.19   mu, read atomic.Value {type, data}, dirty, misses
 *   to 1.23   mu, read atomic.Pointer, dirty, misses
 *
 * Its methods get its address: lea variable(%rip), …; call sync.(*Map).Store. Those addresses are
 * taken for one where the masks of the data have such pointers, and what they lead to is as the
 * package makes it: a struct of a map and a flag, and a map's head. */
#include "syncmaps.h"
#include "bits.h"
#include "pclntab.h"
#include "x86.h"
#include <stdlib.h>

enum {
	LAST = 23,
	FIRST_ROOM = 16,
	READ_ONLY = 16, /* readOnly {m, amended}. */
	MASK_OLD = 0xc, /* Pointers, by word. */
	MASK_NEW = 0x6,
};

struct search {
	struct go_sync_maps *maps;
	hw_addr from, map; /* Seen since the last call. */
	bool is_unclear;
};

static bool is_old(const struct go_runtime *rt)
{
	return rt->layout.minor < 20;
}

hw_addr go_sync_maps_read(const struct go_sync_maps *maps, hw_addr map)
{
	return map + (is_old(maps->rt) ? 16 : 8);
}

hw_addr go_sync_maps_dirty(const struct go_sync_maps *maps, hw_addr map)
{
	return go_sync_maps_read(maps, map) + 8;
}

/* The pointers among the words of a variable; all bits when it lies nowhere. */
static uint64_t mask_of(const struct go_runtime *rt, hw_addr addr, uint64_t words)
{
	for (uint32_t i = 0; i < rt->module_count; i++) {
		const struct go_moduledata *md = &rt->modules[i];
		const bool is_bss = addr >= md->bss && addr < md->ebss;
		const struct go_slice *mask = is_bss ? &md->gcbssmask : &md->gcdatamask;
		const hw_addr start = is_bss ? md->bss : md->data;
		const hw_addr end = is_bss ? md->ebss : md->edata;
		uint64_t bits = 0;

		if (addr < start || addr >= end || (end - addr) / 8 < words)
			continue;
		for (uint64_t w = 0; w < words; w++) {
			const uint64_t at = (addr - start) / 8 + w;
			uint8_t byte;

			if (at >= mask->len || !go_u8(rt, mask->ptr + at / 8, &byte))
				return UINT64_MAX;
			bits |= (uint64_t)(byte >> (at % 8) & 1) << w;
		}
		return bits;
	}
	return UINT64_MAX;
}

/* Is a word 0, or the address of a block of such a size class that has pointers? */
static bool is_block(const struct go_runtime *rt, hw_addr word, uint64_t size)
{
	const struct go_span *span = word ? go_span_find(rt, word) : NULL;

	return !word || (span && span->state == GO_SPAN_IN_USE && !(span->spanclass & 1) &&
			 span->elemsize == size && (word - span->start) % size == 0);
}

static bool is_map(const struct go_sync_maps *maps, hw_addr addr)
{
	const struct go_runtime *rt = maps->rt;
	const uint64_t hmap = rt->layout.at[GO_HMAP_SIZE];
	uint64_t read, dirty, words[READ_ONLY / 8] = {0};

	return addr % 8 == 0 &&
	       mask_of(rt, addr, maps->size / 8) == (is_old(rt) ? MASK_OLD : MASK_NEW) &&
	       go_word(rt, go_sync_maps_read(maps, addr), &read) && is_block(rt, read, READ_ONLY) &&
	       go_word(rt, go_sync_maps_dirty(maps, addr), &dirty) && is_block(rt, dirty, hmap) &&
	       (!read || go_read(rt, read, words, sizeof(words))) && is_block(rt, words[0], hmap) &&
	       (words[1] & 0xff) <= 1;
}

static void add(struct go_sync_maps *maps, hw_addr addr)
{
	const struct hw_host *host = maps->rt->host;

	if (maps->count == maps->room) {
		const uint64_t room = maps->room ? maps->room * 2 : FIRST_ROOM;
		void *more =
		    host->resize(host->self, maps->all, maps->room, room, sizeof(*maps->all));

		if (!more) {
			maps->no_memory = true;
			return;
		}
		maps->all = more;
		maps->room = room;
	}
	maps->all[maps->count++] = addr;
}

static void take_lea(void *arg, hw_addr at, hw_addr target)
{
	struct search *s = arg;

	if (!go_in_image(&s->maps->rt->image, target) || !is_map(s->maps, target))
		return;
	s->is_unclear |= s->map && s->map != target;
	s->map = target;
	s->from = s->from ? s->from : at;
}

static void take_load(void *arg, hw_addr at, hw_addr target)
{
	(void)arg;
	(void)at;
	(void)target;
}

static void take_call(void *arg, hw_addr at, hw_addr target)
{
	struct search *s = arg;
	const struct go_runtime *rt = s->maps->rt;
	struct go_func func;
	char name[16];

	if (!s->from || !go_func_find(rt, target, &func) || func.entry != target)
		return;
	if (!s->is_unclear && !go_sync_maps_find(s->maps, s->map) &&
	    go_code_call(rt, s->from, at, target, name, sizeof(name)) &&
	    strncmp(name, "sync.(*Map).", 12) == 0)
		add(s->maps, s->map);
	s->from = s->map = 0;
	s->is_unclear = false;
}

static int compare(const void *a, const void *b)
{
	const hw_addr *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

bool go_sync_maps_init(struct go_sync_maps *maps, const struct go_runtime *rt)
{
	struct search s = {.maps = maps};
	const struct go_code_reader reader = {&s, take_lea, take_load, take_call};

	*maps = (struct go_sync_maps){.rt = rt, .size = is_old(rt) ? 40 : 32};
	if (rt->has_debug || rt->layout.minor > LAST || !go_has(&rt->layout, GO_HMAP_SIZE))
		return true;
	go_code_read(rt, &reader);
	if (maps->count)
		qsort(maps->all, maps->count, sizeof(*maps->all), compare);
	return !maps->no_memory;
}

void go_sync_maps_clear(struct go_sync_maps *maps)
{
	const struct hw_host *host = maps->rt ? maps->rt->host : NULL;

	if (maps->all)
		host->resize(host->self, maps->all, maps->room, 0, sizeof(*maps->all));
	maps->all = NULL;
}

/* Also while they are being found: few, in no order. */
hw_addr go_sync_maps_find(const struct go_sync_maps *maps, hw_addr addr)
{
	for (uint64_t i = 0; i < maps->count; i++)
		if (addr - maps->all[i] < maps->size)
			return maps->all[i];
	return 0;
}
