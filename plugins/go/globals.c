/* SPDX-License-Identifier: Apache-2.0 */
/* globals.c -- runtime.mheap_, allgs, allp, allm, memstats by what they contain, in any
 * writable data of the image; then compared with what the code names (code.c) and with the
 * symbol table where there is one. See FORMAT.md for why each test can have one answer only. */
#include "globals.h"
#include <stdio.h>
#include <string.h>

/* runtime/mfixalloc.go: struct fixalloc, all versions; the table knows `inuse`. mheap.init
 * gives spanalloc the address of mheap_ as arg, so that word says where its struct is. */
enum {
	FIXALLOC_INUSE = 48,
	FIXALLOC_SIZE = 0 - FIXALLOC_INUSE,
	FIXALLOC_ARG = 16 - FIXALLOC_INUSE,
	FIXALLOC_STAT = 56 - FIXALLOC_INUSE,
};

enum { SLICE_MAX = 1 << 30, P_MAX = 1 << 16, LOOK_AT = 16 };

struct scan {
	struct go_runtime *rt;
	struct go_globals first; /* The first hit for each. */
	uint32_t mheaps;
	uint64_t allp_len;
	uint32_t allps; /* allp candidates of the greatest length. */
	uint64_t allgs_len;
	uint32_t ties; /* allgs candidates of the greatest length. */
};

