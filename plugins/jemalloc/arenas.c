/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas: arenas[] in the module's data, arena_t, and base_t with its chain of blocks. Which
 * version's arena_t leads from an entry of arenas[] to the base whose index the entry has is
 * the sign of the version. */
#include "jemalloc.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Follows a base's chain of blocks to the one it lies in; calls each block its arena's. */
static bool follow_chain(struct jemalloc *je, const struct version_layout *v, hw_addr base,
			 uint32_t copy, uint32_t arena, bool take)
{
	struct base_block *first = block_at(je, base - BASE_AT);
	uint64_t at;

	if (!first || !read_word(je, base + v->base_blocks, &at))
		return false;
	for (uint64_t i = 0; i < je->block_count; i++) {
		struct base_block *b = block_at(je, at);

		if (!b || (b->copy != NONE && b->copy != copy))
			return false;
		if (take) {
			b->copy = copy;
			b->arena = arena;
			b->is_seen = true;
		}
		if (b == first)
			return b->next == 0;
		at = b->next;
	}
	return false;
}

/* Is arena an arena_t of this version and copy? Its base and index then. */
static bool is_arena(struct jemalloc *je, const struct version_layout *v, hw_addr arena,
		     uint32_t copy, hw_addr *base_ret, uint32_t *index_ret)
{
	uint64_t base;
	uint32_t index;

	if (arena % CACHELINE || !block_of(je, arena, v->arena_size) ||
	    !read_word(je, arena + v->arena_base, &base) || !block_of(je, base, v->base_size) ||
	    !read_u32(je, base + BASE_IND, &index) || index >= MALLOCX_ARENA_LIMIT ||
	    !follow_chain(je, v, base, copy, index, false))
		return false;
	*base_ret = base;
	*index_ret = index;
	return true;
}

struct array_vote {
	hw_addr at;
	const struct version_layout *version;
	uint32_t arenas;
};

#define VOTES_MAX 64

static void vote(struct array_vote *votes, uint32_t *count, hw_addr at,
		 const struct version_layout *v)
{
	for (uint32_t i = 0; i < *count; i++) {
		if (votes[i].at == at && votes[i].version == v) {
			votes[i].arenas++;
			return;
		}
	}
	if (*count < VOTES_MAX)
		votes[(*count)++] = (struct array_vote){at, v, 1};
}

static bool matches_text(const struct copy *copy, const struct version_layout *v)
{
	return strncmp(copy->version_text, v->version, strlen(v->version)) == 0;
}

static void find_array(struct jemalloc *je, struct copy *copy)
{
	struct array_vote votes[VOTES_MAX];
	const struct array_vote *best = NULL;
	uint32_t count = 0, number = (uint32_t)(copy - je->copies);

	for (uint64_t i = 0; i < je->ref_count; i++) {
		const struct ref *r = &je->refs[i];

		if (r->module != copy->module)
			continue;
		for (uint32_t k = 0; k < version_layout_count; k++) {
			const struct version_layout *v = &version_layouts[k];
			hw_addr base;
			uint32_t index;

			if (&extent_layouts[v->extent] == copy->layout &&
			    is_arena(je, v, r->to, number, &base, &index))
				vote(votes, &count, r->at - 8 * (uint64_t)index, v);
		}
	}
	for (uint32_t i = 0; i < count; i++)
		if (!best || votes[i].arenas > best->arenas ||
		    (votes[i].arenas == best->arenas && matches_text(copy, votes[i].version) &&
		     !matches_text(copy, best->version)))
			best = &votes[i];
	if (best) {
		copy->arenas_at = best->at;
		copy->version = best->version;
	}
}

static uint32_t count_locked(struct jemalloc *je, const struct version_layout *v,
			     const struct arena *a)
{
	hw_addr mutexes[8 + SC_NBINS];
	uint32_t n = 0, locked = 0;

	for (uint32_t i = 0; v->arena_mutexes[i]; i++)
		mutexes[n++] = a->addr + v->arena_mutexes[i];
	mutexes[n++] = a->base + v->base_mutex;
	for (uint32_t i = 0; i < SC_NBINS; i++) {
		uint64_t bin = a->addr + v->arena_bins + (uint64_t)i * v->bin_size;

		if (v->bin_is_pointer &&
		    !read_word(je, a->addr + v->arena_bins + 8 * (uint64_t)i, &bin))
			continue;
		mutexes[n++] = bin;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t word;

		je->host->lock(je->host->self, mutexes[i] + v->mutex_lock, 4);
		/* pthread_mutex_t.__lock: 1 locked, 2 with waiters. */
		locked +=
		    read_u32(je, mutexes[i] + v->mutex_lock, &word) && (word == 1 || word == 2);
	}
	return locked;
}

static void read_arena(struct jemalloc *je, const struct version_layout *v, struct arena *a)
{
	uint32_t threads[2] = {0};
	uint64_t central;

	read_word(je, a->base + v->base_allocated, &a->base_allocated);
	read_word(je, a->base + v->base_resident, &a->base_resident);
	read_word(je, a->base + v->base_mapped, &a->base_mapped);
	read_word(je, a->addr + v->arena_nactive, &a->nactive);
	read_word(je, a->addr + v->arena_internal, &a->internal);
	for (int i = 0; i < 6; i++) {
		uint64_t pages = 0;

		if (v->arena_npages[i / 2][i % 2])
			read_word(je, a->addr + v->arena_npages[i / 2][i % 2], &pages);
		a->npages[i / 2] += pages;
	}
	if (v->arena_pageslabs)
		read_word(je, a->addr + v->arena_pageslabs, &a->npageslabs);
	read_u32(je, a->addr + v->arena_nthreads, &threads[0]);
	a->threads = threads[0];
	a->locked = count_locked(je, v, a);
	if (v->pa_central && read_word(je, a->addr + v->pa_central, &central)) {
		read_word(je, central + v->central_eden, &a->hpa_eden);
		read_word(je, central + v->central_eden + 8, &a->hpa_eden_size);
	}
}

static bool take_arenas(struct jemalloc *je, struct copy *copy)
{
	const struct version_layout *v = copy->version;
	uint32_t number = (uint32_t)(copy - je->copies);

	for (uint32_t i = 0; i < MALLOCX_ARENA_LIMIT; i++) {
		struct arena a = {.index = i};
		uint32_t index;

		if (!read_word(je, copy->arenas_at + 8 * (uint64_t)i, &a.addr) || !a.addr)
			continue;
		if (!is_arena(je, v, a.addr, number, &a.base, &index) || index != i) {
			copy->is_exact = false;
			je->host->damage(je->host->self, copy->arenas_at + 8 * (uint64_t)i,
					 "entry %" PRIu32 " of arenas[] leads to no arena", i);
			continue;
		}
		follow_chain(je, v, a.base, number, i, true);
		read_arena(je, v, &a);
		if (!GROW(je, copy->arenas, copy->arena_room, copy->arena_count))
			return false;
		copy->arenas[copy->arena_count++] = a;
	}
	return true;
}

bool find_arenas(struct jemalloc *je, struct copy *copy)
{
	find_array(je, copy);
	if (!copy->version) {
		copy->is_exact = false;
		je->host->warn(je->host->self, "arenas-not-found", true,
			       "%s: arenas[] was not found: thread caches and the arenas' own "
			       "metadata are not known",
			       copy->name);
		return true;
	}
	return take_arenas(je, copy);
}
