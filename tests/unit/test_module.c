/* SPDX-License-Identifier: Apache-2.0 */
/* test_module.c -- symbols, types, exports, debug files and thread checks. The module
 * under test is this very program: a fake core says that it was mapped somewhere. */
#include "../runner.h"
#include "base/array.h"
#include "base/error.h"
#include "fake_core.h"
#include "memory/memory.h"
#include "module/module.h"
#include "module/threads.h"
#include "target/elf.h"
#include <sys/stat.h>
#include <unistd.h>

#define BASE  0x7f1234000000u
#define STACK 0x7ffff0000000u
#define TLS   0x7f0000001000u

/* What is looked up. */
struct sample {
	int first;
	union {
		uint64_t inside;
		char bytes[8];
	};
	struct {
		uint16_t deep;
	} named;
	unsigned bits : 3;
	unsigned more : 9;
};
typedef struct sample sample_alias;

sample_alias sample_global;
static __thread uint32_t sample_first = 1;
static __thread uint32_t sample_tls = 2;
static const char sample_text[] = "a string that only this program has: 7d1f";

static struct hw_notes notes;
static GError *error;

struct world {
	struct hw_target *target;
	struct hw_memory *memory;
	struct hw_modules *modules;
	gsize size;
	char *file; /* The program's bytes. */
};

static void setup(void)
{
	hw_notes_init(&notes);
	sample_global.first = (int)(sample_first + sample_tls + (uint32_t)sample_text[0]);
}

static void teardown(void)
{
	hw_notes_clear(&notes);
	g_clear_error(&error);
	ck_assert_uint_eq(hw_array_used(), 0);
}

static hw_addr bias_of(const struct hw_elf *elf)
{
	return elf->header.e_type == ET_DYN ? BASE : 0;
}

/* Segments as the kernel writes them: the first page, then what is writable. */
static void add_program(struct fake_core *core, const char *bytes, gsize size, const char *path)
{
	struct hw_elf elf;
	Elf64_Phdr phdr;

	ck_assert(hw_elf_init(&elf, (const uint8_t *)bytes, size));
	for (uint32_t i = 0; hw_elf_phdr(&elf, i, &phdr); i++) {
		uint64_t start = bias_of(&elf) + hw_page_down(phdr.p_vaddr);
		uint64_t end = bias_of(&elf) + hw_page_up(phdr.p_vaddr + phdr.p_filesz);
		uint64_t held = phdr.p_flags & PF_W ? end - start : phdr.p_offset ? 0 : PAGE;

		if (phdr.p_type != PT_LOAD)
			continue;
		fake_load(core, start, end - start, phdr.p_flags, phdr.p_offset ? NULL : bytes,
			  held);
		fake_file(core, start, end, hw_page_down(phdr.p_offset) / PAGE, path);
		if (bias_of(&elf) + hw_page_up(phdr.p_vaddr + phdr.p_memsz) > end)
			fake_load(core, end,
				  bias_of(&elf) + hw_page_up(phdr.p_vaddr + phdr.p_memsz) - end,
				  PF_R | PF_W, NULL, 0);
		if (i == 0 || phdr.p_offset == 0)
			fake_auxv(core, AT_PHDR, start + 64);
	}
}

/* A world whose one program is the file at path. */
static struct world make_world(const char *path, const char *const *debug_dirs)
{
	struct hw_modules_options options = {.debug_dirs = debug_dirs};
	struct fake_core *core = fake_new();
	g_autoptr(GByteArray) bytes = NULL;
	g_autofree char *saved = NULL;
	struct world world = {0};

	ck_assert(g_file_get_contents(path, &world.file, &world.size, NULL));
	add_program(core, world.file, world.size, path);
	fake_load(core, STACK, 4 * PAGE, PF_R | PF_W, NULL, 4 * PAGE);
	fake_thread(core, 100, STACK, TLS);
	bytes = fake_bytes(core);
	fake_free(core);
	saved = fake_save(bytes, "core");
	world.target = hw_target_open(saved, NULL, &notes, &error);
	ck_assert_ptr_nonnull(world.target);
	world.memory = hw_memory_new(world.target, NULL, &notes, &error);
	ck_assert_ptr_nonnull(world.memory);
	ck_assert_uint_eq(world.memory->object_count, 1);
	ck_assert_ptr_nonnull(world.memory->objects[0].binary);
	world.modules = hw_modules_new(world.memory, &options, &notes, &error);
	ck_assert_ptr_nonnull(world.modules);
	return world;
}

static void end_world(struct world *world)
{
	hw_modules_free(world->modules);
	hw_memory_free(world->memory);
	hw_target_free(world->target);
	g_free(world->file);
}

