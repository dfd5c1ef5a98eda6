/* SPDX-License-Identifier: Apache-2.0 */
/* test_target.c -- reading core files, good and spoilt.
 *
 * Longer than most files: all of them are one sound core, which each test spoils in its own way. */
#include "../runner.h"
#include "base/array.h"
#include "base/error.h"
#include "fake_core.h"
#include "target/spool.h"
#include "target/target.h"
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAP  0x10000000u
#define STACK 0x7ffff0000000u

static struct hw_notes notes;
static GError *error;

static void setup(void)
{
	hw_notes_init(&notes);
}

static void teardown(void)
{
	hw_notes_clear(&notes);
	g_clear_error(&error);
	ck_assert_uint_eq(hw_array_used(), 0);
}

/* A small, sound core: a heap of two pages, a reserve, a stack, two threads. */
static struct fake_core *sound(void)
{
	struct fake_core *core = fake_new();

	fake_load(core, 0x400000, PAGE, PF_R | PF_X, NULL, 0);
	fake_load(core, HEAP, 2 * PAGE, PF_R | PF_W, NULL, 2 * PAGE);
	fake_load(core, HEAP + 2 * PAGE, 16 * PAGE, 0, NULL, 0);
	fake_load(core, STACK, 4 * PAGE, PF_R | PF_W, NULL, 4 * PAGE);
	fake_thread(core, 100, STACK + PAGE, HEAP);
	fake_thread(core, 101, STACK + 2 * PAGE, HEAP + 64);
	fake_auxv(core, AT_PAGESZ, PAGE);
	fake_auxv(core, AT_ENTRY, 0x401000);
	fake_file(core, 0x400000, 0x401000, 0, "/usr/bin/fake");
	return core;
}

static GByteArray *sound_bytes(void)
{
	struct fake_core *core = sound();
	GByteArray *bytes = fake_bytes(core);

	fake_free(core);
	return bytes;
}

static struct hw_target *open_bytes(const GByteArray *bytes)
{
	g_autofree char *path = fake_save(bytes, "core");

	return hw_target_open(path, NULL, &notes, &error);
}

static bool has_warning(const char *code)
{
	for (guint i = 0; i < notes.warnings->len; i++)
		if (!strcmp(((struct hw_warning *)notes.warnings->pdata[i])->code, code))
			return true;
	return false;
}

static bool has_damage(const char *part)
{
	for (guint i = 0; i < notes.damage->len; i++)
		if (strstr(((struct hw_damage *)notes.damage->pdata[i])->message, part))
			return true;
	return false;
}

START_TEST(sound_core)
{
	g_autoptr(GByteArray) bytes = sound_bytes();
	struct hw_target *target = open_bytes(bytes);
	uint64_t value = 0;

	ck_assert_ptr_nonnull(target);
	ck_assert_uint_eq(notes.damage_count, 0);
	ck_assert_uint_eq(notes.warnings->len, 0);
	ck_assert(!notes.incomplete);
	ck_assert_uint_eq(target->segment_count, 4);
	ck_assert_uint_eq(target->segments[1].size, 2 * PAGE);
	ck_assert_uint_eq(target->segments[2].perm, 0);
	ck_assert_uint_eq(target->thread_count, 2);
	ck_assert_int_eq(target->threads[1].tid, 101);
	ck_assert_uint_eq(target->threads[1].regs[HW_REG_SP], STACK + 2 * PAGE);
	ck_assert_uint_eq(target->threads[1].regs[HW_REG_FS_BASE], HEAP + 64);
	ck_assert_uint_eq(target->threads[1].regs[HW_REG_IP], 0x401000);
	ck_assert_int_eq(target->pid, 100);
	ck_assert_int_eq(target->signal, 6);
	ck_assert_str_eq(target->command, "fake");
	ck_assert_str_eq(target->arguments, "fake --args");
	ck_assert(hw_target_auxv(target, AT_ENTRY, &value));
	ck_assert_uint_eq(value, 0x401000);
	ck_assert(!hw_target_auxv(target, AT_BASE, &value));
	ck_assert_uint_eq(target->file_map_count, 1);
	ck_assert_str_eq(target->file_maps[0].path, "/usr/bin/fake");
	hw_target_check(target, &notes);
	ck_assert(!notes.incomplete);
	hw_target_free(target);
}
END_TEST

