/* SPDX-License-Identifier: Apache-2.0 */
/* stacks_private.h -- what the files that find stacks share. Private to this stage.
 *
 * struct pthread (glibc nptl/descr.h) begins at the tcb; nothing in it is at a fixed offset
 * but the self pointers at 0 and 16. Two members are recognised by what they hold. */
#ifndef HW_MODULE_STACKS_PRIVATE_H
#define HW_MODULE_STACKS_PRIVATE_H
#include "module/stacks.h"

struct hw_pthread {
	uint64_t size;       /* sizeof(struct pthread). */
	uint32_t stackblock; /* Offset of {stackblock, stackblock_size}; 0: not known yet. */
	uint32_t tid;        /* Offset of tid; 0: not known. */
	uint64_t in_page;    /* Bit n: tcbs of mapped stacks lie 64 * n bytes into a page.
			      * 0: not known. */
};

/* {stackblock, stackblock + size} of the struct pthread at tcb; learns its offset. False
 * when none fits: the main thread, another libc. */
bool hw_pthread_block(const struct hw_memory *memory, struct hw_pthread *layout, hw_addr tcb,
		      struct hw_range_pair *ret);

/* stacks_dead.c: fills stacks->dead. False when out of memory. */
bool hw_stacks_find_dead(const struct hw_memory *memory, struct hw_pthread *layout,
			 struct hw_stacks *stacks);
#endif
