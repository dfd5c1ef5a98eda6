/* SPDX-License-Identifier: Apache-2.0 */
/* table.c -- questions to the block table. How it lies: table_private.h; how it is made:
 * table_build.c and table_directory.c. */
#include "base/array.h"
#include "graph/table_private.h"

void hw_table_free(struct hw_table *table)
{
	if (!table)
		return;
	hw_reserve_clear(&table->start_room);
	hw_reserve_clear(&table->size_room);
	hw_array_resize(table->pieces, table->piece_room, 0, sizeof(*table->pieces));
	hw_array_resize(table->classes, table->class_room, 0, sizeof(*table->classes));
	hw_array_resize(table->big, table->big_room, 0, sizeof(*table->big));
	hw_array_resize(table->hint, ((size_t)table->count >> HW_HINT_BITS) + 2, 0,
			sizeof(*table->hint));
	hw_array_resize(table->top, (size_t)1 << (HW_ADDR_BITS - HW_TOP_BITS), 0,
			sizeof(*table->top));
	hw_array_resize(table->slabs, (size_t)table->group_count * HW_TOP_SLABS, 0,
			sizeof(*table->slabs));
	hw_array_resize(table->records, table->record_count, 0, sizeof(*table->records));
	g_free(table);
}

uint32_t hw_table_count(const struct hw_table *table)
{
	return table->count;
}

uint64_t hw_table_bytes(const struct hw_table *table)
{
	return table->bytes;
}

uint32_t hw_table_piece(const struct hw_table *table, uint32_t id)
{
	uint32_t low = table->hint[id >> HW_HINT_BITS];
	uint32_t high = table->hint[(id >> HW_HINT_BITS) + 1];

	while (low < high) { /* The last piece that begins at or before id. */
		uint32_t middle = low + (high - low + 1) / 2;

		if (table->pieces[middle].first <= id)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

uint64_t hw_table_big(const struct hw_table *table, uint32_t id)
{
	uint32_t low = 0;
	uint32_t high = table->big_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (table->big[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return table->big[low].size;
}

hw_addr hw_table_addr(const struct hw_table *table, uint32_t id)
{
	const struct hw_piece *piece = &table->pieces[hw_table_piece(table, id)];

	return hw_piece_base(piece) + (hw_addr)table->start[id] * 8;
}

uint64_t hw_table_size(const struct hw_table *table, uint32_t id)
{
	return hw_table_size_inline(table, id);
}

static const struct hw_class *class_of(const struct hw_table *table, uint32_t id)
{
	return &table->classes[table->pieces[hw_table_piece(table, id)].class];
}

uint32_t hw_table_heap(const struct hw_table *table, uint32_t id)
{
	return class_of(table, id)->heap;
}

uint32_t hw_table_arena(const struct hw_table *table, uint32_t id)
{
	return class_of(table, id)->arena;
}

uint32_t hw_table_type(const struct hw_table *table, uint32_t id)
{
	return class_of(table, id)->type;
}

uint8_t hw_table_flags(const struct hw_table *table, uint32_t id)
{
	return class_of(table, id)->flags;
}

bool hw_table_is_collected(const struct hw_table *table, uint32_t id)
{
	return class_of(table, id)->heap_flags & HW_HEAP_COLLECTED;
}

bool hw_table_has_own_roots(const struct hw_table *table, uint32_t id)
{
	return class_of(table, id)->heap_flags & HW_HEAP_OWN_ROOTS;
}

void hw_table_span(const struct hw_table *table, hw_addr *low_ret, hw_addr *high_ret)
{
	*low_ret = table->low;
	*high_ret = table->high;
}

/* The last block that starts at or before word, when it may reach the word. In a slab that
 * is not marked. */
static uint32_t last_before(const struct hw_slab *slab, const struct hw_record *record,
			    uint64_t word)
{
	uint64_t below;

	if (!record)
		return slab->cover - 1;
	below = record->starts & ((UINT64_C(2) << ((word >> 3) & 63)) - 1);
	return below ? record->rank + (uint32_t)__builtin_popcountll(below) - 1 : record->cover - 1;
}

uint32_t hw_table_settle(const struct hw_table *table, const struct hw_slab *slab,
			 const struct hw_record *record, uint64_t word, bool *guessed_ret)
{
	uint32_t id = last_before(slab, record, word);
	const struct hw_piece *piece;
	hw_addr addr;
	uint64_t size;

	if (id == HW_NO_BLOCK)
		return HW_NO_BLOCK;
	piece = &table->pieces[hw_table_piece(table, id)];
	addr = hw_piece_base(piece) + (hw_addr)table->start[id] * 8;
	size = hw_table_size_inline(table, id);
	if (word < hw_block_reach(&table->classes[piece->class], addr, size))
		return id;
	if (word != addr + size || (table->classes[piece->class].heap_flags & HW_HEAP_NO_PAST_END))
		return HW_NO_BLOCK;
	if (guessed_ret)
		*guessed_ret = true;
	return id;
}

uint32_t hw_table_find(const struct hw_table *table, uint64_t word, bool *guessed_ret)
{
	const struct hw_slab *slab = hw_table_slab(table, word);

	if (guessed_ret)
		*guessed_ret = false;
	if (!slab)
		return HW_NO_BLOCK;
	return hw_table_resolve(table, slab, hw_table_record(table, slab, word), word, guessed_ret);
}

uint32_t hw_table_at(const struct hw_table *table, hw_addr addr)
{
	uint32_t id = hw_table_find(table, addr, NULL);

	if (id != HW_NO_BLOCK && addr - hw_table_addr(table, id) >= hw_table_size(table, id))
		return HW_NO_BLOCK;
	return id;
}
