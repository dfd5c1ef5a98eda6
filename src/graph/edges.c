/* SPDX-License-Identifier: Apache-2.0 */
/* edges.c -- one scan over all blocks in order of ids, straight into the arrays of csr.h:
 * targets are appended, sources counted. No second scan, no sort.
 *
 * Words are filtered by one compare into a buffer and looked up in groups: first the records
 * of the whole group are fetched, then they are read. The ids are cut into stretches of a few
 * pieces of the table, whatever the number of threads. A thread scans a stretch into a buffer;
 * buffers are appended in the order of the stretches: one that is done early is parked, and
 * whoever appends the one before it appends it too. A buffer that is full (one huge block)
 * waits for its turn and then empties itself in between.
 *
 * In heaps whose plugin tells where references are, it is asked for a window of many blocks at
 * once, and only the words it names are looked at.
 *
 * Longer than most files: the scan, its threads and the two kinds of heaps share the buffers. */
#include "graph/edges.h"
#include "base/array.h"
#include "base/error.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/stop.h"
#include "graph/table_private.h"
#include "graph/unread.h"
#include <pthread.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define GROUP    64  /* Words looked up together, at least. */
#define RUN      256 /* Words filtered between looks at the buffer. */
#define STRETCH  2   /* Pieces. */
#define OUT_ROOM 65536
#define PARKED   16    /* Stretches that may be done before their turn. */
#define WINDOW   65536 /* Bytes of a typed heap whose references are asked for at once. */

/* What one stretch gave. */
struct result {
	uint32_t stretch;
	uint32_t out_count; /* Targets in out. */
	uint64_t count;     /* Edges in all: out may have been emptied before. */
	uint64_t bytes;     /* Scanned. */
	uint32_t out[OUT_ROOM];
};

struct scan {
	const struct hw_memory *memory;
	const struct hw_table *table;
	const struct hw_roots *roots; /* For their leaves; or NULL. */
	struct hw_csr *csr;
	uint32_t stretches;
	uint32_t next; /* Atomic: the next stretch nobody has. */
	pthread_mutex_t lock;
	pthread_cond_t turned;
	uint32_t turn; /* Stretch that may append. */
	struct result *parked[PARKED];
	bool failed; /* No memory, or stopped. */
	uint64_t bytes_done;
	uint64_t unread_blocks, unread_bytes; /* Missing; under lock. */
};

typedef uint32_t (*filter_fn)(uint64_t *out, uint32_t n, const uint8_t *bytes, uint32_t count,
			      uint64_t low, uint64_t span);

struct worker;
typedef bool (*resolve_fn)(struct worker *w);

/* Where pending words of one source end. */
struct segment {
	uint32_t source;
	uint32_t end;
};

struct worker {
	struct scan *scan;
	filter_fn filter;
	resolve_fn resolve;
	uint32_t index;
	bool has_turn;
	struct result *result;
	/* The mapping looked at last. */
	hw_addr view_start, view_end;
	const uint8_t *view;
	/* While typed blocks are scanned: the words of [window, window + WINDOW) that may be
	 * references. 0: every word. */
	hw_addr window;
	uint64_t mask[WINDOW / 512];
	/* Pending words. */
	uint32_t words;
	uint32_t segments;
	uint64_t word[GROUP + RUN];
	const struct hw_slab *slab[GROUP + RUN];
	const struct hw_record *record[GROUP + RUN];
	struct segment segment[GROUP + 2];
	uint32_t last_source; /* To drop immediate repeats. */
	uint32_t last_target;
	uint64_t unread_blocks, unread_bytes;
};

static bool has_failed(const struct scan *scan)
{
	return __atomic_load_n(&scan->failed, __ATOMIC_RELAXED);
}

static bool fail(struct scan *scan)
{
	pthread_mutex_lock(&scan->lock);
	__atomic_store_n(&scan->failed, true, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&scan->turned);
	pthread_mutex_unlock(&scan->lock);
	return false;
}

static bool wait_turn(struct worker *w)
{
	struct scan *scan = w->scan;

	if (!w->has_turn) {
		pthread_mutex_lock(&scan->lock);
		while (scan->turn != w->result->stretch && !has_failed(scan))
			pthread_cond_wait(&scan->turned, &scan->lock);
		pthread_mutex_unlock(&scan->lock);
		w->has_turn = true;
	}
	return !has_failed(scan);
}

