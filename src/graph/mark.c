/* SPDX-License-Identifier: Apache-2.0 */
/* mark.c -- what can be reached at all, by any number of threads. No paths are kept, so the
 * order does not matter, and the bits are the same every time.
 *
 * Rows that were met and not entered yet lie in chunks. A thread takes a chunk, enters its rows
 * with their edges fetched ahead, and fills another one; full ones go to whoever is free.
 * Chunks are used again, so that memory is what waits at one time, not what was reached. */
#include "base/array.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/stop.h"
#include "graph/csr.h"
#include <pthread.h>

#define CHUNK 8188 /* Rows; 32 KiB in all. */
#define FEW   64   /* Rows too few for fetching ahead: wait for more, if there is other work. */
#define SHARE 512  /* Rows worth sharing with a thread that waits. */
#define POLL  65536
/* How far ahead a row's offset is fetched, and its targets. */
#define AHEAD_OFFSET 16
#define AHEAD_TARGET 8

struct chunk {
	struct chunk *next;
	uint32_t count;
	uint32_t row[CHUNK];
};

struct marking {
	const struct hw_csr *csr;
	uint64_t *reached;
	const char *what;
	bool is_shared; /* By more than one thread. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct chunk *work; /* To be taken. */
	uint32_t busy;      /* Threads that may still add work. */
	uint32_t waiting;   /* Threads that would take some. */
	uint64_t done;      /* Rows entered. */
	bool failed;        /* No memory, or stopped. */
};

struct worker {
	struct marking *marking;
	uint32_t index;
	struct chunk *in, *out;
	struct chunk *spare;
	uint32_t steps;   /* Since the last poll(). */
	uint32_t entered; /* Rows, since then. */
};

