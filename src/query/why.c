/* SPDX-License-Identifier: Apache-2.0 */
/* One block: a search upwards from it, nearest roots first. Many: their shortest paths,
 * put together by root. */
#include "query/why.h"
#include "base/array.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include "query/named.h"
#include "query/reverse.h"
#include "query/words.h"
#include <string.h>

bool hw_why_size(const char *word, struct hw_why_request *request, GError **error)
{
	static const struct {
		const char *sign;
		enum hw_compare compare;
	} signs[] = {{">=", HW_AT_LEAST},
		     {"<=", HW_AT_MOST},
		     {">", HW_ABOVE},
		     {"<", HW_BELOW},
		     {"=", HW_EQUAL}};

	for (size_t i = 0; i < G_N_ELEMENTS(signs); i++) {
		if (!g_str_has_prefix(word, signs[i].sign))
			continue;
		request->compare = signs[i].compare;
		return hw_words_size(word + strlen(signs[i].sign), &request->size, error);
	}
	g_set_error(error, HW_ERROR, HW_ERROR_USAGE,
		    "'%s' compares with nothing: write '>1MiB', '<=64' or '=4k'", word);
	return false;
}

void hw_why_free(struct hw_why *w)
{
	if (!w)
		return;
	g_array_unref(w->paths);
	g_array_unref(w->types);
	g_free(w);
}

static bool fail_room(GError **error)
{
	g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no room for a search through all blocks");
	return false;
}

/* One block. */

struct search {
	const struct hw_session *session;
	struct hw_why *why;
	struct hw_reverse *reverse;
	uint32_t target, limit;
	uint32_t *next;  /* By block: one step nearer to the target; HW_NO_BLOCK: not seen. */
	uint32_t *queue; /* Blocks, by distance. */
	uint32_t queued, done, room;
	GHashTable *roots; /* Those that have a path. */
};

static void add_path(struct search *s, uint32_t root, uint32_t block)
{
	const uint64_t size = hw_table_size(s->session->table, s->target);
	struct hw_why_path path = {.blocks = 1, .bytes = size};
	uint32_t node = block;

	hw_path_init(&path.path);
	hw_path_add(&path.path, root);
	for (; node != s->target; node = s->next[node])
		hw_path_add(&path.path, node);
	hw_path_add(&path.path, s->target);
	hw_path_finish(s->session, &path.path);
	path.shared = path.path.length;
	g_array_append_val(s->why->paths, path);
}

/* False: a root more than there may be paths. */
static bool take_source(struct search *s, uint32_t node, uint32_t block)
{
	const uint32_t blocks = s->reverse->blocks;

	if (node < blocks) {
		if (s->next[node] == HW_NO_BLOCK && s->queued < s->room) {
			s->next[node] = block;
			s->queue[s->queued++] = node;
		}
		return true;
	}
	if (g_hash_table_contains(s->roots, GUINT_TO_POINTER(node)))
		return true;
	if (s->why->paths->len >= s->limit) {
		s->why->is_full = true;
		return false;
	}
	g_hash_table_add(s->roots, GUINT_TO_POINTER(node));
	add_path(s, node, block);
	return true;
}

/* Breadth first: nearest roots come first, ties by node. */
static void climb(struct search *s)
{
	bool is_open = true;

	s->next[s->target] = s->target;
	s->queue[s->queued++] = s->target;
	while (is_open && s->done < s->queued && !hw_stop_requested()) {
		uint32_t block = s->queue[s->done++];
		uint64_t end = s->reverse->offset[block + 1];

		for (uint64_t i = s->reverse->offset[block]; i < end && is_open; i++)
			is_open = take_source(s, s->reverse->source[i], block);
	}
	s->why->visited = s->done;
	s->why->is_complete = !s->why->is_full && s->done == s->queued && s->queued < s->room;
}

static bool search(struct search *s, GError **error)
{
	const uint32_t blocks = s->session->graph->blocks;
	bool ok;

	s->room = MIN(blocks, HW_WHY_VISITED_MOST) + 1;
	s->next = hw_array_resize(NULL, 0, blocks, sizeof(*s->next));
	s->queue = hw_array_resize(NULL, 0, s->room, sizeof(*s->queue));
	s->roots = g_hash_table_new(NULL, NULL);
	ok = s->next && s->queue;
	if (ok) {
		memset(s->next, 0xff, blocks * sizeof(*s->next));
		climb(s);
	} else {
		fail_room(error);
	}
	g_hash_table_unref(s->roots);
	hw_array_resize(s->queue, s->queue ? s->room : 0, 0, sizeof(*s->queue));
	hw_array_resize(s->next, s->next ? blocks : 0, 0, sizeof(*s->next));
	return ok;
}

/* The path that the graph knows already, when no more are wanted or there is no room to
 * look for more. */
