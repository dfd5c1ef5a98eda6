/* SPDX-License-Identifier: Apache-2.0 */
/* table_directory.c -- the way from an address to a block: slabs and records, written in
 * one pass over the blocks. See table_private.h. */
#include "base/array.h"
#include "base/stop.h"
#include "graph/table_private.h"

/* A pass over the pieces, slab by slab. */
struct slab_run {
	uint32_t first_piece;
	uint32_t end_piece;
	uint32_t slab;
	uint32_t first; /* Ids. */
	uint32_t end;
	bool is_marked; /* Every block has a 16-byte header and lies at a multiple of 16. */
};

static bool next_run(const struct hw_table *t, struct slab_run *run)
{
	uint32_t p = run->end_piece;

	if (p >= t->piece_count)
		return false;
	run->first_piece = p;
	run->slab = t->pieces[p].slab;
	run->first = t->pieces[p].first;
	run->is_marked = true;
	for (; p < t->piece_count && t->pieces[p].slab == run->slab; p++)
		run->is_marked &=
		    !t->pieces[p].is_odd && t->classes[t->pieces[p].class].header == 16;
	run->end_piece = p;
	run->end = p < t->piece_count ? t->pieces[p].first : t->count;
	return true;
}

/* What the last block of a run reaches, its end included: one past where a word may still
 * belong to it. */
static hw_addr end_of_run(const struct hw_table *t, const struct slab_run *run)
{
	uint32_t id = run->end - 1;
	const struct hw_class *class = &t->classes[t->pieces[run->end_piece - 1].class];
	hw_addr addr = ((hw_addr)run->slab << HW_SLAB_BITS) + (hw_addr)t->start[id] * 8;
	uint64_t size = hw_table_size_inline(t, id);

	return MAX(hw_block_reach(class, addr, size), addr + size + 1);
}

static struct hw_slab *slab_at(const struct hw_table *t, uint32_t slab)
{
	uint32_t group = t->top[slab / HW_TOP_SLABS];

	return &t->slabs[(size_t)(group - 1) * HW_TOP_SLABS + slab % HW_TOP_SLABS];
}

/* The last slab that a run's last block reaches. */
static uint32_t last_slab(const struct hw_table *t, const struct slab_run *run)
{
	return (uint32_t)((end_of_run(t, run) - 1) >> HW_SLAB_BITS);
}

/* Numbers the groups of slabs; counts the slabs that need records. */
static uint64_t count_slabs(struct hw_table *t)
{
	struct slab_run run = {0};
	uint64_t records = 0;
	uint64_t before = UINT64_MAX; /* Last slab counted. */

	while (next_run(t, &run)) {
		uint32_t last = last_slab(t, &run);

		for (uint32_t g = run.slab / HW_TOP_SLABS; g <= last / HW_TOP_SLABS; g++)
			if (!t->top[g])
				t->top[g] = ++t->group_count;
		records += run.slab != before;
		records += last != run.slab;
		before = last;
	}
	return records;
}

static bool allocate(struct hw_table *t)
{
	uint64_t count;

	t->top =
	    hw_array_resize(NULL, 0, (size_t)1 << (HW_ADDR_BITS - HW_TOP_BITS), sizeof(*t->top));
	t->hint =
	    hw_array_resize(NULL, 0, ((size_t)t->count >> HW_HINT_BITS) + 2, sizeof(*t->hint));
	if (!t->top || !t->hint)
		return false;
	count = count_slabs(t);
	if (!t->count)
		return true;
	if (count >= HW_NO_RECORDS)
		return false;
	t->slabs =
	    hw_array_resize(NULL, 0, (size_t)t->group_count * HW_TOP_SLABS, sizeof(*t->slabs));
	t->records = hw_array_new_huge(count * HW_SLAB_RECORDS, sizeof(*t->records));
	if (t->records)
		t->record_count = count * HW_SLAB_RECORDS;
	if (!t->slabs || !t->records)
		return false;
	for (size_t i = 0; i < (size_t)t->group_count * HW_TOP_SLABS; i++)
		t->slabs[i].records = HW_NO_RECORDS;
	return true;
}

static void fill_hints(struct hw_table *t)
{
	size_t hints = ((size_t)t->count >> HW_HINT_BITS) + 2;
	uint32_t piece = 0;

	for (size_t i = 0; i < hints; i++) {
		while (piece + 1 < t->piece_count &&
		       t->pieces[piece + 1].first <= (uint64_t)i << HW_HINT_BITS)
			piece++;
		t->hint[i] = piece;
	}
}

