/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin loader's handshake: plugins of other sizes, other ABI numbers and other
 * habits, compiled here into a directory of their own and loaded from it. */
#include "../runner.h"
#include "heap/plugins.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *compiler;
static char *dir;

/* What all test plugins have in front of them. No include: a plugin built against an
 * older header has that header's struct, so the struct is written out. */
static const char preamble[] =
    "#include <stdbool.h>\n"
    "#include <stdint.h>\n"
    "struct host; struct ledger;\n"
    "static int probe(const struct host *h) { (void)h; return 0; }\n"
    "static void *open_it(const struct host *h) { (void)h; return 0; }\n"
    "static bool ledger(void *x, uint32_t h, struct ledger *r)\n"
    "{ (void)x; (void)h; (void)r; return false; }\n"
    "static bool blocks(void *x, uint32_t h) { (void)x; (void)h; return false; }\n"
    "static void close_it(void *x) { (void)x; }\n"
    "#define MEMBERS uint32_t struct_size; uint32_t abi; const char *name, *summary, *tested; \\\n"
    "  int (*probe)(const struct host *); void *(*open)(const struct host *); \\\n"
    "  bool (*ledger)(void *, uint32_t, struct ledger *); bool (*blocks)(void *, uint32_t); \\\n"
    "  bool (*verify)(void *, uint32_t); bool (*roots)(void *); void (*close)(void *);\n"
    "#define VALUES(n) .name = n, .summary = \"s\", .tested = \"t\", .probe = probe, \\\n"
    "  .open = open_it, .ledger = ledger, .blocks = blocks, .close = close_it\n"
    "#define EXPORT extern __attribute__((visibility(\"default\")))\n";

/* Writes DIR/NAME.so from the preamble and body. */
static void build(const char *name, const char *body)
{
	g_autofree char *source = g_strdup_printf("%s/%s.c", dir, name);
	g_autofree char *object = g_strdup_printf("%s/%s.so", dir, name);
	g_autofree char *text = g_strconcat(preamble, body, NULL);
	const char *argv[] = {compiler, "-w", "-shared", "-fPIC", "-o", object, source, NULL};
	int status = -1;

	ck_assert(g_file_set_contents(source, text, -1, NULL));
	ck_assert(g_spawn_sync(NULL, (char **)(uintptr_t)argv, NULL, G_SPAWN_SEARCH_PATH, NULL,
			       NULL, NULL, NULL, &status, NULL));
	ck_assert_msg(status == 0, "%s does not compile %s", compiler, source);
}

static void make_dir(void)
{
	dir = g_dir_make_tmp("heapwalk-abi-XXXXXX", NULL);
	ck_assert_ptr_nonnull(dir);
}

static void remove_dir(void)
{
	g_autoptr(GDir) list = g_dir_open(dir, 0, NULL);
	const char *file;

	while (list && (file = g_dir_read_name(list))) {
		g_autofree char *path = g_build_filename(dir, file, NULL);

		unlink(path);
	}
	rmdir(dir);
	g_clear_pointer(&dir, g_free);
}

static struct hw_plugins *load(struct hw_notes *notes)
{
	g_autoptr(GError) error = NULL;
	struct hw_plugins *plugins = hw_plugins_load(dir, notes, &error);

	ck_assert_msg(plugins, "%s", error ? error->message : "no error set");
	return plugins;
}

/* Refused with a warning that names it and holds `word`; the good one is loaded all the
 * same. */
static void check_refused(const char *name, const char *word)
{
	struct hw_notes notes;
	struct hw_plugins *plugins;
	bool told = false;

	build("good", "EXPORT const struct { MEMBERS const void *reports; uint32_t count; } "
		      "hw_plugin_good = { .struct_size = sizeof(hw_plugin_good), .abi = 1, "
		      "VALUES(\"good\") };\n");
	hw_notes_init(&notes);
	plugins = load(&notes);
	ck_assert_ptr_nonnull(hw_plugins_find(plugins, "good"));
	ck_assert_ptr_null(hw_plugins_find(plugins, name));
	ck_assert_uint_eq(plugins->list->len, 1);
	for (guint i = 0; i < notes.warnings->len; i++) {
		const struct hw_warning *w = notes.warnings->pdata[i];

		told = told || (strstr(w->message, name) && strstr(w->message, word));
	}
	ck_assert_msg(told, "no warning about %s that says \"%s\"", name, word);
	hw_plugins_free(plugins);
	hw_notes_clear(&notes);
}

/* Built against an older header, without reports: the struct ends earlier, and what lies
 * behind it must not be read as members. */
