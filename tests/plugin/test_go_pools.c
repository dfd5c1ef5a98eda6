/* SPDX-License-Identifier: Apache-2.0 */
/* pools.c of plugins/go: the pools that sync.poolCleanup works on, found by its code. A list with
 * anything else in it is not believed, and said. */
#include "../../plugins/go/pools.h"
#include "../runner.h"
#include "go_rooted.h"
#include <stdlib.h>
#include <string.h>

#define ALL_POOLS ROOTED_VARS
#define OLD_POOLS (ROOTED_VARS + 64)
#define OTHER     (ROOTED_VARS + 128) /* A variable of another kind. */
#define POOLS     (ROOTED_DATA + 2048)

enum { POOL_COUNT = 3, LOCAL = 128, PROCESSORS = 4 };

struct image {
	struct rooted *r;
	struct go_pools pools;
	hw_addr lists[2];
};

static struct image *image;

/* lea rax, [rip + …] for each variable. */
static void put_code(uint32_t function, const hw_addr *variables, uint32_t count)
{
	hw_addr at = ROOTED_TEXT + function;

	for (uint32_t i = 0; i < count; i++, at += 7) {
		const uint8_t code[3] = {0x48, 0x8d, 0x05};

		memcpy(go_target_at(image->r->t, at, 7), code, 3);
		go_target_store(image->r->t, at + 3, (uint32_t)(variables[i] - (at + 7)), 4);
	}
}

/* Arrays of poolLocal are blocks of 2048 bytes. */
static hw_addr locals(uint32_t n)
{
	return ROOTED_HEAP + PAGES * GO_PAGE + n * 2048;
}

static void setup_of(uint32_t minor)
{
	const hw_addr variables[] = {ALL_POOLS, OTHER,         OLD_POOLS + 8,
				     OLD_POOLS, ALL_POOLS + 8, ALL_POOLS + 16};
	struct go_target *t;

	image = calloc(1, sizeof(*image));
	image->r = rooted_new();
	t = image->r->t;
	go_layout_init(&t->rt.layout, minor);
	rooted_fill(image->r);
	memset(go_target_piece(t, ROOTED_TEXT, F_END, HW_PERM_R | HW_PERM_X)->bytes, 0x90, F_END);
	go_target_piece(t, locals(0), 2 * GO_PAGE, HW_PERM_R | HW_PERM_W);
	go_target_span(t, locals(0), 2, 2048, 40 << 1, 0);
	put_code(F_CLEANUP, variables, G_N_ELEMENTS(variables));
	put_code(F_PIN, variables, 1);
	go_target_word(t, OTHER, 12345);
	image->lists[0] = rooted_object(0);
	image->lists[1] = rooted_object(1);
	rooted_slice(image->r, ALL_POOLS, image->lists[0], 2, 4);
	rooted_slice(image->r, OLD_POOLS, image->lists[1], 2, 2);
	for (uint32_t i = 0; i < POOL_COUNT; i++) {
		const hw_addr pool = POOLS + i * 64;

		/* The second is in both lists. */
		if (i < 2)
			go_target_word(t, image->lists[0] + i * 8, pool);
		if (i)
			go_target_word(t, image->lists[1] + (i - 1) * 8, pool);
		go_target_word(t, pool, locals(i));
		go_target_word(t, pool + 8, PROCESSORS);
		if (minor >= 13 && i) {
			go_target_word(t, pool + GO_POOL_VICTIM, locals(4 + i));
			go_target_word(t, pool + GO_POOL_VICTIM + 8, PROCESSORS);
		}
	}
}

static void teardown(void)
{
	rooted_free(image->r);
	free(image);
}

static void run(void)
{
	fake_host_reset(image->r->t->fake);
	ck_assert(go_pools_init(&image->pools, &image->r->t->rt));
	go_pools_tell(&image->pools);
}

static void done(void)
{
	go_pools_clear(&image->pools);
	ck_assert_uint_eq(image->r->t->fake->memory_used, 0);
}

static bool is_told(hw_addr addr, bool is_victim)
{
	const GArray *told = image->r->t->fake->pools;
	uint32_t count = 0;

	for (guint i = 0; i < told->len; i++) {
		const struct fake_pool *p = &g_array_index(told, struct fake_pool, i);

		count += p->addr == addr && p->is_victim == is_victim;
	}
	return count == 1;
}