/* Writes the records of one slab from left to right. */
struct writer {
	struct hw_record *records;
	hw_addr base;
	uint32_t next;  /* Record not begun yet. */
	hw_addr reach;  /* One past what the block before reaches; … */
	hw_addr end;    /* … and the first byte behind it. */
	uint32_t cover; /* Its id + 1, or 0. */
	uint32_t rank;
	bool is_marked;
};

/* Begins all records up to and including `upto`. */
static inline void begin_records(struct writer *w, uint32_t upto)
{
	for (; w->next <= upto; w->next++) {
		hw_addr from = w->base + ((hw_addr)w->next << HW_SLICE_BITS);

		w->records[w->next].rank = w->rank;
		w->records[w->next].cover = from < w->reach ? w->cover : 0;
	}
}

/* The block before ends at w->end and the next one starts at `start`, behind it. */
static inline void mark_end(struct writer *w, hw_addr start)
{
	uint64_t at = w->end - w->base;

	if (w->is_marked && w->cover && w->end < start && w->end >= w->base && at < HW_SLAB) {
		begin_records(w, (uint32_t)(at >> HW_SLICE_BITS));
		w->records[at >> HW_SLICE_BITS].marks |= UINT32_C(1) << ((at >> 4) & 31);
	}
}

static inline void put_block(struct writer *w, const struct hw_class *class, hw_addr addr,
			     uint64_t size, uint32_t id)
{
	uint64_t at = addr - w->base;
	struct hw_record *record = &w->records[at >> HW_SLICE_BITS];

	mark_end(w, addr);
	begin_records(w, (uint32_t)(at >> HW_SLICE_BITS));
	if (w->is_marked) {
		record->live |= UINT32_C(1) << ((at >> 4) & 31);
		record->marks |= UINT32_C(1) << ((at >> 4) & 31);
	} else {
		record->starts |= UINT64_C(1) << ((at >> 3) & 63);
	}
	w->end = hw_block_reach(class, addr, size);
	/* Where the size decides, the end itself may be asked for. */
	w->reach = w->is_marked ? w->end : MAX(w->end, addr + size + 1);
	w->cover = id + 1;
	w->rank = id + 1;
}

static void write_blocks(const struct hw_table *t, const struct slab_run *run, struct writer *w)
{
	for (uint32_t p = run->first_piece; p < run->end_piece; p++) {
		const struct hw_class *class = &t->classes[t->pieces[p].class];
		uint32_t end = t->pieces[p].first + hw_piece_size(t, p);

		for (uint32_t id = t->pieces[p].first; id < end; id++)
			put_block(w, class, w->base + (hw_addr)t->start[id] * 8,
				  hw_table_size_inline(t, id), id);
	}
}

/* The records of one slab; run NULL: it only holds the rest of the block before. */
static void write_slab(struct hw_table *t, struct writer *w, uint32_t number,
		       const struct slab_run *run, bool is_marked, uint32_t *used)
{
	struct hw_slab *slab = slab_at(t, number);

	slab->records = (*used)++;
	slab->is_marked = is_marked;
	w->records = &t->records[(size_t)slab->records * HW_SLAB_RECORDS];
	w->base = (hw_addr)number << HW_SLAB_BITS;
	w->next = 0;
	w->is_marked = is_marked;
	if (run)
		write_blocks(t, run, w);
	mark_end(w, UINT64_MAX);
	begin_records(w, HW_SLAB_RECORDS - 1);
}

bool hw_table_index(struct hw_table *t)
{
	struct slab_run run = {0};
	struct slab_run next;
	struct writer w = {0};
	uint32_t used = 0;
	bool came_marked = true; /* The block that reaches into the slab allows marks. */

	if (!allocate(t))
		return false;
	fill_hints(t);
	next = run;
	for (bool more = next_run(t, &next); more;) {
		uint32_t last;

		if (hw_stop_requested())
			return false;
		run = next;
		more = next_run(t, &next);
		write_slab(t, &w, run.slab, &run, run.is_marked && came_marked, &used);
		last = last_slab(t, &run);
		came_marked = true;
		if (last == run.slab)
			continue;
		came_marked = t->classes[t->pieces[run.end_piece - 1].class].header == 16 &&
			      !t->pieces[run.end_piece - 1].is_odd;
		for (uint32_t s = run.slab + 1; s < last; s++)
			slab_at(t, s)->cover = w.cover;
		if (!more || next.slab != last)
			write_slab(t, &w, last, NULL, came_marked, &used);
		t->high = end_of_run(t, &run);
	}
	if (t->count) {
		t->low = hw_table_addr(t, 0);
		t->high = end_of_run(t, &run);
	}
	return true;
}
