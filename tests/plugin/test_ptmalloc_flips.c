/* SPDX-License-Identifier: Apache-2.0 */
/* Every byte of what malloc keeps about a small heap is set to 0, to 0xff and flipped, one
 * at a time: malloc_state, heap_info, mp_, tcache structs, the words in TLS, and the
 * chunks themselves. After each the plugin must say the same as before, or say that
 * something is wrong. Other numbers without a word of doubt are what this looks for.
 *
 * Of bins[], 254 words of one kind, one byte in three is taken unless HW_TEST_SEEDS is set.
 *
 * Changes that no reader of the format could notice are listed in is_excused(). */
#include "../runner.h"
#include "compare.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far more than the heap needs; an array whose length a damaged word dictates passes it. */
#define MEMORY_MOST (UINT64_C(16) << 20)

static const struct hw_plugin *plugin;
static uint64_t seeds;
static bool all; /* HW_TEST_SEEDS is set: every byte of bins[], too. */
static const char *const classes[] = {"2.17-2.22", "2.24-2.25", "2.26", "2.27-2.28", "2.30-2.31",
				      "2.34",      "2.35-2.41", "2.42", "2.43"};

struct target {
	struct synth *synth;
	struct synth_libc *libc;
	struct fake_host *fake;
	uint64_t digest; /* Of the undamaged heap. */
	/* Counted over all flips. */
	uint64_t same, doubted, failed, excused, silent;
	GString *silent_list, *failed_list;
};

/* A word of some fastbinsY[], or the link of a chunk in one. */
static bool is_fast_link(const struct synth_libc *libc, hw_addr at)
{
	uint32_t fastbins = synth_offsets(libc->options.class).fastbins;

	for (guint i = 0; fastbins && i < libc->arenas->len; i++) {
		hw_addr first = g_array_index(libc->arenas, struct synth_arena, i).addr + fastbins;

		if (at >= first && at < first + 8 * NFASTBINS)
			return true;
	}
	for (guint i = 0; i < libc->chunks->len; i++) {
		const struct synth_chunk *c = &g_array_index(libc->chunks, struct synth_chunk, i);

		if (c->kind == SYNTH_FAST && at == c->addr + CHUNK_HDR_SZ)
			return true;
	}
	return false;
}

/* A head whose wrong size still leads to the start of a later chunk, at once or over what
 * old heads in user data make of it. The live blocks between are lost; a chunk that
 * is in some list would have told. */
static bool leads_back(const struct target *t, guint chunk, uint64_t size)
{
	const struct synth_chunk *c = &g_array_index(t->libc->chunks, struct synth_chunk, chunk);
	hw_addr end = c->addr + size;

	for (guint n = chunk + 1; n < t->libc->chunks->len && size; n++) {
		const struct synth_chunk *d =
		    &g_array_index(t->libc->chunks, struct synth_chunk, n);
		uint64_t head;

		while (end < d->addr && synth_at(t->synth, end + 8, 8)) {
			head = synth_word(t->synth, end + 8);
			if (!(head & PREV_INUSE) || (head & IS_MMAPPED) ||
			    (head & ~UINT64_C(7)) < MINSIZE || head % 16 > 7)
				return false;
			end += head & ~UINT64_C(7);
		}
		if (d->region != c->region || end == d->addr)
			return d->region == c->region;
		if (d->kind != SYNTH_LIVE)
			return false;
	}
	return false;
}

