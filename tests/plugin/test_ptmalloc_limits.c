/* SPDX-License-Identifier: Apache-2.0 */
/* The ptmalloc plugin when the host cannot give it everything: thread blocks that were
 * not dumped, memory that runs out, a user who wants out. */
#include "../runner.h"
#include "compare.h"
#include <string.h>

static const struct hw_plugin *plugin;
static const char *const classes[] = {"2.17-2.22", "2.26", "2.30-2.31", "2.35-2.41", "2.43"};

static struct synth *make_process(const char *class, uint64_t seed)
{
	struct synth_options o = {.class = synth_class_find(class),
				  .arenas = 2,
				  .heaps = 3,
				  .mmapped = 3,
				  .max_chunk = 4096,
				  .heap_bytes = 96 << 10};
	struct synth *synth = synth_new(seed, 3);

	synth_add_libc(synth, &o);
	return synth;
}

/* A thread's TLS that was not dumped: its cache must be found by structure, or what it
 * holds may be counted live only with a warning. */
START_TEST(missing_tls)
{
	for (size_t c = 1; c < G_N_ELEMENTS(classes); c++) {
		struct synth *synth = make_process(classes[c], 5);
		struct fake_host *fake = fake_host_new();
		g_autofree char *difference = NULL;

		compare_load(fake, synth, false);
		for (guint i = 1; i < fake->threads->len; i++) {
			struct hw_thread_info *t =
			    &g_array_index(fake->threads, struct hw_thread_info, i);

			memset(synth_at(synth, t->tls - 0x200, 0x240), 0, 0x240);
			t->tls_dumped = 0;
		}
		ck_assert(fake_run(fake, plugin));
		ck_assert_msg(!fake_breach(fake), "%s", fake_breach(fake));
		difference = compare_truth(fake, synth);
		if (difference && !fake_is_incomplete(fake))
			fake_print(fake, classes[c]);
		ck_assert_msg(!difference || fake_is_incomplete(fake), "%s: %s", classes[c],
			      difference);
		fake_host_free(fake);
		synth_free(synth);
	}
}
END_TEST

/* Memory runs out at each call in turn: an error or an incomplete answer, and all that
 * was taken is given back. */
START_TEST(no_memory)
{
	struct synth *synth = make_process(classes[_i], 2);
	struct fake_host *fake = fake_host_new();
	uint64_t calls, digest;

	compare_load(fake, synth, false);
	ck_assert(fake_run(fake, plugin));
	calls = fake->resize_calls;
	digest = compare_digest(fake);
	for (uint64_t n = 1; n <= calls; n++) {
		bool ok;

		fake_host_reset(fake);
		fake->resize_fail_at = n;
		ok = fake_run(fake, plugin);
		ck_assert_msg(!fake_breach(fake), "call %d: %s", (int)n, fake_breach(fake));
		ck_assert_msg(!ok || fake_is_incomplete(fake) || compare_digest(fake) == digest,
			      "call %d of %d refused: other numbers, and sure of them", (int)n,
			      (int)calls);
	}
	fake_host_free(fake);
	synth_free(synth);
}
END_TEST

/* The user wants out, or the receiver of blocks has enough. */
START_TEST(told_to_stop)
{
	struct synth *synth = make_process(classes[_i], 3);
	struct fake_host *fake = fake_host_new();
	uint64_t polls, batches;

	compare_load(fake, synth, false);
	ck_assert(fake_run(fake, plugin));
	polls = fake->stop_polls;
	batches = fake->block_batches;
	ck_assert_uint_gt(polls, 0);
	for (uint64_t n = 1; n <= polls; n++) {
		fake_host_reset(fake);
		fake->stop_after = n;
		fake_run(fake, plugin);
		ck_assert_msg(!fake_breach(fake), "poll %d: %s", (int)n, fake_breach(fake));
	}
	fake->stop_after = 0;
	for (uint64_t n = 1; n <= batches; n++) {
		fake_host_reset(fake);
		fake->refuse_batch = n;
		ck_assert(fake_run(fake, plugin));
		ck_assert_msg(!fake_breach(fake), "batch %d: %s", (int)n, fake_breach(fake));
	}
	fake_host_free(fake);
	synth_free(synth);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("limits");

	plugin = fake_plugin_load("ptmalloc");
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, missing_tls);
	tcase_add_loop_test(tcase, no_memory, 0, (int)G_N_ELEMENTS(classes));
	tcase_add_loop_test(tcase, told_to_stop, 0, (int)G_N_ELEMENTS(classes));
	return run_case("ptmalloc and what the host withholds", tcase);
}
