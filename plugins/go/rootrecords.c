/* SPDX-License-Identifier: Apache-2.0 */
/* rootrecords.c -- what the runtime's own records of a goroutine hold: its g, and a sudog for
 * each channel, semaphore or condition it waits for (runtime/runtime2.go).
 *
 * Both lie in the heap, and other things lead to them: runtime.allgs to every g, a channel to
 * the sudogs in its queues and a sudog to the next one's. What they point at would seem held by
 * those. It is held by the goroutine: its words are named as its roots, and the graph does not
 * follow the records any more. Records of dead goroutines stay as they are. */
#include "roots.h"

enum {
	RECORD_MAX = 1024, /* Bytes of a g: below 512 in all versions. */
	SUDOG_MAX = 128,   /* Of a sudog. */
	MASK_WORDS = RECORD_MAX / 512,
};

/* The object at addr, its start, when it has pointers and is no larger than most. */
static bool is_record(const struct go_runtime *rt, hw_addr addr, uint64_t most, uint64_t *size_ret)
{
	const struct go_span *span = go_span_find(rt, addr);

	if (!span || span->state != GO_SPAN_IN_USE || span->flags & GO_SPAN_BAD ||
	    span->spanclass & 1 || !span->elemsize || span->elemsize > most ||
	    (addr - span->start) % span->elemsize)
		return false;
	*size_ret = span->elemsize;
	return true;
}

void go_records_see(struct go_records *records, hw_addr addr)
{
	const struct go_runtime *rt = records->r->rt;
	uint64_t g, size;

	/* sudog.g is its first member in all versions. */
	if (records->count == GO_SUDOGS_MAX || !is_record(rt, addr, SUDOG_MAX, &size) ||
	    !go_word(rt, addr, &g) || g != records->g->addr)
		return;
	for (uint32_t i = 0; i < records->count; i++)
		if (records->sudogs[i] == addr)
			return;
	records->sudogs[records->count++] = addr;
}

/* The words of the g that take_defers() names. */
static bool is_named(const struct go_records *records, hw_addr slot)
{
	const struct go_runtime *rt = records->r->rt;
	const hw_addr g = records->g->addr;

	return slot == go_at(rt, g, GO_G_DEFER) || slot == go_at(rt, g, GO_G_PANIC) ||
	       slot == go_at(rt, g, GO_G_SCHED_CTXT);
}

static void name_words(struct go_records *records, hw_addr addr, uint64_t size)
{
	struct go_rooting *r = records->r;
	uint64_t bits[MASK_WORDS] = {0};
	const struct go_wanted wanted = {addr, addr + size, bits};

	go_wanted_span(r->rt, &wanted, go_span_find(r->rt, addr));
	r->root.addr = addr;
	r->root.size = size;
	for (uint64_t i = 0; i < size / 8 && !r->is_over; i++) {
		const hw_addr slot = addr + i * 8;
		uint64_t word;

		if (!(bits[i / 64] >> (i % 64) & 1) || is_named(records, slot))
			continue;
		if (go_word(r->rt, slot, &word))
			go_records_see(records, word);
		go_root_slot(r, slot);
	}
	r->rt->host->named_block(r->rt->host->self, addr);
}

void go_records_name(struct go_records *records)
{
	struct go_rooting *r = records->r;
	uint64_t size;

	r->root = (struct hw_root){.struct_size = sizeof(r->root),
				   .kind = "goroutine",
				   .name = "runtime.g",
				   .frame = -1,
				   .goroutine = records->g->goid};
	if (is_record(r->rt, records->g->addr, RECORD_MAX, &size))
		name_words(records, records->g->addr, size);
	r->root.name = "runtime.sudog";
	for (uint32_t i = 0; i < records->count && !r->is_over; i++)
		if (is_record(r->rt, records->sudogs[i], SUDOG_MAX, &size))
			name_words(records, records->sudogs[i], size);
}

void go_records_init(struct go_records *records, struct go_rooting *r, const struct go_g *g)
{
	records->r = r;
	records->g = g;
	records->count = 0;
}
