/* SPDX-License-Identifier: Apache-2.0 */
/* table.h -- the live blocks of all heaps, numbered by address, and the way back from
 * any word of memory to the block it points into.
 *
 * Ids are 0 to count - 1, ascending by address, over all heaps together. More than
 * 2^31 - 2 is an error. Lookup is O(1): a directory record per slice of heap holds the
 * start bits of the live blocks in it, how many came before, and the block that covers its
 * first byte. Starts come in granules of 8 bytes, per slab of 512 KiB; nothing
 * wraps at 64 GiB. Immutable once made. Memory: about 8 bytes per block and 1.6 to 3.2 %
 * of the heap's bytes. */
#ifndef HW_GRAPH_TABLE_H
#define HW_GRAPH_TABLE_H
#include "heap/heap.h"

#define HW_NO_BLOCK   UINT32_MAX
#define HW_BLOCKS_MAX ((UINT32_C(1) << 31) - 2)

struct hw_table;

/* Reads every live block of every heap. NULL on error (INTERNAL: too many blocks, out of
 * memory; INTERRUPTED). */
struct hw_table *hw_table_new(struct hw_heaps *heaps, struct hw_notes *notes, GError **error);
void hw_table_free(struct hw_table *table); /* Accepts NULL. */

uint32_t hw_table_count(const struct hw_table *table);
uint64_t hw_table_bytes(const struct hw_table *table); /* Sum of all sizes. */
hw_addr hw_table_addr(const struct hw_table *table, uint32_t id);
uint64_t hw_table_size(const struct hw_table *table, uint32_t id);
uint32_t hw_table_heap(const struct hw_table *table, uint32_t id); /* Heap id. */
uint32_t hw_table_arena(const struct hw_table *table, uint32_t id);
uint32_t hw_table_type(const struct hw_table *table, uint32_t id); /* hw_heaps type; 0: unknown. */
/* HW_BLOCK_ bits. Blocks with HW_BLOCK_INTERNAL or HW_BLOCK_NOPOINTERS are never scanned. */
uint8_t hw_table_flags(const struct hw_table *table, uint32_t id);
/* Does a collector free blocks of its heap? */
bool hw_table_is_collected(const struct hw_table *table, uint32_t id);
/* Does only what the heap's plugin named hold it? */
bool hw_table_has_own_roots(const struct hw_table *table, uint32_t id);

/* The live block that a word points into, by its value alone. In heaps with a header
 * of 16 bytes before each block (ptmalloc) the word less 16 is looked up among chunks, so that a
 * one-past-the-end pointer stays with its own block. In others: the block that contains
 * it, and if that is not live and the word ends a live block, that one (*guessed_ret, may be
 * NULL), but not in heaps with HW_HEAP_NO_PAST_END. HW_NO_BLOCK when there is none. */
uint32_t hw_table_find(const struct hw_table *table, uint64_t word, bool *guessed_ret);
/* The live block that contains addr, exactly. */
uint32_t hw_table_at(const struct hw_table *table, hw_addr addr);
/* Lowest address any block has, and the end of the highest: a cheap first filter. */
void hw_table_span(const struct hw_table *table, hw_addr *low_ret, hw_addr *high_ret);
#endif
