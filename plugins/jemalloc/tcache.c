/* SPDX-License-Identifier: Apache-2.0 */
/* Thread caches, by the list every arena keeps of those attached to it (tcache.c,
 * tcache_arena_associate()). Threads' own caches lie in their thread-local data, ones made
 * by mallctl("tcache.create") in memory of jemalloc's own. */
#include "jemalloc.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TCACHES_MAX (UINT64_C(1) << 20)

struct reader {
	struct jemalloc *je;
	struct copy *copy;
	struct tcache *tcache;
	uint32_t number;
	bool has_stack;     /* A bin with room was met; */
	uint16_t stack_end; /* low 16 bits of where its room ends. */
};

static void bad_pointer(struct reader *r, hw_addr slot, hw_addr pointer)
{
	r->copy->is_exact = false;
	if (r->tcache->bad++ == 0)
		r->je->host->damage(r->je->host->self, slot,
				    "a thread cache holds 0x%" PRIx64
				    ", which is no allocation of its size",
				    pointer);
}

static bool take_pointer(struct reader *r, hw_addr slot, uint32_t szind)
{
	struct copy *copy = r->copy;
	struct extent *e;
	uint64_t pointer = 0;

	if (!read_word(r->je, slot, &pointer) || !(e = object_at(r->je, copy, pointer)) ||
	    e->szind != szind) {
		bad_pointer(r, slot, pointer);
		return true;
	}
	if (!GROW(r->je, copy->cached, copy->cached_room, copy->cached_count))
		return false;
	copy->cached[copy->cached_count++] =
	    (struct cached){pointer, r->number, (uint32_t)(e - copy->extents)};
	r->tcache->blocks++;
	r->tcache->bytes += usable_size(copy, e);
	r->tcache->bin_blocks[szind]++;
	return true;
}

/* One bin: where its pointers lie. False: it contradicts itself. */
static bool bin_range(const struct version_layout *v, const uint8_t *bin, hw_addr *from_ret,
		      uint64_t *count_ret)
{
	if (v->tcache_kind == TCACHE_STACK) {
		hw_addr head = word_at(bin);
		uint16_t low_water, full, empty, cached;

		memcpy(&low_water, bin + 16, 2);
		memcpy(&full, bin + 18, 2);
		memcpy(&empty, bin + 20, 2);
		cached = (uint16_t)(empty - (uint16_t)head);
		*count_ret = cached / 8;
		*from_ret = head;
		return (cached == 0 && !(head & 7)) ||
		       (head && !(head & 7) && !(empty & 7) && cached <= (uint16_t)(empty - full) &&
			(uint16_t)(empty - low_water) <= cached);
	} else {
		uint32_t ncached = u32_at(bin + 4);
		hw_addr avail = word_at(bin + 16);

		*count_ret = ncached;
		*from_ret = avail - 8 * (uint64_t)ncached;
		return (int32_t)u32_at(bin) <= (int32_t)ncached &&
		       (ncached == 0 || (avail && !(avail & 7)));
	}
}

/* The room of a tcache's bins lies end to end in one allocation (cache_bin.c,
 * cache_bin_init()); bins that are off have none. */
static bool follows(struct reader *r, const uint8_t *bin)
{
	uint16_t full, empty;

	if (r->copy->version->tcache_kind != TCACHE_STACK)
		return true;
	memcpy(&full, bin + 18, 2);
	memcpy(&empty, bin + 20, 2);
	if (full == empty)
		return true;
	if (r->has_stack && full != r->stack_end)
		return false;
	r->has_stack = true;
	r->stack_end = empty;
	return true;
}

static bool read_bin(struct reader *r, hw_addr at, uint32_t szind)
{
	uint8_t buf[CACHE_BIN_SIZE];
	const uint8_t *bin = view(r->je, at, sizeof(buf), buf);
	struct tcache *t = r->tcache;
	hw_addr from = 0;
	uint64_t count = 0;

	if (!bin || !bin_range(r->copy->version, bin, &from, &count) || count > TCACHE_COUNT_MAX ||
	    !follows(r, bin)) {
		r->copy->is_exact = false;
		if (t->bad++ == 0)
			r->je->host->damage(r->je->host->self, at,
					    "bin %" PRIu32 " of a thread cache contradicts itself",
					    szind);
		return true;
	}
	if (count && (!t->stack || from < t->stack))
		t->stack = from;
	if (count && from + 8 * count > t->stack_end)
		t->stack_end = from + 8 * count;
	for (uint64_t i = 0; i < count; i++)
		if (!take_pointer(r, from + 8 * i, szind))
			return false;
	return true;
}

