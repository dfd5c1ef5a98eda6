/* SPDX-License-Identifier: Apache-2.0 */
/* test_memory.c -- the address space: overlaps, owners, bytes from binaries, claims.
 *
 * Longer than most files: all tests make their space of the one module and cores described below.
 */
#include "../runner.h"
#include "base/array.h"
#include "base/error.h"
#include "fake_core.h"
#include "memory/memory.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIB   0x7f0000000000u
#define LIB2  0x7f0000100000u
#define HEAP  0x10000000u
#define STACK 0x7ffff0000000u
#define VDSO  0x7ffff1000000u

/* The test's module, as a file:  page 0 headers and notes (R), pages 1-2 text (RX),
 * pages 3-4 data (RW), half of the last one; then bss up to page 9 of the image. Data
 * is loaded one page further up than it lies in the file. */
#define FILE_SIZE (4 * PAGE + PAGE / 2)
#define IMAGE_END (9u * PAGE)

static uint8_t module_file[FILE_SIZE];
static struct hw_notes notes;
static GError *error;

static void make_module(uint8_t id)
{
	Elf64_Ehdr header = {
	    .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	    .e_type = ET_DYN,
	    .e_machine = EM_X86_64,
	    .e_phoff = sizeof(Elf64_Ehdr),
	    .e_phentsize = sizeof(Elf64_Phdr),
	    .e_phnum = 4,
	};
	Elf64_Phdr phdrs[4] = {
	    {.p_type = PT_LOAD, .p_flags = PF_R, .p_filesz = PAGE, .p_memsz = PAGE},
	    {.p_type = PT_LOAD,
	     .p_flags = PF_R | PF_X,
	     .p_offset = PAGE,
	     .p_vaddr = PAGE,
	     .p_filesz = 2 * PAGE,
	     .p_memsz = 2 * PAGE},
	    {.p_type = PT_LOAD,
	     .p_flags = PF_R | PF_W,
	     .p_offset = 3 * PAGE,
	     .p_vaddr = 4 * PAGE,
	     .p_filesz = PAGE + PAGE / 2,
	     .p_memsz = 5 * PAGE},
	    {.p_type = PT_NOTE,
	     .p_offset = 1024,
	     .p_vaddr = 1024,
	     .p_filesz = 36,
	     .p_memsz = 36,
	     .p_align = 4},
	};
	GByteArray *note = g_byte_array_new();
	uint8_t bytes[20];

	for (size_t i = 0; i < FILE_SIZE; i++)
		module_file[i] = (uint8_t)(i / PAGE + 1);
	memset(bytes, id, sizeof(bytes));
	fake_note(note, "GNU", NT_GNU_BUILD_ID, bytes, sizeof(bytes));
	memcpy(module_file, &header, sizeof(header));
	memcpy(module_file + sizeof(header), phdrs, sizeof(phdrs));
	memcpy(module_file + 1024, note->data, note->len);
	g_byte_array_unref(note);
}

/* Below a sysroot of the test's: /lib/m.so. */
static char *install(const char *name)
{
	g_autofree char *dir = fake_path("sys/lib");
	g_autofree char *path = g_build_filename(dir, name, NULL);

	ck_assert_int_eq(g_mkdir_with_parents(dir, 0700), 0);
	ck_assert(g_file_set_contents(path, (char *)module_file, FILE_SIZE, NULL));
	return fake_path("sys");
}

static void setup(void)
{
	hw_notes_init(&notes);
	make_module(0xab);
}

static void teardown(void)
{
	hw_notes_clear(&notes);
	g_clear_error(&error);
	ck_assert_uint_eq(hw_array_used(), 0);
}

static bool has_warning(const char *code, const char *part)
{
	for (guint i = 0; i < notes.warnings->len; i++) {
		const struct hw_warning *warning = notes.warnings->pdata[i];

		if (!strcmp(warning->code, code) && strstr(warning->message, part))
			return true;
	}
	return false;
}

/* The module at base as a kernel core with the default coredump_filter has it: first
 * page, no text, data with the bss head, bss. */
static void load_module(struct fake_core *core, uint64_t base, const char *path)
{
	fake_load(core, base, PAGE, PF_R, module_file, PAGE);
	fake_load(core, base + PAGE, 2 * PAGE, PF_R | PF_X, NULL, 0);
	fake_load(core, base + 4 * PAGE, 2 * PAGE, PF_R | PF_W, NULL, 2 * PAGE);
	fake_load(core, base + 6 * PAGE, 3 * PAGE, PF_R | PF_W, NULL, 3 * PAGE);
	fake_file(core, base, base + PAGE, 0, path);
	fake_file(core, base + PAGE, base + 3 * PAGE, 1, path);
	fake_file(core, base + 4 * PAGE, base + 6 * PAGE, 3, path);
}

