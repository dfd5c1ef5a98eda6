/* SPDX-License-Identifier: Apache-2.0 */
/* The tables behind layout.h. */
#include "layout.h"

/* have_fastchunks (2.27) moved fastbinsY from 8 to 16; attached_threads came with 2.23;
 * fastbins went with the head that became 2.43. */
const struct state_layout state_layouts[STATE_LAYOUTS] = {
    {24, 0, 2072, 2112, "2.43"},
    {112, 16, 2072, 2200, "2.27-2.42"},
    {104, 8, 2072, 2192, "2.23-2.26"},
    {104, 8, 2064, 2184, "2.17-2.22"},
};

const struct par_layout par_layouts[PAR_LAYOUTS] = {
    {68, 88, 104, 48, 112, 144, "2.43"},     /* thp_mode before thp_pagesize */
    {60, 80, 96, 40, 104, 136, "2.35-2.42"}, /* thp_pagesize, hp_pagesize, hp_flags */
    {40, 56, 72, 0, 80, 112, "2.26-2.34"},   /* tcache_* */
    {40, 56, 72, 0, 0, 80, "2.24-2.25"},     /* max_total_mem gone, no tcache yet */
    {40, 56, 80, 0, 0, 88, "2.17-2.23"},     /* max_total_mem before sbrk_base */
};

const struct tcache_layout tcache_layouts[TCACHE_KINDS] = {
    [TCACHE_CHAR64] = {64, 1, 64, 0x240, false, "2.26-2.29"},
    [TCACHE_U16] = {64, 2, 128, 0x280, false, "2.30-2.41"},
    [TCACHE_SLOTS76] = {76, 2, 152, 0x2f8, true, "2.42-2.43"},
};

bool tcache_chunk_size_fits(enum tcache_kind kind, uint64_t chunk_size)
{
	uint64_t want = ((uint64_t)tcache_layouts[kind].size + CHUNK_OVERHEAD + ALIGNMENT - 1) &
			~(uint64_t)(ALIGNMENT - 1);

	/* 2.43's tcache_init() passes request2size() on as the bytes wanted; either may get
	 * ALIGNMENT more when the rest would be too small for a chunk. */
	return chunk_size == want || chunk_size == want + ALIGNMENT ||
	       (tcache_layouts[kind].counts_down && chunk_size == want + UINT64_C(2) * ALIGNMENT);
}

/* tidx2csize() below 64; above (2.42) large_csize2tidx(): bin 64 + i keeps chunks with
 * the leading bit of i powers of two above MAX_TCACHE_SMALL_SIZE = 1040. */
void tcache_bin_sizes(uint32_t idx, uint64_t *low_ret, uint64_t *high_ret)
{
	if (idx < TCACHE_SMALL_BINS) {
		*low_ret = *high_ret = MINSIZE + (uint64_t)idx * ALIGNMENT;
		return;
	}
	*low_ret = idx == TCACHE_SMALL_BINS ? 1056 : UINT64_C(1024) << (idx - TCACHE_SMALL_BINS);
	*high_ret = (UINT64_C(2048) << (idx - TCACHE_SMALL_BINS)) - ALIGNMENT;
}

/* malloc.c, smallbin_index() and largebin_index_64(). */
uint32_t bin_index(uint64_t size)
{
	if (size < 1024)
		return (uint32_t)(size >> 4);
	if (size >> 6 <= 48)
		return 48 + (uint32_t)(size >> 6);
	if (size >> 9 <= 20)
		return 91 + (uint32_t)(size >> 9);
	if (size >> 12 <= 10)
		return 110 + (uint32_t)(size >> 12);
	if (size >> 15 <= 4)
		return 119 + (uint32_t)(size >> 15);
	if (size >> 18 <= 2)
		return 124 + (uint32_t)(size >> 18);
	return 126;
}

uint64_t bin_smallest(uint32_t bin)
{
	uint64_t low = MINSIZE, high = UINT64_C(1) << 20;

	if (bin < 2)
		return 0;
	while (low < high) { /* bin_index() never falls. */
		uint64_t mid = (low + (high - low) / 2) & ~(uint64_t)(ALIGNMENT - 1);

		if (bin_index(mid) >= bin)
			high = mid;
		else
			low = mid + ALIGNMENT;
	}
	return low;
}
