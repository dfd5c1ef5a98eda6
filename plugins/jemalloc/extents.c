/* SPDX-License-Identifier: Apache-2.0 */
/* Every extent the radix tree leads to, by address: read, split into its bits, checked.
 *
 * A slab has all its pages in the tree, any other extent its first and its last. So an
 * extent is met at its first page, and every later element must agree with it. */
#include "jemalloc.h"
#include <inttypes.h>
#include <string.h>

#define SCORE_SLABS 512

struct walk {
	struct jemalloc *je;
	struct copy *copy;
	uint64_t leaf_budget; /* Bytes: leaves lie apart from each other in base blocks. */
	uint64_t pages_seen;  /* Elements of the last extent, its first included. */
	bool last_seen;       /* Its last page among them. */
	bool no_memory;
};

static void contradiction(struct walk *w, hw_addr at, const char *what, hw_addr page)
{
	w->copy->is_exact = false;
	w->je->host->damage(w->je->host->self, at, "page 0x%" PRIx64 ": %s", page, what);
}

/* Every extent must have been met at its last page, too. */
static void close_last(struct walk *w)
{
	struct copy *copy = w->copy;
	struct extent *e = copy->extent_count ? &copy->extents[copy->extent_count - 1] : NULL;

	if (e)
		e->is_whole = w->pages_seen == e->size / PAGE;
	if (e && e->size > PAGE && !w->last_seen)
		contradiction(w, e->edata, "the rtree does not have the last page of this extent",
			      e->addr);
}

static bool is_mapped(const struct hw_host *host, hw_addr start, hw_addr end)
{
	struct hw_range r = {.struct_size = sizeof(r)};

	for (hw_addr at = start; at < end; at = r.end)
		if (!host->range(host->self, at, &r) || r.start > at || r.end <= at)
			return false;
	return start < end;
}

static void open_extent(struct walk *w, hw_addr page, hw_addr edata, uint32_t leaf)
{
	struct jemalloc *je = w->je;
	struct copy *copy = w->copy;
	const struct extent *last =
	    copy->extent_count ? &copy->extents[copy->extent_count - 1] : NULL;
	struct base_block *block = block_of(je, edata, EDATA_SIZE);
	uint8_t buf[24];
	const uint8_t *p = block ? view(je, edata, sizeof(buf), buf) : NULL;
	struct extent *e;
	hw_addr addr;
	uint64_t size;

	if (!p) {
		contradiction(w, edata, "its extent lies in no metadata of jemalloc's", page);
		return;
	}
	addr = word_at(p + EDATA_ADDR);
	size = word_at(p + EDATA_SIZE_ESN) & ~(PAGE - 1);
	if ((addr & ~(PAGE - 1)) != page || !size || size > UINT64_C(1) << 47 ||
	    !is_mapped(je->host, page, page + size)) {
		contradiction(w, edata, "its extent is about other memory", page);
		return;
	}
	if (last && page < last->addr + last->size) {
		contradiction(w, edata, "its extent overlaps the one before", page);
		return;
	}
	if (!GROW(je, copy->extents, copy->extent_room, copy->extent_count)) {
		w->no_memory = true;
		return;
	}
	e = &copy->extents[copy->extent_count++];
	*e = (struct extent){
	    .addr = page,
	    .size = size,
	    .edata = edata,
	    .bits = word_at(p),
	    .leaf = leaf,
	    .offset = (uint16_t)(addr & (PAGE - 1)),
	};
	if (block->copy == NONE)
		block->copy = (uint32_t)(copy - je->copies);
	w->pages_seen = 1;
	w->last_seen = size == PAGE;
}

static void take_element(struct walk *w, hw_addr page, const uint8_t *element)
{
	struct copy *copy = w->copy;
	struct extent *last = copy->extent_count ? &copy->extents[copy->extent_count - 1] : NULL;
	uint32_t leaf;
	hw_addr edata = leaf_decode(copy->shape, element, &leaf);

	if (!edata)
		return; /* A tombstone: its flags stay, its extent is gone. */
	if (last && edata == last->edata) {
		if (page >= last->addr + last->size)
			contradiction(w, edata, "its extent ends below it", page);
		last->leaf_differs |= ((leaf ^ last->leaf) & ~(uint32_t)LEAF_HEAD) != 0;
		last->state_differs |= (leaf ^ last->leaf) >> LEAF_STATE_SHIFT != 0;
		w->pages_seen++;
		w->last_seen |= page + PAGE == last->addr + last->size;
		return;
	}
	close_last(w);
	open_extent(w, page, edata, leaf);
}

