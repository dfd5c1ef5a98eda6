/* SPDX-License-Identifier: Apache-2.0 */
/* typestructs.c -- parts of the runtime's containers that no typed value leads to (a global map of
 * a stripped program), by what they hold:
 *
 *   hchan    names its elements' type. Its queue is a block of the class for dataqsiz of them
 *   table    capacity is a power of 2, lengthMask the number of groups of 8 slots, less one
 *   Map      dirLen is 1 << globalDepth, and the directory has pointers to tables
 *   hmap     2^B buckets fit in the block that buckets begins; no number is out of bounds
 *   Timer    package time's, also Ticker: calls what only they call (timers.c)
 *
 * All have the pointer bits of their struct and a block of its size class. What map it is can be
 * seen where the runtime wrote the type of its groups or buckets before them (1.22 and later,
 * above 512 bytes). */
#include "holders.h"

enum {
	TABLE_SIZE = 32,        /* internal/runtime/maps/table.go: table, 1.24 and later. */
	TABLE_GROUPS = 16,      /* groups.data; lengthMask behind it. */
	CAPACITY_MAX = 1 << 10, /* maxTableCapacity. */
	MAP_SLOTS = 8,
	GROUP_MIN = 8 + MAP_SLOTS,      /* Control word, slots of one byte. */
	BUCKET_MIN = 8 + MAP_SLOTS + 8, /* Top bits, keys of one byte, overflow. */
	B_MAX = 48,
	HMAP_FLAGS_MAX = 16,
	PER_BUCKET_MAX = 16, /* loadFactor is 6.5; before growing twice that. */
};

/* Which of the block's first 64 words are pointers to the collector. */
static uint64_t bits_of(struct go_block_types *blocks, const struct go_place *place)
{
	const uint64_t words = place->bytes / 8 < 64 ? place->bytes / 8 : 64;
	uint64_t bits = 0;
	const struct go_wanted wanted = {place->first, place->first + words * 8, &bits};

	go_wanted_span(go_blocks_runtime(blocks), &wanted, place->span);
	return bits;
}

static bool is_struct(struct go_block_types *blocks, const struct go_place *place, uint64_t size,
		      uint64_t bits)
{
	return go_place_is_class_of(go_blocks_runtime(blocks), place, size) &&
	       bits_of(blocks, place) == bits;
}

/* The block that begins at addr. */
static bool block_at(struct go_block_types *blocks, hw_addr addr, struct go_place *ret)
{
	return addr && go_block_place(blocks, addr, ret) && ret->first == addr;
}

static uint64_t field(const struct go_runtime *rt, hw_addr at, enum go_field f)
{
	uint64_t value = 0;

	go_get(rt, at, f, &value);
	return value;
}

/* Channels of elements with pointers: others have their queue behind them. */
static const struct go_desc *chan_at(struct go_block_types *blocks, const struct go_place *place)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	struct go_types *types = go_block_types_cache(blocks);
	const uint64_t room = field(rt, place->first, GO_HCHAN_DATAQSIZ);
	const struct go_desc *elem;
	struct go_place queue;
	uint64_t bytes;

	if (!go_place_is_class_of(rt, place, rt->layout.at[GO_HCHAN_SIZE]) || !room ||
	    field(rt, place->first, GO_HCHAN_QCOUNT) > room ||
	    !block_at(blocks, field(rt, place->first, GO_HCHAN_BUF), &queue) ||
	    !(bits_of(blocks, place) >> rt->layout.at[GO_HCHAN_BUF] / 8 & 1))
		return NULL;
	elem = go_types_at(types, field(rt, place->first, GO_HCHAN_ELEMTYPE));
	if (!elem || !elem->head.ptrdata ||
	    elem->head.size != field(rt, place->first, GO_HCHAN_ELEMSIZE) ||
	    __builtin_mul_overflow(room, elem->head.size, &bytes) ||
	    !go_place_is_class_of(rt, &queue, bytes))
		return NULL;
	return go_types_around(types, GO_KIND_CHAN, elem->head.addr);
}

