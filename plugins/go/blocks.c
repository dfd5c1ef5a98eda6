/* SPDX-License-Identifier: Apache-2.0 */
/* blocks.c -- every slot of every in-use span, by ascending address. */
#include "heapwalk/batch.h"
#include "ledger.h"

static bool send_span(const struct go_runtime *rt, struct hw_batch *b, const struct go_span *s,
		      uint32_t arena)
{
	uint8_t flags = (s->spanclass & 1) ? HW_BLOCK_NOPOINTERS : 0;
	uint8_t rest = s->flags & GO_SPAN_CACHED ? HW_CACHED : HW_FREE;
	struct go_totals ignored = {0};
	struct go_count count;

	go_span_count(rt, s, false, &ignored, &count);
	if (!count.is_listed) /* The ledger noted it. */
		return true;
	for (uint32_t i = 0; i < s->nelems; i++) {
		const bool is_live = count.words[i / 64] >> (i % 64) & 1;
		const struct hw_block block = {
		    .addr = s->start + i * s->elemsize,
		    .size = s->elemsize,
		    .arena = arena,
		    .state = is_live ? HW_LIVE : rest,
		    .flags = flags,
		};

		if (!hw_batch_add(b, &block))
			return false;
	}
	return true;
}

bool go_blocks(void *handle, uint32_t heap)
{
	struct go_runtime *rt = go_runtime_of(handle, heap);
	struct hw_batch *b;
	uint32_t arena = 0;

	if (!rt)
		return false;
	b = rt->host->resize(rt->host->self, NULL, 0, 1, sizeof(*b));
	if (!b) {
		rt->host->fail(rt->host->self, "out of memory");
		return false;
	}
	hw_batch_init(b, rt->host, rt->id);
	for (uint64_t i = 0; i < rt->heap.span_count; i++) {
		const struct go_span *s = &rt->heap.spans[i];

		while (s->start - rt->heap.arenas[arena].base >= GO_ARENA)
			arena++;
		if (s->state == GO_SPAN_IN_USE && !(s->flags & GO_SPAN_BAD) &&
		    !send_span(rt, b, s, arena))
			break;
	}
	hw_batch_flush(b);
	rt->host->resize(rt->host->self, b, 1, 0, sizeof(*b));
	return true;
}