static bool fail(struct marking *m)
{
	pthread_mutex_lock(&m->lock);
	__atomic_store_n(&m->failed, true, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
	return false;
}

static struct chunk *new_chunk(struct worker *w)
{
	struct chunk *c = w->spare;

	if (c)
		w->spare = c->next;
	else
		c = hw_array_resize(NULL, 0, 1, sizeof(*c));
	if (c)
		c->count = 0;
	else
		fail(w->marking);
	return c;
}

static void drop_chunk(struct worker *w, struct chunk *c)
{
	if (!c)
		return;
	c->next = w->spare;
	w->spare = c;
}

static void free_chunks(struct chunk *c)
{
	while (c) {
		struct chunk *next = c->next;

		hw_array_resize(c, 1, 0, sizeof(*c));
		c = next;
	}
}

static void give(struct marking *m, struct chunk *c)
{
	pthread_mutex_lock(&m->lock);
	c->next = m->work;
	__atomic_store_n(&m->work, c, __ATOMIC_RELAXED);
	if (m->waiting)
		pthread_cond_signal(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

/* Takes a chunk that lies there; NULL: none does. */
static struct chunk *take(struct marking *m)
{
	struct chunk *c = m->work;

	if (c)
		__atomic_store_n(&m->work, c->next, __ATOMIC_RELAXED);
	return c;
}

/* The same for a thread that has something to do otherwise. */
static struct chunk *take_more(struct marking *m)
{
	struct chunk *c = NULL;

	if (__atomic_load_n(&m->work, __ATOMIC_RELAXED)) {
		pthread_mutex_lock(&m->lock);
		c = take(m);
		pthread_mutex_unlock(&m->lock);
	}
	return c;
}

/* The same for one that has not: waits while others may add some. NULL: all is done. */
static struct chunk *begin_work(struct marking *m)
{
	struct chunk *c;

	pthread_mutex_lock(&m->lock);
	while (!m->work && m->busy && !m->failed) {
		__atomic_store_n(&m->waiting, m->waiting + 1, __ATOMIC_RELAXED);
		pthread_cond_wait(&m->changed, &m->lock);
		__atomic_store_n(&m->waiting, m->waiting - 1, __ATOMIC_RELAXED);
	}
	c = m->failed ? NULL : take(m);
	m->busy += c != NULL;
	pthread_mutex_unlock(&m->lock);
	return c;
}

static void end_work(struct marking *m)
{
	pthread_mutex_lock(&m->lock);
	if (--m->busy == 0)
		pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

static inline bool meet(struct worker *w, uint32_t row, bool is_shared)
{
	uint64_t bit = UINT64_C(1) << (row % 64);
	uint64_t *word = &w->marking->reached[row / 64];

	if (__atomic_load_n(word, __ATOMIC_RELAXED) & bit)
		return true;
	if (!is_shared)
		*word |= bit;
	else if (__atomic_fetch_or(word, bit, __ATOMIC_RELAXED) & bit)
		return true; /* Another thread was first. */
	w->out->row[w->out->count++] = row;
	if (__builtin_expect(w->out->count < CHUNK, 1))
		return true;
	give(w->marking, w->out);
	w->out = new_chunk(w);
	return w->out != NULL;
}

static bool poll(struct worker *w)
{
	struct marking *m = w->marking;
	uint64_t done = __atomic_add_fetch(&m->done, w->entered, __ATOMIC_RELAXED);

	w->steps = w->entered = 0;
	if (w->index == 0)
		hw_progress(m->what, done, m->csr->rows);
	if (hw_stop_requested())
		fail(m);
	return !__atomic_load_n(&m->failed, __ATOMIC_RELAXED);
}

static inline void fetch(const struct hw_csr *csr, const struct chunk *in, uint32_t i)
{
	if (i + AHEAD_OFFSET < in->count)
		__builtin_prefetch(&csr->low[in->row[i + AHEAD_OFFSET]]);
	if (i + AHEAD_TARGET < in->count)
		__builtin_prefetch(csr->target + hw_csr_begin(csr, in->row[i + AHEAD_TARGET]));
}

/* Enters all rows of w->in. */
static inline bool enter_all(struct worker *w, bool is_shared)
{
	const struct hw_csr *csr = w->marking->csr;
	const struct chunk *in = w->in;

	for (uint32_t i = 0; i < in->count; i++) {
		const uint32_t *at = csr->target + hw_csr_begin(csr, in->row[i]);
		const uint32_t *end = csr->target + hw_csr_begin(csr, in->row[i] + 1);

		fetch(csr, in, i);
		w->entered++;
		for (; at < end; at++) {
			if (!meet(w, *at, is_shared) || (++w->steps >= POLL && !poll(w)))
				return false;
		}
		if (++w->steps >= POLL && !poll(w))
			return false;
	}
	return true;
}

/* Half of what was met goes to a thread that has nothing to do. */
static bool share(struct worker *w)
{
	struct chunk *half = new_chunk(w);

	if (!half)
		return false;
	while (half->count < w->out->count)
		half->row[half->count++] = w->out->row[--w->out->count];
	give(w->marking, half);
	return true;
}

/* w->in is done: sets the next one. False: there is none, or something failed. */
static bool next_chunk(struct worker *w)
{
	struct marking *m = w->marking;

	drop_chunk(w, w->in);
	w->in = NULL;
	if (w->out->count >= SHARE && __atomic_load_n(&m->waiting, __ATOMIC_RELAXED) && !share(w))
		return false;
	if (w->out->count < FEW)
		w->in = take_more(m);
	if (w->in || !w->out->count)
		return w->in != NULL;
	w->in = w->out;
	w->out = new_chunk(w);
	return w->out != NULL;
}

static void run_worker(void *arg, uint32_t index)
{
	struct marking *m = arg;
	struct worker w = {.marking = m, .index = index};
	bool ok = true;

	w.out = new_chunk(&w);
	while (ok && w.out && (w.in = begin_work(m))) {
		do
			ok = m->is_shared ? enter_all(&w, true) : enter_all(&w, false);
		while (ok && next_chunk(&w));
		end_work(m);
	}
	drop_chunk(&w, w.in);
	drop_chunk(&w, w.out);
	free_chunks(w.spare);
}

/* The rows to begin with. */
static bool add_starts(struct marking *m, uint32_t first, uint32_t end)
{
	while (first < end) {
		struct chunk *c = hw_array_resize(NULL, 0, 1, sizeof(*c));

		if (!c)
			return false;
		while (first < end && c->count < CHUNK)
			c->row[c->count++] = first++;
		c->next = m->work;
		m->work = c;
	}
	return true;
}

bool hw_csr_mark(const struct hw_csr *csr, uint32_t first, uint32_t end, uint64_t *reached,
		 uint32_t threads, const char *what)
{
	struct marking m = {.csr = csr, .reached = reached, .what = what, .is_shared = threads > 1};

	hw_progress(what, 0, csr->rows);
	pthread_mutex_init(&m.lock, NULL);
	pthread_cond_init(&m.changed, NULL);
	if (add_starts(&m, first, end))
		hw_pool_run(threads, run_worker, &m);
	else
		m.failed = true;
	free_chunks(m.work);
	pthread_cond_destroy(&m.changed);
	pthread_mutex_destroy(&m.lock);
	return !m.failed;
}
