/* SPDX-License-Identifier: Apache-2.0 */
/* headers.c -- the program headers of a core become segments. Each is taken as far as
 * it makes sense; what does not is damage, named by index, field and bound. */
#include "base/array.h"
#include "base/error.h"
#include "base/stop.h"
#include "target/private.h"
#include <inttypes.h>

/* User half with five-level page tables, and the half where vsyscall lies. */
#define USER_END     ((hw_addr)1 << 56)
#define KERNEL_START (~(hw_addr)0 << 56)

#define CUT_HINT "a full disk, ulimit -c or a size limit of the core handler cut it; take it again"

bool hw_core_no_memory(const struct core *core, const char *what, GError **error)
{
	g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "%s: no memory for its %s", core->name,
		    what);
	return false;
}

bool hw_core_phdr(const struct core *core, uint64_t index, Elf64_Phdr *ret)
{
	const struct hw_target *target = core->target;

	if (index >= core->phdr_count)
		return false;
	return hw_elf_copy(target->map, target->map_size,
			   core->header.e_phoff + index * sizeof(*ret), ret, sizeof(*ret));
}

uint64_t hw_core_held(struct core *core, uint64_t offset, uint64_t size, uint64_t index)
{
	uint64_t file_size = core->target->map_size;
	uint64_t held = offset < file_size ? MIN(size, file_size - offset) : 0;
	uint64_t end;

	if (__builtin_add_overflow(offset, size, &end)) {
		hw_notes_damage(core->notes, 0,
				"program header %" PRIu64 " of %" PRIu64 ": p_offset 0x%" PRIx64
				" plus p_filesz 0x%" PRIx64 " wraps",
				index, core->phdr_declared, offset, size);
		return 0;
	}
	core->promised_end = MAX(core->promised_end, end);
	if (held == size)
		return held;
	if (!core->lost_count++) {
		core->lost_index = index;
		core->lost_end = end;
	}
	core->promised_lost += size - held;
	return held;
}

void hw_core_warn_truncated(struct core *core)
{
	struct hw_target *target = core->target;

	if (core->phdr_count < core->phdr_declared) {
		target->truncated = true;
		hw_notes_missing(core->notes, "truncated", CUT_HINT,
				 "%s ends at 0x%" PRIx64 ", after %" PRIu64 " of its %" PRIu64
				 " program headers",
				 core->name, target->map_size, core->phdr_count,
				 core->phdr_declared);
	}
	if (!core->lost_count)
		return;
	target->truncated = true;
	hw_notes_missing(core->notes, "truncated", CUT_HINT,
			 "%s: program header %" PRIu64 " of %" PRIu64 " ends at 0x%" PRIx64
			 ", past the end of the file (0x%" PRIx64 "); 0x%" PRIx64
			 " bytes promised by %" PRIu64 " headers are missing",
			 core->name, core->lost_index, core->phdr_declared, core->lost_end,
			 target->map_size, core->promised_lost, core->lost_count);
}

/* The end of the table when its length is lost: it reaches to where the first thing
 * it describes begins. */
static uint64_t guess_count(const struct core *core)
{
	const struct hw_target *target = core->target;
	uint64_t limit = target->map_size;
	uint64_t at = core->header.e_phoff;
	uint64_t count = 0;
	Elf64_Phdr phdr;

	while (at <= limit && limit - at >= sizeof(phdr) &&
	       hw_elf_copy(target->map, target->map_size, at, &phdr, sizeof(phdr))) {
		if (phdr.p_offset > core->header.e_phoff && phdr.p_filesz)
			limit = MIN(limit, phdr.p_offset);
		at += sizeof(phdr);
		count++;
	}
	return count;
}

/* PN_XNUM: more headers than e_phnum can say; section header 0 has the number, and
 * the kernel writes that one last, so a cut file lacks it. */
static void read_count(struct core *core)
{
	const struct hw_target *target = core->target;
	Elf64_Shdr section;

	core->phdr_declared = core->header.e_phnum;
	if (core->header.e_phnum != PN_XNUM)
		return;
	if (hw_elf_copy(target->map, target->map_size, core->header.e_shoff, &section,
			sizeof(section)) &&
	    core->header.e_shoff >= sizeof(Elf64_Ehdr)) {
		core->phdr_declared = section.sh_info;
		if (section.sh_info >= PN_XNUM)
			return;
		hw_notes_damage(
		    core->notes, 0,
		    "section header 0: sh_info %u, but e_phnum 0xffff says at least 0xffff",
		    section.sh_info);
	} else {
		hw_notes_missing(core->notes, "truncated", CUT_HINT,
				 "%s ends at 0x%" PRIx64 ", before section header 0 (0x%" PRIx64
				 ") that has the number of program headers",
				 core->name, target->map_size, core->header.e_shoff);
		core->target->truncated = true;
	}
	core->phdr_declared = guess_count(core);
}

static bool find_headers(struct core *core, GError **error)
{
	const struct hw_target *target = core->target;
	const Elf64_Ehdr *header = &core->header;
	uint64_t held;

	if (header->e_phentsize != sizeof(Elf64_Phdr)) {
		g_set_error(error, HW_ERROR, HW_ERROR_UNSUPPORTED,
			    "%s: e_phentsize is %u, a program header has %zu bytes", core->name,
			    header->e_phentsize, sizeof(Elf64_Phdr));
		return false;
	}
	if (header->e_phoff < sizeof(*header)) {
		g_set_error(error, HW_ERROR, HW_ERROR_UNSUPPORTED,
			    "%s: no program headers (e_phoff 0x%" PRIx64 ")", core->name,
			    header->e_phoff);
		return false;
	}
	read_count(core);
	held = header->e_phoff < target->map_size
		   ? (target->map_size - header->e_phoff) / sizeof(Elf64_Phdr)
		   : 0;
	core->phdr_count = MIN(core->phdr_declared, held);
	return true;
}

