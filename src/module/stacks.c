/* SPDX-License-Identifier: Apache-2.0 */
/* stacks.c -- where each thread's stack is and how much of it is alive.
 *
 *   block.start                sp - 128            lowest TLS block   tcb      block.end
 *   |guard| stale words        | live: range[0]    | thread-locals    | struct pthread |
 *
 * While a signal handler runs on an alternate stack, sp is outside the block: range[0] is
 * then that stack, and range[1] what was interrupted. */
#include "module/stacks.h"
#include "base/array.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include "module/stacks_private.h"
#include "module/tls.h"
#include "module/unwind.h"
#include "target/elf.h"
#include <inttypes.h>
#include <stdlib.h>

#define RED_ZONE     128 /* Below sp, in use by leaf functions (System V ABI for AMD64, 3.2.2). */
#define GUARD_MAX    ((uint64_t)64 << 10)
#define ALT_MAX      ((uint64_t)1 << 30)
#define PTHREAD_SIZE 0x900 /* glibc 2.36; when libc does not say. */
#define PTHREAD_MIN  0x200
#define PTHREAD_MAX  0x2000
#define UC_STACK     16   /* struct ucontext: {flags, link, {ss_sp, ss_flags, ss_size}, … */
#define SIGFRAME     4096 /* struct ucontext, siginfo and most of the vector registers. */

/* While stacks are made. */
struct making {
	const struct hw_memory *memory;
	struct hw_modules *modules;
	const struct hw_thread_state *states;
	struct hw_stacks *stacks;
	struct hw_pthread layout;
	GArray *tls; /* struct hw_tls_module */
	struct hw_notes *notes;
};

static void learn_size(struct making *making)
{
	uint32_t size;

	making->layout.size = PTHREAD_SIZE;
	if (hw_tls_thread_db(making->memory, making->modules, "_thread_db_sizeof_pthread", 0,
			     &size) &&
	    size >= PTHREAD_MIN && size <= PTHREAD_MAX)
		making->layout.size = size;
}

/* The offset at which every thread's block holds its own tid. */
static void learn_tid(struct making *making)
{
	for (uint32_t at = 0x40; at + 4 <= making->layout.size; at += 4) {
		uint32_t agree = 0;
		bool is_wrong = false;

		for (uint32_t i = 0; i < making->stacks->count && !is_wrong; i++) {
			const struct hw_thread_stack *thread = &making->stacks->threads[i];
			int32_t tid;

			if (!thread->tcb || hw_memory_read(making->memory, thread->tcb + at, &tid,
							   sizeof(tid)) != sizeof(tid))
				continue;
			agree += tid == thread->tid;
			is_wrong = tid != thread->tid;
		}
		if (agree && !is_wrong) {
			making->layout.tid = at;
			return;
		}
	}
}

static const struct hw_mapping *mapping_at(const struct hw_memory *memory, hw_addr addr)
{
	uint32_t i = hw_memory_find(memory, addr);

	if (i == memory->mapping_count || memory->mappings[i].start > addr)
		return NULL;
	return &memory->mappings[i];
}

static bool has(const struct hw_range_pair *range, hw_addr addr)
{
	return addr >= range->start && addr < range->end;
}

/* Without struct pthread's word for it: the mapping, up to the next thread's tcb. A thread
 * that overflowed its stack has sp in the guard below. */
static void guess_block(const struct making *making, struct hw_thread_stack *thread, hw_addr sp)
{
	const struct hw_memory *memory = making->memory;
	uint32_t i = hw_memory_find(memory, sp);
	const struct hw_mapping *mapping = &memory->mappings[i];

	for (; i < memory->mapping_count; i++, mapping++) {
		if (mapping->start > sp && mapping->start - sp > GUARD_MAX)
			return;
		if (mapping->perm & HW_PERM_W)
			break;
	}
	if (i == memory->mapping_count || mapping->owner != HW_OWNER_STACK)
		return;
	thread->block = (struct hw_range_pair){mapping->start, mapping->end};
	for (uint32_t j = 0; j < making->stacks->count; j++) {
		const struct hw_thread_stack *other = &making->stacks->threads[j];
		hw_addr tcb = other->tcb;

		/* Other stacks that share the mapping, above and below. */
		if (tcb >= sp && has(&thread->block, tcb))
			thread->block.end = MIN(thread->block.end, hw_page_up(other->tcb_end));
		else if (tcb && tcb < sp && tcb >= thread->block.start)
			thread->block.start = MAX(thread->block.start, hw_page_up(other->tcb_end));
	}
}

/* The initial thread's stack, also when it runs elsewhere now. */
static void main_block(const struct making *making, struct hw_thread_stack *thread)
{
	const struct hw_mapping *mapping;
	hw_addr random;

	if (!hw_target_auxv(making->memory->target, AT_RANDOM, &random))
		return;
	mapping = mapping_at(making->memory, random);
	if (mapping && mapping->owner == HW_OWNER_STACK)
		thread->block = (struct hw_range_pair){mapping->start, mapping->end};
}

