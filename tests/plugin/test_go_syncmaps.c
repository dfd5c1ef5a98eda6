/* SPDX-License-Identifier: Apache-2.0 */
/* syncmaps.c of plugins/go: the sync.Maps that code calls methods of. What has other pointers, what
 * leads to something else and what is used otherwise is none. */
#include "../../plugins/go/syncmaps.h"
#include "../runner.h"
#include "go_rooted.h"
#include <stdlib.h>
#include <string.h>

#define MAP   (ROOTED_DATA + 64)
#define OTHER (ROOTED_DATA + 160)

enum { LAST = 23, READ_ONLY = 16, CALLER = F_OTHER };

struct image {
	struct rooted *r;
	struct go_sync_maps maps;
	uint64_t hmap; /* Bytes. */
};

static struct image *image;

/* Slots of two classes, behind the other pages. */
static hw_addr read_only(uint32_t n)
{
	return ROOTED_HEAP + PAGES * GO_PAGE + n * READ_ONLY;
}

static hw_addr hmap(uint32_t n)
{
	return ROOTED_HEAP + (PAGES + 1) * GO_PAGE + n * image->hmap;
}

static bool is_old(void)
{
	return image->r->t->rt.layout.minor < 20;
}

static hw_addr read_slot(hw_addr map)
{
	return map + (is_old() ? 16 : 8);
}

static void set_mask(hw_addr map, uint64_t bits)
{
	const hw_addr mask = image->r->t->rt.modules[0].gcdatamask.ptr;
	uint64_t word;

	memcpy(&word, go_target_at(image->r->t, mask, 8), 8);
	word &= ~(UINT64_C(0x1f) << (map - ROOTED_DATA) / 8);
	go_target_word(image->r->t, mask, word | bits << (map - ROOTED_DATA) / 8);
}

static void put_map(hw_addr map, uint32_t n)
{
	set_mask(map, is_old() ? 0xc : 0x6);
	go_target_word(image->r->t, read_slot(map), read_only(n));
	go_target_word(image->r->t, read_slot(map) + 8, hmap(2 * n));
	go_target_word(image->r->t, read_only(n), hmap(2 * n + 1));
	go_target_word(image->r->t, read_only(n) + 8, 1);
}

static void put(uint32_t offset, uint32_t opcode, uint32_t head, hw_addr target)
{
	const hw_addr at = ROOTED_TEXT + offset;

	go_target_store(image->r->t, at, opcode, head);
	go_target_store(image->r->t, at + head, (uint32_t)(target - (at + head + 4)), 4);
}

/* lea rax, [rip + target]; call target */
static void put_lea(uint32_t offset, hw_addr target)
{
	put(offset, 0x058d48, 3, target);
}

static void put_call(uint32_t offset, uint32_t function)
{
	put(offset, 0xe8, 1, ROOTED_TEXT + function);
}

static void clear_code(void)
{
	memset(go_target_at(image->r->t, ROOTED_TEXT, F_END), 0x90, F_END);
}

static void setup_of(uint32_t minor)
{
	struct go_target *t;

	image = calloc(1, sizeof(*image));
	image->r = rooted_new();
	t = image->r->t;
	go_layout_init(&t->rt.layout, minor);
	image->hmap = minor <= LAST ? t->rt.layout.at[GO_HMAP_SIZE] : 48;
	rooted_fill(image->r);
	go_target_piece(t, ROOTED_TEXT, F_END, HW_PERM_R | HW_PERM_X);
	go_target_piece(t, read_only(0), 2 * GO_PAGE, HW_PERM_R | HW_PERM_W);
	go_target_span(t, read_only(0), 1, READ_ONLY, 2 << 1, 0);
	go_target_span(t, hmap(0), 1, image->hmap, 5 << 1, 0);
	clear_code();
	put_map(MAP, 0);
	put_map(OTHER, 1);
	put_lea(CALLER, MAP);
	put_call(CALLER + 20, F_STORE);
}

static void teardown(void)
{
	rooted_free(image->r);
	free(image);
}