START_TEST(normal)
{
	const uint32_t minor = go_target_minors[_i];
	const uint64_t size = minor < 13 ? 24 : 40;

	setup_of(minor);
	run();
	ck_assert_uint_eq(image->pools.count, POOL_COUNT);
	ck_assert_uint_eq(image->pools.size, size);
	for (uint32_t i = 0; i < POOL_COUNT; i++) {
		const hw_addr pool = POOLS + i * 64;

		ck_assert_uint_eq(go_pools_find(&image->pools, pool), pool);
		ck_assert_uint_eq(go_pools_find(&image->pools, pool + size - 1), pool);
		ck_assert_uint_eq(go_pools_find(&image->pools, pool + size), 0);
		ck_assert(is_told(locals(i), minor < 13));
		ck_assert(minor < 13 || !i || is_told(locals(4 + i), true));
	}
	ck_assert_uint_eq(go_pools_find(&image->pools, POOLS - 1), 0);
	ck_assert(is_told(image->lists[0], minor < 13));
	ck_assert(is_told(image->lists[1], true));
	ck_assert_uint_eq(image->r->t->fake->pools->len, 2 + POOL_COUNT + (minor < 13 ? 0 : 2));
	rooted_complete(image->r);
	done();
	teardown();
}
END_TEST

/* The one list is no longer believed; the other is as it was. */
static void change(hw_addr addr, uint64_t word, bool is_said, uint64_t count, const char *what)
{
	uint64_t old;

	memcpy(&old, go_target_at(image->r->t, addr, 8), 8);
	go_target_word(image->r->t, addr, word);
	run();
	ck_assert_msg(image->pools.count == count, "1.%u, %s: %llu pools",
		      image->r->t->rt.layout.minor, what, (unsigned long long)image->pools.count);
	if (is_said)
		rooted_incomplete(image->r, what);
	else
		rooted_complete(image->r);
	done();
	go_target_word(image->r->t, addr, old);
}

START_TEST(hostile)
{
	setup_of(go_target_minors[_i]);
	change(ALL_POOLS + 8, 5, true, 2, "a list longer than its capacity");
	change(ALL_POOLS + 16, UINT64_C(1) << 40, true, 2, "a capacity of 2^40");
	change(ALL_POOLS, 0x1000, true, 2, "a list that is nowhere");
	change(ALL_POOLS + 8, 4, true, 2, "a list with nothing in it");
	change(ALL_POOLS, 0, true, 2, "a list of two that is nowhere");
	change(ALL_POOLS + 8, 0, false, 2, "an empty list");
	change(OLD_POOLS, 0x1000, true, 2, "an old list that is nowhere");
	change(image->lists[0], POOLS + 3, true, 2, "a first pool between words");
	change(image->lists[0], 0, true, 2, "a first pool that is none");
	change(image->lists[0], OTHER, true, 2, "something else for a first pool");
	change(image->lists[1], 0x1000, true, 2, "a first old pool that is nowhere");
	change(image->lists[0] + 8, POOLS + 3, true, 2, "a pool between words");
	change(image->lists[0] + 8, 0x1000, true, 2, "a pool that is nowhere");
	change(image->lists[0] + 8, POOLS, false, 3, "a pool twice");
	change(POOLS, locals(0) + 64, true, 2, "locals in the middle of a block");
	change(POOLS, ROOTED_OUT, true, 2, "locals beside the heap");
	change(POOLS, ROOTED_HEAP + STACK * GO_PAGE, true, 2, "locals on a stack");
	change(POOLS + 8, 17, true, 2, "more locals than the block has room for");
	change(POOLS + 8, UINT64_C(1) << 57, true, 2, "2^57 locals");
	teardown();
}
END_TEST

START_TEST(scarce)
{
	setup_of(go_target_minors[_i]);
	fake_host_reset(image->r->t->fake);
	image->r->t->fake->resize_fail_at = 1;
	ck_assert(!go_pools_init(&image->pools, &image->r->t->rt));
	done();
	image->r->t->fake->resize_fail_at = 0;
	/* And none, where the program has no such function. */
	image->r->t->rt.modules[0].maxpc = ROOTED_TEXT + F_CLEANUP;
	run();
	ck_assert_uint_eq(image->pools.count, 0);
	done();
	teardown();
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("pools");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, normal, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, hostile, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, scarce, 0, GO_TARGET_VERSIONS);
	return run_case("go pools", tcase);
}
