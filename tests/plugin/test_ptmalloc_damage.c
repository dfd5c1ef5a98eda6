/* SPDX-License-Identifier: Apache-2.0 */
/* The ptmalloc plugin on heaps that somebody broke. Whatever is broken: it comes back,
 * its rows add up, and it says that something is wrong. */
#include "../runner.h"
#include "victim.h"
#include <stdlib.h>
#include <string.h>

static const struct hw_plugin *plugin;

static uint64_t linked(const struct victim *v, hw_addr slot, hw_addr to)
{
	return v->libc->options.class->safe_linking ? (slot >> 12) ^ to : to;
}

/* A list of at least two chunks; 0 to len - 1 in *list_ret. */
static bool pick_fastbin(const struct victim *v, const GArray **list_ret)
{
	for (guint a = 0; a < v->libc->arenas->len; a++)
		for (int b = 0; b < NFASTBINS; b++)
			if (victim_arena(v, a)->fastbins[b]->len >= 2) {
				*list_ret = victim_arena(v, a)->fastbins[b];
				return true;
			}
	return false;
}

static bool pick_tcache(const struct victim *v, const GArray **list_ret, hw_addr *count_ret)
{
	for (guint t = 0; t < v->libc->tcaches->len; t++) {
		const struct synth_tcache *cache =
		    &g_array_index(v->libc->tcaches, struct synth_tcache, t);

		for (int b = 0; cache->addr && b < TCACHE_ALL_BINS; b++)
			if (cache->lists[b]->len >= 2 && cache->lists[b]->len < 6) {
				*list_ret = cache->lists[b];
				*count_ret = cache->addr + (unsigned)b * v->at.tcache_count_size;
				return true;
			}
	}
	return false;
}

static hw_addr nth(const struct victim *v, const GArray *list, guint n)
{
	return victim_chunk(v, g_array_index(list, guint, n))->addr;
}

/* What can be broken. Each returns false when the class has no such thing. */

static bool fastbin_cycle(struct victim *v)
{
	const GArray *list;

	if (!pick_fastbin(v, &list))
		return false;
	hw_addr last = nth(v, list, list->len - 1);
	victim_poke(v, last + 16, linked(v, last + 16, nth(v, list, 0)));
	return true;
}

static bool fastbin_astray(struct victim *v)
{
	const GArray *list;

	if (!pick_fastbin(v, &list))
		return false;
	victim_poke(v, nth(v, list, 0) + 16, linked(v, nth(v, list, 0) + 16, 0x414141414140));
	return true;
}

static bool fastbin_into_a_block(struct victim *v)
{
	const GArray *list;

	if (!pick_fastbin(v, &list))
		return false;
	hw_addr first = nth(v, list, 0);
	victim_poke(v, first + 16,
		    linked(v, first + 16, victim_pick(v, 0, SYNTH_LIVE, 3)->addr + 16));
	return true;
}

static bool tcache_cycle(struct victim *v)
{
	const GArray *list;
	hw_addr count;

	if (!pick_tcache(v, &list, &count))
		return false;
	hw_addr last = nth(v, list, list->len - 1) + 16;
	victim_poke(v, last, linked(v, last, nth(v, list, 0) + 16));
	return true;
}

static bool tcache_astray(struct victim *v)
{
	const GArray *list;
	hw_addr count;

	if (!pick_tcache(v, &list, &count))
		return false;
	victim_poke(v, nth(v, list, 0) + 16, linked(v, nth(v, list, 0) + 16, 0x7f4242424248));
	return true;
}

static bool tcache_count(struct victim *v)
{
	const GArray *list;
	hw_addr count;

	if (!pick_tcache(v, &list, &count))
		return false;
	*synth_at(v->synth, count, 1) += 1;
	return true;
}

static bool tcache_cut(struct victim *v)
{
	const GArray *list;
	hw_addr count;

	if (!pick_tcache(v, &list, &count))
		return false;
	victim_poke(v, nth(v, list, 0) + 16, linked(v, nth(v, list, 0) + 16, 0));
	return true;
}

