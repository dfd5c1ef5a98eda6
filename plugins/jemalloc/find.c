/* SPDX-License-Identifier: Apache-2.0 */
/* Where jemalloc is, without symbols.
 *
 * Base blocks first: 2 MiB aligned, they begin with their size and with an extent whose
 * range ends exactly where the block does. Everything else jemalloc keeps about extents
 * lies in them, so a radix tree is an array in a module whose words lead into them, and
 * whose leaves name extents that lead back to the leaf's own place. */
#include "jemalloc.h"
#include <string.h>

#define REFS_MAX (UINT64_C(1) << 20)
#define SAMPLES  8

/* base_block_t at addr, at most limit bytes long? base.c, base_block_alloc() */
static bool read_base_block(struct jemalloc *je, hw_addr addr, hw_addr limit,
			    struct base_block *ret)
{
	uint8_t buf[BASE_BLOCK_HEADER];
	const uint8_t *p = view(je, addr, sizeof(buf), buf);
	uint64_t size, next, tail, rest;

	if (!p)
		return false;
	size = word_at(p + BASE_BLOCK_SIZE);
	next = word_at(p + BASE_BLOCK_NEXT);
	tail = word_at(p + BASE_BLOCK_EXTENT + EDATA_ADDR);
	rest = word_at(p + BASE_BLOCK_EXTENT + EDATA_SIZE_ESN);
	if (size < HUGEPAGE || size % PAGE || size > limit - addr || next % HUGEPAGE)
		return false;
	if (tail < addr + BASE_BLOCK_HEADER || tail > addr + size || rest != addr + size - tail)
		return false;
	*ret = (struct base_block){
	    .addr = addr, .size = size, .next = next, .used = tail, .copy = NONE, .arena = NONE};
	return true;
}

/* End of the run of writable mappings that holds at. */
static hw_addr run_end(const struct hw_host *host, hw_addr at)
{
	struct hw_range r = {.struct_size = sizeof(r)};
	hw_addr end = at;

	while (host->range(host->self, end, &r) && r.start <= end && r.end > end &&
	       (r.perm & HW_PERM_W))
		end = r.end;
	return end;
}

static bool blocks_in_stretch(struct jemalloc *je, hw_addr from, hw_addr end)
{
	hw_addr at = (from + HUGEPAGE - 1) & ~(HUGEPAGE - 1);

	for (; at >= from && at < end; at += HUGEPAGE) {
		struct base_block b, *last;
		uint64_t word;

		last = je->block_count ? &je->blocks[je->block_count - 1] : NULL;
		if (last && at < last->addr + last->size)
			continue;
		if (!read_word(je, at, &word) || word < HUGEPAGE || word % PAGE)
			continue;
		if (!read_base_block(je, at, run_end(je->host, at), &b))
			continue;
		if (!GROW(je, je->blocks, je->block_room, je->block_count))
			return false;
		je->blocks[je->block_count++] = b;
	}
	return true;
}

bool find_base_blocks(struct jemalloc *je)
{
	const struct hw_host *host = je->host;
	struct hw_range r = {.struct_size = sizeof(r)};

	for (hw_addr at = 0; host->range(host->self, at, &r); at = r.end) {
		hw_addr from = r.start, start, end;

		if (!(r.perm & HW_PERM_W) || r.owner == HW_OWNER_MODULE)
			continue;
		while (from < r.end && host->data(host->self, from, r.end, &start, &end)) {
			if (host->stopped(host->self) || !blocks_in_stretch(je, start, end))
				return false;
			from = end;
		}
	}
	return true;
}

static bool refs_in_stretch(struct jemalloc *je, hw_addr at, hw_addr end, uint32_t module)
{
	const struct base_block *last = &je->blocks[je->block_count - 1];
	hw_addr low = je->blocks[0].addr, span = last->addr + last->size - low;

	at = (at + 7) & ~UINT64_C(7);
	while (at + 8 <= end) {
		uint64_t size, n;
		const uint8_t *p = je->host->peek(je->host->self, at, &size);

		if (!p || size < 8) {
			at += 8;
			continue;
		}
		n = size < end - at ? size : end - at;
		for (uint64_t i = 0; i + 8 <= n; i += 8) {
			uint64_t w = word_at(p + i);
			struct base_block *b;

			if (w - low >= span || !(b = block_of(je, w, 8)))
				continue;
			if (je->ref_count >= REFS_MAX)
				return true;
			if (!GROW(je, je->refs, je->ref_room, je->ref_count))
				return false;
			je->refs[je->ref_count++] =
			    (struct ref){at + i, w, module, (uint32_t)(b - je->blocks)};
		}
		at += n & ~UINT64_C(7);
	}
	return true;
}

