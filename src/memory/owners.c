/* SPDX-License-Identifier: Apache-2.0 */
/* owners.c -- names and owners that no file gives: bss, stacks, vdso; and what of the
 * program's own memory is not in the core. */
#include "base/array.h"
#include "memory/private.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define VSYSCALL ((hw_addr)0xffffffffff600000)
/* A thread that overflowed its stack has sp in the guard below it. */
#define GUARD_MAX ((uint64_t)64 << 10)

struct bss {
	hw_addr start;
	hw_addr end;
	uint32_t module;
};

struct bss_list {
	struct bss *items;
	size_t count;
	size_t room;
};

static bool add_bss(struct bss_list *list, const struct hw_object *object, uint32_t module,
		    hw_addr start, hw_addr end)
{
	start = MAX(start, object->start);
	if (start >= end)
		return true;
	if (!hw_array_reserve((void **)&list->items, &list->room, list->count,
			      sizeof(*list->items)))
		return false;
	list->items[list->count++] = (struct bss){start, end, module};
	return true;
}

/* The kernel and ld.so map whole pages of zeros from the end of the file part. */
static bool list_bss(const struct hw_build *build, uint32_t module, struct bss_list *list)
{
	const struct hw_object *object = &build->memory->objects[module];
	const struct hw_layout *layout = &build->layouts[module];
	Elf64_Phdr phdr;

	for (uint32_t i = 0; hw_elf_phdr(&layout->elf, i, &phdr); i++) {
		hw_addr start = object->bias + hw_page_up(phdr.p_vaddr + phdr.p_filesz);
		hw_addr end = object->bias + hw_page_up(phdr.p_vaddr + phdr.p_memsz);

		if (phdr.p_type == PT_LOAD && phdr.p_memsz > phdr.p_filesz &&
		    !add_bss(list, object, module, start, MIN(end, object->end)))
			return false;
	}
	return true;
}

/* Without program headers: the anonymous mapping that follows the last writable one. */
static bool guess_bss(const struct hw_build *build, uint32_t module, struct bss_list *list)
{
	const struct hw_memory *memory = build->memory;
	struct hw_object *object = &memory->objects[module];
	uint32_t i = hw_memory_find(memory, object->end);
	const struct hw_mapping *mapping = &memory->mappings[i];

	if (i == 0 || i == memory->mapping_count || mapping->start != object->end ||
	    mapping->name || mapping->perm != (HW_PERM_R | HW_PERM_W) ||
	    mapping[-1].module != module || !(mapping[-1].perm & HW_PERM_W))
		return true;
	object->end = mapping->end;
	return add_bss(list, object, module, mapping->start, mapping->end);
}

