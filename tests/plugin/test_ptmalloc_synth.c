/* SPDX-License-Identifier: Apache-2.0 */
/* The ptmalloc plugin on synthetic heaps of every layout class: what it decodes equals
 * what was written, block by block and row by row, and it is sure of it. */
#include "../runner.h"
#include "compare.h"
#include <stdlib.h>
#include <string.h>

static const struct hw_plugin *plugin;
static uint64_t seeds;

/* A hole is unknown memory: the plugin may call the ledger conservative there, but has
 * no damage to report and misses nothing. */
static bool only_conservative(const struct fake_host *fake)
{
	return !fake_is_incomplete(fake) && fake->heaps->len == 1 &&
	       ((struct fake_heap *)fake->heaps->pdata[0])->ledger.confidence == HW_CONSERVATIVE;
}

/* One process, decoded with and without symbols. */
static void check_process(const struct synth *synth, const char *what, bool has_hole)
{
	for (int symbols = 0; symbols < 2; symbols++) {
		struct fake_host *fake = fake_host_new();
		g_autofree char *difference = NULL, *doubt = NULL;
		bool ok;

		compare_load(fake, synth, symbols);
		ok = fake_run(fake, plugin);
		difference = compare_truth(fake, synth);
		if (!difference)
			difference = compare_names(fake, synth, symbols);
		doubt = has_hole && only_conservative(fake) ? NULL : compare_doubt(fake);
		if (!ok || difference || doubt || fake_breach(fake))
			fake_print(fake, what);
		ck_assert_msg(ok, "%s: failed: %s", what, fake->failure);
		ck_assert_msg(!fake_breach(fake), "%s: %s", what, fake_breach(fake));
		ck_assert_msg(!difference, "%s, %s symbols: %s", what, symbols ? "with" : "no",
			      difference);
		ck_assert_msg(!doubt, "%s, %s symbols: %s", what, symbols ? "with" : "no", doubt);
		fake_host_free(fake);
	}
}

static void check_options(const struct synth_options *options, uint32_t threads, const char *name)
{
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		g_autofree char *what =
		    g_strdup_printf("%s %s seed %d", name, options->class->name, (int)seed);
		struct synth *synth = synth_new(seed, threads);

		synth_add_libc(synth, options);
		check_process(synth, what, options->foreign_hole);
		synth_free(synth);
	}
}

START_TEST(one_thread)
{
	struct synth_options o = {.class = &synth_classes[_i], .heap_bytes = 128 << 10};

	check_options(&o, 0, "one thread");
}
END_TEST

START_TEST(many_arenas)
{
	struct synth_options o = {.class = &synth_classes[_i],
				  .arenas = 3,
				  .heaps = 3,
				  .mmapped = 7,
				  .heap_bytes = 192 << 10};

	check_options(&o, 5, "arenas");
	o.no_reserve = true;
	check_options(&o, 3, "arenas, no PROT_NONE");
}
END_TEST

/* More threads than arenas: MALLOC_ARENA_MAX. */
START_TEST(shared_arenas)
{
	struct synth_options o = {
	    .class = &synth_classes[_i], .arenas = 2, .heaps = 1, .heap_bytes = 256 << 10};

	check_options(&o, 24, "shared arenas");
	o.arenas = 0;
	check_options(&o, 6, "main arena only");
}
END_TEST

START_TEST(foreign_sbrk)
{
	struct synth_options o = {.class = &synth_classes[_i],
				  .arenas = 1,
				  .heaps = 1,
				  .heap_bytes = 96 << 10,
				  .regions = 3,
				  .foreign_hole = true};

	check_options(&o, 1, "foreign sbrk");
}
END_TEST

START_TEST(foreign_sbrk_above)
{
	struct synth_options o = {
	    .class = &synth_classes[_i], .heap_bytes = 96 << 10, .brk_above = true};

	check_options(&o, 0, "foreign sbrk above top");
}
END_TEST

