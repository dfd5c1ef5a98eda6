/* SPDX-License-Identifier: Apache-2.0 */
/* Reads slots: those of blocks through the graph, those of roots from their list. */
#include "query/slots.h"
#include "base/progress.h"
#include "base/stop.h"

#define POLL 4096 /* Blocks between looks at the stop flag. */

static bool is_leaf(const struct hw_roots *roots, uint32_t block)
{
	uint32_t low = 0, high = roots->leaf_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (roots->leaves[middle] < block)
			low = middle + 1;
		else
			high = middle;
	}
	return low < roots->leaf_count && roots->leaves[low] == block;
}

struct pass {
	const struct hw_session *session;
	hw_slots_fn fn;
	void *arg;
	uint32_t block; /* Whose references are read, or looked for. */
	bool is_over;
};

static bool take_out(void *arg, hw_addr addr, uint64_t value, uint32_t target)
{
	struct pass *p = arg;
	const struct hw_slot slot = {p->block, target, addr, value, true};

	p->is_over = !p->fn(p->arg, &slot);
	return !p->is_over;
}

static void read_block(struct pass *p, uint32_t block)
{
	const struct hw_session *s = p->session;

	p->block = block;
	if (!is_leaf(s->roots, block))
		hw_graph_out(s->graph, s->memory, block, take_out, p);
}

static void take_root(struct pass *p, uint64_t i)
{
	const struct hw_session *s = p->session;
	const struct hw_root_ref *ref = &s->roots->refs[i];
	struct hw_slot slot = {s->graph->blocks + ref->root, ref->block, ref->slot, 0, false};

	slot.has_value = hw_session_root_word(s, ref, &slot.value);
	p->is_over = !p->fn(p->arg, &slot);
}

void hw_slots_out(const struct hw_session *session, uint32_t block, hw_slots_fn fn, void *arg)
{
	struct pass pass = {.session = session, .fn = fn, .arg = arg};

	read_block(&pass, block);
}

void hw_slots_root(const struct hw_session *session, uint32_t root, hw_slots_fn fn, void *arg)
{
	struct pass pass = {.session = session, .fn = fn, .arg = arg};
	uint64_t first, end;

	hw_session_root_refs(session, root, &first, &end);
	for (uint64_t i = first; i < end && !pass.is_over; i++)
		take_root(&pass, i);
}

static bool take_in(void *arg, uint32_t source, hw_addr addr, uint64_t value)
{
	struct pass *p = arg;
	const struct hw_slot slot = {source, p->block, addr, value, true};

	if (!is_leaf(p->session->roots, source))
		p->is_over = !p->fn(p->arg, &slot);
	return !p->is_over;
}

bool hw_slots_in(const struct hw_session *s, uint32_t block, hw_slots_fn fn, void *arg,
		 GError **error)
{
	struct pass pass = {.session = s, .fn = fn, .arg = arg, .block = block};

	if (!hw_graph_in(s->graph, s->memory, block, take_in, &pass, error))
		return false;
	for (uint64_t i = 0; i < s->roots->ref_count && !pass.is_over; i++)
		if (s->roots->refs[i].block == block)
			take_root(&pass, i);
	return true;
}

/* Is this block one to be read? */
typedef bool (*wanted_fn)(const struct hw_session *session, uint32_t block, const void *arg);

static bool read_all(struct pass *pass, const char *what, wanted_fn is_wanted, const void *arg)
{
	const struct hw_session *s = pass->session;
	const uint32_t blocks = s->graph->blocks;

	for (uint32_t b = 0; b < blocks && !pass->is_over; b++) {
		if (b % POLL == 0) {
			hw_progress(what, b, blocks);
			if (hw_stop_requested())
				return false;
		}
		if (is_wanted(s, b, arg))
			read_block(pass, b);
	}
	for (uint64_t i = 0; i < s->roots->ref_count && !pass->is_over; i++)
		take_root(pass, i);
	return !hw_stop_requested();
}

static bool is_asked_for(const struct hw_session *s, uint32_t block, const void *only_reached)
{
	return !*(const bool *)only_reached || hw_graph_is_reached(s->graph, block);
}

bool hw_slots_all(const struct hw_session *s, bool only_reached, const char *what, hw_slots_fn fn,
		  void *arg)
{
	struct pass pass = {.session = s, .fn = fn, .arg = arg};

	return read_all(&pass, what, is_asked_for, &only_reached);
}

static bool refers(const struct hw_session *s, uint32_t block, const void *blocks)
{
	return hw_graph_refers(s->graph, block, blocks);
}

bool hw_slots_into(const struct hw_session *s, const uint64_t *blocks, const char *what,
		   hw_slots_fn fn, void *arg)
{
	struct pass pass = {.session = s, .fn = fn, .arg = arg};

	return read_all(&pass, what, refers, blocks);
}
