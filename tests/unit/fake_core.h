/* SPDX-License-Identifier: Apache-2.0 */
/* fake_core.h -- writes core files for tests, laid out as the kernel does: ELF header,
 * program headers, notes, memory from the next page on. Every byte can be wrong on
 * purpose: the result is a GByteArray to be spoilt before it is saved. */
#ifndef FAKE_CORE_H
#define FAKE_CORE_H
#include <elf.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>

#define PAGE 4096u

struct fake_load {
	Elf64_Phdr phdr;
	const void *data; /* p_filesz bytes, or NULL for zeros; borrowed. */
};

struct fake_file {
	uint64_t start;
	uint64_t end;
	uint64_t page; /* Offset in pages. */
	const char *path;
};

struct fake_core {
	GArray *loads;      /* struct fake_load */
	GArray *files;      /* struct fake_file */
	GArray *auxv;       /* Elf64_auxv_t */
	GByteArray *notes;  /* Before NT_AUXV and NT_FILE. */
	GByteArray *notes2; /* Behind them. */
	bool has_xnum;      /* PN_XNUM, whatever the number. */
	bool no_files;
	bool no_psinfo;
};

static inline void fake_note(GByteArray *notes, const char *name, uint32_t type, const void *desc,
			     uint32_t size)
{
	static const uint8_t zeros[4];
	Elf64_Nhdr header = {(uint32_t)strlen(name) + 1, size, type};

	g_byte_array_append(notes, (const guint8 *)&header, sizeof(header));
	g_byte_array_append(notes, (const guint8 *)name, header.n_namesz);
	g_byte_array_append(notes, zeros, -header.n_namesz & 3);
	g_byte_array_append(notes, desc, size);
	g_byte_array_append(notes, zeros, -size & 3);
}

static inline struct fake_core *fake_new(void)
{
	struct fake_core *core = g_new0(struct fake_core, 1);

	core->loads = g_array_new(FALSE, TRUE, sizeof(struct fake_load));
	core->files = g_array_new(FALSE, TRUE, sizeof(struct fake_file));
	core->auxv = g_array_new(FALSE, TRUE, sizeof(Elf64_auxv_t));
	core->notes = g_byte_array_new();
	core->notes2 = g_byte_array_new();
	return core;
}

static inline void fake_free(struct fake_core *core)
{
	g_array_unref(core->loads);
	g_array_unref(core->files);
	g_array_unref(core->auxv);
	g_byte_array_unref(core->notes);
	g_byte_array_unref(core->notes2);
	g_free(core);
}

static inline void fake_load(struct fake_core *core, uint64_t vaddr, uint64_t memsz, uint32_t flags,
			     const void *data, uint64_t filesz)
{
	struct fake_load load = {
	    .phdr = {.p_type = PT_LOAD,
		     .p_flags = flags,
		     .p_vaddr = vaddr,
		     .p_filesz = filesz,
		     .p_memsz = memsz,
		     .p_align = PAGE},
	    .data = data,
	};

	g_array_append_val(core->loads, load);
}

static inline void fake_thread(struct fake_core *core, int32_t tid, uint64_t sp, uint64_t fs_base)
{
	static const uint8_t fpregs[512];
	struct elf_prstatus status;
	GByteArray *notes = core->notes->len ? core->notes2 : core->notes;

	memset(&status, 0, sizeof(status));
	status.pr_pid = tid;
	status.pr_cursig = 6;
	status.pr_reg[16] = 0x401000;
	status.pr_reg[19] = sp;
	status.pr_reg[21] = fs_base;
	fake_note(notes, "CORE", NT_PRSTATUS, &status, sizeof(status));
	fake_note(core->notes2, "CORE", NT_FPREGSET, fpregs, sizeof(fpregs));
}

static inline void fake_auxv(struct fake_core *core, uint64_t type, uint64_t value)
{
	Elf64_auxv_t entry = {.a_type = type, .a_un.a_val = value};

	g_array_append_val(core->auxv, entry);
}

static inline void fake_file(struct fake_core *core, uint64_t start, uint64_t end, uint64_t page,
			     const char *path)
{
	struct fake_file file = {start, end, page, path};

	g_array_append_val(core->files, file);
}

