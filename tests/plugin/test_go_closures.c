/* SPDX-License-Identifier: Apache-2.0 */
/* closures.c of plugins/go alone, on code written here: which struct goes with which function is
 * said only when the instructions leave no choice. */
#include "../../plugins/go/closures.h"
#include "../../plugins/go/pclntab.h"
#include "../runner.h"
#include "go_target.h"
#include <stdlib.h>
#include <string.h>

#define TEXT      UINT64_C(0x401000)
#define TYPES     UINT64_C(0x500000)
#define FUNCTION  256u /* Bytes of each. */
#define FUNCTIONS 16u
#define CODE      (FUNCTION * FUNCTIONS)
#define DESCS     8u
#define NEWOBJECT 15u

struct image {
	struct go_target *t;
	uint8_t *code; /* CODE bytes. */
	uint32_t at;   /* Where the next instruction goes. */
	struct go_desc descs[DESCS];
	uint32_t misfits; /* Bit set: these fit no block. */
	struct go_closures *closures;
};

/* The one that the functions below stand for. */
static struct image *image;

static const struct go_desc uintptr_desc = {.head = {.kind = GO_KIND_UINTPTR, .size = 8}};
static const struct go_field_desc closure_fields[] = {{"F", 1, 0}, {"X0", 2, 8}};
static const struct go_field_desc old_fields[] = {{".F", 1, 0}, {"text", 2, 8}};
static const struct go_field_desc other_fields[] = {{"G", 1, 0}, {"X0", 2, 8}};

bool go_func_find(const struct go_runtime *rt G_GNUC_UNUSED, hw_addr pc, struct go_func *ret)
{
	const uint64_t number = (pc - TEXT) / FUNCTION;

	if (pc < TEXT || number >= FUNCTIONS)
		return false;
	ret->entry = TEXT + number * FUNCTION;
	ret->end = ret->entry + FUNCTION;
	return true;
}

bool go_types_hold(const struct go_runtime *rt G_GNUC_UNUSED, hw_addr addr)
{
	return addr >= TYPES && addr < TYPES + DESCS * 64;
}

const struct go_desc *go_types_at(struct go_types *types G_GNUC_UNUSED, hw_addr addr)
{
	if (addr == 1)
		return &uintptr_desc;
	return go_types_hold(NULL, addr) && addr % 64 == 0 ? &image->descs[(addr - TYPES) / 64]
							   : NULL;
}

uint32_t go_guess_fits(struct go_block_types *blocks G_GNUC_UNUSED,
		       const struct go_place *place G_GNUC_UNUSED, const struct go_guess *guess)
{
	return image->misfits >> (guess->desc - image->descs) & 1 ? 0 : 2;
}

const struct go_runtime *go_blocks_runtime(const struct go_block_types *blocks G_GNUC_UNUSED)
{
	return &image->t->rt;
}

struct go_types *go_block_types_cache(struct go_block_types *blocks G_GNUC_UNUSED)
{
	return NULL;
}

/* Instructions. */

static void put(const uint8_t *bytes, uint32_t count, hw_addr target)
{
	const uint32_t size = count + 4;
	const int32_t distance = (int32_t)(target - (TEXT + image->at + size));

	memcpy(image->code + image->at, bytes, count);
	memcpy(image->code + image->at + count, &distance, 4);
	image->at += size;
}

static void function(uint32_t number)
{
	image->at = number * FUNCTION;
}

static void load_desc(uint32_t number)
{
	put((const uint8_t[]){0x48, 0x8d, 0x05}, 3, TYPES + number * 64);
}

static void call(uint32_t number)
{
	put((const uint8_t[]){0xe8}, 1, TEXT + number * FUNCTION);
}

static void load_entry(uint32_t number)
{
	static const uint8_t lea[] = {0x4c, 0x8d, 0x0d}; /* Into r9. */

	put(lea, sizeof(lea), TEXT + number * FUNCTION);
	memcpy(image->code + image->at, (const uint8_t[]){0x4c, 0x89, 0x08}, 3);
	image->at += 3;
}

static void make(uint32_t desc, uint32_t entry)
{
	load_desc(desc);
	call(NEWOBJECT);
	load_entry(entry);
}

static void setup(void)
{
	image = calloc(1, sizeof(*image));
	image->t = go_target_new();
	image->code = go_target_piece(image->t, TEXT, CODE, HW_PERM_R | HW_PERM_X)->bytes;
	memset(image->code, 0x90, CODE);
	image->t->rt.module_count = 1;
	image->t->rt.modules[0].text = TEXT;
	image->t->rt.modules[0].etext = TEXT + CODE;
	for (uint32_t i = 0; i < DESCS; i++)
		image->descs[i] = (struct go_desc){
		    .head = {.kind = GO_KIND_STRUCT, .size = 24},
		    .field_count = 2,
		    .fields = i % 2 ? old_fields : closure_fields,
		};
}

static void teardown(void)
{
	go_closures_free(image->closures);
	go_target_free(image->t);
	free(image);
}

