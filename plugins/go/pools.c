/* SPDX-License-Identifier: Apache-2.0 */
/* pools.c -- every sync.Pool that holds something, and what of it (sync/pool.go).
 *
 * The two lists of them, allPools and oldPools, are what sync.poolCleanup works on, which each
 * collection calls first: it drops the victims of the pools in oldPools, and makes victims of
 * what the pools in allPools have. So what waits as a victim is freed by the next
 * collection, the rest by the one behind it; up to 1.12 there are no victims. */
#include "pools.h"
#include "code.h"
#include "pclntab.h"
#include <stdlib.h>
#include <string.h>

enum {
	OPERANDS_MAX = 256,
	POOLS_MAX = 1 << 20,
	LOCALS_MAX = 1 << 16, /* One for each P. */
	SLICE_BYTES = 24,
	LOCAL_BYTES = 128, /* unsafe.Sizeof(poolLocal{}): padded to two cache lines. */
};

static bool find_function(const struct go_runtime *rt, const char *wanted, struct go_func *ret)
{
	const struct go_moduledata *md = &rt->modules[0];
	char name[64];

	for (hw_addr pc = md->minpc; pc < md->maxpc && go_func_find(rt, pc, ret); pc = ret->end) {
		if (ret->end <= pc)
			return false;
		go_func_name(rt, md, ret->name, name, sizeof(name));
		if (!strcmp(name, wanted))
			return true;
	}
	return false;
}

/* A word and a count: an array of poolLocal, or nothing. */
static bool is_list(const struct go_runtime *rt, hw_addr at)
{
	const struct go_span *span;
	uint64_t ptr, count;

	if (!go_word(rt, at, &ptr) || !go_word(rt, at + 8, &count) || count > LOCALS_MAX)
		return false;
	span = ptr ? go_span_find(rt, ptr) : NULL;
	return !ptr ||
	       (span && span->state == GO_SPAN_IN_USE && span->elemsize &&
		(ptr - span->start) % span->elemsize <= 8 && count * LOCAL_BYTES <= span->elemsize);
}

static bool is_pool(const struct go_runtime *rt, hw_addr addr)
{
	return addr && addr % 8 == 0 && is_list(rt, addr) &&
	       (rt->layout.minor < 13 || is_list(rt, addr + GO_POOL_VICTIM));
}

static bool is_entry(const struct go_runtime *rt, const struct go_slice *list, uint64_t i)
{
	uint64_t addr;

	return go_word(rt, list->ptr + i * 8, &addr) && is_pool(rt, addr);
}

static bool is_sound(const struct go_slice *list)
{
	return list->len <= list->cap && list->cap <= POOLS_MAX && (!list->len || list->ptr);
}

/* Where what is wrong of a list of pools stands; 0: all is as it should be. */
static hw_addr find_wrong(const struct go_runtime *rt, hw_addr at, const struct go_slice *list)
{
	if (!is_sound(list))
		return at;
	for (uint64_t i = 0; i < list->len; i++)
		if (!is_entry(rt, list, i))
			return list->ptr + i * 8;
	return 0;
}

static bool add(struct go_pools *pools, hw_addr addr)
{
	const struct hw_host *host = pools->rt->host;

	if (pools->count == pools->room) {
		const uint64_t room = pools->room ? pools->room * 2 : 64;
		void *more =
		    host->resize(host->self, pools->all, pools->room, room, sizeof(*pools->all));

		if (!more)
			return false;
		pools->all = more;
		pools->room = room;
	}
	pools->all[pools->count++] = addr;
	return true;
}