static void find_block(struct making *making, uint32_t index)
{
	struct hw_thread_stack *thread = &making->stacks->threads[index];
	const struct hw_thread_state *state = &making->states[index];

	if (thread->tcb &&
	    hw_pthread_block(making->memory, &making->layout, thread->tcb, &thread->block)) {
		if (thread->block.end % HW_PAGE == 0)
			making->layout.in_page |= UINT64_C(1) << (thread->tcb % HW_PAGE / 64);
		return;
	}
	if (thread->tid == making->memory->target->pid)
		main_block(making, thread);
	if (!thread->block.end)
		guess_block(making, thread, state->sp);
}

/* Where frames end and thread-locals begin. */
static hw_addr live_end(const struct hw_thread_stack *thread, hw_addr sp)
{
	hw_addr end = thread->block.end;

	if (thread->tcb > sp && has(&thread->block, thread->tcb))
		end = thread->tcb;
	for (uint32_t i = 0; i < thread->tls_count; i++)
		if (thread->tls[i].start > sp && thread->tls[i].start < end)
			end = thread->tls[i].start;
	return end;
}

static void add_range(struct hw_thread_stack *thread, hw_addr start, hw_addr end)
{
	if (start < end && thread->range_count < G_N_ELEMENTS(thread->range))
		thread->range[thread->range_count++] = (struct hw_range_pair){start, end};
}

static void add_own(struct hw_thread_stack *thread, hw_addr sp)
{
	hw_addr start = sp < RED_ZONE ? 0 : sp - RED_ZONE;

	add_range(thread, MAX(start, thread->block.start), live_end(thread, sp));
}

/* Is sp in the guard right below the block? */
static bool is_overflow(const struct making *making, const struct hw_range_pair *block, hw_addr sp)
{
	const struct hw_mapping *mapping = mapping_at(making->memory, sp);

	return sp < block->start && block->start - sp <= GUARD_MAX &&
	       (!mapping || !(mapping->perm & HW_PERM_W));
}

/* End of the stack that sp is on, when it is not the thread's own. inner: the frames that
 * are on it; the last of them is the signal's, when it was a signal. */
static hw_addr foreign_end(const struct making *making, struct hw_thread_stack *thread, hw_addr sp,
			   uint32_t inner, bool is_signal)
{
	const struct hw_mapping *mapping = mapping_at(making->memory, sp);
	hw_addr last = thread->frames[inner - 1].sp;
	uint64_t ss_sp;
	uint64_t ss_size;
	uint64_t end = sp;

	if (!mapping || !(mapping->perm & HW_PERM_W))
		return sp;
	if (is_signal && hw_memory_word(making->memory, last + UC_STACK, &ss_sp) &&
	    hw_memory_word(making->memory, last + UC_STACK + 16, &ss_size) && ss_sp <= sp &&
	    ss_size <= ALT_MAX && !__builtin_add_overflow(ss_sp, ss_size, &end) && end > sp) {
		thread->alt = (struct hw_range_pair){ss_sp, end};
		return MIN(end, mapping->end);
	}
	/* A signal's frame, or a coroutine's stack: as far as the frames go; in memory that
	 * has no other owner, to the end of it. */
	if (mapping->owner == HW_OWNER_STACK && !is_signal)
		return mapping->end;
	end = is_signal && last <= UINT64_MAX - SIGFRAME ? last + SIGFRAME : sp;
	for (uint32_t i = 0; i < inner; i++)
		if (thread->frames[i].cfa && thread->frames[i].cfa < mapping->end)
			end = MAX(end, thread->frames[i].cfa);
	return MIN(end, mapping->end);
}

static void find_ranges(const struct making *making, struct hw_thread_stack *thread, hw_addr sp)
{
	uint32_t inner = 1;
	bool is_back;

	if (!thread->block.end) {
		hw_addr end = foreign_end(making, thread, sp, thread->frame_count, false);

		add_range(thread, sp < RED_ZONE ? 0 : sp - RED_ZONE, end);
		return;
	}
	if (has(&thread->block, sp) || is_overflow(making, &thread->block, sp)) {
		add_own(thread, MAX(sp, thread->block.start));
		return;
	}
	while (inner < thread->frame_count && !has(&thread->block, thread->frames[inner].sp))
		inner++;
	is_back = inner < thread->frame_count;
	add_range(thread, sp < RED_ZONE ? 0 : sp - RED_ZONE,
		  foreign_end(making, thread, sp, inner, is_back));
	/* Where the own stack stopped is not known: all of it may be alive. */
	if (is_back)
		add_own(thread, thread->frames[inner].sp);
	else
		add_range(thread, thread->block.start, live_end(thread, thread->block.start));
}

/* A CFA on another stack is none. */
static void clip_frames(struct hw_thread_stack *thread)
{
	for (uint32_t i = 0; i < thread->frame_count; i++) {
		struct hw_frame *frame = &thread->frames[i];

		for (uint32_t j = 0; j < thread->range_count; j++)
			if (has(&thread->range[j], frame->sp) && frame->cfa > thread->range[j].end)
				frame->cfa = thread->range[j].end;
	}
}

