/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in anonymous memory without a pointer leading there: mmapped chunks, and
 * the pieces of a main heap that could not grow by sbrk() (dlmopen()ed copies of libc
 * never can). Both start on a page border.
 *
 * mp_ says how many mmapped chunks there are and how many bytes they take; system_mem
 * says how long the pieces are together. So the cheap look (only where mappings start
 * and where one find ends) is enough when it accounts for everything; else
 * every page is looked at. What does not add up in the end is said, never guessed. */
#include "ptmalloc.h"
#include <inttypes.h>
#include <stdlib.h>

bool is_open(const struct libc *libc)
{
	return libc->arenas[0].top_size && !libc->arenas[0].is_closed;
}

/* Chunk head at `at`, `offset` bytes into a mapping from base on: total length of the
 * mapping, or 0. 2.43 keeps 16 bytes at the end and a huge-page bit in prev_size. */
static uint64_t mmapped_length(const struct hw_host *host, struct window *w, hw_addr at,
			       uint64_t offset, uint64_t room, bool is_new)
{
	uint64_t pair[2], length;

	if (!window_pair(host, w, at, pair) || (pair[1] & SIZE_BITS) != IS_MMAPPED)
		return 0;
	if ((is_new ? pair[0] & ~UINT64_C(1) : pair[0]) != offset)
		return 0;
	if (chunk_size(pair[1]) < MINSIZE || chunk_size(pair[1]) > room - offset)
		return 0;
	length = offset + chunk_size(pair[1]) + (is_new ? CHUNK_HDR : 0);
	return length <= room && length % PAGE == 0 ? length : 0;
}

/* The mmapped chunk whose mapping starts at base. A memalign()ed one (sysmalloc(),
 * then _int_memalign()) leaves a stale head at base; the real one is where the
 * alignment puts it, and says how far. */
static bool mmapped_at(const struct hw_host *host, struct window *w, hw_addr base, hw_addr end,
		       bool is_new, struct mmapped *ret)
{
	uint64_t length = mmapped_length(host, w, base, 0, end - base, is_new), offset = 0;

	if (!length)
		return false;
	for (uint64_t align = 2 * ALIGNMENT; align && align <= end - base && !offset; align *= 2) {
		hw_addr mem = (base + CHUNK_HDR + align - 1) & ~(align - 1);

		/* Up to 2.42 a lead shorter than MINSIZE takes one alignment more. */
		for (int more = 0; more < 2 && !offset; more++, mem += align) {
			hw_addr chunk = mem - CHUNK_HDR;
			uint64_t real;

			if (chunk <= base || chunk >= end || end - chunk < MINSIZE)
				break;
			real = mmapped_length(host, w, chunk, chunk - base, end - base, is_new);
			if (real) {
				length = real;
				offset = chunk - base;
			}
		}
	}
	*ret = (struct mmapped){
	    .base = base,
	    .length = length,
	    .addr = base + offset + CHUNK_HDR,
	    .usable = length - offset - CHUNK_HDR - (is_new ? CHUNK_OVERHEAD : 0),
	};
	return true;
}

struct scan {
	struct ptmalloc *pt;
	bool thorough;               /* Every page. */
	bool old_chunks, new_chunks; /* Layouts of mmapped chunks there may be. */
	bool open;                   /* Some main heap is to be found. */
	bool sane;                   /* False: out of memory or stopped. */
};

hw_addr known_end(const struct ptmalloc *pt, hw_addr at)
{
	for (uint64_t i = 0; i < pt->count; i++) {
		const struct libc *libc = &pt->libcs[i];
		uint64_t low = 0, high = libc->region_count;

		while (low < high) {
			uint64_t mid = low + (high - low) / 2;

			if (libc->regions[mid].mapped_end <= at)
				low = mid + 1;
			else
				high = mid;
		}
		if (low < libc->region_count && libc->regions[low].mapped_start <= at)
			return libc->regions[low].mapped_end;
	}
	return 0;
}

/* Start of the next known heap memory behind at. */
static hw_addr known_start(const struct ptmalloc *pt, hw_addr at, hw_addr end)
{
	for (uint64_t i = 0; i < pt->count; i++)
		for (uint64_t r = 0; r < pt->libcs[i].region_count; r++) {
			hw_addr start = pt->libcs[i].regions[r].mapped_start;

			if (start > at && start < end)
				end = start;
		}
	return end;
}

/* The nearest top of an open main heap in [at, end); 0: none. */
static hw_addr open_top(const struct ptmalloc *pt, hw_addr at, hw_addr end, hw_addr *top_end_ret)
{
	hw_addr best = 0;

	for (uint64_t i = 0; i < pt->count; i++) {
		const struct arena *a = &pt->libcs[i].arenas[0];

		if (is_open(&pt->libcs[i]) && a->top >= at && a->top < end &&
		    (!best || a->top < best)) {
			best = a->top;
			*top_end_ret = a->top + a->top_size;
		}
	}
	return best;
}

/* A piece of a main heap that starts at `at`? */
static bool piece_at(struct scan *s, struct window *w, hw_addr at, hw_addr end, struct region *ret)
{
	hw_addr top_end = 0, top = open_top(s->pt, at, end, &top_end), piece_end = 0;
	uint64_t pair[2];

	if (!window_pair(s->pt->host, w, at, pair) || (pair[1] & SIZE_BITS) != PREV_INUSE ||
	    !size_is_sane(pair[1], at, end) || !chain_ends(s->pt, at, end, top, &piece_end))
		return false;
	if (piece_end == end && top && (end & (PAGE - 1) || top_end != end))
		piece_end = top_end;
	if (piece_end > end)
		return false;
	*ret = (struct region){
	    .start = at,
	    .end = piece_end,
	    .mapped_start = at,
	    .mapped_end = piece_end,
	    .is_main = true,
	    .has_top = top && top + 1 > at && piece_end == top_end,
	    .is_sound = true,
	};
	return true;
}

