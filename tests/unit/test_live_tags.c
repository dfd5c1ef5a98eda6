/* SPDX-License-Identifier: Apache-2.0 */
/* test_live_tags.c -- tags tell pages apart. */
#include "../runner.h"
#include "target/live.h"

#define PAGE ((size_t)HW_PAGE)

static void fill(uint8_t *page, uint64_t seed)
{
	for (size_t i = 0; i < PAGE; i += 8, seed = seed * 6364136223846793005u + 1)
		memcpy(page + i, &seed, 8);
}

static bool is_same_tag(struct live_tag a, struct live_tag b)
{
	return a.word[0] == b.word[0] && a.word[1] == b.word[1];
}

START_TEST(tags_tell_pages_apart)
{
	static uint8_t key[LIVE_KEY], page[4096], other[4096];
	struct live_tag tag, zeros;

	ck_assert(live_tag_key(key));
	zeros = live_tag_page(key, page);
	ck_assert(zeros.word[0] | zeros.word[1]); /* It is not "not known". */
	fill(page, 7);
	tag = live_tag_page(key, page);
	memcpy(other, page, PAGE);
	ck_assert(is_same_tag(tag, live_tag_page(key, other)));
	ck_assert(!is_same_tag(tag, zeros));
	for (size_t bit = 0; bit < PAGE * 8; bit++) {
		page[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_msg(!is_same_tag(tag, live_tag_page(key, page)), "bit %zu", bit);
		page[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	/* The same words in another order. */
	for (size_t size = 4; size < PAGE; size *= 2) {
		memcpy(other, page + size, size);
		memcpy(other + size, page, size);
		ck_assert_msg(!is_same_tag(tag, live_tag_page(key, other)), "order, %zu", size);
		memcpy(other, page, 2 * size);
	}
	key[0] ^= 1;
	ck_assert(!is_same_tag(tag, live_tag_page(key, page)));
}
END_TEST

/* Whatever the processor computes them with. */
START_TEST(tags_are_those_of_the_reference)
{
	static uint8_t key[LIVE_KEY], page[4096];
	uint64_t sums[2] = {0, 0};
	struct live_tag tag;

	ck_assert(live_tag_key(key));
	fill(page, 9);
	for (size_t s = 0; s < 2; s++)
		for (size_t i = 0; i < PAGE; i += 8) {
			uint32_t m[2], k[2];

			memcpy(m, page + i, sizeof(m));
			memcpy(k, key + i + 32 * s, sizeof(k));
			/* RFC 4418, section 5.2.2, with the words of one pair side by side. */
			sums[s] += (uint64_t)(m[0] + k[0]) * (m[1] + k[1]);
		}
	tag = live_tag_page(key, page);
	ck_assert_uint_eq(tag.word[0], sums[0]);
	ck_assert_uint_eq(tag.word[1], sums[1]);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("live tags");

	tcase_add_test(tests, tags_tell_pages_apart);
	tcase_add_test(tests, tags_are_those_of_the_reference);
	return run_case("live tags", tests);
}
