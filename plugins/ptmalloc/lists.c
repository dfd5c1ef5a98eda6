/* SPDX-License-Identifier: Apache-2.0 */
/* Free lists: fastbins (singly linked, perhaps mangled) and bins (doubly linked). Every
 * walk is bounded by the chunks that fit into the arena's regions. */
#include "ptmalloc.h"
#include <inttypes.h>

/* PROTECT_PTR of malloc.c (2.32): a link is stored xor the address of its slot >> 12. */
hw_addr unmangle(const struct libc *libc, hw_addr slot, uint64_t word)
{
	return libc->safe_linking ? word ^ (slot >> 12) : word;
}

static bool is_chunk_like(const struct libc *libc, hw_addr chunk)
{
	return !(chunk & (ALIGNMENT - 1)) && region_find(libc, chunk);
}

/* Does the link at slot read as mangled (*votes up) or plain (down)? delta: what a link
 * points at, less the chunk: 0 in fastbins, 16 in tcaches; both are tried. */
void vote_safe_linking(struct ptmalloc *pt, struct libc *libc, hw_addr slot, int *votes)
{
	uint64_t word;

	if (!read_word(pt->host, slot, &word))
		return;
	if (word == 0 || is_chunk_like(libc, word))
		(*votes)--;
	else if (word == slot >> 12 || is_chunk_like(libc, word ^ (slot >> 12)))
		(*votes)++;
}

enum mark mark_chunk(struct ptmalloc *pt, struct libc *libc, hw_addr chunk, bool is_tcache)
{
	struct region *r = region_find(libc, chunk);
	const struct hw_host *host = pt->host;
	uint64_t **bits, bit;

	if (!r || (chunk & (ALIGNMENT - 1)))
		return MARK_OUTSIDE;
	bits = is_tcache ? &r->tcache_bits : &r->fast_bits;
	if (!*bits) {
		*bits = host->resize(host->self, NULL, 0,
				     (r->end - r->start) / (ALIGNMENT * 64) + 1, sizeof(**bits));
		if (!*bits) {
			pt->no_memory = true;
			return MARK_NO_MEMORY;
		}
	}
	bit = (chunk - r->start) / ALIGNMENT;
	if (((*bits)[bit / 64] >> (bit % 64)) & 1)
		return MARK_TWICE;
	(*bits)[bit / 64] |= UINT64_C(1) << (bit % 64);
	if (is_tcache)
		r->tcache_marks++;
	else
		r->fast_marks++;
	return MARK_OK;
}

static hw_addr fast_head(const struct libc *libc, uint32_t arena, uint32_t index)
{
	return libc->arenas[arena].addr + libc->state->fastbins + 8 * (hw_addr)index;
}

static void vote_fastbins(struct ptmalloc *pt, struct libc *libc)
{
	int votes = 0;

	for (uint64_t a = 0; a < libc->arena_count; a++) {
		for (uint32_t i = 0; i < NFASTBINS; i++) {
			uint64_t chunk;

			if (read_word(pt->host, fast_head(libc, (uint32_t)a, i), &chunk) && chunk &&
			    is_chunk_like(libc, chunk))
				vote_safe_linking(pt, libc, chunk + CHUNK_HDR, &votes);
		}
	}
	if (votes) {
		libc->safe_linking = votes > 0;
		libc->safe_linking_known = true;
	}
}

/* One fastbin of one arena. False when out of memory or stopped. */
static bool mark_fastbin(struct ptmalloc *pt, struct libc *libc, uint32_t arena, uint32_t index)
{
	const struct hw_host *host = pt->host;
	uint64_t want = MINSIZE + (uint64_t)index * ALIGNMENT, word, chunk = 0;
	hw_addr slot = fast_head(libc, arena, index);

	if (!read_word(host, slot, &chunk))
		return true;
	for (uint64_t n = 0; chunk; n++) {
		const struct region *r = region_find(libc, chunk);
		uint64_t size = 0;

		if (!r || r->arena != arena || !read_word(host, chunk + 8, &size) ||
		    chunk_size(size) != want) {
			host->damage(host->self, slot,
				     "fastbin of %" PRIu64 " byte chunks leads to 0x%" PRIx64
				     ", which is none",
				     want, chunk);
			libc->is_exact = false;
			return true;
		}
		switch (mark_chunk(pt, libc, chunk, false)) {
		case MARK_OK:
			break;
		case MARK_NO_MEMORY:
			return false;
		default:
			host->damage(host->self, slot,
				     "fastbin of %" PRIu64 " byte chunks meets 0x%" PRIx64
				     " a second time",
				     want, chunk);
			libc->is_exact = false;
			return true;
		}
		slot = chunk + CHUNK_HDR;
		if (!read_word(host, slot, &word))
			return true;
		chunk = unmangle(libc, slot, word);
		if ((n & 0xfffff) == 0xfffff && host->stopped(host->self))
			return false;
	}
	return true;
}