static bool keep_mmapped(struct scan *s, const struct mmapped *m)
{
	struct ptmalloc *pt = s->pt;

	if (!grow(pt, (void **)&pt->found, &pt->found_room, pt->found_count, sizeof(*m)))
		return s->sane = false;
	pt->found[pt->found_count++] = *m;
	return true;
}

static bool keep_piece(struct scan *s, const struct region *r)
{
	struct ptmalloc *pt = s->pt;

	if (!grow(pt, (void **)&pt->loose, &pt->loose_room, pt->loose_count, sizeof(*r)))
		return s->sane = false;
	pt->loose[pt->loose_count++] = *r;
	return true;
}

/* Returns where it ended: at end, or before what is not known. */
static hw_addr scan_stretch(struct scan *s, hw_addr at, hw_addr end)
{
	const struct hw_host *host = s->pt->host;
	struct window w = {0};

	while (at < end && s->sane) {
		struct mmapped m;
		struct region piece;
		hw_addr held, held_end;

		if (s->thorough && (at & 0xffffff) == 0 && host->stopped(host->self))
			s->sane = false;
		if ((s->old_chunks && mmapped_at(host, &w, at, end, false, &m)) ||
		    (s->new_chunks && mmapped_at(host, &w, at, end, true, &m))) {
			keep_mmapped(s, &m);
			at += m.length;
			continue;
		}
		if (s->open && piece_at(s, &w, at, end, &piece)) {
			keep_piece(s, &piece);
			at = (piece.end + PAGE - 1) & ~(hw_addr)(PAGE - 1);
			continue;
		}
		if (!s->thorough)
			return at;
		at += PAGE;
		if (!host->data(host->self, at, end, &held, &held_end))
			return end;
		at = held & ~(hw_addr)(PAGE - 1);
	}
	return at;
}

static bool may_have_chunks(const struct hw_range *r)
{
	return (r->perm & HW_PERM_W) && (r->owner == HW_OWNER_ANON || r->owner == HW_OWNER_STACK ||
					 r->owner == HW_OWNER_UNKNOWN);
}

/* The end of the ranges from r on that follow one another without a gap: madvise() in the
 * middle of a chunk splits a mapping. */
static hw_addr end_of_neighbours(const struct hw_host *host, const struct hw_range *r)
{
	struct hw_range next = {.struct_size = sizeof(next)};
	hw_addr end = r->end;

	while (host->range(host->self, end, &next) && next.start == end && may_have_chunks(&next))
		end = next.end;
	return end;
}

/* Anonymous, writable, no known heap. Stacks are looked at too: the kernel merges
 * neighbouring anonymous mappings. */
static void scan_ranges(struct scan *s)
{
	const struct hw_host *host = s->pt->host;
	struct hw_range r = {.struct_size = sizeof(r)};
	hw_addr done = 0, end = 0;

	for (hw_addr at = 0; s->sane && host->range(host->self, at, &r); at = r.end) {
		hw_addr from = r.start > done ? r.start : done;

		if (!may_have_chunks(&r))
			continue;
		if (r.start >= end)
			end = end_of_neighbours(host, &r);
		while (from < r.end && s->sane) {
			hw_addr known = known_end(s->pt, from), stop;

			if (known) {
				from = known;
				continue;
			}
			stop = known_start(s->pt, from, end);
			from = (from + PAGE - 1) & ~(hw_addr)(PAGE - 1);
			if (from < stop)
				from = scan_stretch(s, from, stop);
			/* Where it broke off, the next chance is the next range. */
			if (stop > r.end)
				stop = r.end;
			if (from < stop)
				from = stop;
		}
		done = from;
	}
}

/* A main heap whose sbrk() part is one of its pieces: it starts at sbrk_base, which
 * need not be on a page border. */
static void scan_sbrk_bases(struct scan *s)
{
	struct hw_range r = {.struct_size = sizeof(r)};
	const struct hw_host *host = s->pt->host;

	for (uint64_t i = 0; i < s->pt->count && s->sane; i++) {
		struct libc *libc = &s->pt->libcs[i];
		hw_addr base = (libc->par.sbrk_base + ALIGNMENT - 1) & ~(hw_addr)(ALIGNMENT - 1);
		struct region piece;
		struct window w = {0};

		if (!is_open(libc) || !libc->par.addr || !base || base % PAGE == 0 ||
		    !host->range(host->self, base, &r) || base < r.start)
			continue;
		if (piece_at(s, &w, base, r.end, &piece))
			keep_piece(s, &piece);
	}
}

bool scan_anonymous(struct ptmalloc *pt)
{
	struct scan s = {.pt = pt, .sane = true};
	uint64_t want = 0, want_bytes = 0;
	bool known = true;

	for (uint64_t l = 0; l < pt->count; l++) {
		const struct libc *libc = &pt->libcs[l];

		known = known && libc->par.addr;
		want += libc->par.n_mmaps;
		want_bytes += libc->par.mmapped_mem;
		s.open = s.open || is_open(libc);
		if (libc->state->bins == 24)
			s.new_chunks = true;
		else
			s.old_chunks = true;
	}
	if (known && !want && !want_bytes && !s.open)
		return true;
	scan_ranges(&s);
	if (s.sane && (!known || s.open || !adds_up(pt, want, want_bytes))) {
		pt->found_count = pt->loose_count = 0;
		s.thorough = true;
		scan_sbrk_bases(&s);
		scan_ranges(&s);
	}
	if (!s.sane || !share_pieces(pt))
		return false;
	close_arenas(pt);
	return share_mmapped(pt, want, want_bytes, known);
}
