/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the chunks of a region in address order.
 *
 * A chunk's size leads to the next one; whether it is in use stands in the next one's
 * PREV_INUSE. Chunks in fastbins and tcaches keep that bit: their marks tell. A region
 * that no longer grows ends in fenceposts:
 *
 *   main heap (sysmalloc(), "someone else called sbrk"):  … | 0x10|1 | 0x10|1 |
 *   other heaps (sysmalloc(), new heap):   … | 0x10|1 | 0|1 |   or   … | 0x20|1 | 0|1 |
 *
 * What lies behind a chunk with an impossible size cannot be told apart any more: it
 * is unknown, up to top, which the arena knows by itself. */
#include "ptmalloc.h"
#include <inttypes.h>

#define PREFETCH 1024 /* Bytes ahead of the walk; may lie outside, that is harmless. */

/* First place at or after `from` where chunks go on to top or to the next fenceposts:
 * the end of a hole that a foreign sbrk() left. 0: none. */
static hw_addr find_resume(struct ptmalloc *pt, hw_addr from, hw_addr top, hw_addr end)
{
	for (hw_addr at = from; at < top; at += ALIGNMENT) {
		uint64_t size;
		hw_addr chain_end;
		hw_addr data_start, data_end;

		if ((at & 0xfffff) == 0 &&
		    (pt->host->stopped(pt->host->self) ||
		     !pt->host->data(pt->host->self, at, end, &data_start, &data_end)))
			return 0;
		if (!read_word(pt->host, at + 8, &size) || !(size & PREV_INUSE) ||
		    (size & (IS_MMAPPED | NON_MAIN_ARENA)) || !size_is_sane(size, at, end))
			continue;
		if (chain_ends(pt, at, end, top, &chain_end))
			return at;
	}
	return top;
}

/* Where the walk goes on after `at` makes no sense: top, or the end. */
static hw_addr next_known(const struct libc *libc, const struct region *region, hw_addr at)
{
	const struct arena *a = &libc->arenas[region->arena];

	return region->has_top && a->top > at && a->top < region->end ? a->top : region->end;
}

static bool is_marked(const uint64_t *bits, const struct region *region, hw_addr chunk)
{
	uint64_t bit = (chunk - region->start) / ALIGNMENT;

	return bits && (bits[bit / 64] >> (bit % 64)) & 1;
}

/* One walk's view of the target. */
struct host_view {
	struct ptmalloc *pt;
	const struct libc *libc;
	struct window window;
	bool report;
};

/* Fenceposts at `at`: their size, or 0. word: their size field. */
static uint64_t fence_size(const struct host_view *v, const struct region *region, hw_addr at,
			   uint64_t word)
{
	uint64_t size = chunk_size(word), next;

	if (size == FENCEPOST)
		return FENCEPOST;
	if (region->is_main)
		return 0;
	if (size == 0 && at + FENCEPOST == region->end)
		return FENCEPOST;
	if (size == MINSIZE && !(word & NON_MAIN_ARENA) &&
	    at + MINSIZE + FENCEPOST == region->end &&
	    read_word(v->pt->host, at + MINSIZE + 8, &next) && chunk_size(next) == 0)
		return MINSIZE;
	return 0;
}

#define DAMAGE(v, at, ...)                                                                         \
	do {                                                                                       \
		if ((v)->report)                                                                   \
			(v)->pt->host->damage((v)->pt->host->self, (at), __VA_ARGS__);             \
	} while (0)

/* What is wrong with the flags of a chunk; the walk goes on. */
static void check_flags(const struct host_view *v, const struct region *region, hw_addr at,
			uint64_t word, bool in_use)
{
	if (word & IS_MMAPPED)
		DAMAGE(v, at, "chunk inside a heap has IS_MMAPPED set");
	if (region->is_main ? (word & NON_MAIN_ARENA) != 0 : in_use && !(word & NON_MAIN_ARENA))
		DAMAGE(v, at, "chunk's NON_MAIN_ARENA flag does not fit its heap");
}

/* The kind of a chunk that is not top and no fencepost. next: the two words behind it. */
static enum chunk_kind kind_of(const struct host_view *v, const struct region *region, hw_addr at,
			       uint64_t word, const uint64_t next[2], enum chunk_kind before)
{
	bool in_use = next[1] & PREV_INUSE;

	if (__builtin_expect((word & (IS_MMAPPED | NON_MAIN_ARENA)) !=
				 (region->is_main ? 0 : NON_MAIN_ARENA),
			     0))
		check_flags(v, region, at, word, in_use);
	if (!in_use) {
		if (next[0] != chunk_size(word))
			DAMAGE(v, at,
			       "free chunk of 0x%" PRIx64 " bytes has 0x%" PRIx64 " at its end",
			       chunk_size(word), next[0]);
		if (before == CHUNK_BINNED)
			DAMAGE(v, at, "free chunk follows a free chunk: not coalesced");
		if (is_marked(region->tcache_bits, region, at) ||
		    is_marked(region->fast_bits, region, at))
			DAMAGE(v, at, "chunk is in a fastbin or tcache and free at once");
		return CHUNK_BINNED;
	}
	if (is_marked(region->tcache_bits, region, at))
		return CHUNK_CACHED;
	return is_marked(region->fast_bits, region, at) ? CHUNK_FAST : CHUNK_LIVE;
}

