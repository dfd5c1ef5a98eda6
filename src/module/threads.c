/* SPDX-License-Identifier: Apache-2.0 */
/* threads.c -- can each thread's control block and stack be believed? gdb writes some
 * as zeros; a reader that takes those for data finds no tcache and says that cached
 * blocks are live. */
#include "module/threads.h"
#include "target/elf.h"

#define SELF_AT  16 /* tcbhead_t.self, glibc sysdeps/x86_64/nptl/tls.h; musl alike. */
#define TCB_LOOK 64

static bool is_zero(const uint8_t *bytes, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

static enum hw_tls_state check_tls(const struct hw_memory *memory, hw_addr tls)
{
	uint8_t block[TCB_LOOK];
	uint64_t tcb;
	uint64_t self;

	if (!tls)
		return HW_TLS_NONE;
	if (hw_memory_read(memory, tls, block, sizeof(block)) != sizeof(block) ||
	    !hw_memory_word(memory, tls, &tcb) || !hw_memory_word(memory, tls + SELF_AT, &self))
		return HW_TLS_MISSING;
	if (tcb == tls && self == tls)
		return HW_TLS_OK;
	return is_zero(block, sizeof(block)) ? HW_TLS_ZERO : HW_TLS_STRANGE;
}

/* A page in use by a stack always has a return address or a saved register. */
static bool is_stack_dumped(const struct hw_memory *memory, hw_addr sp)
{
	hw_addr page = hw_page_down(sp);

	return sp && page <= UINT64_MAX - 2 * HW_PAGE &&
	       hw_memory_nonzero(memory, page, page + 2 * HW_PAGE) != 0;
}

static void warn(const struct hw_memory *memory, struct hw_notes *notes, uint32_t count,
		 uint32_t total, const char *code, const char *what)
{
	static const char hint[] =
	    "gdb's gcore writes them as zeros under glibc 2.42 and newer; let the kernel write the "
	    "core (ulimit -c unlimited; kill -ABRT PID)";

	if (count && memory->target->kind == HW_TARGET_PROCESS)
		hw_notes_missing(notes, code, NULL, "%s of %u of %u threads was not read", what,
				 count, total);
	else if (count)
		hw_notes_missing(notes, code, hint, "%s of %u of %u threads %s not in the core",
				 what, count, total, count == 1 ? "is" : "are");
}

/* Must a thread of this program have a libc's control block? Go without cgo sets fs to
 * a word of its own (its PT_TLS has 8 bytes), so all its threads look strange. */
static bool expects_libc(const struct hw_memory *memory)
{
	for (uint32_t i = 0; i < memory->object_count; i++) {
		const struct hw_object *object = &memory->objects[i];
		struct hw_elf elf;
		uint64_t held;
		const uint8_t *image = hw_memory_peek(memory, object->start, &held);
		Elf64_Phdr phdr;

		if (g_str_has_prefix(object->name, "libc.") ||
		    g_str_has_prefix(object->name, "libc-") ||
		    g_str_has_prefix(object->name, "ld-musl"))
			return true;
		if (!object->is_exe)
			continue;
		if (!image || !hw_elf_init(&elf, image, held))
			return true; /* Nothing tells that it does not. */
		for (uint32_t j = 0; hw_elf_phdr(&elf, j, &phdr); j++)
			if (phdr.p_type == PT_TLS && phdr.p_memsz > 8)
				return true;
	}
	return false;
}

/* Go without cgo makes its threads by itself, also where a libc is linked (a PIE of old): not
 * one of them is libc's then. */
static bool is_pure_go(const struct hw_memory *memory)
{
	for (uint32_t i = 0; i < memory->object_count; i++)
		if (memory->objects[i].is_exe)
			return memory->objects[i].identity.go.size != 0;
	return false;
}

/* Where the threads are not libc's, their words at fs are the program's own. */
static void warn_tls(const struct hw_memory *memory, struct hw_notes *notes, uint32_t lost,
		     uint32_t strange, uint32_t fine)
{
	static const char format[] =
	    "the thread control block of %u of %u threads does not point to itself";
	uint32_t count = memory->target->thread_count;

	if ((!lost && !strange) || (!fine && (is_pure_go(memory) || !expects_libc(memory))))
		return;
	warn(memory, notes, lost, count, "tls-not-dumped", "thread-local memory");
	if (strange)
		hw_notes_missing(notes, "tls-strange", NULL, format, strange, count);
}

struct hw_thread_state *hw_threads_check(const struct hw_memory *memory, struct hw_notes *notes)
{
	const struct hw_target *target = memory->target;
	uint32_t count = target->thread_count;
	struct hw_thread_state *states = g_new0(struct hw_thread_state, (gsize)count + 1);
	uint32_t tls_lost = 0;
	uint32_t tls_strange = 0;
	uint32_t tls_fine = 0;
	uint32_t stacks_lost = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct hw_thread_state *state = &states[i];

		state->tid = target->threads[i].tid;
		state->tls = target->threads[i].regs[HW_REG_FS_BASE];
		state->sp = target->threads[i].regs[HW_REG_SP];
		state->ip = target->threads[i].regs[HW_REG_IP];
		state->tls_state = check_tls(memory, state->tls);
		state->stack_dumped = is_stack_dumped(memory, state->sp);
		tls_lost += state->tls_state == HW_TLS_MISSING || state->tls_state == HW_TLS_ZERO;
		tls_strange += state->tls_state == HW_TLS_STRANGE;
		tls_fine += state->tls_state == HW_TLS_OK;
		stacks_lost += !state->stack_dumped;
	}
	warn_tls(memory, notes, tls_lost, tls_strange, tls_fine);
	warn(memory, notes, stacks_lost, count, "stack-not-dumped", "the stack");
	return states;
}
