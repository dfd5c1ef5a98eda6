/* SPDX-License-Identifier: Apache-2.0 */
/* sites.c -- what is known of each pc: a hash table, because a million goroutines stand at a
 * few hundred of them. */
#include "sites.h"
#include <stdlib.h>
#include <string.h>

#define SITES_FIRST 256
#define SITES_MAX   (1u << 20) /* Beyond that nothing is kept. */

static int compare_tids(const void *a, const void *b)
{
	const struct go_tid *x = a, *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

static bool list_tids(struct go_sites *sites)
{
	const struct hw_host *host = sites->rt->host;
	struct hw_thread_info info = {.struct_size = sizeof(info)};
	uint32_t count = 0;

	while (host->thread(host->self, count, &info))
		count++;
	sites->tids = host->resize(host->self, NULL, 0, (uint64_t)count + 1, sizeof(*sites->tids));
	if (!sites->tids)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		info.struct_size = sizeof(info);
		if (host->thread(host->self, i, &info))
			sites->tids[i] = (struct go_tid){info.tid, i};
	}
	sites->tid_count = count;
	qsort(sites->tids, count, sizeof(*sites->tids), compare_tids);
	return true;
}

struct go_sites *go_sites_new(const struct go_runtime *rt)
{
	struct go_sites *sites = rt->host->resize(rt->host->self, NULL, 0, 1, sizeof(*sites));

	if (!sites)
		return NULL;
	sites->rt = rt;
	if (!list_tids(sites)) {
		go_sites_free(sites);
		return NULL;
	}
	return sites;
}

void go_sites_free(struct go_sites *sites)
{
	const struct hw_host *host;

	if (!sites)
		return;
	host = sites->rt->host;
	if (sites->tids)
		host->resize(host->self, sites->tids, sites->tid_count + 1, 0,
			     sizeof(*sites->tids));
	if (sites->table)
		host->resize(host->self, sites->table, sites->room, 0, sizeof(*sites->table));
	host->resize(host->self, sites, 1, 0, sizeof(*sites));
}

bool go_sites_thread(const struct go_sites *sites, int32_t tid, struct hw_thread_info *ret)
{
	const struct hw_host *host = sites->rt->host;
	const struct go_tid key = {.tid = tid};
	const struct go_tid *found =
	    bsearch(&key, sites->tids, sites->tid_count, sizeof(*sites->tids), compare_tids);

	*ret = (struct hw_thread_info){.struct_size = sizeof(*ret)};
	return tid && found && host->thread(host->self, found->index, ret) &&
	       ret->struct_size >= sizeof(*ret) && ret->reg_count == HW_THREAD_REGS;
}

static uint64_t hash(hw_addr pc)
{
	return (pc * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
}

static struct go_site *slot_of(struct go_site *table, uint64_t room, hw_addr pc)
{
	uint64_t i = hash(pc) & (room - 1);

	while (table[i].is_used && table[i].pc != pc)
		i = (i + 1) & (room - 1);
	return &table[i];
}

/* Makes room for one more. */
static bool grow(struct go_sites *sites)
{
	const struct hw_host *host = sites->rt->host;
	uint64_t room = sites->room ? sites->room * 2 : SITES_FIRST;
	struct go_site *table;

	if (sites->count * 2 < sites->room)
		return true;
	if (room > SITES_MAX)
		return sites->count + 1 < sites->room;
	table = host->resize(host->self, NULL, 0, room, sizeof(*table));
	if (!table)
		return sites->count + 1 < sites->room;
	for (uint64_t i = 0; i < sites->room; i++)
		if (sites->table[i].is_used)
			*slot_of(table, room, sites->table[i].pc) = sites->table[i];
	if (sites->table)
		host->resize(host->self, sites->table, sites->room, 0, sizeof(*table));
	sites->table = table;
	sites->room = room;
	return true;
}

/* Only the way to goexit0() or coroexit() leaves the goroutine's stack here for good: by mcall(),
 * with a frame. What grows the stack in the first instruction is no end. */
static bool is_exit(const struct go_site *site, const char *name)
{
	static const char *const names[] = {"runtime.goexit", "runtime.goexit1", "runtime.Goexit",
					    "runtime.coroexit"};

	if (site->func.id == GO_ID_GOEXIT)
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return site->has_delta && site->delta > 0;
	return strncmp(name, "runtime.corostart", 17) == 0 && site->has_delta && site->delta > 0;
}

static void look_up(const struct go_runtime *rt, hw_addr pc, struct go_site *ret)
{
	char name[32];

	*ret = (struct go_site){.pc = pc, .is_used = true};
	ret->has_func = go_func_find(rt, pc, &ret->func);
	if (!ret->has_func)
		return;
	ret->has_delta = go_func_spdelta(rt, &ret->func, pc, &ret->delta);
	go_func_name(rt, ret->func.module, ret->func.name, name, sizeof(name));
	ret->is_runtime = strncmp(name, "runtime.", 8) == 0;
	ret->is_exit = is_exit(ret, name);
}

const struct go_site *go_sites_at(struct go_sites *sites, hw_addr pc)
{
	struct go_site *slot = sites->room ? slot_of(sites->table, sites->room, pc) : NULL;

	if (slot && slot->is_used)
		return slot;
	look_up(sites->rt, pc, &sites->last);
	if (!grow(sites))
		return &sites->last;
	slot = slot_of(sites->table, sites->room, pc);
	*slot = sites->last;
	sites->count++;
	return slot;
}

bool go_sites_is_runtime(struct go_sites *sites, hw_addr pc, enum go_func_id *id_ret)
{
	const struct go_site *site = go_sites_at(sites, pc);

	*id_ret = site->has_func ? site->func.id : GO_ID_NORMAL;
	return site->is_runtime;
}

bool go_sites_is_exit(struct go_sites *sites, hw_addr pc)
{
	return go_sites_at(sites, pc)->is_exit;
}
