/* SPDX-License-Identifier: Apache-2.0 */
/* test_report.c -- the two back ends of the emitter, where answers go, and what people
 * type. Whole answers are tested by tests/golden. */
#include "../runner.h"
#include "base/error.h"
#include "query/named.h"
#include "query/words.h"
#include "report/answer.h"
#include "report/grid.h"
#include "report/json.h"
#include "report/text.h"
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* JSON. */

static void check_quote(const char *in, const char *out)
{
	g_autoptr(GString) to = g_string_new(NULL);

	hw_json_quote(to, in);
	ck_assert_str_eq(to->str, out);
}

START_TEST(json_escapes_all_that_could_hurt)
{
	check_quote("", "\"\"");
	check_quote("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
	check_quote("\n\r\t\b\f", "\"\\n\\r\\t\\b\\f\"");
	check_quote("\x01\x1b[31m\x7f", "\"\\u0001\\u001b[31m\\u007f\"");
	check_quote("\xc2\x9b", "\"\\u009b\"");                        /* C1: CSI. */
	check_quote("\xe2\x80\xa8\xe2\x80\xa9", "\"\\u2028\\u2029\""); /* Ends of line. */
	check_quote("\xe2\x80\xae", "\"\\u202e\"");                    /* Right to left. */
	check_quote("\xff\xfe", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	check_quote("gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"");
}
END_TEST

/* One value as JSON writes it. */
static char *json_of(struct hw_value value)
{
	struct hw_json *json = hw_json_new(0);
	struct hw_emit e;
	char *text;

	hw_json_emit(json, &e);
	e.field(e.self, "k", NULL, value);
	ck_assert(hw_json_is_balanced(json));
	text = g_strdup(hw_json_finish(json)->str);
	hw_json_free(json);
	return text;
}

static void check_value(struct hw_value value, const char *expected)
{
	g_autofree char *text = json_of(value);
	g_autofree char *all = g_strdup_printf("{\n  \"k\": %s\n}", expected);

	ck_assert_str_eq(text, all);
}

START_TEST(json_values)
{
	check_value(hw_size(0), "0");
	check_value(hw_count((UINT64_C(1) << 53) - 1), "9007199254740991");
	check_value(hw_size(UINT64_C(1) << 53), "\"9007199254740992\"");
	check_value(hw_size(UINT64_MAX), "\"18446744073709551615\"");
	check_value((struct hw_value){.kind = HW_KIND_DELTA, .i = -5}, "-5");
	check_value((struct hw_value){.kind = HW_KIND_DELTA, .i = INT64_MIN},
		    "\"-9223372036854775808\"");
	check_value(hw_address(UINT64_MAX), "\"0xffffffffffffffff\"");
	check_value(hw_address(0), "\"0x0\"");
	check_value(hw_id(19124), "19124");
	check_value(hw_text(NULL), "null");
	check_value(hw_null(), "null");
	check_value(hw_flag(true), "true");
	check_value(hw_ratio(0.25), "0.25");
	check_value(hw_ratio(NAN), "null");
	check_value(hw_ratio(INFINITY), "null");
	check_value((struct hw_value){.kind = 12345}, "null");
}
END_TEST

static const struct hw_column two_columns[] = {
    {"a", "A", HW_KIND_COUNT, 0},
    {"t", "T", HW_KIND_TEXT, HW_COLUMN_TEXT},
    {"j", "J", HW_KIND_TEXT, HW_COLUMN_JSON},
};

static void emit_sample(const struct hw_emit *e)
{
	const struct hw_value row[] = {hw_count(1), hw_text("text"), hw_text("json")};

	e->field(e->self, "both", "Both", hw_size(2048));
	e->field(e->self, NULL, "Text only", hw_size(1));
	e->field(e->self, "json_only", NULL, hw_size(1));
	e->list(e->self, "l", NULL);
	e->begin(e->self, NULL, "First");
	e->field(e->self, "x", "X", hw_text("y"));
	e->end(e->self);
	e->begin(e->self, NULL, NULL);
	e->end(e->self);
	e->list_end(e->self);
	e->table(e->self, "t", "Table", two_columns, 3);
	e->row(e->self, row);
	e->row(e->self, row);
	e->table_end(e->self);
	e->table(e->self, NULL, "Text table", two_columns, 3);
	e->row(e->self, row);
	e->table_end(e->self);
	e->table(e->self, "empty", NULL, two_columns, 3);
	e->table_end(e->self);
	e->note(e->self, "A note, %d%%.", 5);
}

START_TEST(json_nests)
{
	struct hw_json *json = hw_json_new(0);
	struct hw_emit e;

	hw_json_emit(json, &e);
	emit_sample(&e);
	ck_assert(hw_json_is_balanced(json));
	ck_assert_str_eq(hw_json_finish(json)->str, "{\n"
						    "  \"both\": 2048,\n"
						    "  \"json_only\": 1,\n"
						    "  \"l\": [\n"
						    "    {\n"
						    "      \"x\": \"y\"\n"
						    "    },\n"
						    "    {}\n"
						    "  ],\n"
						    "  \"t\": [\n"
						    "    {\"a\": 1, \"j\": \"json\"},\n"
						    "    {\"a\": 1, \"j\": \"json\"}\n"
						    "  ],\n"
						    "  \"empty\": []\n"
						    "}");
	hw_json_free(json);
}
END_TEST

START_TEST(misuse_is_noticed)
{
	for (int misuse = 0; misuse < 6; misuse++) {
		struct hw_json *json = hw_json_new(0);
		const struct hw_value row[] = {hw_count(1), hw_null(), hw_null()};
		struct hw_emit e;

		hw_json_emit(json, &e);
		if (misuse == 0)
			e.begin(e.self, "open", NULL);
		else if (misuse == 1)
			e.end(e.self);
		else if (misuse == 2)
			e.field(e.self, NULL, NULL, hw_size(1));
		else if (misuse == 3)
			e.row(e.self, row);
		else if (misuse == 4)
			e.table(e.self, "t", NULL, two_columns, 3);
		else
			e.list(e.self, "l", NULL), e.end(e.self), e.list_end(e.self);
		ck_assert(!hw_json_is_balanced(json));
		hw_json_finish(json);
		hw_json_free(json);
	}
}
END_TEST

/* Text. */

static const struct hw_style pipe_style = {.width = 80, .is_utf8 = true, .is_grouped = true};
static const struct hw_style narrow_style = {
    .width = 40, .is_clipped = true, .is_utf8 = true, .is_grouped = true};

static char *text_of(const struct hw_style *style)
{
	struct hw_text *text = hw_text_new(style);
	struct hw_emit e;
	char *all;

	hw_text_emit(text, &e);
	emit_sample(&e);
	ck_assert(hw_text_is_balanced(text));
	all = g_strdup(hw_text_finish(text)->str);
	hw_text_free(text);
	return all;
}

START_TEST(text_aligns)
{
	g_autofree char *text = text_of(&pipe_style);

	ck_assert_str_eq(text, "Both       2.00 KiB\n"
			       "Text only  1 B\n"
			       "\n"
			       "First\n"
			       "  X  y\n"
			       "\n"
			       "Table\n"
			       "  A  T\n"
			       "  1  text\n"
			       "  1  text\n"
			       "\n"
			       "Text table\n"
			       "  A  T\n"
			       "  1  text\n"
			       "  (none)\n"
			       "A note, 5%.\n");
}
END_TEST

static void check_ratio(double d, const char *expected)
{
	g_autofree char *text = hw_style_format(&pipe_style, hw_ratio(d));

	ck_assert_str_eq(text, expected);
}

START_TEST(ratios_never_round_to_all_or_nothing)
{
	check_ratio(0, "0 %");
	check_ratio(1e-9, "<0.1 %");
	check_ratio(0.042, "4.2 %");
	check_ratio(0.42, "42 %");
	check_ratio(0.9999, ">99 %");
	check_ratio(1, "100 %");
	check_ratio(NAN, "-");
}
END_TEST

static unsigned widest_line(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	unsigned widest = 0;

	for (char **line = lines; *line; line++)
		widest = MAX(widest, hw_style_width(*line));
	return widest;
}

static char *table_of(const struct hw_style *style, const char *name, uint32_t extra)
{
	struct hw_column columns[12] = {{"n", "name", HW_KIND_TEXT, 0},
					{"s", "share", HW_KIND_RATIO, HW_COLUMN_BAR}};
	struct hw_value row[12] = {hw_text(name), hw_ratio(0.5)};
	GString *to = g_string_new(NULL);
	struct hw_grid *table;

	for (uint32_t i = 2; i < 2 + extra; i++) {
		columns[i] = (struct hw_column){"x", "bytes", HW_KIND_SIZE, 0};
		row[i] = hw_size(123456789);
	}
	table = hw_grid_new(style, columns, 2 + extra);
	hw_grid_add(table, row);
	hw_grid_print(table, to, 2);
	hw_grid_free(table);
	return g_string_free(to, FALSE);
}

START_TEST(tables_fit_a_terminal_and_keep_all_in_a_pipe)
{
	const char *path = "/usr/lib/x86_64-linux-gnu/some/very/long/path/libexample.so.1.0";
	g_autofree char *clipped = table_of(&narrow_style, path, 1);
	g_autofree char *pieces = table_of(&narrow_style, path, 9);
	g_autofree char *piped = table_of(&pipe_style, path, 9);

	ck_assert_uint_le(widest_line(clipped), 40);
	ck_assert_ptr_nonnull(strstr(clipped, "libexample.so.1.0"));
	ck_assert_uint_le(widest_line(pieces), 40);
	ck_assert_ptr_nonnull(strstr(piped, path));
	ck_assert_ptr_null(strchr(piped, '\033'));
}
END_TEST

START_TEST(bars_show_a_trace_of_little)
{
	g_autofree char *none = hw_style_bar(&pipe_style, 0, 10);
	g_autofree char *trace = hw_style_bar(&pipe_style, 1e-6, 10);
	g_autofree char *full = hw_style_bar(&pipe_style, 7, 10);
	struct hw_style ascii = pipe_style;
	g_autofree char *half = NULL;

	ascii.is_utf8 = false;
	half = hw_style_bar(&ascii, 0.5, 10);
	ck_assert_str_eq(none, "");
	ck_assert_uint_eq(hw_style_width(trace), 1);
	ck_assert_uint_eq(hw_style_width(full), 10);
	ck_assert_str_eq(half, "#####");
}
END_TEST

START_TEST(hostile_text_is_made_visible)
{
	static const char hostile[] = "a\x1b]0;x\x07\xc2\x9b\xff\xe2\x80\xae";
	struct hw_style ascii = pipe_style;
	g_autofree char *utf8 = hw_style_clean(&pipe_style, hostile), *plain = NULL;

	ascii.is_utf8 = false;
	plain = hw_style_clean(&ascii, hostile);
	ck_assert_str_eq(utf8, "a\\x1b]0;x\\x07\\x9b\xef\xbf\xbd\\u{202e}");
	ck_assert(g_str_is_ascii(plain));
}
END_TEST

START_TEST(notes_wrap)
{
	struct hw_text *text = hw_text_new(&narrow_style);
	struct hw_emit e;

	hw_text_emit(text, &e);
	e.note(e.self, "%s",
	       "one two three four five six seven eight nine ten eleven "
	       "0123456789012345678901234567890123456789012345678901234567890");
	ck_assert_uint_le(widest_line(hw_text_finish(text)->str), 40);
	hw_text_free(text);
}
END_TEST

/* Output. */

static char *scratch;

static void make_scratch(void)
{
	scratch = g_dir_make_tmp("heapwalk-XXXXXX", NULL);
	ck_assert_ptr_nonnull(scratch);
}

static void drop_scratch(void)
{
	g_autoptr(GDir) dir = g_dir_open(scratch, 0, NULL);
	const char *name;

	while ((name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(scratch, name, NULL);

		unlink(path);
	}
	rmdir(scratch);
	g_clear_pointer(&scratch, g_free);
}

static bool write_file(const char *path, bool force, bool keep, const char *text, GError **error)
{
	struct hw_output *output = hw_output_open(path, force, error);

	if (!output)
		return false;
	hw_output_write(output, text, strlen(text));
	return hw_output_close(output, keep, error);
}

START_TEST(files_are_private_and_never_overwritten)
{
	g_autofree char *path = g_build_filename(scratch, "out", NULL), *text = NULL;
	g_autoptr(GError) error = NULL;
	struct stat st;

	umask(0);
	ck_assert(write_file(path, false, true, "one", &error));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert(!write_file(path, false, true, "two", &error));
	ck_assert(g_error_matches(error, HW_ERROR, HW_ERROR_USAGE));
	g_clear_error(&error);
	ck_assert(write_file(path, true, false, "dropped", &error));
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ck_assert_str_eq(text, "one");
	g_free(text);
	chmod(path, 0666);
	ck_assert(write_file(path, true, true, "three", &error));
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ck_assert_str_eq(text, "three");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(failed_answers_leave_no_file)
{
	g_autofree char *path = g_build_filename(scratch, "out", NULL);
	g_autofree char *link = g_build_filename(scratch, "link", NULL);
	g_autoptr(GError) error = NULL;

	ck_assert(write_file(path, false, false, "dropped", &error));
	ck_assert(!g_file_test(path, G_FILE_TEST_EXISTS));
	ck_assert_int_eq(symlink(path, link), 0);
	ck_assert(!write_file(link, false, true, "through a link", &error));
	ck_assert(!g_file_test(path, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(a_full_disk_is_an_error)
{
	g_autoptr(GError) error = NULL;

	ck_assert(!write_file("/dev/full", true, true, "x", &error));
	ck_assert(g_error_matches(error, HW_ERROR, HW_ERROR_INTERNAL));
	ck_assert_ptr_nonnull(strstr(error->message, "/dev/full"));
}
END_TEST

START_TEST(large_and_small_writes_keep_their_order)
{
	g_autofree char *path = g_build_filename(scratch, "out", NULL), *text = NULL;
	g_autofree char *large = g_strnfill(3 * HW_OUTPUT_ROOM, 'b');
	struct hw_output *output = hw_output_open(path, false, NULL);
	gsize size = 0;

	hw_output_write(output, "a", 1);
	hw_output_write(output, large, 3 * HW_OUTPUT_ROOM);
	memset(hw_output_reserve(output, HW_OUTPUT_ROOM), 'c', HW_OUTPUT_ROOM);
	output->used += HW_OUTPUT_ROOM;
	hw_output_write(output, "d", 1);
	ck_assert(hw_output_close(output, true, NULL));
	ck_assert(g_file_get_contents(path, &text, &size, NULL));
	ck_assert_uint_eq(size, 4 * HW_OUTPUT_ROOM + 2);
	ck_assert_int_eq(text[0], 'a');
	ck_assert_int_eq(text[1], 'b');
	ck_assert_int_eq(text[size - 2], 'c');
	ck_assert_int_eq(text[size - 1], 'd');
}
END_TEST

/* Words. */

START_TEST(sizes_are_read_strictly)
{
	static const struct {
		const char *word;
		uint64_t size;
	} good[] = {{"0", 0},
		    {"4096", 4096},
		    {"4k", 4096},
		    {"4KiB", 4096},
		    {"1MiB", 1 << 20},
		    {"2g", UINT64_C(2) << 30},
		    {"7B", 7},
		    {"1TiB", UINT64_C(1) << 40},
		    {"18446744073709551615", UINT64_MAX}};
	static const char *const bad[] = {"",
					  "k",
					  "-1",
					  " 1",
					  "1 k",
					  "1KB",
					  "1.5k",
					  "0x10",
					  "1kk",
					  "4KiBs",
					  "18446744073709551616",
					  "99999999999999TiB"};
	uint64_t size;

	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		ck_assert_msg(hw_words_size(good[i].word, &size, NULL), "%s", good[i].word);
		ck_assert_uint_eq(size, good[i].size);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		ck_assert_msg(!hw_words_size(bad[i], &size, NULL), "%s", bad[i]);
}
END_TEST

START_TEST(addresses_are_read_strictly)
{
	static const char *const bad[] = {
	    "", "0x", "x", "-1", "0x1g", " 1", "0x-1", "7f00", "0x10000000000000000"};
	hw_addr addr = 0;

	ck_assert(hw_words_address("0x7fFf", &addr, NULL));
	ck_assert_uint_eq(addr, 0x7fff);
	ck_assert(hw_words_address("10", &addr, NULL));
	ck_assert_uint_eq(addr, 10);
	ck_assert(hw_words_address("0xffffffffffffffff", &addr, NULL));
	ck_assert_uint_eq(addr, UINT64_MAX);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		ck_assert_msg(!hw_words_address(bad[i], &addr, NULL), "%s", bad[i]);
}
END_TEST

START_TEST(near_words_are_found)
{
	static const char *const list[] = {"summary", "heaps", "maps", "show", NULL};

	ck_assert_str_eq(hw_words_nearest("sumary", list), "summary");
	ck_assert_str_eq(hw_words_nearest("hepas", list), "heaps");
	ck_assert_str_eq(hw_words_nearest("map", list), "maps");
	ck_assert_ptr_null(hw_words_nearest("frobnicate", list));
	ck_assert_ptr_null(hw_words_nearest("", list));
	ck_assert_ptr_null(hw_words_nearest("a-very-long-word-that-is-no-command-of-ours", list));
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	suite_add_tcase(suite, tcase);
	return tcase;
}

START_TEST(names_of_types_may_leave_paths_out)
{
	static const char both[] = "map[example.com/a/other.Key]*example.com/b/other.Item";

	ck_assert(hw_named_is("example.com/a/other.Item", "other.Item"));
	ck_assert(hw_named_is("example.com/a/other.Item", "example.com/a/other.Item"));
	ck_assert(!hw_named_is("example.com/a/other.Item", "a/other.Item"));
	ck_assert(!hw_named_is("example.com/a/other.Item", "example.com/b/other.Item"));
	ck_assert(!hw_named_is("example.com/a/other.Item", "Item"));
	ck_assert(!hw_named_is("example.com/a/other.Item", "er.Item"));
	ck_assert(!hw_named_is("example.com/a/other.Item", "other.Item2"));
	ck_assert(!hw_named_is("example.com/a/other.Item2", "other.Item"));
	ck_assert(!hw_named_is("example.com/a/other.Item", ""));
	ck_assert(!hw_named_is("*example.com/a/other.Item", "other.Item"));
	ck_assert(hw_named_is("*example.com/a/other.Item", "*other.Item"));
	ck_assert(hw_named_is(both, "map[other.Key]*other.Item"));
	ck_assert(!hw_named_is(both, "map[other.Key]other.Item"));
	ck_assert(
	    hw_named_is("func(string, ...x/other.Item) x/y.T", "func(string, ...other.Item) y.T"));
	ck_assert(hw_named_is("func literal x/other.New.func1", "func literal other.New.func1"));
	ck_assert(hw_named_is("a::B<int>", "a::B<int>"));
	ck_assert(!hw_named_is("a::B<int>", "B<int>"));
	ck_assert(!hw_named_is(NULL, "other.Item"));
}
END_TEST

static void add_emitter_cases(Suite *suite)
{
	TCase *json = add_case(suite, "json"), *text = add_case(suite, "text");

	tcase_add_test(json, json_escapes_all_that_could_hurt);
	tcase_add_test(json, json_values);
	tcase_add_test(json, json_nests);
	tcase_add_test(json, misuse_is_noticed);
	tcase_add_test(text, text_aligns);
	tcase_add_test(text, ratios_never_round_to_all_or_nothing);
	tcase_add_test(text, tables_fit_a_terminal_and_keep_all_in_a_pipe);
	tcase_add_test(text, bars_show_a_trace_of_little);
	tcase_add_test(text, hostile_text_is_made_visible);
	tcase_add_test(text, notes_wrap);
}

int main(void)
{
	Suite *suite = suite_create("report");
	TCase *output, *words;

	add_emitter_cases(suite);
	output = add_case(suite, "output");
	tcase_add_checked_fixture(output, make_scratch, drop_scratch);
	tcase_add_test(output, files_are_private_and_never_overwritten);
	tcase_add_test(output, failed_answers_leave_no_file);
	tcase_add_test(output, a_full_disk_is_an_error);
	tcase_add_test(output, large_and_small_writes_keep_their_order);
	words = add_case(suite, "words");
	tcase_add_test(words, sizes_are_read_strictly);
	tcase_add_test(words, addresses_are_read_strictly);
	tcase_add_test(words, near_words_are_found);
	tcase_add_test(words, names_of_types_may_leave_paths_out);
	return run_suite(suite);
}
