/* SPDX-License-Identifier: Apache-2.0 */
/* What a goroutine's stack and records hold: rootstacks.c and rootrecords.c of plugins/go, on a
 * stack of two frames with maps, a variable, deferred calls and a sudog. What lies is said, and
 * then no word less is named. */
#include "../../plugins/go/roots.h"
#include "../runner.h"
#include "go_rooted.h"
#include <stdlib.h>
#include <string.h>

#define LO    (ROOTED_HEAP + STACK * GO_PAGE)
#define HI    (LO + GO_PAGE)
#define SP    (LO + 0x1000)           /* Of main.leaf. */
#define FP    (SP + ROOTED_FRAME + 8) /* And the sp of main.main. */
#define SUDOG (ROOTED_HEAP + SUDOGS * GO_PAGE + 128)
#define ALLGS (ROOTED_VARS + 512)

enum { BELOW = 8 /* Locals begin there. */, VARIABLE = 4, TO_VARIABLE = 13 /* Words of locals. */ };

struct image {
	struct rooted *r;
	struct go_rooting rooting;
	uint64_t total;
	uint64_t g_words;
	hw_addr list;
};

static struct image *image;

static hw_addr local(uint32_t word)
{
	return SP + BELOW + word * 8;
}

static void point(hw_addr slot, uint32_t object)
{
	go_target_word(image->r->t, slot, rooted_object(object));
}

/* A variable of four words, the second of which is a pointer. */
static void put_object(struct image *m, uint32_t number, int64_t offset)
{
	struct go_target *t = m->r->t;
	const uint32_t minor = t->rt.layout.minor;
	const hw_addr mask = go_target_put_word(m->r->tables, 2);
	const hw_addr at = m->r->objects + 8 + number * (minor == 17 ? 24 : 16);
	const uint32_t words[4] = {(uint32_t)(int32_t)offset, 32, 16,
				   (uint32_t)(mask - ROOTED_TABLES)};
	hw_addr type;

	if (minor > 17) {
		memcpy(go_target_at(t, at, 16), words, 16);
		return;
	}
	if (minor == 17) {
		memcpy(go_target_at(t, at, 12), words, 12);
		go_target_word(t, at + 16, mask);
		return;
	}
	type = go_target_room(m->r->tables, 64, 8);
	go_target_word(t, type, 32);
	go_target_word(t, type + 8, 16);
	go_target_word(t, type + 32, mask);
	go_target_word(t, at, (uint64_t)offset);
	go_target_word(t, at + 8, type);
}

static void put_frames(struct image *m)
{
	struct go_target *t = m->r->t;

	go_target_store(t, m->r->locals + 8, 1 | 4 | 1 << TO_VARIABLE, 4);
	go_target_store(t, m->r->args + 8, 1, 4);
	for (uint32_t i = 0; i < 3; i++)
		point(local(i), i);
	go_target_word(t, local(TO_VARIABLE), local(VARIABLE) + 5);
	point(local(VARIABLE), 3);
	point(local(VARIABLE + 1), 4);
	go_target_word(t, m->r->objects, 1);
	put_object(m, 0, (int64_t)local(VARIABLE) - (int64_t)(FP - 16));
	go_target_word(t, FP - 8, ROOTED_TEXT + F_MAIN + 0x50);
	point(FP, 5);
	point(FP + 40, 6);
	go_target_word(t, FP + 48, SUDOG);
	go_target_word(t, FP + ROOTED_FRAME, ROOTED_TEXT + F_GOEXIT + 1);
	go_target_word(t, SUDOG, rooted_g(1));
	point(SUDOG + 16, 7);
}

/* Two, in the heap; what the second would call at last is nothing. */
static void put_defers(struct image *m)
{
	struct go_target *t = m->r->t;
	const uint32_t link = t->rt.layout.minor < 22 ? 40 : 32;

	go_target_set(t, rooted_g(1), GO_G_DEFER, rooted_object(20));
	point(rooted_object(20) + 24, 8);
	point(rooted_object(20) + link, 21);
	point(rooted_object(21) + 24, 9);
	m->list = rooted_object(21) + link;
}

static void put_g(struct image *m)
{
	struct go_target *t = m->r->t;

	go_target_set(t, rooted_g(1), GO_G_STACK_LO, LO);
	go_target_set(t, rooted_g(1), GO_G_STACK_HI, HI);
	go_target_set(t, rooted_g(1), GO_G_SCHED_SP, SP);
	go_target_set(t, rooted_g(1), GO_G_SCHED_PC, ROOTED_TEXT + F_LEAF + 0x51);
	go_target_set(t, rooted_g(1), GO_G_ATOMICSTATUS, GO_STATUS_WAITING);
	go_target_set(t, rooted_g(1), GO_G_GOID, 77);
	go_target_set(t, rooted_g(1), GO_G_PARAM, rooted_object(10));
	go_target_set(t, rooted_g(2), GO_G_ATOMICSTATUS, GO_STATUS_DEAD);
	go_target_set(t, rooted_g(2), GO_G_PARAM, rooted_object(11));
	rooted_slice(m->r, ALLGS, rooted_out(m->r, 64), 2, 8);
	go_target_word(t, m->r->out->base + m->r->out->used - 64, rooted_g(1));
	go_target_word(t, m->r->out->base + m->r->out->used - 56, rooted_g(2));
	t->rt.globals.allgs = ALLGS;
}

