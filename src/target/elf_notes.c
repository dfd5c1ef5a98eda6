/* SPDX-License-Identifier: Apache-2.0 */
/* elf_notes.c -- the notes of a core: threads, process, auxiliary vector, signal.
 *
 * Written by the kernel (fs/binfmt_elf.c, fill_thread_core_info and fill_note_info)
 * and in the same form by gdb (linux-tdep.c, linux_make_corefile_notes): per thread an
 * NT_PRSTATUS, then the other register notes of that thread; once per process
 * NT_PRPSINFO, NT_SIGINFO (gdb: per thread), NT_AUXV, NT_FILE behind the first
 * NT_PRSTATUS. Layouts: <sys/procfs.h>. Note types that are not listed here are
 * normal and skipped. */
#include "base/array.h"
#include "base/text.h"
#include "target/private.h"
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>

/* No known owner of core notes has a longer name, and none a larger type. */
#define NAME_MAX_SIZE 32
/* The highest AT_ the kernel has is AT_MINSIGSTKSZ, 51 (include/uapi/linux/auxvec.h);
 * room for some years. */
#define AUXV_TYPE_MAX 255

#define SIGINFO_SIZE    128 /* sizeof(siginfo_t); si_addr at 16 on x86-64. */
#define SIGINFO_ADDR_AT 16

G_STATIC_ASSERT(sizeof(struct elf_prstatus) == 336);
G_STATIC_ASSERT(sizeof(((struct elf_prstatus *)0)->pr_reg) == HW_REGS * sizeof(uint64_t));

/* What was seen of what must be there. */
struct seen {
	uint64_t fpregsets;
	bool has_psinfo;
	bool has_auxv;
	bool has_siginfo;
	bool is_cut; /* The file ends inside the notes. */
};

static void damaged_size(struct core *core, const struct hw_elf_note *note, uint64_t at,
			 const char *name, uint64_t wanted)
{
	hw_notes_damage(core->notes, 0,
			"%s note at file offset 0x%" PRIx64 ": n_descsz is %" PRIu64
			", not %" PRIu64 "; skipped",
			name, at, note->desc_size, wanted);
}

static bool add_thread(struct core *core, const struct hw_elf_note *note, uint64_t at,
		       GError **error)
{
	struct hw_target *target = core->target;
	struct elf_prstatus status;
	struct hw_thread *thread;

	if (note->desc_size != sizeof(status)) {
		damaged_size(core, note, at, "NT_PRSTATUS", sizeof(status));
		return true;
	}
	memcpy(&status, note->desc, sizeof(status));
	if (status.pr_pid <= 0)
		hw_notes_damage(core->notes, 0,
				"NT_PRSTATUS note at file offset 0x%" PRIx64 ": pr_pid is %d", at,
				status.pr_pid);
	if (!hw_array_reserve((void **)&target->threads, &target->thread_room, target->thread_count,
			      sizeof(*target->threads)))
		return hw_core_no_memory(core, "threads", error);
	thread = &target->threads[target->thread_count++];
	thread->tid = status.pr_pid;
	thread->signal = status.pr_cursig;
	memcpy(thread->regs, &status.pr_reg, sizeof(thread->regs));
	return true;
}

static void read_psinfo(struct core *core, const struct hw_elf_note *note, uint64_t at,
			struct seen *seen)
{
	struct hw_target *target = core->target;
	struct elf_prpsinfo info;

	if (note->desc_size != sizeof(info)) {
		damaged_size(core, note, at, "NT_PRPSINFO", sizeof(info));
		return;
	}
	if (seen->has_psinfo) {
		hw_notes_damage(core->notes, 0,
				"a second NT_PRPSINFO note at file offset 0x%" PRIx64 "; skipped",
				at);
		return;
	}
	seen->has_psinfo = true;
	memcpy(&info, note->desc, sizeof(info));
	target->pid = info.pr_pid;
	target->command = hw_text_copy(info.pr_fname, sizeof(info.pr_fname));
	target->arguments = hw_text_copy(info.pr_psargs, sizeof(info.pr_psargs));
	g_strchomp(target->arguments);
}