static char *self_path(void)
{
	char *path = g_file_read_link("/proc/self/exe", NULL);

	ck_assert_ptr_nonnull(path);
	return path;
}

/* Where a variable of ours is in the fake core: same offset from the load address. */
static hw_addr expected(const struct world *world, const void *address)
{
	extern const char __ehdr_start;
	struct hw_elf elf;
	uint64_t offset = (uint64_t)((uintptr_t)address - (uintptr_t)&__ehdr_start);

	ck_assert(hw_elf_init(&elf, (const uint8_t *)world->file, world->size));
	return elf.header.e_type == ET_DYN ? BASE + offset : (hw_addr)(uintptr_t)address;
}

static void check_symbols(const struct world *world)
{
	hw_addr first = 0;
	hw_addr tls = 0;
	hw_addr addr = 0;
	uint64_t offset = 0;
	const char *name;

	ck_assert(hw_modules_symbol(world->modules, 0, "sample_global", &addr));
	ck_assert_uint_eq(addr, expected(world, &sample_global));
	ck_assert(hw_modules_symbol(world->modules, 0, "sample_text", &addr));
	ck_assert_uint_eq(addr, expected(world, sample_text));
	ck_assert(hw_modules_symbol(world->modules, 0, "sample_first", &first));
	ck_assert(hw_modules_symbol(world->modules, 0, "sample_tls", &tls));
	/* Offsets in the TLS block, no addresses. */
	ck_assert_uint_lt(first, 0x10000);
	ck_assert_int_eq((int64_t)(tls - first), (char *)&sample_tls - (char *)&sample_first);
	addr = 7;
	ck_assert(!hw_modules_symbol(world->modules, 0, "no_such_symbol", &addr));
	/* Used here, defined elsewhere. */
	ck_assert(!hw_modules_symbol(world->modules, 0, "g_free", &addr));
	ck_assert(!hw_modules_symbol(world->modules, 1, "sample_global", &addr));
	ck_assert_uint_eq(addr, 7);
	ck_assert(hw_modules_has_symbols(world->modules, 0));
	name = hw_modules_name(world->modules, expected(world, &sample_global) + 5, &offset);
	ck_assert_ptr_nonnull(name);
	ck_assert_str_eq(name, "sample_global");
	ck_assert_uint_eq(offset, 5);
	ck_assert_ptr_null(hw_modules_name(world->modules, STACK, &offset));
	ck_assert_ptr_null(hw_modules_name(world->modules, 0, &offset));
}

static void check_types(const struct world *world)
{
	static const struct {
		const char *member;
		uint64_t offset;
	} members[] = {
	    {"first", 0},
	    {"inside", offsetof(struct sample, inside)},
	    {"bytes", offsetof(struct sample, bytes)},
	    {"named", offsetof(struct sample, named)},
	};
	static const char *const types[] = {"sample", "sample_alias"};
	uint64_t value = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
		ck_assert(hw_modules_member(world->modules, 0, types[i], NULL, &value));
		ck_assert_uint_eq(value, sizeof(struct sample));
		for (size_t j = 0; j < G_N_ELEMENTS(members); j++) {
			ck_assert(hw_modules_member(world->modules, 0, types[i], members[j].member,
						    &value));
			ck_assert_uint_eq(value, members[j].offset);
		}
	}
	ck_assert(hw_modules_member(world->modules, 0, "sample", "more", &value));
	ck_assert_uint_le(value, sizeof(struct sample));
	value = 7;
	/* Members of a named member are its own. */
	ck_assert(!hw_modules_member(world->modules, 0, "sample", "deep", &value));
	ck_assert(!hw_modules_member(world->modules, 0, "no_such_type", NULL, &value));
	ck_assert(!hw_modules_member(world->modules, 0, "no_such_type", "x", &value));
	ck_assert_uint_eq(value, 7);
}

START_TEST(from_the_program)
{
	g_autofree char *path = self_path();
	struct world world = make_world(path, NULL);

	check_symbols(&world);
	check_types(&world);
	ck_assert(hw_modules_contains(world.modules, 0, sample_text, sizeof(sample_text)));
	ck_assert(!hw_modules_contains(world.modules, 0, "", 0));
	ck_assert(!hw_modules_contains(world.modules, 1, "a", 1));
	ck_assert(!hw_modules_exports(world.modules, 0, "sample_text"));
	ck_assert(!hw_modules_exports(world.modules, 0, "g_free"));
	ck_assert(!hw_modules_exports(world.modules, 1, "g_free"));
	end_world(&world);
}
END_TEST