static bool append_out(struct scan *scan, struct result *r)
{
	if (!hw_csr_append(scan->csr, r->out, r->out_count))
		return fail(scan);
	r->out_count = 0;
	return true;
}

static inline void fetch_records(struct worker *w)
{
	const struct hw_table *t = w->scan->table;

	for (uint32_t i = 0; i < w->words; i++) {
		w->slab[i] = hw_table_slab(t, w->word[i]);
		w->record[i] = w->slab[i] ? hw_table_record(t, w->slab[i], w->word[i]) : NULL;
		__builtin_prefetch(w->record[i]);
	}
}

/* Looks all pending words up. Two forms as of the filter: popcnt is not in every x86-64. */
static inline __attribute__((always_inline)) bool resolve_words(struct worker *w)
{
	const struct hw_table *t = w->scan->table;
	uint32_t *degree = w->scan->csr->low;
	struct result *r = w->result;
	uint32_t i = 0;

	if (r->out_count + w->words > OUT_ROOM && (!wait_turn(w) || !append_out(w->scan, r)))
		return false;
	fetch_records(w);
	for (uint32_t s = 0; s < w->segments; s++) {
		uint32_t source = w->segment[s].source;
		uint32_t last = source == w->last_source ? w->last_target : HW_NO_BLOCK;
		uint32_t before = r->out_count;

		for (; i < w->segment[s].end; i++) {
			uint32_t target;

			if (!w->slab[i])
				continue;
			target = hw_table_resolve(t, w->slab[i], w->record[i], w->word[i], NULL);
			if (target == HW_NO_BLOCK || target == source || target == last)
				continue;
			last = target;
			r->out[r->out_count++] = target;
		}
		degree[source] += r->out_count - before;
		r->count += r->out_count - before;
		w->last_source = source;
		w->last_target = last;
	}
	w->words = 0;
	w->segments = 0;
	return true;
}

static bool resolve_plain(struct worker *w)
{
	return resolve_words(w);
}

#ifdef __x86_64__
__attribute__((target("popcnt"))) static bool resolve_popcnt(struct worker *w)
{
	return resolve_words(w);
}
#endif

static inline bool resolve(struct worker *w)
{
	return w->resolve(w);
}

static resolve_fn choose_resolve(void)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("popcnt"))
		return resolve_popcnt;
#endif
	return resolve_plain;
}

/* Keeps the words that may point into a heap: appends them to out, which has room for all.
 * Two forms, chosen once by what the processor can do. */
static uint32_t filter_plain(uint64_t *out, uint32_t n, const uint8_t *bytes, uint32_t count,
			     uint64_t low, uint64_t span)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t word;

		memcpy(&word, bytes + (size_t)i * 8, 8);
		out[n] = word;
		n += word - low < span;
	}
	return n;
}

#ifdef __x86_64__
/* Most words are no pointers: four are looked at together, and dropped together. */
__attribute__((target("avx2"))) static uint32_t filter_avx2(uint64_t *out, uint32_t n,
							    const uint8_t *bytes, uint32_t count,
							    uint64_t low, uint64_t span)
{
	/* There is only a signed compare: both sides are moved by 2^63. */
	const __m256i base = _mm256_set1_epi64x((long long)(low ^ (UINT64_C(1) << 63)));
	const __m256i size = _mm256_set1_epi64x((long long)(span ^ (UINT64_C(1) << 63)));
	uint32_t i = 0;

	for (; count - i >= 4; i += 4) {
		__m256i words =
		    _mm256_loadu_si256((const __m256i *)(const void *)(bytes + i * 8ul));
		__m256i above = _mm256_sub_epi64(words, base);
		int in = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(size, above)));

		for (; in; in &= in - 1)
			memcpy(&out[n++], bytes + (i + (uint32_t)__builtin_ctz((unsigned)in)) * 8ul,
			       8);
	}
	return filter_plain(out, n, bytes + i * 8ul, count - i, low, span);
}
#endif

static filter_fn choose_filter(void)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		return filter_avx2;
#endif
	return filter_plain;
}

