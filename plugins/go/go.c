/* SPDX-License-Identifier: Apache-2.0 */
/* go -- the Go runtime's heap, 1.12 to 1.26, linux/amd64, stripped or not.
 *
 * This file is the table of contents. FORMAT.md explains the format; layout.[ch] has every
 * offset, debug.c compares them with debug info. find.c finds the images and their versions,
 * moduledata.c what the linker says of them, globals.c and code.c the runtime's variables;
 * read.c reads. spans.c reads arenas and spans, pages.c what has no span, unswept.c what the sweep
 * will free; ledger.c and blocks.c answer. counters.c reads the runtime's counters for memstats.c
 * and classes.c; spanlist.c, pacer.c and about.c are more reports. bits.c and typemask.c know the
 * pointers of the heap, roots.c, roottimers.c and rootstacks.c those into it, pools.c what waits in
 * pools. types.c, typekinds.c and typeslots.c read type descriptors; views.c and viewtypes.c know
 * how much of its block a reference sees. pclntab.c, unwind.c and goroutines.c know functions and
 * stacks, profile.c the memory profile. blocktypes.c finds what every block is, from typeseeds.c
 * and typeshapes.c over typespread.c, as far as typefit.c agrees, and typefield.c tells. */
#include "blocktypes.h"
#include "goroutines.h"
#include "ledger.h"
#include "profile.h"
#include "reports.h"
#include "roots.h"
#include "views.h"
#include <stdio.h>

#define STRUCTS_MOST 65536 /* Ps, and Ms. */

static int probe(const struct hw_host *host)
{
	return go_probe(host) ? 90 : 0;
}

static void close_plugin(void *handle)
{
	struct go *go = handle;

	if (!go)
		return;
	for (uint64_t r = 0; r < go->count; r++) {
		go_block_types_free(go->runtimes[r].block_types);
		go_heap_clear(&go->runtimes[r]);
	}
	go->host->resize(go->host->self, go->runtimes, go->room, 0, sizeof(*go->runtimes));
	go->host->resize(go->host->self, go, 1, 0, sizeof(*go));
}

static bool read_all(struct go *go)
{
	for (uint64_t r = 0; r < go->count; r++) {
		struct go_runtime *rt = &go->runtimes[r];

		rt->id = HW_NO_MODULE;
		if (!go_find_globals(go, rt))
			return false;
		if (rt->globals.mheap && !go_read_heap(go, rt))
			return false;
	}
	return true;
}

/* How sure: the version is the target's own and in the table, debug info does not contradict the
 * table, and two ways agree. */
static uint32_t judge(const struct go_runtime *rt)
{
	bool is_known = rt->version.minor >= GO_FIRST && rt->version.minor <= GO_LAST &&
			rt->version.minor == rt->layout.minor && !rt->is_debug_layout &&
			rt->version.source <= GO_VERSION_STRING;

	if (rt->is_disagreed || !(rt->ways & GO_WAY_STRUCTURE))
		return HW_GUESSED;
	return is_known && (rt->ways & ~(uint32_t)GO_WAY_STRUCTURE) ? HW_EXACT : HW_CONSERVATIVE;
}

/* Ps and Ms are objects of the heap, and the runtime's own all the same: a word of each that
 * is no pointer stands for it. */
static void claim_structs(const struct go_runtime *rt)
{
	const struct hw_host *host = rt->host;
	struct go_slice allp;
	uint64_t addr, word;

	if (go_slice_read(rt, rt->globals.allp, &allp))
		for (uint64_t i = 0; i < allp.len && i < STRUCTS_MOST; i++)
			if (go_word(rt, allp.ptr + i * 8, &addr) && go_word(rt, addr, &word))
				host->claim(host->self, rt->id, HW_CLAIM_METADATA, addr, addr + 8,
					    "p");
	if (!go_word(rt, rt->globals.allm, &addr))
		return;
	for (uint64_t i = 0; addr && i < STRUCTS_MOST; i++) {
		hw_addr procid = addr + rt->layout.at[GO_M_PROCID];

		if (!go_get(rt, addr, GO_M_ALLLINK, &word))
			return;
		host->claim(host->self, rt->id, HW_CLAIM_METADATA, procid, procid + 8, "m");
		addr = word;
	}
}

static void claim(const struct go_runtime *rt)
{
	const struct hw_host *host = rt->host;

	for (uint64_t a = 0; a < rt->heap.arena_count; a++) {
		const struct go_arena *arena = &rt->heap.arenas[a];

		host->claim(host->self, rt->id, HW_CLAIM_HEAP, arena->base, arena->base + GO_ARENA,
			    "arena");
		host->claim(host->self, rt->id, HW_CLAIM_METADATA, arena->addr,
			    arena->addr + rt->layout.at[GO_HEAPARENA_SIZE], "heapArena");
	}
	claim_structs(rt);
	host->claim(host->self, rt->id, HW_CLAIM_METADATA, rt->globals.mheap,
		    rt->globals.mheap + rt->layout.at[GO_MHEAP_SIZE], "mheap_");
}

