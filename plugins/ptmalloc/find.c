/* SPDX-License-Identifier: Apache-2.0 */
/* Finds every main_arena of the target: by symbol where a module has one, else by
 * structure. Both ways the same invariants decide.
 *
 * By structure: malloc_state.bins[] is 127 list heads in a row, 16 bytes apart. The head
 * of bin i is addressed as if it were a chunk, so an empty one holds its own address
 * less 16, twice. Such a pair is the seed. The start of the struct is where the ring of
 * arenas (`next`) closes; that also tells the version class. A damaged arena may have
 * a few broken heads: then every position of the seed in the row is tried. */
#include "ptmalloc.h"

#define HEADS_ENOUGH 100     /* Good heads of 127 that make a damaged row believable. */
#define HEADS_SURE   40      /* That many of them must be seen, whatever was not dumped. */
#define RING_MAX     1000000 /* Arenas; each needs 64 MiB of address space. */

static bool head_is_good(const struct hw_host *host, hw_addr at)
{
	uint64_t fd, bk, back, forth;

	if (!read_word(host, at, &fd) || !read_word(host, at + 8, &bk))
		return false;
	if (fd == at - 16 && bk == at - 16)
		return true;
	return read_word(host, fd + 24, &back) && back == at - 16 &&
	       read_word(host, bk + 16, &forth) && forth == at - 16;
}

/* Could the word at addr be `want`? It is, or the target did not keep what is mapped there. */
static bool may_be(const struct hw_host *host, hw_addr addr, uint64_t want)
{
	uint64_t word;

	return read_word(host, addr, &word) ? word == want : is_mapped(host, addr, addr + 8);
}

/* A head whose chunks were not dumped: nothing speaks against it. */
static bool head_may_be_good(const struct hw_host *host, hw_addr at)
{
	uint64_t fd, bk;

	return read_word(host, at, &fd) && read_word(host, at + 8, &bk) &&
	       !((fd | bk) & (ALIGNMENT - 1)) && fd != at - 16 && bk != at - 16 &&
	       may_be(host, fd + 24, at - 16) && may_be(host, bk + 16, at - 16);
}

/* Good heads; when at least HEADS_SURE are, those too whose chunks were not dumped. */
static uint32_t good_heads(const struct hw_host *host, hw_addr bins)
{
	uint32_t good = 0, open = 0;

	for (uint32_t i = 0; i < BIN_HEADS; i++) {
		hw_addr at = bins + 16 * (hw_addr)i;

		if (head_is_good(host, at))
			good++;
		else
			open += head_may_be_good(host, at);
	}
	return good >= HEADS_SURE ? good + open : good;
}

/* Is a an arena in a heap of its own: does the heap_info before it point at it? */
static bool is_secondary(const struct hw_host *host, hw_addr a)
{
	uint64_t ar_ptr;
	uint64_t low = a & 0xfffff;

	return (low == HEAP_INFO_OLD || low == HEAP_INFO_NEW) &&
	       read_word(host, a - low + HEAP_AR_PTR, &ar_ptr) && ar_ptr == a;
}

/* Does `next` lead from start back to start over secondary arenas? *first_ret tells
 * whether at least the first step made sense. */
static bool ring_closes(const struct hw_host *host, hw_addr start, uint32_t bins, bool *first_ret)
{
	hw_addr a = start;

	*first_ret = false;
	for (uint32_t hops = 0; hops < RING_MAX; hops++) {
		uint64_t next;

		if (!read_word(host, a + bins + BINS_TO_NEXT, &next))
			return false;
		if (next == start) {
			*first_ret = true;
			return true;
		}
		if (!is_secondary(host, next))
			return false;
		*first_ret = true;
		a = next;
	}
	return false;
}

/* 2.17-2.22 lack attached_threads: system_mem stands where 2.23 has the count. */
static bool lacks_attached(const struct hw_host *host, hw_addr bins)
{
	uint64_t a, b, c;

	if (!read_word(host, bins + BINS_TO_ATTACHED, &a) ||
	    !read_word(host, bins + BINS_TO_ATTACHED + 8, &b))
		return false;
	if (!read_word(host, bins + BINS_TO_ATTACHED + 16, &c))
		c = 0;
	/* With the count: a is small and b <= c. Without: a <= b are both sizes. */
	if (a < 4096 && b >= 4096 && b <= c)
		return false;
	if (a == 0 && b == 0) /* Never used; a count would be 1. */
		return true;
	return a >= 4096 && a <= b;
}

