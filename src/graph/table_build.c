/* SPDX-License-Identifier: Apache-2.0 */
/* table_build.c -- takes blocks in, heap by heap, and puts them in one order.
 *
 * One heap's blocks come by address, and then the arrays are what they have to be. When
 * several heaps gave blocks, the pieces are sorted by slab, slabs that two heaps share are
 * merged block by block, and everything is taken in a second time, in order. */
#include "base/array.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include "graph/table_private.h"
#include <inttypes.h>
#include <stdlib.h>

struct hw_builder {
	struct hw_table *table;
	uint16_t *start; /* In table->start_room, as below. */
	uint32_t *size;
	size_t room;   /* Blocks that fit into both. */
	hw_addr next;  /* End of the last block taken in; the next one may not start before. */
	uint32_t heap; /* Of the last block. */
	uint32_t heaps_seen;
	uint32_t class; /* Of the last block. */
	uint8_t heap_flags;
	bool too_many;
	bool no_memory;
};

struct hw_builder *hw_builder_new(void)
{
	struct hw_builder *b = g_new0(struct hw_builder, 1);

	b->table = g_new0(struct hw_table, 1);
	b->heap = UINT32_MAX;
	if (!hw_reserve_init(&b->table->start_room, (size_t)HW_BLOCKS_MAX * sizeof(*b->start)) ||
	    !hw_reserve_init(&b->table->size_room, (size_t)HW_BLOCKS_MAX * sizeof(*b->size)))
		b->no_memory = true;
	b->start = b->table->start_room.data;
	b->size = b->table->size_room.data;
	return b;
}

void hw_builder_free(struct hw_builder *builder)
{
	if (!builder)
		return;
	hw_table_free(builder->table);
	g_free(builder);
}

static bool make_room(struct hw_builder *b)
{
	size_t wanted = b->room + ((size_t)1 << 19); /* 1 MiB and 2 MiB of them. */

	if (b->table->count >= HW_BLOCKS_MAX) {
		b->too_many = true;
		return false;
	}
	if (!hw_reserve_grow(&b->table->start_room, wanted * sizeof(*b->start)) ||
	    !hw_reserve_grow(&b->table->size_room, wanted * sizeof(*b->size))) {
		b->no_memory = true;
		return false;
	}
	b->room = wanted;
	return true;
}

static void leave_out(struct hw_table *t, hw_addr addr, uint64_t size)
{
	if (!t->odd_blocks++)
		t->odd_first = addr;
	t->odd_bytes += size;
}

static bool is_same(const struct hw_class *a, const struct hw_class *b)
{
	return a->heap == b->heap && a->arena == b->arena && a->type == b->type &&
	       a->flags == b->flags && a->header == b->header && a->heap_flags == b->heap_flags;
}

/* Classes are few and come in runs: looked for from the last one added backwards, not
 * far, so that a heap with many types costs repeated classes and no time. */
static bool find_class(struct hw_builder *b, const struct hw_class *class)
{
	struct hw_table *t = b->table;

	for (uint32_t i = t->class_count, tries = 0; i-- > 0 && tries < 64; tries++) {
		if (is_same(&t->classes[i], class)) {
			b->class = i;
			return true;
		}
	}
	if (!hw_array_reserve((void **)&t->classes, &t->class_room, t->class_count,
			      sizeof(*t->classes)))
		return false;
	b->class = t->class_count;
	t->classes[t->class_count++] = *class;
	return true;
}

static bool begin_piece(struct hw_builder *b, uint32_t slab)
{
	struct hw_table *t = b->table;

	if (!hw_array_reserve((void **)&t->pieces, &t->piece_room, t->piece_count,
			      sizeof(*t->pieces)))
		return false;
	t->pieces[t->piece_count++] =
	    (struct hw_piece){.slab = slab, .first = t->count, .class = b->class};
	return true;
}

static bool add_big(struct hw_table *t, uint64_t size)
{
	if (!hw_array_reserve((void **)&t->big, &t->big_room, t->big_count, sizeof(*t->big)))
		return false;
	t->big[t->big_count++] = (struct hw_big){t->count, size};
	return true;
}