/* A space and its target; both are freed by close_space(). */
struct space {
	struct hw_target *target;
	struct hw_memory *memory;
};

static struct space open_space(struct fake_core *core, const char *sysroot, const char *exe)
{
	struct hw_memory_options options = {.sysroot = sysroot, .exe = exe};
	g_autoptr(GByteArray) bytes = NULL;
	g_autofree char *path = NULL;
	struct space space = {NULL, NULL};

	if (!core->auxv->len)
		fake_auxv(core, AT_PAGESZ, PAGE);
	if (!core->notes->len)
		fake_thread(core, 100, STACK + PAGE, HEAP);
	bytes = fake_bytes(core);
	fake_free(core);
	path = fake_save(bytes, "core");
	space.target = hw_target_open(path, NULL, &notes, &error);
	ck_assert_msg(space.target != NULL, "%s", error ? error->message : "");
	space.memory = hw_memory_new(space.target, &options, &notes, &error);
	return space;
}

static void close_space(struct space *space)
{
	hw_memory_free(space->memory);
	hw_target_free(space->target);
}

static const struct hw_mapping *at(const struct space *space, hw_addr addr)
{
	uint32_t i = hw_memory_find(space->memory, addr);

	ck_assert_uint_lt(i, space->memory->mapping_count);
	ck_assert_uint_le(space->memory->mappings[i].start, addr);
	ck_assert_uint_gt(space->memory->mappings[i].end, addr);
	return &space->memory->mappings[i];
}

static void check_sound(const struct space *space)
{
	const struct hw_memory *memory = space->memory;

	for (uint32_t i = 0; i < memory->mapping_count; i++) {
		const struct hw_mapping *m = &memory->mappings[i];

		ck_assert_uint_lt(m->start, m->end);
		ck_assert_uint_le(m->size, m->end - m->start);
		ck_assert_uint_le(m->perm, 7);
		ck_assert(!m->size == !m->data);
		ck_assert(!m->size == (m->source == HW_SOURCE_NONE));
		if (i)
			ck_assert_uint_ge(m->start, m[-1].end);
		if (m->source == HW_SOURCE_CORE)
			ck_assert_ptr_eq(m->data, space->target->map + m->file_offset);
	}
}

/* Against a slow twin: for each page the first segment in the file that has it. */
START_TEST(overlaps_like_the_twin)
{
	GRand *random = g_rand_new_with_seed(7);

	for (int round = 0; round < 60; round++) {
		struct fake_core *core = fake_new();
		int count = g_rand_int_range(random, 1, 30);
		struct space space;

		for (int i = 0; i < count; i++) {
			uint64_t start = (uint64_t)g_rand_int_range(random, 0, 50);
			uint64_t pages = (uint64_t)g_rand_int_range(random, 1, 20);
			uint64_t held = (uint64_t)g_rand_int_range(random, 0, (int)pages + 1);

			fake_load(core, HEAP + start * PAGE, pages * PAGE, PF_R | PF_W, NULL,
				  held * PAGE);
		}
		space = open_space(core, "/", NULL);
		ck_assert_ptr_nonnull(space.memory);
		check_sound(&space);
		for (uint64_t page = 0; page < 75; page++) {
			hw_addr addr = HEAP + page * PAGE + 8;
			const struct hw_segment *first = NULL;
			const uint8_t *expected = NULL;
			uint64_t size = 0;

			for (uint32_t i = 0; !first && i < space.target->segment_count; i++)
				if (addr >= space.target->segments[i].start &&
				    addr < space.target->segments[i].end)
					first = &space.target->segments[i];
			if (first && addr - first->start < first->size)
				expected = first->data + (addr - first->start);
			ck_assert_ptr_eq(hw_memory_peek(space.memory, addr, &size), expected);
			if (expected)
				ck_assert_uint_ge(size, PAGE - 8);
		}
		close_space(&space);
	}
	g_rand_free(random);
}
END_TEST

START_TEST(seventy_thousand_mappings)
{
	struct fake_core *core = fake_new();
	struct space space;

	for (uint64_t i = 0; i < 70000; i++)
		fake_load(core, HEAP + (69999 - i) * 2 * PAGE, 3 * PAGE, PF_R, NULL, 0);
	space = open_space(core, "/", NULL);
	ck_assert_ptr_nonnull(space.memory);
	check_sound(&space);
	ck_assert_uint_eq(space.memory->mapping_count, 70000);
	ck_assert_uint_eq(at(&space, HEAP + 2 * PAGE)->start, HEAP + 2 * PAGE);
	ck_assert_uint_eq(at(&space, HEAP + PAGE)->end, HEAP + 2 * PAGE);
	close_space(&space);
}
END_TEST