/* How many there are; the first must be MAP. */
static uint64_t count(void)
{
	uint64_t found;

	ck_assert(go_sync_maps_init(&image->maps, &image->r->t->rt));
	found = image->maps.count;
	if (found) {
		const uint64_t size = is_old() ? 40 : 32;

		ck_assert_uint_eq(go_sync_maps_find(&image->maps, MAP), MAP);
		ck_assert_uint_eq(go_sync_maps_find(&image->maps, MAP + size - 1), MAP);
		ck_assert_uint_eq(go_sync_maps_find(&image->maps, MAP + size), 0);
		ck_assert_uint_eq(go_sync_maps_find(&image->maps, MAP - 1), 0);
		ck_assert_uint_eq(go_sync_maps_read(&image->maps, MAP), read_slot(MAP));
		ck_assert_uint_eq(go_sync_maps_dirty(&image->maps, MAP), read_slot(MAP) + 8);
	}
	go_sync_maps_clear(&image->maps);
	ck_assert_uint_eq(image->r->t->fake->memory_used, 0);
	return found;
}

START_TEST(found)
{
	setup_of(GO_FIRST + (uint32_t)_i);
	ck_assert_uint_eq(count(), 1);
	/* Twice, and another one. */
	put_lea(CALLER + 40, MAP);
	put_call(CALLER + 50, F_STORE);
	ck_assert_uint_eq(count(), 1);
	put_lea(CALLER + 60, OTHER);
	put_call(CALLER + 70, F_STORE);
	ck_assert_uint_eq(count(), 2);
	/* Not yet stored to, and nothing behind the lock. */
	go_target_word(image->r->t, read_slot(MAP), 0);
	ck_assert_uint_eq(count(), 2);
	go_target_word(image->r->t, read_slot(MAP) + 8, 0);
	ck_assert_uint_eq(count(), 2);
	/* Names tell, where there are some. */
	image->r->t->rt.has_debug = true;
	ck_assert_uint_eq(count(), 0);
	teardown();
}
END_TEST

START_TEST(not_by_code)
{
	setup_of(GO_FIRST + (uint32_t)_i);
	put_call(CALLER + 20, F_LEAF);
	ck_assert_uint_eq(count(), 0);
	put_call(CALLER + 20, F_STORE + 16);
	ck_assert_uint_eq(count(), 0);
	put_call(CALLER + 20, F_STORE);
	put_lea(CALLER, MAP + 8);
	ck_assert_uint_eq(count(), 0);
	put_lea(CALLER, MAP + 4);
	ck_assert_uint_eq(count(), 0);
	put_lea(CALLER, MAP);
	put_lea(CALLER + 8, OTHER);
	ck_assert_uint_eq(count(), 0); /* Which of them? */
	clear_code();
	put_lea(F_LEAF + 0xf0, MAP);
	put_call(F_GOEXIT + 4, F_STORE);
	ck_assert_uint_eq(count(), 0); /* Of two functions. */
	clear_code();
	put_lea(CALLER, MAP);
	put_call(CALLER + 20, F_LEAF);
	put_call(CALLER + 30, F_STORE);
	ck_assert_uint_eq(count(), 0); /* With what leaf returned. */
	teardown();
}
END_TEST

START_TEST(not_by_data)
{
	struct go_target *t;

	setup_of(GO_FIRST + (uint32_t)_i);
	t = image->r->t;
	for (uint32_t bit = 0; bit < (is_old() ? 5 : 4); bit++) {
		set_mask(MAP, (is_old() ? 0xc : 0x6) ^ UINT64_C(1) << bit);
		ck_assert_uint_eq(count(), 0);
	}
	put_map(MAP, 0);
	go_target_word(t, read_slot(MAP), read_only(0) + 8);
	ck_assert_uint_eq(count(), 0);
	go_target_word(t, read_slot(MAP), hmap(0));
	ck_assert_uint_eq(count(), 0);
	put_map(MAP, 0);
	go_target_word(t, read_slot(MAP) + 8, rooted_object(0));
	ck_assert_uint_eq(count(), 0);
	put_map(MAP, 0);
	go_target_word(t, read_only(0), rooted_object(0));
	ck_assert_uint_eq(count(), 0);
	put_map(MAP, 0);
	go_target_word(t, read_only(0) + 8, 2);
	ck_assert_uint_eq(count(), 0);
	put_map(MAP, 0);
	ck_assert_uint_eq(count(), 1);
	teardown();
}
END_TEST

START_TEST(not_since_1_24)
{
	setup_of(LAST + 1);
	ck_assert_uint_eq(count(), 0);
	teardown();
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("maps");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, found, 0, LAST - GO_FIRST + 1);
	tcase_add_loop_test(tcase, not_by_code, 0, LAST - GO_FIRST + 1);
	tcase_add_loop_test(tcase, not_by_data, 0, LAST - GO_FIRST + 1);
	tcase_add_test(tcase, not_since_1_24);
	return run_case("go sync.Maps", tcase);
}
