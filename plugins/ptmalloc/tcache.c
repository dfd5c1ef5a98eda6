/* SPDX-License-Identifier: Apache-2.0 */
/* Per-thread caches. `static __thread tcache` of libc lies at one fixed distance below
 * every thread's control block; the distance is found by a vote: a word there that
 * points at a chunk of the right size whose content reads as a tcache_perthread_struct.
 * Threads whose TLS was not dumped are found by structure among the live chunks. */
#include "ptmalloc.h"
#include <inttypes.h>
#include <string.h>

#define TLS_NEAR (UINT64_C(64) << 10) /* Bytes of static TLS looked at first, */
#define TLS_FAR  (UINT64_C(4) << 20)  /* and in programs with large thread-locals. */
#define HITS_MAX 4096

/* Content of a tcache struct. */
struct content {
	uint64_t count[TCACHE_BINS_MAX]; /* As the struct says; slots left turned round. */
	hw_addr entry[TCACHE_BINS_MAX];
	uint64_t full; /* Slots of an empty bin, where slots are counted. */
};

static bool read_content(const struct ptmalloc *pt, enum tcache_kind kind, hw_addr addr,
			 struct content *c)
{
	const struct tcache_layout *l = &tcache_layouts[kind];
	uint8_t copy[0x300];
	uint64_t full = 0, size;
	const uint8_t *raw = pt->host->peek(pt->host->self, addr, &size);

	if (!raw || size < l->size) { /* Across two segments. */
		if (pt->host->read(pt->host->self, addr, copy, l->size) != l->size)
			return false;
		raw = copy;
	}
	memset(c, 0, sizeof(*c));
	/* Slots left count down from tcache_count, where the empty bins still are. */
	for (uint32_t i = 0; l->counts_down && i < l->bins; i++) {
		uint16_t left;

		memcpy(&left, raw + 2 * i, sizeof(left));
		full = left > full ? left : full;
	}
	c->full = full;
	for (uint32_t i = 0; i < l->bins; i++) {
		uint16_t two = 0;

		memcpy(&two, raw + i * (uint32_t)l->count_size, l->count_size);
		memcpy(&c->entry[i], raw + l->entries + 8 * i, 8);
		if (c->entry[i] & (ALIGNMENT - 1))
			return false;
		c->count[i] = l->counts_down ? full - two : two;
	}
	return true;
}

/* Is entry a chunk that bin i of a tcache could hold? */
static bool entry_fits(const struct ptmalloc *pt, const struct libc *libc, hw_addr entry,
		       uint32_t i)
{
	uint64_t size, low, high;
	const struct region *r = region_find(libc, entry - CHUNK_HDR);

	if ((entry & (ALIGNMENT - 1)) || !r || !read_word(pt->host, entry - 8, &size))
		return false;
	tcache_bin_sizes(i, &low, &high);
	return chunk_size(size) >= low && chunk_size(size) <= high && !(size & IS_MMAPPED);
}

/* Is entry inside the heap, where the target holds nothing? */
static bool entry_is_unread(const struct ptmalloc *pt, const struct libc *libc, hw_addr entry)
{
	uint64_t size;

	return !(entry & (ALIGNMENT - 1)) && region_find(libc, entry - CHUNK_HDR) &&
	       !read_word(pt->host, entry - 8, &size) && is_mapped(pt->host, entry - 8, entry);
}

/* How well the content reads as a tcache: -1 not at all, else its non-empty bins, without
 * those whose chunks were not dumped. */
static int content_score(const struct ptmalloc *pt, const struct libc *libc, enum tcache_kind kind,
			 const struct content *c)
{
	int filled = 0, off = 0;

	for (uint32_t i = 0; i < tcache_layouts[kind].bins; i++) {
		bool fits = c->entry[i] && entry_fits(pt, libc, c->entry[i], i);

		if (c->entry[i] && !fits && !entry_is_unread(pt, libc, c->entry[i]))
			return -1;
		off += (c->entry[i] != 0) != (c->count[i] != 0);
		filled += fits;
	}
	return off > 1 ? -1 : filled; /* One bin may be caught in the middle. */
}

/* The kinds that go with a class of malloc_state. */
static bool kind_fits(const struct libc *libc, enum tcache_kind kind)
{
	if (libc->tcache_kind != TCACHE_NONE)
		return kind == libc->tcache_kind;
	if (libc->state->bins == 24)
		return kind == TCACHE_SLOTS76;
	if (libc->state->bins == 104)
		return kind == TCACHE_CHAR64;
	return true;
}

