/* SPDX-License-Identifier: Apache-2.0 */
/* typeseeds.c -- where types are known without a typed value that leads there: headers,
 * variables of debug info, interfaces in the data segments, structs of the runtime that its
 * variables name, finalizers. */
#include "blocktypes.h"
#include "ledger.h"
#include "pclntab.h"
#include "syncmaps.h"
#include <string.h>

enum {
	LIST_MAX = 1 << 24,
	MASK_PIECE = 4096, /* Words. */
};

/* Slots that are allocated, and that the sweep under way will not free: others hold what was
 * there before, and may point at memory that is something else by now. */
static bool live_slots(const struct go_runtime *rt, const struct go_span *span,
		       uint64_t words[GO_SLOTS_MAX / 64])
{
	uint32_t count;

	if (span->state != GO_SPAN_IN_USE || span->flags & (GO_SPAN_BAD | GO_SPAN_USER_ARENA) ||
	    !span->elemsize || !go_span_slots(rt, span, words, &count))
		return false;
	go_span_drop_unswept(rt, span, words);
	return true;
}

typedef bool (*slot_fn)(struct go_block_types *blocks, const struct go_place *place);

static bool each_slot(struct go_block_types *blocks, bool only_headers, slot_fn fn)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	struct go_place place;

	for (uint64_t i = 0; i < rt->heap.span_count; i++) {
		const struct go_span *span = &rt->heap.spans[i];
		uint64_t words[GO_SLOTS_MAX / 64];

		if (rt->host->stopped(rt->host->self))
			return false;
		if (span->spanclass & 1 ||
		    (only_headers && span->spanclass >> 1 && !go_span_has_headers(rt, span)) ||
		    !live_slots(rt, span, words))
			continue;
		for (uint32_t s = 0; s < span->nelems; s++)
			if (words[s / 64] >> (s % 64) & 1 &&
			    go_block_place(blocks, span->start + s * span->elemsize, &place) &&
			    !fn(blocks, &place))
				return false;
	}
	return true;
}

/* How many values there are is not written down: one where the class is right for one. */
static bool seed_header(struct go_block_types *blocks, const struct go_place *place)
{
	const struct go_desc *desc = go_place_header(blocks, place);
	struct go_guess guess = {.how = GO_HOW_HEADER, .desc = desc, .at = place->first};

	if (!desc || !desc->head.size || desc->head.size > place->bytes)
		return true;
	guess.bytes = place->bytes / desc->head.size * desc->head.size;
	guess.form = guess.bytes == desc->head.size ? GO_FORM_VALUE : GO_FORM_ARRAY;
	return go_blocks_offer(blocks, &guess);
}

struct seeding {
	struct go_block_types *blocks;
	hw_addr types;
	bool ok;
};

static const char *keep_path(struct go_types *types, const char *path)
{
	const uint64_t size = path ? strlen(path) + 1 : 1;
	char *copy = size > 1 ? go_types_room(types, size) : NULL;

	return copy ? memcpy(copy, path, size) : "";
}

/* The memory of a slice, as far as it has capacity; guess has one element. */
static bool seed_slice(struct go_block_types *blocks, hw_addr slice, struct go_guess *guess)
{
	uint64_t capacity;

	guess->form = GO_FORM_ARRAY;
	if (!guess->bytes || !go_blocks_word(blocks, slice + 16, &capacity) || !capacity ||
	    __builtin_mul_overflow(guess->bytes, capacity, &guess->bytes))
		return true;
	return go_blocks_offer(blocks, guess);
}

static bool is_runtime(const char *name)
{
	return name && strncmp(name, "runtime.", 8) == 0;
}

