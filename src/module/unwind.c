/* SPDX-License-Identifier: Apache-2.0 */
/* unwind.c -- libdwfl's unwinder over our address space. It walks by .eh_frame, which
 * stripped binaries keep, else by .debug_frame, else by frame pointers. What it reads is
 * the target's: every step may fail, and the number of steps is bounded. */
#include "module/unwind.h"
#include "base/array.h"
#include "base/stop.h"
#include "module/private.h"
#include <dwarf.h>
#include <string.h>

/* user_regs_struct index of each DWARF register (System V ABI for AMD64, figure 3.36). */
static const uint8_t user_reg[HW_FRAME_REGS] = {10, 12, 11, 5, 13, 14, 4, HW_REG_SP, 9,
						8,  7,  6,  3, 2,  1,  0, HW_REG_IP};

/* What is known of one pc. */
struct hw_place {
	uint64_t pc; /* The key. */
	const char *function;
	const char *module;
	const char *file;
	int32_t line;
};

void hw_unwind_registers(const struct hw_thread *thread, uint64_t regs[HW_FRAME_REGS])
{
	for (int i = 0; i < HW_FRAME_REGS; i++)
		regs[i] = thread->regs[user_reg[i]];
}

/* tid is an index + 1 here: the target's own need not be unique. */
static bool get_thread(Dwfl *dwfl, pid_t tid, void *dwfl_arg, void **thread_argp)
{
	const struct hw_modules *modules = dwfl_arg;
	struct hw_target *target;

	(void)dwfl;
	memcpy(&target, &modules->memory->target, sizeof(target)); /* Not written to. */
	if (tid < 1 || (uint32_t)tid > target->thread_count)
		return false;
	*thread_argp = &target->threads[tid - 1];
	return true;
}

static pid_t next_thread(Dwfl *dwfl, void *dwfl_arg, void **thread_argp)
{
	(void)dwfl;
	(void)dwfl_arg;
	(void)thread_argp;
	return 0;
}

static bool memory_read(Dwfl *dwfl, Dwarf_Addr addr, Dwarf_Word *result, void *dwfl_arg)
{
	const struct hw_modules *modules = dwfl_arg;
	uint64_t word;

	(void)dwfl;
	if (!hw_memory_word(modules->memory, addr, &word))
		return false;
	*result = word;
	return true;
}

static bool set_initial_registers(Dwfl_Thread *thread, void *thread_arg)
{
	uint64_t regs[HW_FRAME_REGS];
	Dwarf_Word words[HW_FRAME_REGS];

	hw_unwind_registers(thread_arg, regs);
	for (int i = 0; i < HW_FRAME_REGS; i++)
		words[i] = regs[i];
	return dwfl_thread_state_registers(thread, 0, HW_FRAME_REGS, words);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
    .next_thread = next_thread,
    .get_thread = get_thread,
    .memory_read = memory_read,
    .set_initial_registers = set_initial_registers,
};

/* Every module must be there before the walk: libdwfl does not ask for one by address. */
static bool attach(struct hw_modules *modules)
{
	if (modules->is_attach_asked)
		return modules->is_attached;
	modules->is_attach_asked = true;
	for (uint32_t i = 0; i < modules->memory->object_count && !hw_stop_requested(); i++)
		hw_modules_dwfl(modules, i);
	hw_modules_add_vdso(modules);
	if (modules->dwfl)
		modules->is_attached =
		    dwfl_attach_state(modules->dwfl, NULL, 1, &thread_callbacks, modules);
	return modules->is_attached;
}

/* Symbols of size 0 are believed only when the table is whole: in a stripped binary the
 * nearest exported one is mostly another function. */
static const char *function_at(struct hw_modules *modules, Dwfl_Module *module, uint32_t object,
			       hw_addr pc)
{
	GElf_Off offset;
	GElf_Sym sym;
	const char *name = dwfl_module_addrinfo(module, pc, &offset, &sym, NULL, NULL, NULL);

	if (!name || !*name || (sym.st_size && offset >= sym.st_size))
		return NULL;
	if (!sym.st_size && object != HW_NO_MODULE && !hw_modules_has_symbols(modules, object))
		return NULL;
	return hw_modules_symbol_text(modules, name);
}

static struct hw_place *make_place(struct hw_modules *modules, hw_addr pc)
{
	const struct hw_memory *memory = modules->memory;
	struct hw_place *place = g_new0(struct hw_place, 1);
	uint32_t i = hw_memory_find(memory, pc);
	uint32_t object = HW_NO_MODULE;
	Dwfl_Module *module;
	Dwfl_Line *line;

	place->pc = pc;
	if (i < memory->mapping_count && memory->mappings[i].start <= pc)
		object = memory->mappings[i].module;
	if (object != HW_NO_MODULE)
		place->module = memory->objects[object].name;
	module = modules->dwfl ? dwfl_addrmodule(modules->dwfl, pc) : NULL;
	if (!module)
		return place;
	if (object == HW_NO_MODULE)
		place->module = dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
	place->function = function_at(modules, module, object, pc);
	line = dwfl_module_getsrc(module, pc);
	if (line) {
		int number = 0;
		const char *file = dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL);

		place->file = file && number > 0 ? hw_modules_text(modules, file) : NULL;
		place->line = place->file ? number : 0;
	}
	return place;
}

void hw_modules_leave_unnamed(struct hw_modules *modules, bool is_unnamed)
{
	modules->is_unnamed = is_unnamed;
}

