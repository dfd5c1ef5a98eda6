/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of layout.h. Numbers come from the debug info of each version built from its
 * tag (gcc 12, x86-64, default configuration) and name the upstream header they restate. */
#include "layout.h"

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof(*(a))))

/* sz.h, sc.c: 8, 16, 32, 48, 64, then four steps per doubling. */
uint64_t index2size(uint32_t index)
{
	uint32_t group, step;

	if (index == 0)
		return 8;
	if (index <= 4)
		return (uint64_t)index * 16;
	group = (index - 1) / 4;
	step = (index - 1) % 4;
	return (UINT64_C(16) << (group + 1)) + ((uint64_t)(step + 1) << (group + 3));
}

/* rtree.h, RTREE_HEIGHT and rtree_levels. */
const struct rtree_shape rtree_shapes[] = {
    {"48-bit", 2, 18, 0, 18, 8},
    {"57-bit", 3, 15, 15, 15, 16},
};
const uint32_t rtree_shape_count = COUNT(rtree_shapes);

const struct extent_layout extent_layouts[] = {
    /* edata.h */
    {"5.3", 12, 13, 14, 16, 17, 3, 20, 28, 38, 44, true},
    /* extent_structs.h of 5.1.0 and 5.2.1; binshard and is_head came with 5.2. */
    {"5.1-5.2", 12, 13, NO_BIT, NO_BIT, 16, 2, 18, 26, 36, 42, false},
    /* extent_structs.h of 5.0.0 */
    {"5.0", 12, 13, NO_BIT, NO_BIT, 15, 2, 17, 25, NO_BIT, NO_BIT, false},
};
const uint32_t extent_layout_count = COUNT(extent_layouts);

const struct version_layout version_layouts[] = {
    {
	.version = "5.3.0",
	.extent = 0,
	.base_size = 3912,
	.base_blocks = 160,
	.base_allocated = 3880,
	.base_resident = 3888,
	.base_mapped = 3896,
	.base_mutex = 32,
	.arena_size = 78952,
	.arena_base = 78936,
	.arena_tcache_ql = 10392,
	.arena_nactive = 10656,
	.arena_internal = 56,
	/* tcache_ql, large, ecache_dirty, ecache_muzzy, ecache_retained */
	.arena_mutexes = {10408, 10536, 10728, 30168, 49608},
	.arena_bins = 78952,
	.bin_size = 224,
	.bin_slabcur = 192,
	.mutex_lock = 64,
	.pa_central = 10648,
	.central_eden = 224,
	.tcache_kind = TCACHE_STACK,
	.tcache_link = 0,
	.tcache_arena = 40,
	.tcache_small = 8,
	.tcache_bins = 73,
	.slow_tcache = 168,
	.slow_dyn = 160,
	.edata_tctx = 80,
	.tctx_cnts = 32,
	.tctx_gctx = 96,
	.cnt_curbytes = 16,
	.cnt_unbiased = 24,
	.gctx_bt = 104,
	.tdata_tab = 104,
    },
    {
	.version = "5.3.1",
	.extent = 0,
	.base_size = 3944,
	.base_blocks = 160,
	.base_allocated = 3896,
	.base_resident = 3920,
	.base_mapped = 3928,
	.base_mutex = 32,
	.arena_size = 80704,
	.arena_base = 80648,
	.arena_tcache_ql = 11976,
	.arena_nactive = 12296,
	.arena_internal = 72,
	.arena_mutexes = {11992, 12120, 12352, 31792, 51232},
	.arena_bins = 80704,
	.bin_size = 224,
	.bin_slabcur = 192,
	.mutex_lock = 72,
	.pa_central = 12288,
	.central_eden = 112,
	.tcache_kind = TCACHE_STACK,
	.tcache_link = 0,
	.tcache_arena = 40,
	.tcache_small = 8,
	.tcache_bins = 41,
	.slow_tcache = 232,
	.slow_dyn = 224,
	.counts_hpa_dirty = true,
	.edata_tctx = 80,
	.tctx_cnts = 32,
	.tctx_gctx = 96,
	.cnt_curbytes = 16,
	.cnt_unbiased = 24,
	.gctx_bt = 104,
	.tdata_tab = 88,
    },
    {
	.version = "5.2.1",
	.extent = 1,
	.base_size = 2040,
	.base_blocks = 144,
	.base_allocated = 2008,
	.base_resident = 2016,
	.base_mapped = 2024,
	.base_mutex = 16,
	.arena_size = 29496,
	.arena_base = 29480,
	.arena_tcache_ql = 10184,
	.arena_nactive = 10344,
	.arena_internal = 104,
	/* tcache_ql, large, extents_dirty, extents_muzzy, extents_retained, extent_avail */
	.arena_mutexes = {10200, 10360, 10472, 15440, 20408, 29080},
	.arena_bins = 29192,
	.bin_size = 280,
	.bin_slabcur = 112,
	.bin_is_pointer = true,
	.mutex_lock = 64,
	.tcache_kind = TCACHE_COUNTED,
	.tcache_link = 880,
	.tcache_arena = 952,
	.tcache_small = 16,
	.tcache_large = 1000,
	.tcache_bins = 232,
	.edata_tctx = 72,
	.tctx_cnts = 24,
	.tctx_gctx = 56,
	.cnt_curbytes = 8,
	.cnt_unbiased = 0,
	.gctx_bt = 72,
	.tdata_tab = 104,
    },
    {
	.version = "5.1.0",
	.extent = 1,
	.base_size = 2032,
	.base_blocks = 136,
	.base_allocated = 2000,
	.base_resident = 2008,
	.base_mapped = 2016,
	.base_mutex = 16,
	.arena_size = 25864,
	.arena_base = 25848,
	.arena_tcache_ql = 7008,
	.arena_nactive = 7168,
	.arena_internal = 88,
	.arena_mutexes = {7024, 7184, 7288, 9048, 10808, 16240},
	.arena_bins = 16344,
	.bin_size = 264,
	.bin_slabcur = 104,
	.mutex_lock = 64,
	.tcache_kind = TCACHE_COUNTED,
	.tcache_link = 880,
	.tcache_arena = 928,
	.tcache_small = 16,
	.tcache_large = 976,
	.tcache_bins = 232,
	.edata_tctx = 64,
	.tctx_cnts = 24,
	.tctx_gctx = 56,
	.cnt_curbytes = 8,
	.cnt_unbiased = 0,
	.gctx_bt = 72,
	.tdata_tab = 104,
    },
    {
	.version = "5.0.0",
	.extent = 2,
	.base_size = 2024,
	.base_blocks = 136,
	.base_allocated = 2000,
	.base_resident = 2008,
	.base_mapped = 2016,
	.base_mutex = 16,
	.arena_size = 25848,
	.arena_base = 25832,
	.arena_tcache_ql = 7000,
	.arena_nactive = 7152,
	.arena_internal = 88,
	.arena_mutexes = {7008, 7168, 7272, 9032, 10792, 16224},
	.arena_bins = 16328,
	.bin_size = 264,
	.bin_slabcur = 104,
	.mutex_lock = 64,
	.tcache_kind = TCACHE_COUNTED,
	.tcache_link = 880,
	.tcache_arena = 896,
	.tcache_small = 16,
	.tcache_large = 944,
	.tcache_bins = 232,
	.edata_tctx = 64,
	.tctx_cnts = 24,
	.tctx_gctx = 56,
	.cnt_curbytes = 8,
	.cnt_unbiased = 0,
	.gctx_bt = 72,
	.tdata_tab = 104,
    },
};
const uint32_t version_layout_count = COUNT(version_layouts);