static bool add_bookkeeping(struct hw_stacks *stacks, hw_addr start, hw_addr end)
{
	if (start >= end)
		return true;
	if (!hw_array_reserve((void **)&stacks->bookkeeping, &stacks->bookkeeping_room,
			      stacks->bookkeeping_count, sizeof(*stacks->bookkeeping)))
		return false;
	stacks->bookkeeping[stacks->bookkeeping_count++] = (struct hw_range_pair){start, end};
	return true;
}

/* glibc gives every thread a dtv: without it, where variables of loaded libraries are is not
 * known. Other C libraries have something else there. */
static void check_dtv(const struct making *making, const struct hw_thread_stack *thread)
{
	uint64_t dtv;
	bool is_glibc = false;

	for (guint i = 0; i < making->tls->len; i++)
		is_glibc |= g_array_index(making->tls, struct hw_tls_module, i).modid != 0;
	if (is_glibc && !thread->dtv && hw_memory_word(making->memory, thread->tcb + 8, &dtv))
		hw_notes_damage(making->notes, thread->tcb + 8,
				"thread %" PRId32 ": its dtv 0x%" PRIx64 " makes no sense",
				thread->tid, dtv);
}

static bool fill_thread(struct making *making, uint32_t index)
{
	struct hw_thread_stack *thread = &making->stacks->threads[index];

	if (thread->tcb && !hw_tls_thread(making->memory, making->tls, thread))
		return false;
	if (thread->tcb)
		check_dtv(making, thread);
	if (!hw_unwind_thread(making->modules, index, &thread->frames, &thread->frame_count,
			      &thread->is_cut))
		return false;
	find_ranges(making, thread, making->states[index].sp);
	clip_frames(thread);
	return add_bookkeeping(making->stacks, thread->tcb, thread->tcb_end) &&
	       (!thread->dtv || add_bookkeeping(making->stacks, thread->dtv - 16,
						thread->dtv + (thread->dtv_count + 1) * 16));
}

static void find_tcb(struct making *making, uint32_t index)
{
	struct hw_thread_stack *thread = &making->stacks->threads[index];
	const struct hw_thread_state *state = &making->states[index];

	thread->tid = state->tid;
	if (state->tls_state != HW_TLS_OK || state->tls > UINT64_MAX - PTHREAD_MAX)
		return;
	thread->tcb = state->tls;
	thread->tcb_end = state->tls + making->layout.size;
}

static bool make(struct making *making)
{
	struct hw_stacks *stacks = making->stacks;

	learn_size(making);
	for (uint32_t i = 0; i < stacks->count; i++)
		find_tcb(making, i);
	learn_tid(making);
	for (uint32_t i = 0; i < stacks->count; i++)
		find_block(making, i);
	for (uint32_t i = 0; i < stacks->count && !hw_stop_requested(); i++) {
		hw_progress("unwinding threads", i, stacks->count);
		if (!fill_thread(making, i))
			return false;
	}
	hw_progress_end();
	return hw_stacks_find_dead(making->memory, &making->layout, stacks);
}

struct hw_stacks *hw_stacks_new(const struct hw_memory *memory, struct hw_modules *modules,
				const struct hw_thread_state *threads, struct hw_notes *notes,
				GError **error)
{
	struct hw_stacks *stacks = g_new0(struct hw_stacks, 1);
	struct making making = {
	    .memory = memory,
	    .modules = modules,
	    .states = threads,
	    .stacks = stacks,
	    .notes = notes,
	};
	bool is_done;

	stacks->threads =
	    hw_array_resize(NULL, 0, memory->target->thread_count + 1, sizeof(*stacks->threads));
	stacks->count = stacks->threads ? memory->target->thread_count : 0;
	stacks->thread_room = stacks->threads ? (size_t)stacks->count + 1 : 0;
	making.tls = hw_tls_modules(memory, modules);
	is_done = stacks->threads && make(&making);
	g_array_unref(making.tls);
	if (is_done && !hw_stop_requested())
		return stacks;
	if (is_done)
		g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
	else
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no memory for the stacks");
	hw_stacks_free(stacks);
	return NULL;
}

void hw_stacks_free(struct hw_stacks *stacks)
{
	if (!stacks)
		return;
	for (uint32_t i = 0; i < stacks->count; i++) {
		struct hw_thread_stack *thread = &stacks->threads[i];

		hw_array_resize(thread->frames, thread->frame_count, 0, sizeof(*thread->frames));
		hw_array_resize(thread->tls, thread->tls_room, 0, sizeof(*thread->tls));
	}
	hw_array_resize(stacks->threads, stacks->thread_room, 0, sizeof(*stacks->threads));
	hw_array_resize(stacks->bookkeeping, stacks->bookkeeping_room, 0,
			sizeof(*stacks->bookkeeping));
	hw_array_resize(stacks->dead, stacks->dead_room, 0, sizeof(*stacks->dead));
	g_free(stacks);
}