/* Behind the fenceposts of a main heap at `at`: bytes to skip. */
static uint64_t hole_size(const struct host_view *v, const struct region *region, hw_addr at)
{
	const struct libc *libc = v->libc;
	const struct hw_host *host = v->pt->host;
	hw_addr next = next_known(libc, region, at), resume;

	resume = region->has_top ? find_resume(v->pt, at, next, region->end) : 0;
	if (!resume) {
		DAMAGE(v, at, "nothing follows the fenceposts of a main heap");
		return next - at;
	}
	if (v->report)
		host->warn(host->self, "foreign-sbrk", false,
			   "%" PRIu64 " bytes at 0x%" PRIx64
			   " inside the main heap were taken by somebody else's sbrk()",
			   resume - at, at);
	return resume - at;
}

static inline __attribute__((always_inline)) bool
walk(struct host_view *v, const struct region *region, chunk_fn fn, void *arg)
{
	const struct hw_host *host = v->pt->host;
	hw_addr at = region->start, top;
	enum chunk_kind before = CHUNK_LIVE;
	uint64_t pair[2] = {0}, next[2] = {0};
	uint32_t steps = 0;
	bool have_pair = false;

	top = region->has_top ? v->libc->arenas[region->arena].top : 0;
	if (!region->is_sound)
		return fn(arg, CHUNK_UNKNOWN, at, region->end - at);
	while (at < region->end) {
		enum chunk_kind kind;
		uint64_t size;

		if ((++steps & 0xfffff) == 0 && host->stopped(host->self))
			return false;
		if (at == top) {
			if (before == CHUNK_BINNED)
				DAMAGE(v, at, "free chunk before top: not merged");
			return fn(arg, CHUNK_TOP, at, region->end - at);
		}
		if (!have_pair && !window_pair(host, &v->window, at, pair)) {
			size = next_known(v->libc, region, at) - at;
			if (v->report)
				host->warn(host->self, "memory-missing", true,
					   "%" PRIu64 " bytes of heap at 0x%" PRIx64
					   " are not in the target",
					   size, at);
			kind = CHUNK_UNKNOWN;
			have_pair = false;
			goto emit;
		}
		if (at == region->start && !(pair[1] & PREV_INUSE))
			DAMAGE(v, at, "first chunk lacks PREV_INUSE");
		if (__builtin_expect(!size_is_sane(pair[1], at, region->end) ||
					 chunk_size(pair[1]) == MINSIZE,
				     0)) {
			size = fence_size(v, region, at, pair[1]);
			if (size) {
				kind = CHUNK_FENCE;
				have_pair = false;
				if (!fn(arg, kind, at, size))
					return false;
				if (before == CHUNK_FENCE && region->is_main &&
				    at + size < region->end && at + size != top &&
				    (!window_pair(host, &v->window, at + size, pair) ||
				     chunk_size(pair[1]) != FENCEPOST)) {
					at += size;
					size = hole_size(v, region, at);
					kind = CHUNK_UNKNOWN;
					goto emit;
				}
				at += size;
				before = kind;
				continue;
			}
		}
		size = chunk_size(pair[1]);
		if (__builtin_expect(
			!size_is_sane(pair[1], at, region->end) || (top && size > top - at), 0)) {
			size = next_known(v->libc, region, at) - at;
			DAMAGE(v, at, "chunk has size 0x%" PRIx64, pair[1]);
			kind = CHUNK_UNKNOWN;
			have_pair = false;
			goto emit;
		}
		have_pair =
		    at + size < region->end && window_pair(host, &v->window, at + size, next);
		if (__builtin_expect(!have_pair, 0)) {
			if (at + size == region->end)
				DAMAGE(v, at, "last chunk of a heap is followed by nothing");
			next[0] = size; /* Missing: take it for live. */
			next[1] = PREV_INUSE;
		}
		__builtin_prefetch(v->window.data + (at + size - v->window.start) + PREFETCH);
		kind = kind_of(v, region, at, pair[1], next, before);
	emit:
		if (!fn(arg, kind, at, size))
			return false;
		at += size;
		before = kind;
		pair[0] = next[0];
		pair[1] = next[1];
	}
	if (top)
		DAMAGE(v, top, "walk did not meet the arena's top");
	return true;
}

