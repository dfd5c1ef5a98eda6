/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot_notes.c -- what a snapshot says of a process besides its pages: as the kernel
 * would (fs/binfmt_elf.c), and our own notes (snapshot.h). */
#include "target/snapshot_notes.h"
#include "target/live.h"
#include "target/snapshot.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/user.h>

#define OWNER "HEAPWALK"

static void pad(GByteArray *to)
{
	static const uint8_t zeros[4];

	g_byte_array_append(to, zeros, (guint)(-to->len & 3));
}

static void put_note(GByteArray *to, const char *owner, uint32_t type, const void *desc,
		     size_t size)
{
	const Elf64_Nhdr header = {(uint32_t)strlen(owner) + 1, (uint32_t)size, type};

	g_byte_array_append(to, (const uint8_t *)&header, sizeof(header));
	g_byte_array_append(to, (const uint8_t *)owner, header.n_namesz);
	pad(to);
	g_byte_array_append(to, desc, (guint)size);
	pad(to);
}

/* A number of /proc/PID/stat, counted from 1 as in proc(5); behind the name. */
static int64_t stat_field(const char *stat, int wanted)
{
	const char *at = stat ? strrchr(stat, ')') : NULL;

	if (!at || at[1] != ' ')
		return 0;
	at += 2;
	for (int field = 3; field < wanted && at; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at ? strtoll(at, NULL, 10) : 0;
}

static void put_thread(GByteArray *to, const struct hw_target *target, uint32_t index)
{
	const struct hw_thread *thread = &target->threads[index];
	const char *stat = hw_target_text(target, "stat");
	struct elf_prstatus status = {
	    .pr_pid = thread->tid,
	    .pr_ppid = (int)stat_field(stat, 4),
	    .pr_pgrp = (int)stat_field(stat, 5),
	    .pr_sid = (int)stat_field(stat, 6),
	    .pr_fpvalid = 1,
	};

	memcpy(&status.pr_reg, thread->regs, sizeof(status.pr_reg));
	put_note(to, "CORE", NT_PRSTATUS, &status, sizeof(status));
}

static void put_floats(GByteArray *to, const struct hw_target *target, uint32_t index)
{
	const struct hw_process *process = target->process;
	const size_t each = sizeof(struct user_fpregs_struct);

	if (process->floats && index < process->register_count)
		put_note(to, "CORE", NT_PRFPREG, process->floats + index * each, each);
}

static void put_process(GByteArray *to, const struct hw_target *target, bool is_bare)
{
	const char *stat = hw_target_text(target, "stat");
	const char *status = hw_target_text(target, "status");
	struct elf_prpsinfo info = {
	    .pr_sname = 'S',
	    .pr_state = 1,
	    .pr_pid = target->pid,
	    .pr_ppid = (int)stat_field(stat, 4),
	    .pr_pgrp = (int)stat_field(stat, 5),
	    .pr_sid = (int)stat_field(stat, 6),
	};
	const char *arguments = is_bare ? NULL : hw_target_text(target, "cmdline");
	uint64_t value;

	if (status && live_field(status, "Uid", &value))
		info.pr_uid = (uint32_t)value;
	if (status && live_field(status, "Gid", &value))
		info.pr_gid = (uint32_t)value;
	if (target->command)
		memcpy(info.pr_fname, target->command,
		       MIN(strlen(target->command), sizeof(info.pr_fname) - 1));
	if (arguments)
		memcpy(info.pr_psargs, arguments,
		       MIN(strlen(arguments), sizeof(info.pr_psargs) - 1));
	put_note(to, "CORE", NT_PRPSINFO, &info, sizeof(info));
}

static void put_auxv(GByteArray *to, const struct hw_target *target)
{
	g_autoptr(GByteArray) desc = g_byte_array_new();
	const struct hw_auxv end = {0, 0};

	for (uint32_t i = 0; i < target->auxv_count; i++)
		g_byte_array_append(desc, (const uint8_t *)&target->auxv[i], sizeof(*target->auxv));
	g_byte_array_append(desc, (const uint8_t *)&end, sizeof(end));
	put_note(to, "CORE", NT_AUXV, desc->data, desc->len);
}

static void put_files(GByteArray *to, const struct hw_target *target)
{
	g_autoptr(GByteArray) desc = g_byte_array_new();
	const uint64_t head[2] = {target->file_map_count, HW_PAGE};

	g_byte_array_append(desc, (const uint8_t *)head, sizeof(head));
	for (uint32_t i = 0; i < target->file_map_count; i++) {
		const struct hw_file_map *file = &target->file_maps[i];
		const uint64_t entry[3] = {file->start, file->end, file->offset / HW_PAGE};

		g_byte_array_append(desc, (const uint8_t *)entry, sizeof(entry));
	}
	for (uint32_t i = 0; i < target->file_map_count; i++)
		g_byte_array_append(desc, (const uint8_t *)target->file_maps[i].path,
				    (guint)strlen(target->file_maps[i].path) + 1);
	put_note(to, "CORE", NT_FILE, desc->data, desc->len);
}

static void put_text(GByteArray *to, const char *name, const char *text)
{
	g_autoptr(GByteArray) desc = g_byte_array_new();

	g_byte_array_append(desc, (const uint8_t *)name, (guint)strlen(name) + 1);
	g_byte_array_append(desc, (const uint8_t *)text, (guint)strlen(text) + 1);
	put_note(to, OWNER, HW_NOTE_TEXT, desc->data, desc->len);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_texts(GByteArray *to, const struct hw_target *target, bool is_bare)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree char *own = g_strdup_printf("version 1\nstopped_ns %" PRIu64 "\ncontent %d\n",
					       target->stopped_ns, !is_bare);
	GHashTableIter iter;
	gpointer name;

	put_text(to, "snapshot", own);
	g_hash_table_iter_init(&iter, target->texts);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		g_ptr_array_add(names, name);
	g_ptr_array_sort(names, compare_names);
	for (guint i = 0; i < names->len; i++)
		if (!is_bare || strcmp(names->pdata[i], "cmdline") != 0)
			put_text(to, names->pdata[i],
				 g_hash_table_lookup(target->texts, names->pdata[i]));
}

static void put_pages(GByteArray *to, const struct hw_target *target)
{
	g_autoptr(GByteArray) pages = g_byte_array_new();
	g_autoptr(GByteArray) missing = g_byte_array_new();

	for (size_t i = 0; i < target->page_count; i++) {
		const struct hw_page_run *run = &target->pages[i];
		const uint64_t entry[3] = {run->start, run->end, run->flags};

		g_byte_array_append(pages, (const uint8_t *)entry, sizeof(entry));
	}
	for (uint32_t i = 0; i < target->segment_count; i++) {
		const struct hw_segment *s = &target->segments[i];
		const uint64_t entry[2] = {s->start, s->end};

		if (s->wanted > s->size)
			g_byte_array_append(missing, (const uint8_t *)entry, sizeof(entry));
	}
	put_note(to, OWNER, HW_NOTE_PAGES, pages->data, pages->len);
	put_note(to, OWNER, HW_NOTE_MISSING, missing->data, missing->len);
}

static void put_warnings(GByteArray *to, const struct hw_notes *notes)
{
	static const char *const codes[] = {"swapped", "shared-elsewhere", "unreadable",
					    "spool-full", "stop-budget"};
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; i < notes->warnings->len; i++) {
		const struct hw_warning *w = notes->warnings->pdata[i];

		for (size_t k = 0; k < G_N_ELEMENTS(codes); k++)
			if (!strcmp(w->code, codes[k]))
				g_string_append_printf(text, "%s\t%s\n", w->code, w->message);
	}
	put_text(to, "missing", text->str);
}

GByteArray *hw_snapshot_notes(const struct hw_target *target, bool is_bare,
			      const struct hw_notes *notes)
{
	static const uint8_t siginfo[128];
	GByteArray *to = g_byte_array_new();

	for (uint32_t i = 0; i < target->thread_count; i++) {
		put_thread(to, target, i);
		if (!i) {
			put_process(to, target, is_bare);
			put_note(to, "CORE", NT_SIGINFO, siginfo, sizeof(siginfo));
			put_auxv(to, target);
			put_files(to, target);
		}
		put_floats(to, target, i);
	}
	put_texts(to, target, is_bare);
	put_pages(to, target);
	put_warnings(to, notes);
	return to;
}
