/* SPDX-License-Identifier: Apache-2.0 */
/* Every block of one libc, by ascending address: chunks of its regions and mmapped
 * chunks, merged. */
#include "ptmalloc.h"

#define BATCH 512

struct sender {
	struct ptmalloc *pt;
	struct libc *libc;
	uint32_t arena;
	bool stop; /* The receiver has enough. */
	uint32_t tcache_type, top_type;
	uint32_t count;
	struct hw_block batch[BATCH];
};

static bool flush(struct sender *s)
{
	struct hw_blocks batch = {
	    .struct_size = sizeof(batch),
	    .block_size = sizeof(struct hw_block),
	    .heap = s->libc->heap,
	    .count = s->count,
	    .blocks = s->batch,
	};

	if (s->count && !s->stop)
		s->stop = !s->pt->host->blocks(s->pt->host->self, &batch);
	s->count = 0;
	return !s->stop;
}

static bool send(struct sender *s, hw_addr addr, uint64_t size, uint32_t arena, enum hw_state state)
{
	struct hw_block *b = &s->batch[s->count];

	if (size == 0)
		return true;
	*b = (struct hw_block){.addr = addr, .size = size, .arena = arena, .state = (uint8_t)state};
	if (state == HW_LIVE && size >= TCACHE_CHUNK_MIN - CHUNK_OVERHEAD &&
	    size <= TCACHE_CHUNK_MAX - CHUNK_OVERHEAD && is_known_tcache(s->libc, addr)) {
		b->type = s->tcache_type;
		b->flags = HW_BLOCK_INTERNAL;
	}
	return ++s->count < BATCH || flush(s);
}

static bool send_chunk(void *arg, enum chunk_kind kind, hw_addr chunk, uint64_t size)
{
	struct sender *s = arg;
	hw_addr addr = chunk + CHUNK_HDR;

	switch (kind) {
	case CHUNK_LIVE:
		return send(s, addr, size - CHUNK_OVERHEAD, s->arena, HW_LIVE);
	case CHUNK_CACHED:
		return send(s, addr, size - CHUNK_OVERHEAD, s->arena, HW_CACHED);
	case CHUNK_FAST:
	case CHUNK_BINNED:
		return send(s, addr, size - CHUNK_OVERHEAD, s->arena, HW_FREE);
	case CHUNK_TOP:
		if (size <= CHUNK_HDR)
			return true;
		if (!send(s, addr, size - CHUNK_HDR, s->arena, HW_FREE))
			return false;
		if (s->count)
			s->batch[s->count - 1].type = s->top_type;
		return true;
	case CHUNK_FENCE:
	case CHUNK_UNKNOWN:
		break;
	}
	return true;
}

bool pt_blocks(void *handle, uint32_t heap)
{
	struct ptmalloc *pt = handle;
	const struct hw_host *host = pt->host;
	struct libc *libc = libc_of(pt, heap);
	struct sender s = {.pt = pt, .libc = libc};
	uint64_t r = 0, m = 0;

	/* Adding up first: what is wrong must be known before blocks are believed. */
	if (!libc || !add_up(pt, libc)) {
		host->fail(host->self, "stopped while adding up the chunks");
		return false;
	}
	s.tcache_type = host->type(host->self, "tcache_perthread_struct");
	s.top_type = host->type(host->self, "top");
	while (!s.stop && (r < libc->region_count || m < libc->mmapped_count)) {
		if (m == libc->mmapped_count ||
		    (r < libc->region_count && libc->regions[r].start < libc->mmapped[m].base)) {
			s.arena = libc->regions[r].arena;
			walk_region(pt, libc, &libc->regions[r++], false, send_chunk, &s);
		} else {
			send(&s, libc->mmapped[m].addr, libc->mmapped[m].usable,
			     (uint32_t)libc->arena_count, HW_LIVE);
			m++;
		}
	}
	flush(&s);
	return true;
}
