/* SPDX-License-Identifier: Apache-2.0 */
/* stacks_dead.c -- struct pthread by structure: the thread's own stack block, and blocks
 * whose thread is gone. libc keeps those for the next thread, with all the old words in
 * them; they are writable anonymous memory like any other, often one mapping with it. */
#include "base/array.h"
#include "base/stop.h"
#include "module/stacks_private.h"
#include "module/tls.h"
#include "target/elf.h"
#include <stdlib.h>
#include <string.h>

#define SELF_AT   16      /* tcbhead_t.self */
#define PAIR_FROM 0x40    /* Behind the header that every libc has. */
#define LOOK_MAX  0x1000  /* Bytes of struct pthread looked at; 0x900 in 2.36. */
#define TOP_MAX   0x10000 /* A tcb lies at most so far below its block's end. */
#define STEP      64      /* tcbs are aligned so. */

static bool is_pair(const struct hw_memory *memory, hw_addr at, hw_addr tcb,
		    struct hw_range_pair *ret)
{
	uint64_t start;
	uint64_t size;
	uint64_t end;

	if (!hw_memory_word(memory, at, &start) || !hw_memory_word(memory, at + 8, &size) ||
	    start % HW_PAGE || size % HW_PAGE || !start || start >= tcb ||
	    __builtin_add_overflow(start, size, &end) || end <= tcb || end - tcb > TOP_MAX)
		return false;
	*ret = (struct hw_range_pair){start, end};
	return true;
}

bool hw_pthread_block(const struct hw_memory *memory, struct hw_pthread *layout, hw_addr tcb,
		      struct hw_range_pair *ret)
{
	if (layout->stackblock && is_pair(memory, tcb + layout->stackblock, tcb, ret))
		return true;
	for (uint32_t at = PAIR_FROM; at + 16 <= MIN(layout->size, LOOK_MAX); at += 8) {
		if (is_pair(memory, tcb + at, tcb, ret)) {
			layout->stackblock = at;
			return true;
		}
	}
	return false;
}

static bool is_tcb(const uint8_t *bytes, uint64_t held, hw_addr at)
{
	uint64_t words[2];

	if (held < SELF_AT + 8)
		return false;
	memcpy(&words[0], bytes, 8);
	if (words[0] != at)
		return false;
	memcpy(&words[1], bytes + SELF_AT, 8);
	return words[1] == at;
}

static bool is_live(const struct hw_memory *memory, const struct hw_stacks *stacks, hw_addr tcb)
{
	for (uint32_t i = 0; i < stacks->count; i++)
		if (memory->target->threads[i].regs[HW_REG_FS_BASE] == tcb)
			return true;
	return false;
}

/* tid is 0 when the kernel saw the thread end, -1 when it was joined (nptl/pthread_join_common.c);
 * a detached one has itself for joinid. What is left waits to be joined. */
static bool is_joinable(const struct hw_memory *memory, const struct hw_pthread *layout,
			hw_addr tcb)
{
	int32_t tid;
	uint64_t word;

	if (!layout->tid ||
	    hw_memory_read(memory, tcb + layout->tid, &tid, sizeof(tid)) != sizeof(tid) || tid)
		return false;
	for (uint32_t at = PAIR_FROM; at + 8 <= MIN(layout->size, LOOK_MAX); at += 8)
		if (hw_memory_word(memory, tcb + at, &word) && word == tcb)
			return false;
	return true;
}

static bool consider(const struct hw_memory *memory, struct hw_pthread *layout,
		     struct hw_stacks *stacks, hw_addr tcb)
{
	struct hw_dead_stack dead = {.tcb = tcb};

	if (is_live(memory, stacks, tcb) || !hw_pthread_block(memory, layout, tcb, &dead.block))
		return true;
	for (uint32_t i = 0; i < stacks->count; i++)
		if (stacks->threads[i].block.start < dead.block.end &&
		    dead.block.start < stacks->threads[i].block.end)
			return true;
	if (!hw_array_reserve((void **)&stacks->dead, &stacks->dead_room, stacks->dead_count,
			      sizeof(*stacks->dead)))
		return false;
	hw_tls_dtv(memory, tcb, &dead.dtv, &dead.dtv_count);
	dead.is_joinable = is_joinable(memory, layout, tcb);
	stacks->dead[stacks->dead_count++] = dead;
	return true;
}

/* Page by page at the offsets that tcbs have. */
static bool search(const struct hw_memory *memory, struct hw_pthread *layout,
		   struct hw_stacks *stacks, hw_addr start, hw_addr end)
{
	uint64_t held;
	const uint8_t *bytes = hw_memory_peek(memory, start, &held);
	uint64_t wanted = layout->in_page ? layout->in_page : UINT64_MAX;

	held = bytes ? MIN(held, end - start) : 0;
	for (uint64_t page = 0; page < held; page += HW_PAGE) {
		for (uint64_t bits = wanted; bits; bits &= bits - 1) {
			uint64_t at = page + STEP * (uint64_t)__builtin_ctzll(bits);

			if (at < held && is_tcb(bytes + at, held - at, start + at) &&
			    !consider(memory, layout, stacks, start + at))
				return false;
		}
	}
	return true;
}

static int compare_dead(const void *a, const void *b)
{
	const struct hw_dead_stack *x = a;
	const struct hw_dead_stack *y = b;

	return x->tcb < y->tcb ? -1 : x->tcb > y->tcb;
}

bool hw_stacks_find_dead(const struct hw_memory *memory, struct hw_pthread *layout,
			 struct hw_stacks *stacks)
{
	for (uint32_t i = 0; i < memory->mapping_count && !hw_stop_requested(); i++) {
		const struct hw_mapping *mapping = &memory->mappings[i];
		hw_addr from = mapping->start;
		hw_addr start;
		hw_addr end;

		if (!(mapping->perm & HW_PERM_W) || mapping->start % HW_PAGE ||
		    (mapping->owner != HW_OWNER_ANON && mapping->owner != HW_OWNER_STACK))
			continue;
		while (from < mapping->end &&
		       hw_memory_data(memory, from, mapping->end, &start, &end)) {
			start = hw_page_down(start);
			if (!search(memory, layout, stacks, start, end))
				return false;
			from = MAX(end, from + 1);
		}
	}
	if (stacks->dead_count)
		qsort(stacks->dead, stacks->dead_count, sizeof(*stacks->dead), compare_dead);
	return true;
}