/* Without a ring to go by: do top and system_mem before and behind bins make sense? */
static bool is_plausible(const struct hw_host *host, hw_addr bins, const struct state_layout *l)
{
	uint64_t top, size, system_mem, max;

	return read_word(host, bins + (uint64_t)BINS_TO_TOP, &top) && !(top & (ALIGNMENT - 1)) &&
	       read_word(host, top + 8, &size) && (size & PREV_INUSE) &&
	       chunk_size(size) >= MINSIZE && is_mapped(host, top, top + chunk_size(size)) &&
	       read_word(host, bins + l->system_mem, &system_mem) &&
	       read_word(host, bins + l->system_mem + 8, &max) && system_mem >= chunk_size(size) &&
	       system_mem <= max && max < UINT64_C(1) << 47;
}

/* Does the part of a malloc_state before bins[] read as this layout has it? */
static bool start_fits(const struct hw_host *host, hw_addr bins, const struct state_layout *l)
{
	hw_addr start = bins - l->bins;
	uint32_t mutex, flags, fast = 0;
	uint64_t chunk, word;

	if (!read_u32(host, start + STATE_MUTEX, &mutex) || mutex > 2 ||
	    !read_u32(host, start + STATE_FLAGS, &flags) || flags > 3)
		return false;
	if (l->fastbins == 16 && (!read_u32(host, start + 8, &fast) || fast > 1))
		return false;
	for (uint32_t i = 0; l->fastbins && i < NFASTBINS; i++)
		if (!read_word(host, start + l->fastbins + 8 * (hw_addr)i, &chunk) ||
		    (chunk && ((chunk & (ALIGNMENT - 1)) || !read_word(host, chunk, &word))))
			return false;
	return true;
}

/* Which layout has a malloc_state at start with its bins[] at bins? */
static const struct state_layout *layout_at(const struct hw_host *host, hw_addr bins,
					    bool *closed_ret)
{
	const struct state_layout *half = NULL;

	for (int i = 0; i < STATE_LAYOUTS; i++) {
		const struct state_layout *l = &state_layouts[i];
		bool first, closed;

		if (l->bins == 104 && lacks_attached(host, bins) != (l->system_mem == 2064))
			continue;
		closed = ring_closes(host, bins - l->bins, l->bins, &first);
		if (closed) {
			*closed_ret = true;
			return l;
		}
		if (first && !half)
			half = l;
	}
	*closed_ret = false;
	for (int i = 1; !half && i <= STATE_LAYOUTS; i++) { /* The laxest last: 2.43. */
		const struct state_layout *l = &state_layouts[i % STATE_LAYOUTS];

		if ((l->bins != 104 || lacks_attached(host, bins) == (l->system_mem == 2064)) &&
		    is_plausible(host, bins, l) && start_fits(host, bins, l))
			half = l;
	}
	return half;
}

static bool is_known(const struct ptmalloc *pt, hw_addr addr)
{
	for (uint64_t i = 0; i < pt->count; i++)
		if (pt->libcs[i].arenas[0].addr == addr)
			return true;
	return false;
}

/* Takes the malloc_state whose bins[] are at bins as a main arena, if it is one. */
static bool take(struct ptmalloc *pt, hw_addr bins, uint32_t module, bool by_symbol)
{
	bool closed;
	const struct state_layout *l = layout_at(pt->host, bins, &closed);
	struct libc *libc;

	if (!l || is_secondary(pt->host, bins - l->bins) || is_known(pt, bins - l->bins))
		return true;
	if (!grow(pt, (void **)&pt->libcs, &pt->room, pt->count, sizeof(*pt->libcs)))
		return false;
	libc = &pt->libcs[pt->count];
	*libc = (struct libc){0};
	if (!grow(pt, (void **)&libc->arenas, &libc->arena_room, 0, sizeof(*libc->arenas)))
		return false;
	libc->module = module;
	libc->by_symbol = by_symbol;
	libc->ring_is_broken = !closed;
	libc->is_exact = true;
	libc->state = l;
	libc->tcache_kind = TCACHE_NONE;
	libc->heap_max = HEAP_MAX_DEFAULT;
	libc->arenas[0] = (struct arena){.addr = bins - l->bins};
	libc->arena_count = 1;
	pt->count++;
	return true;
}