/* The kind of tcache struct at addr, TCACHE_NONE when there is none. */
static enum tcache_kind tcache_at(const struct ptmalloc *pt, const struct libc *libc, hw_addr addr,
				  int *score_ret)
{
	uint64_t size;

	if ((addr & (ALIGNMENT - 1)) || !region_find(libc, addr - CHUNK_HDR) ||
	    !read_word(pt->host, addr - 8, &size) || (size & IS_MMAPPED))
		return TCACHE_NONE;
	for (int k = 0; k < TCACHE_KINDS; k++) {
		struct content c;
		int score;

		if (!kind_fits(libc, (enum tcache_kind)k) ||
		    !tcache_chunk_size_fits((enum tcache_kind)k, chunk_size(size)) ||
		    !read_content(pt, (enum tcache_kind)k, addr, &c))
			continue;
		score = content_score(pt, libc, (enum tcache_kind)k, &c);
		if (score >= 0) {
			*score_ret = score;
			return (enum tcache_kind)k;
		}
	}
	return TCACHE_NONE;
}

bool is_known_tcache(const struct libc *libc, hw_addr addr)
{
	for (uint64_t i = 0; i < libc->tcache_count; i++)
		if (libc->tcaches[i].addr == addr)
			return true;
	return false;
}

/* By structure alone: at least one list, and all of it fits. */
bool looks_like_tcache(const struct ptmalloc *pt, const struct libc *libc, hw_addr addr)
{
	int score = 0;

	return tcache_at(pt, libc, addr, &score) != TCACHE_NONE && score > 0;
}

/* A word below some thread's tcb that points at a tcache. */
struct hit {
	uint32_t thread;
	uint32_t below; /* Distance from the tcb. */
	hw_addr addr;
	enum tcache_kind kind;
};

struct hits {
	struct hit *at;
	uint64_t count, room;
};

/* Words below the tcb, nearest first, as far as they are held. */
static bool collect(struct ptmalloc *pt, const struct libc *libc, uint32_t index,
		    const struct hw_thread_info *t, uint64_t reach, struct hits *hits)
{
	const struct hw_host *host = pt->host;
	struct window w = {0};

	for (uint64_t below = 8; below <= reach && below <= t->tls; below += 8) {
		hw_addr at = t->tls - below;
		uint64_t word;
		int score;
		struct hit h = {.thread = index, .below = (uint32_t)below};

		if ((below & 0xfff) == 8) { /* Per page: the window starts at its bottom. */
			hw_addr page = at & ~(hw_addr)0xfff;
			uint64_t pair[2];

			if (!window_pair(host, &w, page, pair) &&
			    !window_pair(host, &w, at - 8, pair))
				break;
		}
		if (at >= w.start && at < w.end && w.end - at >= 8)
			memcpy(&word, w.data + (at - w.start), 8);
		else if (!read_word(host, at, &word))
			break;
		if (!word || (word & (ALIGNMENT - 1)) || !region_find(libc, word))
			continue;
		h.addr = word;
		h.kind = tcache_at(pt, libc, word, &score);
		if (h.kind == TCACHE_NONE)
			continue;
		if (!grow(pt, (void **)&hits->at, &hits->room, hits->count, sizeof(h)))
			return false;
		hits->at[hits->count++] = h;
	}
	return true;
}

/* The first few threads tell the distance; all of them, or more of their TLS, are looked
 * at only when those have no tcache. */
static bool collect_all(struct ptmalloc *pt, const struct libc *libc, struct hits *hits)
{
	static const struct {
		uint32_t threads;
		uint64_t reach;
	} tries[] = {{16, TLS_NEAR}, {UINT32_MAX, TLS_NEAR}, {4, TLS_FAR}};
	const struct hw_host *host = pt->host;
	struct hw_thread_info t = {.struct_size = sizeof(t)};

	for (size_t k = 0; k < sizeof(tries) / sizeof(*tries) && !hits->count; k++) {
		uint32_t looked = 0;

		for (uint32_t i = 0; looked < tries[k].threads && host->thread(host->self, i, &t);
		     i++) {
			looked += t.tls_dumped;
			if (t.tls_dumped && !collect(pt, libc, i, &t, tries[k].reach, hits))
				return false;
		}
	}
	return true;
}

/* The distance most threads agree on; 0 without hits. Quadratic in hits, which are few:
 * a thread has one, rarely two. */