bool find_refs(struct jemalloc *je)
{
	const struct hw_host *host = je->host;
	struct hw_range r = {.struct_size = sizeof(r)};

	if (!je->block_count)
		return true;
	for (hw_addr at = 0; host->range(host->self, at, &r); at = r.end) {
		hw_addr from = r.start, start, end;

		if (!(r.perm & HW_PERM_W) || r.owner != HW_OWNER_MODULE)
			continue;
		while (from < r.end && host->data(host->self, from, r.end, &start, &end)) {
			if (host->stopped(host->self) || !refs_in_stretch(je, start, end, r.module))
				return false;
			from = end;
		}
	}
	return true;
}

hw_addr leaf_decode(const struct rtree_shape *shape, const uint8_t *element, uint32_t *leaf_ret)
{
	uint64_t word = word_at(element);
	uint32_t meta;

	if (shape->leaf_stride == 8) {
		*leaf_ret = (uint32_t)(word >> 48) | (word & 1 ? LEAF_SLAB : 0) |
			    (word & 2 ? LEAF_HEAD : 0) |
			    (uint32_t)(word >> 2 & 7) << LEAF_STATE_SHIFT;
		return word & EDATA_PTR_MASK;
	}
	/* 5.3: all in one u32. Before: u32 szind, bool slab; told apart by decode_extents(). */
	meta = u32_at(element + 8);
	*leaf_ret = (meta >> 5 & 0xff) | (meta & 1 ? LEAF_SLAB : 0) | (meta & 2 ? LEAF_HEAD : 0) |
		    (meta >> 2 & 7) << LEAF_STATE_SHIFT;
	return word;
}

/* Does the extent named by element j of a leaf lie where that element says? The page number
 * then. */
static bool element_fits(struct jemalloc *je, const struct rtree_shape *shape,
			 const uint8_t *element, uint64_t j, uint64_t *page_ret)
{
	uint8_t buf[24];
	uint32_t leaf;
	hw_addr edata = leaf_decode(shape, element, &leaf);
	const uint8_t *p;
	uint64_t first, pages, page, mask = (UINT64_C(1) << shape->leaf_bits) - 1;

	if (!block_of(je, edata, EDATA_SIZE))
		return false;
	p = view(je, edata, sizeof(buf), buf);
	if (!p)
		return false;
	first = word_at(p + EDATA_ADDR) >> LG_PAGE;
	pages = word_at(p + EDATA_SIZE_ESN) >> LG_PAGE;
	page = (first & ~mask) | j;
	if (page < first)
		page += mask + 1;
	if (!first || !pages || page - first >= pages)
		return false;
	*page_ret = page;
	return true;
}

struct vote {
	uint32_t good, bad;
	uint64_t page; /* Of the first good element. */
};

/* Tries a few elements of what may be a leaf. */
static void try_leaf(struct jemalloc *je, const struct rtree_shape *shape, hw_addr leaf,
		     struct vote *vote)
{
	const struct hw_host *host = je->host;
	hw_addr from = leaf, limit = leaf + ((uint64_t)shape->leaf_stride << shape->leaf_bits);
	hw_addr start, end;

	while (from < limit && vote->good + vote->bad < SAMPLES &&
	       host->data(host->self, from, limit, &start, &end)) {
		start = (start + shape->leaf_stride - 1) & ~((uint64_t)shape->leaf_stride - 1);
		for (hw_addr at = start; at + shape->leaf_stride <= end; at += shape->leaf_stride) {
			uint8_t buf[16];
			const uint8_t *p = view(je, at, shape->leaf_stride, buf);
			uint64_t page;

			if (!je->budget || !--je->budget)
				return;
			if (!p || !(word_at(p) & EDATA_PTR_MASK))
				continue;
			if (element_fits(je, shape, p, (at - leaf) / shape->leaf_stride, &page)) {
				if (!vote->good++)
					vote->page = page;
			} else if (++vote->bad > 2 && !vote->good) {
				return;
			}
			if (vote->good + vote->bad >= SAMPLES)
				return;
		}
		from = end;
	}
}