bool mark_fastbins(struct ptmalloc *pt, struct libc *libc)
{
	if (!libc->state->fastbins)
		return true;
	if (!libc->safe_linking_known)
		vote_fastbins(pt, libc);
	for (uint64_t a = 0; a < libc->arena_count; a++)
		for (uint32_t i = 0; i < NFASTBINS; i++)
			if (!mark_fastbin(pt, libc, (uint32_t)a, i))
				return false;
	return true;
}

void walk_fastbins(struct ptmalloc *pt, const struct libc *libc, uint32_t arena, fast_fn fn,
		   void *arg)
{
	const struct hw_host *host = pt->host;

	if (!libc->state->fastbins)
		return;
	for (uint32_t i = 0; i < NFASTBINS; i++) {
		uint64_t want = MINSIZE + (uint64_t)i * ALIGNMENT, chunk = 0, left = 0, word;

		for (uint64_t r = 0; r < libc->region_count; r++)
			left += libc->regions[r].fast_marks;
		if (!read_word(host, fast_head(libc, arena, i), &chunk))
			continue;
		for (; chunk && left && region_find(libc, chunk); left--) {
			fn(arg, i, chunk, want);
			if (!read_word(host, chunk + CHUNK_HDR, &word))
				break;
			chunk = unmangle(libc, chunk + CHUNK_HDR, word);
		}
	}
}

/* One bin. False when it is broken. left: chunks that may still come. */
static bool walk_bin(struct ptmalloc *pt, const struct libc *libc, uint32_t arena, uint32_t bin,
		     bool report, uint64_t *left, struct bin_sum *sum, bin_fn fn, void *arg)
{
	const struct hw_host *host = pt->host;
	hw_addr head = libc->arenas[arena].addr + libc->state->bins + 16 * (hw_addr)(bin - 1) - 16;
	hw_addr before = head, chunk = 0;
	const struct region *r = NULL;
	struct window w = {0};
	const char *why;

	if (!read_word(host, head + 16, &chunk))
		return false;
	while (chunk != head) {
		uint64_t head_words[2], links[2];

		if (!r || chunk < r->start || chunk >= r->end)
			r = region_find(libc, chunk);
		why = "leads out of its arena";
		if (!r || r->arena != arena || (chunk & (ALIGNMENT - 1)) ||
		    !window_pair(host, &w, chunk, head_words) ||
		    !window_pair(host, &w, chunk + 16, links))
			goto broken;
		why = "turns back";
		if (!*left)
			goto broken;
		--*left;
		why = "has a chunk of the wrong size";
		if (!size_is_sane(head_words[1], chunk, r->end) ||
		    (bin > 1 && bin_index(chunk_size(head_words[1])) != bin))
			goto broken;
		why = "has a link back that does not fit";
		if (links[1] != before)
			goto broken;
		sum->count++;
		sum->bytes += chunk_size(head_words[1]);
		sum->hash += address_hash(chunk);
		if (fn)
			fn(arg, bin, chunk, chunk_size(head_words[1]));
		before = chunk;
		chunk = links[0];
		if ((sum->count & 0xfffff) == 0 && host->stopped(host->self))
			return false;
	}
	return true;
broken:
	if (report)
		host->damage(host->self, before,
			     "bin %" PRIu32 " of arena %" PRIu32 " %s at 0x%" PRIx64, bin, arena,
			     why, chunk);
	return false;
}

bool walk_bins(struct ptmalloc *pt, const struct libc *libc, uint32_t arena, bool report,
	       struct bin_sum *sum_ret, bin_fn fn, void *arg)
{
	uint64_t left = 0;
	bool sound = true;

	*sum_ret = (struct bin_sum){0};
	for (uint64_t i = 0; i < libc->region_count; i++)
		if (libc->regions[i].arena == arena)
			left += (libc->regions[i].end - libc->regions[i].start) / MINSIZE;
	for (uint32_t bin = 1; bin < BIN_HEADS; bin++)
		sound &= walk_bin(pt, libc, arena, bin, report, &left, sum_ret, fn, arg);
	return sound;
}
