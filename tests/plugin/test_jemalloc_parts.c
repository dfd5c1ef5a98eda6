/* SPDX-License-Identifier: Apache-2.0 */
/* Small parts of the jemalloc plugin by themselves: size classes, bitmaps, elements of the
 * radix tree, where base blocks and extents are looked up. */
#include "../../plugins/jemalloc/jemalloc.h"
#include "../runner.h"
#include <string.h>

/* The classes as sc.c describes them: quantum steps to 64, then four to each doubling. */
START_TEST(size_classes)
{
	uint64_t size = 16, step = 16;

	ck_assert_uint_eq(index2size(0), 8);
	for (uint32_t i = 1; i < SC_NSIZES; i++) {
		ck_assert_uint_eq(index2size(i), size);
		if (i >= 8 && i % 4 == 0)
			step *= 2;
		size += step;
	}
	ck_assert_uint_eq(index2size(SC_NBINS - 1), SC_SMALL_MAXCLASS);
	ck_assert_uint_eq(index2size(SC_NBINS), SC_LARGE_MINCLASS);
	ck_assert_uint_eq(index2size(231), UINT64_C(7) << 60);
}
END_TEST

/* Bits past the last region are garbage and never count. */
START_TEST(bitmaps)
{
	uint64_t bitmap[8];

	memset(bitmap, 0xff, sizeof(bitmap));
	for (uint32_t n = 1; n <= SLAB_MAXREGS; n++)
		ck_assert_uint_eq(bitmap_count(bitmap, n), n);
	bitmap[1] = 0;
	ck_assert_uint_eq(bitmap_count(bitmap, 128), 64);
	ck_assert_uint_eq(bitmap_count(bitmap, 65), 64);
	ck_assert(!bitmap_is_free(bitmap, 64));
	ck_assert(bitmap_is_free(bitmap, 63));
}
END_TEST

static hw_addr decode(const struct rtree_shape *shape, uint64_t first, uint64_t second,
		      uint32_t *leaf)
{
	uint64_t words[2] = {first, second};

	return leaf_decode(shape, (const uint8_t *)words, leaf);
}

START_TEST(elements)
{
	const uint64_t edata = UINT64_C(0x7f1234567080);
	uint32_t leaf;

	/* 48 bits: szind 43, state 3, head, slab. */
	ck_assert_uint_eq(
	    decode(&rtree_shapes[0], edata | UINT64_C(43) << 48 | 3 << 2 | 2 | 1, 0, &leaf), edata);
	ck_assert_uint_eq(leaf, 43 | LEAF_SLAB | LEAF_HEAD | 3 << LEAF_STATE_SHIFT);
	/* The same extent at a multiple of 64: 5.2 and before. */
	ck_assert_uint_eq(decode(&rtree_shapes[0], (edata + 64) | 1, 0, &leaf), edata + 64);
	/* A tombstone: szind 232 and no extent. */
	ck_assert_uint_eq(decode(&rtree_shapes[0], UINT64_C(232) << 48, 0, &leaf), 0);
	/* 57 bits: two words. */
	ck_assert_uint_eq(decode(&rtree_shapes[1], edata, 43 << 5 | 3 << 2 | 2 | 1, &leaf), edata);
	ck_assert_uint_eq(leaf, 43 | LEAF_SLAB | LEAF_HEAD | 3 << LEAF_STATE_SHIFT);
	for (uint32_t i = 0; i < rtree_shape_count; i++)
		ck_assert_uint_eq(rtree_shapes[i].root_bits + rtree_shapes[i].mid_bits +
				      rtree_shapes[i].leaf_bits,
				  i ? 45 : 36);
}
END_TEST

/* Fields of one layout do not overlap, and no two versions share what tells them apart. */
START_TEST(tables)
{
	for (uint32_t i = 0; i < extent_layout_count; i++) {
		const struct extent_layout *l = &extent_layouts[i];

		ck_assert_uint_eq(l->slab, 12);
		ck_assert_uint_eq(l->state + l->state_width, l->szind);
		ck_assert_uint_eq(l->szind + 8, l->nfree);
		ck_assert(l->binshard == NO_BIT || l->binshard == l->nfree + 10);
	}
	for (uint32_t i = 0; i < version_layout_count; i++) {
		const struct version_layout *v = &version_layouts[i];

		ck_assert_uint_lt(v->extent, extent_layout_count);
		ck_assert_uint_lt(v->arena_base, v->arena_size);
		ck_assert_uint_lt(v->base_mapped, v->base_size);
		for (uint32_t k = 0; k < i; k++)
			ck_assert(v->arena_base != version_layouts[k].arena_base);
	}
}
END_TEST

START_TEST(lookups)
{
	struct base_block blocks[2] = {
	    {.addr = 0x200000, .size = 0x200000, .used = 0x201000},
	    {.addr = 0x600000, .size = 0x400000, .used = 0xa00000},
	};
	struct jemalloc je = {.blocks = blocks, .block_count = 2};
	struct extent extents[2] = {
	    {.addr = 0x1000, .size = 0x3000, .kind = KIND_LARGE, .szind = SC_NBINS},
	    {.addr = 0x8000, .size = 0x5000, .kind = KIND_LARGE, .szind = 3, .is_sampled = true},
	};
	struct copy copy = {.extents = extents, .extent_count = 2, .pad = PAGE};

	ck_assert_ptr_null(block_of(&je, 0x1fffff, 1));
	ck_assert_ptr_eq(block_of(&je, 0x200000, 0x1000), &blocks[0]);
	ck_assert_ptr_null(block_of(&je, 0x200ff8, 16)); /* Beyond what was handed out. */
	ck_assert_ptr_eq(block_of(&je, 0x9fffff, 1), &blocks[1]);
	ck_assert_ptr_null(block_of(&je, UINT64_MAX - 7, 8));
	ck_assert_ptr_null(extent_find(&copy, 0xfff));
	ck_assert_ptr_eq(extent_find(&copy, 0x3fff), &extents[0]);
	ck_assert_ptr_null(extent_find(&copy, 0x4000));
	ck_assert_ptr_null(extent_find(&copy, UINT64_MAX));
	ck_assert_uint_eq(usable_size(&copy, &extents[0]), 0x2000);
	ck_assert_uint_eq(usable_size(&copy, &extents[1]), 48);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("parts");

	tcase_add_test(tcase, size_classes);
	tcase_add_test(tcase, bitmaps);
	tcase_add_test(tcase, elements);
	tcase_add_test(tcase, tables);
	tcase_add_test(tcase, lookups);
	return run_case("jemalloc parts", tcase);
}
