/* SPDX-License-Identifier: Apache-2.0 */
/* victim.h -- a synthetic process to be broken, and hands to break it with. */
#ifndef VICTIM_H
#define VICTIM_H
#include "compare.h"

struct victim {
	struct synth *synth;
	struct synth_libc *libc;
	struct synth_offsets at;
};

/* Classes that differ in what can be broken. */
#define VICTIM_CLASSES 5
extern const char *const victim_classes[VICTIM_CLASSES];

/* Four threads, a main arena and two more of up to three heaps, three mmapped chunks. */
void victim_init(struct victim *v, const char *class, uint64_t seed);
void victim_clear(struct victim *v);

const struct synth_arena *victim_arena(const struct victim *v, guint arena);
const struct synth_chunk *victim_chunk(const struct victim *v, guint chunk);
/* The n-th chunk of a kind in an arena (counted round), not at the end of its region. */
const struct synth_chunk *victim_pick(const struct victim *v, guint arena, enum synth_kind kind,
				      guint n);
uint64_t victim_word(const struct victim *v, hw_addr addr);
void victim_poke(struct victim *v, hw_addr addr, uint64_t value);
#endif
