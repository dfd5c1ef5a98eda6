/* SPDX-License-Identifier: Apache-2.0 */
/* Looks one address up in the mappings, the symbols and the blocks of its heap. */
#include "query/show.h"

static void find_place(struct hw_session *session, hw_addr addr, struct hw_place *ret)
{
	const struct hw_memory *memory = session->memory;
	uint32_t i = hw_memory_find(memory, addr);
	struct hw_place place = {0};

	*ret = place;
	if (i >= memory->mapping_count || memory->mappings[i].start > addr)
		return;
	place.mapping = &memory->mappings[i];
	if (place.mapping->module < memory->object_count)
		place.object = &memory->objects[place.mapping->module];
	if (place.object)
		place.symbol = hw_modules_name(session->modules, addr, &place.symbol_offset);
	place.heap = hw_heaps_owner(session->heaps, addr);
	*ret = place;
}

/* Blocks come by address: the first that ends above addr decides. */
static bool seek_block(void *arg, const struct hw_blocks *batch)
{
	struct hw_show *show = arg;
	const uint8_t *at = (const uint8_t *)batch->blocks;

	for (uint32_t i = 0; i < batch->count; i++, at += batch->block_size) {
		const struct hw_block *block = (const struct hw_block *)(const void *)at;

		if (show->addr - block->addr < block->size && show->addr >= block->addr) {
			show->block = *block;
			show->has_block = true;
			return false;
		}
		if (block->addr > show->addr)
			return false;
	}
	return true;
}

/* The words around addr, kept inside the block or else the mapping. */
static void read_words(struct hw_session *session, struct hw_show *show)
{
	const struct hw_mapping *m = show->place.mapping;
	const uint64_t room = HW_SHOW_WORDS * sizeof(uint64_t), before = room / 2;
	hw_addr low = m->start, high = m->end, from;

	if (show->has_block) {
		low = show->block.addr;
		high = show->block.addr + show->block.size;
	}
	low = (low + 7) & ~(hw_addr)7;
	from = (show->addr & ~(hw_addr)7);
	from = from < low + before ? low : from - before;
	for (uint32_t i = 0; i < HW_SHOW_WORDS; i++, from += sizeof(uint64_t)) {
		struct hw_word *word = &show->words[i];

		if (from >= high || high - from < sizeof(uint64_t))
			break;
		word->addr = from;
		word->held = hw_memory_word(session->memory, from, &word->value);
		if (word->held)
			find_place(session, word->value, &word->to);
		show->word_count++;
	}
}

bool hw_show_query(struct hw_session *session, hw_addr addr, struct hw_show *ret, GError **error)
{
	struct hw_show show = {.addr = addr};

	find_place(session, addr, &show.place);
	if (show.place.heap &&
	    !hw_heaps_blocks(session->heaps, show.place.heap->id, seek_block, &show, error))
		return false;
	if (show.place.mapping)
		read_words(session, &show);
	*ret = show;
	hw_target_check(session->target, &session->notes);
	return true;
}
