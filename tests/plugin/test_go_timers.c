/* SPDX-License-Identifier: Apache-2.0 */
/* Timers and Ps: roottimers.c of plugins/go. Each word of a P and of its timers' array is a root
 * once, under the name of what the timer will do; where the array makes no sense the words are
 * there all the same. */
#include "../../plugins/go/roots.h"
#include "../runner.h"
#include "go_rooted.h"
#include <stdlib.h>
#include <string.h>

#define ALLP    ROOTED_VARS
#define BUCKETS (ROOTED_VARS + 2048) /* 1.12, 1.13: in the data. */
#define LIST    (ROOTED_HEAP + ARRAY * GO_PAGE + 8)

enum { TIMERS = 7 };

struct image {
	struct rooted *r;
	struct go_rooting rooting;
	hw_addr array;  /* Of pointers to Ps. */
	hw_addr header; /* Of the slice of timers. */
	uint32_t stride;
	bool has_buckets;
};

static struct image *image;

static hw_addr entry(uint32_t n)
{
	return LIST + n * image->stride;
}

/* {f} with what time.AfterFunc was given in arg.data. */
static void put_timer(uint32_t n, uint32_t f, uint32_t arg, uint64_t period)
{
	struct go_target *t = image->r->t;
	const hw_addr timer = rooted_out(image->r, 192), funcs = rooted_out(image->r, 16);

	go_target_word(t, funcs, f ? ROOTED_TEXT + f : 0);
	go_target_word(t, funcs + 8, arg ? ROOTED_TEXT + arg : 0);
	go_target_set(t, timer, GO_TIMER_F, funcs);
	go_target_set(t, timer, GO_TIMER_PERIOD, period);
	go_target_set(t, timer, GO_TIMER_WHEN, 1000 + n);
	go_target_word(t, timer + t->rt.layout.at[GO_TIMER_ARG] + 8, funcs + 8);
	go_target_word(t, entry(n), timer);
}

/* A timer is in the heap: what is named is the word that points at it. */
static void move_to_heap(uint32_t n)
{
	uint64_t timer;

	memcpy(&timer, go_target_at(image->r->t, entry(n), 8), 8);
	memcpy(go_target_at(image->r->t, ROOTED_HEAP + SUDOGS * GO_PAGE + n * 256, 192),
	       go_target_at(image->r->t, timer, 192), 192);
	go_target_word(image->r->t, entry(n), ROOTED_HEAP + SUDOGS * GO_PAGE + n * 256);
}

static void setup_of(uint32_t minor)
{
	struct go_target *t;

	image = calloc(1, sizeof(*image));
	image->r = rooted_new();
	t = image->r->t;
	go_layout_init(&t->rt.layout, minor);
	rooted_fill(image->r);
	image->stride = minor >= 23 ? 16 : 8;
	image->has_buckets = minor <= 13;
	put_timer(0, F_GOFUNC, F_OTHER, 0);
	put_timer(1, F_GOFUNC, F_OTHER, 0);
	put_timer(2, F_SENDTIME, 0, 0);
	put_timer(3, F_SENDTIME, 0, 5);
	put_timer(4, F_READY, 0, 0);
	put_timer(5, F_LEAF, 0, 0);
	put_timer(6, 0, 0, 0);
	for (uint32_t i = 0; i < TIMERS; i++)
		move_to_heap(i);
	go_target_word(t, entry(TIMERS), rooted_object(3)); /* Behind the last. */
	image->array = rooted_out(image->r, 64);
	go_target_word(t, image->array, rooted_p(image->r, 0));
	go_target_word(t, image->array + 8, rooted_p(image->r, 1));
	rooted_slice(image->r, ALLP, image->array, 2, 2);
	t->rt.globals.allp = ALLP;
	if (image->has_buckets) {
		t->rt.globals.timers = BUCKETS;
		image->header = BUCKETS + 5 * 128 + t->rt.layout.at[GO_TIMERSBUCKET_T];
		go_target_word(t, rooted_p(image->r, 0) + 800, rooted_object(1)); /* Any word. */
	} else {
		image->header = rooted_p(image->r, 0) +
				t->rt.layout.at[minor >= 23 ? GO_P_TIMERS_HEAP : GO_P_TIMERS];
		go_target_word(t, rooted_p(image->r, 0) + 800, rooted_object(1));
	}
	rooted_slice(image->r, image->header, LIST, TIMERS, TIMERS + 4);
	go_target_word(t, rooted_p(image->r, 1) + 808, rooted_object(2));
}

static void teardown(void)
{
	rooted_free(image->r);
	free(image);
}

static void run(void)
{
	struct fake_host *fake = image->r->t->fake;

	fake_host_reset(fake);
	fake->phase = FAKE_OTHER;
	image->rooting = (struct go_rooting){.rt = &image->r->t->rt};
	go_root_timers(&image->rooting);
}

/* Words of two Ps and of the array: of the slice the pointer to it, too, when a P has it. */
static uint64_t words(void)
{
	return 2 + (image->has_buckets ? 0 : 1) + TIMERS + 1;
}