/* Where the table is not of this version, or debug info has it otherwise. */
static void warn_version(const struct go_runtime *rt)
{
	const struct hw_host *host = rt->host;

	if (rt->version.minor > GO_LAST && rt->is_debug_layout)
		host->warn(host->self, "go-version-new", false,
			   "Go %s is newer than what this version of heapwalk knows; the layout "
			   "was taken from its debug info",
			   rt->version.text);
	else if (rt->version.minor > GO_LAST)
		host->warn(host->self, "go-version-new", false,
			   "Go %s is newer than what this version of heapwalk knows; the layout of "
			   "1.%u was taken because every check held%s",
			   rt->version.text, rt->layout.minor,
			   rt->has_debug ? ", and debug info has the same" : "");
	else if (rt->is_debug_layout)
		host->warn(host->self, "go-layout-differs", false,
			   "debug info of Go %s does not have the layout of 1.%u: its offsets are "
			   "used where it has any",
			   rt->version.text, rt->layout.minor);
	else if (rt->version.lowest == rt->version.highest && rt->version.minor != rt->layout.minor)
		host->warn(host->self, "go-layout-differs", false,
			   "the layout of Go %s does not fit; that of 1.%u does", rt->version.text,
			   rt->layout.minor);
}

static void announce(struct go_runtime *rt)
{
	const struct hw_host *host = rt->host;
	char how[240];
	struct hw_heap_info info = {
	    .struct_size = sizeof(info),
	    .name = rt->image.name,
	    .version = rt->version.text,
	    .how = how,
	    .flags = HW_HEAP_COLLECTED | HW_HEAP_NO_PAST_END,
	};

	if (!rt->globals.mheap || !rt->heap.arena_count) {
		host->warn(host->self, "go-heap-not-found", true,
			   "%s is Go %s, but its heap was not found: %s", rt->image.name,
			   rt->version.text,
			   rt->pclntab ? "no mheap_ that satisfies its invariants"
				       : "its constants are not in the target; give its file with "
					 "--exe or --sysroot");
		return;
	}
	info.confidence = rt->confidence = judge(rt);
	snprintf(how, sizeof(how), "mheap_ by structure%s%s; version from %s; layout %s",
		 rt->ways & GO_WAY_CODE ? " and code" : "",
		 rt->ways & GO_WAY_SYMBOL ? " and symbol" : "",
		 go_version_source_name(rt->version.source),
		 rt->is_debug_layout ? "from debug info, which differs from the table"
		 : rt->has_debug     ? "of the table, as debug info has it"
				     : "of the table");
	if (rt->module_count && rt->globals.allgs)
		info.flags |= HW_HEAP_OWN_ROOTS;
	rt->id = host->add_heap(host->self, &info);
	warn_version(rt);
	if (rt->version.minor <= GO_LAST && !(rt->ways & ~(uint32_t)GO_WAY_STRUCTURE))
		host->warn(host->self, "go-one-way", false,
			   "mheap_ was found by structure only: %s",
			   rt->pclntab ? "the code of the functions that use it was not recognised"
				       : "the program's file is missing; give it with --exe or "
					 "--sysroot");
	host->lock(host->self, rt->globals.mheap, 8); /* mheap_.lock, and its key, come first. */
	claim(rt);
}

static void *open_plugin(const struct hw_host *host)
{
	struct go *go = host->resize(host->self, NULL, 0, 1, sizeof(*go));

	if (!go) {
		host->fail(host->self, "out of memory");
		return NULL;
	}
	go->host = host;
	if (!go_find_runtimes(go) || !read_all(go)) {
		host->fail(host->self, go->no_memory ? "out of memory" : "stopped");
		close_plugin(go);
		return NULL;
	}
	for (uint64_t r = 0; r < go->count; r++)
		announce(&go->runtimes[r]);
	return go;
}

static const struct hw_report reports[] = {
    {.name = "memstats",
     .summary = "runtime.MemStats, recomputed from the heap, beside the counters",
     .run = go_report_memstats},
    {.name = "classes",
     .summary = "size classes: objects, free slots, waste, and what pins sparse spans",
     .run = go_report_classes},
    {.name = "spans",
     .summary = "spans by what they are for; those with the most free bytes",
     .run = go_report_spans},
    {.name = "goroutines",
     .summary = "every goroutine: state, where it stands, who created it, its stack",
     .run = go_report_goroutines},
    {.name = "gc",
     .summary = "the collector: GOGC, GOMEMLIMIT, goal, last cycle, phase",
     .run = go_report_gc},
    {.name = "scavenger",
     .summary = "idle and scavenged pages, and why RSS does not fall",
     .run = go_report_scavenger},
    {.name = "runtime",
     .summary = "the Go runtimes found: version, image, tables",
     .run = go_report_runtime},
    {.name = "types", .summary = "the type descriptors of the program", .run = go_report_types},
    {.name = "profile",
     .summary = "the memory profile: where memory was allocated, in use and in all",
     .run = go_report_profile,
     .formats = go_profile_formats,
     .write = go_write_profile},
};

HW_PLUGIN_EXPORT const struct hw_plugin hw_plugin_go;
const struct hw_plugin hw_plugin_go = {
    HW_PLUGIN_HEADER,
    .name = "go",
    .summary = "the Go runtime: spans, size classes, caches, stacks, goroutines",
    .tested = "go 1.12 to 1.26, linux/amd64",
    .probe = probe,
    .open = open_plugin,
    .ledger = go_ledger,
    .blocks = go_blocks,
    .verify = go_verify,
    .close = close_plugin,
    .reports = reports,
    .report_count = sizeof(reports) / sizeof(*reports),
    .goroutines = go_goroutines,
    .frames = go_frames,
    .roots = go_roots,
    .pointers = go_pointers,
    .view = go_view,
    .extent = go_extent,
    .site = go_site,
    .types = go_types,
    .type_of = go_type_of,
    .field = go_field,
    .fields = go_fields,
    .variable_type = go_variable_type,
    .inside = go_inside,
};