/* The map whose groups or buckets these are, when the block has a header. */
static const struct go_desc *map_of(struct go_block_types *blocks, const struct go_place *parts)
{
	const struct go_desc *desc = go_place_header(blocks, parts);

	return desc ? go_types_around(go_block_types_cache(blocks), GO_KIND_MAP, desc->head.addr)
		    : NULL;
}

static bool is_table(struct go_block_types *blocks, const struct go_place *place,
		     const struct go_desc **map_ret)
{
	uint64_t words[TABLE_SIZE / 8], used, capacity, left;
	struct go_place groups;

	if (!is_struct(blocks, place, TABLE_SIZE, 1 << TABLE_GROUPS / 8) ||
	    !go_read(go_blocks_runtime(blocks), place->first, words, sizeof(words)))
		return false;
	used = words[0] & 0xffff;
	capacity = words[0] >> 16 & 0xffff;
	left = words[0] >> 32 & 0xffff;
	if (capacity < MAP_SLOTS || capacity > CAPACITY_MAX || capacity & (capacity - 1) ||
	    used + left > capacity || words[3] + 1 != capacity / MAP_SLOTS ||
	    !block_at(blocks, words[2], &groups) || groups.bytes / GROUP_MIN < capacity / MAP_SLOTS)
		return false;
	*map_ret = map_of(blocks, &groups);
	return true;
}

static bool is_swiss_map(struct go_block_types *blocks, const struct go_place *place,
			 const struct go_desc **map_ret)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	const uint64_t length = field(rt, place->first, GO_MAP_DIRLEN);
	const uint64_t depth = field(rt, place->first, GO_MAP_GLOBALDEPTH);
	struct go_place directory, table;
	hw_addr first;

	return is_struct(blocks, place, rt->layout.at[GO_MAP_SIZE],
			 UINT64_C(1) << rt->layout.at[GO_MAP_DIRPTR] / 8) &&
	       depth < B_MAX && length == UINT64_C(1) << depth &&
	       field(rt, place->first, GO_MAP_GLOBALSHIFT) == 64 - depth &&
	       block_at(blocks, field(rt, place->first, GO_MAP_DIRPTR), &directory) &&
	       !directory.is_noscan && go_place_is_class_of(rt, &directory, length * 8) &&
	       go_blocks_word(blocks, directory.first, &first) && block_at(blocks, first, &table) &&
	       is_table(blocks, &table, map_ret);
}

static bool is_hmap(struct go_block_types *blocks, const struct go_place *place,
		    const struct go_desc **map_ret)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	const uint64_t b = field(rt, place->first, GO_HMAP_B);
	const hw_addr old = field(rt, place->first, GO_HMAP_OLDBUCKETS);
	const uint64_t pointers = UINT64_C(1) << rt->layout.at[GO_HMAP_BUCKETS] / 8 |
				  UINT64_C(1) << rt->layout.at[GO_HMAP_OLDBUCKETS] / 8 |
				  UINT64_C(1) << rt->layout.at[GO_HMAP_EXTRA] / 8;
	struct go_place buckets, place_old;

	if (!is_struct(blocks, place, rt->layout.at[GO_HMAP_SIZE], pointers) || b >= B_MAX ||
	    field(rt, place->first, GO_HMAP_FLAGS) >= HMAP_FLAGS_MAX ||
	    field(rt, place->first, GO_HMAP_COUNT) > (uint64_t)PER_BUCKET_MAX << b ||
	    !block_at(blocks, field(rt, place->first, GO_HMAP_BUCKETS), &buckets) ||
	    buckets.bytes >> b < BUCKET_MIN || (old && !block_at(blocks, old, &place_old)))
		return false;
	*map_ret = map_of(blocks, &buckets);
	return true;
}

