/* SPDX-License-Identifier: Apache-2.0 */
/* typefit.c -- does a guess fit its block? By size class (runtime/msize.go: an object lies in the
 * smallest class that holds it), and by the block's own pointer bits. */
#include "blocktypes.h"
#include "pclntab.h"
#include "sizeclasses.h"
#include <string.h>

enum {
	CHECKED_MAX = 1 << 16, /* Bytes whose pointer bits are compared. */
	CHECKED_WORDS = CHECKED_MAX / 512,
	TINY = 16, /* runtime/malloc.go: maxTinySize. */
	DIRECTORY_MAX = 1 << 26,
};

/* How sure a guess of one source is when block and bits agree exactly. */
enum { WEAK = 1, FITS = 2, KNOWN = 7 };

const struct go_desc *go_place_header(struct go_block_types *blocks, const struct go_place *place)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	hw_addr addr = 0;

	if (place->is_noscan || rt->layout.minor < 22)
		return NULL;
	if (place->has_header)
		go_blocks_word(blocks, place->slot, &addr);
	else if (place->span->spanclass >> 1 == 0)
		go_get(rt, place->span->addr, GO_MSPAN_LARGETYPE, &addr);
	return addr ? go_types_at(go_block_types_cache(blocks), addr) : NULL;
}

bool go_place_is_class_of(const struct go_runtime *rt, const struct go_place *place, uint64_t bytes)
{
	const uint64_t all = bytes + (place->first - place->slot);
	const struct go_span *span = place->span;

	if (all > span->elemsize)
		return false;
	if (span->spanclass >> 1 == 0)
		return span->elemsize - all < GO_PAGE;
	return all > go_class(rt, span->spanclass >> 1).below;
}

/* has_bits() where one word has them all. */
static bool has_few_bits(struct go_block_types *blocks, const struct go_desc *desc, uint64_t bytes,
			 uint64_t have)
{
	uint64_t bits, want = 0;

	if (desc->head.ptrdata && (!go_desc_bits(go_block_types_cache(blocks), desc, &bits) ||
				   !desc->head.size || desc->head.size % 8))
		return false;
	for (uint64_t at = 0; desc->head.ptrdata && at < bytes; at += desc->head.size)
		want |= bits << (at / 8);
	return have == want;
}

/* The pointer bits of the block are those of values of desc, so many bytes of them, and none
 * behind. */
static bool has_bits(struct go_block_types *blocks, const struct go_place *place,
		     const struct go_desc *desc, uint64_t bytes)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	const hw_addr start = place->first;
	const uint64_t checked = place->bytes < CHECKED_MAX ? place->bytes : CHECKED_MAX;
	const uint64_t used = (checked + 511) / 512 * 8; /* Most blocks have one word. */
	uint64_t have[CHECKED_WORDS], want[CHECKED_WORDS];
	const struct go_wanted got = {start, start + checked, have};
	const struct go_wanted asked = {start, start + checked, want};

	if (place->bytes <= 512 && desc->head.size <= place->bytes &&
	    go_block_bits(blocks, place, have))
		return has_few_bits(blocks, desc, bytes, have[0]);
	memset(have, 0, used);
	memset(want, 0, used);
	go_wanted_span(rt, &got, place->span);
	return go_wanted_type(rt, &asked, start, start + bytes, &desc->head, start,
			      start + bytes) &&
	       memcmp(have, want, used) == 0;
}

/* For a view of a part of an array: the values go on up to some end. */
static bool has_repeated_bits(struct go_block_types *blocks, const struct go_place *place,
			      const struct go_desc *desc)
{
	const uint64_t size = desc->head.size, most = place->bytes / size;

	for (uint64_t count = most; count && most - count < 8; count--)
		if (has_bits(blocks, place, desc, count * size))
			return true;
	return false;
}

static uint32_t fit_values(struct go_block_types *blocks, const struct go_place *place,
			   const struct go_guess *g)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	const struct go_desc *header = go_place_header(blocks, place);
	const uint64_t size = g->desc->head.size;
	const bool is_exact = g->at == place->first && go_place_is_class_of(rt, place, g->bytes);

	if (!size || g->bytes < size || g->bytes % size ||
	    g->bytes > place->first + place->bytes - g->at ||
	    (g->desc->head.ptrdata == 0) != place->is_noscan)
		return 0;
	if (header)
		return header == g->desc && (g->at - place->first) % size == 0 ? KNOWN : 0;
	if (place->is_noscan) {
		if (is_exact)
			return FITS;
		if (place->span->elemsize == TINY && g->bytes < TINY)
			return FITS;
		return size == 1 && g->form == GO_FORM_ARRAY ? WEAK : 0;
	}
	if (is_exact)
		return has_bits(blocks, place, g->desc, g->bytes) ? FITS : 0;
	if (g->form != GO_FORM_ARRAY || (g->at - place->first) % size)
		return 0;
	return has_repeated_bits(blocks, place, g->desc) ? WEAK : 0;
}