static uint32_t best_distance(const struct hits *hits)
{
	uint32_t best = 0;
	uint64_t most = 0, looked = hits->count < HITS_MAX ? hits->count : HITS_MAX;

	for (uint64_t i = 0; i < looked; i++) {
		uint64_t votes = 0;

		for (uint64_t j = 0; j < looked; j++)
			votes += hits->at[j].below == hits->at[i].below;
		if (votes > most || (votes == most && hits->at[i].below < best)) {
			most = votes;
			best = hits->at[i].below;
		}
	}
	return best;
}

static bool add_tcache(struct ptmalloc *pt, struct libc *libc, hw_addr addr, int32_t tid)
{
	const struct hw_host *host = pt->host;

	if (is_known_tcache(libc, addr)) {
		host->damage(host->self, addr, "two threads have the same tcache");
		libc->is_exact = false;
		return true;
	}
	if (!grow(pt, (void **)&libc->tcaches, &libc->tcache_room, libc->tcache_count,
		  sizeof(struct tcache)))
		return false;
	libc->tcaches[libc->tcache_count++] = (struct tcache){.addr = addr, .tid = tid};
	return true;
}

/* Takes the pointer at the agreed distance in every thread. A pointer that is no tcache
 * and no NULL is damage, unless it points into libc: 2.42's dummies. */
static bool take_thread(struct ptmalloc *pt, struct libc *libc, const struct hw_thread_info *t,
			uint32_t below)
{
	const struct hw_host *host = pt->host;
	uint64_t addr = 0;
	int score;

	if (!read_word(host, t->tls - below, &addr) || !addr)
		return true;
	if (tcache_at(pt, libc, addr, &score) != TCACHE_NONE)
		return add_tcache(pt, libc, addr, t->tid);
	if (libc->tcache_kind == TCACHE_SLOTS76) {
		struct hw_range r = {.struct_size = sizeof(r)};

		if (host->range(host->self, addr, &r) && r.start <= addr &&
		    r.owner == HW_OWNER_MODULE)
			return true;
	}
	host->damage(host->self, t->tls - below,
		     "thread %" PRId32 ": its tcache 0x%" PRIx64 " makes no sense", t->tid, addr);
	libc->is_exact = false;
	return true;
}

static void vote_tcaches(struct ptmalloc *pt, struct libc *libc)
{
	int votes = 0;

	for (uint64_t i = 0; i < libc->tcache_count; i++) {
		struct content c;

		if (!read_content(pt, libc->tcache_kind, libc->tcaches[i].addr, &c))
			continue;
		for (uint32_t b = 0; b < tcache_layouts[libc->tcache_kind].bins; b++)
			if (c.entry[b])
				vote_safe_linking(pt, libc, c.entry[b], &votes);
	}
	if (votes) {
		libc->safe_linking = votes > 0;
		libc->safe_linking_known = true;
	}
}

/* One list: as long as its counter says, every chunk of the bin's size. */
static bool mark_bin(struct ptmalloc *pt, struct libc *libc, struct tcache *t, uint32_t bin,
		     hw_addr entry, uint64_t want)
{
	const struct hw_host *host = pt->host;
	uint64_t met = 0, word = 0;

	for (; entry; met++) {
		if (entry_is_unread(pt, libc, entry)) {
			libc->is_exact = false;
			libc->tcache_lists_cut++;
			return true;
		}
		if (!entry_fits(pt, libc, entry, bin)) {
			host->damage(host->self, t->addr,
				     "tcache bin %" PRIu32 " leads to 0x%" PRIx64
				     ", which is no chunk of its size",
				     bin, entry);
			libc->is_exact = false;
			break;
		}
		switch (mark_chunk(pt, libc, entry - CHUNK_HDR, true)) {
		case MARK_OK:
			break;
		case MARK_NO_MEMORY:
			return false;
		default:
			host->damage(host->self, t->addr,
				     "tcache bin %" PRIu32 " meets 0x%" PRIx64 " a second time",
				     bin, entry);
			libc->is_exact = false;
			goto done;
		}
		read_word(host, entry - 8, &word);
		t->count[bin]++;
		t->bytes[bin] += chunk_size(word);
		if (!read_word(host, entry, &word))
			break;
		entry = unmangle(libc, entry, word);
	}
done:
	if (met != want) {
		host->damage(host->self, t->addr,
			     "tcache bin %" PRIu32 " holds %" PRIu64
			     " chunks, its counter says %" PRIu64,
			     bin, met, want);
		libc->is_exact = false;
	}
	return true;
}

