/* SPDX-License-Identifier: Apache-2.0 */
/* roots_tls.c -- thread-local variables by name, and what only libc's own block of a thread
 * keeps: pthread_setspecific() values, the argument and the result of the thread. */
#include "graph/roots_private.h"

#define DTV_AT 8 /* tcbhead_t.dtv */

struct locals {
	struct gather *g;
	const struct hw_thread_stack *thread;
	const struct hw_tls_block *block;
	const char *module;
	struct hw_range_pair variable; /* Of the node last used. */
	uint32_t node;
	uint32_t rest; /* Node + 1 of what has no name. */
};

/* What has no name is one node for the whole block. */
static uint32_t unnamed_node(struct locals *s)
{
	struct hw_root_node node = {
	    .kind = HW_ROOT_TLS,
	    .addr = s->block->start,
	    .size = s->block->end - s->block->start,
	    .name = "TLS",
	    .module = s->module,
	    .tid = s->thread->tid,
	    .frame = -1,
	};

	if (!s->rest)
		s->rest = hw_gather_node(s->g, &node) + 1;
	return s->rest - 1;
}

static void found(void *arg, hw_addr slot, uint32_t block)
{
	struct locals *s = arg;
	struct hw_variable variable;

	if (slot < s->variable.start || slot >= s->variable.end) {
		s->variable = (struct hw_range_pair){0, 0};
		if (hw_modules_tls_variable(s->g->modules, s->block->object, slot - s->block->start,
					    &variable)) {
			variable.start += s->block->start;
			s->node = hw_gather_variable(s->g, HW_ROOT_TLS, &variable, s->module,
						     s->thread->tid, &s->variable);
		} else {
			s->node = unnamed_node(s);
		}
	}
	hw_gather_ref(s->g, s->node, slot, block);
}

/* The references of one struct pthread. */
struct pthread {
	struct gather *g;
	struct hw_root_node node;
	uint32_t index; /* + 1, of node once it is added. */
};

static void add_ref(struct pthread *p, hw_addr slot, uint32_t block)
{
	if (!p->index)
		p->index = hw_gather_node(p->g, &p->node) + 1;
	hw_gather_ref(p->g, p->index - 1, slot, block);
}

static void found_in_pthread(void *arg, hw_addr slot, uint32_t block)
{
	add_ref(arg, slot, block);
}

/* A block of the heap that libc uses itself: kept by the thread, and not looked into. */
static void own_block(struct pthread *p, hw_addr slot, hw_addr addr)
{
	uint32_t block = hw_table_at(p->g->table, addr);

	if (block == HW_NO_BLOCK)
		return;
	add_ref(p, slot, block);
	hw_gather_leaf(p->g, block);
}

/* Blocks of modules that nobody knows stay ordinary: they are scanned, without names. */
static bool is_known(const struct hw_thread_stack *thread, hw_addr block)
{
	for (uint32_t i = 0; i < thread->tls_count; i++)
		if (thread->tls[i].start == block)
			return true;
	return false;
}

static void own_blocks(struct pthread *p, hw_addr dtv, uint64_t count,
		       const struct hw_thread_stack *thread)
{
	if (!dtv)
		return;
	own_block(p, p->node.addr + DTV_AT, dtv);
	for (uint64_t i = 1; i <= count; i++) {
		hw_addr slot = dtv + i * 16;
		uint64_t value;
		uint64_t base;
		uint32_t block;

		if (!hw_memory_word(p->g->memory, slot, &value) ||
		    !hw_memory_word(p->g->memory, slot + 8, &base) || !value || !base)
			continue;
		if (!thread || is_known(thread, value))
			own_block(p, slot, base);
		else if (hw_gather_find(p->g, base, &block))
			add_ref(p, slot + 8, block);
	}
}

static void gather_thread(struct gather *g, const struct hw_thread_stack *thread)
{
	struct pthread p = {
	    .g = g,
	    .node =
		{
		    .kind = HW_ROOT_TLS,
		    .addr = thread->tcb,
		    .size = thread->tcb_end - thread->tcb,
		    .name = "struct pthread",
		    .tid = thread->tid,
		    .frame = -1,
		},
	};

	/* Around the dtv, which has its own rules. */
	hw_gather_scan(g, thread->tcb, thread->tcb + DTV_AT, found_in_pthread, &p);
	hw_gather_scan(g, thread->tcb + DTV_AT + 8, thread->tcb_end, found_in_pthread, &p);
	own_blocks(&p, thread->dtv, thread->dtv_count, thread);
}

/* Of a thread that is gone, only what libc itself still has, and the result of one that
 * was not joined yet. */
static void gather_dead(struct gather *g, const struct hw_dead_stack *dead)
{
	struct pthread p = {
	    .g = g,
	    .node =
		{
		    .kind = HW_ROOT_TLS,
		    .addr = dead->tcb,
		    .size = dead->block.end - dead->tcb,
		    .name = dead->is_joinable ? "struct pthread (ended, not joined)"
					      : "struct pthread (ended)",
		    .frame = -1,
		},
	};

	if (dead->is_joinable)
		hw_gather_scan(g, dead->tcb + DTV_AT + 8, dead->block.end, found_in_pthread, &p);
	own_blocks(&p, dead->dtv, dead->dtv_count, NULL);
}

void hw_gather_tls(struct gather *g)
{
	const struct hw_stacks *stacks = g->stacks;

	for (uint32_t i = 0; i < stacks->count; i++) {
		const struct hw_thread_stack *thread = &stacks->threads[i];

		for (uint32_t j = 0; j < thread->tls_count; j++) {
			const struct hw_tls_block *block = &thread->tls[j];
			struct locals s = {.g = g, .thread = thread, .block = block};

			if (block->object != HW_NO_MODULE)
				s.module = g->memory->objects[block->object].name;
			hw_gather_scan(g, block->start, block->end, found, &s);
		}
		if (thread->tcb)
			gather_thread(g, thread);
	}
	for (uint32_t i = 0; i < stacks->dead_count; i++)
		gather_dead(g, &stacks->dead[i]);
}