START_TEST(normal)
{
	static const char *const names[TIMERS] = {"timers main.other (AfterFunc)",
						  "timers main.other (AfterFunc)",
						  "timers (time.Timer)",
						  "timers (time.Ticker)",
						  "timers (time.Sleep)",
						  "timers main.leaf",
						  "timers a function"};
	const struct fake_root *first = NULL;

	setup_of(go_target_minors[_i]);
	run();
	rooted_complete(image->r);
	rooted_total(image->r, words());
	for (uint32_t i = 0; i < TIMERS; i++)
		ck_assert_msg(rooted_count(image->r, entry(i), names[i]) == 1, "1.%u: timer %u",
			      go_target_minors[_i], i);
	ck_assert_uint_eq(rooted_count(image->r, entry(TIMERS),
				       image->has_buckets ? "runtime.timers" : "runtime.p 0"),
			  1);
	ck_assert_uint_eq(rooted_count(image->r, rooted_p(image->r, 0) + 800, "runtime.p 0"), 1);
	ck_assert_uint_eq(rooted_count(image->r, rooted_p(image->r, 1) + 808, "runtime.p 1"), 1);
	ck_assert_uint_eq(image->r->t->fake->named->len, 3);
	for (guint i = 0; i < image->r->t->fake->roots->len && !first; i++) {
		const struct fake_root *r =
		    &g_array_index(image->r->t->fake->roots, struct fake_root, i);

		first = strcmp(r->name, names[0]) ? NULL : r;
	}
	ck_assert(first != NULL);
	ck_assert_str_eq(first->note, "2 timers");
	ck_assert_uint_eq(first->size, 16);
	teardown();
}
END_TEST

/* Timers that were stopped and lie there still. */
START_TEST(stopped)
{
	struct go_target *t;
	hw_addr timer = ROOTED_HEAP + SUDOGS * GO_PAGE;

	setup_of(go_target_minors[_i]);
	t = image->r->t;
	go_target_set(t, timer, GO_TIMER_STATUS, 4);
	go_target_set(t, timer, GO_TIMER_STATE, 4);
	run();
	rooted_total(image->r, words());
	ck_assert_uint_eq(rooted_count(image->r, entry(0),
				       image->has_buckets
					   ? "timers main.other (AfterFunc)"
					   : "stopped timers main.other (AfterFunc)"),
			  1);
	ck_assert_uint_eq(rooted_count(image->r, entry(1), "timers main.other (AfterFunc)"), 1);
	teardown();
}
END_TEST

/* The array is not taken apart then: what leads to it holds all of it. */
START_TEST(lists)
{
	const uint64_t outside[][3] = {{LIST, 20, 10},
				       {LIST, UINT64_C(1) << 62, UINT64_C(1) << 62},
				       {ROOTED_OUT, 7, 7},
				       {UINT64_C(0x1234567890), 7, 7},
				       {0, 7, 7}};

	setup_of(go_target_minors[_i]);
	for (uint32_t i = 0; i < G_N_ELEMENTS(outside); i++) {
		const bool is_named = !image->has_buckets && outside[i][0] == LIST;

		rooted_slice(image->r, image->header, outside[i][0], outside[i][1], outside[i][2]);
		run();
		rooted_total(image->r, 2 + is_named);
		ck_assert_uint_eq(rooted_count(image->r, image->header, "runtime.p 0"), is_named);
		ck_assert_uint_eq(image->r->t->fake->named->len, 2);
	}
	/* Longer than its block: no word behind it is taken for a timer. */
	rooted_slice(image->r, image->header, LIST, 1 << 20, 1 << 20);
	run();
	ck_assert_uint_eq(image->r->t->fake->root_count, words());
	/* Two Ps with one array: its words are named for both. */
	rooted_slice(image->r, image->header, LIST, TIMERS, TIMERS + 4);
	go_target_word(image->r->t, image->array + 8, rooted_p(image->r, 0));
	run();
	ck_assert_uint_ge(image->r->t->fake->root_count, words());
	teardown();
}
END_TEST

START_TEST(processors)
{
	setup_of(go_target_minors[_i]);
	rooted_slice(image->r, ALLP, image->array, UINT64_MAX, UINT64_MAX);
	run(); /* Zeros behind the two, and then nothing. */
	rooted_total(image->r, words());
	go_target_word(image->r->t, image->array, 0x1000);
	go_target_word(image->r->t, image->array + 8, ROOTED_HEAP + STACK * GO_PAGE);
	rooted_slice(image->r, ALLP, image->array, 2, 2);
	run();
	rooted_total(image->r, image->has_buckets ? TIMERS + 1 : 0);
	rooted_slice(image->r, ALLP, 0x1000, 2, 2);
	run();
	rooted_total(image->r, image->has_buckets ? TIMERS + 1 : 0);
	teardown();
}
END_TEST

START_TEST(scarce)
{
	setup_of(go_target_minors[_i]);
	for (uint64_t limit = 1; limit < 3; limit++) {
		image->r->t->fake->resize_fail_at = limit;
		run();
		ck_assert(image->rooting.no_memory || image->r->t->fake->root_count == words());
		ck_assert_uint_eq(image->r->t->fake->memory_used, 0);
	}
	image->r->t->fake->resize_fail_at = 0;
	teardown();
}
END_TEST

static void damage(void)
{
	const struct rooted_range places[] = {{image->header, 24},
					      {LIST, 256},
					      {image->array, 16},
					      {ROOTED_HEAP + SUDOGS * GO_PAGE, 2048},
					      {ALLP, 24}};

	rooted_damage(image->r, places, G_N_ELEMENTS(places),
		      (struct rooted_range){ROOTED_HEAP, PAGES * GO_PAGE}, 200, run);
}

START_TEST(damaged)
{
	setup_of(go_target_minors[_i]);
	damage();
	run();
	rooted_total(image->r, words());
	teardown();
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("timers");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, normal, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, stopped, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, lists, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, processors, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, scarce, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, damaged, 0, GO_TARGET_VERSIONS);
	return run_case("go timers", tcase);
}