/* Takes a block of class b->class in; it starts at or after b->next. */
static bool append(struct hw_builder *b, hw_addr addr, uint64_t size)
{
	struct hw_table *t = b->table;
	uint32_t slab = (uint32_t)(addr >> HW_SLAB_BITS);
	const struct hw_piece *last = t->piece_count ? &t->pieces[t->piece_count - 1] : NULL;

	if (t->count == b->room && !make_room(b))
		return false;
	if ((!last || last->slab != slab || last->class != b->class) && !begin_piece(b, slab)) {
		b->no_memory = true;
		return false;
	}
	if (size >= UINT32_MAX && !add_big(t, size)) {
		b->no_memory = true;
		return false;
	}
	t->pieces[t->piece_count - 1].is_odd |= addr & 8;
	b->start[t->count] = (uint16_t)((addr & (HW_SLAB - 1)) / 8);
	b->size[t->count] = size >= UINT32_MAX ? UINT32_MAX : (uint32_t)size;
	t->count++;
	t->bytes += size;
	b->next = addr + size;
	return true;
}

void hw_builder_flags(struct hw_builder *b, uint8_t heap_flags)
{
	b->heap_flags = heap_flags;
}

bool hw_builder_add(struct hw_builder *b, const struct hw_blocks *batch, uint32_t header)
{
	const uint8_t *at = (const uint8_t *)batch->blocks;
	const hw_addr limit = (hw_addr)1 << HW_ADDR_BITS;

	if (b->no_memory || b->too_many)
		return false;
	if (batch->heap != b->heap) {
		b->heap = batch->heap;
		b->heaps_seen++;
		b->next = 0;
	}
	for (uint32_t i = 0; i < batch->count; i++, at += batch->block_size) {
		const struct hw_block *block = (const struct hw_block *)(const void *)at;
		struct hw_class class = {batch->heap, block->arena, block->type,
					 header,      block->flags, b->heap_flags};

		if (block->state != HW_LIVE)
			continue;
		if (block->addr & 7 || block->addr < b->next || block->addr >= limit - 32 ||
		    block->size >= limit - 32 - block->addr || block->size == 0) {
			leave_out(b->table, block->addr, block->size);
			continue;
		}
		if ((!b->table->class_count || !is_same(&b->table->classes[b->class], &class)) &&
		    !find_class(b, &class)) {
			b->no_memory = true;
			return false;
		}
		if (!append(b, block->addr, block->size))
			return false;
	}
	return true;
}

/* One piece of the arrays before they are put in order. */
struct source {
	uint32_t piece;
	uint32_t slab;
	uint16_t start; /* Of its first block. */
};

/* One block of a slab that several pieces share. */
struct item {
	uint32_t id;
	uint32_t class;
	uint16_t start;
};

static int compare_sources(const void *a, const void *b)
{
	const struct source *x = a;
	const struct source *y = b;

	if (x->slab != y->slab)
		return x->slab < y->slab ? -1 : 1;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->piece < y->piece ? -1 : x->piece > y->piece;
}

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a;
	const struct item *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static bool append_item(struct hw_builder *to, const struct hw_table *from, uint32_t slab,
			const struct item *item)
{
	hw_addr addr = ((hw_addr)slab << HW_SLAB_BITS) + (hw_addr)item->start * 8;
	uint64_t size = hw_table_size_inline(from, item->id);

	if (addr < to->next) { /* Two heaps claim the same bytes: the one below was first. */
		leave_out(to->table, addr, size);
		return true;
	}
	to->class = item->class; /* Classes were moved over, numbers and all. */
	return append(to, addr, size);
}

/* All blocks of the pieces sources[0] to sources[count - 1], which share a slab. items has
 * room for a slab full of blocks, per heap. */
static bool merge_slab(struct hw_builder *to, const struct hw_table *from,
		       const struct source *sources, uint32_t count, struct item **items,
		       size_t *room)
{
	size_t n = 0;

	for (uint32_t s = 0; s < count; s++) {
		const struct hw_piece *piece = &from->pieces[sources[s].piece];
		uint32_t blocks = hw_piece_size(from, sources[s].piece);

		for (uint32_t i = 0; i < blocks; i++) {
			if (!hw_array_reserve((void **)items, room, n, sizeof(**items)))
				return false;
			(*items)[n++] = (struct item){piece->first + i, piece->class,
						      from->start[piece->first + i]};
		}
	}
	qsort(*items, n, sizeof(**items), compare_items);
	for (size_t i = 0; i < n; i++)
		if (!append_item(to, from, sources[0].slab, &(*items)[i]))
			return false;
	return true;
}

static bool merge_all(struct hw_builder *to, const struct hw_table *from, struct source *sources)
{
	struct item *items = NULL;
	size_t room = 0;
	bool ok = true;

	for (uint32_t i = 0, next; ok && i < from->piece_count; i = next) {
		for (next = i + 1; next < from->piece_count; next++)
			if (sources[next].slab != sources[i].slab)
				break;
		ok = !hw_stop_requested() &&
		     merge_slab(to, from, &sources[i], next - i, &items, &room);
	}
	hw_array_resize(items, room, 0, sizeof(*items));
	return ok;
}

