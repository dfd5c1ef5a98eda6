/* SPDX-License-Identifier: Apache-2.0 */
/* bump -- a toy heap, the first read for plugin authors. README.md draws the format. */
#include "heapwalk/plugin.h"
#include <string.h>

struct head {          /* At the start of the arena, page-aligned. */
	char magic[8]; /* "BUMPHEAP" */
	uint64_t next; /* Address of the first byte never handed out. */
	uint64_t end;  /* Exclusive. */
};
struct block_head {    /* Before every block. */
	uint64_t size; /* Of the block, a multiple of 8. */
	uint64_t live; /* 1 or 0. */
};
struct bump {
	const struct hw_host *host;
	hw_addr start;
	struct head head;
	uint32_t heap;
};

static bool find(const struct hw_host *host, hw_addr *start_ret, struct head *head_ret)
{
	struct hw_range r = {.struct_size = sizeof(r)};

	for (hw_addr at = 0; host->range(host->self, at, &r); at = r.end) {
		if (host->read(host->self, r.start, head_ret, sizeof(*head_ret)) !=
			sizeof(*head_ret) ||
		    memcmp(head_ret->magic, "BUMPHEAP", 8) != 0)
			continue;
		if (head_ret->end > r.end || head_ret->next > head_ret->end ||
		    head_ret->next < r.start + sizeof(*head_ret))
			continue; /* Numbers of the target: believed only inside its mapping. */
		*start_ret = r.start;
		return true;
	}
	return false;
}

static int probe(const struct hw_host *host)
{
	struct head head;
	hw_addr start;

	return find(host, &start, &head) ? 100 : 0;
}

static void close_bump(void *handle)
{
	struct bump *b = handle;

	if (b)
		b->host->resize(b->host->self, b, 1, 0, sizeof(*b));
}

static void *open_bump(const struct hw_host *host)
{
	struct hw_heap_info info = {
	    .struct_size = sizeof(info), .name = "main", .version = "1", .how = "magic number"};
	struct bump *b = host->resize(host->self, NULL, 0, 1, sizeof(*b));

	if (!b || !find(host, &b->start, &b->head)) {
		host->fail(host->self, b ? "the heap is gone" : "out of memory");
		if (b)
			host->resize(host->self, b, 1, 0, sizeof(*b));
		return NULL;
	}
	b->host = host;
	b->heap = host->add_heap(host->self, &info);
	host->claim(host->self, b->heap, HW_CLAIM_HEAP, b->start, b->head.end, "arena");
	return b;
}

/* Calls fn for every block until it returns false. *rest_ret: bytes behind the first block
 * that is damaged; say tells whether to report it (once is enough). */
static void each(struct bump *b, bool say, bool (*fn)(void *arg, const struct hw_block *block),
		 void *arg, uint64_t *rest_ret)
{
	hw_addr at = b->start + sizeof(b->head);
	struct block_head h;

	for (; at < b->head.next; at += sizeof(h) + h.size) {
		uint64_t room = b->head.next - at;
		struct hw_block block = {.addr = at + sizeof(h)};

		if (room <= sizeof(h) ||
		    b->host->read(b->host->self, at, &h, sizeof(h)) != sizeof(h) || h.size == 0 ||
		    h.size % 8 || h.size > room - sizeof(h)) {
			if (say)
				b->host->damage(b->host->self, at, "block has an impossible size");
			break;
		}
		block.size = h.size;
		block.state = h.live ? HW_LIVE : HW_FREE;
		if (!fn(arg, &block))
			break;
	}
	*rest_ret = b->head.next - at;
}

static bool add(void *arg, const struct hw_block *block)
{
	struct hw_ledger *l = arg;

	l->bytes[block->state == HW_LIVE ? HW_ROW_LIVE : HW_ROW_FREE] += block->size;
	l->bytes[HW_ROW_OVERHEAD] += sizeof(struct block_head);
	l->blocks[block->state]++;
	return true;
}

static bool ledger(void *handle, uint32_t heap, struct hw_ledger *ret)
{
	struct bump *b = handle;
	struct hw_ledger l = {.struct_size = sizeof(l)};

	each(b, true, add, &l, &l.bytes[HW_ROW_UNKNOWN]);
	l.bytes[HW_ROW_METADATA] = sizeof(b->head);
	l.bytes[HW_ROW_UNTOUCHED] = b->head.end - b->head.next;
	l.mapped = b->head.end - b->start;
	b->host->arena(b->host->self, heap, 0, "arena", &l);
	*ret = l;
	return true;
}

static bool send(void *arg, const struct hw_block *block)
{
	struct bump *b = arg;
	struct hw_blocks batch = {.struct_size = sizeof(batch),
				  .block_size = sizeof(*block),
				  .heap = b->heap,
				  .count = 1,
				  .blocks = block};

	return b->host->blocks(b->host->self, &batch); /* Real plugins fill a batch: batch.h. */
}

static bool blocks(void *handle, uint32_t heap)
{
	uint64_t rest;

	(void)heap;
	each(handle, false, send, handle, &rest);
	return true;
}

HW_PLUGIN_EXPORT const struct hw_plugin hw_plugin_bump;
const struct hw_plugin hw_plugin_bump = {
    HW_PLUGIN_HEADER,
    .name = "bump",
    .summary = "a toy heap: the first read for plugin authors, and a test",
    .tested = "itself",
    .probe = probe,
    .open = open_bump,
    .ledger = ledger,
    .blocks = blocks,
    .close = close_bump,
};
