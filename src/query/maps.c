/* SPDX-License-Identifier: Apache-2.0 */
/* Adds up the address space by owner. */
#include "query/maps.h"
#include <stdlib.h>

static int compare_totals(gconstpointer a, gconstpointer b)
{
	const struct hw_owner_total *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return (int)x->owner - (int)y->owner;
}

/* What was read in pieces is one mapping. */
static bool is_piece(const struct hw_memory *memory, const struct hw_accounts *accounts,
		     const struct hw_mapping *m)
{
	const struct hw_vma *vma = accounts ? hw_accounts_vma(accounts, m->start) : NULL;

	if (m == memory->mappings || memory->target->kind == HW_TARGET_CORE ||
	    m[-1].end != m->start || m[-1].owner != m->owner)
		return false;
	return vma ? vma->start < m->start
		   : m[-1].module == m->module && m[-1].perm == m->perm &&
			 g_strcmp0(m[-1].name, m->name) == 0;
}

void hw_maps_query(const struct hw_session *session, const struct hw_accounts *accounts,
		   struct hw_maps *ret)
{
	const struct hw_memory *memory = session->memory;
	struct hw_maps maps = {0};

	for (int owner = 0; owner < HW_OWNERS; owner++)
		maps.totals[owner].owner = owner;
	for (uint32_t i = 0; i < memory->mapping_count; i++) {
		const struct hw_mapping *m = &memory->mappings[i];
		struct hw_owner_total *total = &maps.totals[m->owner];
		const unsigned one = !is_piece(memory, accounts, m);

		/* Mappings are disjoint, so neither sum can wrap. */
		total->bytes += m->end - m->start;
		total->held += m->size;
		total->mappings += one;
		maps.mappings += one;
		maps.bytes += m->end - m->start;
		maps.held += m->size;
	}
	qsort(maps.totals, HW_OWNERS, sizeof(maps.totals[0]), compare_totals);
	*ret = maps;
}

struct hw_mapping hw_maps_next(const struct hw_session *session, const struct hw_accounts *accounts,
			       uint32_t *at)
{
	const struct hw_memory *memory = session->memory;
	const struct hw_mapping *m = &memory->mappings[(*at)++];
	struct hw_mapping whole = *m;
	uint64_t most = m->end - m->start;

	for (; *at < memory->mapping_count; (*at)++) {
		m = &memory->mappings[*at];
		if (!is_piece(memory, accounts, m) || m->module != whole.module ||
		    m->perm != whole.perm || g_strcmp0(m->name, whole.name) != 0)
			break;
		if (m->end - m->start > most) {
			most = m->end - m->start;
			whole.source = m->source;
		}
		whole.end = m->end;
		whole.size += m->size;
	}
	return whole;
}