static bool read_bins(struct reader *r)
{
	const struct version_layout *v = r->copy->version;

	for (uint32_t i = 0; i < v->tcache_bins; i++) {
		hw_addr at = r->tcache->addr;

		if (v->tcache_large && i >= SC_NBINS)
			at += v->tcache_large + (uint64_t)(i - SC_NBINS) * CACHE_BIN_SIZE;
		else
			at += v->tcache_small + (uint64_t)i * CACHE_BIN_SIZE;
		if (!read_bin(r, at, i))
			return false;
	}
	return true;
}

/* The tcache of a list element: itself, or what a tcache_slow_t leads to and back. */
static bool resolve(struct jemalloc *je, const struct version_layout *v, hw_addr slow,
		    hw_addr arena, struct tcache *t)
{
	uint64_t word;

	*t = (struct tcache){.slow = slow, .addr = slow};
	if (!read_word(je, slow + v->tcache_arena, &word) || word != arena)
		return false;
	if (v->tcache_kind == TCACHE_COUNTED)
		return true;
	if (!read_word(je, slow + v->slow_dyn, &t->dyn) ||
	    !read_word(je, slow + v->slow_tcache, &t->addr))
		return false;
	return read_word(je, t->addr, &word) && word == slow;
}

static bool take_tcache(struct jemalloc *je, struct copy *copy, const struct tcache *found)
{
	struct reader r = {.je = je, .copy = copy, .number = (uint32_t)copy->tcache_count};

	if (!GROW(je, copy->tcaches, copy->tcache_room, copy->tcache_count))
		return false;
	r.tcache = &copy->tcaches[copy->tcache_count++];
	*r.tcache = *found;
	return read_bins(&r);
}

/* One arena's list, a ring: ql.h. Every element must be led to by the one before. */
static bool read_list(struct jemalloc *je, struct copy *copy, const struct arena *a)
{
	const struct version_layout *v = copy->version;
	uint64_t first, at, next, back;

	if (!read_word(je, a->addr + v->arena_tcache_ql, &first) || !first)
		return true;
	at = first;
	do {
		struct tcache t;

		if (!resolve(je, v, at, a->addr, &t) || copy->tcache_count >= TCACHES_MAX ||
		    !read_word(je, at + v->tcache_link, &next) ||
		    !read_word(je, next + v->tcache_link + 8, &back) || back != at) {
			copy->is_exact = false;
			je->host->damage(je->host->self, at,
					 "arena %" PRIu32
					 ": its list of thread caches breaks off here; what "
					 "further ones hold counts as live",
					 a->index);
			return true;
		}
		t.arena = a->index;
		if (!take_tcache(je, copy, &t))
			return false;
		at = next;
	} while (at != first && !je->host->stopped(je->host->self));
	return true;
}

struct thread {
	hw_addr tls;
	int32_t tid;
};

static int compare_threads(const void *a, const void *b)
{
	const struct thread *x = a, *y = b;

	return x->tls < y->tls ? -1 : x->tls > y->tls;
}

static const struct thread *thread_at(const struct thread *threads, uint64_t count, hw_addr tls)
{
	struct thread key = {.tls = tls};

	return bsearch(&key, threads, count, sizeof(*threads), compare_threads);
}

/* Static thread-local storage lies at one distance below every thread's control block: the
 * one that most caches agree on. */
static uint64_t tls_distance(const struct copy *copy, const struct thread *threads, uint64_t count)
{
	uint64_t best = 0, best_votes = 0;

	for (uint64_t c = 0; c < copy->tcache_count && c < 4; c++) {
		for (uint64_t i = 0; i < count && i < 256; i++) {
			uint64_t distance = threads[i].tls - copy->tcaches[c].slow, votes = 0;

			if (distance > UINT64_C(1) << 20 || distance == best)
				continue;
			for (uint64_t k = 0; k < copy->tcache_count && k < 64; k++)
				votes += thread_at(threads, count,
						   copy->tcaches[k].slow + distance) != NULL;
			if (votes > best_votes) {
				best = distance;
				best_votes = votes;
			}
		}
	}
	return best;
}

