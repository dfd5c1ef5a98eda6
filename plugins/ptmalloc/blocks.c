/* SPDX-License-Identifier: Apache-2.0 */
/* Every block of one libc, by ascending address: chunks of its regions and mmapped
 * chunks, merged. */
#include "heapwalk/batch.h"
#include "ptmalloc.h"

struct sender {
	struct ptmalloc *pt;
	struct libc *libc;
	uint32_t arena;
	uint32_t tcache_type, top_type;
	struct hw_batch batch;
};

static bool send(struct sender *s, hw_addr addr, uint64_t size, enum hw_state state, uint32_t type)
{
	struct hw_block b = {
	    .addr = addr, .size = size, .arena = s->arena, .type = type, .state = (uint8_t)state};

	if (size == 0)
		return true;
	if (state == HW_LIVE && size >= TCACHE_CHUNK_MIN - CHUNK_OVERHEAD &&
	    size <= TCACHE_CHUNK_MAX - CHUNK_OVERHEAD && is_known_tcache(s->libc, addr)) {
		b.type = s->tcache_type;
		b.flags = HW_BLOCK_INTERNAL;
	}
	return hw_batch_add(&s->batch, &b);
}

static bool send_chunk(void *arg, enum chunk_kind kind, hw_addr chunk, uint64_t size)
{
	struct sender *s = arg;
	hw_addr addr = chunk + CHUNK_HDR;

	switch (kind) {
	case CHUNK_LIVE:
		return send(s, addr, size - CHUNK_OVERHEAD, HW_LIVE, 0);
	case CHUNK_CACHED:
		return send(s, addr, size - CHUNK_OVERHEAD, HW_CACHED, 0);
	case CHUNK_FAST:
	case CHUNK_BINNED:
		return send(s, addr, size - CHUNK_OVERHEAD, HW_FREE, 0);
	case CHUNK_TOP:
		return size <= CHUNK_HDR || send(s, addr, size - CHUNK_HDR, HW_FREE, s->top_type);
	case CHUNK_FENCE:
	case CHUNK_UNKNOWN:
		break;
	}
	return true;
}

/* The first walk over a region adds it up, too: what is wrong with it is known, and said, when
 * its blocks are. It then goes on to the end, whether the receiver has enough or not. */
static bool send_region(struct sender *s, struct region *r)
{
	s->arena = r->arena;
	if (!s->libc->added_up)
		return add_up_region(s->pt, s->libc, r, s->batch.is_over ? NULL : send_chunk, s);
	if (!s->batch.is_over)
		walk_region(s->pt, s->libc, r, false, send_chunk, s);
	return true;
}

static bool send_all(struct sender *s)
{
	struct libc *libc = s->libc;
	uint64_t r = 0, m = 0;

	while (r < libc->region_count || m < libc->mmapped_count) {
		if (m == libc->mmapped_count ||
		    (r < libc->region_count && libc->regions[r].start < libc->mmapped[m].base)) {
			if (!send_region(s, &libc->regions[r++]))
				return false;
		} else {
			s->arena = (uint32_t)libc->arena_count;
			if (!s->batch.is_over)
				send(s, libc->mmapped[m].addr, libc->mmapped[m].usable, HW_LIVE, 0);
			m++;
		}
	}
	hw_batch_flush(&s->batch);
	return libc->added_up || add_up_end(s->pt, libc);
}

bool pt_blocks(void *handle, uint32_t heap)
{
	struct ptmalloc *pt = handle;
	const struct hw_host *host = pt->host;
	struct sender s = {.pt = pt, .libc = libc_of(pt, heap)};

	hw_batch_init(&s.batch, host, heap);
	if (s.libc) {
		s.tcache_type = host->type(host->self, "tcache_perthread_struct");
		s.top_type = host->type(host->self, "top");
	}
	if (!s.libc || !send_all(&s)) {
		host->fail(host->self, "stopped while adding up the chunks");
		return false;
	}
	return true;
}
