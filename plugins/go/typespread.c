/* SPDX-License-Identifier: Apache-2.0 */
/* typespread.c -- what the pointers of typed values lead to, each kind in its own way. */
#include "blocktypes.h"
#include "pclntab.h"
#include <stdio.h>
#include <string.h>

enum {
	GROUPS_AT = 16, /* maps.table.groups.data. */
	SLICE_CAP = 16, /* Of a slice's three words. */
	DIRECTORY_MAX = 1 << 24,
};

static bool offer(struct go_block_types *blocks, enum go_form form, enum go_how how,
		  const struct go_desc *desc, hw_addr at, uint64_t bytes)
{
	const struct go_guess guess = {form, how, desc, 0, at, bytes, NULL};

	return go_blocks_offer(blocks, &guess);
}

/* Of a container that it has no meaning without. */
static bool offer_part(struct go_block_types *blocks, enum go_form form, const struct go_desc *desc,
		       hw_addr at, uint64_t bytes, const struct go_desc *inside)
{
	const struct go_guess guess = {form, GO_HOW_PROPAGATED, desc, 0, at, bytes, inside};

	return go_blocks_offer(blocks, &guess);
}

static bool offer_value(struct go_block_types *blocks, enum go_how how, const struct go_desc *desc,
			hw_addr at)
{
	struct go_place place;

	if (!desc || !desc->head.size)
		return true;
	if (!go_block_place(blocks, at, &place))
		return go_blocks_add_static(blocks, desc, at);
	return offer(blocks, GO_FORM_VALUE, how, desc, at, desc->head.size);
}

bool go_spread_func(struct go_block_types *blocks, hw_addr func, enum go_how how)
{
	struct go_guess guess = {.form = GO_FORM_FUNC, .how = how, .at = func};
	struct go_func found;

	if (!go_blocks_word(blocks, func, &guess.func) ||
	    !go_func_find(go_blocks_runtime(blocks), guess.func, &found) ||
	    found.entry != guess.func)
		return true;
	return go_blocks_offer(blocks, &guess);
}

/* internal/sync/hashtriemap.go: a node is the head of an entry or of an indirect of the same
 * type arguments, as its one field says. */
static const struct go_desc *node_behind(struct go_block_types *blocks, const struct go_desc *desc,
					 hw_addr at)
{
	char name[GO_NAME_MAX];
	uint8_t is_entry;

	if (desc->role != GO_ROLE_NODE)
		return desc;
	if (!go_u8(go_blocks_runtime(blocks), at, &is_entry) || is_entry > 1)
		return NULL;
	snprintf(name, sizeof(name), "sync.%s%s", is_entry ? "entry" : "indirect", desc->name + 9);
	return go_types_named(go_block_types_cache(blocks), name);
}

/* sync/pool.go: Pool: local, localSize; victim, victimSize: one poolLocal for each P. */
static bool spread_pool(struct go_block_types *blocks, const struct go_desc *local, hw_addr at,
			hw_addr word)
{
	uint64_t count, bytes;

	if (!go_blocks_word(blocks, at + 8, &count) || !count ||
	    __builtin_mul_overflow(count, local->head.size, &bytes))
		return true;
	return offer(blocks, GO_FORM_ARRAY, GO_HOW_PROPAGATED, local, word, bytes);
}

static bool spread_pointer(struct go_block_types *blocks, const struct go_slot *slot, hw_addr at,
			   hw_addr word, enum go_how how, const struct go_desc *inside)
{
	const struct go_desc *desc =
	    slot->elem ? go_types_at(go_block_types_cache(blocks), slot->elem) : NULL;

	if (!desc)
		return true;
	if (desc->role == GO_ROLE_POOL_LOCAL)
		return spread_pool(blocks, desc, at, word);
	if (inside && desc->head.size)
		return offer_part(blocks, GO_FORM_VALUE, desc, word, desc->head.size, inside);
	return offer_value(blocks, how, node_behind(blocks, desc, word), word);
}

static bool spread_string(struct go_block_types *blocks, hw_addr at, hw_addr word, enum go_how how)
{
	uint64_t length;

	return !go_blocks_word(blocks, at + 8, &length) || !length ||
	       offer(blocks, GO_FORM_STRING, how, NULL, word, length);
}

static bool spread_slice(struct go_block_types *blocks, hw_addr at, hw_addr elem, hw_addr word,
			 enum go_how how)
{
	const struct go_desc *desc = elem ? go_types_at(go_block_types_cache(blocks), elem) : NULL;
	uint64_t room, bytes;

	if (!desc || !desc->head.size || !go_blocks_word(blocks, at + SLICE_CAP, &room) || !room ||
	    __builtin_mul_overflow(room, desc->head.size, &bytes))
		return true;
	return offer(blocks, GO_FORM_ARRAY, how, desc, word, bytes);
}

static bool spread_slot(struct go_block_types *blocks, const struct go_slot *slot, hw_addr at,
			enum go_how how, const struct go_desc *inside)
{
	bool is_one;
	hw_addr word;