START_TEST(text_from_the_binary)
{
	struct fake_core *core = fake_new();
	g_autofree char *sysroot = install("m.so");
	struct space space;
	const struct hw_object *object;
	uint8_t buf[3 * PAGE];

	load_module(core, LIB, "/lib/m.so");
	fake_load(core, STACK, 4 * PAGE, PF_R | PF_W, NULL, 4 * PAGE);
	fake_auxv(core, AT_PHDR, LIB + 64);
	fake_auxv(core, AT_ENTRY, LIB + PAGE);
	space = open_space(core, sysroot, NULL);
	ck_assert_ptr_nonnull(space.memory);
	check_sound(&space);
	ck_assert(!notes.incomplete);
	ck_assert_uint_eq(notes.warnings->len, 0);
	ck_assert_uint_eq(space.memory->object_count, 1);
	object = &space.memory->objects[0];
	ck_assert_uint_eq(object->start, LIB);
	ck_assert_uint_eq(object->end, LIB + IMAGE_END);
	ck_assert_uint_eq(object->bias, LIB);
	ck_assert_str_eq(object->path, "/lib/m.so");
	ck_assert_str_eq(object->name, "m.so");
	ck_assert(object->is_exe);
	ck_assert_uint_eq(object->identity.gnu.size, 20);
	ck_assert_ptr_nonnull(object->binary);
	ck_assert_uint_eq(at(&space, LIB + PAGE)->source, HW_SOURCE_BINARY);
	ck_assert_uint_eq(at(&space, LIB)->source, HW_SOURCE_CORE);
	ck_assert_uint_eq(at(&space, LIB + 8 * PAGE)->owner, HW_OWNER_MODULE);
	/* Across the core, the binary, and up to the hole between text and data. */
	ck_assert_uint_eq(hw_memory_read(space.memory, LIB, buf, sizeof(buf)), 3 * PAGE);
	ck_assert_mem_eq(buf, module_file, 3 * PAGE);
	ck_assert_uint_eq(hw_memory_read(space.memory, LIB + 2 * PAGE, buf, sizeof(buf)), PAGE);
	close_space(&space);
}
END_TEST

START_TEST(wrong_binary_is_refused)
{
	struct fake_core *core = fake_new();
	g_autofree char *sysroot = NULL;
	struct space space;

	make_module(0xcd);
	sysroot = install("m.so");
	make_module(0xab);
	load_module(core, LIB, "/lib/m.so");
	space = open_space(core, sysroot, NULL);
	ck_assert_ptr_nonnull(space.memory);
	ck_assert_ptr_null(space.memory->objects[0].binary);
	ck_assert_uint_eq(at(&space, LIB + PAGE)->source, HW_SOURCE_NONE);
	ck_assert(has_warning("binary-mismatch", "build-id cdcdcdcdcdcdcdcd"));
	ck_assert(has_warning("binary-mismatch", "build-id abababababababab"));
	close_space(&space);
}
END_TEST

START_TEST(wrong_exe_is_an_error)
{
	struct fake_core *core = fake_new();
	g_autofree char *sysroot = NULL;
	g_autofree char *exe = NULL;
	struct space space;

	make_module(0xcd);
	sysroot = install("other");
	exe = g_build_filename(sysroot, "lib/other", NULL);
	make_module(0xab);
	load_module(core, LIB, "/lib/gone");
	fake_auxv(core, AT_ENTRY, LIB + PAGE);
	space = open_space(core, "/", exe);
	ck_assert_ptr_null(space.memory);
	ck_assert_int_eq(error->code, HW_ERROR_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(error->message, "cdcd"));
	ck_assert_ptr_nonnull(strstr(error->message, "abab"));
	close_space(&space);
}
END_TEST

START_TEST(given_exe_is_used)
{
	struct fake_core *core = fake_new();
	g_autofree char *sysroot = install("renamed");
	g_autofree char *exe = g_build_filename(sysroot, "lib/renamed", NULL);
	struct space space;

	load_module(core, LIB, "/lib/gone");
	fake_auxv(core, AT_ENTRY, LIB + PAGE);
	space = open_space(core, "/", exe);
	ck_assert_ptr_nonnull(space.memory);
	ck_assert_uint_eq(at(&space, LIB + PAGE)->source, HW_SOURCE_BINARY);
	close_space(&space);
}
END_TEST