/* The row of heads that the good head at `seed` belongs to; 0 when there is none. */
static hw_addr row_around(const struct hw_host *host, hw_addr seed)
{
	hw_addr first = seed, last = seed, best = 0;
	uint32_t most = HEADS_ENOUGH - 1;

	while (seed - first < 16 * BIN_HEADS && head_is_good(host, first - 16))
		first -= 16;
	while (last - first < 16 * (hw_addr)BIN_HEADS && head_is_good(host, last + 16))
		last += 16;
	if (last - first == 16 * (BIN_HEADS - 1))
		return first;
	for (uint32_t k = 0; k < BIN_HEADS; k++) { /* Damaged: try each place in the row. */
		hw_addr bins = seed - 16 * (hw_addr)k;
		bool closed;
		uint32_t good;

		if (!layout_at(host, bins, &closed))
			continue;
		good = good_heads(host, bins);
		if (good > most) {
			most = good;
			best = bins;
		}
	}
	return best;
}

/* Looks for seeds in [start, end). */
static bool scan_range(struct ptmalloc *pt, hw_addr start, hw_addr end, uint32_t module)
{
	const struct hw_host *host = pt->host;
	hw_addr from, to, skip = 0, tried = 0;

	while (start < end && host->data(host->self, start, end, &from, &to)) {
		uint64_t size = 0;
		const uint8_t *data;

		from = (from + 7) & ~(hw_addr)7;
		data = from < to ? host->peek(host->self, from, &size) : NULL;
		if (data && size > to - from)
			size = to - from;
		for (uint64_t i = 0; data && i + 16 <= size; i += 8) {
			hw_addr at = from + i, bins;
			uint64_t pair[2];

			__builtin_memcpy(pair, data + i, 16);
			if (__builtin_expect(pair[0] != at - 16 || pair[1] != at - 16, 1) ||
			    at < skip)
				continue;
			/* A bare list head of the program's own is common: one look each. */
			if (tried && at - tried < 16 * BIN_HEADS && (at - tried) % 16 == 0)
				continue;
			bins = row_around(host, at);
			if (!bins) {
				tried = at;
				continue;
			}
			if (!take(pt, bins, module, false))
				return false;
			skip = bins + 16 * BIN_HEADS;
		}
		start = data ? from + size : to;
		if (data && size < 16)
			start = to;
		if (host->stopped(host->self))
			return false;
	}
	return true;
}

/* Which layout has the malloc_state at start? One whose ring closes, before any other. */
static const struct state_layout *layout_of(const struct hw_host *host, hw_addr start)
{
	const struct state_layout *half = NULL;

	for (int i = 0; i < STATE_LAYOUTS; i++) {
		hw_addr bins = start + state_layouts[i].bins;
		const struct state_layout *l;
		bool closed;

		if (good_heads(host, bins) < HEADS_ENOUGH)
			continue;
		l = layout_at(host, bins, &closed);
		if (!l || l->bins != state_layouts[i].bins) /* bins[] starts further on. */
			continue;
		if (closed)
			return l;
		if (!half)
			half = l;
	}
	return half;
}

/* A symbol is believed when the struct it names has good heads. */
static bool take_symbols(struct ptmalloc *pt)
{
	const struct hw_host *host = pt->host;
	struct hw_module_info info = {.struct_size = sizeof(info)};

	for (uint32_t m = 0; host->module(host->self, m, &info); m++) {
		const struct state_layout *l;
		hw_addr addr;

		if (!host->symbol(host->self, m, "main_arena", &addr))
			continue;
		l = layout_of(host, addr);
		if (l && !take(pt, addr + l->bins, m, true))
			return false;
	}
	return true;
}

/* Writable ranges of modules; with all set, every writable range up to 16 MiB: for
 * cores whose NT_FILE is lost. */
static bool scan_ranges(struct ptmalloc *pt, bool all)
{
	const struct hw_host *host = pt->host;
	struct hw_range r = {.struct_size = sizeof(r)};

	for (hw_addr at = 0; host->range(host->self, at, &r); at = r.end) {
		bool module = r.owner == HW_OWNER_MODULE;

		if (!(r.perm & HW_PERM_W) || (!module && !all))
			continue;
		if (!module && (r.owner == HW_OWNER_STACK || r.end - r.start > (16 << 20)))
			continue;
		if (!scan_range(pt, r.start, r.end, module ? r.module : HW_NO_MODULE))
			return false;
	}
	return true;
}

bool find_main_arenas(struct ptmalloc *pt)
{
	if (!take_symbols(pt) || !scan_ranges(pt, false))
		return false;
	if (pt->count == 0 && !scan_ranges(pt, true))
		return false;
	for (uint64_t i = 0; i < pt->count; i++)
		if (pt->libcs[i].module == HW_NO_MODULE)
			pt->libcs[i].is_exact = false;
	return true;
}
