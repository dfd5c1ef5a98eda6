/* SPDX-License-Identifier: Apache-2.0 */
/* Finds mp_ (struct malloc_par) of one libc in the writable data of its module.
 *
 * Every 8-aligned place is tried with the five layouts. Hard conditions come first
 * (counts and sums that must agree); among what is left the one with most fields at
 * their defaults wins, and sbrk_base at the start of the main heap weighs most. */
#include "ptmalloc.h"

#define THRESHOLD_MAX (UINT64_C(32) << 20) /* DEFAULT_MMAP_THRESHOLD_MAX */
#define SCORE_ENOUGH  5
#define REST_MOST     9  /* Points for what is not common to all layouts. */
#define COMMON_BYTES  32 /* trim_threshold, top_pad, mmap_threshold, arena_test */

static uint64_t word_at(const uint8_t *p, uint32_t offset)
{
	uint64_t word;

	__builtin_memcpy(&word, p + offset, 8);
	return word;
}

static int32_t int_at(const uint8_t *p, uint32_t offset)
{
	int32_t word;

	__builtin_memcpy(&word, p + offset, 4);
	return word;
}

/* tcache_bins, tcache_max_bytes and tcache_count within what tunables allow. */
static bool tcache_is_sane(const uint8_t *p, const struct par_layout *l)
{
	uint64_t bins = word_at(p, l->tcache_bins), max = word_at(p, l->tcache_bins + 8u);

	return bins && bins <= TCACHE_SMALL_BINS + 1 && max <= (UINT64_C(8) << 20) &&
	       word_at(p, l->tcache_bins + 16u) <= 65535;
}

/* How many of the three are at a default. */
static int usual_tcache(const uint8_t *p, const struct par_layout *l)
{
	uint64_t max = word_at(p, l->tcache_bins + 8u), count = word_at(p, l->tcache_bins + 16u);

	return (word_at(p, l->tcache_bins) == 64) + (max == 1032 || max == 1041 || max == 1040) +
	       (count == 7 || count == 16);
}

/* Of what stands at the same place in all layouts. -1: cannot be mp_. p has COMMON_BYTES. */
static int common_score(const uint8_t *p)
{
	uint64_t mmap_threshold = word_at(p, 16), arena_test = word_at(p, 24);

	if (mmap_threshold > THRESHOLD_MAX || arena_test > 65536)
		return -1;
	return (word_at(p, 0) >= 131072) + (word_at(p, 8) == 131072) + (mmap_threshold >= 131072) +
	       (arena_test == 8);
}

/* Of the rest, at most REST_MOST - 1. -1: cannot be mp_. p has l->size bytes. */
static int rest_score(const uint8_t *p, const struct par_layout *l, hw_addr expected_base)
{
	int32_t n = int_at(p, l->n_mmaps), n_max = int_at(p, l->n_mmaps + 4u);
	int32_t max_n = int_at(p, l->n_mmaps + 8u), no_dyn = int_at(p, l->n_mmaps + 12u);
	uint64_t mem = word_at(p, l->mmapped_mem), max_mem = word_at(p, l->mmapped_mem + 8u);
	/* 2.43's mremap_chunk() adds 16 too many each time: see scan.c. */
	bool is_new = l->tcache_bins == 112;
	int points = 0;

	if (no_dyn != 0 && no_dyn != 1)
		return -1;
	if (n < 0 || n_max < 0 || max_n < n || mem > max_mem || mem >> 47)
		return -1;
	if (is_new ? mem & 15 : (mem & 4095) || (n == 0) != (mem == 0))
		return -1;
	if (mem / 4096 < (uint64_t)n)
		return -1;
	if (l->tcache_bins) {
		int usual = usual_tcache(p, l);

		if (!tcache_is_sane(p, l) && usual < 2)
			return -1;
		points += usual;
	}
	if (l->thp_pagesize && (word_at(p, l->thp_pagesize) & 4095))
		return -1;
	points += n_max == 65536;
	if (expected_base && word_at(p, l->sbrk_base) == expected_base)
		points += 4;
	return points;
}

