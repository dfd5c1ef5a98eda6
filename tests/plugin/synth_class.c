/* SPDX-License-Identifier: Apache-2.0 */
/* The layout classes, and the arithmetic of malloc.c that finds bins. */
#include "synth.h"
#include <string.h>

/* Per class: glibc versions, from the tags of malloc/malloc.c and malloc/arena.c.
 * "el8": 2.28 with safe-linking (2.32) backported, as Red Hat Enterprise Linux 8 does:
 * why no decoder may go by the version. */
const struct synth_class synth_classes[] = {
    {"2.17-2.22", STATE_2_17, PAR_2_17, TCACHE_NO, KEY_NO, false, false, false, 0},
    {"2.23", STATE_2_23, PAR_2_17, TCACHE_NO, KEY_NO, false, false, false, 0},
    {"2.24-2.25", STATE_2_23, PAR_2_24, TCACHE_NO, KEY_NO, false, false, false, 0},
    {"2.26", STATE_2_23, PAR_2_26, TCACHE_2_26, KEY_NO, false, false, false, 7},
    {"2.27-2.28", STATE_2_27, PAR_2_26, TCACHE_2_26, KEY_NO, false, false, false, 7},
    {"2.28-el8", STATE_2_27, PAR_2_26, TCACHE_2_26, KEY_POINTER, true, false, false, 7},
    {"2.29", STATE_2_27, PAR_2_26, TCACHE_2_26, KEY_POINTER, false, false, false, 7},
    {"2.30-2.31", STATE_2_27, PAR_2_26, TCACHE_2_30, KEY_POINTER, false, false, false, 7},
    {"2.32-2.33", STATE_2_27, PAR_2_26, TCACHE_2_30, KEY_POINTER, true, false, false, 7},
    {"2.34", STATE_2_27, PAR_2_26, TCACHE_2_30, KEY_RANDOM, true, false, false, 7},
    {"2.35-2.41", STATE_2_27, PAR_2_35, TCACHE_2_30, KEY_RANDOM, true, true, false, 7},
    {"2.42", STATE_2_27, PAR_2_35, TCACHE_2_42, KEY_RANDOM, true, true, false, 7},
    {"2.43", STATE_2_43, PAR_2_43, TCACHE_2_42, KEY_RANDOM, true, true, true, 16},
};
const unsigned synth_class_count = G_N_ELEMENTS(synth_classes);

const struct synth_class *synth_class_find(const char *name)
{
	for (unsigned i = 0; i < synth_class_count; i++)
		if (strcmp(synth_classes[i].name, name) == 0)
			return &synth_classes[i];
	return NULL;
}

#define STATE_OFFSETS(o, s)                                                                        \
	do {                                                                                       \
		(o).state_size = sizeof(struct s);                                                 \
		(o).top = offsetof(struct s, top);                                                 \
		(o).bins = offsetof(struct s, bins);                                               \
		(o).binmap = offsetof(struct s, binmap);                                           \
		(o).next = offsetof(struct s, next);                                               \
		(o).system_mem = offsetof(struct s, system_mem);                                   \
		(o).max_system_mem = offsetof(struct s, max_system_mem);                           \
	} while (0)

static void state_offsets(struct synth_offsets *o, int layout)
{
	switch (layout) {
	case STATE_2_17:
		STATE_OFFSETS(*o, malloc_state_2_17);
		o->fastbins = offsetof(struct malloc_state_2_17, fastbinsY);
		break;
	case STATE_2_23:
		STATE_OFFSETS(*o, malloc_state_2_23);
		o->fastbins = offsetof(struct malloc_state_2_23, fastbinsY);
		break;
	case STATE_2_27:
		STATE_OFFSETS(*o, malloc_state_2_27);
		o->fastbins = offsetof(struct malloc_state_2_27, fastbinsY);
		break;
	default:
		STATE_OFFSETS(*o, malloc_state_2_43);
		break;
	}
}

#define PAR_OFFSETS(o, s)                                                                          \
	do {                                                                                       \
		(o).par_size = sizeof(struct s);                                                   \
		(o).n_mmaps = offsetof(struct s, n_mmaps);                                         \
		(o).mmapped_mem = offsetof(struct s, mmapped_mem);                                 \
		(o).sbrk_base = offsetof(struct s, sbrk_base);                                     \
	} while (0)

static void par_offsets(struct synth_offsets *o, int layout)
{
	switch (layout) {
	case PAR_2_17:
		PAR_OFFSETS(*o, malloc_par_2_17);
		break;
	case PAR_2_24:
		PAR_OFFSETS(*o, malloc_par_2_24);
		break;
	case PAR_2_26:
		PAR_OFFSETS(*o, malloc_par_2_26);
		break;
	case PAR_2_35:
		PAR_OFFSETS(*o, malloc_par_2_35);
		o->thp_pagesize = offsetof(struct malloc_par_2_35, thp_pagesize);
		break;
	default:
		PAR_OFFSETS(*o, malloc_par_2_43);
		o->thp_pagesize = offsetof(struct malloc_par_2_43, thp_pagesize);
		break;
	}
}

struct synth_offsets synth_offsets(const struct synth_class *class)
{
	struct synth_offsets o = {0};

	state_offsets(&o, class->state);
	par_offsets(&o, class->par);
	o.heap_info_size =
	    class->wide_heap_info ? sizeof(struct heap_info_2_35) : sizeof(struct heap_info_2_17);
	o.tcache_bins = class->tcache == TCACHE_2_42 ? TCACHE_ALL_BINS : TCACHE_SMALL_BINS;
	o.tcache_count_size = class->tcache == TCACHE_2_26 ? 1 : 2;
	if (class->tcache == TCACHE_2_26) {
		o.tcache_size = sizeof(struct tcache_2_26);
		o.tcache_entries = offsetof(struct tcache_2_26, entries);
	} else if (class->tcache == TCACHE_2_30) {
		o.tcache_size = sizeof(struct tcache_2_30);
		o.tcache_entries = offsetof(struct tcache_2_30, entries);
	} else if (class->tcache == TCACHE_2_42) {
		o.tcache_size = sizeof(struct tcache_2_42);
		o.tcache_entries = offsetof(struct tcache_2_42, entries);
	}
	return o;
}

/* smallbin_index() and largebin_index_64(), malloc.c, all versions. */
uint32_t synth_bin_index(uint64_t size)
{
	if (size < 1024)
		return size >> 4;
	if (size >> 6 <= 48)
		return 48 + (size >> 6);
	if (size >> 9 <= 20)
		return 91 + (size >> 9);
	if (size >> 12 <= 10)
		return 110 + (size >> 12);
	if (size >> 15 <= 4)
		return 119 + (size >> 15);
	if (size >> 18 <= 2)
		return 124 + (size >> 18);
	return 126;
}

/* csize2tidx(), and large_csize2tidx() of 2.42: one bin per power of two, the first
 * from 1056 to 2047. */
uint32_t synth_tcache_index(uint64_t size)
{
	uint64_t small = (size - MINSIZE) / MALLOC_ALIGNMENT;

	if (small < TCACHE_SMALL_BINS)
		return small;
	return TCACHE_SMALL_BINS + (63 - __builtin_clzll(size)) - 10;
}

/* request2size(sizeof (tcache_perthread_struct)); 2.43's tcache_init() rounds twice
 * where it calls _int_malloc() itself. */
uint64_t synth_tcache_chunk(const struct synth_class *class, bool main_thread)
{
	uint64_t size = (synth_offsets(class).tcache_size + 8 + 15) & ~UINT64_C(15);

	if (class->state == STATE_2_43 && !main_thread)
		size += 16;
	return size;
}