/* The same chunk in the caches of two threads. */
static bool tcache_twice(struct victim *v)
{
	const GArray *list;
	hw_addr count;

	if (!pick_tcache(v, &list, &count))
		return false;
	hw_addr chunk = nth(v, list, 0);
	for (guint t = 0; t < v->libc->tcaches->len; t++) {
		const struct synth_tcache *cache =
		    &g_array_index(v->libc->tcaches, struct synth_tcache, t);
		uint32_t bin = synth_tcache_index(victim_word(v, chunk + 8) & ~UINT64_C(7));

		if (cache->addr && cache->lists[bin] != list) {
			hw_addr slot = cache->addr + v->at.tcache_entries + 8 * (hw_addr)bin;

			victim_poke(v, slot, chunk + 16);
			return true;
		}
	}
	return false;
}

static bool bin_back_link(struct victim *v)
{
	victim_poke(v, victim_pick(v, 0, SYNTH_BINNED, 2)->addr + 24, 0x5555deadbee0);
	return true;
}

static bool bin_self_loop(struct victim *v)
{
	hw_addr chunk = victim_pick(v, 0, SYNTH_BINNED, 1)->addr;

	victim_poke(v, chunk + 16, chunk);
	return true;
}

static bool bin_astray(struct victim *v)
{
	victim_poke(v, victim_pick(v, 1, SYNTH_BINNED, 1)->addr + 16, 0x10);
	return true;
}

/* A thread inside malloc: taken off its bin, the next chunk's flag not yet set. */
static bool unlinked(struct victim *v)
{
	hw_addr chunk = victim_pick(v, 0, SYNTH_BINNED, 3)->addr;
	hw_addr fd = victim_word(v, chunk + 16), bk = victim_word(v, chunk + 24);

	victim_poke(v, fd + 24, bk);
	victim_poke(v, bk + 16, fd);
	return true;
}

/* The other way round: the flag says in use, the bin still has it. */
static bool still_linked(struct victim *v)
{
	const struct synth_chunk *c = victim_pick(v, 0, SYNTH_BINNED, 4);

	victim_poke(v, c->addr + c->size + 8, victim_word(v, c->addr + c->size + 8) | PREV_INUSE);
	return true;
}

static bool footer(struct victim *v)
{
	const struct synth_chunk *c = victim_pick(v, 1, SYNTH_BINNED, 2);

	victim_poke(v, c->addr + c->size, c->size + 0x1000);
	return true;
}

static bool size_zero(struct victim *v)
{
	victim_poke(v, victim_pick(v, 0, SYNTH_LIVE, 5)->addr + 8, PREV_INUSE);
	return true;
}

static bool size_odd(struct victim *v)
{
	hw_addr head = victim_pick(v, 1, SYNTH_LIVE, 5)->addr + 8;

	victim_poke(v, head, victim_word(v, head) + 8);
	return true;
}

static bool size_huge(struct victim *v)
{
	victim_poke(v, victim_pick(v, 0, SYNTH_LIVE, 6)->addr + 8, 0x7fffffff0001);
	return true;
}

static bool size_wraps(struct victim *v)
{
	victim_poke(v, victim_pick(v, 1, SYNTH_LIVE, 4)->addr + 8,
		    UINT64_C(0xfffffffffffffff1) | NON_MAIN_ARENA);
	return true;
}

static bool first_chunk(struct victim *v)
{
	victim_poke(v, g_array_index(v->libc->regions, struct synth_region, 0).start + 8, 0);
	return true;
}

static bool ring_loops(struct victim *v)
{
	victim_poke(v, victim_arena(v, 1)->addr + v->at.next, victim_arena(v, 1)->addr);
	return true;
}

static bool ring_astray(struct victim *v)
{
	victim_poke(v, victim_arena(v, 2)->addr + v->at.next, 0x424242424240);
	return true;
}

static bool ring_ends(struct victim *v)
{
	victim_poke(v, v->libc->main_arena + v->at.next, 0);
	return true;
}

/* Base of the newest heap of an arena that has several. */
static hw_addr last_heap(const struct victim *v)
{
	for (guint i = 2; i < v->libc->regions->len; i++) {
		const struct synth_region *r =
		    &g_array_index(v->libc->regions, struct synth_region, i);

		if (r->has_top && r[-1].arena == r->arena)
			return r->base;
	}
	return 0;
}