static bool seed_variable(void *arg, const struct hw_variable_info *v)
{
	struct seeding *s = arg;
	struct go_types *types = go_block_types_cache(s->blocks);
	const struct go_desc *desc = v->type ? go_types_at(types, s->types + v->type) : NULL;
	const struct go_variable variable = {.addr = v->addr,
					     .size = desc ? desc->head.size : 8,
					     .desc = desc,
					     .pointee_size = desc ? 0 : v->pointee_size,
					     .is_slice = v->is_slice != 0,
					     .is_runtime = is_runtime(v->name),
					     .path = keep_path(types, v->path)};
	struct go_guess guess = {.how = GO_HOW_DEBUG, .desc = desc};

	if (desc && (!v->size || desc->head.size == v->size)) {
		s->ok = go_blocks_add_variable(s->blocks, &variable) &&
			go_spread_values(s->blocks, desc, v->addr, 1, GO_HOW_DEBUG);
		return s->ok;
	}
	if (!v->type && v->pointee_size)
		s->ok = go_blocks_add_variable(s->blocks, &variable);
	if (s->ok && !v->type && v->pointee && go_blocks_word(s->blocks, v->addr, &guess.at) &&
	    guess.at) {
		guess.desc = go_types_at(types, s->types + v->pointee);
		guess.bytes = guess.desc ? guess.desc->head.size : 0;
		if (v->is_slice)
			s->ok = seed_slice(s->blocks, v->addr, &guess);
		else
			s->ok = !guess.bytes || go_blocks_offer(s->blocks, &guess);
	}
	return s->ok;
}

static bool seed_variables(struct go_block_types *blocks)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	struct seeding s = {blocks, rt->modules[0].types, true};

	if (rt->has_debug && rt->module_count)
		rt->host->variables(rt->host->self, rt->image.module, seed_variable, &s);
	go_blocks_sort_variables(blocks);
	return s.ok;
}

static bool has_bit(const uint8_t *mask, uint64_t i)
{
	return mask[i / 8] >> (i % 8) & 1;
}

/* A word that is no pointer to the collector, before one that is. */
static bool seed_section(struct go_block_types *blocks, hw_addr start, hw_addr end,
			 const struct go_slice *mask)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	const uint64_t count = (end - start) / 8 < mask->len ? (end - start) / 8 : mask->len;
	bool is_one;

	for (uint64_t at = 0; at + 1 < count; at += MASK_PIECE) {
		const uint64_t words = count - at < MASK_PIECE + 1 ? count - at : MASK_PIECE + 1;
		const uint8_t *bits = go_bytes(rt, mask->ptr + at / 8, (words + 7) / 8);

		if (!bits || rt->host->stopped(rt->host->self))
			return bits == NULL;
		for (uint64_t i = 0; i + 1 < words; i++)
			if (has_bit(bits, i + 1) && !has_bit(bits, i) &&
			    !go_spread_interface(blocks, start + (at + i) * 8, &is_one))
				return false;
	}
	return true;
}

static bool is_function(const struct go_runtime *rt, hw_addr slot, const char *wanted)
{
	char name[64];
	struct go_func func;
	hw_addr value, entry;

	if (!go_word(rt, slot, &value) || !value || !go_word(rt, value, &entry) ||
	    !go_func_find(rt, entry, &func) || func.entry != entry)
		return false;
	go_func_name(rt, func.module, func.name, name, sizeof(name));
	return !strcmp(name, wanted);
}

/* internal/sync/hashtriemap.go, 1.24: root, keyHash, valEqual. Those of a map from any to any,
 * which sync.Map is, stand beside its root in a variable without a type. */
static bool seed_tries(struct go_block_types *blocks, hw_addr start, hw_addr end,
		       const struct go_slice *mask)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	const uint64_t count = (end - start) / 8 < mask->len ? (end - start) / 8 : mask->len;
	const uint8_t *bits = go_bytes(rt, mask->ptr, (count + 7) / 8);
	struct go_guess guess = {.how = GO_HOW_PROPAGATED};

	guess.desc = go_types_named(go_block_types_cache(blocks),
				    "sync.indirect[interface {},interface {}]");
	guess.bytes = guess.desc ? guess.desc->head.size : 0;
	for (uint64_t i = 0; bits && guess.bytes && i + 2 < count; i++) {
		const hw_addr slot = start + i * 8;

		if (has_bit(bits, i) && has_bit(bits, i + 1) && has_bit(bits, i + 2) &&
		    go_blocks_word(blocks, slot, &guess.at) && guess.at &&
		    go_span_find(rt, guess.at) &&
		    is_function(rt, slot + 8, "runtime.nilinterhash") &&
		    is_function(rt, slot + 16, "runtime.nilinterequal") &&
		    !go_blocks_offer(blocks, &guess))
			return false;
	}
	return true;
}

