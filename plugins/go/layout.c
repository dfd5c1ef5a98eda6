/* SPDX-License-Identifier: Apache-2.0 */
/* layout.c -- the table of layout.h. Every row was read from the debug info of programs built
 * by go 1.12.17 1.13.15 1.14.15 1.15.15 1.16.15 1.17.13 1.18.10 1.19.13 1.20.14 1.21.13 1.22.12
 * 1.23.12 1.24.11 1.25.5 1.26.8 for linux/amd64; the file named in a row is where the struct is
 * declared in the newest version that has it. A row is a list of runs {since, offset, width}:
 * the offset from Go 1.since on, up to the next run. GO_NONE ends a field's life.
 *
 * The file is longer than the house's measure because it is one table. */
#include "layout.h"
#include <stddef.h>

#define RUNS 16

struct run {
	uint8_t since;
	uint32_t offset;
	uint32_t width;
};

struct row {
	struct go_field_name name;
	struct run runs[RUNS];
};

/* clang-format off */
static const struct row rows[GO_FIELDS] = {
    /* src/runtime/mheap.go */
    [GO_MHEAP_SIZE] = {{"runtime.mheap", NULL, "runtime/mheap.go"}, {{12, 9920, 0}, {13, 9976, 0}, {14, 75600, 0}, {15, 101424, 0}, {16, 92592, 0}, {17, 92680, 0}, {18, 92672, 0}, {21, 92792, 0}, {22, 92856, 0}, {23, 92928, 0}, {24, 93008, 0}, {25, 93320, 0}, {26, 93464, 0}}},
    [GO_MHEAP_LOCK] = {{"runtime.mheap", "lock", "runtime/mheap.go"}, {{12, 0, 8}}},
    [GO_MHEAP_SWEEPGEN] = {{"runtime.mheap", "sweepgen", "runtime/mheap.go"}, {{12, 24, 4}, {14, 65760, 4}, {15, 65832, 4}, {18, 65840, 4}, {19, 65848, 4}, {20, 65816, 4}, {21, 65856, 4}}},
    [GO_MHEAP_ALLSPANS] = {{"runtime.mheap", "allspans", "runtime/mheap.go"}, {{12, 40, 24}, {14, 65776, 24}, {15, 65848, 24}, {19, 65856, 24}, {20, 65824, 24}, {21, 65864, 24}}},
    [GO_MHEAP_ARENAS] = {{"runtime.mheap", "arenas", "runtime/mheap.go"}, {{12, 784, 8}, {13, 816, 8}, {14, 66512, 8}, {15, 66592, 8}, {16, 65944, 8}, {18, 65936, 8}, {20, 65904, 8}, {21, 65944, 8}, {22, 66008, 8}}},
    [GO_MHEAP_PAGES] = {{"runtime.mheap", "pages", "runtime/mheap.go"}, {{14, 8, 65752}, {15, 8, 65824}, {18, 8, 65832}, {19, 16, 65832}, {20, 8, 65808}, {21, 8, 65848}}},
    [GO_MHEAP_PAGES_CHUNKS] = {{"runtime.mheap", "pages.chunks", "runtime/mheap.go"}, {{14, 128, 65536}, {19, 136, 65536}, {20, 128, 65536}}},
    [GO_MHEAP_PAGES_INUSE_RANGES] = {{"runtime.mheap", "pages.inUse.ranges", "runtime/mheap.go"}, {{14, 65704, 24}, {15, 65688, 24}, {19, 65696, 24}, {20, 65688, 24}}},
    [GO_MHEAP_PAGES_START] = {{"runtime.mheap", "pages.start", "runtime/mheap.go"}, {{14, 65688, 8}, {15, 65672, 8}, {19, 65680, 8}, {20, 65672, 8}}},
    [GO_MHEAP_PAGES_END] = {{"runtime.mheap", "pages.end", "runtime/mheap.go"}, {{14, 65696, 8}, {15, 65680, 8}, {19, 65688, 8}, {20, 65680, 8}}},
    [GO_MHEAP_PAGES_SUMMARY] = {{"runtime.mheap", "pages.summary", "runtime/mheap.go"}, {{14, 8, 120}, {19, 16, 120}, {20, 8, 120}}},
    [GO_MHEAP_FREE] = {{"runtime.mheap", "free", "runtime/mheap.go"}, {{12, 8, 8}, {13, 8, 16}, {14, GO_NONE, 0}}},
    [GO_MHEAP_SCAV] = {{"runtime.mheap", "scav", "runtime/mheap.go"}, {{12, 16, 8}, {13, GO_NONE, 0}}},
    [GO_MHEAP_PAGESINUSE] = {{"runtime.mheap", "pagesInUse", "runtime/mheap.go"}, {{12, 152, 8}, {14, 65880, 8}, {15, 65960, 8}, {16, 65880, 8}, {18, 65872, 8}, {19, 65880, 8}, {20, 65848, 8}, {21, 65888, 8}}},
    [GO_MHEAP_ALLARENAS] = {{"runtime.mheap", "allArenas", "runtime/mheap.go"}, {{12, 848, 24}, {13, 880, 24}, {14, 66576, 24}, {15, 66656, 24}, {16, 66008, 24}, {17, 66024, 24}, {18, 66016, 24}, {20, 65984, 24}, {21, 66032, 24}, {22, 66096, 24}, {25, GO_NONE, 0}}},
    [GO_MHEAP_HEAPARENAS] = {{"runtime.mheap", "heapArenas", "runtime/mheap.go"}, {{25, 66096, 24}}},
    [GO_MHEAP_USERARENAARENAS] = {{"runtime.mheap", "userArenaArenas", "runtime/mheap.go"}, {{25, 66120, 24}}},
    [GO_MHEAP_SWEEPARENAS] = {{"runtime.mheap", "sweepArenas", "runtime/mheap.go"}, {{12, 872, 24}, {13, 904, 24}, {14, 66600, 24}, {15, 66680, 24}, {16, 66032, 24}, {17, 66048, 24}, {18, 66040, 24}, {20, 66008, 24}, {21, 66056, 24}, {22, 66120, 24}, {25, 66144, 24}}},
    [GO_MHEAP_HEAPARENAALLOC] = {{"runtime.mheap", "heapArenaAlloc", "runtime/mheap.go"}, {{12, 792, 24}, {13, 824, 24}, {14, 66520, 24}, {15, 66600, 24}, {16, 65952, 24}, {17, 65952, 32}, {18, 65944, 32}, {20, 65912, 32}, {21, 65960, 32}, {22, 66024, 32}}},
    [GO_MHEAP_ARENAHINTS] = {{"runtime.mheap", "arenaHints", "runtime/mheap.go"}, {{12, 816, 8}, {13, 848, 8}, {14, 66544, 8}, {15, 66624, 8}, {16, 65976, 8}, {17, 65984, 8}, {18, 65976, 8}, {20, 65944, 8}, {21, 65992, 8}, {22, 66056, 8}}},
    [GO_MHEAP_CURARENA_BASE] = {{"runtime.mheap", "curArena.base", "runtime/mheap.go"}, {{13, 928, 8}, {14, 66624, 8}, {15, 66728, 8}, {16, 66080, 8}, {17, 66096, 8}, {18, 66088, 8}, {20, 66056, 8}, {21, 66104, 8}, {22, 66168, 8}, {25, 66192, 8}}},
    [GO_MHEAP_CURARENA_END] = {{"runtime.mheap", "curArena.end", "runtime/mheap.go"}, {{13, 936, 8}, {14, 66632, 8}, {15, 66736, 8}, {16, 66088, 8}, {17, 66104, 8}, {18, 66096, 8}, {20, 66064, 8}, {21, 66112, 8}, {22, 66176, 8}, {25, 66200, 8}}},
    [GO_MHEAP_CENTRAL] = {{"runtime.mheap", "central", "runtime/mheap.go"}, {{12, 896, 8576}, {13, 952, 8576}, {14, 66648, 8576}, {15, 66744, 34304}, {16, 66104, 26112}, {17, 66120, 26112}, {18, 66112, 26112}, {20, 66072, 26112}, {21, 66120, 26112}, {22, 66184, 26112}, {25, 66208, 26112}}},
    [GO_MHEAP_CENTRAL_COUNT] = {{NULL, "central[#]", "runtime/mheap.go"}, {{12, 134, 0}, {16, 136, 0}}},
    [GO_MHEAP_CENTRAL_STRIDE] = {{NULL, "central[].size", "runtime/mheap.go"}, {{12, 64, 0}, {15, 256, 0}, {16, 192, 0}}},
    [GO_MHEAP_CENTRAL_MCENTRAL_PARTIAL] = {{NULL, "central[0].mcentral.partial", "runtime/mheap.go"}, {{15, 66792, 80}, {16, 66112, 80}, {17, 66128, 80}, {18, 66120, 80}, {20, 66080, 80}, {21, 66128, 80}, {22, 66192, 80}, {25, 66216, 80}}},
    [GO_MHEAP_CENTRAL_MCENTRAL_FULL] = {{NULL, "central[0].mcentral.full", "runtime/mheap.go"}, {{15, 66872, 80}, {16, 66192, 80}, {17, 66208, 80}, {18, 66200, 80}, {20, 66160, 80}, {21, 66208, 80}, {22, 66272, 80}, {25, 66296, 80}}},
    [GO_MHEAP_CENTRAL_MCENTRAL_NONEMPTY] = {{NULL, "central[0].mcentral.nonempty", "runtime/mheap.go"}, {{12, 912, 16}, {13, 968, 16}, {14, 66664, 16}, {15, 66760, 16}, {16, GO_NONE, 0}}},
    [GO_MHEAP_CENTRAL_MCENTRAL_EMPTY] = {{NULL, "central[0].mcentral.empty", "runtime/mheap.go"}, {{12, 928, 16}, {13, 984, 16}, {14, 66680, 16}, {15, 66776, 16}, {16, GO_NONE, 0}}},
    [GO_MHEAP_CENTRAL_MCENTRAL_NMALLOC] = {{NULL, "central[0].mcentral.nmalloc", "runtime/mheap.go"}, {{12, 944, 8}, {13, 1000, 8}, {14, 66696, 8}, {15, 66952, 8}, {16, GO_NONE, 0}}},
    [GO_MHEAP_SPANALLOC_INUSE] = {{"runtime.mheap", "spanalloc.inuse", "runtime/mheap.go"}, {{12, 9520, 8}, {13, 9576, 8}, {14, 75272, 8}, {15, 101096, 8}, {16, 92264, 8}, {17, 92280, 8}, {18, 92272, 8}, {20, 92232, 8}, {21, 92280, 8}, {22, 92344, 8}, {25, 92368, 8}}},
    [GO_MHEAP_CACHEALLOC_INUSE] = {{"runtime.mheap", "cachealloc.inuse", "runtime/mheap.go"}, {{12, 9592, 8}, {13, 9648, 8}, {14, 75344, 8}, {15, 101168, 8}, {16, 92336, 8}, {17, 92352, 8}, {18, 92344, 8}, {20, 92304, 8}, {21, 92352, 8}, {22, 92416, 8}, {25, 92440, 8}, {26, 92512, 8}}},
    [GO_MHEAP_SPECIALFINALIZERALLOC] = {{"runtime.mheap", "specialfinalizeralloc", "runtime/mheap.go"}, {{12, 9688, 72}, {13, 9744, 72}, {14, 75368, 72}, {15, 101192, 72}, {16, 92360, 72}, {17, 92376, 72}, {18, 92368, 72}, {20, 92328, 72}, {21, 92376, 72}, {22, 92440, 72}, {25, 92464, 72}, {26, 92536, 72}}},
    [GO_MHEAP_LARGEALLOC] = {{"runtime.mheap", "largealloc", "runtime/mheap.go"}, {{12, 216, 8}, {13, 248, 8}, {14, 65944, 8}, {15, 66024, 8}, {16, GO_NONE, 0}}},
    [GO_MHEAP_NLARGEALLOC] = {{"runtime.mheap", "nlargealloc", "runtime/mheap.go"}, {{12, 224, 8}, {13, 256, 8}, {14, 65952, 8}, {15, 66032, 8}, {16, GO_NONE, 0}}},
    [GO_MHEAP_LARGEFREE] = {{"runtime.mheap", "largefree", "runtime/mheap.go"}, {{12, 232, 8}, {13, 264, 8}, {14, 65960, 8}, {15, 66040, 8}, {16, GO_NONE, 0}}},
    [GO_MHEAP_NLARGEFREE] = {{"runtime.mheap", "nlargefree", "runtime/mheap.go"}, {{12, 240, 8}, {13, 272, 8}, {14, 65968, 8}, {15, 66048, 8}, {16, GO_NONE, 0}}},
    [GO_MHEAP_NSMALLFREE] = {{"runtime.mheap", "nsmallfree", "runtime/mheap.go"}, {{12, 248, 536}, {13, 280, 536}, {14, 65976, 536}, {15, 66056, 536}, {16, GO_NONE, 0}}},
    [GO_MHEAP_USERARENA_ARENAHINTS] = {{"runtime.mheap", "userArena.arenaHints", "runtime/mheap.go"}, {{20, 92624, 8}, {21, 92744, 8}, {22, 92808, 8}, {23, 92880, 8}, {24, 92952, 8}, {25, 93192, 8}, {26, 93336, 8}}},
    [GO_MHEAP_USERARENA_QUARANTINELIST] = {{"runtime.mheap", "userArena.quarantineList", "runtime/mheap.go"}, {{20, 92632, 16}, {21, 92752, 16}, {22, 92816, 16}, {23, 92888, 16}, {24, 92960, 16}, {25, 93200, 16}, {26, 93344, 16}}},
    [GO_MHEAP_USERARENA_READYLIST] = {{"runtime.mheap", "userArena.readyList", "runtime/mheap.go"}, {{20, 92648, 16}, {21, 92768, 16}, {22, 92832, 16}, {23, 92904, 16}, {24, 92976, 16}, {25, 93216, 16}, {26, 93360, 16}}},

    /* src/runtime/mheap.go */
    [GO_HEAPARENA_SIZE] = {{"runtime.heapArena", NULL, "runtime/mheap.go"}, {{12, 2164736, 0}, {14, 2164744, 0}, {15, 2165768, 0}, {16, 2165776, 0}, {20, 1133584, 0}, {22, 68624, 0}, {25, 69648, 0}}},
    [GO_HEAPARENA_BITMAP] = {{"runtime.heapArena", "bitmap", "runtime/mheap.go"}, {{12, 0, 2097152}, {20, 0, 1048576}, {22, GO_NONE, 0}}},
    [GO_HEAPARENA_NOMOREPTRS] = {{"runtime.heapArena", "noMorePtrs", "runtime/mheap.go"}, {{20, 1048576, 16384}, {22, GO_NONE, 0}}},
    [GO_HEAPARENA_HEAPARENAPTRSCALAR] = {{"runtime.heapArena", "heapArenaPtrScalar", "runtime/mheap.go"}, {{22, 0, 0}, {23, GO_NONE, 0}}},
    [GO_HEAPARENA_SPANS] = {{"runtime.heapArena", "spans", "runtime/mheap.go"}, {{12, 2097152, 65536}, {20, 1064960, 65536}, {22, 0, 65536}}},
    [GO_HEAPARENA_PAGEINUSE] = {{"runtime.heapArena", "pageInUse", "runtime/mheap.go"}, {{12, 2162688, 1024}, {20, 1130496, 1024}, {22, 65536, 1024}}},
    [GO_HEAPARENA_PAGEMARKS] = {{"runtime.heapArena", "pageMarks", "runtime/mheap.go"}, {{12, 2163712, 1024}, {20, 1131520, 1024}, {22, 66560, 1024}}},
    [GO_HEAPARENA_PAGESPECIALS] = {{"runtime.heapArena", "pageSpecials", "runtime/mheap.go"}, {{15, 2164736, 1024}, {20, 1132544, 1024}, {22, 67584, 1024}}},
    [GO_HEAPARENA_PAGEUSESPANINLINEMARKBITS] = {{"runtime.heapArena", "pageUseSpanInlineMarkBits", "runtime/mheap.go"}, {{25, 68608, 1024}}},
    [GO_HEAPARENA_CHECKMARKS] = {{"runtime.heapArena", "checkmarks", "runtime/mheap.go"}, {{16, 2165760, 8}, {20, 1133568, 8}, {22, 68608, 8}, {25, 69632, 8}}},
    [GO_HEAPARENA_ZEROEDBASE] = {{"runtime.heapArena", "zeroedBase", "runtime/mheap.go"}, {{14, 2164736, 8}, {15, 2165760, 8}, {16, 2165768, 8}, {20, 1133576, 8}, {22, 68616, 8}, {25, 69640, 8}}},

    /* src/runtime/mheap.go */
    [GO_MSPAN_SIZE] = {{"runtime.mspan", NULL, "runtime/mheap.go"}, {{12, 144, 0}, {13, 136, 0}, {18, 144, 0}, {20, 160, 0}, {21, 168, 0}, {22, 160, 0}}},
    [GO_MSPAN_NEXT] = {{"runtime.mspan", "next", "runtime/mheap.go"}, {{12, 0, 8}}},
    [GO_MSPAN_STARTADDR] = {{"runtime.mspan", "startAddr", "runtime/mheap.go"}, {{12, 24, 8}}},
    [GO_MSPAN_NPAGES] = {{"runtime.mspan", "npages", "runtime/mheap.go"}, {{12, 32, 8}}},
    [GO_MSPAN_MANUALFREELIST] = {{"runtime.mspan", "manualFreeList", "runtime/mheap.go"}, {{12, 40, 8}}},
    [GO_MSPAN_FREEINDEX] = {{"runtime.mspan", "freeindex", "runtime/mheap.go"}, {{12, 48, 8}, {22, 48, 2}}},
    [GO_MSPAN_NELEMS] = {{"runtime.mspan", "nelems", "runtime/mheap.go"}, {{12, 56, 8}, {22, 50, 2}}},
    [GO_MSPAN_FREEINDEXFORSCAN] = {{"runtime.mspan", "freeIndexForScan", "runtime/mheap.go"}, {{18, 136, 8}, {20, 152, 8}, {21, 160, 8}, {22, 52, 2}}},
    [GO_MSPAN_ALLOCCACHE] = {{"runtime.mspan", "allocCache", "runtime/mheap.go"}, {{12, 64, 8}, {22, 56, 8}}},
    [GO_MSPAN_ALLOCBITS] = {{"runtime.mspan", "allocBits", "runtime/mheap.go"}, {{12, 72, 8}, {22, 64, 8}}},
    [GO_MSPAN_GCMARKBITS] = {{"runtime.mspan", "gcmarkBits", "runtime/mheap.go"}, {{12, 80, 8}, {22, 72, 8}}},
    [GO_MSPAN_PINNERBITS] = {{"runtime.mspan", "pinnerBits", "runtime/mheap.go"}, {{21, 88, 8}, {22, 80, 8}}},
    [GO_MSPAN_SWEEPGEN] = {{"runtime.mspan", "sweepgen", "runtime/mheap.go"}, {{12, 88, 4}, {21, 96, 4}, {22, 88, 4}}},
    [GO_MSPAN_DIVMUL] = {{"runtime.mspan", "divMul", "runtime/mheap.go"}, {{12, 92, 2}, {17, 92, 4}, {21, 100, 4}, {22, 92, 4}}},
    [GO_MSPAN_BASEMASK] = {{"runtime.mspan", "baseMask", "runtime/mheap.go"}, {{12, 94, 2}, {17, GO_NONE, 0}}},
    [GO_MSPAN_ALLOCCOUNT] = {{"runtime.mspan", "allocCount", "runtime/mheap.go"}, {{12, 96, 2}, {21, 104, 2}, {22, 96, 2}}},
    [GO_MSPAN_SPANCLASS] = {{"runtime.mspan", "spanclass", "runtime/mheap.go"}, {{12, 98, 1}, {21, 106, 1}, {22, 98, 1}}},
    [GO_MSPAN_STATE] = {{"runtime.mspan", "state", "runtime/mheap.go"}, {{12, 99, 1}, {21, 107, 1}, {22, 99, 1}}},
    [GO_MSPAN_STATE_S] = {{"runtime.mspan", "state.s", "runtime/mheap.go"}, {{14, 99, 1}, {21, 107, 1}, {22, 99, 1}}},
    [GO_MSPAN_NEEDZERO] = {{"runtime.mspan", "needzero", "runtime/mheap.go"}, {{12, 100, 1}, {21, 108, 1}, {22, 100, 1}}},
    [GO_MSPAN_ISUSERARENACHUNK] = {{"runtime.mspan", "isUserArenaChunk", "runtime/mheap.go"}, {{20, 101, 1}, {21, 109, 1}, {22, 101, 1}}},
    [GO_MSPAN_ALLOCCOUNTBEFORECACHE] = {{"runtime.mspan", "allocCountBeforeCache", "runtime/mheap.go"}, {{19, 102, 2}, {21, 110, 2}, {22, 102, 2}}},
    [GO_MSPAN_ELEMSIZE] = {{"runtime.mspan", "elemsize", "runtime/mheap.go"}, {{12, 104, 8}, {21, 112, 8}, {22, 104, 8}}},
    [GO_MSPAN_UNUSEDSINCE] = {{"runtime.mspan", "unusedsince", "runtime/mheap.go"}, {{12, 112, 8}, {13, GO_NONE, 0}}},
    [GO_MSPAN_SCAVENGED] = {{"runtime.mspan", "scavenged", "runtime/mheap.go"}, {{12, 103, 1}, {14, GO_NONE, 0}}},
    [GO_MSPAN_LIMIT] = {{"runtime.mspan", "limit", "runtime/mheap.go"}, {{12, 120, 8}, {13, 112, 8}, {21, 120, 8}, {22, 112, 8}}},
    [GO_MSPAN_SPECIALLOCK] = {{"runtime.mspan", "speciallock", "runtime/mheap.go"}, {{12, 128, 8}, {13, 120, 8}, {21, 128, 8}, {22, 120, 8}}},
    [GO_MSPAN_SPECIALS] = {{"runtime.mspan", "specials", "runtime/mheap.go"}, {{12, 136, 8}, {13, 128, 8}, {21, 136, 8}, {22, 128, 8}}},
    [GO_MSPAN_USERARENACHUNKFREE] = {{"runtime.mspan", "userArenaChunkFree", "runtime/mheap.go"}, {{20, 136, 16}, {21, 144, 16}, {22, 136, 16}}},
    [GO_MSPAN_LARGETYPE] = {{"runtime.mspan", "largeType", "runtime/mheap.go"}, {{22, 152, 8}}},
    [GO_MSPAN_SCANIDX] = {{"runtime.mspan", "scanIdx", "runtime/mheap.go"}, {{25, 54, 2}, {26, GO_NONE, 0}}},

    /* src/runtime/mcache.go */
    [GO_MCACHE_SIZE] = {{"runtime.mcache", NULL, "runtime/mcache.go"}, {{12, 1736, 0}, {16, 1200, 0}, {24, 1208, 0}, {26, 2296, 0}}},
    [GO_MCACHE_NEXTSAMPLE] = {{"runtime.mcache", "nextSample", "runtime/mcache.go"}, {{16, 0, 8}}},
    [GO_MCACHE_MEMPROFRATE] = {{"runtime.mcache", "memProfRate", "runtime/mcache.go"}, {{24, 8, 8}}},
    [GO_MCACHE_SCANALLOC] = {{"runtime.mcache", "scanAlloc", "runtime/mcache.go"}, {{16, 8, 8}, {24, 16, 8}}},
    [GO_MCACHE_LOCAL_SCAN] = {{"runtime.mcache", "local_scan", "runtime/mcache.go"}, {{12, 8, 8}, {16, GO_NONE, 0}}},
    [GO_MCACHE_TINY] = {{"runtime.mcache", "tiny", "runtime/mcache.go"}, {{12, 16, 8}, {24, 24, 8}}},
    [GO_MCACHE_TINYOFFSET] = {{"runtime.mcache", "tinyoffset", "runtime/mcache.go"}, {{12, 24, 8}, {24, 32, 8}}},
    [GO_MCACHE_TINYALLOCS] = {{"runtime.mcache", "tinyAllocs", "runtime/mcache.go"}, {{16, 32, 8}, {24, 40, 8}}},
    [GO_MCACHE_LOCAL_TINYALLOCS] = {{"runtime.mcache", "local_tinyallocs", "runtime/mcache.go"}, {{12, 32, 8}, {16, GO_NONE, 0}}},
    [GO_MCACHE_ALLOC] = {{"runtime.mcache", "alloc", "runtime/mcache.go"}, {{12, 40, 1072}, {16, 40, 1088}, {24, 48, 1088}}},
    [GO_MCACHE_STACKCACHE] = {{"runtime.mcache", "stackcache", "runtime/mcache.go"}, {{12, 1112, 64}, {16, 1128, 64}, {24, 1136, 64}, {26, 2224, 64}}},
    [GO_MCACHE_FLUSHGEN] = {{"runtime.mcache", "flushGen", "runtime/mcache.go"}, {{12, 1728, 4}, {16, 1192, 4}, {24, 1200, 4}, {26, 2288, 4}}},
    [GO_MCACHE_REUSABLENOSCAN] = {{"runtime.mcache", "reusableNoscan", "runtime/mcache.go"}, {{26, 1136, 1088}}},
    [GO_MCACHE_LOCAL_LARGEFREE] = {{"runtime.mcache", "local_largefree", "runtime/mcache.go"}, {{12, 1176, 8}, {16, GO_NONE, 0}}},
    [GO_MCACHE_LOCAL_NLARGEFREE] = {{"runtime.mcache", "local_nlargefree", "runtime/mcache.go"}, {{12, 1184, 8}, {16, GO_NONE, 0}}},
    [GO_MCACHE_LOCAL_NSMALLFREE] = {{"runtime.mcache", "local_nsmallfree", "runtime/mcache.go"}, {{12, 1192, 536}, {16, GO_NONE, 0}}},

    /* src/runtime/runtime2.go */
    [GO_P_SIZE] = {{"runtime.p", NULL, "runtime/runtime2.go"}, {{12, 9088, 0}, {14, 10216, 0}, {16, 10064, 0}, {17, 10000, 0}, {18, 8888, 0}, {19, 8912, 0}, {20, 8904, 0}, {21, 8912, 0}, {22, 8944, 0}, {24, 8952, 0}, {25, 9512, 0}, {26, 15920, 0}}},
    [GO_P_ID] = {{"runtime.p", "id", "runtime/runtime2.go"}, {{12, 8, 4}, {13, 0, 4}}},
    [GO_P_STATUS] = {{"runtime.p", "status", "runtime/runtime2.go"}, {{12, 12, 4}, {13, 4, 4}}},
    [GO_P_LINK] = {{"runtime.p", "link", "runtime/runtime2.go"}, {{12, 16, 8}, {13, 8, 8}}},
    [GO_P_M] = {{"runtime.p", "m", "runtime/runtime2.go"}, {{12, 64, 8}, {13, 56, 8}, {23, 48, 8}}},
    [GO_P_SYSMONTICK_SCHEDWHEN] = {{"runtime.p", "sysmontick.schedwhen", "runtime/runtime2.go"}, {{12, 40, 8}, {13, 32, 8}}},
    [GO_P_MCACHE] = {{"runtime.p", "mcache", "runtime/runtime2.go"}, {{12, 72, 8}, {13, 64, 8}, {23, 56, 8}}},
    [GO_P_PCACHE_BASE] = {{"runtime.p", "pcache.base", "runtime/runtime2.go"}, {{14, 72, 8}, {23, 64, 8}}},
    [GO_P_PCACHE_CACHE] = {{"runtime.p", "pcache.cache", "runtime/runtime2.go"}, {{14, 80, 8}, {23, 72, 8}}},
    [GO_P_PCACHE_SCAV] = {{"runtime.p", "pcache.scav", "runtime/runtime2.go"}, {{14, 88, 8}, {23, 80, 8}}},
    [GO_P_RUNQHEAD] = {{"runtime.p", "runqhead", "runtime/runtime2.go"}, {{12, 1504, 4}, {13, 1496, 4}, {14, 1520, 4}, {18, 400, 4}, {23, 392, 4}, {26, 400, 4}}},
    [GO_P_RUNQTAIL] = {{"runtime.p", "runqtail", "runtime/runtime2.go"}, {{12, 1508, 4}, {13, 1500, 4}, {14, 1524, 4}, {18, 404, 4}, {23, 396, 4}, {26, 404, 4}}},
    [GO_P_RUNQ] = {{"runtime.p", "runq", "runtime/runtime2.go"}, {{12, 1512, 2048}, {13, 1504, 2048}, {14, 1528, 2048}, {18, 408, 2048}, {23, 400, 2048}, {26, 408, 2048}}},
    [GO_P_RUNNEXT] = {{"runtime.p", "runnext", "runtime/runtime2.go"}, {{12, 3560, 8}, {13, 3552, 8}, {14, 3576, 8}, {18, 2456, 8}, {23, 2448, 8}, {26, 2456, 8}}},
    [GO_P_GFREE] = {{"runtime.p", "gFree", "runtime/runtime2.go"}, {{12, 3568, 16}, {13, 3560, 16}, {14, 3584, 16}, {18, 2464, 16}, {23, 2456, 16}, {26, 2464, 16}}},
    [GO_P_MSPANCACHE_LEN] = {{"runtime.p", "mspancache.len", "runtime/runtime2.go"}, {{14, 4648, 8}, {18, 3528, 8}, {23, 3520, 8}, {26, 3528, 8}}},
    [GO_P_MSPANCACHE_BUF] = {{"runtime.p", "mspancache.buf", "runtime/runtime2.go"}, {{14, 4656, 1024}, {18, 3536, 1024}, {23, 3528, 1024}, {26, 3536, 1024}}},
    [GO_P_STATSSEQ] = {{"runtime.p", "statsSeq", "runtime/runtime2.go"}, {{16, 9940, 4}, {18, 8820, 4}, {19, 8828, 4}, {20, 8820, 4}, {21, 8828, 4}, {22, 8860, 4}, {23, 8836, 4}, {25, 9388, 4}, {26, 13668, 4}}},
    [GO_P_TIMERS] = {{"runtime.p", "timers", "runtime/runtime2.go"}, {{14, 10096, 24}, {16, 9952, 24}, {18, 8832, 24}, {19, 8840, 24}, {20, 8832, 24}, {21, 8840, 24}, {22, 8872, 24}, {23, 8840, 64}, {24, 8840, 72}, {25, 9392, 64}, {26, 13672, 64}}},
    [GO_P_TIMERS_HEAP] = {{"runtime.p", "timers.heap", "runtime/runtime2.go"}, {{23, 8848, 24}, {24, 8848, 24}, {25, 9400, 24}, {26, 13680, 24}}},
    [GO_P_PAGETRACEBUF] = {{"runtime.p", "pageTraceBuf", "runtime/runtime2.go"}, {{20, 8897, 0}, {21, 8905, 0}, {22, 8937, 0}, {23, GO_NONE, 0}}},
    [GO_P_WBBUF] = {{"runtime.p", "wbBuf", "runtime/runtime2.go"}, {{12, 4896, 4120}, {14, 5960, 4120}, {16, 5824, 4112}, {18, 4704, 4112}, {19, 4712, 4112}, {20, 4704, 4112}, {21, 4712, 4112}, {22, 4744, 4112}, {23, 4720, 4112}, {25, 5272, 4112}, {26, 9552, 4112}}},
    [GO_P_GCW] = {{"runtime.p", "gcw", "runtime/runtime2.go"}, {{12, 4720, 176}, {14, 5784, 176}, {16, 5784, 40}, {18, 4664, 40}, {19, 4672, 40}, {20, 4664, 40}, {21, 4672, 40}, {22, 4704, 40}, {23, 4680, 40}, {25, 4680, 592}, {26, 4696, 4856}}},

    /* src/runtime/time.go */
    [GO_TIMER_WHEN] = {{"runtime.timer", "when", "runtime/time.go"}, {{12, 16, 8}, {14, 8, 8}, {23, 16, 8}, {25, 24, 8}}},
    [GO_TIMER_PERIOD] = {{"runtime.timer", "period", "runtime/time.go"}, {{12, 24, 8}, {14, 16, 8}, {23, 24, 8}, {25, 32, 8}}},
    [GO_TIMER_F] = {{"runtime.timer", "f", "runtime/time.go"}, {{12, 32, 8}, {14, 24, 8}, {23, 32, 8}, {25, 40, 8}}},
    [GO_TIMER_ARG] = {{"runtime.timer", "arg", "runtime/time.go"}, {{12, 40, 16}, {14, 32, 16}, {23, 40, 16}, {25, 48, 16}}},
    [GO_TIMER_STATUS] = {{"runtime.timer", "status", "runtime/time.go"}, {{14, 64, 4}, {23, GO_NONE, 0}}},
    [GO_TIMER_STATE] = {{"runtime.timer", "state", "runtime/time.go"}, {{23, 9, 1}}},
    [GO_TIMERSBUCKET_T] = {{"runtime.timersBucket", "t", "runtime/time.go"}, {{12, 40, 24}, {14, GO_NONE, 0}}},

    /* src/runtime/runtime2.go */
    [GO_G_SIZE] = {{"runtime.g", NULL, "runtime/runtime2.go"}, {{12, 376, 0}, {17, 392, 0}, {21, 408, 0}, {22, 424, 0}, {23, 432, 0}, {24, 440, 0}, {26, 456, 0}}},
    [GO_G_STACK_LO] = {{"runtime.g", "stack.lo", "runtime/runtime2.go"}, {{12, 0, 8}}},
    [GO_G_STACK_HI] = {{"runtime.g", "stack.hi", "runtime/runtime2.go"}, {{12, 8, 8}}},
    [GO_G_STACKGUARD0] = {{"runtime.g", "stackguard0", "runtime/runtime2.go"}, {{12, 16, 8}}},
    [GO_G_PANIC] = {{"runtime.g", "_panic", "runtime/runtime2.go"}, {{12, 32, 8}}},
    [GO_G_DEFER] = {{"runtime.g", "_defer", "runtime/runtime2.go"}, {{12, 40, 8}}},
    [GO_G_M] = {{"runtime.g", "m", "runtime/runtime2.go"}, {{12, 48, 8}}},
    [GO_G_SCHED_SP] = {{"runtime.g", "sched.sp", "runtime/runtime2.go"}, {{12, 56, 8}}},
    [GO_G_SCHED_PC] = {{"runtime.g", "sched.pc", "runtime/runtime2.go"}, {{12, 64, 8}}},
    [GO_G_SCHED_G] = {{"runtime.g", "sched.g", "runtime/runtime2.go"}, {{12, 72, 8}}},
    [GO_G_SCHED_CTXT] = {{"runtime.g", "sched.ctxt", "runtime/runtime2.go"}, {{12, 80, 8}}},
    [GO_G_SCHED_BP] = {{"runtime.g", "sched.bp", "runtime/runtime2.go"}, {{12, 104, 8}, {25, 96, 8}}},
    [GO_G_SCHED_LR] = {{"runtime.g", "sched.lr", "runtime/runtime2.go"}, {{12, 96, 8}, {25, 88, 8}}},
    [GO_G_SYSCALLSP] = {{"runtime.g", "syscallsp", "runtime/runtime2.go"}, {{12, 112, 8}, {25, 104, 8}}},
    [GO_G_SYSCALLPC] = {{"runtime.g", "syscallpc", "runtime/runtime2.go"}, {{12, 120, 8}, {25, 112, 8}}},
    [GO_G_SYSCALLBP] = {{"runtime.g", "syscallbp", "runtime/runtime2.go"}, {{23, 128, 8}, {25, 120, 8}}},
    [GO_G_STKTOPSP] = {{"runtime.g", "stktopsp", "runtime/runtime2.go"}, {{12, 128, 8}, {23, 136, 8}, {25, 128, 8}}},
    [GO_G_PARAM] = {{"runtime.g", "param", "runtime/runtime2.go"}, {{12, 136, 8}, {23, 144, 8}, {25, 136, 8}}},
    [GO_G_ATOMICSTATUS] = {{"runtime.g", "atomicstatus", "runtime/runtime2.go"}, {{12, 144, 4}, {23, 152, 4}, {25, 144, 4}}},
    [GO_G_ATOMICSTATUS_VALUE] = {{"runtime.g", "atomicstatus.value", "runtime/runtime2.go"}, {{20, 144, 4}, {23, 152, 4}, {25, 144, 4}}},
    [GO_G_GOID] = {{"runtime.g", "goid", "runtime/runtime2.go"}, {{12, 152, 8}, {23, 160, 8}, {25, 152, 8}}},
    [GO_G_SCHEDLINK] = {{"runtime.g", "schedlink", "runtime/runtime2.go"}, {{12, 160, 8}, {23, 168, 8}, {25, 160, 8}}},
    [GO_G_WAITSINCE] = {{"runtime.g", "waitsince", "runtime/runtime2.go"}, {{12, 168, 8}, {23, 176, 8}, {25, 168, 8}}},
    [GO_G_WAITREASON] = {{"runtime.g", "waitreason", "runtime/runtime2.go"}, {{12, 176, 1}, {23, 184, 1}, {25, 176, 1}}},
    [GO_G_PREEMPT] = {{"runtime.g", "preempt", "runtime/runtime2.go"}, {{12, 177, 1}, {23, 185, 1}, {25, 177, 1}}},
    [GO_G_LOCKEDM] = {{"runtime.g", "lockedm", "runtime/runtime2.go"}, {{12, 216, 8}, {17, 232, 8}, {21, 208, 8}, {23, 216, 8}, {25, 208, 8}}},
    [GO_G_SIG] = {{"runtime.g", "sig", "runtime/runtime2.go"}, {{12, 224, 4}, {17, 240, 4}, {21, 216, 4}, {23, 224, 4}, {24, 228, 4}, {25, 220, 4}, {26, 224, 4}}},
    [GO_G_SIGCODE0] = {{"runtime.g", "sigcode0", "runtime/runtime2.go"}, {{12, 256, 8}, {17, 272, 8}, {21, 248, 8}, {23, 256, 8}, {25, 248, 8}, {26, 256, 8}}},
    [GO_G_SIGCODE1] = {{"runtime.g", "sigcode1", "runtime/runtime2.go"}, {{12, 264, 8}, {17, 280, 8}, {21, 256, 8}, {23, 264, 8}, {25, 256, 8}, {26, 264, 8}}},
    [GO_G_SIGPC] = {{"runtime.g", "sigpc", "runtime/runtime2.go"}, {{12, 272, 8}, {17, 288, 8}, {21, 264, 8}, {23, 272, 8}, {25, 264, 8}, {26, 272, 8}}},
    [GO_G_PARENTGOID] = {{"runtime.g", "parentGoid", "runtime/runtime2.go"}, {{21, 272, 8}, {23, 280, 8}, {25, 272, 8}, {26, 280, 8}}},
    [GO_G_GOPC] = {{"runtime.g", "gopc", "runtime/runtime2.go"}, {{12, 280, 8}, {17, 296, 8}, {21, 280, 8}, {23, 288, 8}, {25, 280, 8}, {26, 288, 8}}},
    [GO_G_ANCESTORS] = {{"runtime.g", "ancestors", "runtime/runtime2.go"}, {{12, 288, 8}, {17, 304, 8}, {21, 288, 8}, {23, 296, 8}, {25, 288, 8}, {26, 296, 8}}},
    [GO_G_STARTPC] = {{"runtime.g", "startpc", "runtime/runtime2.go"}, {{12, 296, 8}, {17, 312, 8}, {21, 296, 8}, {23, 304, 8}, {25, 296, 8}, {26, 304, 8}}},
    [GO_G_WAITING] = {{"runtime.g", "waiting", "runtime/runtime2.go"}, {{12, 312, 8}, {17, 328, 8}, {21, 312, 8}, {23, 320, 8}, {25, 312, 8}, {26, 320, 8}}},
    [GO_G_TIMER] = {{"runtime.g", "timer", "runtime/runtime2.go"}, {{12, 352, 8}, {17, 368, 8}, {21, 352, 8}, {23, 360, 8}, {25, 352, 8}, {26, 360, 8}}},
    [GO_G_LABELS] = {{"runtime.g", "labels", "runtime/runtime2.go"}, {{12, 344, 8}, {17, 360, 8}, {21, 344, 8}, {23, 352, 8}, {25, 344, 8}, {26, 352, 8}}},
    [GO_G_COROARG] = {{"runtime.g", "coroarg", "runtime/runtime2.go"}, {{22, 368, 8}, {23, 384, 8}, {25, 376, 8}, {26, 384, 8}}},
    [GO_G_GCASSISTBYTES] = {{"runtime.g", "gcAssistBytes", "runtime/runtime2.go"}, {{12, 368, 8}, {17, 384, 8}, {21, 400, 8}, {22, 416, 8}, {23, 424, 8}, {24, 432, 8}, {25, 424, 8}, {26, 440, 8}}},
    [GO_G_VALGRINDSTACKID] = {{"runtime.g", "valgrindStackID", "runtime/runtime2.go"}, {{25, 432, 8}, {26, 448, 8}}},

    /* src/runtime/runtime2.go */
    [GO_M_SIZE] = {{"runtime.m", NULL, "runtime/runtime2.go"}, {{12, 840, 0}, {15, 992, 0}, {16, 1024, 0}, {18, 1008, 0}, {20, 1000, 0}, {21, 1008, 0}, {22, 2024, 0}, {23, 1784, 0}, {24, 1832, 0}, {25, 1816, 0}, {26, 1824, 0}}},
    [GO_M_G0] = {{"runtime.m", "g0", "runtime/runtime2.go"}, {{12, 0, 8}}},
    [GO_M_MOREBUF_PC] = {{"runtime.m", "morebuf.pc", "runtime/runtime2.go"}, {{12, 16, 8}}},
    [GO_M_MOREBUF_SP] = {{"runtime.m", "morebuf.sp", "runtime/runtime2.go"}, {{12, 8, 8}}},
    [GO_M_PROCID] = {{"runtime.m", "procid", "runtime/runtime2.go"}, {{12, 72, 8}, {25, 64, 8}}},
    [GO_M_GSIGNAL] = {{"runtime.m", "gsignal", "runtime/runtime2.go"}, {{12, 80, 8}, {25, 72, 8}}},
    [GO_M_TLS] = {{"runtime.m", "tls", "runtime/runtime2.go"}, {{12, 136, 48}, {25, 128, 48}}},
    [GO_M_CURG] = {{"runtime.m", "curg", "runtime/runtime2.go"}, {{12, 192, 8}, {25, 184, 8}}},
    [GO_M_CAUGHTSIG] = {{"runtime.m", "caughtsig", "runtime/runtime2.go"}, {{12, 200, 8}, {25, 192, 8}}},
    [GO_M_P] = {{"runtime.m", "p", "runtime/runtime2.go"}, {{12, 208, 8}, {25, 200, 8}, {26, 208, 8}}},
    [GO_M_NEXTP] = {{"runtime.m", "nextp", "runtime/runtime2.go"}, {{12, 216, 8}, {25, 208, 8}, {26, 216, 8}}},
    [GO_M_OLDP] = {{"runtime.m", "oldp", "runtime/runtime2.go"}, {{12, 224, 8}, {25, 216, 8}, {26, 224, 8}}},
    [GO_M_ID] = {{"runtime.m", "id", "runtime/runtime2.go"}, {{12, 232, 8}, {25, 224, 8}, {26, 232, 8}}},
    [GO_M_MALLOCING] = {{"runtime.m", "mallocing", "runtime/runtime2.go"}, {{12, 240, 4}, {25, 232, 4}, {26, 240, 4}}},
    [GO_M_THROWING] = {{"runtime.m", "throwing", "runtime/runtime2.go"}, {{12, 244, 4}, {25, 236, 4}, {26, 244, 4}}},
    [GO_M_SPINNING] = {{"runtime.m", "spinning", "runtime/runtime2.go"}, {{12, 276, 1}, {25, 268, 1}, {26, 276, 1}}},
    [GO_M_INCGO] = {{"runtime.m", "incgo", "runtime/runtime2.go"}, {{12, 281, 1}, {13, 280, 1}, {25, 272, 1}, {26, 280, 1}}},
    [GO_M_ISEXTRA] = {{"runtime.m", "isextra", "runtime/runtime2.go"}, {{20, 281, 1}, {25, 273, 1}, {26, 281, 1}}},
    [GO_M_NCGO] = {{"runtime.m", "ncgo", "runtime/runtime2.go"}, {{12, 312, 4}, {22, 304, 4}, {23, 328, 4}, {25, 320, 4}, {26, 328, 4}}},
    [GO_M_ALLLINK] = {{"runtime.m", "alllink", "runtime/runtime2.go"}, {{12, 336, 8}, {16, 344, 8}, {18, 336, 8}, {22, 328, 8}, {23, 352, 8}, {25, 344, 8}, {26, 352, 8}}},
    [GO_M_SCHEDLINK] = {{"runtime.m", "schedlink", "runtime/runtime2.go"}, {{12, 344, 8}, {16, 352, 8}, {18, 344, 8}, {22, 336, 8}, {23, 360, 8}, {25, 352, 8}, {26, 360, 8}}},
    [GO_M_LOCKEDG] = {{"runtime.m", "lockedg", "runtime/runtime2.go"}, {{12, 360, 8}, {15, 352, 8}, {16, 360, 8}, {18, 352, 8}, {22, 344, 8}, {23, 368, 8}, {25, 360, 8}, {26, 384, 8}}},
    [GO_M_MCACHE] = {{"runtime.m", "mcache", "runtime/runtime2.go"}, {{12, 352, 8}, {15, GO_NONE, 0}}},
    [GO_M_FREELINK] = {{"runtime.m", "freelink", "runtime/runtime2.go"}, {{12, 688, 8}, {14, 680, 8}, {15, 672, 8}, {16, 680, 8}, {18, 672, 8}, {22, 960, 8}, {23, 768, 8}, {25, 760, 8}, {26, 792, 8}}},
    [GO_M_VDSOSP] = {{"runtime.m", "vdsoSP", "runtime/runtime2.go"}, {{12, 816, 8}, {14, 808, 8}, {15, 800, 8}, {16, 832, 8}, {18, 800, 8}, {21, 808, 8}, {22, 1120, 8}, {23, 880, 8}, {24, 904, 8}, {25, 896, 8}}},
    [GO_M_VDSOPC] = {{"runtime.m", "vdsoPC", "runtime/runtime2.go"}, {{12, 824, 8}, {14, 816, 8}, {15, 808, 8}, {16, 840, 8}, {18, 808, 8}, {21, 816, 8}, {22, 1128, 8}, {23, 888, 8}, {24, 912, 8}, {25, 904, 8}}},
    [GO_M_CGOCALLERS] = {{"runtime.m", "cgoCallers", "runtime/runtime2.go"}, {{12, 320, 8}, {22, 312, 8}, {23, 336, 8}, {25, 328, 8}, {26, 336, 8}}},
    [GO_M_NEEDEXTRAM] = {{"runtime.m", "needextram", "runtime/runtime2.go"}, {{12, 296, 1}, {22, 288, 1}, {25, 280, 1}, {26, 288, 1}}},
    [GO_M_SELF] = {{"runtime.m", "self", "runtime/runtime2.go"}, {{26, 1816, 8}}},

    /* src/runtime/runtime2.go */
    [GO_SCHED_SIZE] = {{"runtime.schedt", NULL, "runtime/runtime2.go"}, {{12, 328, 0}, {14, 336, 0}, {15, 344, 0}, {16, 352, 0}, {17, 6128, 0}, {18, 6080, 0}, {20, 1632, 0}, {22, 6824, 0}, {25, 6848, 0}, {26, 6872, 0}}},
    [GO_SCHED_GOIDGEN] = {{"runtime.schedt", "goidgen", "runtime/runtime2.go"}, {{12, 0, 8}}},
    [GO_SCHED_LASTPOLL] = {{"runtime.schedt", "lastpoll", "runtime/runtime2.go"}, {{12, 8, 8}}},
    [GO_SCHED_LOCK] = {{"runtime.schedt", "lock", "runtime/runtime2.go"}, {{12, 16, 8}, {14, 24, 8}, {25, 32, 8}}},
    [GO_SCHED_MIDLE] = {{"runtime.schedt", "midle", "runtime/runtime2.go"}, {{12, 24, 8}, {14, 32, 8}, {25, 40, 8}, {26, 40, 24}}},
    [GO_SCHED_NMIDLE] = {{"runtime.schedt", "nmidle", "runtime/runtime2.go"}, {{12, 32, 4}, {14, 40, 4}, {25, 48, 4}, {26, 64, 4}}},
    [GO_SCHED_NMIDLELOCKED] = {{"runtime.schedt", "nmidlelocked", "runtime/runtime2.go"}, {{12, 36, 4}, {14, 44, 4}, {25, 52, 4}, {26, 68, 4}}},
    [GO_SCHED_MNEXT] = {{"runtime.schedt", "mnext", "runtime/runtime2.go"}, {{12, 40, 8}, {14, 48, 8}, {25, 56, 8}, {26, 72, 8}}},
    [GO_SCHED_MAXMCOUNT] = {{"runtime.schedt", "maxmcount", "runtime/runtime2.go"}, {{12, 48, 4}, {14, 56, 4}, {25, 64, 4}, {26, 80, 4}}},
    [GO_SCHED_NMSYS] = {{"runtime.schedt", "nmsys", "runtime/runtime2.go"}, {{12, 52, 4}, {14, 60, 4}, {25, 68, 4}, {26, 84, 4}}},
    [GO_SCHED_NGSYS] = {{"runtime.schedt", "ngsys", "runtime/runtime2.go"}, {{12, 64, 4}, {14, 72, 4}, {25, 80, 4}, {26, 96, 4}}},
    [GO_SCHED_PIDLE] = {{"runtime.schedt", "pidle", "runtime/runtime2.go"}, {{12, 72, 8}, {14, 80, 8}, {25, 88, 8}, {26, 104, 8}}},
    [GO_SCHED_NPIDLE] = {{"runtime.schedt", "npidle", "runtime/runtime2.go"}, {{12, 80, 4}, {14, 88, 4}, {25, 96, 4}, {26, 112, 4}}},
    [GO_SCHED_NMSPINNING] = {{"runtime.schedt", "nmspinning", "runtime/runtime2.go"}, {{12, 84, 4}, {14, 92, 4}, {25, 100, 4}, {26, 116, 4}}},
    [GO_SCHED_RUNQ_HEAD] = {{"runtime.schedt", "runq.head", "runtime/runtime2.go"}, {{12, 88, 8}, {14, 96, 8}, {20, 104, 8}, {25, 112, 8}, {26, 128, 8}}},
    [GO_SCHED_RUNQSIZE] = {{"runtime.schedt", "runqsize", "runtime/runtime2.go"}, {{12, 104, 4}, {14, 112, 4}, {20, 120, 4}, {25, GO_NONE, 0}}},
    [GO_SCHED_GFREE] = {{"runtime.schedt", "gFree", "runtime/runtime2.go"}, {{12, 144, 32}, {14, 152, 32}, {20, 160, 32}, {25, 168, 40}, {26, 184, 40}}},
    [GO_SCHED_GFREE_STACK] = {{"runtime.schedt", "gFree.stack", "runtime/runtime2.go"}, {{12, 152, 8}, {14, 160, 8}, {20, 168, 8}, {25, 176, 16}, {26, 192, 16}}},
    [GO_SCHED_GFREE_NOSTACK] = {{"runtime.schedt", "gFree.noStack", "runtime/runtime2.go"}, {{12, 160, 8}, {14, 168, 8}, {20, 176, 8}, {25, 192, 16}, {26, 208, 16}}},
    [GO_SCHED_DEFERPOOL] = {{"runtime.schedt", "deferpool", "runtime/runtime2.go"}, {{12, 200, 40}, {14, 208, 40}, {18, 208, 8}, {20, 216, 8}, {25, 232, 8}, {26, 248, 8}}},
    [GO_SCHED_FREEM] = {{"runtime.schedt", "freem", "runtime/runtime2.go"}, {{12, 240, 8}, {14, 248, 8}, {18, 216, 8}, {20, 224, 8}, {25, 240, 8}, {26, 256, 8}}},
    [GO_SCHED_GCWAITING] = {{"runtime.schedt", "gcwaiting", "runtime/runtime2.go"}, {{12, 248, 4}, {14, 256, 4}, {18, 224, 4}, {20, 232, 1}, {25, 248, 1}, {26, 264, 1}}},
    [GO_SCHED_STOPWAIT] = {{"runtime.schedt", "stopwait", "runtime/runtime2.go"}, {{12, 252, 4}, {14, 260, 4}, {18, 228, 4}, {20, 236, 4}, {25, 252, 4}, {26, 268, 4}}},
    [GO_SCHED_SYSMONWAIT] = {{"runtime.schedt", "sysmonwait", "runtime/runtime2.go"}, {{12, 264, 4}, {14, 272, 4}, {18, 240, 4}, {20, 248, 1}, {25, 264, 1}, {26, 280, 1}}},

    /* src/runtime/mpallocbits.go */
    [GO_PALLOCDATA_SIZE] = {{"runtime.pallocData", NULL, "runtime/mpallocbits.go"}, {{14, 128, 0}}},
    [GO_PALLOCDATA_PALLOCBITS] = {{"runtime.pallocData", "pallocBits", "runtime/mpallocbits.go"}, {{14, 0, 64}}},
    [GO_PALLOCDATA_SCAVENGED] = {{"runtime.pallocData", "scavenged", "runtime/mpallocbits.go"}, {{14, 64, 64}}},

    /* src/runtime/mcentral.go */
    [GO_MCENTRAL_SIZE] = {{"runtime.mcentral", NULL, "runtime/mcentral.go"}, {{12, 56, 0}, {15, 216, 0}, {16, 168, 0}}},
    [GO_MCENTRAL_SPANCLASS] = {{"runtime.mcentral", "spanclass", "runtime/mcentral.go"}, {{12, 8, 1}, {16, 0, 1}}},
    [GO_MCENTRAL_PARTIAL] = {{"runtime.mcentral", "partial", "runtime/mcentral.go"}, {{15, 48, 80}, {16, 8, 80}}},
    [GO_MCENTRAL_FULL] = {{"runtime.mcentral", "full", "runtime/mcentral.go"}, {{15, 128, 80}, {16, 88, 80}}},
    [GO_MCENTRAL_NONEMPTY] = {{"runtime.mcentral", "nonempty", "runtime/mcentral.go"}, {{12, 16, 16}, {16, GO_NONE, 0}}},
    [GO_MCENTRAL_EMPTY] = {{"runtime.mcentral", "empty", "runtime/mcentral.go"}, {{12, 32, 16}, {16, GO_NONE, 0}}},
    [GO_MCENTRAL_NMALLOC] = {{"runtime.mcentral", "nmalloc", "runtime/mcentral.go"}, {{12, 48, 8}, {15, 208, 8}, {16, GO_NONE, 0}}},

    /* src/runtime/mspanset.go */
    [GO_SPANSET_SIZE] = {{"runtime.spanSet", NULL, "runtime/mspanset.go"}, {{15, 40, 0}}},
    [GO_SPANSET_SPINELOCK] = {{"runtime.spanSet", "spineLock", "runtime/mspanset.go"}, {{15, 0, 8}}},
    [GO_SPANSET_SPINE] = {{"runtime.spanSet", "spine", "runtime/mspanset.go"}, {{15, 8, 8}}},
    [GO_SPANSET_SPINELEN] = {{"runtime.spanSet", "spineLen", "runtime/mspanset.go"}, {{15, 16, 8}}},
    [GO_SPANSET_SPINECAP] = {{"runtime.spanSet", "spineCap", "runtime/mspanset.go"}, {{15, 24, 8}}},
    [GO_SPANSET_INDEX] = {{"runtime.spanSet", "index", "runtime/mspanset.go"}, {{15, 32, 8}}},

    /* src/runtime/mgcpacer.go */
    [GO_GCC_SIZE] = {{"runtime.gcControllerState", NULL, "runtime/mgcpacer.go"}, {{12, 152, 0}, {17, 224, 0}, {18, 352, 0}, {19, 424, 0}, {20, 368, 0}, {21, 392, 0}}},
    [GO_GCC_GCPERCENT] = {{"runtime.gcControllerState", "gcPercent", "runtime/mgcpacer.go"}, {{17, 0, 4}}},
    [GO_GCC_MEMORYLIMIT] = {{"runtime.gcControllerState", "memoryLimit", "runtime/mgcpacer.go"}, {{19, 8, 8}}},
    [GO_GCC_HEAPMINIMUM] = {{"runtime.gcControllerState", "heapMinimum", "runtime/mgcpacer.go"}, {{17, 8, 8}, {19, 16, 8}}},
    [GO_GCC_RUNWAY] = {{"runtime.gcControllerState", "runway", "runtime/mgcpacer.go"}, {{19, 24, 8}}},
    [GO_GCC_HEAPLIVE] = {{"runtime.gcControllerState", "heapLive", "runtime/mgcpacer.go"}, {{17, 48, 8}, {18, 120, 8}, {19, 136, 8}, {20, 80, 8}, {21, 104, 8}}},
    [GO_GCC_HEAPSCAN] = {{"runtime.gcControllerState", "heapScan", "runtime/mgcpacer.go"}, {{17, 56, 8}, {18, 128, 8}, {19, 144, 8}, {20, 88, 8}, {21, 112, 8}}},
    [GO_GCC_HEAPMARKED] = {{"runtime.gcControllerState", "heapMarked", "runtime/mgcpacer.go"}, {{17, 64, 8}, {18, 168, 8}, {19, 184, 8}, {20, 128, 8}, {21, 152, 8}}},
    [GO_GCC_LASTHEAPGOAL] = {{"runtime.gcControllerState", "lastHeapGoal", "runtime/mgcpacer.go"}, {{17, 40, 8}, {18, 112, 8}, {19, 128, 8}, {20, 72, 8}, {21, 96, 8}}},
    [GO_GCC_TRIGGER] = {{"runtime.gcControllerState", "trigger", "runtime/mgcpacer.go"}, {{17, 24, 8}, {19, GO_NONE, 0}}},
    [GO_GCC_TRIGGERED] = {{"runtime.gcControllerState", "triggered", "runtime/mgcpacer.go"}, {{19, 120, 8}, {20, 64, 8}, {21, 88, 8}}},
    [GO_GCC_HEAPINUSE] = {{"runtime.gcControllerState", "heapInUse", "runtime/mgcpacer.go"}, {{19, 304, 8}, {20, 248, 8}, {21, 272, 8}}},
    [GO_GCC_HEAPRELEASED] = {{"runtime.gcControllerState", "heapReleased", "runtime/mgcpacer.go"}, {{19, 312, 8}, {20, 256, 8}, {21, 280, 8}}},
    [GO_GCC_HEAPFREE] = {{"runtime.gcControllerState", "heapFree", "runtime/mgcpacer.go"}, {{19, 320, 8}, {20, 264, 8}, {21, 288, 8}}},
    [GO_GCC_TOTALALLOC] = {{"runtime.gcControllerState", "totalAlloc", "runtime/mgcpacer.go"}, {{19, 328, 8}, {20, 272, 8}, {21, 296, 8}}},
    [GO_GCC_TOTALFREE] = {{"runtime.gcControllerState", "totalFree", "runtime/mgcpacer.go"}, {{19, 336, 8}, {20, 280, 8}, {21, 304, 8}}},
    [GO_GCC_MAPPEDREADY] = {{"runtime.gcControllerState", "mappedReady", "runtime/mgcpacer.go"}, {{19, 344, 8}, {20, 288, 8}, {21, 312, 8}}},
    [GO_GCC_GLOBALSSCAN] = {{"runtime.gcControllerState", "globalsScan", "runtime/mgcpacer.go"}, {{18, 160, 8}, {19, 176, 8}, {20, 120, 8}, {21, 144, 8}}},

    /* src/runtime/mstats.go */
    [GO_MSTATS_SIZE] = {{"runtime.mstats", NULL, "runtime/mstats.go"}, {{12, 5976, 0}, {13, 5992, 0}, {16, 15312, 0}, {17, 15272, 0}, {19, 13512, 0}, {20, 9040, 0}, {22, 7744, 0}, {25, 8264, 0}, {26, 10440, 0}}},
    [GO_MSTATS_ALLOC] = {{"runtime.mstats", "alloc", "runtime/mstats.go"}, {{12, 0, 8}, {19, GO_NONE, 0}}},
    [GO_MSTATS_TOTAL_ALLOC] = {{"runtime.mstats", "total_alloc", "runtime/mstats.go"}, {{12, 8, 8}, {19, GO_NONE, 0}}},
    [GO_MSTATS_SYS] = {{"runtime.mstats", "sys", "runtime/mstats.go"}, {{12, 16, 8}, {19, GO_NONE, 0}}},
    [GO_MSTATS_NMALLOC] = {{"runtime.mstats", "nmalloc", "runtime/mstats.go"}, {{12, 32, 8}, {19, GO_NONE, 0}}},
    [GO_MSTATS_NFREE] = {{"runtime.mstats", "nfree", "runtime/mstats.go"}, {{12, 40, 8}, {19, GO_NONE, 0}}},
    [GO_MSTATS_HEAP_ALLOC] = {{"runtime.mstats", "heap_alloc", "runtime/mstats.go"}, {{12, 48, 8}, {16, GO_NONE, 0}}},
    [GO_MSTATS_HEAP_SYS] = {{"runtime.mstats", "heap_sys", "runtime/mstats.go"}, {{12, 56, 8}, {16, 48, 8}, {19, GO_NONE, 0}}},
    [GO_MSTATS_HEAP_IDLE] = {{"runtime.mstats", "heap_idle", "runtime/mstats.go"}, {{12, 64, 8}, {16, GO_NONE, 0}}},
    [GO_MSTATS_HEAP_INUSE] = {{"runtime.mstats", "heap_inuse", "runtime/mstats.go"}, {{12, 72, 8}, {16, 56, 8}, {19, GO_NONE, 0}}},
    [GO_MSTATS_HEAP_RELEASED] = {{"runtime.mstats", "heap_released", "runtime/mstats.go"}, {{12, 80, 8}, {16, 64, 8}, {19, GO_NONE, 0}}},
    [GO_MSTATS_HEAP_OBJECTS] = {{"runtime.mstats", "heap_objects", "runtime/mstats.go"}, {{12, 88, 8}, {16, 72, 8}, {19, GO_NONE, 0}}},
    [GO_MSTATS_STACKS_INUSE] = {{"runtime.mstats", "stacks_inuse", "runtime/mstats.go"}, {{12, 96, 8}, {16, 80, 8}, {19, GO_NONE, 0}}},
    [GO_MSTATS_STACKS_SYS] = {{"runtime.mstats", "stacks_sys", "runtime/mstats.go"}, {{12, 104, 8}, {16, 88, 8}, {19, 3544, 8}, {25, 3520, 8}}},
    [GO_MSTATS_MSPAN_INUSE] = {{"runtime.mstats", "mspan_inuse", "runtime/mstats.go"}, {{12, 112, 8}, {16, 96, 8}, {19, GO_NONE, 0}}},
    [GO_MSTATS_MSPAN_SYS] = {{"runtime.mstats", "mspan_sys", "runtime/mstats.go"}, {{12, 120, 8}, {16, 104, 8}, {19, 3552, 8}, {25, 3528, 8}}},
    [GO_MSTATS_MCACHE_INUSE] = {{"runtime.mstats", "mcache_inuse", "runtime/mstats.go"}, {{12, 128, 8}, {16, 112, 8}, {19, GO_NONE, 0}}},
    [GO_MSTATS_MCACHE_SYS] = {{"runtime.mstats", "mcache_sys", "runtime/mstats.go"}, {{12, 136, 8}, {16, 120, 8}, {19, 3560, 8}, {25, 3536, 8}}},
    [GO_MSTATS_BUCKHASH_SYS] = {{"runtime.mstats", "buckhash_sys", "runtime/mstats.go"}, {{12, 144, 8}, {16, 128, 8}, {19, 3568, 8}, {25, 3544, 8}}},
    [GO_MSTATS_GC_SYS] = {{"runtime.mstats", "gc_sys", "runtime/mstats.go"}, {{12, 152, 8}, {16, GO_NONE, 0}}},
    [GO_MSTATS_OTHER_SYS] = {{"runtime.mstats", "other_sys", "runtime/mstats.go"}, {{12, 160, 8}, {19, 3584, 8}, {25, 3560, 8}}},
    [GO_MSTATS_GCWORKBUFINUSE] = {{"runtime.mstats", "gcWorkBufInUse", "runtime/mstats.go"}, {{16, 136, 8}, {19, GO_NONE, 0}}},
    [GO_MSTATS_GCPROGPTRSCALARBITSINUSE] = {{"runtime.mstats", "gcProgPtrScalarBitsInUse", "runtime/mstats.go"}, {{16, 144, 8}, {19, GO_NONE, 0}}},
    [GO_MSTATS_GCMISCSYS] = {{"runtime.mstats", "gcMiscSys", "runtime/mstats.go"}, {{16, 152, 8}, {19, 3576, 8}, {25, 3552, 8}}},
    [GO_MSTATS_NEXT_GC] = {{"runtime.mstats", "next_gc", "runtime/mstats.go"}, {{12, 168, 8}, {17, GO_NONE, 0}}},
    [GO_MSTATS_LAST_GC_UNIX] = {{"runtime.mstats", "last_gc_unix", "runtime/mstats.go"}, {{12, 176, 8}, {17, 168, 8}, {19, 3592, 8}, {25, 3568, 8}}},
    [GO_MSTATS_PAUSE_END] = {{"runtime.mstats", "pause_end", "runtime/mstats.go"}, {{12, 2240, 2048}, {17, 2232, 2048}, {19, 5656, 2048}, {25, 5632, 2048}}},
    [GO_MSTATS_LAST_GC_NANOTIME] = {{"runtime.mstats", "last_gc_nanotime", "runtime/mstats.go"}, {{12, 5920, 8}, {16, 5952, 8}, {17, 5944, 8}, {19, 7720, 8}, {25, 7696, 8}}},
    [GO_MSTATS_NUMGC] = {{"runtime.mstats", "numgc", "runtime/mstats.go"}, {{12, 4288, 4}, {17, 4280, 4}, {19, 7704, 4}, {25, 7680, 4}}},
    [GO_MSTATS_HEAP_LIVE] = {{"runtime.mstats", "heap_live", "runtime/mstats.go"}, {{12, 5952, 8}, {13, 5968, 8}, {16, 6000, 8}, {17, GO_NONE, 0}}},
    [GO_MSTATS_HEAP_SCAN] = {{"runtime.mstats", "heap_scan", "runtime/mstats.go"}, {{12, 5960, 8}, {13, 5976, 8}, {16, 6008, 8}, {17, GO_NONE, 0}}},
    [GO_MSTATS_TINYALLOCS] = {{"runtime.mstats", "tinyallocs", "runtime/mstats.go"}, {{12, 5928, 8}, {16, 5960, 8}, {17, GO_NONE, 0}}},
    [GO_MSTATS_HEAPSTATS] = {{"runtime.mstats", "heapStats", "runtime/mstats.go"}, {{16, 6024, 3520}, {17, 5960, 3544}, {19, 0, 3544}, {25, 0, 3520}}},
    [GO_MSTATS_HEAPSTATS_STATS_COMMITTED] = {{NULL, "heapStats.stats[0].committed", "runtime/mstats.go"}, {{16, 6024, 8}, {17, 5960, 8}, {19, 0, 8}}},
    [GO_MSTATS_HEAPSTATS_STATS_RELEASED] = {{NULL, "heapStats.stats[0].released", "runtime/mstats.go"}, {{16, 6032, 8}, {17, 5968, 8}, {19, 8, 8}}},
    [GO_MSTATS_HEAPSTATS_STATS_INHEAP] = {{NULL, "heapStats.stats[0].inHeap", "runtime/mstats.go"}, {{16, 6040, 8}, {17, 5976, 8}, {19, 16, 8}}},
    [GO_MSTATS_HEAPSTATS_STATS_INSTACKS] = {{NULL, "heapStats.stats[0].inStacks", "runtime/mstats.go"}, {{16, 6048, 8}, {17, 5984, 8}, {19, 24, 8}}},
    [GO_MSTATS_HEAPSTATS_STATS_LARGEALLOC] = {{NULL, "heapStats.stats[0].largeAlloc", "runtime/mstats.go"}, {{16, 6072, 8}, {17, 6016, 8}, {19, 56, 8}, {25, 48, 8}}},
    [GO_MSTATS_HEAPSTATS_STATS_SMALLALLOCCOUNT] = {{NULL, "heapStats.stats[0].smallAllocCount", "runtime/mstats.go"}, {{16, 6088, 544}, {17, 6032, 544}, {19, 72, 544}, {25, 64, 544}}},
    [GO_MSTATS_HEAPSTATS_STATS_COUNT] = {{NULL, "heapStats.stats[#]", "runtime/mstats.go"}, {{16, 3, 0}}},
    [GO_MSTATS_HEAPSTATS_STATS_STRIDE] = {{NULL, "heapStats.stats[].size", "runtime/mstats.go"}, {{16, 1168, 0}, {17, 1176, 0}, {25, 1168, 0}}},

    /* src/runtime/mgc.go */
    [GO_WORK_SIZE] = {{NULL, NULL, "runtime/mgc.go"}, {{12, 400, 0}, {17, 416, 0}, {18, 440, 0}, {19, 432, 0}, {20, 512, 0}, {21, 576, 0}, {22, 568, 0}, {23, 592, 0}, {25, 680, 0}, {26, 816, 0}}},
    [GO_WORK_FULL] = {{NULL, "full", "runtime/mgc.go"}, {{12, 0, 8}}},
    [GO_WORK_EMPTY] = {{NULL, "empty", "runtime/mgc.go"}, {{12, 8, 8}, {21, 72, 8}}},
    [GO_WORK_WBUFSPANS] = {{NULL, "wbufSpans", "runtime/mgc.go"}, {{12, 80, 40}, {21, 144, 40}}},
    [GO_WORK_WBUFSPANS_FREE] = {{NULL, "wbufSpans.free", "runtime/mgc.go"}, {{12, 88, 16}, {21, 152, 16}}},
    [GO_WORK_WBUFSPANS_BUSY] = {{NULL, "wbufSpans.busy", "runtime/mgc.go"}, {{12, 104, 16}, {21, 168, 16}}},
    [GO_WORK_BYTESMARKED] = {{NULL, "bytesMarked", "runtime/mgc.go"}, {{12, 128, 8}, {21, 192, 8}, {25, 256, 8}, {26, 368, 8}}},
    [GO_WORK_MARKROOTNEXT] = {{NULL, "markrootNext", "runtime/mgc.go"}, {{12, 136, 4}, {21, 200, 4}, {25, 264, 4}, {26, 376, 4}}},
    [GO_WORK_MARKROOTJOBS] = {{NULL, "markrootJobs", "runtime/mgc.go"}, {{12, 140, 4}, {21, 204, 4}, {25, 268, 4}, {26, 380, 4}}},
    [GO_WORK_NDATAROOTS] = {{NULL, "nDataRoots", "runtime/mgc.go"}, {{12, 176, 8}, {17, 168, 8}, {21, 232, 8}, {25, 296, 8}, {26, 408, 8}}},
    [GO_WORK_NBSSROOTS] = {{NULL, "nBSSRoots", "runtime/mgc.go"}, {{12, 184, 8}, {17, 176, 8}, {21, 240, 8}, {25, 304, 8}, {26, 416, 8}}},
    [GO_WORK_NSPANROOTS] = {{NULL, "nSpanRoots", "runtime/mgc.go"}, {{12, 192, 8}, {17, 184, 8}, {21, 248, 8}, {25, 312, 8}, {26, 424, 8}}},
    [GO_WORK_NSTACKROOTS] = {{NULL, "nStackRoots", "runtime/mgc.go"}, {{12, 200, 8}, {17, 192, 8}, {21, 256, 8}, {25, 320, 8}, {26, 432, 8}}},
    [GO_WORK_CYCLES] = {{NULL, "cycles", "runtime/mgc.go"}, {{12, 304, 4}, {17, 320, 4}, {18, 344, 4}, {20, 336, 4}, {21, 400, 4}, {23, 424, 4}, {25, 512, 4}, {26, 648, 4}}},
    [GO_WORK_MODE] = {{NULL, "mode", "runtime/mgc.go"}, {{12, 232, 8}, {17, 248, 8}, {18, 272, 8}, {21, 336, 8}, {23, 328, 8}, {25, 392, 8}, {26, 528, 8}}},
    [GO_WORK_TSTART] = {{NULL, "tstart", "runtime/mgc.go"}, {{12, 152, 8}, {21, 216, 8}, {25, 280, 8}, {26, 392, 8}}},
    [GO_WORK_TEND] = {{NULL, "tEnd", "runtime/mgc.go"}, {{12, 344, 8}, {17, 360, 8}, {18, 384, 8}, {20, 376, 8}, {21, 440, 8}, {23, 464, 8}, {25, 552, 8}, {26, 688, 8}}},

    /* src/runtime/symtab.go */
    [GO_MD_SIZE] = {{"runtime.moduledata", NULL, "runtime/symtab.go"}, {{12, 456, 0}, {16, 536, 0}, {18, 552, 0}, {20, 568, 0}, {21, 592, 0}, {23, 584, 0}, {26, 592, 0}}},
    [GO_MD_PCHEADER] = {{"runtime.moduledata", "pcHeader", "runtime/symtab.go"}, {{16, 0, 8}}},
    [GO_MD_FUNCNAMETAB] = {{"runtime.moduledata", "funcnametab", "runtime/symtab.go"}, {{16, 8, 24}}},
    [GO_MD_CUTAB] = {{"runtime.moduledata", "cutab", "runtime/symtab.go"}, {{16, 32, 24}}},
    [GO_MD_FILETAB] = {{"runtime.moduledata", "filetab", "runtime/symtab.go"}, {{12, 48, 24}, {16, 56, 24}}},
    [GO_MD_PCTAB] = {{"runtime.moduledata", "pctab", "runtime/symtab.go"}, {{16, 80, 24}}},
    [GO_MD_PCLNTABLE] = {{"runtime.moduledata", "pclntable", "runtime/symtab.go"}, {{12, 0, 24}, {16, 104, 24}}},
    [GO_MD_FTAB] = {{"runtime.moduledata", "ftab", "runtime/symtab.go"}, {{12, 24, 24}, {16, 128, 24}}},
    [GO_MD_FINDFUNCTAB] = {{"runtime.moduledata", "findfunctab", "runtime/symtab.go"}, {{12, 72, 8}, {16, 152, 8}}},
    [GO_MD_MINPC] = {{"runtime.moduledata", "minpc", "runtime/symtab.go"}, {{12, 80, 8}, {16, 160, 8}}},
    [GO_MD_MAXPC] = {{"runtime.moduledata", "maxpc", "runtime/symtab.go"}, {{12, 88, 8}, {16, 168, 8}}},
    [GO_MD_TEXT] = {{"runtime.moduledata", "text", "runtime/symtab.go"}, {{12, 96, 8}, {16, 176, 8}}},
    [GO_MD_ETEXT] = {{"runtime.moduledata", "etext", "runtime/symtab.go"}, {{12, 104, 8}, {16, 184, 8}}},
    [GO_MD_NOPTRDATA] = {{"runtime.moduledata", "noptrdata", "runtime/symtab.go"}, {{12, 112, 8}, {16, 192, 8}}},
    [GO_MD_ENOPTRDATA] = {{"runtime.moduledata", "enoptrdata", "runtime/symtab.go"}, {{12, 120, 8}, {16, 200, 8}}},
    [GO_MD_DATA] = {{"runtime.moduledata", "data", "runtime/symtab.go"}, {{12, 128, 8}, {16, 208, 8}}},
    [GO_MD_EDATA] = {{"runtime.moduledata", "edata", "runtime/symtab.go"}, {{12, 136, 8}, {16, 216, 8}}},
    [GO_MD_BSS] = {{"runtime.moduledata", "bss", "runtime/symtab.go"}, {{12, 144, 8}, {16, 224, 8}}},
    [GO_MD_EBSS] = {{"runtime.moduledata", "ebss", "runtime/symtab.go"}, {{12, 152, 8}, {16, 232, 8}}},
    [GO_MD_NOPTRBSS] = {{"runtime.moduledata", "noptrbss", "runtime/symtab.go"}, {{12, 160, 8}, {16, 240, 8}}},
    [GO_MD_ENOPTRBSS] = {{"runtime.moduledata", "enoptrbss", "runtime/symtab.go"}, {{12, 168, 8}, {16, 248, 8}}},
    [GO_MD_COVCTRS] = {{"runtime.moduledata", "covctrs", "runtime/symtab.go"}, {{20, 256, 8}}},
    [GO_MD_ECOVCTRS] = {{"runtime.moduledata", "ecovctrs", "runtime/symtab.go"}, {{20, 264, 8}}},
    [GO_MD_END] = {{"runtime.moduledata", "end", "runtime/symtab.go"}, {{12, 176, 8}, {16, 256, 8}, {20, 272, 8}}},
    [GO_MD_GCDATA] = {{"runtime.moduledata", "gcdata", "runtime/symtab.go"}, {{12, 184, 8}, {16, 264, 8}, {20, 280, 8}}},
    [GO_MD_GCBSS] = {{"runtime.moduledata", "gcbss", "runtime/symtab.go"}, {{12, 192, 8}, {16, 272, 8}, {20, 288, 8}}},
    [GO_MD_TYPES] = {{"runtime.moduledata", "types", "runtime/symtab.go"}, {{12, 200, 8}, {16, 280, 8}, {20, 296, 8}}},
    [GO_MD_ETYPES] = {{"runtime.moduledata", "etypes", "runtime/symtab.go"}, {{12, 208, 8}, {16, 288, 8}, {20, 304, 8}}},
    [GO_MD_RODATA] = {{"runtime.moduledata", "rodata", "runtime/symtab.go"}, {{18, 296, 8}, {20, 312, 8}}},
    [GO_MD_GOFUNC] = {{"runtime.moduledata", "gofunc", "runtime/symtab.go"}, {{18, 304, 8}, {20, 320, 8}}},
    [GO_MD_EPCLNTAB] = {{"runtime.moduledata", "epclntab", "runtime/symtab.go"}, {{26, 328, 8}}},
    [GO_MD_TEXTSECTMAP] = {{"runtime.moduledata", "textsectmap", "runtime/symtab.go"}, {{12, 216, 24}, {16, 296, 24}, {18, 312, 24}, {20, 328, 24}, {26, 336, 24}}},
    [GO_MD_TYPELINKS] = {{"runtime.moduledata", "typelinks", "runtime/symtab.go"}, {{12, 240, 24}, {16, 320, 24}, {18, 336, 24}, {20, 352, 24}, {26, 360, 24}}},
    [GO_MD_ITABLINKS] = {{"runtime.moduledata", "itablinks", "runtime/symtab.go"}, {{12, 264, 24}, {16, 344, 24}, {18, 360, 24}, {20, 376, 24}, {26, 384, 24}}},
    [GO_MD_PTAB] = {{"runtime.moduledata", "ptab", "runtime/symtab.go"}, {{12, 288, 24}, {16, 368, 24}, {18, 384, 24}, {20, 400, 24}, {26, 408, 24}}},
    [GO_MD_PLUGINPATH] = {{"runtime.moduledata", "pluginpath", "runtime/symtab.go"}, {{12, 312, 16}, {16, 392, 16}, {18, 408, 16}, {20, 424, 16}, {26, 432, 16}}},
    [GO_MD_PKGHASHES] = {{"runtime.moduledata", "pkghashes", "runtime/symtab.go"}, {{12, 328, 24}, {16, 408, 24}, {18, 424, 24}, {20, 440, 24}, {26, 448, 24}}},
    [GO_MD_INITTASKS] = {{"runtime.moduledata", "inittasks", "runtime/symtab.go"}, {{21, 464, 24}, {26, 472, 24}}},
    [GO_MD_MODULENAME] = {{"runtime.moduledata", "modulename", "runtime/symtab.go"}, {{12, 352, 16}, {16, 432, 16}, {18, 448, 16}, {20, 464, 16}, {21, 488, 16}, {26, 496, 16}}},
    [GO_MD_MODULEHASHES] = {{"runtime.moduledata", "modulehashes", "runtime/symtab.go"}, {{12, 368, 24}, {16, 448, 24}, {18, 464, 24}, {20, 480, 24}, {21, 504, 24}, {26, 512, 24}}},
    [GO_MD_HASMAIN] = {{"runtime.moduledata", "hasmain", "runtime/symtab.go"}, {{12, 392, 1}, {16, 472, 1}, {18, 488, 1}, {20, 504, 1}, {21, 528, 1}, {26, 536, 1}}},
    [GO_MD_BAD] = {{"runtime.moduledata", "bad", "runtime/symtab.go"}, {{12, 440, 1}, {16, 520, 1}, {18, 536, 1}, {20, 552, 1}, {21, 576, 1}, {23, 529, 1}, {26, 537, 1}}},
    [GO_MD_GCDATAMASK] = {{"runtime.moduledata", "gcdatamask", "runtime/symtab.go"}, {{12, 400, 16}, {16, 480, 16}, {18, 496, 16}, {20, 512, 16}, {21, 536, 16}, {26, 544, 16}}},
    [GO_MD_GCBSSMASK] = {{"runtime.moduledata", "gcbssmask", "runtime/symtab.go"}, {{12, 416, 16}, {16, 496, 16}, {18, 512, 16}, {20, 528, 16}, {21, 552, 16}, {26, 560, 16}}},
    [GO_MD_TYPEMAP] = {{"runtime.moduledata", "typemap", "runtime/symtab.go"}, {{12, 432, 8}, {16, 512, 8}, {18, 528, 8}, {20, 544, 8}, {21, 568, 8}, {26, 576, 8}}},
    [GO_MD_NEXT] = {{"runtime.moduledata", "next", "runtime/symtab.go"}, {{12, 448, 8}, {16, 528, 8}, {18, 544, 8}, {20, 560, 8}, {21, 584, 8}, {23, 576, 8}, {26, 584, 8}}},

    /* src/runtime/runtime2.go */
    [GO_FUNC_SIZE] = {{"runtime._func", NULL, "runtime/runtime2.go"}, {{12, 40, 0}, {16, 48, 0}, {18, 40, 0}, {20, 44, 0}}},
    [GO_FUNC_ENTRY] = {{"runtime._func", "entry", "runtime/runtime2.go"}, {{12, 0, 8}, {18, GO_NONE, 0}}},
    [GO_FUNC_ENTRYOFF] = {{"runtime._func", "entryOff", "runtime/runtime2.go"}, {{20, 0, 4}}},
    [GO_FUNC_NAMEOFF] = {{"runtime._func", "nameOff", "runtime/runtime2.go"}, {{12, 8, 4}, {18, 4, 4}}},
    [GO_FUNC_ARGS] = {{"runtime._func", "args", "runtime/runtime2.go"}, {{12, 12, 4}, {18, 8, 4}}},
    [GO_FUNC_DEFERRETURN] = {{"runtime._func", "deferreturn", "runtime/runtime2.go"}, {{12, 16, 4}, {18, 12, 4}}},
    [GO_FUNC_PCSP] = {{"runtime._func", "pcsp", "runtime/runtime2.go"}, {{12, 20, 4}, {18, 16, 4}}},
    [GO_FUNC_PCFILE] = {{"runtime._func", "pcfile", "runtime/runtime2.go"}, {{12, 24, 4}, {18, 20, 4}}},
    [GO_FUNC_PCLN] = {{"runtime._func", "pcln", "runtime/runtime2.go"}, {{12, 28, 4}, {18, 24, 4}}},
    [GO_FUNC_NPCDATA] = {{"runtime._func", "npcdata", "runtime/runtime2.go"}, {{12, 32, 4}, {18, 28, 4}}},
    [GO_FUNC_CUOFFSET] = {{"runtime._func", "cuOffset", "runtime/runtime2.go"}, {{16, 36, 4}, {18, 32, 4}}},
    [GO_FUNC_STARTLINE] = {{"runtime._func", "startLine", "runtime/runtime2.go"}, {{20, 36, 4}}},
    [GO_FUNC_FUNCID] = {{"runtime._func", "funcID", "runtime/runtime2.go"}, {{12, 36, 1}, {16, 40, 1}, {18, 36, 1}, {20, 40, 1}}},
    [GO_FUNC_FLAG] = {{"runtime._func", "flag", "runtime/runtime2.go"}, {{17, 41, 1}, {18, 37, 1}, {20, 41, 1}}},
    [GO_FUNC_NFUNCDATA] = {{"runtime._func", "nfuncdata", "runtime/runtime2.go"}, {{12, 39, 1}, {16, 43, 1}, {18, 39, 1}, {20, 43, 1}}},

    /* src/runtime/mheap.go */
    [GO_SPECIAL_SIZE] = {{"runtime.special", NULL, "runtime/mheap.go"}, {{12, 16, 0}, {24, 24, 0}}},
    [GO_SPECIAL_NEXT] = {{"runtime.special", "next", "runtime/mheap.go"}, {{12, 0, 8}}},
    [GO_SPECIAL_OFFSET] = {{"runtime.special", "offset", "runtime/mheap.go"}, {{12, 8, 2}, {24, 8, 8}}},
    [GO_SPECIAL_KIND] = {{"runtime.special", "kind", "runtime/mheap.go"}, {{12, 10, 1}, {24, 16, 1}}},

    /* src/runtime/map.go */
    [GO_HMAP_SIZE] = {{"runtime.hmap", NULL, "runtime/map.go"}, {{12, 48, 0}, {24, GO_NONE, 0}}},
    [GO_HMAP_COUNT] = {{"runtime.hmap", "count", "runtime/map.go"}, {{12, 0, 8}, {24, GO_NONE, 0}}},
    [GO_HMAP_FLAGS] = {{"runtime.hmap", "flags", "runtime/map.go"}, {{12, 8, 1}, {24, GO_NONE, 0}}},
    [GO_HMAP_B] = {{"runtime.hmap", "B", "runtime/map.go"}, {{12, 9, 1}, {24, GO_NONE, 0}}},
    [GO_HMAP_NOVERFLOW] = {{"runtime.hmap", "noverflow", "runtime/map.go"}, {{12, 10, 2}, {24, GO_NONE, 0}}},
    [GO_HMAP_HASH0] = {{"runtime.hmap", "hash0", "runtime/map.go"}, {{12, 12, 4}, {24, GO_NONE, 0}}},
    [GO_HMAP_BUCKETS] = {{"runtime.hmap", "buckets", "runtime/map.go"}, {{12, 16, 8}, {24, GO_NONE, 0}}},
    [GO_HMAP_OLDBUCKETS] = {{"runtime.hmap", "oldbuckets", "runtime/map.go"}, {{12, 24, 8}, {24, GO_NONE, 0}}},
    [GO_HMAP_NEVACUATE] = {{"runtime.hmap", "nevacuate", "runtime/map.go"}, {{12, 32, 8}, {24, GO_NONE, 0}}},
    [GO_HMAP_EXTRA] = {{"runtime.hmap", "extra", "runtime/map.go"}, {{12, 40, 8}, {24, GO_NONE, 0}}},

    /* src/internal/runtime/maps/map.go */
    [GO_MAP_SIZE] = {{"internal/runtime/maps.Map", NULL, "internal/runtime/maps/map.go"}, {{24, 48, 0}}},
    [GO_MAP_USED] = {{"internal/runtime/maps.Map", "used", "internal/runtime/maps/map.go"}, {{24, 0, 8}}},
    [GO_MAP_SEED] = {{"internal/runtime/maps.Map", "seed", "internal/runtime/maps/map.go"}, {{24, 8, 8}}},
    [GO_MAP_DIRPTR] = {{"internal/runtime/maps.Map", "dirPtr", "internal/runtime/maps/map.go"}, {{24, 16, 8}}},
    [GO_MAP_DIRLEN] = {{"internal/runtime/maps.Map", "dirLen", "internal/runtime/maps/map.go"}, {{24, 24, 8}}},
    [GO_MAP_GLOBALDEPTH] = {{"internal/runtime/maps.Map", "globalDepth", "internal/runtime/maps/map.go"}, {{24, 32, 1}}},
    [GO_MAP_GLOBALSHIFT] = {{"internal/runtime/maps.Map", "globalShift", "internal/runtime/maps/map.go"}, {{24, 33, 1}}},
    [GO_MAP_WRITING] = {{"internal/runtime/maps.Map", "writing", "internal/runtime/maps/map.go"}, {{24, 34, 1}}},
    [GO_MAP_TOMBSTONEPOSSIBLE] = {{"internal/runtime/maps.Map", "tombstonePossible", "internal/runtime/maps/map.go"}, {{25, 35, 1}}},
    [GO_MAP_CLEARSEQ] = {{"internal/runtime/maps.Map", "clearSeq", "internal/runtime/maps/map.go"}, {{24, 40, 8}}},

    /* src/runtime/chan.go */
    [GO_HCHAN_SIZE] = {{"runtime.hchan", NULL, "runtime/chan.go"}, {{12, 96, 0}, {23, 104, 0}, {25, 112, 0}}},
    [GO_HCHAN_QCOUNT] = {{"runtime.hchan", "qcount", "runtime/chan.go"}, {{12, 0, 8}}},
    [GO_HCHAN_DATAQSIZ] = {{"runtime.hchan", "dataqsiz", "runtime/chan.go"}, {{12, 8, 8}}},
    [GO_HCHAN_BUF] = {{"runtime.hchan", "buf", "runtime/chan.go"}, {{12, 16, 8}}},
    [GO_HCHAN_ELEMSIZE] = {{"runtime.hchan", "elemsize", "runtime/chan.go"}, {{12, 24, 2}}},
    [GO_HCHAN_ELEMTYPE] = {{"runtime.hchan", "elemtype", "runtime/chan.go"}, {{12, 32, 8}, {23, 40, 8}}},
};
/* clang-format on */

uint8_t go_finalizer_kind(const struct go_layout *layout)
{
	return layout->minor >= 25 ? 2 : 1; /* 1.25 put _KindSpecialTinyBlock before it. */
}

void go_layout_init(struct go_layout *layout, uint32_t minor)
{
	if (minor < GO_FIRST)
		minor = GO_FIRST;
	if (minor > GO_LAST)
		minor = GO_LAST;
	layout->minor = minor;
	for (uint32_t f = 0; f < GO_FIELDS; f++) {
		layout->at[f] = GO_NONE;
		layout->width[f] = 0;
		for (uint32_t r = 0; r < RUNS; r++) {
			const struct run *run = &rows[f].runs[r];

			if (run->since == 0 || run->since > minor)
				break;
			layout->at[f] = run->offset;
			layout->width[f] =
			    (uint16_t)(run->width > UINT16_MAX ? UINT16_MAX : run->width);
		}
	}
}

struct go_field_name go_field_name(enum go_field field)
{
	return rows[field].name;
}
