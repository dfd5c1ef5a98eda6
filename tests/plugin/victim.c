/* SPDX-License-Identifier: Apache-2.0 */
/* Making and reaching into a process that is about to be broken. */
#include "victim.h"

const char *const victim_classes[VICTIM_CLASSES] = {"2.17-2.22", "2.26", "2.30-2.31", "2.35-2.41",
						    "2.43"};

void victim_init(struct victim *v, const char *class, uint64_t seed)
{
	struct synth_options o = {.class = synth_class_find(class),
				  .arenas = 2,
				  .heaps = 3,
				  .mmapped = 3,
				  .max_chunk = 4096,
				  .heap_bytes = 96 << 10};

	v->synth = synth_new(seed, 3);
	v->libc = synth_add_libc(v->synth, &o);
	v->at = synth_offsets(o.class);
}

void victim_clear(struct victim *v)
{
	synth_free(v->synth);
	v->synth = NULL;
}

const struct synth_arena *victim_arena(const struct victim *v, guint arena)
{
	return &g_array_index(v->libc->arenas, struct synth_arena, arena);
}

const struct synth_chunk *victim_chunk(const struct victim *v, guint chunk)
{
	return &g_array_index(v->libc->chunks, struct synth_chunk, chunk);
}

const struct synth_chunk *victim_pick(const struct victim *v, guint arena, enum synth_kind kind,
				      guint n)
{
	g_autoptr(GPtrArray) found = g_ptr_array_new();

	for (guint i = 0; i + 2 < v->libc->chunks->len; i++) {
		struct synth_chunk *c = &g_array_index(v->libc->chunks, struct synth_chunk, i);

		if (c->arena == arena && c->kind == kind && !c->internal &&
		    c[2].region == c->region)
			g_ptr_array_add(found, c);
	}
	g_assert(found->len);
	return found->pdata[n % found->len];
}

uint64_t victim_word(const struct victim *v, hw_addr addr)
{
	return synth_word(v->synth, addr);
}

void victim_poke(struct victim *v, hw_addr addr, uint64_t value)
{
	synth_poke(v->synth, addr, value);
}
