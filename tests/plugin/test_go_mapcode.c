/* SPDX-License-Identifier: Apache-2.0 */
/* mapcode.c of plugins/go: of which type the map of a variable is, by calls that take both. Where
 * a call leaves a choice, or two calls differ, or the map does not fit, nothing is said. */
#include "../../plugins/go/blocktypes.h"
#include "../runner.h"
#include "go_rooted.h"
#include <stdlib.h>
#include <string.h>

#define TYPE  (ROOTED_TABLES + 8192)
#define PLAIN (ROOTED_TABLES + 8320) /* Of no map. */
#define SLOT  (ROOTED_DATA + 64)
#define NEXT  (ROOTED_DATA + 72)

enum { CALLER = F_OTHER };

struct image {
	struct rooted *r;
	bool is_typed, fits;
	struct go_guess offered;
	uint32_t offers;
};

static struct image *image;
static struct go_desc maps[2], plain;

const struct go_runtime *go_blocks_runtime(const struct go_block_types *blocks G_GNUC_UNUSED)
{
	return &image->r->t->rt;
}

struct go_types *go_block_types_cache(struct go_block_types *blocks G_GNUC_UNUSED)
{
	return NULL;
}

bool go_types_hold(const struct go_runtime *rt G_GNUC_UNUSED, hw_addr addr)
{
	return addr >= TYPE && addr <= PLAIN;
}

const struct go_desc *go_types_at(struct go_types *types G_GNUC_UNUSED, hw_addr addr)
{
	return addr == TYPE ? &maps[0] : addr == TYPE + 64 ? &maps[1] : &plain;
}

bool go_block_place(const struct go_block_types *blocks G_GNUC_UNUSED, hw_addr addr,
		    struct go_place *ret)
{
	*ret = (struct go_place){.first = addr & ~UINT64_C(63), .bytes = 64};
	return addr >= ROOTED_HEAP;
}

bool go_blocks_is_typed(const struct go_block_types *blocks G_GNUC_UNUSED,
			uint64_t number G_GNUC_UNUSED)
{
	return image->is_typed;
}

bool go_blocks_word(struct go_block_types *blocks G_GNUC_UNUSED, hw_addr addr, uint64_t *ret)
{
	return go_word(&image->r->t->rt, addr, ret);
}

bool go_map_at(struct go_block_types *blocks G_GNUC_UNUSED,
	       const struct go_place *place G_GNUC_UNUSED, const struct go_desc **map_ret)
{
	*map_ret = NULL;
	return true;
}

bool go_map_fits(struct go_block_types *blocks G_GNUC_UNUSED,
		 const struct go_place *place G_GNUC_UNUSED,
		 const struct go_desc *map G_GNUC_UNUSED)
{
	return image->fits;
}

bool go_blocks_offer(struct go_block_types *blocks G_GNUC_UNUSED, const struct go_guess *guess)
{
	image->offered = *guess;
	image->offers++;
	return true;
}

static void put(uint32_t offset, uint32_t opcode, uint32_t head, hw_addr target)
{
	const hw_addr at = ROOTED_TEXT + offset;

	go_target_store(image->r->t, at, opcode, head);
	go_target_store(image->r->t, at + head, (uint32_t)(target - (at + head + 4)), 4);
}

/* lea rax, [rip + type]; mov rbx, [rip + variable]; call function */
static void put_lea(uint32_t offset, hw_addr type)
{
	put(offset, 0x058d48, 3, type);
}

static void put_load(uint32_t offset, hw_addr variable)
{
	put(offset, 0x1d8b48, 3, variable);
}

static void put_call(uint32_t offset, uint32_t function)
{
	put(offset, 0xe8, 1, ROOTED_TEXT + function);
}

static void put_use(uint32_t offset, hw_addr type, hw_addr variable)
{
	put_lea(offset, type);
	put_load(offset + 7, variable);
	put_call(offset + 20, F_ASSIGN);
}

static void clear_code(void)
{
	memset(go_target_at(image->r->t, ROOTED_TEXT, F_END), 0x90, F_END);
}