/* Of up to eight: one group and no tables. By itself it looks like other things, too. */
static bool is_small_map(struct go_block_types *blocks, const struct go_place *place)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	struct go_place group;

	return is_struct(blocks, place, rt->layout.at[GO_MAP_SIZE],
			 UINT64_C(1) << rt->layout.at[GO_MAP_DIRPTR] / 8) &&
	       !field(rt, place->first, GO_MAP_DIRLEN) &&
	       !field(rt, place->first, GO_MAP_GLOBALDEPTH) &&
	       field(rt, place->first, GO_MAP_USED) <= MAP_SLOTS &&
	       block_at(blocks, field(rt, place->first, GO_MAP_DIRPTR), &group) &&
	       group.bytes >= GROUP_MIN;
}

bool go_map_at(struct go_block_types *blocks, const struct go_place *place,
	       const struct go_desc **map_ret)
{
	const struct go_layout *l = &go_blocks_runtime(blocks)->layout;

	*map_ret = NULL;
	if (go_has(l, GO_MAP_SIZE) &&
	    (is_swiss_map(blocks, place, map_ret) || is_small_map(blocks, place)))
		return true;
	return go_has(l, GO_HMAP_SIZE) && is_hmap(blocks, place, map_ret);
}

/* Are so many buckets or groups of a map's at `at`? */
static bool are_parts(struct go_block_types *blocks, const struct go_desc *part, hw_addr at,
		      uint64_t count, bool is_least)
{
	struct go_place place;
	struct go_guess guess = {.form = GO_FORM_ARRAY, .desc = part, .at = at};

	if (!block_at(blocks, at, &place) || !part->head.size ||
	    place.bytes / part->head.size < count)
		return false;
	/* Old maps of 16 buckets or more have some behind, as far as the class has room. */
	guess.bytes =
	    is_least ? place.bytes / part->head.size * part->head.size : part->head.size * count;
	return go_guess_fits(blocks, &place, &guess) > 1;
}

bool go_map_fits(struct go_block_types *blocks, const struct go_place *place,
		 const struct go_desc *map)
{
	enum { B_MORE = 4 };
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	const struct go_desc *part = go_types_at(go_block_types_cache(blocks), map->bucket);
	const uint64_t b = map->is_swiss ? 0 : field(rt, place->first, GO_HMAP_B);
	hw_addr at = place->first;
	uint64_t groups = 1;

	if (!part)
		return false;
	if (!map->is_swiss)
		return are_parts(blocks, part, field(rt, at, GO_HMAP_BUCKETS), UINT64_C(1) << b,
				 b >= B_MORE);
	at = field(rt, at, GO_MAP_DIRPTR);
	if (field(rt, place->first, GO_MAP_DIRLEN)) {
		if (!go_blocks_word(blocks, at, &at) ||
		    !go_blocks_word(blocks, at + TABLE_GROUPS + 8, &groups) ||
		    !go_blocks_word(blocks, at + TABLE_GROUPS, &at))
			return false;
		groups++;
	}
	return are_parts(blocks, part, at, groups, false);
}

bool go_seed_struct(struct go_block_types *blocks, const struct go_place *place, bool *is_one_ret)
{
	const struct go_layout *l = &go_blocks_runtime(blocks)->layout;
	struct go_guess guess = {.how = GO_HOW_PROPAGATED, .at = place->first, .bytes = 8};

	*is_one_ret = true;
	guess.desc = chan_at(blocks, place);
	if (guess.desc) {
		guess.form = GO_FORM_CHAN;
		return go_blocks_offer(blocks, &guess);
	}
	guess.desc = go_timer_at(blocks, place);
	if (guess.desc) {
		guess.bytes = guess.desc->head.size;
		return go_blocks_offer(blocks, &guess);
	}
	if (go_has(l, GO_MAP_SIZE) && is_table(blocks, place, &guess.desc))
		guess.form = GO_FORM_TABLE;
	else if (go_has(l, GO_MAP_SIZE) && is_swiss_map(blocks, place, &guess.desc))
		guess.form = GO_FORM_MAP;
	else if (go_has(l, GO_HMAP_SIZE) && is_hmap(blocks, place, &guess.desc))
		guess.form = GO_FORM_MAP;
	else
		*is_one_ret = false;
	return !*is_one_ret || go_blocks_offer(blocks, &guess);
}
