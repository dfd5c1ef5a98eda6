/* SPDX-License-Identifier: Apache-2.0 */
/* Marks blocks by who reaches them: nobody yet, one group, or several. A block's mark
 * changes at most twice, so this is linear in the references. */
#include "query/without.h"
#include "base/array.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include "graph/csr.h"
#include "query/slots.h"
#include <string.h>

#define NOBODY  HW_NO_BLOCK
#define SEVERAL (HW_NO_BLOCK - 1) /* Groups, or a root of none. */
#define POLL    4096

struct marks {
	const struct hw_session *session;
	const uint64_t *removed; /* Blocks that are not gone through, or NULL. */
	uint32_t *mark;          /* By block. */
	uint32_t *stack;         /* Each block at most twice. */
	uint64_t used;
	uint32_t now; /* The mark that is spreading. */
	uint64_t done;
};

static size_t stack_room(const struct marks *m)
{
	return 2 * (size_t)m->session->graph->blocks + 1;
}

static bool open_marks(struct marks *m, GError **error)
{
	const uint32_t blocks = m->session->graph->blocks;

	m->mark = hw_array_resize(NULL, 0, (size_t)blocks + 1, sizeof(*m->mark));
	m->stack = hw_array_resize(NULL, 0, stack_room(m), sizeof(*m->stack));
	if (m->mark && m->stack) {
		memset(m->mark, 0xff, blocks * sizeof(*m->mark));
		return true;
	}
	g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no room to mark blocks again");
	return false;
}

static void close_marks(struct marks *m)
{
	const size_t marks = (size_t)m->session->graph->blocks + 1;

	hw_array_resize(m->stack, m->stack ? stack_room(m) : 0, 0, sizeof(*m->stack));
	hw_array_resize(m->mark, m->mark ? marks : 0, 0, sizeof(*m->mark));
}

static void reach(struct marks *m, uint32_t block)
{
	uint32_t mark = m->mark[block];

	if (mark == m->now || mark == SEVERAL)
		return;
	if (m->removed && (m->removed[block / 64] >> (block % 64) & 1))
		return;
	m->mark[block] = mark == NOBODY ? m->now : SEVERAL;
	m->stack[m->used++] = block;
}

static bool reach_target(void *arg, const struct hw_slot *slot)
{
	reach(arg, slot->target);
	return true;
}

/* What a block refers to: from the graph's arrays while there are any. */
static void reach_from(struct marks *m, uint32_t block)
{
	const struct hw_csr *csr = m->session->graph->csr;

	if (!csr) {
		hw_slots_out(m->session, block, reach_target, m);
		return;
	}
	for (uint64_t at = hw_csr_begin(csr, block), end = hw_csr_begin(csr, block + 1); at < end;
	     at++)
		reach(m, csr->target[at]);
}

/* What lies behind a block becomes what the block is by now. */
static void spread(struct marks *m)
{
	const struct hw_session *s = m->session;
	const uint32_t now = m->now;

	while (m->used && !hw_stop_requested()) {
		uint32_t block = m->stack[--m->used];

		m->now = m->mark[block];
		reach_from(m, block);
		if (++m->done % POLL == 0)
			hw_progress("marking blocks", MIN(m->done, s->graph->reached_blocks),
				    s->graph->reached_blocks);
	}
	m->now = now;
}

/* Roots of a group, or with wanted NOBODY of none. */
static void spread_from(struct marks *m, const uint32_t *group, uint32_t wanted, uint64_t first,
			uint64_t end)
{
	const struct hw_roots *roots = m->session->roots;

	m->now = wanted == NOBODY ? SEVERAL : wanted;
	for (uint64_t i = first; i < end; i++) {
		if (group && group[roots->refs[i].root] != wanted)
			continue;
		reach(m, roots->refs[i].block);
		if (m->used)
			spread(m);
	}
}

bool hw_without_blocks(const struct hw_session *s, const uint64_t *removed, uint64_t *blocks_ret,
		       uint64_t *bytes_ret, GError **error)
{
	struct marks m = {.session = s, .removed = removed};
	uint64_t blocks = s->graph->reached_blocks, bytes = s->graph->reached_bytes;
	bool ok = open_marks(&m, error);

	if (ok) {
		spread_from(&m, NULL, NOBODY, 0, s->roots->ref_count);
		for (uint32_t b = 0; b < s->graph->blocks; b++) {
			blocks -= m.mark[b] != NOBODY;
			bytes -= m.mark[b] != NOBODY ? hw_table_size(s->table, b) : 0;
		}
		*blocks_ret = blocks;
		*bytes_ret = bytes;
	}
	close_marks(&m);
	return ok;
}

static void count_marks(const struct marks *m, uint32_t count, uint64_t *blocks_ret,
			uint64_t *bytes_ret)
{
	const struct hw_session *s = m->session;

	memset(blocks_ret, 0, count * sizeof(*blocks_ret));
	memset(bytes_ret, 0, count * sizeof(*bytes_ret));
	for (uint32_t b = 0; b < s->graph->blocks; b++) {
		if (m->mark[b] >= count)
			continue;
		blocks_ret[m->mark[b]]++;
		bytes_ret[m->mark[b]] += hw_table_size(s->table, b);
	}
}

bool hw_without_roots(const struct hw_session *s, const uint32_t *group, uint32_t count,
		      uint64_t *blocks_ret, uint64_t *bytes_ret, GError **error)
{
	struct marks m = {.session = s};
	const struct hw_roots *roots = s->roots;
	bool ok = open_marks(&m, error);

	if (ok) {
		spread_from(&m, group, NOBODY, 0, roots->ref_count);
		/* Root by root: those of one group may lie apart. */
		for (uint64_t i = 0; i < roots->ref_count && !hw_stop_requested(); i++)
			if (group[roots->refs[i].root] != NOBODY)
				spread_from(&m, group, group[roots->refs[i].root], i, i + 1);
		count_marks(&m, count, blocks_ret, bytes_ret);
	}
	close_marks(&m);
	return ok;
}

bool hw_root_groups_init(struct hw_root_groups *groups, const struct hw_session *session,
			 uint32_t count, GError **error)
{
	*groups = (struct hw_root_groups){.roots = session->roots->count, .count = count};
	groups->group = hw_array_resize(NULL, 0, (size_t)groups->roots + 1, sizeof(uint32_t));
	groups->blocks = hw_array_resize(NULL, 0, (size_t)count + 1, sizeof(uint64_t));
	groups->bytes = hw_array_resize(NULL, 0, (size_t)count + 1, sizeof(uint64_t));
	if (groups->group && groups->blocks && groups->bytes)
		return true;
	g_set_error(error, HW_ERROR, HW_ERROR_INTERNAL, "no room to group roots");
	return false;
}

static void free_array(void *array, uint32_t count, size_t size)
{
	if (array)
		hw_array_resize(array, (size_t)count + 1, 0, size);
}

void hw_root_groups_clear(struct hw_root_groups *groups)
{
	free_array(groups->group, groups->roots, sizeof(uint32_t));
	free_array(groups->blocks, groups->count, sizeof(uint64_t));
	free_array(groups->bytes, groups->count, sizeof(uint64_t));
}