static void expect(uint32_t entry, enum go_closure how, uint32_t desc)
{
	const struct go_place place = {.bytes = 24};
	const struct go_desc *found = NULL;
	const hw_addr addr = TEXT + entry * FUNCTION;

	if (!image->closures)
		image->closures = go_closures_new(NULL);
	ck_assert(image->closures != NULL);
	ck_assert_int_eq(go_closures_find(image->closures, NULL, &place, addr, &found), how);
	ck_assert_int_eq(go_closures_knows(image->closures, addr), how != GO_CLOSURE_UNSEEN);
	ck_assert_ptr_eq(found, how >= GO_CLOSURE_LIKELY ? &image->descs[desc] : NULL);
}

START_TEST(certain)
{
	function(0);
	make(0, 8);
	make(1, 9);
	make(2, 10);
	function(3);
	image->at += 11; /* Inlined here, too. */
	make(1, 9);
	expect(8, GO_CLOSURE_CERTAIN, 0);
	expect(9, GO_CLOSURE_CERTAIN, 1);
	expect(10, GO_CLOSURE_CERTAIN, 2);
	expect(11, GO_CLOSURE_UNSEEN, 0);
	image->misfits = 1 << 2; /* It is none then, whatever the code says. */
	expect(10, GO_CLOSURE_UNCLEAR, 0);
}
END_TEST

/* Both are allocated before either entry is written: no order says which is whose. */
START_TEST(interleaved)
{
	function(0);
	load_desc(0);
	call(NEWOBJECT);
	load_desc(1);
	call(NEWOBJECT);
	call(NEWOBJECT);
	load_entry(8);
	load_entry(9);
	expect(8, GO_CLOSURE_UNCLEAR, 0);
	expect(9, GO_CLOSURE_UNCLEAR, 0);
	image->misfits = 1 << 1;
	expect(8, GO_CLOSURE_LIKELY, 0);
	image->misfits = 3;
	expect(8, GO_CLOSURE_UNCLEAR, 0);
}
END_TEST

START_TEST(no_call)
{
	function(0);
	load_desc(0);
	load_entry(8);
	function(1);
	load_desc(2);
	image->at += 100; /* The call is another one's. */
	call(NEWOBJECT);
	load_entry(9);
	expect(8, GO_CLOSURE_LIKELY, 0);
	expect(9, GO_CLOSURE_LIKELY, 2);
}
END_TEST

/* Two functions that make one closure of two structs: one of them is misread. */
START_TEST(disagreeing)
{
	function(0);
	make(0, 8);
	function(1);
	make(1, 8);
	expect(8, GO_CLOSURE_UNCLEAR, 0);
	image->misfits = 1;
	expect(8, GO_CLOSURE_LIKELY, 1);
}
END_TEST

START_TEST(others)
{
	image->descs[0].fields = other_fields;
	image->descs[1].head.tflag = GO_TFLAG_NAMED;
	image->descs[2].field_count = 1;
	image->descs[3].head.kind = GO_KIND_ARRAY;
	function(0);
	for (uint32_t i = 0; i < 4; i++)
		make(i, 8);
	make(4, 9);
	load_desc(4);
	call(NEWOBJECT);
	put((const uint8_t[]){0x48, 0x8d, 0x05}, 3, TEXT + 10 * FUNCTION + 1); /* No entry. */
	expect(9, GO_CLOSURE_CERTAIN, 4);
	expect(10, GO_CLOSURE_UNSEEN, 0);
	/* It is beside a closure, but no struct was loaded for it: of that function's, one fits. */
	expect(8, GO_CLOSURE_LIKELY, 4);
}
END_TEST

START_TEST(scarce)
{
	for (uint32_t f = 0; f < 4; f++) {
		function(f);
		for (uint32_t i = 0; i < 12; i++)
			make(i % DESCS, 8 + f);
	}
	for (int64_t limit = 1; limit < 12; limit++) {
		image->t->fake->resize_calls = 0;
		image->t->fake->resize_fail_at = (uint64_t)limit;
		go_closures_free(go_closures_new(NULL));
		image->t->fake->resize_fail_at = 0;
		ck_assert_uint_eq(image->t->fake->memory_used, 0);
	}
}
END_TEST

/* Any bytes: only that it ends and stays inside. */
START_TEST(noise)
{
	uint64_t state = 88172645463325252u + (uint64_t)_i;

	for (uint32_t i = 0; i < CODE; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		if (i % 9 < 5)
			image->code[i] = (uint8_t)state;
	}
	for (uint32_t i = 0; i < 40; i++) {
		image->at = (uint32_t)(state >> i) % (CODE - 40);
		make(i % DESCS, i % FUNCTIONS);
	}
	image->at = CODE - 7;
	load_desc(0);
	image->closures = go_closures_new(NULL);
	ck_assert(image->closures != NULL);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("code");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, certain);
	tcase_add_test(tcase, interleaved);
	tcase_add_test(tcase, no_call);
	tcase_add_test(tcase, disagreeing);
	tcase_add_test(tcase, others);
	tcase_add_test(tcase, scarce);
	tcase_add_loop_test(tcase, noise, 0, 50);
	return run_case("go closures", tcase);
}