/* Checks one pair; false ends the vector. */
static bool add_auxv(struct core *core, const struct hw_auxv *entry, uint64_t at)
{
	struct hw_target *target = core->target;

	if (entry->type == AT_NULL)
		return false;
	if (entry->type > AUXV_TYPE_MAX || (entry->type == AT_PAGESZ && entry->value != HW_PAGE) ||
	    (entry->type == AT_PHENT && entry->value != sizeof(Elf64_Phdr)))
		hw_notes_damage(core->notes, 0,
				"NT_AUXV note at file offset 0x%" PRIx64 ": entry %u is %" PRIu64
				" with value 0x%" PRIx64,
				at, target->auxv_count, entry->type, entry->value);
	target->auxv[target->auxv_count++] = *entry;
	return true;
}

static bool read_auxv(struct core *core, const struct hw_elf_note *note, uint64_t at,
		      struct seen *seen, GError **error)
{
	struct hw_target *target = core->target;
	uint64_t count = note->desc_size / sizeof(struct hw_auxv);
	struct hw_auxv entry;
	uint64_t i;

	if (seen->has_auxv || !count || note->desc_size % sizeof(entry)) {
		hw_notes_damage(
		    core->notes, 0, "NT_AUXV note at file offset 0x%" PRIx64 ": %s; skipped", at,
		    seen->has_auxv ? "the second one" : "n_descsz is no whole number of entries");
		return true;
	}
	target->auxv = hw_array_resize(NULL, 0, count, sizeof(*target->auxv));
	if (!target->auxv)
		return hw_core_no_memory(core, "auxiliary vector", error);
	target->auxv_room = count;
	seen->has_auxv = true;
	for (i = 0; i < count; i++) {
		memcpy(&entry, note->desc + i * sizeof(entry), sizeof(entry));
		if (!add_auxv(core, &entry, at))
			break;
	}
	/* The kernel copies mm->saved_auxv up to and with AT_NULL; gdb a page of it. */
	if (i == count)
		hw_notes_damage(core->notes, 0,
				"NT_AUXV note at file offset 0x%" PRIx64 ": no AT_NULL at its end",
				at);
	for (; i < count; i++) {
		memcpy(&entry, note->desc + i * sizeof(entry), sizeof(entry));
		if (entry.type == AT_NULL && !entry.value)
			continue;
		hw_notes_damage(core->notes, 0,
				"NT_AUXV note at file offset 0x%" PRIx64 ": entries after AT_NULL",
				at);
		break;
	}
	return true;
}

/* The first one only: the dying thread's. */
static void read_siginfo(struct core *core, const struct hw_elf_note *note, uint64_t at,
			 struct seen *seen)
{
	struct hw_target *target = core->target;

	if (note->desc_size != SIGINFO_SIZE) {
		damaged_size(core, note, at, "NT_SIGINFO", SIGINFO_SIZE);
		return;
	}
	if (seen->has_siginfo)
		return;
	seen->has_siginfo = true;
	memcpy(&target->signal, note->desc, sizeof(target->signal));
	if (target->signal == SIGSEGV || target->signal == SIGBUS)
		memcpy(&target->fault_addr, note->desc + SIGINFO_ADDR_AT,
		       sizeof(target->fault_addr));
}

static bool read_note(struct core *core, const struct hw_elf_note *note, uint64_t at,
		      struct seen *seen, GError **error)
{
	if (hw_elf_note_is(note, "CORE", NT_PRSTATUS))
		return add_thread(core, note, at, error);
	if (hw_elf_note_is(note, "CORE", NT_AUXV))
		return read_auxv(core, note, at, seen, error);
	if (hw_elf_note_is(note, "CORE", NT_FILE))
		return hw_core_read_files(core, note->desc, note->desc_size, at, error);
	if (hw_elf_note_is(note, "CORE", NT_PRPSINFO))
		read_psinfo(core, note, at, seen);
	else if (hw_elf_note_is(note, "CORE", NT_SIGINFO))
		read_siginfo(core, note, at, seen);
	else if (hw_elf_note_is(note, "CORE", NT_FPREGSET))
		seen->fpregsets++;
	else if (hw_elf_note_is(note, "HEAPWALK", note->type))
		return hw_core_read_own(core, note, at, error);
	return true;
}

/* An owner is a short printable word; anything else means that we lost our place. */
static bool is_plausible(const struct hw_elf_note *note)
{
	if (note->name_size < 2 || note->name_size > NAME_MAX_SIZE)
		return false;
	for (uint32_t i = 0; i + 1 < note->name_size; i++)
		if (!g_ascii_isprint(note->name[i]))
			return false;
	return note->name[note->name_size - 1] == '\0' ||
	       g_ascii_isprint(note->name[note->name_size - 1]);
}

