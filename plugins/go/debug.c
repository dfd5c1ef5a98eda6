/* SPDX-License-Identifier: Apache-2.0 */
/* debug.c -- the layout as debug info has it, where the target's binary has any: compared with
 * the table's, and used instead of it where they differ or the version is newer. */
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

static bool differs(const struct go_runtime *rt, uint32_t *asked)
{
	bool found = false;
	uint64_t value;

	for (uint32_t i = 0; i < sizeof(probes) / sizeof(*probes); i++) {
		if (!ask(rt, probes[i], &value))
			continue;
		(*asked)++;
		found = found || value != rt->layout.at[probes[i]];
	}
	return found;
}

void go_layout_debug(struct go_runtime *rt)
{
	uint32_t asked = 0;
	uint64_t value;

	if (!ask(rt, GO_MSPAN_SIZE, &value))
		return;
	rt->has_debug = true;
	if (!differs(rt, &asked))
		return;
	rt->is_debug_layout = true;
	for (uint32_t f = 0; f < GO_FIELDS; f++)
		if (ask(rt, f, &value) && value < GO_NONE)
			rt->layout.at[f] = (uint32_t)value;
}