/* In this target every word of a g may be a pointer. */
static uint64_t count_g(struct image *m)
{
	struct go_target *t = m->r->t;
	uint64_t count = 0;

	for (hw_addr slot = rooted_g(1); slot < rooted_g(2); slot += 8) {
		uint64_t word;

		memcpy(&word, go_target_at(t, slot, 8), 8);
		count += word >= ROOTED_HEAP && word < ROOTED_HEAP + PAGES * GO_PAGE &&
			 slot != rooted_g(1) + t->rt.layout.at[GO_G_DEFER];
	}
	return count;
}

static void setup_of(uint32_t minor)
{
	image = calloc(1, sizeof(*image));
	image->r = rooted_new();
	go_layout_init(&image->r->t->rt.layout, minor);
	rooted_fill(image->r);
	put_frames(image);
	put_g(image);
	put_defers(image);
	image->g_words = count_g(image);
	/* Locals, argument, main's frame; variable; defers; the g, the sudog. */
	image->total = 2 + 1 + 3 + 1 + 4 + image->g_words + 2;
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
	image->rooting.sites = go_sites_new(image->rooting.rt);
	go_root_stacks(&image->rooting);
	go_sites_free(image->rooting.sites);
	fake->incomplete = fake->incomplete || image->rooting.unread || image->rooting.cut;
}

START_TEST(normal)
{
	setup_of(go_target_minors[_i]);
	run();
	rooted_complete(image->r);
	rooted_total(image->r, image->total);
	ck_assert_uint_eq(rooted_count(image->r, local(0), "locals"), 1);
	ck_assert_uint_eq(rooted_count(image->r, local(1), NULL), 0);
	ck_assert_uint_eq(rooted_count(image->r, local(2), "locals"), 1);
	ck_assert_uint_eq(rooted_count(image->r, local(VARIABLE), NULL), 0);
	ck_assert_uint_eq(rooted_count(image->r, local(VARIABLE + 1), "variable"), 1);
	/* An argument of leaf's, and a word of main, which has no map. */
	ck_assert_uint_eq(rooted_count(image->r, FP, "locals"), 2);
	ck_assert_uint_eq(rooted_count(image->r, FP + 40, "locals"), 1);
	ck_assert_uint_eq(rooted_count(image->r, rooted_object(21) + 24, "deferred calls"), 1);
	ck_assert_uint_eq(rooted_count(image->r, SUDOG + 16, "runtime.sudog"), 1);
	ck_assert_uint_eq(rooted_count(image->r,
				       rooted_g(1) + image->r->t->rt.layout.at[GO_G_PARAM],
				       "runtime.g"),
			  1);
	ck_assert_uint_eq(image->r->t->fake->named->len, 2);
	ck_assert_uint_eq(g_array_index(image->r->t->fake->named, hw_addr, 0), rooted_g(1));
	ck_assert_uint_eq(g_array_index(image->r->t->fake->named, hw_addr, 1), SUDOG);
	for (guint i = 0; i < image->r->t->fake->roots->len; i++)
		ck_assert_uint_eq(
		    g_array_index(image->r->t->fake->roots, struct fake_root, i).goroutine, 77);
	teardown();
}
END_TEST

/* A word is changed: it is said, and no word that was named is not. */
static void change(hw_addr addr, uint64_t word, uint32_t width, const char *what)
{
	struct fake_host *fake = image->r->t->fake;
	hw_addr slots[64];
	uint64_t old;
	guint count;

	run();
	count = fake->roots->len;
	ck_assert_uint_le(count, G_N_ELEMENTS(slots));
	for (guint i = 0; i < count; i++)
		slots[i] = g_array_index(fake->roots, struct fake_root, i).slot;
	memcpy(&old, go_target_at(image->r->t, addr, width), width);
	go_target_store(image->r->t, addr, word, width);
	run();
	rooted_incomplete(image->r, what);
	for (guint i = 0; i < count; i++)
		ck_assert_msg(rooted_count(image->r, slots[i], NULL) > 0,
			      "1.%u, %s: 0x%llx is lost", image->r->t->rt.layout.minor, what,
			      (unsigned long long)slots[i]);
	go_target_store(image->r->t, addr, old, width);
}