START_TEST(missing_and_deleted_binaries)
{
	struct fake_core *core = fake_new();
	g_autofree char *sysroot = install("m.so");
	char paths[15][32];
	struct space space;

	load_module(core, LIB, "/lib/m.so (deleted)");
	for (uint32_t i = 0; i < 15; i++) {
		g_snprintf(paths[i], sizeof(paths[i]), "/lib/gone%u.so", i);
		load_module(core, LIB2 + i * 0x100000u, paths[i]);
	}
	fake_load(core, STACK, 4 * PAGE, PF_R | PF_W, NULL, 4 * PAGE);
	space = open_space(core, sysroot, NULL);
	ck_assert_ptr_nonnull(space.memory);
	ck_assert_ptr_nonnull(space.memory->objects[0].binary);
	ck_assert_ptr_null(space.memory->objects[1].binary);
	ck_assert(has_warning("binary-missing", "lib/gone0.so: No such file"));
	ck_assert(has_warning("binary-missing", "and 5 more"));
	ck_assert(!notes.incomplete);
	close_space(&space);
}
END_TEST

START_TEST(unverified_binary_is_not_used)
{
	struct fake_core *core = fake_new();
	g_autofree char *sysroot = install("m.so");
	struct space space;

	/* The first page is not in the core: nothing to check against. */
	fake_load(core, LIB, PAGE, PF_R, NULL, 0);
	fake_load(core, LIB + PAGE, 2 * PAGE, PF_R | PF_X, NULL, 0);
	fake_file(core, LIB, LIB + PAGE, 0, "/lib/m.so");
	fake_file(core, LIB + PAGE, LIB + 3 * PAGE, 1, "/lib/m.so");
	space = open_space(core, sysroot, NULL);
	ck_assert_ptr_nonnull(space.memory);
	ck_assert_uint_eq(space.memory->object_count, 1);
	ck_assert_ptr_null(space.memory->objects[0].binary);
	ck_assert_uint_eq(at(&space, LIB + PAGE)->owner, HW_OWNER_MODULE);
	ck_assert_uint_eq(at(&space, LIB + PAGE)->source, HW_SOURCE_NONE);
	ck_assert(has_warning("binary-unverified", "shows no build-id"));
	close_space(&space);
}
END_TEST

START_TEST(data_is_not_invented)
{
	struct fake_core *core = fake_new();
	g_autofree char *sysroot = install("m.so");
	struct space space;

	/* coredump_filter without private memory: .data of the file is not .data. */
	fake_load(core, LIB, PAGE, PF_R, module_file, PAGE);
	fake_load(core, LIB + PAGE, 2 * PAGE, PF_R | PF_X, NULL, 0);
	fake_load(core, LIB + 4 * PAGE, 2 * PAGE, PF_R | PF_W, NULL, 0);
	fake_load(core, LIB + 6 * PAGE, 3 * PAGE, PF_R | PF_W, NULL, 0);
	fake_load(core, STACK, 4 * PAGE, PF_R | PF_W, NULL, 0);
	fake_file(core, LIB, LIB + PAGE, 0, "/lib/m.so");
	fake_file(core, LIB + PAGE, LIB + 3 * PAGE, 1, "/lib/m.so");
	fake_file(core, LIB + 4 * PAGE, LIB + 6 * PAGE, 3, "/lib/m.so");
	space = open_space(core, sysroot, NULL);
	ck_assert_ptr_nonnull(space.memory);
	ck_assert_uint_eq(at(&space, LIB + PAGE)->source, HW_SOURCE_BINARY);
	ck_assert_uint_eq(at(&space, LIB + 4 * PAGE)->source, HW_SOURCE_NONE);
	ck_assert(has_warning("memory-not-dumped", "coredump_filter"));
	ck_assert(notes.incomplete);
	close_space(&space);
}
END_TEST