START_TEST(static_program)
{
	struct synth_options o = {.class = &synth_classes[_i],
				  .arenas = 1,
				  .heaps = 2,
				  .mmapped = 2,
				  .heap_bytes = 96 << 10,
				  .is_static = true};

	check_options(&o, 2, "static");
}
END_TEST

START_TEST(sbrk_failed)
{
	struct synth_options o = {.class = &synth_classes[_i],
				  .arenas = 1,
				  .heaps = 1,
				  .mmapped = 3,
				  .heap_bytes = 96 << 10,
				  .regions = 3,
				  .noncontiguous = true};

	check_options(&o, 1, "noncontiguous");
}
END_TEST

/* dlmopen: a second copy of libc, whose main heap is mmapped from the start. */
START_TEST(two_copies)
{
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct synth_options first = {.class = &synth_classes[_i],
					      .arenas = 2,
					      .heaps = 2,
					      .mmapped = 4,
					      .heap_bytes = 96 << 10};
		struct synth_options second = {.class = &synth_classes[_i],
					       .arenas = 1,
					       .heaps = 1,
					       .heap_bytes = 64 << 10,
					       .regions = 1 + (uint32_t)seed % 3,
					       .noncontiguous = true};
		g_autofree char *what =
		    g_strdup_printf("two copies %s seed %d", synth_classes[_i].name, (int)seed);
		struct synth *synth = synth_new(seed, 3);

		synth_add_libc(synth, &first);
		synth_add_libc(synth, &second);
		check_process(synth, what, false);
		synth_free(synth);
	}
}
END_TEST

/* Both copies have chunks of their own mapping, which carry no owner: mp_ of each says
 * how many; where that leaves several ways to share them out, the plugin must say so. */
START_TEST(two_copies_mmapped)
{
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct synth_options first = {
		    .class = &synth_classes[_i], .mmapped = 3, .heap_bytes = 64 << 10};
		struct synth_options second = {.class = &synth_classes[_i],
					       .mmapped = 4,
					       .heap_bytes = 64 << 10,
					       .noncontiguous = true};
		struct synth *synth = synth_new(seed, 1);
		struct fake_host *fake = fake_host_new();
		g_autofree char *difference = NULL, *doubt = NULL;

		synth_add_libc(synth, &first);
		synth_add_libc(synth, &second);
		compare_load(fake, synth, false);
		ck_assert_msg(fake_run(fake, plugin), "%s", fake->failure);
		ck_assert_msg(!fake_breach(fake), "%s", fake_breach(fake));
		difference = compare_truth(fake, synth);
		doubt = compare_doubt(fake);
		if (difference && !doubt)
			fake_print(fake, synth_classes[_i].name);
		ck_assert_msg(!difference || doubt, "%s seed %d: %s", synth_classes[_i].name,
			      (int)seed, difference);
		fake_host_free(fake);
		synth_free(synth);
	}
}
END_TEST

/* mallopt and tunables that change what lists hold, and malloc_trim() having run. */
START_TEST(tunables)
{
	struct synth_options o = {.class = &synth_classes[_i],
				  .arenas = 2,
				  .heaps = 2,
				  .heap_bytes = 128 << 10,
				  .tcache_count = 40,
				  .max_fast = 176,
				  .trimmed = true};

	check_options(&o, 3, "tunables");
	o.no_tcache = true;
	check_options(&o, 3, "no tcache");
}
END_TEST

/* A second copy that malloc was never called in; and a process with nothing else. */
START_TEST(unused_copy)
{
	struct synth_options used = {
	    .class = &synth_classes[_i], .arenas = 1, .heaps = 1, .heap_bytes = 64 << 10};
	struct synth_options unused = {.class = &synth_classes[_i], .unused = true};
	struct synth *synth = synth_new(5, 2);

	synth_add_libc(synth, &unused);
	check_process(synth, "unused copy", false);
	synth_add_libc(synth, &used);
	check_process(synth, "unused and used copy", false);
	synth_free(synth);
}
END_TEST

