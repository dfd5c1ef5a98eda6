/* SPDX-License-Identifier: Apache-2.0 */
/* test_accounts.c -- the kernel's texts, sound and spoilt, and the chain made of them. */
#include "../runner.h"
#include "base/array.h"
#include "memory/accounts.h"
#include "query/reconcile.h"
#include <string.h>

static struct hw_notes notes;

struct text {
	const char *name;
	const char *text;
};

static const char *look_up(void *arg, const char *name)
{
	for (const struct text *t = arg; t->name; t++)
		if (!strcmp(t->name, name))
			return t->text;
	return NULL;
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

#define SMAPS                                                                                      \
	"5000-7000 rw-p 00000000 00:00 0                          [heap]\n"                        \
	"Size:                  8 kB\n"                                                            \
	"Rss:                   8 kB\n"                                                            \
	"Pss:                   7 kB\n"                                                            \
	"Pss_Dirty:             7 kB\n"                                                            \
	"Shared_Dirty:          1 kB\n"                                                            \
	"Private_Clean:         2 kB\n"                                                            \
	"Private_Dirty:         5 kB\n"                                                            \
	"Anonymous:             8 kB\n"                                                            \
	"LazyFree:              3 kB\n"                                                            \
	"AnonHugePages:         0 kB\n"                                                            \
	"Swap:                  4 kB\n"                                                            \
	"VmFlags: rd wr mr mw me ac \n"                                                            \
	"9000-a000 r--p 00001000 fe:00 12 /a file\nRss: 4 kB\nPrivate_Hugetlb: 2048 kB\n"

START_TEST(smaps)
{
	struct text texts[] = {{"smaps", SMAPS}, {"status", "Name:\tx\nVmRSS:\t    13 kB\n"}, {0}};
	struct hw_accounts *accounts = hw_accounts_new(look_up, texts, &notes);
	const struct hw_vma *heap;

	ck_assert_uint_eq(accounts->vma_count, 2);
	heap = hw_accounts_vma(accounts, 0x6fff);
	ck_assert_ptr_nonnull(heap);
	ck_assert_uint_eq(heap->rss, 8192);
	ck_assert_uint_eq(heap->pss, 7168);
	ck_assert_uint_eq(heap->dirty, 6144);
	ck_assert_uint_eq(heap->private_, 7168);
	ck_assert_uint_eq(heap->lazy, 3072);
	ck_assert_uint_eq(heap->swap, 4096);
	ck_assert_ptr_null(hw_accounts_vma(accounts, 0x4fff));
	ck_assert_ptr_null(hw_accounts_vma(accounts, 0x7000));
	ck_assert_uint_eq(hw_accounts_vma(accounts, 0x9000)->hugetlb, 2048 * 1024);
	ck_assert_ptr_null(hw_accounts_vma(accounts, 0xa000));
	ck_assert_uint_eq(accounts->total.rss, 12288);
	ck_assert_uint_eq(accounts->status_rss, 13312);
	ck_assert_uint_eq(accounts->page_tables, HW_NOT_KNOWN);
	ck_assert(!accounts->has_cgroup && !notes.damage_count);
	hw_accounts_free(accounts);
}
END_TEST

/* Any cut and any byte changed: no crash, ascending mappings. */
START_TEST(spoilt_smaps)
{
	static const char bytes[] = {0x01, '9', '-', '\n', ' ', 'f', (char)0xff};

	for (size_t i = 0; i < strlen(SMAPS); i++) {
		for (size_t b = 0; b <= sizeof(bytes); b++) {
			g_autofree char *text = g_strdup(SMAPS);
			struct text texts[] = {{"smaps", text},
					       {"memory.current", text},
					       {"memory.stat", text},
					       {"processes", text},
					       {0}};
			struct hw_accounts *accounts;

			text[i] = b < sizeof(bytes) ? bytes[b] : '\0';
			accounts = hw_accounts_new(look_up, texts, &notes);
			ck_assert_ptr_nonnull(accounts);
			for (uint32_t v = 1; v < accounts->vma_count; v++)
				ck_assert(accounts->vmas[v].start >= accounts->vmas[v - 1].end);
			hw_accounts_free(accounts);
		}
	}
}
END_TEST

/* Rows of a level and its rest are the level. */
static void check_level(const struct hw_reconcile *chain, const char *of)
{
	int64_t sum = 0;
	guint rests = 0;

	for (guint i = 0; i < chain->rows->len; i++) {
		const struct hw_reconcile_row *row =
		    &g_array_index(chain->rows, struct hw_reconcile_row, i);

		if (g_strcmp0(row->of, of))
			continue;
		sum += row->bytes;
		rests += !strcmp(row->label, "unexplained");
	}
	ck_assert_int_eq(sum, hw_reconcile_find(chain, of)->bytes);
	ck_assert_uint_eq(rests, 1);
}

static int64_t bytes_of(const struct hw_reconcile *chain, const char *label)
{
	const struct hw_reconcile_row *row = hw_reconcile_find(chain, label);

	ck_assert_msg(row != NULL, "no row %s", label);
	return row->bytes;
}

START_TEST(cgroup_v2)
{
	struct text texts[] = {{"memory.current", "1000000\n"},
			       {"memory.max", "max\n"},
			       {"memory.swap.current", "77\n"},
			       {"memory.stat",
				"anon 400000\nfile 300000\nkernel 50000\nkernel_stack 1\n"
				"pagetables 2\nsock 10\nshmem 100000\nfile_mapped 5\nanon_thp 9\n"
				"inactive_file 120000\nactive_file 80000\nslab 33\n"},
			       {"processes", "12 500 300 b\n7 400 80 a b\n"},
			       {0}};
	struct hw_accounts *accounts = hw_accounts_new(look_up, texts, &notes);
	struct hw_reconcile chain;

	hw_reconcile_init(&chain);
	ck_assert(accounts->has_cgroup);
	ck_assert_uint_eq(accounts->cgroup.limit, HW_NOT_KNOWN);
	ck_assert_uint_eq(accounts->cgroup.swap, 77);
	ck_assert_str_eq(accounts->peers[0].command, "a b");
	hw_reconcile_cgroup(&chain, accounts, 12);
	check_level(&chain, "cgroup");
	check_level(&chain, "anon");
	ck_assert_int_eq(bytes_of(&chain, "file"), 200000);
	ck_assert_int_eq(bytes_of(&chain, "shmem"), 100000);
	ck_assert_int_eq(bytes_of(&chain, "unexplained"), 249990);
	ck_assert_int_eq(bytes_of(&chain, "anon of this process"), 300 * 1024);
	ck_assert_int_eq(bytes_of(&chain, "anon of other processes"), 80 * 1024);
	ck_assert_uint_eq(hw_reconcile_working_set(&accounts->cgroup), 880000);
	ck_assert_uint_eq(hw_reconcile_without_cache(&accounts->cgroup), 700000);
	hw_reconcile_clear(&chain);
	hw_accounts_free(accounts);
}
END_TEST

/* The limits of those above count; the swap cache is no page cache. */
START_TEST(cgroup_limits)
{
	struct text texts[] = {{"memory.current", "900000\n"},
			       {"memory.max", "800000\n"},
			       {"cgroup limits", "limit 700000\nhigh 600000\n"},
			       {"memory.stat", "anon 400000\nfile 300000\nshmem 100000\nswapcached "
					       "150000\n"},
			       {0}};
	struct hw_accounts *accounts = hw_accounts_new(look_up, texts, &notes);

	ck_assert_uint_eq(accounts->cgroup.limit, 700000);
	ck_assert_uint_eq(accounts->cgroup.high, 600000);
	ck_assert_uint_eq(accounts->cgroup.file, 50000);
	ck_assert_uint_eq(accounts->cgroup.swap_cache, 150000);
	hw_accounts_free(accounts);
	texts[1].text = "500000\n";
	texts[2].text = "limit max\nhigh max\n";
	accounts = hw_accounts_new(look_up, texts, &notes);
	ck_assert_uint_eq(accounts->cgroup.limit, 500000);
	ck_assert_uint_eq(accounts->cgroup.high, HW_NOT_KNOWN);
	hw_accounts_free(accounts);
}
END_TEST

START_TEST(cgroup_v1)
{
	struct text texts[] = {{"memory.usage_in_bytes", "2000\n"},
			       {"memory.limit_in_bytes", "9223372036854771712\n"},
			       {"memory.kmem.usage_in_bytes", "300\n"},
			       {"memory.stat",
				"cache 1\nrss 2\ntotal_cache 700\ntotal_rss 1100\ntotal_shmem 200\n"
				"total_inactive_file 50\n"},
			       {0}};
	struct hw_accounts *accounts = hw_accounts_new(look_up, texts, &notes);
	struct hw_reconcile chain;

	hw_reconcile_init(&chain);
	hw_reconcile_cgroup(&chain, accounts, 12);
	check_level(&chain, "cgroup");
	ck_assert_uint_eq(accounts->cgroup.limit, HW_NOT_KNOWN);
	ck_assert_int_eq(bytes_of(&chain, "anon"), 1100);
	ck_assert_int_eq(bytes_of(&chain, "file"), 500);
	/* Counters in batches: more parts than the whole. */
	ck_assert_int_eq(bytes_of(&chain, "unexplained"), -100);
	ck_assert_ptr_null(hw_reconcile_find(&chain, "sock"));
	ck_assert_uint_eq(hw_reconcile_working_set(&accounts->cgroup), 1950);
	hw_reconcile_clear(&chain);
	hw_accounts_free(accounts);
}
END_TEST

/* A core: nothing is known, and nothing is claimed. */
START_TEST(no_texts)
{
	struct text texts[] = {{0}};
	struct hw_accounts *accounts = hw_accounts_new(look_up, texts, &notes);
	struct hw_reconcile chain;

	hw_reconcile_init(&chain);
	hw_reconcile_cgroup(&chain, accounts, 1);
	ck_assert_uint_eq(chain.rows->len, 0);
	ck_assert_uint_eq(accounts->status_rss, HW_NOT_KNOWN);
	hw_reconcile_clear(&chain);
	hw_accounts_free(accounts);
	hw_accounts_free(NULL);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("all");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, smaps);
	tcase_add_test(tests, spoilt_smaps);
	tcase_add_test(tests, cgroup_v2);
	tcase_add_test(tests, cgroup_limits);
	tcase_add_test(tests, cgroup_v1);
	tcase_add_test(tests, no_texts);
	return run_case("accounts", tests);
}