/* Runs a command line with printf arguments; false when it fails. */
static bool run(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

static bool run(const char *fmt, ...)
{
	g_autofree char *command = NULL;
	va_list args;

	va_start(args, fmt);
	command = g_strdup_vprintf(fmt, args);
	va_end(args);
	return system(command) == 0;
}

static bool has_objcopy(void)
{
	bool has = run("objcopy --version >/dev/null 2>&1");

	if (!has)
		printf("skipped: no objcopy\n");
	return has;
}

START_TEST(stripped_has_nothing)
{
	g_autofree char *path = self_path();
	g_autofree char *stripped = fake_path("stripped");
	hw_addr addr = 0;
	struct world world;

	if (!has_objcopy())
		return;
	ck_assert(run("objcopy --strip-all '%s' '%s'", path, stripped));
	world = make_world(stripped, NULL);
	ck_assert(!hw_modules_symbol(world.modules, 0, "sample_global", &addr));
	ck_assert(!hw_modules_member(world.modules, 0, "sample", NULL, &addr));
	ck_assert(!hw_modules_has_symbols(world.modules, 0));
	ck_assert(hw_modules_contains(world.modules, 0, sample_text, sizeof(sample_text)));
	end_world(&world);
}
END_TEST

START_TEST(debug_file_by_build_id)
{
	g_autofree char *path = self_path();
	g_autofree char *stripped = fake_path("stripped");
	g_autofree char *dir = fake_path("debug");
	const char *dirs[] = {"/nonexistent", dir, NULL};
	g_autofree char *hex = NULL;
	struct hw_binary *binary;
	struct world world;

	if (!has_objcopy())
		return;
	binary = hw_binary_open("/", path, NULL);
	hex = hw_build_id_hex(&binary->identity.gnu);
	hw_binary_free(binary);
	ck_assert(run("mkdir -p '%s/.build-id/%.2s'", dir, hex));
	ck_assert(run("objcopy --only-keep-debug '%s' '%s/.build-id/%.2s/%s.debug'", path, dir, hex,
		      hex + 2));
	ck_assert(run("objcopy --strip-all '%s' '%s'", path, stripped));
	world = make_world(stripped, dirs);
	check_symbols(&world);
	check_types(&world);
	end_world(&world);
	/* A file of that name with another build-id is no debug file of ours. */
	ck_assert(run("cp /bin/true '%s/.build-id/%.2s/%s.debug'", dir, hex, hex + 2));
	world = make_world(stripped, dirs);
	ck_assert(!hw_modules_has_symbols(world.modules, 0));
	end_world(&world);
	/* And a FIFO must not stop us. */
	ck_assert(
	    run("f='%s/.build-id/%.2s/%s.debug'; rm \"$f\"; mkfifo \"$f\"", dir, hex, hex + 2));
	world = make_world(stripped, dirs);
	ck_assert(!hw_modules_has_symbols(world.modules, 0));
	end_world(&world);
}
END_TEST

START_TEST(debug_file_by_link)
{
	g_autofree char *path = self_path();
	g_autofree char *stripped = fake_path("stripped");
	g_autofree char *debug = fake_path("stripped.debug");
	struct world world;

	if (!has_objcopy())
		return;
	ck_assert(run("objcopy --only-keep-debug '%s' '%s'", path, debug));
	ck_assert(
	    run("objcopy --strip-all --add-gnu-debuglink='%s' '%s' '%s'", debug, path, stripped));
	world = make_world(stripped, NULL);
	check_symbols(&world);
	check_types(&world);
	end_world(&world);
}
END_TEST

START_TEST(gnu_debugdata)
{
	g_autofree char *path = self_path();
	g_autofree char *stripped = fake_path("stripped");
	g_autofree char *mini = fake_path("mini");
	hw_addr addr = 0;
	struct world world;

	if (!has_objcopy())
		return;
	if (!run("objcopy -S --keep-symbol=sample_global --keep-symbol=sample_text "
		 "--remove-section=.comment '%s' '%s' && xz -kf '%s'",
		 path, mini, mini)) {
		printf("skipped: no xz\n");
		return;
	}
	ck_assert(run("objcopy --strip-all --add-section .gnu_debugdata='%s.xz' '%s' '%s'", mini,
		      path, stripped));
	world = make_world(stripped, NULL);
	ck_assert(hw_modules_symbol(world.modules, 0, "sample_text", &addr));
	ck_assert_uint_eq(addr, expected(&world, sample_text));
	end_world(&world);
}
END_TEST

START_TEST(exports_of_libc)
{
	static const char *const paths[] = {"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6",
					    "/usr/lib/libc.so.6"};
	const char *path = NULL;
	struct world world;
	hw_addr addr = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(paths) && !path; i++)
		if (g_file_test(paths[i], G_FILE_TEST_EXISTS))
			path = paths[i];
	if (!path) {
		printf("skipped: no libc.so.6 found\n");
		return;
	}
	world = make_world(path, NULL);
	ck_assert(hw_modules_exports(world.modules, 0, "malloc"));
	ck_assert(hw_modules_exports(world.modules, 0, "malloc_info"));
	ck_assert(!hw_modules_exports(world.modules, 0, "mallo"));
	ck_assert(!hw_modules_exports(world.modules, 0, "mallocx"));
	ck_assert(hw_modules_symbol(world.modules, 0, "malloc", &addr));
	ck_assert_uint_gt(addr, BASE);
	ck_assert(hw_modules_contains(world.modules, 0, "GNU C Library", 13));
	end_world(&world);
}
END_TEST

