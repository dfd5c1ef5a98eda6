/* SPDX-License-Identifier: Apache-2.0 */
/* Globals, queues of finalizers and cleanups, and the records of spans: roots.c of plugins/go. What
 * is there is named to the word; lists that loop, counts that are too large and pointers to
 * nowhere end, and are said. */
#include "../../plugins/go/roots.h"
#include "../runner.h"
#include "go_rooted.h"
#include <stdlib.h>
#include <string.h>

enum { FIN_BYTES = 4096, FIN_MOST = (FIN_BYTES - 24) / 40, CLEANUP_BYTES = 512 };

struct image {
	struct rooted *r;
	struct go go;
	hw_addr fins[2], cleanups[2], specials[4];
	uint64_t total; /* Roots of an intact target. */
};

static struct image *image;

/* What stands at a place of the sections: an object of the heap. */
static void point(hw_addr slot, uint32_t object)
{
	go_target_word(image->r->t, slot, rooted_object(object) + 8);
}

static void put_globals(struct image *m)
{
	struct go_target *t = m->r->t;
	const struct go_moduledata *md = &t->rt.modules[0];

	go_target_word(t, md->gcdatamask.ptr, 1 | 1 << 3 | 1 << 5);
	go_target_word(t, md->gcbssmask.ptr, UINT64_C(1) << 63);
	point(ROOTED_DATA, 0);
	point(ROOTED_DATA + 3 * 8, 1);
	point(ROOTED_DATA + 4 * 8, 2);                      /* Not a pointer. */
	go_target_word(t, ROOTED_DATA + 5 * 8, ROOTED_OUT); /* Not into the heap. */
	point(ROOTED_BSS + 63 * 8, 3);
	m->total += 3;
}

static void put_queue(struct image *m)
{
	struct go_target *t = m->r->t;
	const uint32_t counts[] = {2, 1};

	t->rt.globals.allfin = ROOTED_VARS;
	for (uint32_t b = 0; b < 2; b++) {
		m->fins[b] = rooted_out(m->r, FIN_BYTES);
		go_target_word(t, m->fins[b] + 16, counts[b] | UINT64_C(0xffffffff00000000));
		for (uint32_t i = 0; i < 3; i++) {
			point(m->fins[b] + 24 + i * 40, 4);
			point(m->fins[b] + 24 + i * 40 + 8, 5);
			point(m->fins[b] + 24 + i * 40 + 16, 6); /* A number. */
			point(m->fins[b] + 24 + i * 40 + 32, 7);
		}
		m->total += counts[b] * 3;
	}
	go_target_word(t, ROOTED_VARS, m->fins[0]);
	go_target_word(t, m->fins[0], m->fins[1]);
}

static void put_cleanups(struct image *m)
{
	struct go_target *t = m->r->t;
	const uint32_t words = t->rt.layout.minor >= 26 ? 3 : 1;

	if (t->rt.layout.minor < 25)
		return;
	t->rt.globals.cleanups = ROOTED_VARS + 64;
	for (uint32_t b = 0; b < 2; b++) {
		m->cleanups[b] = rooted_out(m->r, CLEANUP_BYTES);
		go_target_word(t, m->cleanups[b] + 24, b + 1);
		for (uint32_t i = 0; i < 9; i++)
			point(m->cleanups[b] + 32 + i * 8, 8);
		m->total += (b + 1) * words;
	}
	go_target_word(t, ROOTED_VARS + 64 + 128, m->cleanups[0]);
	go_target_word(t, m->cleanups[0] + 16, m->cleanups[1]);
}

/* A finalizer, what other kinds there are, and one that holds nothing. */
static void put_specials(struct image *m)
{
	struct go_target *t = m->r->t;
	const uint32_t minor = t->rt.layout.minor, size = t->rt.layout.at[GO_SPECIAL_SIZE];
	const uint8_t kinds[] = {minor >= 25 ? 2 : 1, minor >= 25 ? 3 : 2, minor >= 25 ? 7 : 6, 5};
	hw_addr *link = &m->specials[0];

	for (uint32_t i = 0; i < 4; i++) {
		link[i] = rooted_out(m->r, 64);
		go_target_set(t, link[i], GO_SPECIAL_OFFSET, 9 * 64 + i * 64);
		go_target_set(t, link[i], GO_SPECIAL_KIND, kinds[i]);
		for (uint32_t w = 0; w < 3; w++)
			point(link[i] + size + w * 8, 10 + i);
		if (i)
			go_target_set(t, link[i - 1], GO_SPECIAL_NEXT, link[i]);
	}
	go_target_set(t, t->spans[OBJECTS].addr, GO_MSPAN_SPECIALS, link[0]);
	m->total += 2 + (minor >= 23) + (minor >= 26 ? 3 : minor >= 24);
}