/* pages: the number of the leaf's first page. */
static void read_leaf(struct walk *w, hw_addr leaf, uint64_t pages)
{
	struct jemalloc *je = w->je;
	const struct hw_host *host = je->host;
	const struct rtree_shape *shape = w->copy->shape;
	uint64_t size = (uint64_t)shape->leaf_stride << shape->leaf_bits;
	struct base_block *block = block_of(je, leaf, size);
	hw_addr from = leaf, start, end;

	if (!block || leaf % CACHELINE || w->leaf_budget < size) {
		contradiction(w, leaf, "the rtree's leaf for it lies in no metadata",
			      pages << LG_PAGE);
		return;
	}
	w->leaf_budget -= size;
	if (block->copy == NONE)
		block->copy = (uint32_t)(w->copy - je->copies);
	while (from < leaf + size && !w->no_memory &&
	       host->data(host->self, from, leaf + size, &start, &end)) {
		start = (start + shape->leaf_stride - 1) & ~((uint64_t)shape->leaf_stride - 1);
		for (hw_addr at = start; at + shape->leaf_stride <= end;) {
			uint64_t n;
			const uint8_t *p = host->peek(host->self, at, &n);

			if (!p || n < shape->leaf_stride) {
				at += shape->leaf_stride;
				continue;
			}
			if (n > end - at)
				n = end - at;
			n &= ~((uint64_t)shape->leaf_stride - 1);
			for (uint64_t i = 0; i < n && !w->no_memory; i += shape->leaf_stride)
				if (word_at(p + i))
					take_element(w,
						     (pages + (at + i - leaf) / shape->leaf_stride)
							 << LG_PAGE,
						     p + i);
			at += n;
		}
		from = end;
	}
}

/* The node of 2^bits pointers at node; its first page number and how many each covers. */
static void read_node(struct walk *w, hw_addr node, uint32_t level, uint64_t pages)
{
	struct jemalloc *je = w->je;
	const struct hw_host *host = je->host;
	const struct rtree_shape *shape = w->copy->shape;
	uint32_t bits = level == 0 ? shape->root_bits : shape->mid_bits;
	uint32_t below = level == 0 ? shape->mid_bits + shape->leaf_bits : shape->leaf_bits;
	hw_addr from = node, limit = node + (UINT64_C(8) << bits), start, end;

	while (from < limit && host->data(host->self, from, limit, &start, &end)) {
		for (hw_addr at = (start + 7) & ~UINT64_C(7); at + 8 <= end; at += 8) {
			uint64_t child, first = pages + ((at - node) / 8 << below);

			if (w->no_memory || host->stopped(host->self))
				return;
			if (!read_word(je, at, &child) || !child)
				continue;
			if (level == 0 && shape->mid_bits) {
				if (block_of(je, child, UINT64_C(8) << shape->mid_bits))
					read_node(w, child, 1, first);
				else
					contradiction(w, at,
						      "the rtree's node for it lies in no "
						      "metadata",
						      first << LG_PAGE);
			} else {
				read_leaf(w, child, first);
			}
		}
		from = end;
	}
}

bool read_extents(struct jemalloc *je, struct copy *copy)
{
	struct walk w = {.je = je, .copy = copy};

	for (uint64_t i = 0; i < je->block_count; i++)
		w.leaf_budget += je->blocks[i].size;
	read_node(&w, copy->root, 0, 0);
	close_last(&w);
	return !w.no_memory && !je->host->stopped(je->host->self);
}

uint32_t bitmap_count(const uint64_t bitmap[8], uint32_t nregs)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < 8 && i * 64 < nregs; i++) {
		uint64_t w = bitmap[i];

		if (nregs - i * 64 < 64)
			w &= (UINT64_C(1) << (nregs - i * 64)) - 1;
		count += (uint32_t)__builtin_popcountll(w);
	}
	return count;
}

bool slab_bitmap(struct jemalloc *je, const struct extent *e, uint64_t bitmap[8])
{
	uint8_t buf[64];
	const uint8_t *p = view(je, e->edata + EDATA_BITMAP, sizeof(buf), buf);

	if (!p)
		return false;
	memcpy(bitmap, p, 64);
	return true;
}

static uint32_t field(uint64_t bits, uint32_t shift, uint32_t width)
{
	return (uint32_t)(bits >> shift & ((UINT64_C(1) << width) - 1));
}

/* Do the counts of a slab agree, read by this layout? */
static bool slab_fits(struct jemalloc *je, const struct extent_layout *l, const struct extent *e)
{
	uint32_t szind = field(e->bits, l->szind, 8), nfree = field(e->bits, l->nfree, 10);
	uint64_t bitmap[8], nregs;

	if (szind >= SC_NBINS || szind != (e->leaf & 0xff))
		return false;
	nregs = e->size / index2size(szind);
	return nregs >= 1 && nregs <= SLAB_MAXREGS && nfree <= nregs &&
	       slab_bitmap(je, e, bitmap) && bitmap_count(bitmap, (uint32_t)nregs) == nfree;
}