static bool read_segment(struct core *core, uint64_t index, const Elf64_Phdr *phdr,
			 struct seen *seen, GError **error)
{
	struct hw_target *target = core->target;
	uint64_t size = hw_core_held(core, phdr->p_offset, phdr->p_filesz, index);
	const uint8_t *bytes;
	uint64_t offset = 0;
	struct hw_elf_note note;

	seen->is_cut = seen->is_cut || size < phdr->p_filesz;
	if (!size)
		return true;
	bytes = target->map + phdr->p_offset;
	for (;;) {
		uint64_t at = phdr->p_offset + offset;
		enum hw_elf_next next = hw_elf_note(bytes, size, 4, &offset, &note);

		if (next == HW_ELF_END)
			return true;
		if (next == HW_ELF_BAD || !is_plausible(&note)) {
			/* In a file that is cut here this is no news. */
			if (next != HW_ELF_BAD || size == phdr->p_filesz)
				hw_notes_damage(core->notes, 0,
						"note at file offset 0x%" PRIx64
						": its sizes or name make no sense; the 0x%" PRIx64
						" bytes up to the end of program header %" PRIu64
						" are skipped",
						at, size - (at - phdr->p_offset), index);
			return true;
		}
		if (!read_note(core, &note, at, seen, error))
			return false;
	}
}

static int compare_tid(const void *a, const void *b)
{
	const int32_t *x = a;
	const int32_t *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool check_tids(struct core *core, GError **error)
{
	bool has_main = false;
	struct hw_target *target = core->target;
	uint32_t count = target->thread_count;
	int32_t *tids = count ? hw_array_resize(NULL, 0, count, sizeof(*tids)) : NULL;

	if (count && !tids)
		return hw_core_no_memory(core, "threads", error);
	for (uint32_t i = 0; i < count; i++) {
		tids[i] = target->threads[i].tid;
		has_main = has_main || tids[i] == target->pid;
	}
	if (count)
		qsort(tids, count, sizeof(*tids), compare_tid);
	for (uint32_t i = 1; i < count; i++)
		if (tids[i] == tids[i - 1])
			hw_notes_damage(core->notes, 0, "two NT_PRSTATUS notes for thread %d",
					tids[i]);
	hw_array_resize(tids, count, 0, sizeof(*tids));
	if (count && target->pid && !has_main)
		hw_notes_missing(
		    core->notes, "no-main-thread", NULL,
		    "none of the %u threads is the main one (%d): it had ended, or its "
		    "note is damaged",
		    count, target->pid);
	return true;
}

static void check_seen(struct core *core, const struct seen *seen)
{
	const struct hw_target *target = core->target;

	if (!target->thread_count)
		hw_notes_missing(
		    core->notes, "no-threads", NULL,
		    "%s has no NT_PRSTATUS note: no thread, register or stack is known",
		    core->name);
	else if (seen->fpregsets > target->thread_count)
		hw_notes_damage(core->notes, 0,
				"%" PRIu64 " NT_FPREGSET notes but %u NT_PRSTATUS notes: threads "
				"are missing",
				seen->fpregsets, target->thread_count);
	if (!seen->has_auxv)
		hw_notes_missing(core->notes, "no-auxv", NULL,
				 "%s has no NT_AUXV note: the main executable is guessed",
				 core->name);
	if (!target->has_file_maps)
		hw_notes_missing(core->notes, "no-file-list", NULL,
				 "%s has no NT_FILE note: mapped files are known by their ELF "
				 "headers only",
				 core->name);
	if (!seen->has_psinfo)
		hw_notes_missing(core->notes, "no-process-info", NULL,
				 "%s has no NT_PRPSINFO note: process id and command are not known",
				 core->name);
}

bool hw_core_read_notes(struct core *core, GError **error)
{
	struct seen seen = {0};
	Elf64_Phdr phdr;

	for (uint64_t i = 0; hw_core_phdr(core, i, &phdr); i++)
		if (phdr.p_type == PT_NOTE && !read_segment(core, i, &phdr, &seen, error))
			return false;
	check_seen(core, &seen);
	hw_core_finish_own(core);
	return check_tids(core, error);
}