static void take_known(const struct hw_session *s, struct hw_why *w)
{
	struct hw_why_path path = {.blocks = 1, .bytes = w->spot.size};

	hw_path_find(s, w->spot.id, &path.path);
	path.shared = path.path.length;
	w->visited = path.path.length;
	w->is_full = true;
	w->is_complete = false;
	g_array_append_val(w->paths, path);
}

static bool ask_block(struct hw_session *session, const struct hw_why_request *request,
		      struct hw_why *w, GError **error)
{
	struct search s = {
	    .session = session, .why = w, .target = w->spot.id, .limit = request->limit};
	g_autoptr(GError) refused = NULL;
	bool ok;

	if (request->limit > 1)
		s.reverse = hw_reverse_new(session, &refused);
	if (refused && refused->code == HW_ERROR_INTERRUPTED) {
		g_propagate_error(error, g_steal_pointer(&refused));
		return false;
	}
	if (!s.reverse) {
		take_known(session, w);
		return true;
	}
	hw_progress("looking for roots", 0, 0);
	ok = search(&s, error);
	hw_reverse_free(s.reverse);
	return ok;
}

static bool ask_address(struct hw_session *session, const struct hw_why_request *request,
			struct hw_why *w, GError **error)
{
	if (!hw_spot_find(session, request->addr, &w->spot, error))
		return false;
	w->is_complete = true;
	if (w->spot.id == HW_NO_BLOCK)
		return true;
	w->blocks = 1;
	w->bytes = w->spot.size;
	if (w->spot.state != HW_SPOT_REACHED)
		return true;
	w->reached = w->blocks;
	w->reached_bytes = w->bytes;
	return ask_block(session, request, w, error);
}

/* Many blocks. */

/* Those that fit and have one root at the end of their shortest path. */
struct holder {
	uint32_t root;
	uint32_t example; /* The largest, then the lowest. */
	uint64_t blocks, bytes, shared;
};

struct many {
	const struct hw_session *session;
	uint64_t *fits;         /* Bit set, by block. */
	uint64_t *is_seen;      /* Bit set, by block: on the way of one that was looked at. */
	uint32_t *root_of;      /* By block; HW_NO_BLOCK: not known yet. */
	uint32_t *position;     /* By block: its step in the path of a holder's example; 0: none. */
	struct holder *holders; /* By root, then by bytes. */
	uint32_t *place;        /* By root: its holder, when it is one of those listed. */
	uint32_t words, blocks, roots;
};

static bool has_bit(const uint64_t *set, uint32_t bit)
{
	return set[bit / 64] >> (bit % 64) & 1;
}