START_TEST(maps)
{
	const struct rooted *r;

	setup_of(go_target_minors[_i]);
	r = image->r;
	change(r->locals, 0, 4, "no map for the pc");
	change(r->locals, UINT32_MAX, 4, "2^32 maps");
	change(r->locals + 4, UINT32_MAX, 4, "a map of 2^32 words");
	change(r->locals + 4, 1 << 12, 4, "a map longer than the stack");
	change(r->args + 4, 1 << 12, 4, "arguments longer than the stack");
	change(r->objects, UINT64_C(1) << 63, 8, "2^63 variables");
	change(r->objects, 1 << 17, 8, "more variables than the stack has words for");
	teardown();
}
END_TEST

START_TEST(lists)
{
	hw_addr g;

	setup_of(go_target_minors[_i]);
	g = rooted_g(1);
	change(image->list, rooted_object(21), 8, "a deferred call behind itself");
	change(image->list, rooted_object(20), 8, "deferred calls that loop");
	change(image->list, 0x1000, 8, "a deferred call that is nowhere");
	change(g + image->r->t->rt.layout.at[GO_G_SCHED_PC], 0x1000, 8, "a pc in no function");
	change(FP - 8, 0x1000, 8, "a return address in no function");
	change(g + image->r->t->rt.layout.at[GO_G_STACK_HI], HI - 8, 8, "a stack of an odd size");
	change(ALLGS + 8, 8, 8, "gs that are no gs");
	teardown();
}
END_TEST

/* What there is no list for is said. */
START_TEST(lost)
{
	setup_of(go_target_minors[_i]);
	go_target_word(image->r->t, ALLGS + 8, 9); /* Of a capacity of 8. */
	run();
	rooted_incomplete(image->r, "a slice longer than its capacity");
	go_target_word(image->r->t, ALLGS + 8, 2);
	go_target_word(image->r->t, ALLGS, 0x1000);
	run();
	rooted_incomplete(image->r, "a list that is nowhere");
	rooted_total(image->r, 0);
	teardown();
}
END_TEST

/* Variables that point at themselves and at each other, in one place, many: once each. */
START_TEST(variables)
{
	int64_t offset;

	setup_of(go_target_minors[_i]);
	offset = (int64_t)local(VARIABLE) - (int64_t)(FP - 16);
	go_target_word(image->r->t, local(VARIABLE + 1), local(VARIABLE));
	run();
	rooted_complete(image->r);
	rooted_total(image->r, image->total - 1);
	/* Another one, two words on: the first one's pointer leads to it, its own to a block. */
	put_object(image, 1, offset + 16);
	go_target_word(image->r->t, image->r->objects, 2);
	go_target_word(image->r->t, local(VARIABLE + 1), local(VARIABLE + 2));
	point(local(VARIABLE + 3), 30);
	run();
	rooted_complete(image->r);
	rooted_total(image->r, image->total);
	ck_assert_uint_eq(rooted_count(image->r, local(VARIABLE + 3), "variable"), 1);
	/* And outside the frame: it is not there yet. */
	put_object(image, 1, -0x2000);
	run();
	rooted_complete(image->r);
	teardown();
}
END_TEST

START_TEST(scarce)
{
	setup_of(26);
	for (uint64_t limit = 2; limit < 8; limit++) {
		struct fake_host *fake = image->r->t->fake;

		fake_host_reset(fake);
		fake->phase = FAKE_OTHER;
		fake->resize_fail_at = limit;
		image->rooting = (struct go_rooting){.rt = &image->r->t->rt};
		image->rooting.sites = go_sites_new(image->rooting.rt);
		if (image->rooting.sites) {
			go_root_stacks(&image->rooting);
			ck_assert(image->rooting.no_memory || fake->root_count == image->total);
		}
		go_sites_free(image->rooting.sites);
		ck_assert_uint_eq(fake->memory_used, 0);
	}
	image->r->t->fake->resize_fail_at = 0;
	teardown();
}
END_TEST

static void damage(void)
{
	const struct rooted_range places[] = {{SP - 64, 0x400},
					      {rooted_g(1), 512},
					      {SUDOG, 128},
					      {ROOTED_TABLES, image->r->tables->used},
					      {rooted_object(20), 128},
					      {ALLGS, 24}};

	rooted_damage(image->r, places, G_N_ELEMENTS(places), (struct rooted_range){LO, GO_PAGE},
		      400, run);
}

/* Any words of the stack, the g, the tables. */
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
	TCase *tcase = tcase_create("stacks");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, normal, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, maps, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, lists, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, lost, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, variables, 0, GO_TARGET_VERSIONS);
	tcase_add_test(tcase, scarce);
	tcase_add_loop_test(tcase, damaged, 0, GO_TARGET_VERSIONS);
	return run_case("go stacks", tcase);
}