	if (slot->kind == GO_SLOT_INTERFACE)
		return go_spread_interface(blocks, at, &is_one);
	if (!go_blocks_word(blocks, at, &word) || !word)
		return true;
	switch (slot->kind) {
	case GO_SLOT_POINTER:
		return spread_pointer(blocks, slot, at, word, how, inside);
	case GO_SLOT_STRING:
		return spread_string(blocks, at, word, how);
	case GO_SLOT_SLICE:
		return spread_slice(blocks, at, slot->elem, word, how);
	case GO_SLOT_MAP:
		return offer(blocks, GO_FORM_MAP, how,
			     go_types_at(go_block_types_cache(blocks), slot->type), word, 8);
	case GO_SLOT_CHAN:
		return offer(blocks, GO_FORM_CHAN, how,
			     go_types_at(go_block_types_cache(blocks), slot->type), word, 8);
	case GO_SLOT_FUNC:
		return go_spread_func(blocks, word, GO_HOW_CLOSURE);
	default:
		return true;
	}
}

bool go_spread_interface(struct go_block_types *blocks, hw_addr addr, bool *is_one_ret)
{
	struct go_types *types = go_block_types_cache(blocks);
	const struct go_desc *desc;
	struct go_slot slot;
	hw_addr type, data;

	*is_one_ret = false;
	if (!go_blocks_word(blocks, addr, &type) || !type ||
	    !go_blocks_word(blocks, addr + 8, &data) || !data)
		return true;
	desc = go_types_at(types, type);
	if (!desc)
		desc = go_types_itab(types, type, NULL);
	if (!desc)
		return true;
	*is_one_ret = true;
	if (!go_desc_is_direct(types, desc))
		return offer_value(blocks, GO_HOW_INTERFACE, desc, data);
	return !go_desc_slot_at(types, desc, 0, &slot) ||
	       spread_slot(blocks, &slot, addr + 8, GO_HOW_INTERFACE, NULL);
}

/* Buckets of the older maps are lists: the last word points at the next one, also where keys and
 * elements have no pointers (mapextra then keeps it alive). */
static bool is_bucket(const struct go_desc *desc)
{
	return desc->role == GO_ROLE_BUCKET && desc->head.size > 16;
}

/* sync/map.go, to 1.23: what an entry points at is of no use to anybody else. */
static bool is_entry(const struct go_desc *desc)
{
	return desc->role == GO_ROLE_ENTRY;
}

static bool spread_one(struct go_block_types *blocks, const struct go_desc *desc,
		       const struct go_slot *slots, uint32_t count, hw_addr at, enum go_how how,
		       const struct go_desc *inside)
{
	hw_addr next;

	for (uint32_t s = 0; s < count; s++)
		for (uint32_t i = 0; i < slots[s].count; i++)
			if (!spread_slot(blocks, &slots[s],
					 at + slots[s].offset + i * slots[s].stride, how,
					 is_entry(desc) ? desc : NULL))
				return false;
	if (is_bucket(desc) && go_blocks_word(blocks, at + desc->head.size - 8, &next) && next)
		return offer_part(blocks, GO_FORM_ARRAY, desc, next, desc->head.size, inside);
	return true;
}

bool go_spread_parts(struct go_block_types *blocks, const struct go_desc *desc, hw_addr at,
		     uint64_t count, enum go_how how, const struct go_desc *inside)
{
	const struct hw_host *host = go_blocks_runtime(blocks)->host;
	const struct go_slot *slots;
	uint32_t slot_count;

	if (!go_desc_slots(go_block_types_cache(blocks), desc, &slots, &slot_count) ||
	    (!slot_count && !is_bucket(desc)))
		return true;
	for (uint64_t i = 0; i < count; i++) {
		if (!(i & 0xfff) && host->stopped(host->self))
			return false;
		if (!spread_one(blocks, desc, slots, slot_count, at + i * desc->head.size, how,
				inside))
			return false;
	}
	return true;
}

bool go_spread_values(struct go_block_types *blocks, const struct go_desc *desc, hw_addr at,
		      uint64_t count, enum go_how how)
{
	return go_spread_parts(blocks, desc, at, count, how, NULL);
}

static bool spread_known(struct go_block_types *blocks, enum go_known which, hw_addr at)
{
	const struct go_desc *desc = go_blocks_known(blocks, which);

	return !desc || go_spread_values(blocks, desc, at, 1, GO_HOW_PROPAGATED);
}

/* runtime/map.go: makeBucketArray(): with B from 4 on some more for overflow, and what the size
 * class has room for. */
static bool offer_buckets(struct go_block_types *blocks, const struct go_desc *map,
			  const struct go_desc *bucket, hw_addr at, uint64_t b)
{
	struct go_place place;

	if (!at || b >= 48 || !go_block_place(blocks, at, &place) || at != place.first ||
	    place.bytes >> b < bucket->head.size)
		return true;
	if (b < 4)
		return offer_part(blocks, GO_FORM_ARRAY, bucket, at, bucket->head.size << b, map);
	return offer_part(blocks, GO_FORM_ARRAY, bucket, at,
			  place.bytes / bucket->head.size * bucket->head.size, map);
}