START_TEST(untouched_data_ends_with_the_segment)
{
	struct fake_core *core = fake_new();
	g_autofree char *sysroot = install("m.so");
	struct space space;
	uint64_t size;

	/* Nobody wrote to .data, so it is the file's up to p_filesz. */
	fake_load(core, LIB, PAGE, PF_R, module_file, PAGE);
	fake_load(core, LIB + 4 * PAGE, 2 * PAGE, PF_R | PF_W, NULL, 0);
	fake_load(core, STACK, 4 * PAGE, PF_R | PF_W, NULL, 4 * PAGE);
	fake_file(core, LIB, LIB + PAGE, 0, "/lib/m.so");
	fake_file(core, LIB + PAGE, LIB + 3 * PAGE, 1, "/lib/m.so");
	fake_file(core, LIB + 4 * PAGE, LIB + 6 * PAGE, 3, "/lib/m.so");
	space = open_space(core, sysroot, NULL);
	ck_assert_ptr_nonnull(space.memory);
	ck_assert_ptr_nonnull(hw_memory_peek(space.memory, LIB + 4 * PAGE, &size));
	ck_assert_uint_eq(size, PAGE + PAGE / 2);
	/* The kernel would have given text a header. */
	ck_assert_uint_gt(notes.damage_count, 0);
	ck_assert_uint_eq(at(&space, LIB + PAGE)->perm, HW_PERM_R | HW_PERM_X);
	close_space(&space);
}
END_TEST

START_TEST(lost_bytes_are_not_the_files)
{
	struct fake_core *core = fake_new();
	g_autofree char *sysroot = install("m.so");
	g_autoptr(GByteArray) bytes = NULL;
	g_autofree char *path = NULL;
	struct hw_memory_options options = {.sysroot = sysroot};
	struct space space;

	/* RELRO: in the core because it was written to, but the file is cut there. */
	fake_load(core, HEAP, PAGE, PF_R | PF_W, NULL, PAGE);
	fake_load(core, LIB, PAGE, PF_R, module_file, PAGE);
	fake_load(core, LIB + PAGE, 2 * PAGE, PF_R | PF_X, NULL, 2 * PAGE);
	fake_file(core, LIB, LIB + PAGE, 0, "/lib/m.so");
	fake_file(core, LIB + PAGE, LIB + 3 * PAGE, 1, "/lib/m.so");
	bytes = fake_bytes(core);
	fake_free(core);
	g_byte_array_set_size(bytes, bytes->len - PAGE);
	path = fake_save(bytes, "core");
	space.target = hw_target_open(path, NULL, &notes, &error);
	space.memory = hw_memory_new(space.target, &options, &notes, &error);
	ck_assert_ptr_nonnull(space.memory);
	ck_assert_ptr_nonnull(space.memory->objects[0].binary);
	ck_assert_uint_eq(at(&space, LIB + 2 * PAGE)->size, PAGE);
	ck_assert_uint_eq(at(&space, LIB + 2 * PAGE)->promised, 2 * PAGE);
	ck_assert_uint_eq(at(&space, LIB + 2 * PAGE)->source, HW_SOURCE_CORE);
	close_space(&space);
}
END_TEST

START_TEST(one_file_twice_and_as_data)
{
	struct fake_core *core = fake_new();
	g_autofree char *sysroot = install("m.so");
	struct space space;

	load_module(core, LIB, "/lib/m.so");
	load_module(core, LIB2, "/lib/m.so");
	/* Mapped by somebody who wants to read it. */
	fake_load(core, LIB2 + 0x100000, 5 * PAGE, PF_R, module_file, PAGE);
	fake_file(core, LIB2 + 0x100000, LIB2 + 0x100000 + 5 * PAGE, 0, "/lib/m.so");
	space = open_space(core, sysroot, NULL);
	ck_assert_ptr_nonnull(space.memory);
	ck_assert_uint_eq(space.memory->object_count, 2);
	ck_assert_uint_eq(space.memory->objects[1].start, LIB2);
	ck_assert_uint_eq(space.memory->objects[1].bias, LIB2);
	ck_assert_uint_eq(at(&space, LIB2 + PAGE)->module, 1);
	ck_assert_uint_eq(at(&space, LIB2 + 0x100000)->owner, HW_OWNER_FILE);
	ck_assert_uint_eq(at(&space, LIB2 + 0x100000)->module, HW_NO_MODULE);
	close_space(&space);
}
END_TEST

