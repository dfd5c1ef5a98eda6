/* SPDX-License-Identifier: Apache-2.0 */
/* Streams blocks through a filter. Nothing is kept, so ten million cost no memory. */
#include "query/blocks.h"
#include "base/progress.h"

struct stream {
	const struct hw_heap *heap;
	const struct hw_block_filter *filter;
	hw_block_fn fn;
	void *arg;
	uint64_t seen;
	bool stop;
};

static bool take_batch(void *arg, const struct hw_blocks *batch)
{
	struct stream *s = arg;
	const unsigned states = s->filter->states ? s->filter->states : ~0u;
	const uint8_t *at = (const uint8_t *)batch->blocks;

	/* A newer plugin's blocks may be longer than ours: step by its size. */
	for (uint32_t i = 0; i < batch->count; i++, at += batch->block_size) {
		const struct hw_block *block = (const struct hw_block *)(const void *)at;

		if (!(states >> block->state & 1) || block->size < s->filter->min)
			continue;
		if (!s->fn(s->arg, s->heap, block)) {
			s->stop = true;
			return false;
		}
	}
	s->seen += batch->count;
	hw_progress("reading blocks", s->seen, 0);
	return true;
}

bool hw_blocks_query(struct hw_session *session, const struct hw_block_filter *filter,
		     hw_block_fn fn, void *arg, GError **error)
{
	struct stream s = {.filter = filter, .fn = fn, .arg = arg};
	uint32_t count = hw_heaps_count(session->heaps);

	for (uint32_t i = 0; i < count && !s.stop; i++) {
		s.heap = hw_heaps_at(session->heaps, i);
		if (!hw_heaps_blocks(session->heaps, i, take_batch, &s, error))
			return false;
	}
	hw_progress_end();
	return true;
}
