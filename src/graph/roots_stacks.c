/* SPDX-License-Identifier: Apache-2.0 */
/* roots_stacks.c -- registers, and the live part of each stack by frame: slots that a local
 * variable covers have its name, others the way gdb spells them once the frame is
 * selected: [rsp+0x18]. */
#include "graph/roots_private.h"
#include "module/threads.h"
#include <inttypes.h>

/* user_regs_struct index and name of the general purpose registers. */
static const struct {
	const char *name;
	uint32_t index;
} registers[] = {
    {"rax", 10}, {"rbx", 5},         {"rcx", 11}, {"rdx", 12}, {"rsi", 13}, {"rdi", 14},
    {"rbp", 4},  {"rsp", HW_REG_SP}, {"r8", 9},   {"r9", 8},   {"r10", 7},  {"r11", 6},
    {"r12", 3},  {"r13", 2},         {"r14", 1},  {"r15", 0},
};

static void gather_registers(struct gather *g, uint32_t index)
{
	const struct hw_thread_stack *stack = &g->stacks->threads[index];
	const struct hw_thread *thread = &g->memory->target->threads[index];

	for (size_t i = 0; i < G_N_ELEMENTS(registers); i++) {
		struct hw_root_node node = {
		    .kind = HW_ROOT_REGISTER,
		    .name = registers[i].name,
		    .tid = thread->tid,
		    .size = 8,
		};
		uint32_t block;

		if (!hw_gather_find(g, thread->regs[registers[i].index], &block))
			continue;
		if (stack->frame_count) {
			node.function = stack->frames[0].function;
			node.module = stack->frames[0].module;
			node.file = stack->frames[0].file;
			node.line = stack->frames[0].line;
		}
		hw_gather_ref(g, hw_gather_node(g, &node), 0, block);
	}
}

/* One live range of one thread. */
struct scan {
	struct gather *g;
	const struct hw_thread_stack *thread;
	const struct hw_range_pair *range;
	uint32_t frame;                /* The one last used. */
	struct hw_range_pair variable; /* Of the node last used, */
	uint32_t variable_frame;       /* in this frame. */
	uint32_t node;
};

static bool is_in(const struct scan *s, uint32_t frame)
{
	const struct hw_frame *f = &s->thread->frames[frame];

	return f->sp >= s->range->start && f->sp < s->range->end;
}

/* Moves s->frame up to the one whose slot it is; slots come by ascending address. NULL:
 * beyond all frames, or between them. */
static const struct hw_frame *find_frame(struct scan *s, hw_addr slot)
{
	const struct hw_frame *frames = s->thread->frames;
	const struct hw_frame *frame;
	bool is_last;

	while (s->frame + 1 < s->thread->frame_count &&
	       (!is_in(s, s->frame) || (is_in(s, s->frame + 1) && frames[s->frame + 1].sp <= slot &&
					frames[s->frame + 1].sp > frames[s->frame].sp)))
		s->frame++;
	if (s->frame >= s->thread->frame_count || !is_in(s, s->frame))
		return NULL;
	frame = &frames[s->frame];
	is_last = s->frame + 1 == s->thread->frame_count;
	if (frame->cfa ? slot >= frame->cfa : is_last && slot >= frame->sp)
		return NULL;
	return frame;
}

static bool find_local(struct scan *s, const struct hw_frame *frame, hw_addr slot,
		       const struct hw_local **ret, hw_addr *start_ret)
{
	uint32_t count;
	const struct hw_local *locals = hw_modules_locals(s->g->modules, frame, &count);

	for (uint32_t i = 0; i < count; i++) {
		hw_addr base;

		if (locals[i].base == HW_LOCAL_CFA)
			base = frame->cfa;
		else
			base = frame->known >> locals[i].base & 1 ? frame->regs[locals[i].base] : 0;
		if (!base)
			continue;
		base += (uint64_t)locals[i].offset;
		if (slot - base < locals[i].size) {
			*ret = &locals[i];
			*start_ret = base;
			return true;
		}
	}
	return false;
}

static void put_frame(const struct scan *s, const struct hw_frame *frame, struct hw_root_node *node)
{
	node->function = frame->function;
	node->module = frame->module;
	node->file = frame->file;
	node->line = frame->line;
	node->frame = (int32_t)s->frame;
}

/* [rsp+0x18]: from the stack pointer of the frame, or of the thread where none is known. */
static const char *slot_name(struct gather *g, hw_addr sp, hw_addr slot)
{
	if (slot < sp)
		return hw_gather_name(g, "[rsp-0x%" PRIx64 "]", sp - slot);
	return hw_gather_name(g, "[rsp+0x%" PRIx64 "]", slot - sp);
}

static void found(void *arg, hw_addr slot, uint32_t block)
{
	struct scan *s = arg;
	const struct hw_frame *frame = find_frame(s, slot);
	const struct hw_local *local;
	struct hw_root_node node = {.tid = s->thread->tid, .frame = -1};

	if (frame && s->variable_frame == s->frame &&
	    slot - s->variable.start < s->variable.end - s->variable.start) {
		hw_gather_ref(s->g, s->node, slot, block);
		return;
	}
	s->variable = (struct hw_range_pair){0, 0};
	if (frame)
		put_frame(s, frame, &node);
	if (frame && find_local(s, frame, slot, &local, &node.addr)) {
		node.kind = HW_ROOT_LOCAL;
		node.size = local->size;
		node.name = local->name;
		node.type = local->type;
		s->variable = (struct hw_range_pair){node.addr, node.addr + node.size};
		s->variable_frame = s->frame;
	} else {
		node.kind = HW_ROOT_STACK;
		node.addr = slot;
		node.size = 8;
		node.name = slot_name(s->g, frame ? frame->sp : s->thread->frames[0].sp, slot);
	}
	s->node = hw_gather_node(s->g, &node);
	hw_gather_ref(s->g, s->node, slot, block);
}

void hw_gather_stacks(struct gather *g)
{
	for (uint32_t i = 0; i < g->stacks->count && i < g->memory->target->thread_count; i++) {
		const struct hw_thread_stack *thread = &g->stacks->threads[i];

		if (g_hash_table_contains(g->named_threads, GINT_TO_POINTER(thread->tid)))
			continue;
		gather_registers(g, i);
		for (uint32_t j = 0; j < thread->range_count && thread->frame_count; j++) {
			struct scan s = {.g = g, .thread = thread, .range = &thread->range[j]};

			hw_gather_scan_unnamed(g, s.range->start, s.range->end, found, &s);
		}
	}
}
