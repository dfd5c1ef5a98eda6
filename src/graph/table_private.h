/* SPDX-License-Identifier: Apache-2.0 */
/* table_private.h -- how the block table lies in memory, and the builder that fills it.
 * For the files of the table, the edge scan and tests.
 *
 * The address space is cut into slabs of 512 KiB. Blocks are kept as
 *
 *     start  u16 per block: offset in its slab, in granules of 8 bytes
 *     size   u32 per block: bytes; UINT32_MAX: in `big`, by id
 *     piece  one per run of blocks of one slab and one class (heap, arena, type, flags)
 *
 * and found again through   top[addr >> 30] -> slab[addr >> 19] -> record[addr >> 9].
 * A record is 16 bytes per 512 bytes of heap. A slab of `is_marked` holds only blocks with
 * 16-byte headers, all at multiples of 16: its records have 32 bits for starts of live
 * blocks and 32 bits for starts and ends together, so that the record alone answers. Other
 * slabs have 64 bits for starts, and the block's size decides. A slab that one block covers
 * from end to end has no records. */
#ifndef HW_GRAPH_TABLE_PRIVATE_H
#define HW_GRAPH_TABLE_PRIVATE_H
#include "base/reserve.h"
#include "graph/table.h"

#define HW_SLAB_BITS    19
#define HW_SLAB         ((uint64_t)1 << HW_SLAB_BITS)
#define HW_SLICE_BITS   9 /* One record per so many bytes. */
#define HW_SLAB_RECORDS (1u << (HW_SLAB_BITS - HW_SLICE_BITS))
#define HW_TOP_BITS     30
#define HW_TOP_SLABS    (1u << (HW_TOP_BITS - HW_SLAB_BITS))
#define HW_ADDR_BITS    48 /* Blocks above are left out and reported. */
#define HW_HINT_BITS    8  /* One piece hint per 256 blocks. */
#define HW_NO_RECORDS   UINT32_MAX

struct hw_class {
	uint32_t heap;
	uint32_t arena;
	uint32_t type;
	uint32_t header; /* block_header of the heap. */
	uint8_t flags;
	uint8_t heap_flags; /* HW_HEAP_ bits, and HW_TABLE_TYPED. */
};
#define HW_TABLE_TYPED 0x80 /* The plugin tells which words may be references. */

struct hw_piece {
	uint32_t slab;  /* addr >> HW_SLAB_BITS. */
	uint32_t first; /* Id; up to the first of the next piece. */
	uint32_t class;
	uint32_t is_odd; /* Some start is no multiple of 16. */
};

struct hw_slab {
	uint32_t records; /* Index / HW_SLAB_RECORDS, or HW_NO_RECORDS. */
	uint32_t cover;   /* Id + 1 of the block that covers it all, when without records. */
	uint32_t is_marked;
};

struct hw_record {
	union {
		uint64_t starts; /* Slab not marked: live starts, by 8 bytes. */
		struct {
			uint32_t live;  /* By 16 bytes: starts of live blocks … */
			uint32_t marks; /* … and those with the ends that no live block follows. */
		};
	};
	uint32_t rank;  /* Blocks that start before this slice. */
	uint32_t cover; /* Id + 1 of the block that reaches into the slice, or 0. */
};

struct hw_big {
	uint32_t id;
	uint64_t size;
};

struct hw_table {
	uint32_t count;
	uint64_t bytes;
	hw_addr low;
	hw_addr high; /* No word at or above is in a block or at its end. */
	const uint16_t *start;
	const uint32_t *size;
	struct hw_reserve start_room, size_room;
	struct hw_piece *pieces;
	uint32_t piece_count;
	size_t piece_room;
	struct hw_class *classes;
	uint32_t class_count;
	size_t class_room;
	struct hw_big *big; /* By id. */
	uint32_t big_count;
	size_t big_room;
	uint32_t *hint; /* Piece of id i << HW_HINT_BITS. */
	uint32_t *top;  /* Index of a group of HW_TOP_SLABS slabs + 1, or 0. */
	struct hw_slab *slabs;
	uint32_t group_count;
	struct hw_record *records;
	size_t record_count;
	/* Left out: not at a multiple of 8, overlapping, or beyond HW_ADDR_BITS. */
	uint64_t odd_blocks, odd_bytes;
	hw_addr odd_first;
	/* For classes with HW_TABLE_TYPED; as hw_heaps_pointers(). */
	void (*pointers)(void *arg, uint32_t heap, hw_addr start, hw_addr end, uint64_t *bits);
	void *pointers_arg;
};

