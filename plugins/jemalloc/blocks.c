/* SPDX-License-Identifier: Apache-2.0 */
/* Every block of one copy, by ascending address: regions of slabs, large allocations, and
 * free extents that are still there. */
#include "heapwalk/batch.h"
#include "jemalloc.h"

struct sender {
	struct jemalloc *je;
	struct copy *copy;
	uint64_t cached, internal; /* Next in the copy's arrays. */
	struct hw_batch batch;
};

static bool send(struct sender *s, hw_addr addr, uint64_t size, uint32_t arena, enum hw_state state)
{
	struct hw_block b = {.addr = addr, .size = size, .arena = arena, .state = (uint8_t)state};
	const struct copy *copy = s->copy;

	if (state == HW_LIVE) {
		while (s->cached < copy->cached_count && copy->cached[s->cached].addr < addr)
			s->cached++;
		while (s->internal < copy->internal_count &&
		       copy->internals[s->internal].addr < addr)
			s->internal++;
		if (s->cached < copy->cached_count && copy->cached[s->cached].addr == addr) {
			b.state = HW_CACHED;
		} else if (s->internal < copy->internal_count &&
			   copy->internals[s->internal].addr == addr) {
			b.flags = HW_BLOCK_INTERNAL;
			b.type =
			    s->je->host->type(s->je->host->self, copy->internals[s->internal].what);
		}
	}
	return hw_batch_add(&s->batch, &b);
}

static bool send_slab(struct sender *s, const struct extent *e)
{
	uint64_t size = index2size(e->szind), bitmap[8];

	if (!slab_bitmap(s->je, e, bitmap))
		return true;
	for (uint32_t i = 0; i < e->nregs; i++)
		if (!send(s, e->addr + i * size, size, e->arena,
			  bitmap_is_free(bitmap, i) ? HW_FREE : HW_LIVE))
			return false;
	return true;
}

bool je_blocks(void *handle, uint32_t heap)
{
	struct jemalloc *je = handle;
	struct copy *copy = copy_of(je, heap);
	struct sender s = {.je = je, .copy = copy};

	/* Adding up first: what is wrong must be known before blocks are believed. */
	if (!copy || !add_up(je, copy)) {
		je->host->fail(je->host->self, "stopped while adding up the slabs");
		return false;
	}
	hw_batch_init(&s.batch, je->host, heap);
	for (uint64_t i = 0; i < copy->extent_count && !s.batch.is_over; i++) {
		const struct extent *e = &copy->extents[i];

		switch ((enum extent_kind)e->kind) {
		case KIND_SLAB:
			send_slab(&s, e);
			break;
		case KIND_LARGE:
			send(&s, e->addr + e->offset, usable_size(copy, e), e->arena, HW_LIVE);
			break;
		case KIND_DIRTY:
		case KIND_SEC:
			send(&s, e->addr, e->size, e->arena, HW_FREE);
			break;
		case KIND_MUZZY:
		case KIND_RETAINED:
		case KIND_UNKNOWN:
		case KINDS:
			break;
		}
	}
	hw_batch_flush(&s.batch);
	return true;
}