START_TEST(smaller)
{
	struct hw_notes notes;
	struct hw_plugins *plugins;
	const struct hw_plugin *plugin;

	build("small", "EXPORT const struct { MEMBERS uint64_t behind[8]; } hw_plugin_small = "
		       "{ .struct_size = __builtin_offsetof(struct { MEMBERS int x; }, x) / 8 * 8, "
		       ".abi = 1, VALUES(\"small\"), .behind = { 1, 2, 3, 4, 5, 6, 7, 8 } };\n");
	hw_notes_init(&notes);
	plugins = load(&notes);
	plugin = hw_plugins_find(plugins, "small");
	ck_assert_ptr_nonnull(plugin);
	ck_assert_uint_lt(plugin->struct_size, sizeof(*plugin));
	ck_assert_ptr_nonnull(plugin->close);
	ck_assert_ptr_null(plugin->reports);
	ck_assert_uint_eq(plugin->report_count, 0);
	ck_assert_uint_eq(notes.warnings->len, 0);
	hw_plugins_free(plugins);
	hw_notes_clear(&notes);
}
END_TEST

/* Built against a newer header: members we do not know are left alone. */
START_TEST(bigger)
{
	struct hw_notes notes;
	struct hw_plugins *plugins;
	const struct hw_plugin *plugin;

	build("big", "EXPORT const struct { MEMBERS const void *reports; uint32_t count; "
		     "void (*new_one)(void); char room[4000]; } hw_plugin_big = "
		     "{ .struct_size = sizeof(hw_plugin_big), .abi = 1, VALUES(\"big\"), "
		     ".room = \"later\" };\n");
	hw_notes_init(&notes);
	plugins = load(&notes);
	plugin = hw_plugins_find(plugins, "big");
	ck_assert_ptr_nonnull(plugin);
	ck_assert_str_eq(plugin->summary, "s");
	ck_assert_ptr_null(plugin->reports);
	ck_assert_uint_eq(notes.warnings->len, 0);
	hw_plugins_free(plugins);
	hw_notes_clear(&notes);
}
END_TEST

/* Reports of an older header, without formats, and of a newer one, with more behind: each
 * is read with the stride it was written with. */
START_TEST(report_sizes)
{
	struct hw_notes notes;
	struct hw_plugins *plugins;
	const struct hw_plugin *plugin;

	build("old", "static const struct { const char *name, *summary; void *run; } r[2] = "
		     "{ { \"a\", \"first\" }, { \"b\", \"second\" } };\n"
		     "EXPORT const struct { MEMBERS const void *reports; uint32_t count; } "
		     "hw_plugin_old = { .struct_size = sizeof(hw_plugin_old), .abi = 1, "
		     "VALUES(\"old\"), .reports = r, .count = 2 };\n");
	build("new",
	      "static const char *const f[] = { \"pprof\", 0 };\n"
	      "static bool w(void *h, const char *f, const void *s)\n"
	      "{ (void)h; (void)f; (void)s; return true; }\n"
	      "static const struct { const char *name, *summary; void *run; "
	      "const char *const *formats; bool (*write)(void *, const char *, const void *);"
	      " char later[40]; } r[2] = "
	      "{ { \"a\", \"first\" }, { \"b\", \"second\", 0, f, w, \"x\" } };\n"
	      "EXPORT const struct { MEMBERS const void *reports; uint32_t count, size; } "
	      "hw_plugin_new = { .struct_size = sizeof(hw_plugin_new), .abi = 1, "
	      "VALUES(\"new\"), .reports = r, .count = 2, .size = sizeof(r[0]) };\n");
	hw_notes_init(&notes);
	plugins = load(&notes);
	plugin = hw_plugins_find(plugins, "old");
	ck_assert_ptr_nonnull(plugin);
	ck_assert_str_eq(plugin->reports[1].name, "b");
	ck_assert(!hw_report_has_format(&plugin->reports[1], "pprof"));
	plugin = hw_plugins_find(plugins, "new");
	ck_assert_ptr_nonnull(plugin);
	ck_assert_str_eq(plugin->reports[1].summary, "second");
	ck_assert(hw_report_has_format(&plugin->reports[1], "pprof"));
	ck_assert(!hw_report_has_format(&plugin->reports[1], "folded"));
	ck_assert(!hw_report_has_format(&plugin->reports[0], "pprof"));
	hw_plugins_free(plugins);
	hw_notes_clear(&notes);
}
END_TEST

START_TEST(other_abi)
{
	build("next", "EXPORT const struct { MEMBERS const void *reports; uint32_t count; } "
		      "hw_plugin_next = { .struct_size = sizeof(hw_plugin_next), .abi = 2, "
		      "VALUES(\"next\") };\n");
	check_refused("next", "ABI");
}
END_TEST