START_TEST(bss_is_cut_from_the_heap_behind_it)
{
	struct fake_core *core = fake_new();
	g_autofree char *sysroot = install("m.so");
	struct space space;

	/* One mapping: three pages of bss, then the brk heap. */
	fake_load(core, LIB, PAGE, PF_R, module_file, PAGE);
	fake_load(core, LIB + PAGE, 2 * PAGE, PF_R | PF_X, NULL, 0);
	fake_load(core, LIB + 4 * PAGE, 2 * PAGE, PF_R | PF_W, NULL, 2 * PAGE);
	fake_load(core, LIB + 6 * PAGE, 20 * PAGE, PF_R | PF_W, NULL, 20 * PAGE);
	fake_file(core, LIB, LIB + PAGE, 0, "/lib/m.so");
	fake_file(core, LIB + PAGE, LIB + 3 * PAGE, 1, "/lib/m.so");
	fake_file(core, LIB + 4 * PAGE, LIB + 6 * PAGE, 3, "/lib/m.so");
	space = open_space(core, sysroot, NULL);
	ck_assert_ptr_nonnull(space.memory);
	check_sound(&space);
	ck_assert_uint_eq(at(&space, LIB + 8 * PAGE)->end, LIB + IMAGE_END);
	ck_assert_uint_eq(at(&space, LIB + 8 * PAGE)->module, 0);
	ck_assert_uint_eq(at(&space, LIB + 9 * PAGE)->owner, HW_OWNER_ANON);
	ck_assert_uint_eq(at(&space, LIB + 9 * PAGE)->size, 17 * PAGE);
	close_space(&space);
}
END_TEST

START_TEST(owners_without_files)
{
	static const char magic[] = "\x7f"
				    "ELF";
	struct fake_core *core = fake_new();
	struct space space;

	fake_load(core, HEAP, PAGE, PF_R | PF_W, NULL, PAGE);
	fake_load(core, STACK - 0x100000, 2 * PAGE, PF_R | PF_W, NULL, 2 * PAGE);
	fake_load(core, STACK - PAGE, PAGE, 0, NULL, 0);
	fake_load(core, STACK, 4 * PAGE, PF_R | PF_W, NULL, 4 * PAGE);
	fake_load(core, STACK + 0x100000, 4 * PAGE, PF_R | PF_W, NULL, 4 * PAGE);
	fake_load(core, VDSO - PAGE, PAGE, PF_R, NULL, PAGE);
	fake_load(core, VDSO, PAGE, PF_R | PF_X, magic, 4);
	fake_load(core, 0xffffffffff600000, PAGE, PF_X, NULL, PAGE);
	fake_thread(core, 100, STACK + 0x100000 + 16, HEAP);
	fake_thread(core, 101, STACK - 8, HEAP); /* in the guard below its stack */
	fake_thread(core, 102, STACK - 0x100000 + 64, HEAP);
	fake_thread(core, 103, STACK - 0x100000 + PAGE, HEAP);
	fake_auxv(core, AT_SYSINFO_EHDR, VDSO);
	space = open_space(core, "/", NULL);
	ck_assert_ptr_nonnull(space.memory);
	ck_assert_str_eq(at(&space, STACK + 0x100000)->name, "[stack]");
	ck_assert_uint_eq(at(&space, STACK)->owner, HW_OWNER_STACK);
	ck_assert_str_eq(at(&space, STACK)->name, "[stack:101]");
	ck_assert_str_eq(at(&space, STACK - 0x100000)->name, "[stacks]");
	ck_assert_uint_eq(at(&space, STACK - PAGE)->owner, HW_OWNER_ANON);
	ck_assert_uint_eq(at(&space, HEAP)->owner, HW_OWNER_ANON);
	ck_assert_str_eq(at(&space, VDSO)->name, "[vdso]");
	ck_assert_str_eq(at(&space, VDSO - PAGE)->name, "[vvar]");
	ck_assert_uint_eq(at(&space, 0xffffffffff600000)->owner, HW_OWNER_VDSO);
	close_space(&space);
}
END_TEST

START_TEST(objects_without_a_file_list)
{
	struct fake_core *core = fake_new();
	struct space space;

	load_module(core, LIB, "/lib/m.so");
	core->no_files = true;
	space = open_space(core, "/", NULL);
	ck_assert_ptr_nonnull(space.memory);
	ck_assert_uint_eq(space.memory->object_count, 1);
	ck_assert_str_eq(space.memory->objects[0].path, "module@0x7f0000000000");
	ck_assert_uint_eq(at(&space, LIB + PAGE)->owner, HW_OWNER_MODULE);
	ck_assert_uint_eq(at(&space, LIB + 8 * PAGE)->owner, HW_OWNER_MODULE);
	ck_assert(notes.incomplete);
	close_space(&space);
}
END_TEST