static int compare_bss(const void *a, const void *b)
{
	const struct bss *x = a;
	const struct bss *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Pushes mapping; anonymous parts that a bss covers become the module's. The kernel
 * merges a bss with the brk heap that follows: hence the cuts. */
static bool push_cut(struct hw_draft *draft, struct hw_mapping mapping,
		     const struct hw_object *objects, const struct bss_list *list, size_t *next)
{
	bool is_anon = mapping.owner == HW_OWNER_ANON && !mapping.name && mapping.perm;

	for (;;) {
		struct hw_mapping rest = {0};
		const struct bss *bss;

		while (*next < list->count && list->items[*next].end <= mapping.start)
			++*next;
		bss = *next < list->count ? &list->items[*next] : NULL;
		if (!is_anon || !bss || bss->start >= mapping.end)
			return hw_draft_push(draft, &mapping);
		if (mapping.start < bss->start) {
			hw_mapping_cut(&mapping, bss->start, &rest);
		} else {
			if (bss->end < mapping.end)
				hw_mapping_cut(&mapping, bss->end, &rest);
			mapping.owner = HW_OWNER_MODULE;
			mapping.module = bss->module;
			mapping.name = objects[bss->module].path;
		}
		if (!hw_draft_push(draft, &mapping))
			return false;
		if (rest.start == rest.end)
			return true;
		mapping = rest;
	}
}

bool hw_build_bss(struct hw_build *build)
{
	struct hw_memory *memory = build->memory;
	struct hw_draft draft = {0};
	struct bss_list list = {0};
	bool is_done = true;
	size_t next = 0;

	for (uint32_t i = 0; is_done && i < memory->object_count; i++)
		is_done = build->layouts[i].has_elf ? list_bss(build, i, &list)
						    : guess_bss(build, i, &list);
	if (list.count)
		qsort(list.items, list.count, sizeof(*list.items), compare_bss);
	for (uint32_t i = 0; is_done && i < memory->mapping_count; i++)
		is_done = push_cut(&draft, memory->mappings[i], memory->objects, &list, &next);
	hw_array_resize(list.items, list.room, 0, sizeof(*list.items));
	if (is_done && hw_build_adopt(build, &draft))
		return true;
	hw_draft_clear(&draft);
	return false;
}

/* The mapping of a stack pointer: its own, or the one right above a guard. */
static struct hw_mapping *find_stack(struct hw_memory *memory, hw_addr sp)
{
	uint32_t i = hw_memory_find(memory, sp);

	for (; i < memory->mapping_count; i++) {
		struct hw_mapping *mapping = &memory->mappings[i];

		if (mapping->start > sp && mapping->start - sp > GUARD_MAX)
			return NULL;
		if (mapping->perm & HW_PERM_W)
			return mapping->owner == HW_OWNER_ANON || mapping->owner == HW_OWNER_STACK
				   ? mapping
				   : NULL;
	}
	return NULL;
}

/* A crash can have spoilt sp, a bad sector the headers: stacks are not known then. */
static void check_sp(const struct hw_memory *memory, struct hw_notes *notes, hw_addr sp,
		     int32_t tid)
{
	uint32_t i = hw_memory_find(memory, sp);

	if (i < memory->mapping_count && memory->mappings[i].start <= sp &&
	    (memory->mappings[i].perm & HW_PERM_W))
		return;
	hw_notes_damage(notes, sp,
			"stack pointer 0x%" PRIx64 " of thread %d is in no writable memory", sp,
			tid);
}

static void name_stack(struct hw_build *build, hw_addr sp, int32_t tid, bool is_main)
{
	struct hw_memory *memory = build->memory;
	struct hw_mapping *mapping = find_stack(memory, sp);
	char name[32];

	if (!mapping) {
		check_sp(memory, build->notes, sp, tid);
		return;
	}
	if (is_main)
		g_strlcpy(name, "[stack]", sizeof(name));
	else
		g_snprintf(name, sizeof(name), "[stack:%d]", tid);
	/* The kernel merges neighbouring stacks that have no guard. */
	if (mapping->owner == HW_OWNER_STACK && mapping->name && strcmp(mapping->name, name) != 0)
		g_strlcpy(name, "[stacks]", sizeof(name));
	mapping->owner = HW_OWNER_STACK;
	mapping->name = g_string_chunk_insert_const(memory->strings, name);
}

static void name_stacks(struct hw_build *build)
{
	struct hw_memory *memory = build->memory;
	const struct hw_target *target = memory->target;
	hw_addr initial;

	for (uint32_t i = 0; i < target->thread_count; i++) {
		const struct hw_thread *thread = &target->threads[i];

		name_stack(build, thread->regs[HW_REG_SP], thread->tid, thread->tid == target->pid);
	}
	/* The kernel puts the 16 bytes of AT_RANDOM on the initial stack. */
	if (hw_target_auxv(target, AT_RANDOM, &initial)) {
		uint32_t i = hw_memory_find(memory, initial);
		struct hw_mapping *mapping = &memory->mappings[i];

		if (i < memory->mapping_count && mapping->start <= initial &&
		    mapping->owner == HW_OWNER_ANON && (mapping->perm & HW_PERM_W)) {
			mapping->owner = HW_OWNER_STACK;
			mapping->name = "[stack]";
		}
	}
}

static void name_kernel_pages(struct hw_build *build)
{
	struct hw_memory *memory = build->memory;
	hw_addr vdso;
	uint32_t i;

	i = hw_memory_find(memory, VSYSCALL);
	if (i < memory->mapping_count && memory->mappings[i].start == VSYSCALL) {
		memory->mappings[i].owner = HW_OWNER_VDSO;
		memory->mappings[i].name = "[vsyscall]";
	}
	if (!hw_target_auxv(memory->target, AT_SYSINFO_EHDR, &vdso))
		return;
	i = hw_memory_find(memory, vdso);
	if (i == memory->mapping_count || memory->mappings[i].start != vdso ||
	    memory->mappings[i].name ||
	    (memory->mappings[i].size >= SELFMAG &&
	     memcmp(memory->mappings[i].data, ELFMAG, SELFMAG) != 0)) {
		hw_notes_damage(build->notes, vdso,
				"AT_SYSINFO_EHDR 0x%" PRIx64 " is no ELF header without a file",
				vdso);
		return;
	}
	memory->mappings[i].owner = HW_OWNER_VDSO;
	memory->mappings[i].name = "[vdso]";
	/* Data pages of the vdso lie right below it: one [vvar], or two since 6.13. */
	for (; i > 0; i--) {
		struct hw_mapping *below = &memory->mappings[i - 1];

		if (below->end != memory->mappings[i].start || below->perm != HW_PERM_R ||
		    below->owner != HW_OWNER_ANON)
			break;
		below->owner = HW_OWNER_VDSO;
		below->name = "[vvar]";
	}
}

void hw_build_names(struct hw_build *build)
{
	name_kernel_pages(build);
	name_stacks(build);
}

/* What the core was told to leave out, and what a header promised only in part. */
struct lacking {
	uint64_t anon;    /* Bytes of anonymous writable memory without a byte. */
	uint64_t partial; /* Bytes behind the first ones of such memory. */
	hw_addr partial_at;
	uint64_t shared; /* Bytes of other writable mappings of files. */
	hw_addr shared_at;
};

static void look(const struct hw_mapping *mapping, struct lacking *lacking)
{
	uint64_t size = mapping->end - mapping->start;

	if (mapping->is_unlisted || mapping->promised == size)
		return;
	/* A first page of an ELF file is all that is ever written in part. */
	if (mapping->promised && (!mapping->name || mapping->owner == HW_OWNER_STACK ||
				  mapping->owner == HW_OWNER_VDSO)) {
		if (!lacking->partial)
			lacking->partial_at = mapping->start + mapping->promised;
		lacking->partial += size - mapping->promised;
	}
	if (!(mapping->perm & HW_PERM_W))
		return;
	if (mapping->owner == HW_OWNER_FILE) {
		if (!lacking->shared)
			lacking->shared_at = mapping->start;
		lacking->shared += size - mapping->promised;
	} else if (mapping->owner == HW_OWNER_ANON || mapping->owner == HW_OWNER_STACK) {
		lacking->anon += mapping->promised ? 0 : size;
	}
}

void hw_build_check(struct hw_build *build)
{
	static const char hint[] =
	    "set /proc/PID/coredump_filter to 0x33 or more before the core is taken";
	const struct hw_memory *memory = build->memory;
	struct lacking lacking = {0};

	if (memory->target->kind != HW_TARGET_CORE) /* They know what they lack, and say so. */
		return;
	for (uint32_t i = 0; i < memory->mapping_count; i++)
		look(&memory->mappings[i], &lacking);
	/* With private memory in the core, mappings without a byte were never written. */
	if (lacking.anon && !build->has_private)
		hw_notes_missing(build->notes, "memory-not-dumped", hint,
				 "the core has none of the %" PRIu64
				 " bytes of private memory: its coredump_filter left them out",
				 lacking.anon);
	if (lacking.partial)
		hw_notes_missing(
		    build->notes, "memory-not-dumped", hint,
		    "%" PRIu64 " bytes of private memory are not in the core, first at 0x%" PRIx64,
		    lacking.partial, lacking.partial_at);
	if (lacking.shared)
		hw_notes_warn(build->notes, "shared-not-dumped", NULL,
			      "%" PRIu64 " bytes of writable file mappings are not in the core, "
			      "first at 0x%" PRIx64,
			      lacking.shared, lacking.shared_at);
}