static void setup_of(uint32_t minor)
{
	image = calloc(1, sizeof(*image));
	image->r = rooted_new();
	go_layout_init(&image->r->t->rt.layout, minor);
	rooted_fill(image->r);
	image->go =
	    (struct go){.host = image->r->t->rt.host, .runtimes = &image->r->t->rt, .count = 1};
	image->r->t->rt.globals.allgs = ROOTED_VARS + 512; /* None. */
	put_globals(image);
	put_queue(image);
	put_cleanups(image);
	put_specials(image);
}

static void teardown(void)
{
	rooted_free(image->r);
	free(image);
}

static void run(void)
{
	fake_host_reset(image->r->t->fake);
	image->r->t->fake->phase = FAKE_OTHER;
	ck_assert(go_roots(&image->go));
}

START_TEST(normal)
{
	const uint32_t minor = go_target_minors[_i];
	uint32_t size;

	setup_of(minor);
	run();
	size = image->r->t->rt.layout.at[GO_SPECIAL_SIZE];
	rooted_complete(image->r);
	rooted_total(image->r, image->total);
	ck_assert_uint_eq(rooted_count(image->r, ROOTED_DATA, ""), 1);
	ck_assert_uint_eq(rooted_count(image->r, ROOTED_DATA + 24, ""), 1);
	ck_assert_uint_eq(rooted_count(image->r, ROOTED_BSS + 63 * 8, ""), 1);
	for (uint32_t i = 0; i < 3; i++) {
		const hw_addr fin = image->fins[i / 2] + 24 + i % 2 * 40;

		ck_assert_uint_eq(rooted_count(image->r, fin, "finalizers about to run"), 1);
		ck_assert_uint_eq(rooted_count(image->r, fin + 8, "finalizers about to run"), 1);
		ck_assert_uint_eq(rooted_count(image->r, fin + 32, "finalizers about to run"), 1);
	}
	ck_assert_uint_eq(rooted_count(image->r, image->specials[0] + size, "finalizer"), 1);
	ck_assert_uint_eq(rooted_count(image->r, rooted_object(9), "object with a finalizer"), 1);
	ck_assert_uint_eq(
	    rooted_count(image->r, image->specials[1] + size, "handle of a weak pointer"),
	    minor >= 23);
	ck_assert_uint_eq(rooted_count(image->r, image->specials[2] + size, "cleanup"),
			  minor >= 24);
	teardown();
}
END_TEST

/* A word is changed: it is said, it ends, and what else there is stays. */
static void change(hw_addr addr, uint64_t word, const char *what, int64_t more)
{
	uint64_t old;

	memcpy(&old, go_target_at(image->r->t, addr, 8), 8);
	go_target_word(image->r->t, addr, word);
	run();
	rooted_incomplete(image->r, what);
	ck_assert_msg(image->r->t->fake->root_count == image->total + (uint64_t)more,
		      "1.%u: %s: %llu roots, of %llu", image->r->t->rt.layout.minor, what,
		      (unsigned long long)image->r->t->fake->root_count,
		      (unsigned long long)image->total);
	go_target_word(image->r->t, addr, old);
}

START_TEST(queues)
{
	const uint64_t nowhere = UINT64_C(0x1234567890);
	/* The third finalizer of a block is behind the last one, and counts when the number lies.
	 */
	const int64_t more = 3;

	setup_of(go_target_minors[_i]);
	change(image->fins[0] + 16, UINT32_MAX, "a block of 2^32 finalizers", more);
	change(image->fins[0] + 16, FIN_MOST + 1, "a block of one finalizer too many", more);
	change(image->fins[0], nowhere, "a block of finalizers that is nowhere", -3);
	change(ROOTED_VARS, nowhere, "a list of finalizers that is nowhere", -9);
	/* The first block again: what it has is named twice. */
	change(image->fins[1], image->fins[1], "a block behind itself", 0);
	change(image->fins[1], image->fins[0], "a list of finalizers that loops", 6);
	teardown();
}
END_TEST