START_TEST(the_network_is_not_asked)
{
	g_autofree char *path = self_path();
	struct world world;

	g_setenv("DEBUGINFOD_URLS", "http://127.0.0.1:1/", TRUE);
	world = make_world(path, NULL);
	ck_assert_ptr_null(g_getenv("DEBUGINFOD_URLS"));
	end_world(&world);
}
END_TEST

START_TEST(threads)
{
	static uint64_t tcb[PAGE / 8];
	static uint64_t stack[PAGE / 8];
	struct fake_core *core = fake_new();
	g_autoptr(GByteArray) bytes = NULL;
	g_autofree char *saved = NULL;
	struct hw_thread_state *states;
	struct hw_target *target;
	struct hw_memory *memory;

	tcb[0] = TLS;
	tcb[2] = TLS;
	tcb[64] = TLS;
	tcb[66] = TLS + 512;
	stack[511] = 1;
	fake_load(core, TLS, PAGE, PF_R | PF_W, tcb, PAGE);
	fake_load(core, TLS + PAGE, PAGE, PF_R | PF_W, NULL, PAGE);
	fake_load(core, STACK, PAGE, PF_R | PF_W, stack, PAGE);
	fake_load(core, STACK + 8 * PAGE, 4 * PAGE, PF_R | PF_W, NULL, 4 * PAGE);
	fake_thread(core, 100, STACK + 16, TLS);                    /* fine */
	fake_thread(core, 101, STACK + 8 * PAGE, TLS + PAGE);       /* zeros, both */
	fake_thread(core, 102, STACK, TLS + 512);                   /* wrong pointers */
	fake_thread(core, 103, 0, 0);                               /* nothing */
	fake_thread(core, 104, STACK + 100 * PAGE, TLS + 9 * PAGE); /* not mapped */
	bytes = fake_bytes(core);
	fake_free(core);
	saved = fake_save(bytes, "core");
	target = hw_target_open(saved, NULL, &notes, &error);
	ck_assert_ptr_nonnull(target);
	memory = hw_memory_new(target, NULL, &notes, &error);
	ck_assert_ptr_nonnull(memory);
	states = hw_threads_check(memory, &notes);
	ck_assert_int_eq(states[0].tls_state, HW_TLS_OK);
	ck_assert_int_eq(states[1].tls_state, HW_TLS_ZERO);
	ck_assert_int_eq(states[2].tls_state, HW_TLS_STRANGE);
	ck_assert_int_eq(states[3].tls_state, HW_TLS_NONE);
	ck_assert_int_eq(states[4].tls_state, HW_TLS_MISSING);
	ck_assert_int_eq(states[4].tid, 104);
	ck_assert_uint_eq(states[1].sp, STACK + 8 * PAGE);
	ck_assert_uint_eq(states[1].ip, 0x401000);
	ck_assert(states[0].stack_dumped);
	ck_assert(!states[1].stack_dumped);
	ck_assert(states[2].stack_dumped);
	ck_assert(!states[3].stack_dumped);
	ck_assert(!states[4].stack_dumped);
	ck_assert(notes.incomplete);
	g_free(states);
	hw_memory_free(memory);
	hw_target_free(target);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("module");
	int failed;

	fake_dir();
	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, from_the_program);
	tcase_add_test(tests, stripped_has_nothing);
	tcase_add_test(tests, debug_file_by_build_id);
	tcase_add_test(tests, debug_file_by_link);
	tcase_add_test(tests, gnu_debugdata);
	tcase_add_test(tests, exports_of_libc);
	tcase_add_test(tests, the_network_is_not_asked);
	tcase_add_test(tests, threads);
	failed = run_case("module", tests);
	fake_remove_dir();
	return failed;
}