bool walk_region(struct ptmalloc *pt, const struct libc *libc, const struct region *region,
		 bool report, chunk_fn fn, void *arg)
{
	struct host_view v = {.pt = pt, .libc = libc, .report = report};

	return walk(&v, region, fn, arg);
}

/* Adding up, and the simulation of malloc_trim(0): runs of chunks that are free once
 * fastbins are consolidated. */
struct adder {
	struct ptmalloc *pt;
	const struct libc *libc;
	const struct region *region;
	struct totals *t;
	hw_addr run_start;
	uint64_t run_size;
	chunk_fn fn; /* Wants to know of each chunk, too; or NULL. */
	void *arg;
};

static inline void end_run(struct adder *a)
{
	if (a->run_size)
		a->t->releasable += trim_run(a->run_start, a->run_size);
	a->run_size = 0;
}

static inline void grow_run(struct adder *a, hw_addr chunk, uint64_t size)
{
	if (!a->run_size)
		a->run_start = chunk;
	a->run_size += size;
}

/* A live chunk that reads as a tcache no thread is known to own: what it caches would
 * count as live. */
static void check_orphan(struct adder *a, hw_addr chunk, uint64_t size)
{
	const struct libc *libc = a->libc;
	hw_addr addr = chunk + CHUNK_HDR;

	if (libc->tcache_kind == TCACHE_NONE || !tcache_chunk_size_fits(libc->tcache_kind, size) ||
	    !looks_like_tcache(a->pt, libc, addr) || is_known_tcache(libc, addr))
		return;
	a->t->orphans++;
	a->pt->host->damage(a->pt->host->self, addr,
			    "a tcache that belongs to no thread: its chunks count as live");
}

static inline bool add_chunk(void *arg, enum chunk_kind kind, hw_addr chunk, uint64_t size)
{
	struct adder *a = arg;
	struct totals *t = a->t;

	switch (kind) {
	case CHUNK_LIVE:
		t->live++;
		t->live_bytes += size;
		if (__builtin_expect(size - TCACHE_CHUNK_MIN <= TCACHE_CHUNK_MAX - TCACHE_CHUNK_MIN,
				     0))
			check_orphan(a, chunk, size);
		break;
	case CHUNK_CACHED:
		t->cached++;
		t->cached_bytes += size;
		t->marks_seen++;
		break;
	case CHUNK_FAST:
		t->fast++;
		t->fast_bytes += size;
		t->marks_seen++;
		grow_run(a, chunk, size);
		return true;
	case CHUNK_BINNED:
		t->binned++;
		t->binned_bytes += size;
		t->binned_hash += address_hash(chunk);
		grow_run(a, chunk, size);
		return true;
	case CHUNK_TOP:
		t->top_bytes += size;
		t->releasable += trim_top(a->pt, a->libc, a->region, a->run_size + size);
		a->run_size = 0;
		return true;
	case CHUNK_FENCE:
		t->fence_bytes += size;
		break;
	case CHUNK_UNKNOWN:
		t->unknown_bytes += size;
		break;
	}
	end_run(a);
	return true;
}

/* Adds up, and tells the caller of each chunk, until it has enough. */
static inline bool add_and_tell(void *arg, enum chunk_kind kind, hw_addr chunk, uint64_t size)
{
	struct adder *a = arg;

	add_chunk(a, kind, chunk, size);
	if (a->fn && !a->fn(a->arg, kind, chunk, size))
		a->fn = NULL;
	return true;
}

bool total_region(struct ptmalloc *pt, const struct libc *libc, struct region *region, chunk_fn fn,
		  void *arg)
{
	struct host_view v = {.pt = pt, .libc = libc, .report = true};
	struct adder a = {
	    .pt = pt, .libc = libc, .region = region, .t = &region->totals, .fn = fn, .arg = arg};
	bool done;

	region->totals = (struct totals){0};
	done = fn ? walk(&v, region, add_and_tell, &a) : walk(&v, region, add_chunk, &a);
	end_run(&a);
	return done;
}

bool chain_ends(struct ptmalloc *pt, hw_addr start, hw_addr limit, hw_addr top, hw_addr *end_ret)
{
	struct window w = {0};
	uint64_t pair[2];
	uint32_t fences = 0;

	for (hw_addr at = start; at < limit && pt->chain_budget; pt->chain_budget--) {
		if (at == top) {
			*end_ret = limit;
			return true;
		}
		if (!window_pair(pt->host, &w, at, pair))
			return false;
		if (chunk_size(pair[1]) ==
		    FENCEPOST) { /* PREV_INUSE is clear behind a free chunk. */
			at += FENCEPOST;
			if (++fences >= 2 && (at & 4095) == 0) {
				*end_ret = at;
				return true;
			}
			continue;
		}
		if (fences || !size_is_sane(pair[1], at, limit) ||
		    (pair[1] & (IS_MMAPPED | NON_MAIN_ARENA)))
			return false;
		at += chunk_size(pair[1]);
	}
	return false;
}