static void put_bit(uint64_t *set, uint32_t bit)
{
	set[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static bool fits_size(const struct hw_why_request *r, uint64_t size)
{
	switch (r->compare) {
	case HW_ABOVE:
		return size > r->size;
	case HW_AT_LEAST:
		return size >= r->size;
	case HW_BELOW:
		return size < r->size;
	case HW_AT_MOST:
		return size <= r->size;
	case HW_EQUAL:
		return size == r->size;
	case HW_COMPARE_NONE:
		break;
	}
	return true;
}

static void find_fitting(struct hw_session *s, const struct hw_why_request *r, struct many *m,
			 struct hw_why *w)
{
	for (uint32_t b = 0; b < m->blocks && !hw_stop_requested(); b++) {
		const uint64_t size = hw_table_size(s->table, b);
		const char *type = NULL;

		if (b % 65536 == 0)
			hw_progress("looking for blocks", b, m->blocks);
		if (!fits_size(r, size))
			continue;
		if (r->type) {
			type = hw_named_type(s, b, r->type);
			if (!type)
				continue;
			hw_named_count(w->types, type, size);
		}
		w->blocks++;
		w->bytes += size;
		if (!hw_graph_is_reached(s->graph, b))
			continue;
		w->reached++;
		w->reached_bytes += size;
		put_bit(m->fits, b);
	}
}

static void count_holders(struct many *m, struct hw_why *w)
{
	const struct hw_table *table = m->session->table;

	for (uint32_t b = 0; b < m->blocks && !hw_stop_requested(); b++) {
		struct holder *h;
		uint64_t size;

		if (!has_bit(m->fits, b))
			continue;
		h = &m->holders[hw_path_root(m->session->graph, m->root_of, b)];
		size = hw_table_size(table, b);
		if (!h->blocks || size > hw_table_size(table, h->example))
			h->example = b;
		h->blocks++;
		h->bytes += size;
		w->visited++;
	}
}

static int by_bytes(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return x->root < y->root ? -1 : x->root > y->root;
}

/* Numbers the steps of the example's path: the root is step 0. */
static void lay_path(struct many *m, struct holder *h)
{
	const struct hw_graph *g = m->session->graph;
	uint32_t length = 1;

	for (uint32_t n = h->example; n < m->blocks; n = g->parent[n])
		length++;
	h->shared = length;
	for (uint32_t n = h->example; n < m->blocks; n = g->parent[n])
		m->position[n] = --length;
}

/* Where b's path joins the example's: all before is shared. */
static void join_path(struct many *m, struct holder *h, uint32_t b)
{
	const struct hw_graph *g = m->session->graph;
	uint32_t n = b;

	while (n < m->blocks && !m->position[n] && !has_bit(m->is_seen, n)) {
		put_bit(m->is_seen, n);
		n = g->parent[n];
	}
	if (n >= m->blocks)
		h->shared = 1;
	else if (m->position[n])
		h->shared = MIN(h->shared, (uint64_t)m->position[n] + 1);
}

static void make_paths(struct many *m, struct hw_why *w, uint32_t limit)
{
	uint32_t *place = m->place, count = 0;

	for (uint32_t r = 0; r < m->roots; r++) {
		m->holders[r].root = r;
		place[r] = HW_NO_BLOCK;
	}
	qsort(m->holders, m->roots, sizeof(*m->holders), by_bytes);
	while (count < m->roots && m->holders[count].blocks)
		count++;
	w->is_full = count > limit;
	count = MIN(count, limit);
	for (uint32_t i = 0; i < count; i++) {
		place[m->holders[i].root] = i;
		lay_path(m, &m->holders[i]);
	}
	for (uint32_t b = 0; b < m->blocks && !hw_stop_requested(); b++)
		if (has_bit(m->fits, b) && place[m->root_of[b]] != HW_NO_BLOCK)
			join_path(m, &m->holders[place[m->root_of[b]]], b);
	for (uint32_t i = 0; i < count; i++) {
		const struct holder *h = &m->holders[i];
		struct hw_why_path path = {
		    .blocks = h->blocks, .bytes = h->bytes, .shared = h->shared};

		hw_path_find(m->session, h->example, &path.path);
		g_array_append_val(w->paths, path);
	}
}

static bool make_room(struct many *m)
{
	m->fits = hw_array_resize(NULL, 0, m->words, sizeof(*m->fits));
	m->is_seen = hw_array_resize(NULL, 0, m->words, sizeof(*m->is_seen));
	m->root_of = hw_array_resize(NULL, 0, m->blocks, sizeof(*m->root_of));
	m->position = hw_array_resize(NULL, 0, m->blocks, sizeof(*m->position));
	m->holders = hw_array_resize(NULL, 0, (size_t)m->roots + 1, sizeof(*m->holders));
	m->place = hw_array_resize(NULL, 0, (size_t)m->roots + 1, sizeof(*m->place));
	if (!m->fits || !m->is_seen || !m->root_of || !m->position || !m->holders || !m->place)
		return false;
	memset(m->root_of, 0xff, m->blocks * sizeof(*m->root_of));
	return true;
}

static void free_room(struct many *m)
{
	hw_array_resize(m->place, m->place ? (size_t)m->roots + 1 : 0, 0, sizeof(*m->place));
	hw_array_resize(m->holders, m->holders ? (size_t)m->roots + 1 : 0, 0, sizeof(*m->holders));
	hw_array_resize(m->position, m->position ? m->blocks : 0, 0, sizeof(*m->position));
	hw_array_resize(m->root_of, m->root_of ? m->blocks : 0, 0, sizeof(*m->root_of));
	hw_array_resize(m->is_seen, m->is_seen ? m->words : 0, 0, sizeof(*m->is_seen));
	hw_array_resize(m->fits, m->fits ? m->words : 0, 0, sizeof(*m->fits));
}

static bool ask_many(struct hw_session *session, const struct hw_why_request *request,
		     struct hw_why *w, GError **error)
{
	struct many m = {.session = session,
			 .blocks = session->graph->blocks,
			 .words = session->graph->blocks / 64 + 1,
			 .roots = session->roots->count};
	bool ok;

	if (!m.blocks) {
		w->is_complete = true;
		return true;
	}
	ok = make_room(&m);
	if (ok) {
		find_fitting(session, request, &m, w);
		hw_named_sort(w->types);
		count_holders(&m, w);
		make_paths(&m, w, request->limit);
		w->is_complete = !w->is_full;
	} else {
		fail_room(error);
	}
	free_room(&m);
	return ok;
}

struct hw_why *hw_why_query(struct hw_session *session, const struct hw_why_request *request,
			    GError **error)
{
	struct hw_why *w = g_new0(struct hw_why, 1);

	w->paths = g_array_new(FALSE, FALSE, sizeof(struct hw_why_path));
	w->types = g_array_new(FALSE, FALSE, sizeof(struct hw_named));
	if (!(request->is_address ? ask_address : ask_many)(session, request, w, error)) {
		hw_why_free(w);
		return NULL;
	}
	hw_target_check(session->target, &session->notes);
	return w;
}