/* Many threads wait in the same places. */
static void name_frame(struct hw_modules *modules, struct hw_frame *frame)
{
	uint64_t pc = frame->pc - !frame->is_activation;
	struct hw_place *place;

	if (!modules->places)
		modules->places = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
	place = g_hash_table_lookup(modules->places, &pc);
	if (!place) {
		place = make_place(modules, pc);
		g_hash_table_insert(modules->places, &place->pc, place);
	}
	frame->function = place->function;
	frame->module = place->module;
	frame->file = place->file;
	frame->line = place->line;
}

/* One walk. */
struct walk {
	struct hw_modules *modules;
	struct hw_frame *frames;
	size_t count;
	size_t room;
	bool is_broken; /* Out of memory. */
	bool is_full;   /* HW_FRAMES_MAX. */
};

static struct hw_frame *push(struct walk *walk)
{
	if (!hw_array_reserve((void **)&walk->frames, &walk->room, walk->count,
			      sizeof(*walk->frames))) {
		walk->is_broken = true;
		return NULL;
	}
	return &walk->frames[walk->count++];
}

static void read_registers(Dwfl_Frame *state, struct hw_frame *frame)
{
	for (unsigned i = 0; i < HW_FRAME_REGS; i++) {
		Dwarf_Word value;

		if (dwfl_frame_reg(state, i, &value) != 0)
			continue;
		frame->regs[i] = value;
		frame->known |= 1u << i;
	}
}

static int visit(Dwfl_Frame *state, void *arg)
{
	struct walk *walk = arg;
	struct hw_frame frame = {0};
	struct hw_frame *to;

	if (walk->count >= HW_FRAMES_MAX || hw_stop_requested()) {
		walk->is_full = true;
		return DWARF_CB_ABORT;
	}
	if (!dwfl_frame_pc(state, &frame.pc, &frame.is_activation))
		return DWARF_CB_ABORT;
	read_registers(state, &frame);
	/* A frame that does not move is a walk that will not end. */
	if (walk->count &&
	    !memcmp(&walk->frames[walk->count - 1].regs, &frame.regs, sizeof(frame.regs)) &&
	    walk->frames[walk->count - 1].pc == frame.pc) {
		walk->is_full = true;
		return DWARF_CB_ABORT;
	}
	frame.sp = frame.known & 1u << HW_FRAME_SP ? frame.regs[HW_FRAME_SP] : 0;
	to = push(walk);
	if (!to)
		return DWARF_CB_ABORT;
	*to = frame;
	return DWARF_CB_OK;
}

/* What libdwfl does not tell: the CFA. It is the caller's stack pointer. */
static void fill_cfa(struct hw_frame *frames, size_t count)
{
	for (size_t i = 0; i + 1 < count; i++)
		if (frames[i + 1].sp > frames[i].sp)
			frames[i].cfa = frames[i + 1].sp;
}

/* The outermost frame has no caller, so its CFA is computed: register plus offset, as
 * every compiler writes it. */
static void fill_last(struct hw_modules *modules, struct hw_frame *frame)
{
	hw_addr pc = frame->pc - !frame->is_activation;
	Dwfl_Module *module = modules->dwfl ? dwfl_addrmodule(modules->dwfl, pc) : NULL;
	Dwarf_Addr bias;
	Dwarf_CFI *cfi = module ? dwfl_module_eh_cfi(module, &bias) : NULL;
	Dwarf_Frame *rules = NULL;
	Dwarf_Op *ops;
	size_t count;

	if (!cfi || dwarf_cfi_addrframe(cfi, pc - bias, &rules) != 0)
		return;
	if (dwarf_frame_cfa(rules, &ops, &count) == 0 && count == 1 && ops[0].atom == DW_OP_bregx &&
	    ops[0].number < HW_FRAME_REGS && (frame->known >> ops[0].number & 1)) {
		hw_addr cfa = frame->regs[ops[0].number] + ops[0].number2;

		if (cfa > frame->sp)
			frame->cfa = cfa;
	}
	free(rules);
}

bool hw_unwind_thread(struct hw_modules *modules, uint32_t index, struct hw_frame **frames_ret,
		      uint32_t *count_ret, bool *cut_ret)
{
	const struct hw_thread *thread = &modules->memory->target->threads[index];
	struct walk walk = {.modules = modules};
	struct hw_frame *shrunk;
	int status = -1;

	if (index < INT32_MAX && attach(modules))
		status = dwfl_getthread_frames(modules->dwfl, (pid_t)index + 1, visit, &walk);
	if (!walk.count && !walk.is_broken) {
		struct hw_frame *frame = push(&walk);

		if (frame) {
			*frame = (struct hw_frame){
			    .pc = thread->regs[HW_REG_IP],
			    .sp = thread->regs[HW_REG_SP],
			    .is_activation = true,
			    .known = (1u << HW_FRAME_REGS) - 1,
			};
			hw_unwind_registers(thread, frame->regs);
		}
	}
	if (walk.is_broken) {
		hw_array_resize(walk.frames, walk.room, 0, sizeof(*walk.frames));
		return false;
	}
	fill_cfa(walk.frames, walk.count);
	fill_last(modules, &walk.frames[walk.count - 1]);
	for (size_t i = 0; i < walk.count && !modules->is_unnamed; i++)
		name_frame(modules, &walk.frames[i]);
	shrunk = hw_array_resize(walk.frames, walk.room, walk.count, sizeof(*walk.frames));
	if (!shrunk) {
		hw_array_resize(walk.frames, walk.room, 0, sizeof(*walk.frames));
		return false;
	}
	*frames_ret = shrunk;
	*count_ret = (uint32_t)walk.count;
	*cut_ret = status != 0 || walk.is_full;
	return true;
}
