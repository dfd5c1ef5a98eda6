/* SPDX-License-Identifier: Apache-2.0 */
/* Paths may be as long as the longest list, so only their ends are kept. */
#include "query/path.h"
#include "base/stop.h"
#include "query/slots.h"
#include <string.h>

void hw_path_init(struct hw_path *path)
{
	memset(path, 0, sizeof(*path));
}

void hw_path_add(struct hw_path *path, uint32_t node)
{
	const uint32_t room = 2 * HW_PATH_ENDS;

	path->length++;
	if (path->count == room) {
		/* The tail moves up; the step after the first ones is left out. */
		memmove(&path->steps[HW_PATH_ENDS], &path->steps[HW_PATH_ENDS + 1],
			(HW_PATH_ENDS - 1) * sizeof(path->steps[0]));
		path->omitted++;
		path->count--;
	}
	path->steps[path->count++] = (struct hw_step){.node = node};
}

struct wanted {
	const struct hw_table *table;
	uint32_t target;
	struct hw_step *step;
};

/* The first word that points at the target's start, else the first that points in. */
static bool take_slot(void *arg, const struct hw_slot *slot)
{
	struct wanted *w = arg;
	hw_addr start = hw_table_addr(w->table, w->target);

	if (slot->target != w->target || !slot->has_value ||
	    (w->step->has_slot && slot->value != start))
		return true;
	w->step->has_slot = true;
	w->step->slot = slot->addr;
	w->step->into = slot->value - start;
	return slot->value != start;
}

void hw_path_finish(const struct hw_session *s, struct hw_path *path)
{
	const uint32_t blocks = s->graph->blocks;

	for (uint32_t i = 0; i + 1 < path->count && !hw_stop_requested(); i++) {
		struct hw_step *step = &path->steps[i];
		struct wanted w = {s->table, path->steps[i + 1].node, step};

		if (path->omitted && i + 1 == HW_PATH_ENDS)
			continue; /* What it refers to was left out. */
		if (step->node >= blocks)
			hw_slots_root(s, step->node - blocks, take_slot, &w);
		else
			hw_slots_out(s, step->node, take_slot, &w);
	}
}

/* Nodes come from the block upwards: reversed at the end. */
void hw_path_find(const struct hw_session *s, uint32_t block, struct hw_path *ret)
{
	const struct hw_graph *g = s->graph;
	struct hw_path path;
	uint64_t left = g->nodes;

	hw_path_init(&path);
	for (uint32_t node = block; node != HW_GRAPH_TOP && left; left--) {
		hw_path_add(&path, node);
		node = g->parent[node];
	}
	for (uint32_t i = 0; i < path.count / 2; i++) {
		struct hw_step step = path.steps[i];

		path.steps[i] = path.steps[path.count - 1 - i];
		path.steps[path.count - 1 - i] = step;
	}
	hw_path_finish(s, &path);
	*ret = path;
}

uint32_t hw_path_root(const struct hw_graph *g, uint32_t *memo, uint32_t block)
{
	uint32_t node = block, root;

	while (node < g->blocks && memo[node] == HW_NO_BLOCK)
		node = g->parent[node];
	root = node < g->blocks ? memo[node] : node - g->blocks;
	for (node = block; node < g->blocks && memo[node] == HW_NO_BLOCK; node = g->parent[node])
		memo[node] = root;
	return root;
}
