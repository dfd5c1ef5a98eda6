/* SPDX-License-Identifier: Apache-2.0 */
/* debug.c -- the layout as debug info has it, where the target's binary has any: compared with
 * the table's of its version; where they differ, another version's table that has the same is
 * taken, or else the offsets themselves. */
#include "globals.h"

/* Asks for one field; false when debug info does not know it. */
static bool ask(const struct go_runtime *rt, enum go_field field, uint64_t *ret)
{
	struct go_field_name name = go_field_name(field);

	return name.type &&
	       rt->host->member(rt->host->self, rt->image.module, name.type, name.member, ret);
}

/* The fields that the heap is read by. A struct that moved shows in its size and in these, so
 * the others are asked only when one of them differs: a search reads all of the debug info. */
static const enum go_field probes[] = {
    GO_MSPAN_SIZE,     GO_MSPAN_STATE,     GO_MSPAN_ELEMSIZE, GO_MSPAN_ALLOCBITS,
    GO_MHEAP_SIZE,     GO_MHEAP_ARENAS,    GO_MHEAP_ALLSPANS, GO_MHEAP_SPANALLOC_INUSE,
    GO_HEAPARENA_SIZE, GO_HEAPARENA_SPANS, GO_MCACHE_SIZE,    GO_MCACHE_ALLOC,
    GO_G_SIZE,         GO_G_GOID,          GO_G_ATOMICSTATUS, GO_P_SIZE,
    GO_P_MCACHE,       GO_M_SIZE,          GO_M_CURG,         GO_GCC_SIZE,
    GO_MSTATS_SIZE,    GO_MD_SIZE,
};

enum { PROBES = sizeof(probes) / sizeof(*probes) };

struct answers {
	bool has[PROBES];
	uint64_t value[PROBES];
};

static bool fits(const struct go_layout *layout, const struct answers *a)
{
	for (uint32_t i = 0; i < PROBES; i++)
		if (a->has[i] && a->value[i] != layout->at[probes[i]])
			return false;
	return true;
}

/* The newest version whose table has what debug info has. */
static bool find_table(struct go_layout *layout, const struct answers *a)
{
	for (uint32_t minor = GO_LAST; minor >= GO_FIRST; minor--) {
		go_layout_init(layout, minor);
		if (fits(layout, a))
			return true;
	}
	return false;
}

void go_layout_debug(struct go_runtime *rt)
{
	struct go_layout other;
	struct answers a = {0};
	uint64_t value;

	if (!ask(rt, GO_MSPAN_SIZE, &value))
		return;
	rt->has_debug = true;
	for (uint32_t i = 0; i < PROBES; i++)
		a.has[i] = ask(rt, probes[i], &a.value[i]);
	if (fits(&rt->layout, &a))
		return;
	if (find_table(&other, &a)) {
		rt->layout = other;
		return;
	}
	rt->is_debug_layout = true;
	for (uint32_t f = 0; f < GO_FIELDS; f++)
		if (ask(rt, f, &value) && value < GO_NONE)
			rt->layout.at[f] = (uint32_t)value;
}