/* The leaf elements of a 57-bit tree before 5.3: u32 szind, then u8 slab. What was read as
 * 5.3's flags is put right. */
static void refit_leaf(struct jemalloc *je, struct copy *copy)
{
	(void)je;
	for (uint64_t i = 0; i < copy->extent_count; i++) {
		struct extent *e = &copy->extents[i];
		uint32_t meta = (e->leaf & 0xff) << 5 | (e->leaf >> LEAF_STATE_SHIFT & 7) << 2 |
				(e->leaf & LEAF_HEAD ? 2 : 0) | (e->leaf & LEAF_SLAB ? 1 : 0);

		/* The slab flag lies in the next byte; the extent has it, too. */
		e->leaf = (meta & 0xff) | (field(e->bits, copy->layout->slab, 1) ? LEAF_SLAB : 0);
	}
}

bool choose_layout(struct jemalloc *je, struct copy *copy)
{
	uint64_t step = copy->extent_count / (SCORE_SLABS * 4) + 1;
	uint64_t best = 0;

	for (uint32_t k = 0; k < extent_layout_count; k++) {
		const struct extent_layout *l = &extent_layouts[k];
		uint64_t good = 0, bad = 0;

		for (uint64_t i = 0; i < copy->extent_count && good + bad < SCORE_SLABS;
		     i += step) {
			struct extent e = copy->extents[i];

			if (!field(e.bits, l->slab, 1) || field(e.bits, l->state, l->state_width) ||
			    field(e.bits, l->szind, 8) == SC_NSIZES)
				continue;
			if (copy->shape->leaf_stride == 16 && !l->leaf_has_state)
				e.leaf =
				    (e.leaf & 0xff) << 5 | (e.leaf >> LEAF_STATE_SHIFT & 7) << 2 |
				    (e.leaf & LEAF_HEAD ? 2 : 0) | (e.leaf & LEAF_SLAB ? 1 : 0);
			if (slab_fits(je, l, &e))
				good++;
			else
				bad++;
		}
		if (good > best && bad * 10 <= good) {
			best = good;
			copy->layout = l;
			copy->score[0] = good;
			copy->score[1] = bad;
		}
	}
	if (!copy->layout)
		return false;
	if (copy->shape->leaf_stride == 16 && !copy->layout->leaf_has_state)
		refit_leaf(je, copy);
	return true;
}

/* KIND_UNKNOWN and why, or the kind. */
static enum extent_kind sort_extent(const struct copy *copy, struct extent *e, const char **why)
{
	const struct extent_layout *l = copy->layout;
	uint32_t state = field(e->bits, l->state, l->state_width);
	bool slab = field(e->bits, l->slab, 1);
	uint32_t leaf_state = e->leaf >> LEAF_STATE_SHIFT & 7;

	e->szind = (uint8_t)field(e->bits, l->szind, 8);
	e->arena = (uint16_t)field(e->bits, 0, 12);
	e->is_hpa = l->pai != NO_BIT && field(e->bits, l->pai, 1);
	*why = NULL;
	if (e->arena >= MALLOCX_ARENA_LIMIT)
		*why = "its extent has no arena";
	else if (l->leaf_has_state && leaf_state != state)
		*why = "the rtree and the extent disagree on its state";
	else if (state == EXTENT_ACTIVE && e->szind != SC_NSIZES && e->szind != (e->leaf & 0xff))
		*why = "the rtree and the extent disagree on its size class";
	else if (state == EXTENT_ACTIVE && e->szind != SC_NSIZES && slab != !!(e->leaf & LEAF_SLAB))
		*why = "the rtree and the extent disagree on whether it is a slab";
	else if (l->leaf_has_state && e->state_differs)
		*why = "the rtree has two states for one extent";
	else if (e->offset % CACHELINE)
		*why = "its extent does not begin at a cache line";
	else if (state != EXTENT_ACTIVE && e->offset)
		*why = "a free extent does not begin at a page";
	if (*why)
		return KIND_UNKNOWN;
	switch (state) {
	case EXTENT_ACTIVE:
		break;
	case EXTENT_DIRTY:
		return KIND_DIRTY;
	case EXTENT_MUZZY:
		return KIND_MUZZY;
	case EXTENT_RETAINED:
		return KIND_RETAINED;
	default:
		*why = "a thread was splitting, merging or purging its extent";
		return KIND_UNKNOWN;
	}
	if (e->szind == SC_NSIZES && e->is_hpa)
		return KIND_SEC;
	if (e->szind == SC_NSIZES) {
		*why = "a thread was taking or returning its extent";
		return KIND_UNKNOWN;
	}
	if (e->szind > SC_NSIZES) {
		*why = "its extent has no such size class";
		return KIND_UNKNOWN;
	}
	if (slab) {
		uint64_t nregs = e->szind < SC_NBINS ? e->size / index2size(e->szind) : 0;

		if (nregs < 1 || nregs > SLAB_MAXREGS || e->offset) {
			*why = "its slab cannot hold regions of its size class";
			return KIND_UNKNOWN;
		}
		if (e->leaf_differs || !e->is_whole) {
			*why = "the rtree does not have all pages of its slab alike";
			return KIND_UNKNOWN;
		}
		e->nregs = (uint16_t)nregs;
		return KIND_SLAB;
	}
	e->nregs = 1;
	e->is_sampled = e->szind < SC_NBINS;
	return KIND_LARGE;
}