static bool heap_prev_loop(struct victim *v)
{
	hw_addr heap = last_heap(v);

	if (heap)
		victim_poke(v, heap + 8, heap);
	return heap != 0;
}

static bool heap_prev_lost(struct victim *v)
{
	hw_addr heap = last_heap(v);

	if (heap)
		victim_poke(v, heap + 8, 0);
	return heap != 0;
}

static bool heap_owner(struct victim *v)
{
	hw_addr heap = last_heap(v);

	if (heap)
		victim_poke(v, heap, 0x1234);
	return heap != 0;
}

static bool heap_size(struct victim *v)
{
	hw_addr heap = last_heap(v);

	if (heap)
		victim_poke(v, heap + 16, victim_word(v, heap + 16) + 4096);
	return heap != 0;
}

/* top lies behind the end of its heap. */
static bool heap_shrunk(struct victim *v)
{
	hw_addr heap = last_heap(v);

	if (heap)
		victim_poke(v, heap + 16, 8192);
	return heap != 0;
}

static bool top_nowhere(struct victim *v)
{
	victim_poke(v, v->libc->main_arena + v->at.top, 0x1000);
	return true;
}

static bool top_of_arena(struct victim *v)
{
	victim_poke(v, victim_arena(v, 1)->addr + v->at.top, victim_arena(v, 0)->top);
	return true;
}

/* top in a heap of another arena: what lies between is no heap at all. */
static bool top_elsewhere(struct victim *v)
{
	victim_poke(v, v->libc->main_arena + v->at.top, victim_arena(v, 1)->top);
	return true;
}

static bool top_below(struct victim *v)
{
	victim_poke(v, v->libc->main_arena + v->at.top, victim_pick(v, 0, SYNTH_LIVE, 9)->addr);
	return true;
}

static bool top_size(struct victim *v)
{
	victim_poke(v, victim_arena(v, 0)->top + 8,
		    (victim_arena(v, 0)->top_size + 0x100000) | PREV_INUSE);
	return true;
}

static bool top_size_zero(struct victim *v)
{
	victim_poke(v, victim_arena(v, 2)->top + 8, 0);
	return true;
}

static bool system_mem_more(struct victim *v)
{
	hw_addr at = v->libc->main_arena + v->at.system_mem;

	victim_poke(v, at, victim_word(v, at) + 4096);
	return true;
}

static bool system_mem_less(struct victim *v)
{
	hw_addr at = v->libc->main_arena + v->at.system_mem;

	victim_poke(v, at, victim_word(v, at) - 4096);
	return true;
}

static bool system_mem_of_arena(struct victim *v)
{
	victim_poke(v, victim_arena(v, 1)->addr + v->at.system_mem, 12345);
	return true;
}

static bool system_mem_huge(struct victim *v)
{
	victim_poke(v, v->libc->main_arena + v->at.system_mem, UINT64_MAX - 15);
	return true;
}

static bool mmapped_head(struct victim *v)
{
	const struct synth_mmapped *m = &g_array_index(v->libc->mmapped, struct synth_mmapped, 1);

	victim_poke(v, m->base + m->lead + 8, 0);
	victim_poke(v, m->base + 8, 0);
	return true;
}

static bool mmapped_count(struct victim *v)
{
	victim_poke(v, v->libc->mp + v->at.mmapped_mem,
		    victim_word(v, v->libc->mp + v->at.mmapped_mem) + 8192);
	return true;
}

/* Missing bytes: [from, end of its segment) is not in the target. */
static void cut_segment(struct victim *v, hw_addr from)
{
	for (guint i = 0; i < v->synth->segments->len; i++) {
		struct synth_segment *s =
		    &g_array_index(v->synth->segments, struct synth_segment, i);

		if (from >= s->start && from - s->start < s->held)
			s->held = from - s->start;
	}
}

static bool missing_heap(struct victim *v)
{
	cut_segment(v, last_heap(v) ? last_heap(v) : victim_arena(v, 1)->addr & ~UINT64_C(4095));
	return true;
}

static bool missing_brk(struct victim *v)
{
	cut_segment(v, g_array_index(v->libc->regions, struct synth_region, 0).start);
	return true;
}