static void setup(void)
{
	struct go_target *t;

	image = calloc(1, sizeof(*image));
	image->r = rooted_new();
	image->fits = true;
	t = image->r->t;
	maps[0].head = maps[1].head = (struct go_type){.kind = GO_KIND_MAP};
	plain.head = (struct go_type){.kind = GO_KIND_STRUCT};
	go_layout_init(&t->rt.layout, 21);
	rooted_fill(image->r);
	go_target_piece(t, ROOTED_TEXT, F_END, HW_PERM_R | HW_PERM_X);
	clear_code();
	go_target_word(t, t->rt.modules[0].gcdatamask.ptr, 3 << (SLOT - ROOTED_DATA) / 8);
	go_target_word(t, SLOT, rooted_object(0));
	go_target_word(t, NEXT, rooted_object(1));
	put_use(CALLER, TYPE, SLOT);
}

static void teardown(void)
{
	ck_assert_uint_eq(image->r->t->fake->memory_used, 0);
	rooted_free(image->r);
	free(image);
}

static uint32_t offers(void)
{
	image->offers = 0;
	ck_assert(go_seed_maps(NULL));
	return image->offers;
}

static void expect(const struct go_desc *map, hw_addr at)
{
	ck_assert_uint_eq(offers(), 1);
	ck_assert_int_eq(image->offered.form, GO_FORM_MAP);
	ck_assert_int_eq(image->offered.how, GO_HOW_CODE);
	ck_assert_ptr_eq(image->offered.desc, map);
	ck_assert_uint_eq(image->offered.at, at);
}

START_TEST(said)
{
	expect(&maps[0], rooted_object(0));
	put_use(CALLER + 40, TYPE, SLOT);
	expect(&maps[0], rooted_object(0));
	put_use(CALLER + 80, TYPE + 64, NEXT);
	ck_assert_uint_eq(offers(), 2);
	/* The variable first. */
	clear_code();
	put_load(CALLER, SLOT);
	put_lea(CALLER + 9, TYPE);
	put_call(CALLER + 30, F_ASSIGN);
	expect(&maps[0], rooted_object(0));
}
END_TEST

START_TEST(not_said)
{
	put_use(CALLER + 40, TYPE + 64, SLOT);
	ck_assert_uint_eq(offers(), 0); /* Two types. */
	clear_code();
	put_use(CALLER, TYPE, SLOT);
	put_lea(CALLER + 14, TYPE + 64);
	put_call(CALLER + 30, F_ASSIGN);
	ck_assert_uint_eq(offers(), 0);
	clear_code();
	put_use(CALLER, TYPE, SLOT);
	put(CALLER + 14, 0x0d8b48, 3, NEXT); /* mov rcx: two variables. */
	put_call(CALLER + 30, F_ASSIGN);
	ck_assert_uint_eq(offers(), 0);
	clear_code();
	put_use(CALLER, PLAIN, SLOT);
	ck_assert_uint_eq(offers(), 0);
	put_use(CALLER, TYPE, SLOT);
	put_call(CALLER + 20, F_LEAF);
	ck_assert_uint_eq(offers(), 0);
	put_call(CALLER + 20, F_ASSIGN + 16);
	ck_assert_uint_eq(offers(), 0);
	clear_code();
	put_lea(CALLER, TYPE);
	put_call(CALLER + 8, F_LEAF);
	put_load(CALLER + 20, SLOT);
	put_call(CALLER + 30, F_ASSIGN);
	ck_assert_uint_eq(offers(), 0); /* Another call between. */
	clear_code();
	put_lea(F_LEAF + 0xf0, TYPE);
	put_load(F_GOEXIT, SLOT);
	put_call(F_GOEXIT + 10, F_ASSIGN);
	ck_assert_uint_eq(offers(), 0); /* Of two functions. */
}
END_TEST

START_TEST(not_believed)
{
	image->fits = false;
	ck_assert_uint_eq(offers(), 0);
	image->fits = true;
	image->is_typed = true;
	ck_assert_uint_eq(offers(), 0);
	image->is_typed = false;
	go_target_word(image->r->t, SLOT, rooted_object(0) + 8);
	ck_assert_uint_eq(offers(), 0);
	go_target_word(image->r->t, SLOT, 0);
	ck_assert_uint_eq(offers(), 0);
	go_target_word(image->r->t, SLOT, rooted_object(0));
	go_target_word(image->r->t, image->r->t->rt.modules[0].gcdatamask.ptr, 0);
	ck_assert_uint_eq(offers(), 0);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("maps");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, said);
	tcase_add_test(tcase, not_said);
	tcase_add_test(tcase, not_believed);
	return run_case("go maps by code", tcase);
}