/* Piece of an id: O(log of the pieces in 256 ids). */
uint32_t hw_table_piece(const struct hw_table *table, uint32_t id);
static inline hw_addr hw_piece_base(const struct hw_piece *piece)
{
	return (hw_addr)piece->slab << HW_SLAB_BITS;
}
/* Number of ids of a piece. */
static inline uint32_t hw_piece_size(const struct hw_table *table, uint32_t piece)
{
	return (piece + 1 < table->piece_count ? table->pieces[piece + 1].first : table->count) -
	       table->pieces[piece].first;
}
uint64_t hw_table_big(const struct hw_table *table, uint32_t id);
static inline uint64_t hw_table_size_inline(const struct hw_table *table, uint32_t id)
{
	uint32_t size = table->size[id];

	return __builtin_expect(size == UINT32_MAX, 0) ? hw_table_big(table, id) : size;
}

/* End of what resolves to a block: with a 16-byte header before every block, looking x - 16
 * up among chunks is looking x up among blocks that reach to the next multiple of 16 past
 * their end, the end itself included. */
static inline hw_addr hw_block_reach(const struct hw_class *class, hw_addr addr, uint64_t size)
{
	return class->header == 16 ? (addr + size + 16) & ~(hw_addr)15 : addr + size;
}

/* Lookup in two steps, so that a caller with many words can have the records fetched
 * meanwhile. A place without slab has slab NULL. */
static inline const struct hw_slab *hw_table_slab(const struct hw_table *table, uint64_t word)
{
	uint32_t group;

	if (word - table->low >= table->high - table->low)
		return NULL;
	group = table->top[word >> HW_TOP_BITS];
	if (!group)
		return NULL;
	return &table->slabs[(uint64_t)(group - 1) * HW_TOP_SLABS +
			     ((word >> HW_SLAB_BITS) & (HW_TOP_SLABS - 1))];
}

/* NULL: the slab has none. */
static inline const struct hw_record *hw_table_record(const struct hw_table *table,
						      const struct hw_slab *slab, uint64_t word)
{
	if (slab->records == HW_NO_RECORDS)
		return NULL;
	return &table->records[(uint64_t)slab->records * HW_SLAB_RECORDS +
			       ((word >> HW_SLICE_BITS) & (HW_SLAB_RECORDS - 1))];
}

/* The block of a word in a slab that is not marked; follows the rules of hw_table_find(). */
uint32_t hw_table_settle(const struct hw_table *table, const struct hw_slab *slab,
			 const struct hw_record *record, uint64_t word, bool *guessed_ret);

static inline uint32_t hw_table_resolve(const struct hw_table *table, const struct hw_slab *slab,
					const struct hw_record *record, uint64_t word,
					bool *guessed_ret)
{
	uint32_t below;
	uint32_t upto;

	if (!slab->is_marked || !record)
		return hw_table_settle(table, slab, record, word, guessed_ret);
	upto =
	    (UINT32_C(2) << ((word >> 4) & 31)) - 1; /* Bits up to the word's own; 2 << 31 is 0. */
	below = record->marks & upto;
	if (!below)
		return record->cover - 1;
	if (!((record->live >> (31 - __builtin_clz(below))) & 1))
		return HW_NO_BLOCK;
	return record->rank + (uint32_t)__builtin_popcount(record->live & upto) - 1;
}

/* The builder: blocks go in heap by heap, ascending within each; then hw_table_finish(). */
struct hw_builder;
struct hw_builder *hw_builder_new(void);
void hw_builder_free(struct hw_builder *builder); /* Accepts NULL. */
/* A batch of the heap that has these headers; blocks not live are skipped. False: out
 * of memory or too many, see hw_builder_finish(). */
bool hw_builder_add(struct hw_builder *builder, const struct hw_blocks *batch, uint32_t header);
/* HW_HEAP_ bits and HW_TABLE_TYPED of the heaps that the next batches are of; at first none. */
void hw_builder_flags(struct hw_builder *builder, uint8_t heap_flags);
/* Frees builder. NULL on error; odd blocks are in the notes. */
struct hw_table *hw_builder_finish(struct hw_builder *builder, struct hw_notes *notes,
				   GError **error);

/* table_directory.c: everything that finding needs, once pieces, starts and sizes stand. */
bool hw_table_index(struct hw_table *table);
#endif