static void expect_error(struct hw_target *target, int code, const char *part)
{
	ck_assert_ptr_null(target);
	ck_assert_ptr_nonnull(error);
	ck_assert_msg(error->code == code, "code %d: %s", error->code, error->message);
	ck_assert_msg(strstr(error->message, part) != NULL, "no '%s' in: %s", part, error->message);
	g_clear_error(&error);
}

START_TEST(no_core_at_all)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *part;
	} other[] = {
	    {"hello, world", 12, "is not a core file"},
	    {"\x1f", 1, "is not a core file"},
	};
	g_autofree char *fifo = fake_path("fifo");
	g_autofree char *sock = fake_path("sock");
	g_autofree char *gone = fake_path("gone");
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	for (size_t i = 0; i < G_N_ELEMENTS(other); i++) {
		g_autoptr(GByteArray) bytes = g_byte_array_new();

		g_byte_array_append(bytes, (const guint8 *)other[i].bytes, (guint)other[i].size);
		expect_error(open_bytes(bytes), HW_ERROR_UNSUPPORTED, other[i].part);
	}
	g_strlcpy(name.sun_path, sock, sizeof(name.sun_path));
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	expect_error(hw_target_open(fifo, NULL, &notes, &error), HW_ERROR_TARGET, "is a FIFO");
	expect_error(hw_target_open(sock, NULL, &notes, &error), HW_ERROR_TARGET, "is a socket");
	expect_error(hw_target_open(fake_dir(), NULL, &notes, &error), HW_ERROR_TARGET,
		     "directory");
	expect_error(hw_target_open("/dev/null", NULL, &notes, &error), HW_ERROR_TARGET, "device");
	expect_error(hw_target_open(gone, NULL, &notes, &error), HW_ERROR_TARGET, "No such file");
	expect_error(hw_target_open("999999999", NULL, &notes, &error), HW_ERROR_TARGET,
		     "No such file");
	expect_error(hw_target_open("/proc/self/exe", NULL, &notes, &error), HW_ERROR_UNSUPPORTED,
		     "executable");
	close(fd);
}
END_TEST

START_TEST(permission_denied)
{
	g_autoptr(GByteArray) bytes = sound_bytes();
	g_autofree char *path = fake_save(bytes, "secret");

	chmod(path, 0);
	if (geteuid() == 0 && (chown(fake_dir(), 65534, 65534) != 0 || seteuid(65534) != 0))
		return;
	expect_error(hw_target_open(path, NULL, &notes, &error), HW_ERROR_PERMISSION, "denied");
	ck_assert_int_eq(seteuid(getuid()), 0);
}
END_TEST

/* Bytes of the sound core as gzip packs them. */
static GByteArray *packed_bytes(void)
{
	g_autoptr(GByteArray) bytes = sound_bytes();
	GByteArray *packed = g_byte_array_new();
	struct archive *gzip = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	size_t used = 0;

	g_byte_array_set_size(packed, bytes->len + 65536);
	archive_write_set_format_raw(gzip);
	archive_write_add_filter_gzip(gzip);
	archive_write_set_bytes_per_block(gzip, 0);
	ck_assert_int_eq(archive_write_open_memory(gzip, packed->data, packed->len, &used), 0);
	archive_entry_set_filetype(entry, AE_IFREG);
	ck_assert_int_eq(archive_write_header(gzip, entry), 0);
	ck_assert_int_eq(archive_write_data(gzip, bytes->data, bytes->len), (int)bytes->len);
	ck_assert_int_eq(archive_write_close(gzip), 0);
	archive_write_free(gzip);
	archive_entry_free(entry);
	g_byte_array_set_size(packed, (guint)used);
	return packed;
}

START_TEST(packed)
{
	g_autoptr(GByteArray) plain = sound_bytes();
	g_autoptr(GByteArray) bytes = packed_bytes();
	struct hw_target *target = open_bytes(bytes);

	ck_assert_msg(target != NULL, "%s", error ? error->message : "");
	ck_assert_uint_eq(target->map_size, plain->len);
	ck_assert_mem_eq(target->map, plain->data, plain->len);
	ck_assert(!target->truncated && !notes.incomplete);
	hw_target_check(target, &notes);
	ck_assert(!notes.incomplete);
	hw_target_free(target);
}
END_TEST