/* A container's own word that leads to one of desc; its type has no descriptor. */
static bool seed_word(struct go_block_types *blocks, hw_addr slot, const char *path,
		      const struct go_guess *guess)
{
	const struct go_variable variable = {
	    .addr = slot, .size = 8, .is_runtime = true, .is_inside = true, .path = path};
	struct go_guess g = *guess;

	if (!go_blocks_add_variable(blocks, &variable))
		return false;
	return !g.desc || !go_blocks_word(blocks, slot, &g.at) || !g.at ||
	       go_blocks_offer(blocks, &g);
}

/* Of a program without debug info. */
static bool seed_sync_maps(struct go_block_types *blocks)
{
	struct go_types *types = go_block_types_cache(blocks);
	const struct go_guess dirty = {.form = GO_FORM_MAP,
				       .how = GO_HOW_CODE,
				       .desc =
					   go_types_named(types, "map[interface {}]*sync.entry"),
				       .bytes = 8};
	struct go_guess read = {.how = GO_HOW_CODE, .desc = go_types_named(types, "sync.readOnly")};
	struct go_sync_maps maps;
	bool ok = go_sync_maps_init(&maps, go_blocks_runtime(blocks));

	read.bytes = read.desc ? read.desc->head.size : 0;
	for (uint64_t i = 0; ok && i < maps.count; i++)
		ok = seed_word(blocks, go_sync_maps_read(&maps, maps.all[i]), ".read", &read) &&
		     seed_word(blocks, go_sync_maps_dirty(&maps, maps.all[i]), ".dirty", &dirty);
	go_sync_maps_clear(&maps);
	go_blocks_sort_variables(blocks);
	return ok;
}

static bool seed_sections(struct go_block_types *blocks)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);

	for (uint32_t i = 0; i < rt->module_count; i++) {
		const struct go_moduledata *md = &rt->modules[i];

		if (!seed_section(blocks, md->data, md->edata, &md->gcdatamask) ||
		    !seed_section(blocks, md->bss, md->ebss, &md->gcbssmask) ||
		    !seed_tries(blocks, md->data, md->edata, &md->gcdatamask) ||
		    !seed_tries(blocks, md->bss, md->ebss, &md->gcbssmask))
			return false;
	}
	return true;
}

static bool seed_struct(struct go_block_types *blocks, enum go_known which, hw_addr at)
{
	struct go_guess guess = {.how = GO_HOW_HEADER, .at = at};

	guess.desc = go_blocks_known(blocks, which);
	guess.bytes = guess.desc ? guess.desc->head.size : 0;
	return !guess.desc || go_blocks_offer(blocks, &guess);
}

static bool seed_list(struct go_block_types *blocks, hw_addr list, enum go_known which)
{
	struct go_slice slice;
	hw_addr at;

	if (!go_slice_read(go_blocks_runtime(blocks), list, &slice) || slice.len > LIST_MAX)
		return true;
	for (uint64_t i = 0; i < slice.len; i++)
		if (go_blocks_word(blocks, slice.ptr + i * 8, &at) && at &&
		    !seed_struct(blocks, which, at))
			return false;
	return true;
}

/* Goroutines, Ps and Ms. */
static bool seed_runtime(struct go_block_types *blocks)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	hw_addr m = 0;

	if (!seed_list(blocks, rt->globals.allgs, GO_KNOWN_G) ||
	    !seed_list(blocks, rt->globals.allp, GO_KNOWN_P))
		return false;
	if (rt->globals.allm)
		go_blocks_word(blocks, rt->globals.allm, &m);
	for (uint32_t i = 0; m && i < LIST_MAX; i++) {
		if (!seed_struct(blocks, GO_KNOWN_M, m))
			return false;
		if (!go_get(rt, m, GO_M_ALLLINK, &m))
			break;
	}
	return true;
}

