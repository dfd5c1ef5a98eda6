/* SPDX-License-Identifier: Apache-2.0 */
/* verify.c -- checks that no answer needs: what the runtime keeps twice must agree. open()
 * and ledger() have checked every span they use. */
#include "ledger.h"
#include <string.h>

/* The table of arenas names none that is missing in the list. */
static void check_table(const struct go_runtime *rt)
{
	const struct hw_host *host = rt->host;
	uint64_t table = 0, next = 0;
	hw_addr start, end;

	if (!go_get(rt, rt->globals.mheap, GO_MHEAP_ARENAS, &table))
		return;
	for (hw_addr at = table; host->data(host->self, at, table + GO_ARENA_L2 * 8, &start, &end);
	     at = end) {
		uint64_t size;
		const uint8_t *bytes = host->peek(host->self, start, &size);

		if (!bytes || host->stopped(host->self))
			return;
		size = size < end - start ? size : end - start;
		for (uint64_t i = 0; i + 8 <= size; i += 8) {
			uint64_t addr, index = (start + i - table) / 8;

			memcpy(&addr, bytes + i, sizeof(addr));
			if (!addr)
				continue;
			while (next < rt->heap.arena_count &&
			       rt->heap.arenas[next].base <
				   (index << GO_ARENA_SHIFT) - GO_ARENA_BASE_OFFSET)
				next++;
			if (next == rt->heap.arena_count || rt->heap.arenas[next].addr != addr)
				host->damage(host->self, start + i,
					     "arena %llu is in the table, not in the list",
					     (unsigned long long)index);
		}
	}
}

/* Every page of a span in use belongs to it, also by the arena's table. */
static void check_pages(const struct go_runtime *rt, const struct go_span *s)
{
	for (uint64_t p = 0; p < s->npages; p++) {
		hw_addr page = s->start + (p << GO_PAGE_SHIFT);
		const struct go_arena *arena = go_arena_find(&rt->heap, page);
		uint64_t word = 0;

		if (arena &&
		    go_word(rt,
			    go_at(rt, arena->addr, GO_HEAPARENA_SPANS) +
				((page - arena->base) >> GO_PAGE_SHIFT) * 8,
			    &word) &&
		    word == s->addr)
			continue;
		rt->host->damage(rt->host->self, page,
				 "the page belongs to the span at 0x%llx, but its arena lists "
				 "the mspan 0x%llx",
				 (unsigned long long)s->start, (unsigned long long)word);
		return;
	}
}

/* pageInUse has the bit of a span's first page exactly while it is in use. */
static void check_in_use(const struct go_runtime *rt, const struct go_span *s)
{
	const struct go_arena *arena = go_arena_find(&rt->heap, s->start);
	uint64_t page = arena ? (s->start - arena->base) >> GO_PAGE_SHIFT : 0;
	uint8_t bits;

	if (arena && go_u8(rt, go_at(rt, arena->addr, GO_HEAPARENA_PAGEINUSE) + page / 8, &bits) &&
	    (bits >> page % 8 & 1) != (s->state == GO_SPAN_IN_USE))
		rt->host->damage(rt->host->self, s->addr,
				 "pageInUse and the state of the span at 0x%llx disagree",
				 (unsigned long long)s->start);
}

bool go_verify(void *handle, uint32_t heap)
{
	struct go_runtime *rt = go_runtime_of(handle, heap);
	uint64_t lock = 0;

	if (!rt)
		return false;
	check_table(rt);
	/* Whoever holds the lock is between two of these. ledger() says so. */
	if (go_word(rt, rt->globals.mheap, &lock) && lock)
		return true;
	for (uint64_t i = 0; i < rt->heap.span_count; i++) {
		const struct go_span *s = &rt->heap.spans[i];

		if ((i & 0xfff) == 0 && rt->host->stopped(rt->host->self))
			break;
		if (s->state != GO_SPAN_FREE)
			check_pages(rt, s);
		check_in_use(rt, s);
	}
	return true;
}