/* sz_large_pad: one page when large objects start at a random cache line of their first
 * page (cache-oblivious, the default), else nothing. */
static void find_pad(struct copy *copy)
{
	uint64_t padded = 0, exact = 0;

	for (uint64_t i = 0; i < copy->extent_count; i++) {
		const struct extent *e = &copy->extents[i];

		if (e->kind != KIND_LARGE || e->is_sampled)
			continue;
		if (e->offset || e->size == index2size(e->szind) + PAGE)
			padded++;
		else if (e->size == index2size(e->szind))
			exact++;
	}
	copy->pad = padded >= exact ? PAGE : 0;
}

/* 5.3.1 can do without large size classes (opt.disable_large_size_classes, on by default):
 * then the extent alone tells the size, and szind is the class above it. In every other
 * case both are the same. */
uint64_t usable_size(const struct copy *copy, const struct extent *e)
{
	if (e->kind == KIND_LARGE && !e->is_sampled)
		return e->size - copy->pad;
	return index2size(e->szind);
}

static const char *large_is_odd(const struct copy *copy, const struct extent *e)
{
	uint64_t size = index2size(e->szind), room = e->size - e->offset;

	if (e->is_sampled) /* 5.3.0: the smallest large class; 5.3.1: whole pages. */
		return e->size < PAGE + copy->pad || size > room
			   ? "its extent does not fit a sampled allocation"
			   : NULL;
	if (size == e->size - copy->pad && size <= room)
		return NULL;
	/* 5.3.1 with its large size classes off: the class is the next one up. */
	if (e->size > copy->pad && e->size - copy->pad < size &&
	    e->size - copy->pad > index2size(e->szind - 1u) && copy->layout->leaf_has_state &&
	    e->size - copy->pad <= room)
		return NULL;
	return "its extent does not fit its size class";
}

void decode_extents(struct jemalloc *je, struct copy *copy)
{
	const struct hw_host *host = je->host;
	const char *why;

	for (uint64_t i = 0; i < copy->extent_count; i++) {
		struct extent *e = &copy->extents[i];

		e->kind = (uint8_t)sort_extent(copy, e, &why);
		if (!why)
			continue;
		copy->is_exact = false;
		host->damage(host->self, e->edata, "page 0x%" PRIx64 ": %s", e->addr, why);
	}
	find_pad(copy);
	for (uint64_t i = 0; i < copy->extent_count; i++) {
		struct extent *e = &copy->extents[i];

		if (e->kind != KIND_LARGE || !(why = large_is_odd(copy, e)))
			continue;
		e->kind = KIND_UNKNOWN;
		copy->is_exact = false;
		host->damage(host->self, e->edata, "page 0x%" PRIx64 ": %s", e->addr, why);
	}
}

struct extent *extent_find(const struct copy *copy, hw_addr addr)
{
	uint64_t low = 0, high = copy->extent_count;

	while (low < high) { /* First extent that starts above addr. */
		uint64_t mid = low + (high - low) / 2;

		if (copy->extents[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0 || addr - copy->extents[low - 1].addr >= copy->extents[low - 1].size)
		return NULL;
	return &copy->extents[low - 1];
}

struct extent *object_at(struct jemalloc *je, const struct copy *copy, hw_addr addr)
{
	struct extent *e = extent_find(copy, addr);
	uint64_t bitmap[8], region;

	if (!e)
		return NULL;
	if (e->kind == KIND_LARGE)
		return addr == e->addr + e->offset ? e : NULL;
	if (e->kind != KIND_SLAB)
		return NULL;
	region = (addr - e->addr) / index2size(e->szind);
	if (region >= e->nregs || (addr - e->addr) % index2size(e->szind) ||
	    !slab_bitmap(je, e, bitmap) || bitmap_is_free(bitmap, (uint32_t)region))
		return NULL;
	return e;
}