static bool spread_buckets(struct go_block_types *blocks, const struct go_desc *map, hw_addr at)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	const struct go_desc *bucket = go_types_at(go_block_types_cache(blocks), map->bucket);
	uint64_t b = 0, buckets = 0, old = 0;

	if (!bucket || !go_get(rt, at, GO_HMAP_B, &b) ||
	    !go_get(rt, at, GO_HMAP_BUCKETS, &buckets) || !go_get(rt, at, GO_HMAP_OLDBUCKETS, &old))
		return true;
	if (!offer_buckets(blocks, map, bucket, buckets, b))
		return false;
	/* Half as many, or the same: for one of the two the class is not right. */
	return (!old || (offer_buckets(blocks, map, bucket, old, b ? b - 1 : 0) &&
			 offer_buckets(blocks, map, bucket, old, b))) &&
	       spread_known(blocks, GO_KNOWN_HMAP, at);
}

static bool spread_map(struct go_block_types *blocks, const struct go_desc *map, hw_addr at)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	const struct go_desc *group;
	uint64_t directory = 0, length = 0;

	if (!map)
		return rt->layout.minor >= 24 || spread_known(blocks, GO_KNOWN_HMAP, at);
	if (!map->is_swiss)
		return spread_buckets(blocks, map, at);
	group = go_types_at(go_block_types_cache(blocks), map->bucket);
	if (!group || !go_get(rt, at, GO_MAP_DIRPTR, &directory) ||
	    !go_get(rt, at, GO_MAP_DIRLEN, &length) || !directory || length > DIRECTORY_MAX)
		return true;
	if (!length)
		return offer_part(blocks, GO_FORM_ARRAY, group, directory, group->head.size, map);
	return offer(blocks, GO_FORM_DIRECTORY, GO_HOW_PROPAGATED, map, directory, length * 8);
}

static bool spread_directory(struct go_block_types *blocks, const struct go_desc *map, hw_addr at,
			     uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i += 8) {
		hw_addr table;

		if (go_blocks_word(blocks, at + i, &table) && table &&
		    !offer(blocks, GO_FORM_TABLE, GO_HOW_PROPAGATED, map, table, 8))
			return false;
	}
	return true;
}

static bool spread_table(struct go_block_types *blocks, const struct go_desc *map, hw_addr at)
{
	const struct go_desc *group =
	    map ? go_types_at(go_block_types_cache(blocks), map->bucket) : NULL;
	uint64_t groups, mask, bytes;

	if (!group || !go_blocks_word(blocks, at + GROUPS_AT, &groups) || !groups ||
	    !go_blocks_word(blocks, at + GROUPS_AT + 8, &mask) || mask >= DIRECTORY_MAX ||
	    __builtin_mul_overflow(mask + 1, group->head.size, &bytes))
		return true;
	return offer_part(blocks, GO_FORM_ARRAY, group, groups, bytes, map);
}

static bool spread_chan(struct go_block_types *blocks, const struct go_desc *chan, hw_addr at)
{
	const struct go_desc *elem = go_types_at(go_block_types_cache(blocks), chan->elem);
	const struct go_layout *l = &go_blocks_runtime(blocks)->layout;
	uint64_t room, buffer, bytes;

	if (!elem || !elem->head.ptrdata ||
	    !go_blocks_word(blocks, at + l->at[GO_HCHAN_DATAQSIZ], &room) || !room ||
	    !go_blocks_word(blocks, at + l->at[GO_HCHAN_BUF], &buffer) ||
	    __builtin_mul_overflow(room, elem->head.size, &bytes))
		return true;
	return offer_part(blocks, GO_FORM_ARRAY, elem, buffer, bytes, chan);
}

bool go_spread_block(struct go_block_types *blocks, const struct go_place *place,
		     const struct go_block_type *type)
{
	switch (type->form) {
	case GO_FORM_VALUE:
	case GO_FORM_ARRAY:
		return go_spread_parts(blocks, type->desc, type->first, type->count,
				       GO_HOW_PROPAGATED, type->inside);
	case GO_FORM_MAP:
		return spread_map(blocks, type->desc, type->first);
	case GO_FORM_DIRECTORY:
		return spread_directory(blocks, type->desc, type->first, type->bytes);
	case GO_FORM_TABLE:
		return spread_table(blocks, type->desc, type->first);
	case GO_FORM_CHAN:
		return spread_chan(blocks, type->desc, type->first) &&
		       (place->is_noscan || spread_known(blocks, GO_KNOWN_HCHAN, type->first));
	case GO_FORM_FUNC:
		return !type->desc ||
		       go_spread_values(blocks, type->desc, type->first, 1, GO_HOW_PROPAGATED);
	case GO_FORM_STRING:
	default:
		return true;
	}
}