/* Puts the blocks of several heaps in one order. */
static bool sort_heaps(struct hw_builder *b)
{
	struct hw_table *from = b->table;
	struct hw_builder *to = hw_builder_new();
	size_t count = from->piece_count;
	struct source *sources = hw_array_resize(NULL, 0, count, sizeof(*sources));
	bool ok = sources && !to->no_memory;

	from->start = b->start;
	from->size = b->size;
	for (uint32_t i = 0; ok && i < count; i++)
		sources[i] =
		    (struct source){i, from->pieces[i].slab, from->start[from->pieces[i].first]};
	if (ok) {
		qsort(sources, count, sizeof(*sources), compare_sources);
		to->table->classes = g_steal_pointer(&from->classes);
		to->table->class_count = from->class_count;
		to->table->class_room = from->class_room;
		to->table->odd_blocks = from->odd_blocks;
		to->table->odd_bytes = from->odd_bytes;
		to->table->odd_first = from->odd_first;
		ok = merge_all(to, from, sources);
	}
	hw_array_resize(sources, count, 0, sizeof(*sources));
	b->no_memory = !ok && !hw_stop_requested();
	b->table = to->table;
	b->start = to->start;
	b->size = to->size;
	to->table = from;
	hw_builder_free(to);
	return ok;
}

static struct hw_table *fail(struct hw_builder *b, GError **error)
{
	if (b->too_many)
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL,
			    "the target has more than %u live blocks: more than heapwalk numbers",
			    HW_BLOCKS_MAX);
	else if (b->no_memory)
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL,
			    "no memory for the table of %u blocks", b->table->count);
	else
		g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
	hw_builder_free(b);
	return NULL;
}

struct hw_table *hw_builder_finish(struct hw_builder *b, struct hw_notes *notes, GError **error)
{
	struct hw_table *t;

	if (b->no_memory || b->too_many || hw_stop_requested() ||
	    (b->heaps_seen > 1 && b->table->count && !sort_heaps(b)))
		return fail(b, error);
	t = b->table;
	t->start = b->start;
	t->size = b->size;
	hw_reserve_shrink(&t->start_room, t->count * sizeof(*b->start));
	hw_reserve_shrink(&t->size_room, t->count * sizeof(*b->size));
	if (!hw_table_index(t)) {
		b->no_memory = !hw_stop_requested();
		return fail(b, error);
	}
	if (t->odd_blocks)
		hw_notes_missing(
		    notes, "blocks-odd", NULL,
		    "%" PRIu64 " live blocks of %" PRIu64 " bytes are left out of the "
		    "graph: not at a multiple of 8, or over another heap's blocks; the "
		    "first at 0x%" PRIx64,
		    t->odd_blocks, t->odd_bytes, t->odd_first);
	g_free(b);
	return t;
}

struct heap_reader {
	struct hw_builder *builder;
	uint32_t header;
	uint64_t seen;
};

static bool take_batch(void *arg, const struct hw_blocks *batch)
{
	struct heap_reader *reader = arg;

	reader->seen += batch->count;
	hw_progress("reading blocks", reader->seen, 0);
	return hw_builder_add(reader->builder, batch, reader->header);
}

static void ask_pointers(void *heaps, uint32_t heap, hw_addr start, hw_addr end, uint64_t *bits)
{
	hw_heaps_pointers(heaps, heap, start, end, bits);
}

struct hw_table *hw_table_new(struct hw_heaps *heaps, struct hw_notes *notes, GError **error)
{
	struct heap_reader reader = {.builder = hw_builder_new()};
	uint32_t count = hw_heaps_count(heaps);
	struct hw_table *table;

	for (uint32_t i = 0; i < count; i++) {
		const struct hw_heap *heap = hw_heaps_at(heaps, i);
		uint8_t flags =
		    heap->flags & (HW_HEAP_COLLECTED | HW_HEAP_NO_PAST_END | HW_HEAP_OWN_ROOTS);

		reader.header = heap->block_header;
		if (hw_heaps_is_typed(heaps, i))
			flags |= HW_TABLE_TYPED;
		hw_builder_flags(reader.builder, flags);
		if (!hw_heaps_blocks(heaps, i, take_batch, &reader, error)) {
			hw_builder_free(reader.builder);
			return NULL;
		}
	}
	hw_progress_end();
	table = hw_builder_finish(reader.builder, notes, error);
	if (table) {
		table->pointers = ask_pointers;
		table->pointers_arg = heaps;
	}
	return table;
}