static uint32_t fit_string(struct go_block_types *blocks, const struct go_place *place,
			   const struct go_guess *g)
{
	if (!place->is_noscan || !g->bytes || g->bytes > place->first + place->bytes - g->at)
		return 0;
	if (g->at == place->first &&
	    go_place_is_class_of(go_blocks_runtime(blocks), place, g->bytes))
		return FITS;
	return place->span->elemsize == TINY ? FITS : WEAK;
}

/* A struct of the runtime's of so many bytes, by its descriptor when the program has it. */
static uint32_t fit_struct(struct go_block_types *blocks, const struct go_place *place,
			   const struct go_guess *g, enum go_known which, uint64_t size)
{
	const struct go_desc *desc = go_blocks_known(blocks, which);

	if (g->at != place->first || place->is_noscan ||
	    !go_place_is_class_of(go_blocks_runtime(blocks), place, size))
		return 0;
	return !desc || (desc->head.size == size && has_bits(blocks, place, desc, size)) ? FITS : 0;
}

static uint32_t fit_map(struct go_block_types *blocks, const struct go_place *place,
			const struct go_guess *g)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	uint64_t b;

	if (g->desc ? g->desc->is_swiss : rt->layout.minor >= 24)
		return fit_struct(blocks, place, g, GO_KNOWN_MAP, rt->layout.at[GO_MAP_SIZE]);
	if (rt->layout.at[GO_HMAP_SIZE] == GO_NONE)
		return 0;
	return go_get(rt, g->at, GO_HMAP_B, &b) && b < 48
		   ? fit_struct(blocks, place, g, GO_KNOWN_HMAP, rt->layout.at[GO_HMAP_SIZE])
		   : 0;
}

/* runtime/chan.go: makechan(): hchan: qcount, dataqsiz, buf, elemsize u16, …, and behind it the
 * buffer, when its elements have no pointers. */
static uint32_t fit_chan(struct go_block_types *blocks, const struct go_place *place,
			 const struct go_guess *g)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	const struct go_desc *elem = go_types_at(go_block_types_cache(blocks), g->desc->elem);
	const struct go_desc *hchan = go_blocks_known(blocks, GO_KNOWN_HCHAN);
	uint64_t words[4], buffer;

	if (g->at != place->first || !elem || !go_read(rt, g->at, words, sizeof(words)) ||
	    (words[3] & 0xffff) != elem->head.size || words[0] > words[1] ||
	    (elem->head.size && words[1] > place->bytes / elem->head.size && !elem->head.ptrdata))
		return 0;
	buffer = elem->head.ptrdata ? 0 : words[1] * elem->head.size;
	if ((!elem->head.ptrdata || !words[1]) != place->is_noscan)
		return 0;
	return !hchan || go_place_is_class_of(rt, place, hchan->head.size + buffer) ? FITS : 0;
}

static uint32_t fit_func(struct go_block_types *blocks, const struct go_place *place,
			 const struct go_guess *g)
{
	uint64_t entry, bits = 0;
	const struct go_wanted first = {place->first, place->first + 8, &bits};

	if (g->at != place->first || !go_blocks_word(blocks, g->at, &entry) || entry != g->func)
		return 0;
	go_wanted_span(go_blocks_runtime(blocks), &first, place->span);
	return bits & 1 ? 0 : go_place_header(blocks, place) ? KNOWN : FITS;
}

uint32_t go_guess_fits(struct go_block_types *blocks, const struct go_place *place,
		       const struct go_guess *g)
{
	uint32_t fits;

	switch (g->form) {
	case GO_FORM_VALUE:
	case GO_FORM_ARRAY:
		fits = fit_values(blocks, place, g);
		break;
	case GO_FORM_STRING:
		fits = fit_string(blocks, place, g);
		break;
	case GO_FORM_MAP:
		fits = fit_map(blocks, place, g);
		break;
	case GO_FORM_CHAN:
		fits = fit_chan(blocks, place, g);
		break;
	case GO_FORM_FUNC:
		fits = fit_func(blocks, place, g);
		break;
	case GO_FORM_TABLE: /* used, capacity, growthLeft u16, localDepth, index, groups. */
		fits = fit_struct(blocks, place, g, GO_KNOWN_TABLE, 32);
		break;
	case GO_FORM_DIRECTORY:
	default:
		fits = g->at == place->first && !place->is_noscan && g->bytes <= DIRECTORY_MAX &&
			       go_place_is_class_of(go_blocks_runtime(blocks), place, g->bytes)
			   ? FITS
			   : 0;
	}
	return fits;
}