START_TEST(cleanups)
{
	const uint32_t minor = 25 + (uint32_t)_i;
	const int64_t words = minor >= 26 ? 3 : 1;

	setup_of(minor);
	change(image->cleanups[1] + 24, 9999, "a block of 9999 cleanups", 9 - 2 * words);
	change(image->cleanups[1] + 16, image->cleanups[1], "a block of cleanups behind itself", 0);
	change(image->cleanups[1] + 16, image->cleanups[0], "a list of cleanups that loops", words);
	change(image->cleanups[0] + 16, 0x1000, "a block of cleanups that is nowhere", -2 * words);
	teardown();
}
END_TEST

START_TEST(specials)
{
	const uint32_t minor = go_target_minors[_i];
	hw_addr next;
	int64_t rest;

	setup_of(minor);
	next = image->specials[0] + image->r->t->rt.layout.at[GO_SPECIAL_NEXT];
	rest = (minor >= 23) + (minor >= 26 ? 3 : minor >= 24);
	change(next, 0x1000, "a record that is nowhere", -rest);
	change(next, image->specials[0], "a record behind itself", -rest);
	change(image->specials[1] + image->r->t->rt.layout.at[GO_SPECIAL_NEXT], image->specials[0],
	       "records that loop", 2 - (rest - (minor >= 23)));
	change(image->specials[1] + image->r->t->rt.layout.at[GO_SPECIAL_OFFSET], UINT64_C(0xffff),
	       "a record of something behind the span", -rest);
	image->r->t->spans[OBJECTS].addr = 0x1000;
	run();
	rooted_incomplete(image->r, "a span whose struct is nowhere");
	teardown();
}
END_TEST

START_TEST(masks)
{
	struct go_moduledata *md;

	setup_of(go_target_minors[_i]);
	md = &image->r->t->rt.modules[0];
	md->gcdatamask.ptr = 0x1000;
	run();
	rooted_incomplete(image->r, "a mask that is nowhere");
	rooted_total(image->r, image->total + 1); /* The word that is no pointer. */
	teardown();
	setup_of(go_target_minors[_i]);
	md = &image->r->t->rt.modules[0];
	md->gcbssmask.len = 1;
	run();
	rooted_incomplete(image->r, "a mask that is too short");
	md->gcbssmask.len = UINT64_MAX;
	run();
	rooted_incomplete(image->r, "a mask that is too long");
	rooted_total(image->r, image->total);
	teardown();
}
END_TEST

/* Nothing known of the queues: said, and incomplete where the runtime would always have them. */
START_TEST(unknown)
{
	setup_of(go_target_minors[_i]);
	image->r->t->rt.globals.allfin = image->r->t->rt.globals.cleanups = 0;
	run();
	ck_assert_uint_eq(image->r->t->fake->warnings->len, go_target_minors[_i] >= 25 ? 2 : 1);
	image->r->t->rt.globals.allgs = 0;
	run();
	rooted_incomplete(image->r, "a list of goroutines that was not found");
	image->r->t->rt.module_count = 0;
	run();
	rooted_incomplete(image->r, "a target without moduledata");
	rooted_total(image->r, 0);
	teardown();
}
END_TEST

START_TEST(no_memory)
{
	setup_of(26);
	for (uint64_t limit = 1; limit < 12; limit++) {
		fake_host_reset(image->r->t->fake);
		image->r->t->fake->phase = FAKE_OTHER;
		image->r->t->fake->resize_fail_at = limit;
		if (!go_roots(&image->go))
			ck_assert(image->r->t->fake->failure != NULL);
		ck_assert_uint_eq(image->r->t->fake->memory_used, 0);
	}
	image->r->t->fake->resize_fail_at = 0;
	teardown();
}
END_TEST

static void damage(void)
{
	const struct rooted_range places[] = {{ROOTED_OUT, image->r->out->used},
					      {ROOTED_DATA, 2048}};

	rooted_damage(image->r, places, G_N_ELEMENTS(places),
		      (struct rooted_range){ROOTED_OUT, 131072}, 300, run);
}

/* Any words of what is beside the heap, and of the globals. */
START_TEST(damaged)
{
	setup_of(go_target_minors[_i]);
	damage();
	run();
	rooted_complete(image->r);
	rooted_total(image->r, image->total);
	teardown();
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("roots");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, normal, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, queues, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, cleanups, 0, 2);
	tcase_add_loop_test(tcase, specials, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, masks, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, unknown, 0, GO_TARGET_VERSIONS);
	tcase_add_test(tcase, no_memory);
	tcase_add_loop_test(tcase, damaged, 0, GO_TARGET_VERSIONS);
	return run_case("go roots", tcase);
}