static uint64_t load(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* mheap_ at addr under this layout? */
static bool is_mheap(const struct go_runtime *rt, const struct go_layout *layout, hw_addr addr)
{
	hw_addr spanalloc = addr + layout->at[GO_MHEAP_SPANALLOC_INUSE];
	hw_addr cachealloc = addr + layout->at[GO_MHEAP_CACHEALLOC_INUSE];
	struct go_slice spans;
	uint64_t word, size, table;

	return go_word(rt, spanalloc + FIXALLOC_ARG, &word) && word == addr &&
	       go_word(rt, spanalloc + FIXALLOC_SIZE, &size) && size == layout->at[GO_MSPAN_SIZE] &&
	       go_word(rt, cachealloc + FIXALLOC_SIZE, &size) &&
	       size == layout->at[GO_MCACHE_SIZE] &&
	       go_slice_read(rt, addr + layout->at[GO_MHEAP_ALLSPANS], &spans) &&
	       spans.len <= spans.cap && spans.cap < SLICE_MAX &&
	       go_word(rt, addr + layout->at[GO_MHEAP_ARENAS], &table) && table &&
	       table % rt->host->page_size == 0;
}

static void try_mheap(struct scan *s, hw_addr slot)
{
	hw_addr addr = slot - s->rt->layout.at[GO_MHEAP_SPANALLOC_INUSE] - FIXALLOC_ARG;

	if (go_in_image(&s->rt->image, addr) && is_mheap(s->rt, &s->rt->layout, addr))
		s->first.mheap = s->mheaps++ ? s->first.mheap : addr;
}

static bool is_g(const struct go_runtime *rt, hw_addr g)
{
	uint64_t lo, hi, status, goid, self;

	/* newproc1 and oneNewExtraM point g.sched.g back at g. */
	if (!g || g % 8 || !go_get(rt, g, GO_G_SCHED_G, &self) || self != g ||
	    !go_get(rt, g, GO_G_STACK_LO, &lo) || !go_get(rt, g, GO_G_STACK_HI, &hi) ||
	    !go_get(rt, g, GO_G_ATOMICSTATUS, &status) || !go_get(rt, g, GO_G_GOID, &goid))
		return false;
	/* runtime2.go: 10 _Gleaked and 11 _Gdeadextra are 1.26's; 0x1000 is _Gscan. */
	return ((lo == 0 && hi == 0) || (lo < hi && hi - lo <= GO_ARENA)) &&
	       (status & ~UINT64_C(0x1000)) <= 11 && goid < UINT64_C(1) << 48;
}

static bool is_allgs(const struct go_runtime *rt, const struct go_slice *slice)
{
	uint64_t step = slice->len / LOOK_AT + 1;

	for (uint64_t i = 0; i < slice->len; i += step) {
		uint64_t g;

		if (!go_word(rt, slice->ptr + i * 8, &g) || !is_g(rt, g))
			return false;
	}
	return true;
}

/* allocmcache() points all spans of it at emptymspan, a variable, and refill() never those of size
 * class 0: large objects are not cached. */
static bool is_mcache(const struct go_runtime *rt, hw_addr mcache)
{
	const hw_addr alloc = go_at(rt, mcache, GO_MCACHE_ALLOC);
	uint64_t flushed, span[2];

	return mcache && mcache % 8 == 0 && !go_in_image(&rt->image, mcache) &&
	       go_get(rt, mcache, GO_MCACHE_FLUSHGEN, &flushed) &&
	       go_read(rt, alloc, span, sizeof(span)) && span[0] == span[1] &&
	       go_in_image(&rt->image, span[0]);
}

/* procresize() makes each p and its mcache outside the image: what glibc keeps of the program,
 * linked into it, looks like a p with id 0. */
static bool is_allp(const struct go_runtime *rt, const struct go_slice *slice)
{
	uint64_t p, id, status, mcache;

	if (!slice->len || slice->len > slice->cap || slice->len > P_MAX)
		return false;
	for (uint64_t i = 0; i < slice->len; i++)
		if (!go_word(rt, slice->ptr + i * 8, &p) || !p || p % 8 ||
		    go_in_image(&rt->image, p) || !go_get(rt, p, GO_P_ID, &id) || id != i ||
		    !go_get(rt, p, GO_P_STATUS, &status) || status > 4 ||
		    !go_get(rt, p, GO_P_MCACHE, &mcache) || !is_mcache(rt, mcache))
			return false;
	return true;
}

static void try_slice(struct scan *s, hw_addr addr, const struct go_slice *slice)
{
	struct go_runtime *rt = s->rt;
	uint64_t g;

	if (!slice->ptr || slice->ptr % 8 || slice->len == 0 || slice->len > slice->cap ||
	    slice->cap > SLICE_MAX || !go_word(rt, slice->ptr, &g) || !g || g % 8)
		return;
	if (slice->len >= s->allp_len && is_allp(rt, slice)) {
		s->allps = slice->len == s->allp_len ? s->allps + 1 : 1;
		if (s->allps == 1)
			s->first.allp = addr;
		s->allp_len = slice->len;
	}
	/* Slices of a single g that look like it exist: the longest is the one. */
	if (slice->len < s->allgs_len || !is_allgs(rt, slice))
		return;
	s->ties = slice->len == s->allgs_len ? s->ties + 1 : 1;
	if (s->ties == 1)
		s->first.allgs = addr;
	s->allgs_len = slice->len;
}

static void scan_stretch(struct scan *s, hw_addr at, const uint8_t *bytes, uint64_t size)
{
	for (uint64_t i = -at & 7; i + 8 <= size; i += 8) {
		struct go_slice slice;
		uint64_t word = load(bytes + i);

		if (!word)
			continue;
		if (word < at + i && at + i - word < UINT64_C(1) << 20)
			try_mheap(s, at + i);
		/* data and bss are one array of words in two mappings. */
		if (i + sizeof(slice) <= size)
			memcpy(&slice, bytes + i, sizeof(slice));
		else if (!go_slice_read(s->rt, at + i, &slice))
			continue;
		try_slice(s, at + i, &slice);
	}
}

void go_each_data(const struct go_runtime *rt,
		  void (*fn)(void *arg, hw_addr at, const uint8_t *bytes, uint64_t size), void *arg)
{
	const struct hw_host *host = rt->host;

	for (uint32_t s = 0; s < rt->image.segment_count; s++) {
		const struct go_segment *segment = &rt->image.segments[s];
		hw_addr start, end;

		if (!(segment->perm & HW_PERM_W))
			continue;
		for (hw_addr at = segment->start;
		     host->data(host->self, at, segment->end, &start, &end); at = end) {
			uint64_t size;
			const uint8_t *bytes = host->peek(host->self, start, &size);

			if (!bytes || host->stopped(host->self))
				return;
			fn(arg, start, bytes, size < end - start ? size : end - start);
		}
	}
}

static void scan_one(void *arg, hw_addr at, const uint8_t *bytes, uint64_t size)
{
	scan_stretch(arg, at, bytes, size);
}

static struct scan scan_image(struct go_runtime *rt)
{
	struct scan s = {.rt = rt};

	go_each_data(rt, scan_one, &s);
	return s;
}

/* Every allocator of mheap_ points at the counter it adds to, all in memstats
 * (runtime/mheap.go, mheap.init): three pointers that must name one struct. */
static hw_addr find_memstats(const struct go_runtime *rt, hw_addr mheap)
{
	static const enum go_field stats[][2] = {
	    {GO_MHEAP_SPANALLOC_INUSE, GO_MSTATS_MSPAN_SYS},
	    {GO_MHEAP_CACHEALLOC_INUSE, GO_MSTATS_MCACHE_SYS},
	};
	hw_addr found = 0;
	uint64_t word;

	for (uint32_t i = 0; i < sizeof(stats) / sizeof(*stats); i++) {
		if (!go_word(rt, go_at(rt, mheap, stats[i][0]) + FIXALLOC_STAT, &word))
			return 0;
		word -= rt->layout.at[stats[i][1]];
		if (!go_in_image(&rt->image, word) || (found && word != found))
			return 0;
		found = word;
	}
	return go_word(rt, go_at(rt, mheap, GO_MHEAP_SPECIALFINALIZERALLOC) + 56, &word) &&
		       word == found + rt->layout.at[GO_MSTATS_OTHER_SYS]
		   ? found
		   : 0;
}

/* The versions that are possible, each with its own layout, until mheap_ fits. */
static struct scan scan_versions(struct go_runtime *rt)
{
	struct go_version *v = &rt->version;
	struct scan best = scan_image(rt);
	uint32_t first = 0, last = 0;

	if ((best.mheaps && v->lowest == v->highest) || rt->is_debug_layout)
		return best;
	/* The version is not said, or its layout does not fit: an early release of the same
	 * version, one newer than the table, or a false string. */
	for (uint32_t minor = GO_LAST; minor >= GO_FIRST; minor--) {
		struct scan s;

		if (v->lowest != v->highest && (minor < v->lowest || minor > v->highest))
			continue;
		go_layout_init(&rt->layout, minor);
		s = scan_image(rt);
		if (!s.mheaps || !s.allps || !s.allgs_len)
			continue;
		if (!first) {
			best = s;
			first = minor;
		}
		last = minor;
	}
	if (!first) {
		go_layout_init(&rt->layout, v->minor);
		return best;
	}
	go_layout_init(&rt->layout, first);
	if (v->lowest == v->highest)
		return best;
	v->minor = v->highest = first;
	v->lowest = last;
	v->source = GO_VERSION_STRUCTURE;
	if (first == last)
		snprintf(v->text, sizeof(v->text), "1.%u", first);
	else
		snprintf(v->text, sizeof(v->text), "1.%u-1.%u", last, first);
	return best;
}

static void disagree(struct go_runtime *rt, const char *name, hw_addr structure, hw_addr other,
		     const char *way)
{
	rt->is_disagreed = true;
	rt->host->warn(rt->host->self, "go-globals-disagree", true,
		       "runtime.%s is at 0x%llx by its contents, at 0x%llx by %s", name,
		       (unsigned long long)structure, (unsigned long long)other, way);
}

/* One global: what structure, code and symbols say. Structure wins. */
static hw_addr settle(struct go_runtime *rt, const char *name, hw_addr structure, hw_addr code,
		      uint32_t *ways)
{
	char symbol[64];
	hw_addr addr = 0;

	*ways = (structure ? GO_WAY_STRUCTURE : 0) |
		(code && (!structure || code == structure) ? GO_WAY_CODE : 0);
	if (structure && code && code != structure)
		disagree(rt, name, structure, code, "the code");
	snprintf(symbol, sizeof(symbol), "runtime.%s", name);
	if (rt->host->symbol(rt->host->self, rt->image.module, symbol, &addr)) {
		hw_addr known = structure ? structure : code;

		if (known && addr != known)
			disagree(rt, name, known, addr, "the symbol table");
		else
			*ways |= GO_WAY_SYMBOL;
	}
	return structure ? structure : code ? code : addr;
}

bool go_find_globals(struct go *go, struct go_runtime *rt)
{
	struct scan s;
	struct go_globals code = {0};
	struct go_globals *g = &rt->globals;
	struct go_slice allp;
	uint32_t ways;

	go_layout_debug(rt);
	s = scan_versions(rt);
	go_globals_by_code(rt, &code);
	/* Where structure has several answers, code picks among them. */
	if (s.ties > 1 && code.allgs)
		s.first.allgs = code.allgs;
	if (code.allp && go_slice_read(rt, code.allp, &allp) && is_allp(rt, &allp))
		s.first.allp = code.allp; /* A P's snapshot of it may be longer. */
	if (s.mheaps > 1)
		disagree(rt, "mheap_", s.first.mheap, code.mheap, "the code, and by more contents");
	g->mheap = settle(rt, "mheap_", s.first.mheap, code.mheap, &rt->ways);
	/* Where it is, is not what it looks like: a new version's may have moved inside. */
	if (rt->version.minor > GO_LAST && !(rt->ways & GO_WAY_STRUCTURE))
		g->mheap = 0;
	g->allgs = settle(rt, "allgs", s.first.allgs, code.allgs, &ways);
	g->allp = settle(rt, "allp", s.first.allp, code.allp, &ways);
	g->memstats = settle(rt, "memstats", g->mheap ? find_memstats(rt, g->mheap) : 0, 0, &ways);
	g->allm = settle(rt, "allm", 0, code.allm, &ways);
	g->sched = settle(rt, "sched", 0, code.sched, &ways);
	g->work = settle(rt, "work", 0, code.work, &ways);
	g->gc_controller = settle(rt, "gcController", 0, code.gc_controller, &ways);
	g->mprof_cycle =
	    settle(rt, rt->layout.minor < 19 ? "mProf" : "mProfCycle", 0, code.mprof_cycle, &ways);
	g->memprofile_rate = settle(rt, "MemProfileRate", 0, code.memprofile_rate, &ways);
	g->mbuckets = settle(rt, "mbuckets", 0, code.mbuckets, &ways);
	g->m0 = settle(rt, "m0", 0, code.m0, &ways);
	g->modules = settle(rt, "firstmoduledata", rt->modules[0].addr, code.modules, &ways);
	g->gcphase = settle(rt, "gcphase", 0, code.gcphase, &ways);
	if (rt->layout.minor <= 16)
		g->gcpercent = settle(rt, "gcpercent", 0, code.gcpercent, &ways);
	if (rt->layout.minor >= 19)
		g->scavenge = settle(rt, "scavenge", 0, code.scavenge, &ways);
	g->madvdontneed = code.madvdontneed;
	g->advise_unused = settle(rt, "adviseUnused", 0, code.advise_unused, &ways);
	g->allfin = code.allfin;
	g->cleanups = code.cleanups;
	g->timers = code.timers;
	return !go->host->stopped(go->host->self);
}
