/* SPDX-License-Identifier: Apache-2.0 */
/* test_binary.c -- the files that a core names: below a sysroot, and told by their build ids. */
#include "../runner.h"
#include "base/array.h"
#include "base/error.h"
#include "fake_core.h"
#include "target/binary.h"
#include "target/elf.h"
#include <sys/stat.h>
#include <unistd.h>

static GError *error;

static void teardown(void)
{
	g_clear_error(&error);
	ck_assert_uint_eq(hw_array_used(), 0);
}

static void expect_error(const struct hw_binary *binary, int code, const char *part)
{
	ck_assert_ptr_null(binary);
	ck_assert(g_error_matches(error, HW_ERROR, code));
	ck_assert_msg(strstr(error->message, part) != NULL, "%s", error->message);
	g_clear_error(&error);
}

START_TEST(sysroot_is_never_left)
{
	g_autofree char *root = fake_path("root");
	g_autofree char *bin = g_build_filename(root, "bin", NULL);
	g_autofree char *escape = g_build_filename(bin, "escape", NULL);
	g_autofree char *up = g_build_filename(bin, "up", NULL);
	g_autofree char *inside = g_build_filename(bin, "inside", NULL);
	g_autofree char *copy = g_build_filename(bin, "copy", NULL);
	g_autofree char *fifo = g_build_filename(bin, "fifo", NULL);
	g_autofree char *self = NULL;
	g_autofree char *outside = fake_path("outside");
	struct hw_binary *binary;
	gsize size;

	ck_assert_int_eq(g_mkdir_with_parents(bin, 0700), 0);
	ck_assert(g_file_get_contents("/proc/self/exe", &self, &size, NULL));
	ck_assert(g_file_set_contents(copy, self, (gssize)size, NULL));
	ck_assert(g_file_set_contents(outside, self, (gssize)size, NULL));
	ck_assert_int_eq(symlink(outside, escape), 0);
	ck_assert_int_eq(symlink("../../../../../../../../../../../../bin/copy", up), 0);
	ck_assert_int_eq(symlink("/bin/copy", inside), 0);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	expect_error(hw_binary_open(root, "/bin/escape", &error), HW_ERROR_TARGET, "No such file");
	expect_error(hw_binary_open(root, "/bin/fifo", &error), HW_ERROR_TARGET, "FIFO");
	expect_error(hw_binary_open(root, "/bin", &error), HW_ERROR_TARGET, "directory");
	expect_error(hw_binary_open("/", "bin/copy", &error), HW_ERROR_TARGET, "absolute");
	expect_error(hw_binary_open("/", "/dev/zero", &error), HW_ERROR_TARGET, "device");
	expect_error(hw_binary_open("/", "/etc/passwd", &error), HW_ERROR_UNSUPPORTED, "ELF");
	/* Upwards ends at the root; absolute links start there. */
	for (size_t i = 0; i < 3; i++) {
		static const char *const paths[] = {"/bin/up", "/bin/inside", "/bin/copy"};

		binary = hw_binary_open(root, paths[i], &error);
		ck_assert_msg(binary != NULL, "%s: %s", paths[i], error ? error->message : "");
		ck_assert_uint_gt(binary->identity.gnu.size, 0);
		hw_binary_free(binary);
	}
}
END_TEST

/* Go's linker writes a note of its own, and lists GNU's in no program header. */
START_TEST(go_build_ids)
{
	static const uint8_t written[] = {
	    4, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 0, 'G', 'o', 0,   0,   'a', '/', 'b',  '\n', 'c', 0,
	    0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0,   0,   'G', 'N', 'U', 0,   0xab, 0xcd, 0,   0};
	struct hw_identity go = {0};
	struct hw_identity both = {0};
	const struct hw_build_id *a, *b;
	g_autofree char *shown = NULL;

	hw_identity_in_notes(written, 24, 4, &go);
	hw_identity_in_notes(written, sizeof(written), 4, &both);
	ck_assert_uint_eq(go.go.size, 5);
	ck_assert_uint_eq(go.gnu.size, 0);
	ck_assert_uint_eq(both.gnu.size, 2);
	shown = hw_build_id_hex(&go.go);
	ck_assert_str_eq(shown, "a/b?c");
	ck_assert(hw_identity_common(&go, &both, &a, &b));
	ck_assert(a == &go.go && b == &both.go && hw_build_id_equal(a, b));
	ck_assert(!hw_build_id_equal(&both.go, &both.gnu));
	both.go.bytes[0]++;
	ck_assert(hw_identity_common(&go, &both, &a, &b));
	ck_assert(!hw_build_id_equal(a, b));
	go.gnu = both.gnu;
	ck_assert(hw_identity_common(&go, &both, &a, &b));
	ck_assert(a == &go.gnu && b == &both.gnu);
	both.go.size = go.gnu.size = 0;
	ck_assert(!hw_identity_common(&go, &both, &a, &b));
}
END_TEST

START_TEST(build_ids)
{
	struct hw_build_id a = {.size = 2, .bytes = {0xab, 0x01}};
	struct hw_build_id b = a;
	struct hw_build_id none = {0};
	g_autofree char *hex = hw_build_id_hex(&a);
	g_autofree char *empty = hw_build_id_hex(&none);
	struct hw_identity both;
	uint8_t junk[256];

	ck_assert(hw_build_id_equal(&a, &b));
	b.bytes[1] = 2;
	ck_assert(!hw_build_id_equal(&a, &b));
	ck_assert_str_eq(hex, "ab01");
	ck_assert_str_eq(empty, "none");
	memset(junk, 0xff, sizeof(junk));
	hw_identity_find(junk, sizeof(junk), true, &both);
	ck_assert_uint_eq(both.gnu.size + both.go.size, 0);
	memcpy(junk,
	       "\x7f"
	       "ELF\2\1\1",
	       7);
	junk[18] = EM_X86_64;
	junk[19] = 0;
	hw_identity_find(junk, sizeof(junk), true, &both);
	hw_identity_find(junk, sizeof(junk), false, &both);
	ck_assert_uint_eq(both.gnu.size + both.go.size, 0);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("binary");
	int failed;

	fake_dir();
	tcase_add_checked_fixture(tests, NULL, teardown);
	tcase_add_test(tests, sysroot_is_never_left);
	tcase_add_test(tests, build_ids);
	tcase_add_test(tests, go_build_ids);
	failed = run_case("binary", tests);
	fake_remove_dir();
	return failed;
}