static inline void end_segment(struct worker *w, uint32_t source)
{
	if (w->words > (w->segments ? w->segment[w->segments - 1].end : 0))
		w->segment[w->segments++] = (struct segment){source, w->words};
}

static inline bool scan_bytes(struct worker *w, uint32_t source, const uint8_t *bytes,
			      uint64_t count)
{
	const uint64_t low = w->scan->table->low;
	const uint64_t span = w->scan->table->high - low;

	while (count) {
		uint32_t run = (uint32_t)MIN(count, RUN);

		w->words = w->filter(w->word, w->words, bytes, run, low, span);
		bytes += (size_t)run * 8;
		count -= run;
		if (w->words >= GROUP) {
			end_segment(w, source);
			if (!resolve(w))
				return false;
		}
		/* One block may be most of the heap. */
		if (count && hw_stop_requested())
			return fail(w->scan);
	}
	end_segment(w, source);
	return w->segments < GROUP || resolve(w);
}

/* The words at addr that w->mask names. */
static bool scan_masked(struct worker *w, uint32_t source, hw_addr addr, const uint8_t *bytes,
			uint64_t count)
{
	const uint64_t low = w->scan->table->low;
	const uint64_t span = w->scan->table->high - low;
	const uint64_t first = (addr - w->window) / 8;

	for (uint64_t i = 0; i < count;) {
		const uint64_t shift = (first + i) % 64;
		const uint64_t run = MIN(64 - shift, count - i);
		uint64_t bits = w->mask[(first + i) / 64] >> shift;

		if (run < 64)
			bits &= (UINT64_C(1) << run) - 1;
		for (; bits; bits &= bits - 1) {
			uint64_t word;

			memcpy(&word, bytes + (i + (uint32_t)__builtin_ctzll(bits)) * 8, 8);
			w->word[w->words] = word;
			w->words += word - low < span;
		}
		i += run;
		if (w->words >= GROUP) {
			end_segment(w, source);
			if (!resolve(w))
				return false;
		}
	}
	end_segment(w, source);
	return w->segments < GROUP || resolve(w);
}

static void note_unread(struct worker *w, hw_addr start, hw_addr end, bool *is_noted)
{
	if (!*is_noted)
		w->unread_blocks++;
	*is_noted = true;
	w->unread_bytes += end - start;
}

/* Behind a gap at addr: the first whole word that the target may hold, or end. */
static hw_addr next_held(const struct hw_memory *memory, hw_addr addr, hw_addr end)
{
	uint32_t i = hw_memory_find(memory, addr);

	while (i < memory->mapping_count &&
	       (memory->mappings[i].size < 8 || memory->mappings[i].start <= addr))
		i++;
	return i < memory->mapping_count ? MIN(end, (memory->mappings[i].start + 7) & ~(hw_addr)7)
					 : end;
}

/* A block that is not all inside the view: piece by piece, with the gaps. */
static bool scan_across(struct worker *w, uint32_t source, hw_addr addr, hw_addr end)
{
	const struct hw_memory *memory = w->scan->memory;
	bool is_noted = false;

	while (end - addr >= 8 && addr < end) {
		uint64_t held;
		const uint8_t *data = hw_memory_peek(memory, addr, &held);
		uint64_t words = data ? MIN(held, end - addr) / 8 : 0;

		if (words) {
			w->view_start = addr;
			w->view_end = addr + held;
			w->view = data;
			if (!(w->window ? scan_masked(w, source, addr, data, words)
					: scan_bytes(w, source, data, words)))
				return false;
			addr += words * 8;
		} else {
			hw_addr from = addr;

			addr = next_held(memory, addr, end);
			note_unread(w, from, addr, &is_noted);
		}
	}
	return true;
}

static inline bool scan_block(struct worker *w, uint32_t id, hw_addr addr, uint64_t size)
{
	if (addr >= w->view_start && addr < w->view_end && size <= w->view_end - addr)
		return scan_bytes(w, id, w->view + (addr - w->view_start), size / 8);
	return scan_across(w, id, addr, addr + size);
}

/* A block, or a part of a huge one, in the window. */
static bool scan_typed_block(struct worker *w, uint32_t id, hw_addr addr, uint64_t size)
{
	if (addr >= w->view_start && addr < w->view_end && size <= w->view_end - addr)
		return scan_masked(w, id, addr, w->view + (addr - w->view_start), size / 8);
	return scan_across(w, id, addr, addr + size);
}