/* The same for what may be a middle node of the 57-bit tree. */
static void try_mid(struct jemalloc *je, const struct rtree_shape *shape, hw_addr mid,
		    struct vote *vote)
{
	const struct hw_host *host = je->host;
	uint64_t leaf_size = (uint64_t)shape->leaf_stride << shape->leaf_bits;
	uint64_t mask = (UINT64_C(1) << shape->mid_bits) - 1;
	hw_addr from = mid, limit = mid + (UINT64_C(8) << shape->mid_bits), start, end;
	uint32_t tried = 0;

	while (from < limit && host->data(host->self, from, limit, &start, &end)) {
		for (hw_addr at = (start + 7) & ~UINT64_C(7); at + 8 <= end; at += 8) {
			struct vote one = {0};
			uint64_t leaf;

			if (!je->budget || !--je->budget)
				return;
			if (!read_word(je, at, &leaf) || !leaf)
				continue;
			if (leaf % CACHELINE == 0 && block_of(je, leaf, leaf_size))
				try_leaf(je, shape, leaf, &one);
			if (one.good && (one.page >> shape->leaf_bits & mask) != (at - mid) / 8)
				one = (struct vote){.bad = one.good};
			if (one.good && !vote->good)
				vote->page = one.page;
			vote->good += one.good;
			vote->bad += one.bad + !(one.good + one.bad);
			if (++tried >= 3)
				return;
		}
		from = end;
	}
}

static bool add_root(struct jemalloc *je, const struct rtree_shape *shape, hw_addr root,
		     uint32_t module, uint64_t good)
{
	struct hw_module_info m = {.struct_size = sizeof(m)};
	uint64_t size = UINT64_C(8) << shape->root_bits;
	struct copy *c;

	if (!je->host->module(je->host->self, module, &m) || root < m.start || root % 8 ||
	    root > m.end || m.end - root < size)
		return true;
	for (uint64_t i = 0; i < je->count; i++) {
		c = &je->copies[i];
		if (c->root == root && c->shape == shape) {
			c->score[0] += good;
			return true;
		}
		if (root < c->root + (UINT64_C(8) << c->shape->root_bits) &&
		    c->root < root + size) {
			if (good > c->score[0]) {
				c->root = root;
				c->shape = shape;
				c->module = module;
				c->score[0] = good;
			}
			return true;
		}
	}
	if (!GROW(je, je->copies, je->room, je->count))
		return false;
	c = &je->copies[je->count++];
	*c = (struct copy){.root = root, .shape = shape, .module = module};
	c->score[0] = good;
	c->is_exact = true;
	return true;
}

bool find_roots(struct jemalloc *je)
{
	for (uint64_t i = 0; i < je->ref_count; i++) {
		const struct ref *r = &je->refs[i];

		if (r->to % CACHELINE)
			continue;
		for (uint32_t s = 0; s < rtree_shape_count; s++) {
			const struct rtree_shape *shape = &rtree_shapes[s];
			uint64_t node = shape->mid_bits
					    ? UINT64_C(8) << shape->mid_bits
					    : (uint64_t)shape->leaf_stride << shape->leaf_bits;
			struct vote vote = {0};

			if (!block_of(je, r->to, node))
				continue;
			if (shape->mid_bits)
				try_mid(je, shape, r->to, &vote);
			else
				try_leaf(je, shape, r->to, &vote);
			if (vote.good <= vote.bad)
				continue;
			if (!add_root(je, shape,
				      r->at -
					  8 * (vote.page >> (shape->mid_bits + shape->leaf_bits)),
				      r->module, vote.good))
				return false;
		}
		if (je->host->stopped(je->host->self))
			return false;
	}
	return true;
}
