/* SPDX-License-Identifier: Apache-2.0 */
/* test_graph_table.c -- the block table against a list that is searched from end to end:
 * heaps with and without headers, starts at 8 mod 16, several heaps in one slab, overlaps, huge
 * blocks, and one sparse heap of 200 GiB. */
#include "../runner.h"
#include "base/array.h"
#include "base/stop.h"
#include "graph/table_private.h"
#include <stdlib.h>
#include <string.h>

#define GiB  (UINT64_C(1) << 30)
#define MOST 3000

static struct hw_notes notes;
static uint64_t state = 88172645463325252u;

static uint64_t random_below(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 8) % n;
}

static void setup(void)
{
	hw_notes_init(&notes);
}

static void teardown(void)
{
	hw_notes_clear(&notes);
	ck_assert_uint_eq(hw_array_used(), 0);
}

/* A block as it was handed in. */
struct known {
	struct hw_block block;
	uint32_t heap;
	uint32_t header;
	uint32_t order;
};

struct heaps {
	struct known known[MOST];
	uint32_t count;
};

static int compare_known(const void *a, const void *b)
{
	const struct known *x = a;
	const struct known *y = b;

	if (x->block.addr != y->block.addr)
		return x->block.addr < y->block.addr ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* Sorts, and leaves out what the table leaves out. */
static void settle(struct heaps *h, bool is_merged)
{
	uint32_t kept = 0;
	hw_addr end = 0;

	qsort(h->known, h->count, sizeof(*h->known), compare_known);
	for (uint32_t i = 0; i < h->count; i++) {
		const struct hw_block *b = &h->known[i].block;

		if (b->state != HW_LIVE || b->addr & 7 || (is_merged && b->addr < end))
			continue;
		end = b->addr + b->size;
		h->known[kept++] = h->known[i];
	}
	h->count = kept;
}

/* Blocks of one heap from `at` on. */
static void make_heap(struct heaps *h, uint32_t heap, uint32_t header, hw_addr at, uint32_t count)
{
	for (uint32_t i = 0; i < count && h->count < MOST; i++) {
		struct known *k = &h->known[h->count];
		uint64_t size = random_below(4) ? random_below(300) : random_below(40000);

		if (random_below(200) == 0)
			size += random_below(4 * HW_SLAB);
		if (random_below(400) == 0)
			size += 5 * GiB;
		if (header == 16) {
			at = (at + 15) & ~(hw_addr)15;
			size = (size & ~UINT64_C(15)) + (random_below(10) ? 8 : 16);
		} else {
			at = (at + 7) & ~(hw_addr)7;
			size += 1;
		}
		*k = (struct known){{.addr = at, .size = size}, heap, header, h->count};
		k->block.arena = (uint32_t)(i / 100);
		k->block.type = random_below(50) == 0;
		k->block.flags = random_below(60) == 0 ? HW_BLOCK_INTERNAL : 0;
		k->block.state = random_below(5) ? HW_LIVE : (uint8_t)random_below(HW_STATES);
		h->count++;
		at += size + (header ? 8 : 0);
		if (random_below(10) == 0)
			at += random_below(3 * HW_SLAB);
	}
}

static void hand_in(struct hw_builder *builder, const struct heaps *h)
{
	for (uint32_t i = 0; i < h->count; i++) {
		const struct known *k = &h->known[i];
		struct hw_blocks batch = {sizeof(batch), sizeof(k->block), k->heap, 1, &k->block};

		ck_assert(hw_builder_add(builder, &batch, k->header));
	}
}

static struct hw_table *make_table(const struct heaps *h)
{
	struct hw_builder *builder = hw_builder_new();
	struct hw_table *table;

	hand_in(builder, h);
	table = hw_builder_finish(builder, &notes, NULL);
	ck_assert_ptr_nonnull(table);
	return table;
}

/* The rule, word by word. With headers: the chunk of a block is [addr - 16, end), and word
 * - 16 is looked up among chunks. */
static uint32_t find_slowly(const struct heaps *h, uint64_t word, bool *guessed)
{
	uint32_t found = HW_NO_BLOCK;

	*guessed = false;
	for (uint32_t i = 0; i < h->count; i++) {
		const struct hw_block *b = &h->known[i].block;
		hw_addr chunk_end = b->size % 16 == 8 ? b->addr + b->size - 8 : b->addr + b->size;

		if (word - b->addr < b->size) {
			*guessed = false;
			return i;
		}
		if (h->known[i].header == 16 && word - 16 >= b->addr - 16 &&
		    word - 16 < chunk_end &&
		    (i + 1 == h->count || word < h->known[i + 1].block.addr))
			found = i;
		if (h->known[i].header == 0 && word == b->addr + b->size) {
			found = i;
			*guessed = true;
		}
	}
	return found;
}

static void check_word(const struct heaps *h, const struct hw_table *t, uint64_t word)
{
	bool guessed;
	bool expected_guess;
	uint32_t expected = find_slowly(h, word, &expected_guess);
	uint32_t found = hw_table_find(t, word, &guessed);
	uint32_t at;

	ck_assert_msg(found == expected, "0x%llx: %u, not %u", (unsigned long long)word, found,
		      expected);
	ck_assert_int_eq(guessed, expected_guess);
	at = hw_table_at(t, word);
	if (expected != HW_NO_BLOCK &&
	    word - h->known[expected].block.addr >= h->known[expected].block.size)
		expected = HW_NO_BLOCK;
	ck_assert_uint_eq(at, expected);
}

static void check_block(const struct heaps *h, const struct hw_table *t, uint32_t i)
{
	const struct hw_block *b = &h->known[i].block;

	ck_assert_uint_eq(hw_table_addr(t, i), b->addr);
	ck_assert_uint_eq(hw_table_size(t, i), b->size);
	ck_assert_uint_eq(hw_table_heap(t, i), h->known[i].heap);
	ck_assert_uint_eq(hw_table_arena(t, i), b->arena);
	ck_assert_uint_eq(hw_table_type(t, i), b->type);
	ck_assert_uint_eq(hw_table_flags(t, i), b->flags);
}

static void check_table(const struct heaps *h, const struct hw_table *t)
{
	uint64_t bytes = 0;

	ck_assert_uint_eq(hw_table_count(t), h->count);
	for (uint32_t i = 0; i < h->count; i++) {
		const struct hw_block *b = &h->known[i].block;

		check_block(h, t, i);
		bytes += b->size;
		for (uint64_t d = 0; d < 34; d += 1 + random_below(3)) {
			check_word(h, t, b->addr - 17 + d);
			check_word(h, t, b->addr + b->size - 17 + d);
		}
		check_word(h, t, b->addr + random_below(b->size));
		check_word(h, t, (b->addr + HW_SLAB) & ~(HW_SLAB - 1));
		check_word(h, t, (b->addr + b->size) & ~(HW_SLAB - 1));
		check_word(h, t, (b->addr + b->size + 511) & ~UINT64_C(511));
	}
	ck_assert_uint_eq(hw_table_bytes(t), bytes);
	for (uint32_t i = 0; i < 200; i++)
		check_word(h, t, random_below(UINT64_C(1) << (10 + random_below(54))));
	check_word(h, t, 0);
	check_word(h, t, UINT64_MAX);
}

static void check_heaps(struct heaps *h, bool is_merged)
{
	struct hw_table *t = make_table(h);

	settle(h, is_merged);
	check_table(h, t);
	hw_table_free(t);
}

START_TEST(one_heap_with_headers)
{
	for (uint32_t i = 0; i < 40; i++) {
		struct heaps h = {.count = 0};

		make_heap(&h, 0, 16, 0x555500000000 + random_below(4 * HW_SLAB), 500);
		check_heaps(&h, false);
	}
}
END_TEST

START_TEST(one_heap_without_headers)
{
	for (uint32_t i = 0; i < 40; i++) {
		struct heaps h = {.count = 0};

		make_heap(&h, 0, 0, 0xc000000000 + random_below(4 * HW_SLAB), 500);
		check_heaps(&h, false);
	}
}
END_TEST

/* Heaps that lie in each other, of both kinds. */
START_TEST(several_heaps)
{
	for (uint32_t i = 0; i < 60; i++) {
		struct heaps h = {.count = 0};
		uint32_t heaps = 2 + (uint32_t)random_below(3);

		for (uint32_t k = 0; k < heaps; k++)
			make_heap(&h, k, random_below(2) ? 16 : 0,
				  0x7f0000000000 + random_below(64 * HW_SLAB), 150);
		check_heaps(&h, true);
		ck_assert_uint_le(notes.warnings->len, HW_NOTES_KEPT);
	}
}
END_TEST

START_TEST(nothing_and_little)
{
	struct heaps h = {.count = 0};
	struct hw_table *t = make_table(&h);
	hw_addr low;
	hw_addr high;

	ck_assert_uint_eq(hw_table_count(t), 0);
	ck_assert_uint_eq(hw_table_find(t, 0x1000, NULL), HW_NO_BLOCK);
	hw_table_span(t, &low, &high);
	ck_assert_uint_eq(low, high);
	hw_table_free(t);
	h.count = 1;
	h.known[0] = (struct known){{.addr = 8, .size = 1}, 0, 0, 0};
	check_heaps(&h, false);
}
END_TEST

/* Blocks that cannot be represented are left out, and that is said. */
START_TEST(odd_blocks)
{
	const hw_addr limit = (hw_addr)1 << HW_ADDR_BITS;
	const struct hw_block bad[] = {
	    {.addr = 0x10000001, .size = 16},      {.addr = 0x10000010, .size = limit},
	    {.addr = limit - 16, .size = 64},      {.addr = limit + 4096, .size = 16},
	    {.addr = UINT64_MAX - 63, .size = 32},
	};
	struct heaps h = {.count = 0};
	struct hw_table *t;

	for (uint32_t i = 0; i < G_N_ELEMENTS(bad); i++)
		h.known[h.count++] = (struct known){bad[i], 0, 16, i};
	t = make_table(&h);
	ck_assert_uint_eq(hw_table_count(t), 0);
	ck_assert(notes.incomplete);
	ck_assert_uint_eq(notes.warnings->len, 1);
	hw_table_free(t);
}
END_TEST

/* 200 GiB, a few blocks in every 3 MiB of it, among them some at 8 mod 16, one of 9 GiB
 * and one of 40 GiB: 2^32 granules of 8 bytes are passed, and few pages are touched. */
static struct hw_block sparse_block(uint64_t i, hw_addr *next)
{
	struct hw_block b = {.addr = *next, .size = 24 + i % 5 * 8};

	b.addr += i % 7 == 3 ? 8 : 0;
	if (i == 1000)
		b.size = 9 * GiB;
	if (i == 30000)
		b.size = 40 * GiB + 8;
	*next = ((b.addr + b.size + 15) & ~(hw_addr)15) + (i % 4 == 3 ? 8 * HW_SLAB : 0);
	return b;
}

START_TEST(sparse_200_gib)
{
	const hw_addr base = 0x100000000000;
	struct hw_builder *builder = hw_builder_new();
	struct hw_table *t;
	hw_addr next = base;
	uint32_t count = 0;

	for (; next < base + 200 * GiB; count++) {
		struct hw_block b = sparse_block(count, &next);
		struct hw_blocks batch = {sizeof(batch), sizeof(b), 0, 1, &b};

		ck_assert(hw_builder_add(builder, &batch, 0));
	}
	t = hw_builder_finish(builder, &notes, NULL);
	ck_assert_ptr_nonnull(t);
	ck_assert_uint_eq(hw_table_count(t), count);
	ck_assert_uint_gt(count, 100000);
	next = base;
	for (uint32_t i = 0; i < count; i++) {
		struct hw_block b = sparse_block(i, &next);

		ck_assert_uint_eq(hw_table_addr(t, i), b.addr);
		ck_assert_uint_eq(hw_table_size(t, i), b.size);
		ck_assert_uint_eq(hw_table_find(t, b.addr, NULL), i);
		ck_assert_uint_eq(hw_table_find(t, b.addr + b.size - 1, NULL), i);
		ck_assert_uint_eq(hw_table_find(t, b.addr + b.size / 2, NULL), i);
		ck_assert_uint_eq(hw_table_at(t, b.addr + b.size) == i, false);
		if (i % 4 == 3)
			ck_assert_uint_eq(hw_table_find(t, next - 8, NULL), HW_NO_BLOCK);
	}
	hw_table_free(t);
}
END_TEST

START_TEST(interrupted)
{
	struct heaps h = {.count = 0};
	struct hw_builder *builder = hw_builder_new();
	GError *error = NULL;

	make_heap(&h, 0, 16, 0x555500000000, 10);
	hand_in(builder, &h);
	hw_stop_request(true);
	ck_assert_ptr_null(hw_builder_finish(builder, &notes, &error));
	hw_stop_request(false);
	ck_assert_ptr_nonnull(error);
	g_clear_error(&error);
}
END_TEST

START_TEST(no_memory)
{
	struct heaps h = {.count = 0};
	size_t before;

	make_heap(&h, 0, 16, 0x555500000000, 1000);
	for (size_t budget = 1; budget < (size_t)64 << 20; budget *= 3) {
		struct hw_builder *builder;
		struct hw_table *t;
		GError *error = NULL;
		bool ok = true;

		before = hw_array_set_budget(budget);
		builder = hw_builder_new();
		for (uint32_t i = 0; ok && i < h.count; i++) {
			const struct known *k = &h.known[i];
			struct hw_blocks batch = {sizeof(batch), sizeof(k->block), k->heap, 1,
						  &k->block};

			ok = hw_builder_add(builder, &batch, k->header);
		}
		t = hw_builder_finish(builder, &notes, &error);
		ck_assert((t == NULL) == (error != NULL));
		hw_table_free(t);
		g_clear_error(&error);
		hw_array_set_budget(before);
		ck_assert_uint_eq(hw_array_used(), 0);
	}
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("table");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, one_heap_with_headers);
	tcase_add_test(tests, one_heap_without_headers);
	tcase_add_test(tests, several_heaps);
	tcase_add_test(tests, nothing_and_little);
	tcase_add_test(tests, odd_blocks);
	tcase_add_test(tests, sparse_200_gib);
	tcase_add_test(tests, interrupted);
	tcase_add_test(tests, no_memory);
	return run_case("graph_table", tests);
}