/* What is there is looked at, and the answer says that it is not all. */
START_TEST(packed_and_cut)
{
	g_autoptr(GByteArray) bytes = packed_bytes();
	struct hw_target *target;

	g_byte_array_set_size(bytes, bytes->len - 12);
	target = open_bytes(bytes);
	if (target)
		ck_assert(notes.incomplete && has_warning("truncated"));
	else
		ck_assert(error->code == HW_ERROR_TARGET || error->code == HW_ERROR_UNSUPPORTED);
	hw_target_free(target);
}
END_TEST

START_TEST(packed_rubbish)
{
	static const char *const heads[] = {"\x1f\x8b\x08\x04", "\x28\xb5\x2f\xfd", "BZh9",
					    "\x04\x22\x4d\x18"};

	for (size_t i = 0; i < G_N_ELEMENTS(heads); i++) {
		g_autoptr(GByteArray) bytes = g_byte_array_new();

		g_byte_array_append(bytes, (const guint8 *)heads[i], 4);
		g_byte_array_append(bytes, (const guint8 *)"\xff\xff\xff\xff\xff\xff", 6);
		expect_error(open_bytes(bytes), HW_ERROR_TARGET, "cannot be unpacked");
	}
}
END_TEST

START_TEST(packed_and_no_place)
{
	const struct hw_target_options options = {.spool_dir = "/nonexistent"};
	g_autoptr(GByteArray) bytes = packed_bytes();
	g_autofree char *path = fake_save(bytes, "core.gz");

	expect_error(hw_target_open(path, &options, &notes, &error), HW_ERROR_TARGET,
		     "/nonexistent");
}
END_TEST