/* A change of this word to this value that leaves a heap just as good as before. */
static bool is_excused(const struct target *t, hw_addr at, uint64_t value)
{
	struct synth_offsets o = synth_offsets(t->libc->options.class);
	const struct synth_libc *libc = t->libc;

	/* mp_.thp_pagesize says by what steps top shrinks: a sound value, other steps. */
	if (o.thp_pagesize && at == libc->mp + o.thp_pagesize)
		return (value & 4095) == 0;
	/* A fastbin link or head that leads to a live block of the right size whose first word
	 * ends the list: nothing counts what a fastbin holds. */
	for (guint i = 0; is_fast_link(libc, at) && i < libc->chunks->len; i++) {
		const struct synth_chunk *c = &g_array_index(libc->chunks, struct synth_chunk, i);
		uint64_t to = libc->options.class->safe_linking ? value ^ (at >> 12) : value;

		if (c->kind == SYNTH_LIVE && c->size <= 128 && (c->addr == value || c->addr == to))
			return true;
	}
	/* memalign() leaves a second head at the start of a mapping, which reads as a chunk
	 * of its own; only the inner head tells that it is not. */
	for (guint i = 0; i < libc->mmapped->len; i++) {
		const struct synth_mmapped *m =
		    &g_array_index(libc->mmapped, struct synth_mmapped, i);

		if (m->lead && at - (m->base + m->lead) < 16)
			return true;
	}
	for (guint i = 0; i < libc->chunks->len; i++)
		if (g_array_index(libc->chunks, struct synth_chunk, i).addr + 8 == at)
			return leads_back(t, i, value & ~UINT64_C(7));
	return false;
}

static void judge(struct target *t, hw_addr word_at, uint64_t value, hw_addr byte_at,
		  const char *what)
{
	g_autofree char *doubt = NULL;
	bool ok;

	fake_host_reset(t->fake);
	t->fake->memory_limit = MEMORY_MOST;
	ok = fake_run(t->fake, plugin);
	ck_assert_msg(!fake_breach(t->fake), "%s: byte 0x%" PRIx64 ": %s", what, byte_at,
		      fake_breach(t->fake));
	doubt = compare_doubt(t->fake);
	if (!ok) {
		if (t->failed++ < 20)
			g_string_append_printf(t->failed_list, "  %s byte 0x%" PRIx64 ": %s\n",
					       what, byte_at, t->fake->failure);
	} else if (doubt) {
		t->doubted++;
	} else if (compare_digest(t->fake) == t->digest) {
		t->same++;
	} else if (is_excused(t, word_at, value)) {
		t->excused++;
	} else if (++t->silent <= 20) {
		g_autofree char *difference = compare_truth(t->fake, t->synth);

		g_string_append_printf(t->silent_list,
				       "  %s byte 0x%" PRIx64 ", word 0x%" PRIx64 " now 0x%" PRIx64
				       ": %s\n",
				       what, byte_at, word_at, value, difference);
	}
}

static void flip_some(struct target *t, hw_addr start, uint64_t size, uint64_t step,
		      const char *what)
{
	uint8_t *bytes = synth_at(t->synth, start, size);

	g_assert(bytes && start % 8 == 0);
	for (uint64_t i = 0; i < size; i += step) {
		uint8_t old = bytes[i];
		const uint8_t values[] = {0, 0xff, (uint8_t)~old};

		for (size_t v = 0; v < G_N_ELEMENTS(values); v++) {
			hw_addr at = start + i;

			if (values[v] == old)
				continue;
			bytes[i] = values[v];
			judge(t, at & ~UINT64_C(7), synth_word(t->synth, at & ~UINT64_C(7)), at,
			      what);
		}
		bytes[i] = old;
	}
}

static void flip_bytes(struct target *t, hw_addr start, uint64_t size, const char *what)
{
	flip_some(t, start, size, 1, what);
}

static void flip_state(struct target *t, hw_addr state, const struct synth_offsets *o)
{
	flip_bytes(t, state, o->bins, "malloc_state");
	flip_some(t, state + o->bins, o->binmap - o->bins, all ? 1 : 3, "bins");
	flip_bytes(t, state + o->binmap, o->state_size - o->binmap, "malloc_state");
}

/* The head and the links of each chunk, not what a program wrote behind them. */
static void flip_chunks(struct target *t, uint64_t most)
{
	for (guint i = 0; i < t->libc->chunks->len && most; i++) {
		const struct synth_chunk *c =
		    &g_array_index(t->libc->chunks, struct synth_chunk, i);

		if (c->kind == SYNTH_LIVE && i % 4)
			continue;
		flip_bytes(t, c->addr, c->kind == SYNTH_LIVE || c->kind == SYNTH_FENCE ? 16 : 32,
			   c->kind == SYNTH_LIVE ? "live chunk" : "chunk");
		most--;
	}
}