START_TEST(words_and_reads)
{
	static uint8_t bytes[2 * PAGE];
	struct fake_core *core = fake_new();
	uint64_t word = 42;
	uint64_t size;
	uint8_t buf[32];
	struct space space;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	fake_load(core, HEAP, PAGE, PF_R | PF_W, bytes, PAGE);
	fake_load(core, HEAP + PAGE, PAGE, PF_R, bytes + PAGE, PAGE);
	space = open_space(core, "/", NULL);
	ck_assert_ptr_nonnull(space.memory);
	ck_assert(hw_memory_word(space.memory, HEAP + PAGE - 3, &word));
	ck_assert_mem_eq(&word, bytes + PAGE - 3, 8);
	word = 42;
	ck_assert(!hw_memory_word(space.memory, HEAP + 2 * PAGE - 7, &word));
	ck_assert(!hw_memory_word(space.memory, UINT64_MAX - 3, &word));
	ck_assert(!hw_memory_word(space.memory, 0, &word));
	ck_assert_uint_eq(word, 42);
	ck_assert_uint_eq(hw_memory_read(space.memory, HEAP + 2 * PAGE - 10, buf, 32), 10);
	ck_assert_uint_eq(hw_memory_read(space.memory, HEAP - 1, buf, 32), 0);
	ck_assert_ptr_nonnull(hw_memory_peek(space.memory, HEAP + 16, &size));
	ck_assert_uint_eq(size, PAGE - 16);
	ck_assert_ptr_null(hw_memory_peek(space.memory, HEAP + 2 * PAGE, &size));
	close_space(&space);
}
END_TEST

START_TEST(zero_pages_and_holes)
{
	static uint8_t bytes[8 * PAGE];
	struct fake_core *core = fake_new();
	g_autoptr(GByteArray) file = NULL;
	g_autofree char *path = NULL;
	hw_addr start = 0;
	hw_addr end = 0;
	struct space space;
	int fd;

	bytes[5] = 1;              /* page 0 */
	bytes[4 * PAGE - 1] = 1;   /* page 3 */
	bytes[7 * PAGE + 100] = 1; /* page 7 */
	fake_load(core, HEAP, 10 * PAGE, PF_R | PF_W, bytes, sizeof(bytes));
	file = fake_bytes(core);
	fake_free(core);
	path = fake_save(file, "core");
	fd = open(path, O_RDWR);
	ck_assert_int_eq(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   (off_t)(file->len - 4 * PAGE), 3 * PAGE),
			 0);
	close(fd);
	space.target = hw_target_open(path, NULL, &notes, &error);
	space.memory = hw_memory_new(space.target, NULL, &notes, &error);
	ck_assert_ptr_nonnull(space.memory);
	ck_assert_uint_eq(hw_memory_nonzero(space.memory, HEAP, HEAP + 10 * PAGE), 3 * PAGE);
	ck_assert_uint_eq(hw_memory_nonzero(space.memory, HEAP + PAGE, HEAP + 7 * PAGE), PAGE);
	ck_assert_uint_eq(hw_memory_nonzero(space.memory, 0, UINT64_MAX), 3 * PAGE);
	ck_assert(hw_memory_data(space.memory, HEAP - PAGE, HEAP + 10 * PAGE, &start, &end));
	ck_assert_uint_eq(start, HEAP);
	ck_assert_uint_le(end, HEAP + 8 * PAGE);
	ck_assert(!hw_memory_data(space.memory, HEAP + 8 * PAGE, HEAP + 20 * PAGE, &start, &end));
	ck_assert(!hw_memory_data(space.memory, 0, HEAP, &start, &end));
	close_space(&space);
}
END_TEST