static bool missing_half(struct victim *v)
{
	const struct synth_region *r = &g_array_index(v->libc->regions, struct synth_region, 0);

	cut_segment(v, r->start + ((r->end - r->start) / 2 & ~UINT64_C(4095)));
	return true;
}

static bool missing_mmapped(struct victim *v)
{
	cut_segment(v, g_array_index(v->libc->mmapped, struct synth_mmapped, 0).base);
	return true;
}

static const struct {
	const char *name;
	bool (*break_it)(struct victim *v);
	/* What has no place in the heap to point at, or may be told all the same: saying
	 * "incomplete" is enough, and so is the truth. */
	bool is_missing;
} breaks[] = {
#define BREAK(name)                                                                                \
	{                                                                                          \
#name, name, false                                                                 \
	}
    BREAK(fastbin_cycle),
    BREAK(fastbin_astray),
    BREAK(fastbin_into_a_block),
    BREAK(tcache_cycle),
    BREAK(tcache_astray),
    BREAK(tcache_count),
    BREAK(tcache_cut),
    BREAK(tcache_twice),
    BREAK(bin_back_link),
    BREAK(bin_self_loop),
    BREAK(bin_astray),
    BREAK(unlinked),
    BREAK(still_linked),
    BREAK(footer),
    BREAK(size_zero),
    BREAK(size_odd),
    BREAK(size_huge),
    BREAK(size_wraps),
    BREAK(first_chunk),
    BREAK(ring_loops),
    BREAK(ring_astray),
    BREAK(ring_ends),
    BREAK(heap_prev_loop),
    BREAK(heap_prev_lost),
    BREAK(heap_owner),
    BREAK(heap_size),
    BREAK(heap_shrunk),
    BREAK(top_nowhere),
    BREAK(top_of_arena),
    BREAK(top_below),
    BREAK(top_elsewhere),
    BREAK(top_size),
    BREAK(top_size_zero),
    BREAK(system_mem_of_arena),
#define MISSING(name)                                                                              \
	{                                                                                          \
#name, name, true                                                                  \
	}
    MISSING(system_mem_more),
    MISSING(system_mem_less),
    MISSING(system_mem_huge),
    MISSING(mmapped_head),
    MISSING(mmapped_count),
    MISSING(missing_heap),
    MISSING(missing_brk),
    MISSING(missing_half),
    MISSING(missing_mmapped),
};

static bool has_addressed_damage(const struct fake_host *fake)
{
	for (guint i = 0; i < fake->damage->len; i++)
		if (g_array_index(fake->damage, struct fake_damage, i).addr)
			return true;
	return false;
}

static void check_broken(struct victim *v, int i, bool symbols, const char *what)
{
	struct fake_host *fake = fake_host_new();
	g_autofree char *difference = NULL;
	bool ok, noticed;

	compare_load(fake, v->synth, symbols);
	ok = fake_run(fake, plugin);
	difference = compare_truth(fake, v->synth);
	noticed = breaks[i].is_missing ? fake_is_incomplete(fake) || !difference
				       : has_addressed_damage(fake);
	if (!ok || !noticed || fake_breach(fake))
		fake_print(fake, what);
	ck_assert_msg(ok, "%s: failed: %s", what, fake->failure);
	ck_assert_msg(!fake_breach(fake), "%s: %s", what, fake_breach(fake));
	ck_assert_msg(noticed, "%s: not noticed", what);
	fake_host_free(fake);
}

START_TEST(broken)
{
	for (size_t c = 0; c < VICTIM_CLASSES; c++) {
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct victim v;
			g_autofree char *what = g_strdup_printf("%s, %s seed %d", breaks[_i].name,
								victim_classes[c], (int)seed);

			victim_init(&v, victim_classes[c], seed);
			if (breaks[_i].break_it(&v)) {
				check_broken(&v, _i, false, what);
				check_broken(&v, _i, true, what);
			}
			victim_clear(&v);
		}
	}
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("damage");

	plugin = fake_plugin_load("ptmalloc");
	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, broken, 0, (int)G_N_ELEMENTS(breaks));
	return run_case("ptmalloc on broken heaps", tcase);
}