static void fill(struct params *par, hw_addr addr, const uint8_t *p, const struct par_layout *l)
{
	*par = (struct params){
	    .addr = addr,
	    .layout = l,
	    .trim_threshold = word_at(p, 0),
	    .top_pad = word_at(p, 8),
	    .mmap_threshold = word_at(p, 16),
	    .arena_max = word_at(p, 32),
	    .n_mmaps = (uint64_t)int_at(p, l->n_mmaps),
	    .mmapped_mem = word_at(p, l->mmapped_mem),
	    .sbrk_base = word_at(p, l->sbrk_base),
	};
	if (l->thp_pagesize) {
		par->thp_pagesize = word_at(p, l->thp_pagesize);
		par->hp_pagesize = word_at(p, l->thp_pagesize + 8u);
	}
	if (l->tcache_bins) {
		par->tcache_max_bytes = word_at(p, l->tcache_bins + 8u);
		par->tcache_count = word_at(p, l->tcache_bins + 16u);
		par->is_odd = !tcache_is_sane(p, l);
	}
}

struct search {
	hw_addr expected_base;
	int best;
	struct params par;
};

/* Layouts that can go with the class of malloc_state. */
static bool may_go_with(const struct state_layout *s, const struct par_layout *l)
{
	if (s->bins == 24)
		return l->tcache_bins == 112;
	if (s->bins == 112)
		return l->tcache_bins == 80 || l->tcache_bins == 104;
	return s->system_mem == 2064 ? !l->tcache_bins : !l->tcache_bins || l->tcache_bins == 80;
}

static bool is_address(const struct hw_host *host, uint64_t word)
{
	uint64_t dummy;

	return word && read_word(host, word, &dummy);
}

static void search_range(const struct hw_host *host, const struct libc *libc, hw_addr start,
			 hw_addr end, struct search *s)
{
	uint64_t size;
	const uint8_t *data = host->peek(host->self, start, &size);

	if (!data)
		return;
	if (size > end - start)
		size = end - start;
	for (uint64_t i = 0; i + COMMON_BYTES <= size; i += 8) {
		int common = common_score(data + i);

		if (common < 0 || common + REST_MOST <= s->best)
			continue;
		for (int k = 0; k < PAR_LAYOUTS; k++) {
			const struct par_layout *l = &par_layouts[k];
			int points;

			if (!may_go_with(libc->state, l) || l->size > size - i)
				continue;
			points = rest_score(data + i, l, s->expected_base);
			if (points < 0)
				continue;
			points += common;
			/* Else 2.23 and 2.24 cannot be told apart: sbrk_base is an address. */
			if (points && is_address(host, word_at(data + i, l->sbrk_base)))
				points++;
			if (points > s->best) {
				s->best = points;
				fill(&s->par, start + i, data + i, l);
			}
		}
	}
}

/* Where sbrk() started, if the main heap is one contiguous piece. */
static hw_addr main_start(const struct hw_host *host, const struct libc *libc)
{
	hw_addr bins = libc->arenas[0].addr + libc->state->bins;
	uint64_t top, size, system_mem;

	if (!read_word(host, bins + (uint64_t)BINS_TO_TOP, &top) ||
	    !read_word(host, top + 8, &size) ||
	    !read_word(host, bins + libc->state->system_mem, &system_mem))
		return 0;
	return top + chunk_size(size) - system_mem;
}

/* mp_ and main_arena lie in the same data segment, but .data and .bss may be apart. */
void find_params(struct ptmalloc *pt, struct libc *libc)
{
	const struct hw_host *host = pt->host;
	struct search s = {.best = SCORE_ENOUGH - 1, .expected_base = main_start(host, libc)};
	struct hw_range r = {.struct_size = sizeof(r)};

	for (hw_addr at = 0; host->range(host->self, at, &r); at = r.end) {
		bool mine = libc->module != HW_NO_MODULE
				? r.owner == HW_OWNER_MODULE && r.module == libc->module
				: r.start <= libc->arenas[0].addr && libc->arenas[0].addr < r.end;

		if (mine && (r.perm & HW_PERM_W) && r.end - r.start <= (UINT64_C(256) << 20))
			search_range(host, libc, r.start, r.end, &s);
	}
	libc->par = s.par;
	if (s.par.is_odd) {
		host->damage(host->self, s.par.addr, "mp_ has impossible tcache limits");
		libc->is_exact = false;
	}
}