static int compare(const void *a, const void *b)
{
	const hw_addr *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void sort(struct go_pools *pools)
{
	uint64_t kept = 0;

	if (pools->count)
		qsort(pools->all, pools->count, sizeof(*pools->all), compare);
	for (uint64_t i = 0; i < pools->count; i++)
		if (!kept || pools->all[kept - 1] != pools->all[i])
			pools->all[kept++] = pools->all[i];
	pools->count = kept;
}

/* (*Pool).pinSlow() appends to allPools and does not know oldPools. */
static bool is_current(const struct go_runtime *rt, hw_addr list)
{
	hw_addr operands[OPERANDS_MAX];
	struct go_func pin;
	uint32_t count;

	if (!find_function(rt, "sync.(*Pool).pinSlow", &pin))
		return false;
	count = go_code_operands(rt, &pin, operands, OPERANDS_MAX);
	for (uint32_t i = 0; i < count; i++)
		if (operands[i] == list)
			return true;
	return false;
}

static bool add_list(struct go_pools *pools, hw_addr at, const struct go_slice *list)
{
	uint64_t addr;

	pools->lists[is_current(pools->rt, at) ? 0 : 1] = list->ptr;
	for (uint64_t i = 0; i < list->len; i++)
		if (go_word(pools->rt, list->ptr + i * 8, &addr) && !add(pools, addr))
			return false;
	return true;
}

/* Operands of one function, by address. */
struct operands {
	hw_addr at[OPERANDS_MAX];
	uint32_t count;
	bool is_slice[OPERANDS_MAX]; /* The words at it and behind it are known. */
};

static bool is_known(const struct operands *o, hw_addr at)
{
	for (uint32_t i = 0; i < o->count; i++)
		if (o->is_slice[i] && at + SLICE_BYTES > o->at[i] && at < o->at[i] + SLICE_BYTES)
			return true;
	return false;
}

/* A variable whose second word is an operand, too, is a slice; the function knows no others than
 * the two. And so is one that begins as a list of pools does. */
static bool is_list_of(const struct go_runtime *rt, const struct operands *o, hw_addr at,
		       const struct go_slice *list)
{
	if (list->len && is_sound(list) && is_entry(rt, list, 0))
		return true;
	for (uint32_t i = 0; i < o->count; i++)
		if (o->at[i] == at + 8)
			return true;
	return false;
}

/* What is left when the sound lists are known: a list that is none, which nothing is read of. */
static void tell_wrong(const struct go_runtime *rt, struct operands *o)
{
	for (uint32_t i = 0; i < o->count; i++) {
		struct go_slice list;
		hw_addr wrong;

		if (is_known(o, o->at[i]) || !go_slice_read(rt, o->at[i], &list))
			continue;
		wrong = find_wrong(rt, o->at[i], &list);
		o->is_slice[i] = is_list_of(rt, o, o->at[i], &list);
		if (wrong && o->is_slice[i])
			rt->host->damage(rt->host->self, wrong,
					 "the list of pools has something else in it");
	}
}

bool go_pools_init(struct go_pools *pools, const struct go_runtime *rt)
{
	struct operands o = {.count = 0};
	struct go_func cleanup;

	*pools = (struct go_pools){.rt = rt, .size = rt->layout.minor < 13 ? 24 : 40};
	if (!rt->module_count || !find_function(rt, "sync.poolCleanup", &cleanup))
		return true;
	o.count = go_code_operands(rt, &cleanup, o.at, OPERANDS_MAX);
	if (o.count)
		qsort(o.at, o.count, sizeof(*o.at), compare);
	for (uint32_t i = 0; i < o.count; i++) {
		struct go_slice list;

		if (!go_slice_read(rt, o.at[i], &list) || !list.len ||
		    find_wrong(rt, o.at[i], &list))
			continue;
		o.is_slice[i] = true;
		if (!add_list(pools, o.at[i], &list))
			return false;
	}
	tell_wrong(rt, &o);
	sort(pools);
	return true;
}

void go_pools_clear(struct go_pools *pools)
{
	const struct hw_host *host = pools->rt ? pools->rt->host : NULL;

	if (pools->all)
		host->resize(host->self, pools->all, pools->room, 0, sizeof(*pools->all));
	pools->all = NULL;
}

hw_addr go_pools_find(const struct go_pools *pools, hw_addr addr)
{
	uint64_t low = 0, high = pools->count;

	while (low < high) { /* The first one above. */
		const uint64_t middle = low + (high - low) / 2;

		if (pools->all[middle] <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low && addr - pools->all[low - 1] < pools->size ? pools->all[low - 1] : 0;
}

/* A block of the heap's: all that only it leads to waits in the pool. */
static void tell(const struct go_pools *pools, hw_addr at, bool is_victim)
{
	const struct go_runtime *rt = pools->rt;
	const struct go_span *span = at ? go_span_find(rt, at) : NULL;

	if (span && span->state == GO_SPAN_IN_USE && span->elemsize)
		rt->host->pool(rt->host->self,
			       span->start + (at - span->start) / span->elemsize * span->elemsize,
			       is_victim);
}

/* The arrays of poolLocal, and the lists, which are made anew. */
void go_pools_tell(const struct go_pools *pools)
{
	const struct go_runtime *rt = pools->rt;
	const bool has_victims = rt->layout.minor >= 13;
	uint64_t word;

	tell(pools, pools->lists[0], !has_victims);
	tell(pools, pools->lists[1], true);
	for (uint64_t i = 0; i < pools->count; i++) {
		if (go_word(rt, pools->all[i], &word))
			tell(pools, word, !has_victims);
		if (has_victims && go_word(rt, pools->all[i] + GO_POOL_VICTIM, &word))
			tell(pools, word, true);
	}
}