/* Too small to hold what every plugin must have. */
START_TEST(stunted)
{
	build("stunted", "EXPORT const struct { MEMBERS } hw_plugin_stunted = "
			 "{ .struct_size = 40, .abi = 1, VALUES(\"stunted\") };\n");
	check_refused("stunted", "lacks");
}
END_TEST

START_TEST(size_zero)
{
	build("zero", "EXPORT const struct { MEMBERS } hw_plugin_zero = "
		      "{ .struct_size = 0, .abi = 1, VALUES(\"zero\") };\n");
	check_refused("zero", "zero");
}
END_TEST

START_TEST(no_symbol)
{
	build("nosymbol", "EXPORT const int hw_plugin_of_another_name = 1;\n");
	check_refused("nosymbol", "hw_plugin_nosymbol");
}
END_TEST

START_TEST(no_close)
{
	build("noclose",
	      "EXPORT const struct { MEMBERS const void *reports; uint32_t count; } "
	      "hw_plugin_noclose = { .struct_size = sizeof(hw_plugin_noclose), .abi = 1, "
	      ".name = \"noclose\", .summary = \"s\", .tested = \"t\", .probe = probe, "
	      ".open = open_it, .ledger = ledger, .blocks = blocks };\n");
	check_refused("noclose", "close");
}
END_TEST

START_TEST(reports_missing)
{
	build("counts", "EXPORT const struct { MEMBERS const void *reports; uint32_t count; } "
			"hw_plugin_counts = { .struct_size = sizeof(hw_plugin_counts), .abi = 1, "
			"VALUES(\"counts\"), .count = 3 };\n");
	check_refused("counts", "reports");
}
END_TEST

START_TEST(not_elf)
{
	g_autofree char *path = g_build_filename(dir, "text.so", NULL);

	ck_assert(g_file_set_contents(path, "not a library\n", -1, NULL));
	check_refused("text", "text.so");
}
END_TEST

/* A symbol that cannot be resolved: RTLD_NOW says so at load, not at first use. */
START_TEST(unresolved)
{
	build("unresolved", "extern void nowhere(void); void call(void) { nowhere(); }\n"
			    "EXPORT const struct { MEMBERS } hw_plugin_unresolved = "
			    "{ .struct_size = sizeof(hw_plugin_unresolved), .abi = 1, "
			    "VALUES(\"unresolved\") };\n");
	check_refused("unresolved", "nowhere");
}
END_TEST

/* Others in the directory are none of our business. */
START_TEST(other_files)
{
	g_autofree char *path = g_build_filename(dir, "README", NULL);
	struct hw_notes notes;
	struct hw_plugins *plugins;

	ck_assert(g_file_set_contents(path, "hello\n", -1, NULL));
	hw_notes_init(&notes);
	plugins = load(&notes);
	ck_assert_uint_eq(plugins->list->len, 0);
	ck_assert_uint_eq(notes.warnings->len, 0);
	hw_plugins_free(plugins);
	hw_notes_clear(&notes);
}
END_TEST

START_TEST(no_directory)
{
	g_autoptr(GError) error = NULL;
	struct hw_notes notes;

	hw_notes_init(&notes);
	ck_assert_ptr_null(hw_plugins_load("/nowhere/at/all", &notes, &error));
	ck_assert_ptr_nonnull(error);
	ck_assert_ptr_nonnull(strstr(error->message, "/nowhere/at/all"));
	hw_notes_clear(&notes);
}
END_TEST

/* $CC or cc, when it can make a shared library at all. */
static bool find_compiler(void)
{
	g_autofree char *path = NULL;

	compiler = g_getenv("CC") ? g_getenv("CC") : "cc";
	path = g_find_program_in_path(compiler);
	return path != NULL;
}

int main(void)
{
	TCase *tcase = tcase_create("handshake");

	if (!find_compiler()) {
		printf("skip  abi: no C compiler \"%s\" to build test plugins with\n", compiler);
		printf("abi: 0 passed, 0 failed, 1 skipped\n");
		return EXIT_SUCCESS;
	}
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, make_dir, remove_dir);
	tcase_add_test(tcase, smaller);
	tcase_add_test(tcase, bigger);
	tcase_add_test(tcase, report_sizes);
	tcase_add_test(tcase, other_abi);
	tcase_add_test(tcase, stunted);
	tcase_add_test(tcase, size_zero);
	tcase_add_test(tcase, no_symbol);
	tcase_add_test(tcase, no_close);
	tcase_add_test(tcase, reports_missing);
	tcase_add_test(tcase, not_elf);
	tcase_add_test(tcase, unresolved);
	tcase_add_test(tcase, other_files);
	tcase_add_test(tcase, no_directory);
	return run_case("plugin ABI", tcase);
}