START_TEST(spool_keeps_zeros_as_holes)
{
	g_autofree uint8_t *page = g_malloc0(3 * PAGE);
	uint8_t back[16] = {1};
	struct hw_spool spool;
	struct stat st;

	page[PAGE + 5] = 7;
	ck_assert(hw_spool_open(&spool, fake_dir(), 0, "test", &error));
	for (uint64_t i = 0; i < 100; i++)
		ck_assert(hw_spool_write(&spool, i * 3 * PAGE, page, 3 * PAGE, &error));
	ck_assert(hw_spool_write(&spool, 300 * PAGE + 100, page, 50, &error));
	ck_assert(hw_spool_extend(&spool, 400 * PAGE, &error));
	ck_assert_int_eq(fstat(spool.fd, &st), 0);
	ck_assert_int_eq(st.st_nlink, 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(st.st_size, 400 * PAGE);
	ck_assert_uint_eq(spool.written, 100 * PAGE + 50);
	ck_assert_int_eq(pread(spool.fd, back, 16, (off_t)(7 * PAGE)), 16);
	ck_assert(back[0] == 0 && back[5] == 7);
	hw_spool_close(&spool);
	hw_spool_close(&spool);
	/* More than any disk has. */
	ck_assert(!hw_spool_open(&spool, fake_dir(), UINT64_C(1) << 60, "test", &error));
	ck_assert_ptr_nonnull(strstr(error->message, "--spool-dir"));
}
END_TEST

START_TEST(other_machines)
{
	static const struct {
		size_t at;
		uint8_t value;
		int code;
		const char *part;
	} spoil[] = {
	    {EI_CLASS, ELFCLASS32, HW_ERROR_UNSUPPORTED, "32-bit"},
	    {EI_DATA, ELFDATA2MSB, HW_ERROR_UNSUPPORTED, "not a core file"},
	    {18, EM_AARCH64, HW_ERROR_UNSUPPORTED, "AArch64"},
	    {16, ET_EXEC, HW_ERROR_UNSUPPORTED, "executable"},
	    {16, ET_REL, HW_ERROR_UNSUPPORTED, "object file"},
	    {54, 32, HW_ERROR_UNSUPPORTED, "e_phentsize"},
	    {32, 0, HW_ERROR_UNSUPPORTED, "no program headers"},
	    {56, 1, HW_ERROR_UNSUPPORTED, "no memory"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(spoil); i++) {
		g_autoptr(GByteArray) bytes = sound_bytes();

		bytes->data[spoil[i].at] = spoil[i].value;
		if (spoil[i].at == 18)
			bytes->data[19] = 0;
		expect_error(open_bytes(bytes), spoil[i].code, spoil[i].part);
	}
}
END_TEST

/* At every length: an error, or what is there and incomplete. */
START_TEST(truncated_anywhere)
{
	g_autoptr(GByteArray) bytes = sound_bytes();
	guint full = bytes->len;

	for (guint size = 1; size < full; size += size < 4 * PAGE ? 7 : 509) {
		g_autoptr(GByteArray) part = g_byte_array_new();
		struct hw_target *target;

		g_byte_array_append(part, bytes->data, size);
		target = open_bytes(part);
		ck_assert(!target == !!error);
		if (target) {
			ck_assert(notes.incomplete);
			ck_assert(has_warning("truncated"));
			ck_assert(target->truncated);
			ck_assert_uint_eq(target->ends_at, size);
		}
		hw_target_free(target);
		g_clear_error(&error);
		hw_notes_clear(&notes);
		hw_notes_init(&notes);
	}
}
END_TEST

START_TEST(truncated_segment_keeps_its_start)
{
	g_autoptr(GByteArray) bytes = sound_bytes();
	struct hw_target *target;
	const struct hw_warning *warning;

	g_byte_array_set_size(bytes, bytes->len - PAGE - 100);
	target = open_bytes(bytes);
	ck_assert_ptr_nonnull(target);
	ck_assert_uint_eq(target->segments[3].size, 3 * PAGE - 100);
	ck_assert_uint_eq(target->segments[3].wanted, 4 * PAGE);
	ck_assert_uint_eq(notes.warnings->len, 1);
	warning = notes.warnings->pdata[0];
	ck_assert_str_eq(warning->code, "truncated");
	ck_assert_ptr_nonnull(strstr(warning->message, "program header 4 of 5 ends at 0x"));
	ck_assert_ptr_nonnull(strstr(warning->message, "past the end of the file (0x"));
	hw_target_free(target);
}
END_TEST

START_TEST(seventy_thousand_segments)
{
	struct fake_core *core = sound();
	g_autoptr(GByteArray) bytes = NULL;
	struct hw_target *target;

	for (uint64_t i = 0; i < 70000; i++)
		fake_load(core, 0x7ffff1000000 + i * 2 * PAGE, PAGE, PF_R | PF_W, NULL, 0);
	bytes = fake_bytes(core);
	fake_free(core);
	target = open_bytes(bytes);
	ck_assert_ptr_nonnull(target);
	ck_assert(!notes.incomplete);
	ck_assert_uint_eq(target->segment_count, 70004);
	hw_target_free(target);
	/* Without section header 0 the number is found again. */
	g_byte_array_set_size(bytes, bytes->len - 10);
	target = open_bytes(bytes);
	ck_assert_ptr_nonnull(target);
	ck_assert(has_warning("truncated"));
	ck_assert_uint_eq(target->segment_count, 70004);
	hw_target_free(target);
}
END_TEST

/* Program header i (0 is the note) of the sound core. */
static Elf64_Phdr *phdr_at(GByteArray *bytes, size_t i)
{
	return (Elf64_Phdr *)(void *)(bytes->data + sizeof(Elf64_Ehdr) + i * sizeof(Elf64_Phdr));
}

START_TEST(contradictions_are_damage)
{
	static const struct {
		size_t index;
		size_t member;
		uint64_t value;
		const char *part;
	} spoil[] = {
	    {3, offsetof(Elf64_Phdr, p_memsz), 0, "p_memsz is 0"},
	    {3, offsetof(Elf64_Phdr, p_memsz), UINT64_MAX - PAGE, "wraps"},
	    {3, offsetof(Elf64_Phdr, p_vaddr), 0x8000000000000000, "canonical"},
	    {4, offsetof(Elf64_Phdr, p_vaddr), HEAP + PAGE, "below the end"},
	    {2, offsetof(Elf64_Phdr, p_vaddr), HEAP + 1, "whole pages"},
	    {2, offsetof(Elf64_Phdr, p_filesz), 3 * PAGE, "p_filesz is larger"},
	    {2, offsetof(Elf64_Phdr, p_filesz), PAGE, "belong to no program header"},
	    {4, offsetof(Elf64_Phdr, p_offset), UINT64_MAX - 5, "wraps"},
	    {4, offsetof(Elf64_Phdr, p_offset), 2 * PAGE, "two headers claim"},
	    {2, offsetof(Elf64_Phdr, p_type), PT_NULL | (uint64_t)PF_R << 32, "p_type"},
	    {2, offsetof(Elf64_Phdr, p_type), PT_LOAD | (uint64_t)0x80 << 32, "p_flags"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(spoil); i++) {
		g_autoptr(GByteArray) bytes = sound_bytes();
		struct hw_target *target;

		memcpy((char *)phdr_at(bytes, spoil[i].index) + spoil[i].member, &spoil[i].value,
		       8);
		target = open_bytes(bytes);
		ck_assert_ptr_nonnull(target);
		ck_assert_msg(has_damage(spoil[i].part), "case %zu: no '%s'", i, spoil[i].part);
		ck_assert(notes.incomplete);
		hw_target_free(target);
		hw_notes_clear(&notes);
		hw_notes_init(&notes);
	}
}
END_TEST

START_TEST(lost_headers_are_noticed)
{
	g_autoptr(GByteArray) bytes = sound_bytes();
	struct hw_target *target;

	bytes->data[56] = 4; /* e_phnum: the stack's header is left out. */
	target = open_bytes(bytes);
	ck_assert_ptr_nonnull(target);
	ck_assert(has_damage("a program header follows"));
	ck_assert(has_damage("belong to no program header"));
	hw_target_free(target);
}
END_TEST

START_TEST(notes_that_lie)
{
	g_autoptr(GByteArray) whole = sound_bytes();
	uint64_t start = phdr_at(whole, 0)->p_offset;
	uint64_t end = start + phdr_at(whole, 0)->p_filesz;

	/* Each header byte of the notes flipped: the same threads, or incomplete. */
	for (uint64_t at = start; at < end;) {
		Elf64_Nhdr header;

		memcpy(&header, whole->data + at, sizeof(header));
		for (size_t i = 0; i < sizeof(header) + header.n_namesz; i++) {
			g_autoptr(GByteArray) bytes = g_byte_array_new();
			struct hw_target *target;

			g_byte_array_append(bytes, whole->data, whole->len);
			bytes->data[at + i] ^= 0xff;
			target = open_bytes(bytes);
			ck_assert_ptr_nonnull(target);
			ck_assert_msg(notes.incomplete ||
					  (target->thread_count == 2 && target->auxv_count == 2 &&
					   target->file_map_count == 1),
				      "offset 0x%lx", (unsigned long)(at + i));
			hw_target_free(target);
			hw_notes_clear(&notes);
			hw_notes_init(&notes);
		}
		at +=
		    sizeof(header) + ((header.n_namesz + 3) & ~3u) + ((header.n_descsz + 3) & ~3u);
	}
}
END_TEST

START_TEST(file_list_that_lies)
{
	static const uint64_t bad[][7] = {
	    /* size, count, page_size, start, end, file_ofs, path */
	    {8, 1, PAGE, 0, 0, 0, 0},
	    {56, 2, PAGE, PAGE, 2 * PAGE, 0, 0x2f},
	    {56, UINT64_MAX / 8, PAGE, PAGE, 2 * PAGE, 0, 0x2f},
	    {48, 1, PAGE, 2 * PAGE, PAGE, 0, 0x2f},
	    {48, 1, PAGE, PAGE, 2 * PAGE, UINT64_MAX / 2, 0x2f},
	    {48, 1, 7, PAGE, 2 * PAGE, 1, 0x2f},
	    {48, 1, PAGE, PAGE + 1, 2 * PAGE, 1, 0x2f},
	    {47, 1, PAGE, PAGE, 2 * PAGE, 1, 0x2f2f2f2f2f2f2f2f},
	    {56, 1, PAGE, PAGE, 2 * PAGE, 1, 0x2f},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		uint8_t desc[56] = {0};
		struct fake_core *core = sound();
		g_autoptr(GByteArray) bytes = NULL;
		struct hw_target *target;

		memcpy(desc, &bad[i][1], 48);
		core->no_files = true;
		fake_note(core->notes2, "CORE", NT_FILE, desc, (uint32_t)bad[i][0]);
		bytes = fake_bytes(core);
		fake_free(core);
		target = open_bytes(bytes);
		ck_assert_ptr_nonnull(target);
		ck_assert_msg(notes.damage_count > 0, "case %zu", i);
		hw_target_free(target);
		hw_notes_clear(&notes);
		hw_notes_init(&notes);
	}
}
END_TEST

START_TEST(missing_notes_are_reported)
{
	struct fake_core *core = fake_new();
	g_autoptr(GByteArray) bytes = NULL;
	struct hw_target *target;

	fake_load(core, HEAP, PAGE, PF_R | PF_W, NULL, PAGE);
	core->no_files = true;
	core->no_psinfo = true;
	bytes = fake_bytes(core);
	fake_free(core);
	target = open_bytes(bytes);
	ck_assert_ptr_nonnull(target);
	ck_assert(has_warning("no-threads"));
	ck_assert(has_warning("no-auxv"));
	ck_assert(has_warning("no-file-list"));
	ck_assert(has_warning("no-process-info"));
	ck_assert(notes.incomplete);
	hw_target_free(target);
}
END_TEST

START_TEST(threads_twice_or_lost)
{
	struct fake_core *core = sound();
	uint8_t fpregs[512] = {0};
	g_autoptr(GByteArray) bytes = NULL;
	struct hw_target *target;

	fake_thread(core, 101, STACK, HEAP);
	fake_note(core->notes2, "CORE", NT_FPREGSET, fpregs, sizeof(fpregs));
	bytes = fake_bytes(core);
	fake_free(core);
	target = open_bytes(bytes);
	ck_assert_ptr_nonnull(target);
	ck_assert_uint_eq(target->thread_count, 3);
	ck_assert(has_damage("two NT_PRSTATUS notes for thread 101"));
	ck_assert(has_damage("threads are missing"));
	hw_target_free(target);
}
END_TEST

START_TEST(holes_are_found)
{
	g_autoptr(GByteArray) bytes = sound_bytes();
	g_autofree char *path = fake_save(bytes, "sparse");
	uint64_t stack = bytes->len - 4 * PAGE;
	uint64_t start = 0;
	uint64_t end = 0;
	uint64_t seen = 0;
	struct hw_target *target;
	int fd = open(path, O_RDWR);

	ck_assert_int_eq(
	    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)stack, 3 * PAGE), 0);
	close(fd);
	target = hw_target_open(path, NULL, &notes, &error);
	ck_assert_ptr_nonnull(target);
	for (uint64_t at = stack; hw_target_data(target, at, stack + 4 * PAGE, &start, &end);
	     at = end) {
		ck_assert_uint_lt(start, end);
		seen += end - start;
	}
	/* Where the file system has larger blocks, less of it is a hole. */
	ck_assert_uint_ge(seen, PAGE);
	ck_assert_uint_lt(seen, 4 * PAGE);
	ck_assert(!hw_target_data(target, bytes->len, bytes->len + PAGE, &start, &end));
	ck_assert(hw_target_data(target, 0, 10, &start, &end));
	ck_assert_uint_eq(end, 10);
	hw_target_free(target);
}
END_TEST

START_TEST(file_cut_while_mapped)
{
	g_autoptr(GByteArray) bytes = sound_bytes();
	g_autofree char *path = fake_save(bytes, "cut");
	struct hw_target *target = hw_target_open(path, NULL, &notes, &error);
	uint64_t before = hw_target_faults();
	const volatile uint8_t *data;
	uint8_t sum = 0;

	ck_assert_ptr_nonnull(target);
	ck_assert_int_eq(truncate(path, PAGE), 0);
	data = target->segments[3].data;
	for (size_t i = 0; i < 4 * PAGE; i += 64)
		sum |= data[i];
	ck_assert_uint_eq(sum, 0);
	ck_assert_uint_gt(hw_target_faults(), before);
	ck_assert(!notes.incomplete);
	hw_target_check(target, &notes);
	ck_assert(notes.incomplete);
	ck_assert(has_warning("target-changed"));
	hw_target_free(target);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("target");
	int failed;

	fake_dir();
	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, sound_core);
	tcase_add_test(tests, no_core_at_all);
	tcase_add_test(tests, permission_denied);
	tcase_add_test(tests, packed);
	tcase_add_test(tests, packed_and_cut);
	tcase_add_test(tests, packed_rubbish);
	tcase_add_test(tests, packed_and_no_place);
	tcase_add_test(tests, spool_keeps_zeros_as_holes);
	tcase_add_test(tests, other_machines);
	tcase_add_test(tests, truncated_anywhere);
	tcase_add_test(tests, truncated_segment_keeps_its_start);
	tcase_add_test(tests, seventy_thousand_segments);
	tcase_add_test(tests, contradictions_are_damage);
	tcase_add_test(tests, lost_headers_are_noticed);
	tcase_add_test(tests, notes_that_lie);
	tcase_add_test(tests, file_list_that_lies);
	tcase_add_test(tests, missing_notes_are_reported);
	tcase_add_test(tests, threads_twice_or_lost);
	tcase_add_test(tests, holes_are_found);
	tcase_add_test(tests, file_cut_while_mapped);
	failed = run_case("target", tests);
	fake_remove_dir();
	return failed;
}
