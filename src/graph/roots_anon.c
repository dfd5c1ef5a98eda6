/* SPDX-License-Identifier: Apache-2.0 */
/* roots_anon.c -- anonymous memory that no heap owns, and shared memory: one node each. */
#include "graph/roots_private.h"
#include <inttypes.h>

struct anon {
	struct gather *g;
	const struct hw_mapping *mapping;
	uint32_t node; /* + 1, once there is a reference. */
};

static void found(void *arg, hw_addr slot, uint32_t block)
{
	struct anon *s = arg;
	const struct hw_mapping *mapping = s->mapping;
	struct hw_root_node node = {
	    .kind = HW_ROOT_EXTERNAL,
	    .addr = mapping->start,
	    .size = mapping->end - mapping->start,
	    .frame = -1,
	};

	if (!s->node) {
		/* What lies beside a stack in one mapping is none. */
		if (mapping->name && mapping->owner != HW_OWNER_STACK)
			node.name = mapping->name;
		else
			node.name = hw_gather_name(s->g, "[anon 0x%" PRIx64 "-0x%" PRIx64 "]",
						   mapping->start, mapping->end);
		s->node = hw_gather_node(s->g, &node) + 1;
	}
	hw_gather_ref(s->g, s->node - 1, slot, block);
}

static bool is_external(const struct hw_mapping *mapping)
{
	switch (mapping->owner) {
	case HW_OWNER_FILE:
		return mapping->perm & HW_PERM_W;
	case HW_OWNER_ANON:
	case HW_OWNER_STACK:
	case HW_OWNER_UNKNOWN:
		return mapping->perm & (HW_PERM_R | HW_PERM_W);
	default:
		return false;
	}
}

void hw_gather_anon(struct gather *g)
{
	for (uint32_t i = 0; i < g->memory->mapping_count; i++) {
		struct anon s = {.g = g, .mapping = &g->memory->mappings[i]};

		if (is_external(s.mapping))
			hw_gather_scan_rest(g, s.mapping->start, s.mapping->end, found, &s);
	}
}