static void flip_all(struct target *t)
{
	const struct synth_libc *libc = t->libc;
	struct synth_offsets o = synth_offsets(libc->options.class);

	for (guint i = 0; i < libc->arenas->len; i++)
		flip_state(t, g_array_index(libc->arenas, struct synth_arena, i).addr, &o);
	for (guint i = 0; i < libc->regions->len; i++) {
		const struct synth_region *r =
		    &g_array_index(libc->regions, struct synth_region, i);

		if (r->arena)
			flip_bytes(t, r->base, o.heap_info_size, "heap_info");
	}
	flip_bytes(t, libc->mp, o.par_size, "mp_");
	for (guint i = 0; i < libc->tcaches->len; i++) {
		const struct synth_tcache *cache =
		    &g_array_index(libc->tcaches, struct synth_tcache, i);
		const struct synth_thread *thread =
		    &g_array_index(t->synth->threads, struct synth_thread, i);

		if (cache->addr)
			flip_bytes(t, cache->addr, o.tcache_size, "tcache");
		flip_bytes(t, thread->tls - libc->tcache_offset - 8, 16, "TLS");
	}
	for (guint i = 0; i < libc->mmapped->len; i++) {
		const struct synth_mmapped *m =
		    &g_array_index(libc->mmapped, struct synth_mmapped, i);

		flip_bytes(t, m->base + m->lead, 16, "mmapped chunk");
	}
	flip_chunks(t, 120);
}

static void check_class(const char *class, uint64_t seed)
{
	struct synth_options o = {.class = synth_class_find(class),
				  .arenas = 1,
				  .heaps = 1,
				  .mmapped = 2,
				  .max_chunk = 1024,
				  .heap_bytes = 32 << 10};
	struct target t = {.synth = synth_new(seed, 1), .fake = fake_host_new()};
	g_autofree char *difference = NULL, *doubt = NULL;

	t.libc = synth_add_libc(t.synth, &o);
	t.silent_list = g_string_new(NULL);
	t.failed_list = g_string_new(NULL);
	compare_load(t.fake, t.synth, false);
	ck_assert(fake_run(t.fake, plugin));
	difference = compare_truth(t.fake, t.synth);
	doubt = compare_doubt(t.fake);
	ck_assert_msg(!difference && !doubt, "before any damage: %s, %s", difference, doubt);
	t.digest = compare_digest(t.fake);
	flip_all(&t);
	printf("%s: same %d, doubted %d, failed %d, excused %d, silently wrong %d\n", class,
	       (int)t.same, (int)t.doubted, (int)t.failed, (int)t.excused, (int)t.silent);
	ck_assert_msg(!t.failed, "%s: %d changes led to an error:\n%s", class, (int)t.failed,
		      t.failed_list->str);
	ck_assert_msg(!t.silent, "%s: %d changes gave other numbers without doubt:\n%s", class,
		      (int)t.silent, t.silent_list->str);
	g_string_free(t.silent_list, TRUE);
	g_string_free(t.failed_list, TRUE);
	fake_host_free(t.fake);
	synth_free(t.synth);
}

START_TEST(flips)
{
	for (uint64_t seed = 0; seed < seeds; seed++)
		check_class(classes[_i], (uint64_t)_i + 1 + 100 * seed);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("flips");

	setvbuf(stdout, NULL, _IONBF, 0); /* Tests fork. */
	plugin = fake_plugin_load("ptmalloc");
	seeds = fake_seeds(1);
	all = g_getenv("HW_TEST_SEEDS") != NULL;
	tcase_set_timeout(tcase, 3600);
	tcase_add_loop_test(tcase, flips, 0, (int)G_N_ELEMENTS(classes));
	return run_case("ptmalloc, every byte", tcase);
}
