/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h -- blocks one by one, for blocks() of a plugin: they are handed over many at a time. On
 * top of plugin.h, for whoever wants it; nothing of it crosses the border.
 *
 *   struct hw_batch batch;
 *   hw_batch_init(&batch, host, heap);
 *   while (… && hw_batch_add(&batch, &block)) …    by ascending address
 *   hw_batch_flush(&batch); */
#ifndef HW_BATCH_H
#define HW_BATCH_H
#include "heapwalk/plugin.h"

enum { HW_BATCH_BLOCKS = 512 };

struct hw_batch {
	const struct hw_host *host;
	uint32_t heap;  /* From host->add_heap(). */
	uint32_t count; /* Not handed over yet. */
	bool is_over;   /* The receiver has enough: what else is added is dropped. */
	struct hw_block blocks[HW_BATCH_BLOCKS];
};

static inline void hw_batch_init(struct hw_batch *batch, const struct hw_host *host, uint32_t heap)
{
	batch->host = host;
	batch->heap = heap;
	batch->count = 0;
	batch->is_over = false;
}

/* False: the receiver has enough. */
static inline bool hw_batch_flush(struct hw_batch *batch)
{
	const struct hw_blocks blocks = {
	    .struct_size = sizeof(blocks),
	    .block_size = sizeof(struct hw_block),
	    .heap = batch->heap,
	    .count = batch->count,
	    .blocks = batch->blocks,
	};

	if (batch->count && !batch->is_over)
		batch->is_over = !batch->host->blocks(batch->host->self, &blocks);
	batch->count = 0;
	return !batch->is_over;
}

/* The block is copied. False: the receiver has enough. */
static inline bool hw_batch_add(struct hw_batch *batch, const struct hw_block *block)
{
	if (batch->is_over)
		return false;
	batch->blocks[batch->count++] = *block;
	return batch->count < HW_BATCH_BLOCKS || hw_batch_flush(batch);
}
#endif
