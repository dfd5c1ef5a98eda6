/* SPDX-License-Identifier: Apache-2.0 */
/* The toy plugin through the fake host: a heap of plugins/bump/README.md is written here,
 * read back, and broken. Shows the least a plugin's test should do. */
#include "../runner.h"
#include "fake_host.h"
#include <inttypes.h>
#include <string.h>

#define BASE       UINT64_C(0x7f0000010000)
#define SIZE       UINT64_C(8192)
#define HEAD       24 /* magic, next, end */
#define BLOCK_HEAD 16 /* size, live */

static const struct hw_plugin *plugin;

static const struct {
	uint64_t size;
	bool live;
} blocks[] = {{8, true}, {256, false}, {1024, true}, {16, true}, {8, false}};

static void put(uint8_t *bytes, uint64_t at, uint64_t value)
{
	memcpy(bytes + at, &value, sizeof(value));
}

/* Writes the heap; returns the offset of the first byte never handed out. */
static uint64_t write_heap(uint8_t *bytes)
{
	uint64_t at = HEAD;

	memset(bytes, 0, SIZE);
	memcpy(bytes, "BUMPHEAP", 8);
	for (size_t i = 0; i < G_N_ELEMENTS(blocks); i++) {
		put(bytes, at, blocks[i].size);
		put(bytes, at + 8, blocks[i].live);
		at += BLOCK_HEAD + blocks[i].size;
	}
	put(bytes, 8, BASE + at);
	put(bytes, 16, BASE + SIZE);
	return at;
}

static struct fake_host *make_host(uint8_t *bytes)
{
	struct fake_host *fake = fake_host_new();
	struct fake_segment other = {BASE - 0x10000, BASE - 0x8000, 0, NULL, 0,
				     HW_OWNER_ANON,  HW_NO_MODULE};
	struct fake_segment heap = {BASE,          BASE + SIZE, SIZE, bytes, HW_PERM_R | HW_PERM_W,
				    HW_OWNER_ANON, HW_NO_MODULE};

	fake_host_segment(fake, &heap);
	fake_host_segment(fake, &other);
	fake_host_ready(fake);
	return fake;
}

START_TEST(whole)
{
	static uint8_t bytes[SIZE];
	uint64_t used = write_heap(bytes), live = 0, unused = 0;
	struct fake_host *fake = make_host(bytes);
	const struct fake_heap *heap;

	ck_assert_int_eq(plugin->probe(&fake->host), 100);
	ck_assert(fake_run(fake, plugin));
	ck_assert_msg(!fake_breach(fake), "%s", fake_breach(fake));
	ck_assert(!fake_is_incomplete(fake));
	ck_assert_uint_eq(fake->heaps->len, 1);
	heap = fake->heaps->pdata[0];
	ck_assert_uint_eq(heap->blocks->len, G_N_ELEMENTS(blocks));
	for (size_t i = 0; i < G_N_ELEMENTS(blocks); i++) {
		const struct hw_block *b = &g_array_index(heap->blocks, struct hw_block, i);

		ck_assert_uint_eq(b->size, blocks[i].size);
		ck_assert_uint_eq(b->state, blocks[i].live ? HW_LIVE : HW_FREE);
		*(blocks[i].live ? &live : &unused) += blocks[i].size;
	}
	ck_assert_uint_eq(heap->ledger.mapped, SIZE);
	ck_assert_uint_eq(heap->ledger.bytes[HW_ROW_LIVE], live);
	ck_assert_uint_eq(heap->ledger.bytes[HW_ROW_FREE], unused);
	ck_assert_uint_eq(heap->ledger.bytes[HW_ROW_OVERHEAD], BLOCK_HEAD * G_N_ELEMENTS(blocks));
	ck_assert_uint_eq(heap->ledger.bytes[HW_ROW_METADATA], HEAD);
	ck_assert_uint_eq(heap->ledger.bytes[HW_ROW_UNTOUCHED], SIZE - used);
	ck_assert_uint_eq(heap->ledger.bytes[HW_ROW_UNKNOWN], 0);
	ck_assert_uint_eq(heap->arenas->len, 1);
	fake_host_free(fake);
}
END_TEST

START_TEST(absent)
{
	static uint8_t bytes[SIZE];
	struct fake_host *fake = make_host(bytes);

	ck_assert_int_eq(plugin->probe(&fake->host), 0);
	ck_assert(!fake_run(fake, plugin));
	ck_assert_ptr_nonnull(fake->failure);
	ck_assert_msg(!fake_breach(fake), "%s", fake_breach(fake));
	fake_host_free(fake);
}
END_TEST

/* Every byte of the heads, three ways: the rows add up, nothing lies outside. */
START_TEST(damaged)
{
	static uint8_t bytes[SIZE];
	uint64_t used = write_heap(bytes);
	struct fake_host *fake = make_host(bytes);

	for (uint64_t i = 0; i < used; i++) {
		uint8_t old = bytes[i];
		const uint8_t values[] = {0, 0xff, (uint8_t)~old};

		for (size_t v = 0; v < G_N_ELEMENTS(values); v++) {
			bytes[i] = values[v];
			fake_host_reset(fake);
			fake_run(fake, plugin);
			ck_assert_msg(!fake_breach(fake), "byte %d: %s", (int)i, fake_breach(fake));
		}
		bytes[i] = old;
	}
	put(bytes, HEAD, 0); /* The first block's size. */
	fake_host_reset(fake);
	ck_assert(fake_run(fake, plugin));
	ck_assert_uint_gt(fake->damage_count, 0);
	ck_assert_uint_eq(g_array_index(fake->damage, struct fake_damage, 0).addr, BASE + HEAD);
	ck_assert_uint_eq(((struct fake_heap *)fake->heaps->pdata[0])->ledger.bytes[HW_ROW_UNKNOWN],
			  used - HEAD);
	fake_host_free(fake);
}
END_TEST

START_TEST(no_memory)
{
	static uint8_t bytes[SIZE];
	struct fake_host *fake;

	write_heap(bytes);
	fake = make_host(bytes);
	fake->resize_fail_at = 1;
	ck_assert(!fake_run(fake, plugin));
	ck_assert_ptr_nonnull(fake->failure);
	ck_assert_msg(!fake_breach(fake), "%s", fake_breach(fake));
	fake_host_free(fake);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("bump");

	plugin = fake_plugin_load("bump");
	tcase_add_test(tcase, whole);
	tcase_add_test(tcase, absent);
	tcase_add_test(tcase, damaged);
	tcase_add_test(tcase, no_memory);
	return run_case("bump", tcase);
}