/* glibc.malloc.hugetlb, 2.35 to 2.41: HEAP_MAX_SIZE is four huge pages. */
START_TEST(huge_pages)
{
	struct synth_options o = {.class = synth_class_find("2.35-2.41"),
				  .arenas = 2,
				  .heaps = 2,
				  .heap_bytes = 2 << 20,
				  .huge_heaps = true};

	for (uint64_t seed = 1; seed <= 2; seed++) {
		struct synth *synth = synth_new(seed, 2);

		synth_add_libc(synth, &o);
		check_process(synth, "huge pages", false);
		synth_free(synth);
	}
}
END_TEST

/* glibc.malloc.tcache_max above 1032: large bins of 2.42, lists of mixed sizes. */
START_TEST(large_tcache)
{
	struct synth_options o = {.class = synth_class_find(_i ? "2.43" : "2.42"),
				  .arenas = 1,
				  .heaps = 1,
				  .heap_bytes = 1 << 20,
				  .large_tcache = true};

	check_options(&o, 3, "large tcache");
}
END_TEST

/* The figure of the trim report is the ledger's. */
START_TEST(reports)
{
	static const char *const names[] = {"arenas", "bins", "tcache", "top", "mmapped", "trim"};
	struct synth_options o = {.class = &synth_classes[_i],
				  .arenas = 2,
				  .heaps = 2,
				  .mmapped = 4,
				  .heap_bytes = 128 << 10};
	struct synth *synth = synth_new(7, 3);
	struct synth_truth truth;

	synth_truth_init(&truth, synth_add_libc(synth, &o));
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		struct fake_host *fake = fake_host_new();
		g_autoptr(GString) out = g_string_new(NULL);
		g_autofree char *want =
		    g_strdup_printf("\nreleasable=%" G_GUINT64_FORMAT "\n", truth.releasable);

		compare_load(fake, synth, false);
		ck_assert_msg(fake_run_report(fake, plugin, names[i], out), "%s: %s", names[i],
			      fake->failure);
		ck_assert_msg(!fake_breach(fake), "%s: %s", names[i], fake_breach(fake));
		if (strcmp(names[i], "trim") == 0)
			ck_assert_msg(strstr(out->str, want), "trim: no%s in:\n%s", want, out->str);
		fake_host_free(fake);
	}
	synth_truth_clear(&truth);
	synth_free(synth);
}
END_TEST

/* No libc at all, or none that malloc has been called in: no heap, no complaint. */
START_TEST(nothing_there)
{
	struct synth *synth = synth_new(3, 2);
	struct fake_host *fake = fake_host_new();

	compare_load(fake, synth, false);
	ck_assert(fake_run(fake, plugin));
	ck_assert_uint_eq(fake->heaps->len, 0);
	ck_assert(!fake_is_incomplete(fake));
	ck_assert_msg(!fake_breach(fake), "%s", fake_breach(fake));
	fake_host_free(fake);
	synth_free(synth);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("decode");
	int classes = (int)synth_class_count;

	plugin = fake_plugin_load("ptmalloc");
	seeds = fake_seeds(5);
	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, one_thread, 0, classes);
	tcase_add_loop_test(tcase, many_arenas, 0, classes);
	tcase_add_loop_test(tcase, shared_arenas, 0, classes);
	tcase_add_loop_test(tcase, foreign_sbrk, 0, classes);
	tcase_add_loop_test(tcase, foreign_sbrk_above, 0, classes);
	tcase_add_loop_test(tcase, static_program, 0, classes);
	tcase_add_loop_test(tcase, sbrk_failed, 0, classes);
	tcase_add_loop_test(tcase, two_copies, 0, classes);
	tcase_add_loop_test(tcase, two_copies_mmapped, 0, classes);
	tcase_add_loop_test(tcase, tunables, 0, classes);
	tcase_add_loop_test(tcase, unused_copy, 0, classes);
	tcase_add_test(tcase, huge_pages);
	tcase_add_loop_test(tcase, large_tcache, 0, 2);
	tcase_add_loop_test(tcase, reports, 0, classes);
	tcase_add_test(tcase, nothing_there);
	return run_case("ptmalloc on synthetic heaps", tcase);
}
