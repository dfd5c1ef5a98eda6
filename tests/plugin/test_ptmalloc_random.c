/* SPDX-License-Identifier: Apache-2.0 */
/* The ptmalloc plugin on heaps in which several words at once, anywhere, lead elsewhere: what
 * nobody thought of when test_ptmalloc_damage.c was written. */
#include "../runner.h"
#include "victim.h"
#include <inttypes.h>
#include <stdlib.h>

/* Far more than these heaps need; an array whose length a word of theirs dictates is not
 * refused by luck. */
#define MEMORY_MOST (UINT64_C(64) << 20)

static const struct hw_plugin *plugin;
static uint64_t rounds;

/* A word that lies somewhere in what malloc keeps, or in user data next to it. */
static hw_addr pick_word(struct victim *v)
{
	struct synth *s = v->synth;
	const struct synth_region *r = &g_array_index(v->libc->regions, struct synth_region,
						      synth_below(s, v->libc->regions->len));
	const struct synth_chunk *c = victim_chunk(v, (guint)synth_below(s, v->libc->chunks->len));

	switch (synth_below(s, 6)) {
	case 0:
		return victim_arena(v, (guint)synth_below(s, v->libc->arenas->len))->addr +
		       8 * synth_below(s, v->at.state_size / 8);
	case 1:
		return r->base + 8 * synth_below(s, 6);
	case 2:
		return v->libc->mp + 8 * synth_below(s, v->at.par_size / 8);
	case 3:
		return g_array_index(s->threads, struct synth_thread,
				     synth_below(s, s->threads->len))
			   .tls -
		       8 * synth_below(s, 64);
	default:
		return (c->addr & ~UINT64_C(7)) + 8 * synth_below(s, 4);
	}
}

/* Values that lead somewhere: other chunks and arenas, small and huge sizes. */
static uint64_t pick_value(struct victim *v, uint64_t old)
{
	struct synth *s = v->synth;
	const struct synth_chunk *c = victim_chunk(v, (guint)synth_below(s, v->libc->chunks->len));

	switch (synth_below(s, 9)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX - synth_below(s, 4096);
	case 2:
		return c->addr + 16 * synth_below(s, 2);
	case 3:
		return victim_arena(v, (guint)synth_below(s, v->libc->arenas->len))->addr;
	case 4:
		return old + 16 * (1 + synth_below(s, 256));
	case 5:
		return old - 16 * (1 + synth_below(s, 256));
	case 6:
		return UINT64_C(1) << synth_below(s, 64);
	case 7:
		return old ^ (UINT64_C(1) << synth_below(s, 64));
	default:
		return synth_random(s);
	}
}

/* Several words at once, anywhere: the plugin comes back and its rows add up. */
START_TEST(random_words)
{
	struct victim v;
	struct fake_host *fake = fake_host_new();

	victim_init(&v, victim_classes[_i], 11);
	compare_load(fake, v.synth, false);
	for (uint64_t round = 0; round < rounds; round++) {
		g_autoptr(GString) changes = g_string_new(NULL);
		hw_addr at[8];
		uint64_t old[8], count = 1 + synth_below(v.synth, G_N_ELEMENTS(at));

		for (uint64_t i = 0; i < count; i++) {
			at[i] = pick_word(&v);
			old[i] = victim_word(&v, at[i]);
			victim_poke(&v, at[i], pick_value(&v, old[i]));
			g_string_append_printf(changes,
					       "\n  0x%" PRIx64 ": 0x%" PRIx64 ", was 0x%" PRIx64,
					       at[i], victim_word(&v, at[i]), old[i]);
		}
		fake_host_reset(fake);
		fake->memory_limit = MEMORY_MOST;
		fake_run(fake, plugin);
		ck_assert_msg(!fake_breach(fake), "%s round %d: %s%s", victim_classes[_i],
			      (int)round, fake_breach(fake), changes->str);
		ck_assert_msg(!fake->failure, "%s round %d: %s%s", victim_classes[_i], (int)round,
			      fake->failure, changes->str);
		for (uint64_t i = count; i > 0; i--)
			victim_poke(&v, at[i - 1], old[i - 1]);
	}
	fake_host_free(fake);
	victim_clear(&v);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("random");

	plugin = fake_plugin_load("ptmalloc");
	rounds = 400 * fake_seeds(1);
	tcase_set_timeout(tcase, 3600);
	tcase_add_loop_test(tcase, random_words, 0, (int)VICTIM_CLASSES);
	return run_case("ptmalloc, random words", tcase);
}