static inline void fake_process_notes(struct fake_core *core, GByteArray *notes)
{
	struct elf_prpsinfo info;
	Elf64_auxv_t end = {0};
	GByteArray *desc = g_byte_array_new();
	uint64_t head[2] = {core->files->len, PAGE};
	uint8_t siginfo[128] = {6};

	memset(&info, 0, sizeof(info));
	info.pr_pid = 100;
	memcpy(info.pr_fname, "fake", 5);
	memcpy(info.pr_psargs, "fake --args ", 13);
	if (!core->no_psinfo)
		fake_note(notes, "CORE", NT_PRPSINFO, &info, sizeof(info));
	fake_note(notes, "CORE", NT_SIGINFO, siginfo, sizeof(siginfo));
	if (core->auxv->len) {
		g_byte_array_append(desc, (const guint8 *)core->auxv->data,
				    core->auxv->len * (guint)sizeof(end));
		g_byte_array_append(desc, (const guint8 *)&end, sizeof(end));
		fake_note(notes, "CORE", NT_AUXV, desc->data, desc->len);
	}
	g_byte_array_set_size(desc, 0);
	g_byte_array_append(desc, (const guint8 *)head, sizeof(head));
	for (guint i = 0; i < core->files->len; i++)
		g_byte_array_append(
		    desc, (const guint8 *)&g_array_index(core->files, struct fake_file, i), 24);
	for (guint i = 0; i < core->files->len; i++) {
		const char *path = g_array_index(core->files, struct fake_file, i).path;

		g_byte_array_append(desc, (const guint8 *)path, (guint)strlen(path) + 1);
	}
	if (!core->no_files)
		fake_note(notes, "CORE", NT_FILE, desc->data, desc->len);
	g_byte_array_unref(desc);
}

/* The whole file; p_offset of the loads is set. Free with g_byte_array_unref(). */
static inline GByteArray *fake_bytes(struct fake_core *core)
{
	GByteArray *out = g_byte_array_new();
	GByteArray *notes = g_byte_array_new();
	guint count = core->loads->len + 1;
	bool is_x = core->has_xnum || count >= PN_XNUM;
	uint64_t at = sizeof(Elf64_Ehdr) + (uint64_t)count * sizeof(Elf64_Phdr);
	Elf64_Ehdr header = {
	    .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	    .e_type = ET_CORE,
	    .e_machine = EM_X86_64,
	    .e_version = EV_CURRENT,
	    .e_phoff = sizeof(Elf64_Ehdr),
	    .e_ehsize = sizeof(Elf64_Ehdr),
	    .e_phentsize = sizeof(Elf64_Phdr),
	    .e_phnum = is_x ? PN_XNUM : (uint16_t)count,
	};
	Elf64_Phdr note = {.p_type = PT_NOTE, .p_offset = at, .p_align = 4};
	Elf64_Shdr section = {.sh_size = 1, .sh_info = count};

	g_byte_array_append(notes, core->notes->data, core->notes->len);
	fake_process_notes(core, notes);
	g_byte_array_append(notes, core->notes2->data, core->notes2->len);
	note.p_filesz = notes->len;
	at = (at + notes->len + PAGE - 1) / PAGE * PAGE;
	g_byte_array_append(out, (const guint8 *)&header, sizeof(header));
	g_byte_array_append(out, (const guint8 *)&note, sizeof(note));
	for (guint i = 0; i < core->loads->len; i++) {
		struct fake_load *load = &g_array_index(core->loads, struct fake_load, i);

		load->phdr.p_offset = at;
		at += load->phdr.p_filesz;
		g_byte_array_append(out, (const guint8 *)&load->phdr, sizeof(load->phdr));
	}
	g_byte_array_append(out, notes->data, notes->len);
	for (guint i = 0; i < core->loads->len; i++) {
		const struct fake_load *load = &g_array_index(core->loads, struct fake_load, i);
		guint from = out->len;

		g_byte_array_set_size(out, (guint)(load->phdr.p_offset + load->phdr.p_filesz));
		memset(out->data + from, 0, out->len - from);
		if (load->data)
			memcpy(out->data + load->phdr.p_offset, load->data, load->phdr.p_filesz);
	}
	if (is_x) {
		((Elf64_Ehdr *)(void *)out->data)->e_shoff = out->len;
		((Elf64_Ehdr *)(void *)out->data)->e_shnum = 1;
		((Elf64_Ehdr *)(void *)out->data)->e_shentsize = sizeof(section);
		g_byte_array_append(out, (const guint8 *)&section, sizeof(section));
	}
	g_byte_array_unref(notes);
	return out;
}

/* A scratch directory of this program, made on first use, and a path in it. */
static inline const char *fake_dir(void)
{
	static char *dir;

	if (!dir)
		dir = g_dir_make_tmp("heapwalk-test-XXXXXX", NULL);
	return dir;
}

static inline char *fake_path(const char *name)
{
	return g_build_filename(fake_dir(), name, NULL);
}

static inline char *fake_save(const GByteArray *bytes, const char *name)
{
	char *path = fake_path(name);

	if (!g_file_set_contents(path, (const char *)bytes->data, bytes->len, NULL))
		abort();
	return path;
}

static inline void fake_remove_dir(void)
{
	g_autofree char *command = g_strdup_printf("rm -rf '%s'", fake_dir());

	if (system(command) != 0)
		abort();
}
#endif