static bool mark_all(struct ptmalloc *pt, struct libc *libc, uint64_t first)
{
	const struct hw_host *host = pt->host;

	for (uint64_t i = first; i < libc->tcache_count; i++) {
		struct content c;

		if (!read_content(pt, libc->tcache_kind, libc->tcaches[i].addr, &c))
			continue;
		if (c.full && libc->par.addr && c.full != libc->par.tcache_count) {
			host->damage(host->self, libc->tcaches[i].addr,
				     "tcache has %" PRIu64 " slots in a bin, mp_ says %" PRIu64,
				     c.full, libc->par.tcache_count);
			libc->is_exact = false;
		}
		for (uint32_t b = 0; b < tcache_layouts[libc->tcache_kind].bins; b++)
			if ((c.entry[b] || c.count[b]) &&
			    !mark_bin(pt, libc, &libc->tcaches[i], b, c.entry[b], c.count[b]))
				return false;
	}
	return true;
}

/* A live chunk that reads as a tcache no thread is known to own. */
struct orphans {
	struct ptmalloc *pt;
	struct libc *libc;
	bool ok;
};

static bool try_orphan(void *arg, enum chunk_kind kind, hw_addr chunk, uint64_t size)
{
	struct orphans *o = arg;
	int score = 0;
	enum tcache_kind found;

	if (kind != CHUNK_LIVE || size < TCACHE_CHUNK_MIN || size > TCACHE_CHUNK_MAX ||
	    is_known_tcache(o->libc, chunk + CHUNK_HDR))
		return true;
	found = tcache_at(o->pt, o->libc, chunk + CHUNK_HDR, &score);
	if (found == TCACHE_NONE || score == 0)
		return true;
	o->libc->tcache_kind = found;
	o->ok = add_tcache(o->pt, o->libc, chunk + CHUNK_HDR, 0);
	return o->ok;
}

/* For threads whose TLS is missing: all live chunks are looked at. */
static bool find_orphans(struct ptmalloc *pt, struct libc *libc)
{
	struct orphans o = {.pt = pt, .libc = libc, .ok = true};
	uint64_t first = libc->tcache_count;

	for (uint64_t i = 0; i < libc->region_count && o.ok; i++)
		walk_region(pt, libc, &libc->regions[i], false, try_orphan, &o);
	if (!o.ok || pt->host->stopped(pt->host->self))
		return false;
	if (libc->tcache_count > first) {
		libc->is_exact = false;
		pt->host->warn(pt->host->self, "tcache-by-structure", true,
			       "%" PRIu64
			       " thread caches were found by their structure only, since "
			       "the threads' own data is missing",
			       libc->tcache_count - first);
		if (!libc->safe_linking_known)
			vote_tcaches(pt, libc);
	}
	return mark_all(pt, libc, first);
}

bool find_tcaches(struct ptmalloc *pt, struct libc *libc)
{
	const struct hw_host *host = pt->host;
	struct hw_thread_info t = {.struct_size = sizeof(t)};
	struct hits hits = {0};
	uint32_t below, missing = 0;
	bool ok;

	if (libc->state->system_mem == 2064 || (libc->par.addr && !libc->par.layout->tcache_bins))
		return true; /* Before 2.26. */
	for (uint32_t i = 0; host->thread(host->self, i, &t); i++)
		missing += !t.tls_dumped;
	ok = collect_all(pt, libc, &hits);
	below = best_distance(&hits);
	for (uint64_t i = 0; ok && below && i < hits.count; i++) {
		if (hits.at[i].below == below) {
			libc->tcache_kind = hits.at[i].kind;
			break;
		}
	}
	for (uint32_t i = 0; ok && below && host->thread(host->self, i, &t); i++)
		if (t.tls_dumped)
			ok = take_thread(pt, libc, &t, below);
	host->resize(host->self, hits.at, hits.room, 0, sizeof(*hits.at));
	if (!ok)
		return false;
	vote_tcaches(pt, libc);
	if (!mark_all(pt, libc, 0) || (missing && !find_orphans(pt, libc)))
		return false;
	if (libc->tcache_lists_cut)
		host->warn(host->self, "memory-missing", true,
			   "%" PRIu64
			   " lists of thread caches lead to heap that is not in the target: "
			   "cached chunks behind count as live",
			   libc->tcache_lists_cut);
	return true;
}