static bool name_threads(struct jemalloc *je, struct copy *copy)
{
	const struct hw_host *host = je->host;
	struct hw_thread_info t = {.struct_size = sizeof(t)};
	struct thread *threads = NULL;
	uint64_t count = 0, room = 0, distance;

	for (uint32_t i = 0; host->thread(host->self, i, &t); i++) {
		copy->hidden_threads += !t.tls || !t.tls_dumped;
		if (!t.tls)
			continue;
		if (!GROW(je, threads, room, count)) {
			host->resize(host->self, threads, room, 0, sizeof(*threads));
			return false;
		}
		threads[count++] = (struct thread){t.tls, t.tid};
	}
	if (count)
		qsort(threads, count, sizeof(*threads), compare_threads);
	distance = tls_distance(copy, threads, count);
	for (uint64_t c = 0; distance && c < copy->tcache_count; c++) {
		const struct thread *found =
		    thread_at(threads, count, copy->tcaches[c].slow + distance);

		if (found)
			copy->tcaches[c].tid = found->tid;
	}
	if (threads)
		host->resize(host->self, threads, room, 0, sizeof(*threads));
	return true;
}

static int compare_cached(const void *a, const void *b)
{
	const struct cached *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* In order of address; what two caches hold counts once. */
static void settle(struct jemalloc *je, struct copy *copy)
{
	uint64_t kept = 0, twice = 0;
	hw_addr at = 0;

	if (!copy->cached_count)
		return;
	qsort(copy->cached, copy->cached_count, sizeof(*copy->cached), compare_cached);
	for (uint64_t i = 0; i < copy->cached_count; i++) {
		if (kept && copy->cached[kept - 1].addr == copy->cached[i].addr) {
			at = copy->cached[i].addr;
			twice++;
			continue;
		}
		copy->cached[kept++] = copy->cached[i];
		copy->extents[copy->cached[i].extent].cached++;
	}
	copy->cached_count = kept;
	if (!twice)
		return;
	copy->is_exact = false;
	je->host->damage(je->host->self, at,
			 "%" PRIu64 " allocations are in thread caches twice: freed twice", twice);
}

/* The tcache of one thread, in the static thread-local storage below its control block:
 * tcache_slow_t and tcache_t lead to each other, and the former to its arena. */
static bool search_thread(struct jemalloc *je, struct copy *copy, hw_addr tls)
{
	const struct version_layout *v = copy->version;

	for (hw_addr at = tls - TLS_SEARCHED; at < tls; at += 8) {
		struct tcache t;
		uint64_t word;

		if (!read_word(je, at + v->tcache_arena, &word) || !word)
			continue;
		for (uint64_t i = 0; i < copy->arena_count; i++) {
			const struct arena *a = &copy->arenas[i];

			if (word != a->addr || !resolve(je, v, at, a->addr, &t) ||
			    t.addr - (tls - TLS_SEARCHED) >= TLS_SEARCHED)
				continue;
			t.arena = a->index;
			return take_tcache(je, copy, &t);
		}
	}
	return true; /* A thread that never allocated has none. */
}

/* Without statistics no arena has a list of its tcaches. */
static bool search_threads(struct jemalloc *je, struct copy *copy)
{
	const struct hw_host *host = je->host;
	struct hw_thread_info t = {.struct_size = sizeof(t)};

	if (copy->version->tcache_kind != TCACHE_STACK) {
		copy->is_exact = false;
		copy->tcaches_known = false;
		host->warn(host->self, "tcaches-not-found", true,
			   "%s was built without statistics: its thread caches are in no list, and "
			   "what they hold counts as live",
			   copy->name);
		return true;
	}
	for (uint32_t i = 0; host->thread(host->self, i, &t); i++)
		if (t.tls > TLS_SEARCHED && !search_thread(je, copy, t.tls))
			return false;
	return true;
}

bool find_tcaches(struct jemalloc *je, struct copy *copy)
{
	if (!copy->version)
		return true;
	copy->tcaches_known = true;
	for (uint64_t i = 0; i < copy->arena_count; i++)
		if (!read_list(je, copy, &copy->arenas[i]))
			return false;
	if (!has_statistics(copy) && !search_threads(je, copy))
		return false;
	if (!name_threads(je, copy))
		return false;
	settle(je, copy);
	if (copy->hidden_threads) {
		copy->is_exact = false;
		je->host->warn(je->host->self, "tls-not-dumped", true,
			       "the thread-local data of %" PRIu64
			       " threads is not in the target: what their caches hold counts as "
			       "live",
			       copy->hidden_threads);
	}
	return !je->host->stopped(je->host->self);
}