START_TEST(claims)
{
	struct fake_core *core = fake_new();
	g_autofree char *sysroot = install("m.so");
	struct space space;
	const uint8_t *before;
	const uint8_t *after;
	uint64_t size;

	fake_load(core, HEAP, 10 * PAGE, PF_R | PF_W, NULL, 8 * PAGE);
	load_module(core, LIB, "/lib/m.so");
	space = open_space(core, sysroot, NULL);
	ck_assert_ptr_nonnull(space.memory);
	before = hw_memory_peek(space.memory, HEAP + 3 * PAGE + 8, &size);
	ck_assert(hw_memory_claim(space.memory, HEAP + 2 * PAGE + 16, HEAP + 5 * PAGE, "main"));
	check_sound(&space);
	ck_assert_uint_eq(at(&space, HEAP + 2 * PAGE)->owner, HW_OWNER_ANON);
	ck_assert_uint_eq(at(&space, HEAP + 2 * PAGE + 16)->owner, HW_OWNER_HEAP);
	ck_assert_str_eq(at(&space, HEAP + 4 * PAGE)->name, "main");
	ck_assert_uint_eq(at(&space, HEAP + 5 * PAGE)->owner, HW_OWNER_ANON);
	after = hw_memory_peek(space.memory, HEAP + 3 * PAGE + 8, &size);
	ck_assert_ptr_eq(before, after);
	/* The next one grows the first; the rest has the bytes that are there. */
	ck_assert(hw_memory_claim(space.memory, HEAP + 5 * PAGE, HEAP + 6 * PAGE, "main"));
	ck_assert_uint_eq(at(&space, HEAP + 3 * PAGE)->end, HEAP + 6 * PAGE);
	ck_assert_uint_eq(at(&space, HEAP + 6 * PAGE)->size, 2 * PAGE);
	/* Beyond what is mapped, and over it again. */
	ck_assert(hw_memory_claim(space.memory, HEAP - PAGE, HEAP + 20 * PAGE, "all"));
	check_sound(&space);
	ck_assert_uint_eq(at(&space, HEAP - 1)->perm, 0);
	ck_assert_uint_eq(at(&space, HEAP - 1)->source, HW_SOURCE_NONE);
	for (uint64_t i = 0; i < 20; i++)
		ck_assert_str_eq(at(&space, HEAP + i * PAGE)->name, "all");
	/* A module keeps what is its. */
	ck_assert(hw_memory_claim(space.memory, LIB, LIB + IMAGE_END, "thief"));
	check_sound(&space);
	ck_assert_uint_eq(at(&space, LIB + 8 * PAGE)->owner, HW_OWNER_MODULE);
	ck_assert_uint_eq(at(&space, LIB + 3 * PAGE)->owner, HW_OWNER_HEAP);
	ck_assert(hw_memory_claim(space.memory, HEAP, HEAP, "nothing"));
	close_space(&space);
}
END_TEST

/* Random claims against an array of pages. */
START_TEST(claims_like_the_twin)
{
	GRand *random = g_rand_new_with_seed(11);
	static const char *const names[] = {"a", "b", "c"};

	for (int round = 0; round < 40; round++) {
		struct fake_core *core = fake_new();
		const char *twin[64] = {NULL};
		struct space space;

		for (uint64_t i = 0; i < 8; i++)
			fake_load(core, HEAP + i * 8 * PAGE, 5 * PAGE, PF_R | PF_W, NULL,
				  (i % 6) * PAGE);
		space = open_space(core, "/", NULL);
		ck_assert_ptr_nonnull(space.memory);
		for (int i = 0; i < 30; i++) {
			int start = g_rand_int_range(random, 0, 63);
			int end = g_rand_int_range(random, start + 1, 65);
			const char *name = names[g_rand_int_range(random, 0, 3)];

			for (int page = start; page < end; page++)
				twin[page] = name;
			ck_assert(hw_memory_claim(space.memory, HEAP + (hw_addr)start * PAGE,
						  HEAP + (hw_addr)end * PAGE, name));
		}
		check_sound(&space);
		for (uint64_t page = 0; page < 64; page++) {
			hw_addr addr = HEAP + page * PAGE;
			uint64_t segment = page / 8;
			uint64_t size;
			const uint8_t *data = hw_memory_peek(space.memory, addr, &size);

			if (twin[page])
				ck_assert_str_eq(at(&space, addr)->name, twin[page]);
			ck_assert(!data == !(page % 8 < segment % 6 && page % 8 < 5));
			if (data)
				ck_assert_ptr_eq(data, space.target->segments[segment].data +
							   (page % 8) * PAGE);
		}
		close_space(&space);
	}
	g_rand_free(random);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("memory");
	int failed;

	fake_dir();
	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, overlaps_like_the_twin);
	tcase_add_test(tests, seventy_thousand_mappings);
	tcase_add_test(tests, text_from_the_binary);
	tcase_add_test(tests, wrong_binary_is_refused);
	tcase_add_test(tests, wrong_exe_is_an_error);
	tcase_add_test(tests, given_exe_is_used);
	tcase_add_test(tests, missing_and_deleted_binaries);
	tcase_add_test(tests, unverified_binary_is_not_used);
	tcase_add_test(tests, data_is_not_invented);
	tcase_add_test(tests, untouched_data_ends_with_the_segment);
	tcase_add_test(tests, lost_bytes_are_not_the_files);
	tcase_add_test(tests, one_file_twice_and_as_data);
	tcase_add_test(tests, bss_is_cut_from_the_heap_behind_it);
	tcase_add_test(tests, owners_without_files);
	tcase_add_test(tests, objects_without_a_file_list);
	tcase_add_test(tests, words_and_reads);
	tcase_add_test(tests, zero_pages_and_holes);
	tcase_add_test(tests, claims);
	tcase_add_test(tests, claims_like_the_twin);
	failed = run_case("memory", tests);
	fake_remove_dir();
	return failed;
}
