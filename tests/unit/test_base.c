/* SPDX-License-Identifier: Apache-2.0 */
/* test_base.c -- checked arrays, notes, text. */
#include "../runner.h"
#include "base/array.h"
#include "base/error.h"
#include "base/notes.h"
#include "base/progress.h"
#include "base/stop.h"
#include "base/text.h"
#include <errno.h>
#include <signal.h>
#include <string.h>

static bool is_filled(const uint8_t *bytes, size_t from, size_t to, uint8_t value)
{
	for (size_t i = from; i < to; i++)
		if (bytes[i] != value)
			return false;
	return true;
}

/* Sizes on both sides of the border between heap and mapping, up and down. */
START_TEST(array_keeps_and_zeroes)
{
	static const size_t sizes[] = {1,      100,    131071, 131072, 131073, 500000, 499999,
				       131072, 131071, 200000, 135000, 139000, 100,    4096};
	uint8_t *array = NULL;
	size_t old = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		array = hw_array_resize(array, old, sizes[i], 1);
		ck_assert_ptr_nonnull(array);
		ck_assert(is_filled(array, 0, MIN(old, sizes[i]), 0xa5));
		if (sizes[i] > old)
			ck_assert(is_filled(array, old, sizes[i], 0));
		memset(array, 0xa5, sizes[i]);
		old = sizes[i];
		ck_assert_uint_ge(hw_array_used(), old);
	}
	ck_assert_ptr_null(hw_array_resize(array, old, 0, 1));
	ck_assert_uint_eq(hw_array_used(), 0);
}
END_TEST

START_TEST(array_refuses)
{
	uint64_t *array = hw_array_resize(NULL, 0, 10, 8);
	size_t old = hw_array_set_budget(1 << 20);

	ck_assert_uint_eq(old, (size_t)8 << 30);
	array[9] = 7;
	ck_assert_ptr_null(hw_array_resize(array, 10, SIZE_MAX / 4, 8));
	ck_assert_ptr_null(hw_array_resize(array, 10, SIZE_MAX, 8));
	ck_assert_ptr_null(hw_array_resize(array, 10, (1 << 20) / 8 + 1, 8));
	ck_assert_uint_eq(array[9], 7);
	ck_assert_uint_eq(hw_array_used(), 80);
	hw_array_set_budget(old);
	hw_array_resize(array, 10, 0, 8);
	ck_assert_uint_eq(hw_array_used(), 0);
}
END_TEST

START_TEST(array_reserve_doubles)
{
	uint32_t *list = NULL;
	size_t room = 0;

	for (uint32_t i = 0; i < 100000; i++) {
		ck_assert(hw_array_reserve((void **)&list, &room, i, sizeof(*list)));
		list[i] = i;
	}
	for (uint32_t i = 0; i < 100000; i++)
		ck_assert_uint_eq(list[i], i);
	hw_array_resize(list, room, 0, sizeof(*list));
	ck_assert_uint_eq(hw_array_used(), 0);
}
END_TEST

START_TEST(notes_are_kept_and_counted)
{
	struct hw_notes notes;

	hw_notes_init(&notes);
	hw_notes_warn(&notes, "a", "do this", "text %d", 1);
	hw_notes_warn(&notes, "a", "do this", "text %d", 1);
	ck_assert_uint_eq(notes.warnings->len, 1);
	ck_assert(!notes.incomplete);
	hw_notes_missing(&notes, "a", NULL, "text %d", 2);
	ck_assert_uint_eq(notes.warnings->len, 2);
	ck_assert(notes.incomplete);
	for (int i = 0; i < 2 * HW_NOTES_KEPT; i++)
		hw_notes_damage(&notes, (uint64_t)i, "bad \xff byte");
	ck_assert_uint_eq(notes.damage_count, 2 * HW_NOTES_KEPT);
	ck_assert_uint_eq(notes.damage->len, HW_NOTES_KEPT);
	ck_assert(g_utf8_validate(((struct hw_damage *)notes.damage->pdata[3])->message, -1, NULL));
	hw_notes_clear(&notes);
}
END_TEST

START_TEST(error_codes)
{
	g_autoptr(GError) denied = NULL;
	g_autoptr(GError) gone = NULL;

	hw_error_errno(&denied, EACCES, "%s", "file");
	hw_error_errno(&gone, ENOENT, "%s", "file");
	ck_assert(g_error_matches(denied, HW_ERROR, HW_ERROR_PERMISSION));
	ck_assert(g_error_matches(gone, HW_ERROR, HW_ERROR_TARGET));
	ck_assert_str_eq(gone->message, "file: No such file or directory");
}
END_TEST

START_TEST(text_is_made_safe)
{
	g_autofree char *copy = hw_text_copy("ab\xff"
					     "c\0d",
					     6);
	g_autofree char *part = hw_text_copy("abcdef", 3);
	g_autofree char *shown = hw_text_printable("a\x1b[2J\x7f\xc2\x9b\xe2\x80\xae"
						   "é→\n");

	ck_assert_str_eq(copy, "ab\xef\xbf\xbd"
			       "c");
	ck_assert_str_eq(part, "abc");
	ck_assert_str_eq(shown, "a\\x1b[2J\\x7f\\x9b\\u{202e}é→\\x0a");
}
END_TEST

START_TEST(numbers_are_readable)
{
	char buf[32];

	ck_assert_str_eq(hw_text_size(buf, sizeof(buf), 17), "17 B");
	ck_assert_str_eq(hw_text_size(buf, sizeof(buf), 1023), "1023 B");
	ck_assert_str_eq(hw_text_size(buf, sizeof(buf), 1024), "1.00 KiB");
	ck_assert_str_eq(hw_text_size(buf, sizeof(buf), 3ull << 29), "1.50 GiB");
	ck_assert_str_eq(hw_text_size(buf, sizeof(buf), (1ull << 30) - 1), "1.00 GiB");
	ck_assert_str_eq(hw_text_size(buf, sizeof(buf), UINT64_MAX), "16.0 EiB");
	ck_assert_str_eq(hw_text_count(buf, sizeof(buf), 0), "0");
	ck_assert_str_eq(hw_text_count(buf, sizeof(buf), 999), "999");
	ck_assert_str_eq(hw_text_count(buf, sizeof(buf), 1234567), "1,234,567");
	ck_assert_str_eq(hw_text_count(buf, sizeof(buf), UINT64_MAX), "18,446,744,073,709,551,615");
}
END_TEST

START_TEST(stop_and_progress)
{
	ck_assert(!hw_stop_requested());
	hw_stop_install();
	raise(SIGINT);
	ck_assert(hw_stop_requested());
	hw_stop_request(false);
	ck_assert(!hw_stop_requested());
	hw_progress("nothing is shown", 1, 2);
	hw_progress_end();
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("base");

	tcase_add_test(tests, array_keeps_and_zeroes);
	tcase_add_test(tests, array_refuses);
	tcase_add_test(tests, array_reserve_doubles);
	tcase_add_test(tests, notes_are_kept_and_counted);
	tcase_add_test(tests, error_codes);
	tcase_add_test(tests, text_is_made_safe);
	tcase_add_test(tests, numbers_are_readable);
	tcase_add_test(tests, stop_and_progress);
	return run_case("base", tests);
}