/* One note a header: the first contradiction found. */
static bool is_usable(struct core *core, uint64_t index, const Elf64_Phdr *phdr)
{
	const char *why = NULL;
	hw_addr end;

	if (phdr->p_memsz == 0)
		why = "p_memsz is 0";
	else if (__builtin_add_overflow(phdr->p_vaddr, phdr->p_memsz, &end))
		why = "p_vaddr plus p_memsz wraps";
	else if (end > USER_END && phdr->p_vaddr < KERNEL_START)
		why = "not in the canonical address space";
	if (!why)
		return true;
	hw_notes_damage(core->notes, phdr->p_vaddr,
			"program header %" PRIu64 " of %" PRIu64 " at file offset 0x%" PRIx64
			": %s (p_vaddr 0x%" PRIx64 ", p_memsz 0x%" PRIx64 "); skipped",
			index, core->phdr_declared,
			core->header.e_phoff + index * sizeof(Elf64_Phdr), why, phdr->p_vaddr,
			phdr->p_memsz);
	return false;
}

/* What no writer of cores does; the segment is still used. last_end: of the segment
 * before. Kernel and gdb write mappings by ascending address. */
static void check_segment(struct core *core, uint64_t index, const Elf64_Phdr *phdr,
			  hw_addr last_end)
{
	const char *why = NULL;

	if (phdr->p_filesz > phdr->p_memsz)
		why = "p_filesz is larger than p_memsz";
	else if ((phdr->p_vaddr | phdr->p_memsz) % HW_PAGE)
		why = "not whole pages";
	else if (phdr->p_flags & ~(uint32_t)(PF_R | PF_W | PF_X))
		why = "unknown p_flags";
	else if (phdr->p_vaddr < last_end)
		why = "below the end of the segment before it; where both have an address, the "
		      "earlier one is used";
	if (why)
		hw_notes_damage(core->notes, phdr->p_vaddr,
				"program header %" PRIu64 " of %" PRIu64 ": %s (p_vaddr 0x%" PRIx64
				", p_memsz 0x%" PRIx64 ", p_filesz 0x%" PRIx64 ", p_flags 0x%x)",
				index, core->phdr_declared, why, phdr->p_vaddr, phdr->p_memsz,
				phdr->p_filesz, phdr->p_flags);
}

static uint32_t permissions(uint32_t flags)
{
	return (flags & PF_R ? HW_PERM_R : 0) | (flags & PF_W ? HW_PERM_W : 0) |
	       (flags & PF_X ? HW_PERM_X : 0);
}

static void add_segment(struct core *core, uint64_t index, const Elf64_Phdr *phdr)
{
	struct hw_target *target = core->target;
	uint64_t wanted = MIN(phdr->p_filesz, phdr->p_memsz);
	uint64_t size = hw_core_held(core, phdr->p_offset, wanted, index);

	target->segments[target->segment_count++] = (struct hw_segment){
	    .start = phdr->p_vaddr,
	    .end = phdr->p_vaddr + phdr->p_memsz,
	    .perm = permissions(phdr->p_flags),
	    .data = size ? target->map + phdr->p_offset : NULL,
	    .size = size,
	    .wanted = wanted,
	    .offset = phdr->p_offset,
	};
}

static uint64_t count_loads(struct core *core)
{
	uint64_t count = 0;
	Elf64_Phdr phdr;

	for (uint64_t i = 0; hw_core_phdr(core, i, &phdr); i++) {
		if (phdr.p_type == PT_LOAD)
			count++;
		else if (phdr.p_type != PT_NOTE)
			hw_notes_damage(core->notes, 0,
					"program header %" PRIu64 " of %" PRIu64
					": unknown p_type 0x%x",
					i, core->phdr_declared, phdr.p_type);
	}
	return count;
}

bool hw_core_read_segments(struct core *core, GError **error)
{
	struct hw_target *target = core->target;
	hw_addr last_end = 0;
	uint64_t loads;
	Elf64_Phdr phdr;

	if (!find_headers(core, error))
		return false;
	loads = count_loads(core);
	if (loads) {
		target->segments = hw_array_resize(NULL, 0, loads, sizeof(*target->segments));
		if (!target->segments)
			return hw_core_no_memory(core, "program headers", error);
		target->segment_room = loads;
	}
	for (uint64_t i = 0; hw_core_phdr(core, i, &phdr) && !hw_stop_requested(); i++) {
		if (phdr.p_type != PT_LOAD || !is_usable(core, i, &phdr))
			continue;
		check_segment(core, i, &phdr, last_end);
		last_end = phdr.p_vaddr + phdr.p_memsz;
		add_segment(core, i, &phdr);
	}
	if (target->segment_count)
		return true;
	g_set_error(error, HW_ERROR, HW_ERROR_UNSUPPORTED,
		    "%s: no memory in this core: none of its %" PRIu64
		    " program headers is a usable PT_LOAD%s",
		    core->name, core->phdr_declared,
		    core->phdr_count < core->phdr_declared ? " (the file ends inside them)" : "");
	return false;
}