static void move_window(struct worker *w, uint32_t heap, hw_addr start, hw_addr end)
{
	const struct hw_table *t = w->scan->table;

	w->window = start;
	t->pointers(t->pointers_arg, heap, start, (end + 7) & ~(hw_addr)7, w->mask);
}

/* The first block of roots->leaves that is not below id. */
static uint32_t first_leaf(const struct hw_roots *roots, uint32_t id)
{
	uint32_t low = 0;
	uint32_t high = roots ? roots->leaf_count : 0;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (roots->leaves[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether all of a block's words are roots already; ids ascend. */
static bool is_leaf(const struct hw_roots *roots, uint32_t *next, uint32_t id)
{
	if (!roots || *next >= roots->leaf_count || roots->leaves[*next] != id)
		return false;
	++*next;
	return true;
}

/* The blocks of a piece whose plugin knows where its references are. */
static bool scan_typed(struct worker *w, const struct hw_piece *piece, uint32_t end,
		       uint64_t *bytes)
{
	const struct hw_table *t = w->scan->table;
	const uint32_t heap = t->classes[piece->class].heap;
	const hw_addr base = hw_piece_base(piece);
	const struct hw_roots *roots = w->scan->roots;
	uint32_t leaf = first_leaf(roots, piece->first);
	hw_addr window_end = 0;
	bool ok = true;

	for (uint32_t id = piece->first; id < end && ok; id++) {
		const hw_addr addr = base + (hw_addr)t->start[id] * 8;
		const uint64_t size = hw_table_size_inline(t, id);

		if (is_leaf(roots, &leaf, id))
			continue;
		for (uint64_t at = 0, part; at < size && ok; at += part) {
			part = MIN(size - at, WINDOW);
			if (addr + at + part > window_end) {
				hw_addr last = base + (hw_addr)t->start[end - 1] * 8 +
					       hw_table_size_inline(t, end - 1);

				window_end = MIN(addr + at + WINDOW, MAX(last, addr + at + part));
				move_window(w, heap, addr + at, window_end);
			}
			ok = scan_typed_block(w, id, addr + at, part);
		}
		*bytes += size;
	}
	w->window = 0;
	return ok && !has_failed(w->scan);
}

static bool scan_piece(struct worker *w, uint32_t index, uint64_t *bytes)
{
	const struct hw_roots *roots = w->scan->roots;
	const struct hw_table *t = w->scan->table;
	const struct hw_piece *piece = &t->pieces[index];
	uint32_t end = piece->first + hw_piece_size(t, index);
	hw_addr base = hw_piece_base(piece);
	uint32_t leaf = first_leaf(roots, piece->first);

	if (t->classes[piece->class].flags & (HW_BLOCK_INTERNAL | HW_BLOCK_NOPOINTERS))
		return true;
	if (t->classes[piece->class].heap_flags & HW_TABLE_TYPED)
		return scan_typed(w, piece, end, bytes);
	for (uint32_t id = piece->first; id < end; id++) {
		uint64_t size = hw_table_size_inline(t, id);

		if (is_leaf(roots, &leaf, id))
			continue;
		if (!scan_block(w, id, base + (hw_addr)t->start[id] * 8, size))
			return false;
		*bytes += size;
	}
	return true;
}

/* Turns the degrees of a stretch into offsets; it is its turn. A degree that does not fit
 * 32 bits can only be that of a stretch's last block, which is not looked at: the offset
 * behind it is the next stretch's. */
static bool set_offsets(struct hw_csr *csr, const struct hw_table *t, const struct result *r)
{
	uint32_t first = r->stretch * STRETCH;
	uint32_t end = MIN(first + STRETCH, t->piece_count);
	uint32_t end_id = end < t->piece_count ? t->pieces[end].first : t->count;
	uint64_t begin = csr->edges - r->count;

	for (uint32_t id = t->pieces[first].first; id < end_id; id++) {
		uint32_t degree = csr->low[id];

		if (!hw_csr_set_begin(csr, id, begin))
			return false;
		begin += degree;
	}
	return true;
}

static struct result *new_result(void)
{
	struct result *r = g_try_malloc(sizeof(*r));

	if (r)
		r->out_count = 0;
	return r;
}

/* Appends a result whose turn it is, and those parked behind it. r itself is not freed. */
static bool append_results(struct scan *scan, struct result *r)
{
	struct result *own = r;

	while (r) {
		struct result *next;

		if (!append_out(scan, r))
			return false;
		if (!set_offsets(scan->csr, scan->table, r))
			return fail(scan);
		pthread_mutex_lock(&scan->lock);
		__atomic_fetch_add(&scan->bytes_done, r->bytes, __ATOMIC_RELAXED);
		scan->turn++;
		next = scan->parked[scan->turn % PARKED];
		scan->parked[scan->turn % PARKED] = NULL;
		pthread_cond_broadcast(&scan->turned);
		pthread_mutex_unlock(&scan->lock);
		if (r != own)
			g_free(r);
		r = next;
	}
	return true;
}

/* Leaves the result of a stretch that is not next to whoever appends the one before; the
 * worker gets a new buffer. False: it has to be appended by the worker itself. */
static bool park(struct worker *w)
{
	struct scan *scan = w->scan;
	struct result *spare;
	uint32_t ahead;

	pthread_mutex_lock(&scan->lock);
	ahead = w->result->stretch - scan->turn;
	spare = !w->has_turn && ahead > 0 && ahead < PARKED ? new_result() : NULL;
	if (spare) {
		scan->parked[w->result->stretch % PARKED] = w->result;
		w->result = spare;
	}
	pthread_mutex_unlock(&scan->lock);
	return spare != NULL;
}

static bool scan_stretch(struct worker *w)
{
	const struct hw_table *t = w->scan->table;
	uint32_t first = w->result->stretch * STRETCH;
	uint32_t end = MIN(first + STRETCH, t->piece_count);

	w->has_turn = false;
	w->result->count = 0;
	w->result->bytes = 0;
	for (uint32_t p = first; p < end; p++)
		if (!scan_piece(w, p, &w->result->bytes))
			return false;
	if (!resolve(w))
		return false;
	if (!park(w) && (!wait_turn(w) || !append_results(w->scan, w->result)))
		return false;
	if (w->index == 0)
		hw_progress_bytes("following references",
				  __atomic_load_n(&w->scan->bytes_done, __ATOMIC_RELAXED),
				  t->bytes);
	return !hw_stop_requested() || fail(w->scan);
}

static void add_unread(struct scan *scan, const struct worker *w)
{
	pthread_mutex_lock(&scan->lock);
	scan->unread_blocks += w->unread_blocks;
	scan->unread_bytes += w->unread_bytes;
	pthread_mutex_unlock(&scan->lock);
}

static void run_worker(void *arg, uint32_t index)
{
	struct scan *scan = arg;
	struct worker *w = g_new(struct worker, 1);

	w->scan = scan;
	w->filter = choose_filter();
	w->resolve = choose_resolve();
	w->index = index;
	w->result = new_result();
	w->words = w->segments = 0;
	w->view_start = w->view_end = 0;
	w->window = 0;
	w->last_source = HW_NO_BLOCK;
	w->unread_blocks = w->unread_bytes = 0;
	if (!w->result)
		fail(scan);
	while (w->result) {
		w->result->stretch = __atomic_fetch_add(&scan->next, 1, __ATOMIC_RELAXED);
		if (w->result->stretch >= scan->stretches || has_failed(scan) || !scan_stretch(w))
			break;
	}
	add_unread(scan, w);
	g_free(w->result);
	g_free(w);
}

/* Rows of the root nodes. */
static bool add_roots(struct hw_csr *csr, const struct hw_roots *roots, uint32_t blocks)
{
	uint64_t at = 0;

	for (uint32_t r = 0; r < roots->count; r++) {
		uint32_t last = HW_NO_BLOCK;

		if (!hw_csr_set_begin(csr, blocks + r, csr->edges))
			return false;
		for (; at < roots->ref_count && roots->refs[at].root == r; at++) {
			if (roots->refs[at].block == last)
				continue;
			last = roots->refs[at].block;
			if (!hw_csr_append(csr, &last, 1))
				return false;
		}
	}
	return hw_csr_set_begin(csr, csr->rows, csr->edges);
}

static bool run_scan(struct scan *scan, const struct hw_roots *roots, uint32_t threads)
{
	static const struct hw_roots none;

	pthread_mutex_init(&scan->lock, NULL);
	pthread_cond_init(&scan->turned, NULL);
	hw_pool_run(threads, run_worker, scan);
	for (uint32_t i = 0; i < PARKED; i++) /* Left only after a failure. */
		g_free(scan->parked[i]);
	pthread_cond_destroy(&scan->turned);
	pthread_mutex_destroy(&scan->lock);
	return !scan->failed && add_roots(scan->csr, roots ? roots : &none, scan->table->count);
}

struct hw_csr *hw_edges_new(const struct hw_memory *memory, const struct hw_table *table,
			    const struct hw_roots *roots, uint32_t threads, struct hw_notes *notes,
			    GError **error)
{
	struct scan scan = {.memory = memory, .table = table, .roots = roots};
	uint32_t root_rows = roots ? roots->count : 0;
	uint64_t most = table->bytes / 8 + (roots ? roots->ref_count : 0);

	if (root_rows > HW_BLOCKS_MAX - table->count) {
		g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL,
			    "%u live blocks and %u roots are more than heapwalk numbers",
			    table->count, root_rows);
		return NULL;
	}
	scan.stretches = (table->piece_count + STRETCH - 1) / STRETCH;
	scan.csr = hw_csr_new(table->count + root_rows, most);
	if (!scan.csr || !run_scan(&scan, roots, hw_pool_threads(threads))) {
		if (hw_stop_requested())
			g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
		else
			g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL,
				    "no memory for the references between %u blocks", table->count);
		hw_csr_free(scan.csr);
		return NULL;
	}
	hw_progress_end();
	if (scan.unread_blocks)
		hw_unread_note(memory, table, scan.unread_blocks, scan.unread_bytes, notes);
	return scan.csr;
}

struct masked {
	const struct hw_table *table;
	uint32_t heap;
	hw_words_fn fn;
	void *arg;
};

static bool mask_words(void *arg, hw_addr addr, const uint64_t *words, size_t count)
{
	const struct masked *m = arg;
	uint64_t bits[RUN / 64];
	uint64_t kept[RUN];

	m->table->pointers(m->table->pointers_arg, m->heap, addr, addr + count * 8, bits);
	for (size_t i = 0; i < count; i++)
		kept[i] = (bits[i / 64] >> (i % 64)) & 1 ? words[i] : 0;
	return m->fn(m->arg, addr, kept, count);
}

bool hw_edges_block(const struct hw_memory *memory, const struct hw_table *table, uint32_t block,
		    hw_words_fn fn, void *arg)
{
	const struct hw_piece *piece = &table->pieces[hw_table_piece(table, block)];
	const struct hw_class *class = &table->classes[piece->class];
	const hw_addr addr = hw_piece_base(piece) + (hw_addr)table->start[block] * 8;
	const uint64_t size = hw_table_size_inline(table, block);
	struct masked masked = {table, class->heap, fn, arg};

	if (class->flags & (HW_BLOCK_INTERNAL | HW_BLOCK_NOPOINTERS))
		return true;
	if (class->heap_flags & HW_TABLE_TYPED)
		return hw_edges_words(memory, addr, size, mask_words, &masked, NULL);
	return hw_edges_words(memory, addr, size, fn, arg, NULL);
}

bool hw_edges_words(const struct hw_memory *memory, hw_addr addr, uint64_t size, hw_words_fn fn,
		    void *arg, uint64_t *missing_ret)
{
	hw_addr end = addr + size;
	uint64_t missing = 0;
	bool more = true;

	while (more && addr < end && end - addr >= 8) {
		uint64_t held;
		const uint8_t *data = hw_memory_peek(memory, addr, &held);
		uint64_t words = data ? MIN(held, end - addr) / 8 : 0;
		uint64_t buffer[RUN];

		if (!words) {
			hw_addr next = next_held(memory, addr, end);

			missing += next - addr;
			addr = next;
			continue;
		}
		words = MIN(words, RUN);
		memcpy(buffer, data, words * 8);
		more = fn(arg, addr, buffer, words);
		addr += words * 8;
	}
	if (missing_ret)
		*missing_ret = missing;
	return more;
}
