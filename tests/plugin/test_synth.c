/* SPDX-License-Identifier: Apache-2.0 */
/* The writer of synthetic heaps against its own small reader: before a plugin is
 * judged by these heaps, they must be what malloc could have left. */
#include "../runner.h"
#include "synth_check.h"
#include <stdlib.h>

#define SEEDS 4

static void check_libc(const struct synth *synth, const struct synth_libc *libc)
{
	struct synth_count count;
	struct synth_truth truth;
	uint64_t chunks = 0, bytes = 0;

	synth_count(&count, synth, libc);
	synth_truth_init(&truth, libc);
	ck_assert_msg(!count.error, "%s: %s", libc->options.class->name, count.error);
	for (int kind = 0; kind < SYNTH_HOLE; kind++) {
		chunks += truth.count[kind];
		bytes += truth.bytes[kind];
	}
	ck_assert_uint_eq(count.chunks, chunks);
	ck_assert_uint_eq(count.bytes, bytes);
	ck_assert_uint_eq(count.binned, truth.count[SYNTH_BINNED]);
	ck_assert_uint_eq(count.binned_bytes, truth.bytes[SYNTH_BINNED]);
	ck_assert_uint_eq(count.listed, truth.count[SYNTH_BINNED]);
	ck_assert_uint_eq(count.listed_bytes, truth.bytes[SYNTH_BINNED]);
	ck_assert_uint_eq(count.fast, truth.count[SYNTH_FAST]);
	ck_assert_uint_eq(count.cached, truth.count[SYNTH_TCACHE]);
	/* Every mapped byte is accounted for. */
	ck_assert_uint_eq(truth.mapped, bytes + truth.bytes[SYNTH_HOLE] + truth.mmapped_bytes +
					    truth.headers + truth.padding + truth.untouched);
	ck_assert_uint_le(truth.releasable, truth.fordblks);
	synth_truth_clear(&truth);
}

static void check_options(const struct synth_options *options, uint64_t seed, uint32_t threads)
{
	struct synth *synth = synth_new(seed, threads);

	check_libc(synth, synth_add_libc(synth, options));
	synth_free(synth);
}

START_TEST(plain)
{
	struct synth_options o = {.class = &synth_classes[_i],
				  .arenas = 3,
				  .heaps = 3,
				  .mmapped = 6,
				  .heap_bytes = 128 << 10};

	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		check_options(&o, seed, 4);
}
END_TEST

START_TEST(holes)
{
	struct synth_options o = {.class = &synth_classes[_i],
				  .heap_bytes = 64 << 10,
				  .regions = 4,
				  .foreign_hole = true};

	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		check_options(&o, seed, 0);
}
END_TEST

START_TEST(pieces)
{
	struct synth_options o = {.class = &synth_classes[_i],
				  .heap_bytes = 64 << 10,
				  .regions = 3,
				  .noncontiguous = true};

	check_options(&o, 1, 1);
}
END_TEST

START_TEST(tunables)
{
	struct synth_options o = {.class = &synth_classes[_i],
				  .arenas = 1,
				  .heaps = 2,
				  .heap_bytes = 128 << 10,
				  .tcache_count = 40,
				  .max_fast = 176,
				  .trimmed = true};

	check_options(&o, 1, 2);
	o.no_tcache = true;
	check_options(&o, 2, 2);
}
END_TEST

START_TEST(unused)
{
	struct synth_options o = {.class = &synth_classes[_i], .unused = true};

	check_options(&o, 1, 2);
}
END_TEST

START_TEST(large_tcache)
{
	struct synth_options o = {.class = &synth_classes[_i],
				  .arenas = 1,
				  .heaps = 1,
				  .heap_bytes = 1 << 20,
				  .large_tcache = true};

	if (o.class->tcache == TCACHE_2_42)
		check_options(&o, 1, 2);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("writer");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, plain, 0, (int)synth_class_count);
	tcase_add_loop_test(tcase, holes, 0, (int)synth_class_count);
	tcase_add_loop_test(tcase, pieces, 0, (int)synth_class_count);
	tcase_add_loop_test(tcase, tunables, 0, (int)synth_class_count);
	tcase_add_loop_test(tcase, unused, 0, (int)synth_class_count);
	tcase_add_loop_test(tcase, large_tcache, 0, (int)synth_class_count);
	return run_case("synth", tcase);
}