/* runtime/mheap.go: specialfinalizer: special, fn, nret, fint, ot: the type of a pointer to the
 * object. */
static bool seed_finalizers(struct go_block_types *blocks, const struct go_span *span)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	struct go_types *types = go_block_types_cache(blocks);
	const uint8_t finalizer = go_finalizer_kind(&rt->layout);
	const uint32_t size = rt->layout.at[GO_SPECIAL_SIZE];
	uint64_t special = 0, offset, kind;

	go_get(rt, span->addr, GO_MSPAN_SPECIALS, &special);
	for (uint32_t i = 0; special && i < LIST_MAX; i++) {
		struct go_guess guess = {.how = GO_HOW_INTERFACE};
		const struct go_desc *pointer;
		uint64_t words[4];

		if (!go_get(rt, special, GO_SPECIAL_OFFSET, &offset) ||
		    !go_get(rt, special, GO_SPECIAL_KIND, &kind))
			return true;
		if (kind == finalizer && offset < go_span_bytes(span) &&
		    go_read(rt, special + size, words, sizeof(words))) {
			pointer = go_types_at(types, words[3]);
			if (pointer && pointer->head.kind == GO_KIND_POINTER)
				guess.desc = go_types_at(types, pointer->elem);
			guess.at = span->start + offset;
			guess.bytes = guess.desc ? guess.desc->head.size : 0;
			if (guess.bytes && !go_blocks_offer(blocks, &guess))
				return false;
			if (!go_spread_func(blocks, words[0], GO_HOW_CLOSURE))
				return false;
		}
		if (!go_get(rt, special, GO_SPECIAL_NEXT, &special))
			return true;
	}
	return true;
}

bool go_seed_all(struct go_block_types *blocks)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);

	if (rt->layout.minor >= 22 && !each_slot(blocks, true, seed_header))
		return false;
	if (!seed_variables(blocks) || !seed_sync_maps(blocks) || !seed_sections(blocks) ||
	    !seed_runtime(blocks))
		return false;
	for (uint64_t i = 0; i < rt->heap.span_count; i++)
		if (rt->heap.spans[i].state == GO_SPAN_IN_USE &&
		    !(rt->heap.spans[i].flags & GO_SPAN_BAD) && rt->heap.spans[i].elemsize &&
		    !seed_finalizers(blocks, &rt->heap.spans[i]))
			return false;
	return true;
}

/* A block that no typed value leads to: a part of a container; a func value when its first word is
 * the entry of a function and no pointer, and else with whatever interfaces it has. */
static bool seed_words(struct go_block_types *blocks, const struct go_place *place)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	uint64_t bits[64];
	hw_addr end = place->first + place->bytes, word;
	struct go_func func;
	bool is_one;

	if (go_blocks_is_typed(blocks, place->number))
		return true;
	if (!go_seed_struct(blocks, place, &is_one))
		return false;
	if (is_one)
		return true;
	for (hw_addr at = place->first; at < end; at += sizeof(bits) * 64 - 8) {
		const hw_addr to = end - at < sizeof(bits) * 64 ? end : at + sizeof(bits) * 64;
		const struct go_wanted wanted = {at, to, bits};

		memset(bits, 0, sizeof(bits));
		go_wanted_span(rt, &wanted, place->span);
		if (at == place->first && !(bits[0] & 1) && go_blocks_word(blocks, at, &word) &&
		    go_func_find(rt, word, &func) && func.entry == word)
			return go_spread_func(blocks, at, GO_HOW_CLOSURE);
		for (uint64_t i = 0; i + 1 < (to - at) / 8; i++) {
			const uint64_t next = i + 1;

			if (bits[next / 64] >> (next % 64) & 1 && !(bits[i / 64] >> (i % 64) & 1) &&
			    !go_spread_interface(blocks, at + i * 8, &is_one))
				return false;
		}
	}
	return true;
}

bool go_seed_untyped(struct go_block_types *blocks)
{
	return each_slot(blocks, false, seed_words);
}
