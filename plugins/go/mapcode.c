/* SPDX-License-Identifier: Apache-2.0 */
/* mapcode.c -- of which type a map is that only a variable without a name leads to. Its head does
 * not say so, but the code does that uses the variable: all of runtime.mapaccess1, mapassign and
 * their like take the map's type, then the map:
 *
 *	lea  type(%rip), ...      and      mov  variable(%rip), ...
 *	call runtime.mapassign_faststr
 *
 * Both are looked for behind the call before, in one function. Where there are two types or two
 * variables the place says nothing; where two places say two types of a variable, neither is
 * believed; and the map's buckets must fit the type (class and pointer bits). */
#include "blocktypes.h"
#include "pclntab.h"
#include "x86.h"
#include <stdlib.h>

enum { FIRST_ROOM = 64 };

/* A variable that leads to a map. */
struct variable {
	hw_addr slot;
	const struct go_desc *map; /* NULL: nothing seen yet. */
	bool is_unclear;
};

/* What was seen since the last call. */
struct window {
	hw_addr from; /* The first of it. */
	const struct go_desc *map;
	struct variable *variable;
	bool is_unclear;
};

struct search {
	struct go_block_types *blocks;
	const struct go_runtime *rt;
	struct go_types *types;
	struct variable *variables; /* By slot. */
	uint64_t count, room;
	struct window window;
};

static bool add_variable(struct search *s, hw_addr slot)
{
	const struct hw_host *host = s->rt->host;

	if (s->count == s->room) {
		const uint64_t room = s->room ? s->room * 2 : FIRST_ROOM;
		void *more =
		    host->resize(host->self, s->variables, s->room, room, sizeof(*s->variables));

		if (!more)
			return false;
		s->variables = more;
		s->room = room;
	}
	s->variables[s->count++] = (struct variable){.slot = slot};
	return true;
}

static bool find_in(struct search *s, hw_addr start, hw_addr end, const struct go_slice *mask)
{
	const uint64_t count = (end - start) / 8 < mask->len ? (end - start) / 8 : mask->len;
	const uint8_t *bits = go_bytes(s->rt, mask->ptr, (count + 7) / 8);

	for (uint64_t i = 0; bits && i < count; i++) {
		const struct go_desc *map;
		struct go_place place;
		hw_addr at;

		if (bits[i / 8] >> (i % 8) & 1 && go_blocks_word(s->blocks, start + i * 8, &at) &&
		    at && go_block_place(s->blocks, at, &place) && place.first == at &&
		    !place.is_noscan && !go_blocks_is_typed(s->blocks, place.number) &&
		    go_map_at(s->blocks, &place, &map) && !map && !add_variable(s, start + i * 8))
			return false;
	}
	return true;
}

static int by_slot(const void *a, const void *b)
{
	const struct variable *x = a, *y = b;

	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static bool find_variables(struct search *s)
{
	for (uint32_t i = 0; i < s->rt->module_count; i++) {
		const struct go_moduledata *md = &s->rt->modules[i];

		if (!find_in(s, md->data, md->edata, &md->gcdatamask) ||
		    !find_in(s, md->bss, md->ebss, &md->gcbssmask))
			return false;
	}
	if (s->count)
		qsort(s->variables, s->count, sizeof(*s->variables), by_slot);
	return true;
}

static struct variable *variable_at(const struct search *s, hw_addr slot)
{
	const struct variable wanted = {.slot = slot};

	return bsearch(&wanted, s->variables, s->count, sizeof(wanted), by_slot);
}

/* Code. */

static bool takes_map(const char *name)
{
	static const char *const names[] = {"access1", "access2",  "assign",   "delete",
					    "clear",   "iterinit", "IterStart"};

	if (strncmp(name, "runtime.map", 11) != 0)
		return false;
	for (uint32_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strncmp(name + 11, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static bool is_function(const struct go_runtime *rt, hw_addr addr)
{
	struct go_func func;

	return go_func_find(rt, addr, &func) && func.entry == addr;
}

static void take_call(void *arg, hw_addr at, hw_addr target)
{
	struct search *s = arg;
	struct window *w = &s->window;
	char name[40];

	if (!w->from || !is_function(s->rt, target))
		return;
	if (w->map && w->variable && !w->is_unclear &&
	    go_code_call(s->rt, w->from, at, target, name, sizeof(name)) && takes_map(name)) {
		w->variable->is_unclear |= w->variable->map && w->variable->map != w->map;
		w->variable->map = w->map;
	}
	*w = (struct window){0};
}

static void take_lea(void *arg, hw_addr at, hw_addr target)
{
	struct search *s = arg;
	struct window *w = &s->window;
	const struct go_desc *desc =
	    target % 8 == 0 && go_types_hold(s->rt, target) ? go_types_at(s->types, target) : NULL;

	if (!desc || desc->head.kind != GO_KIND_MAP)
		return;
	w->is_unclear |= w->map && w->map != desc;
	w->map = desc;
	w->from = w->from ? w->from : at;
}

static void take_load(void *arg, hw_addr at, hw_addr target)
{
	struct search *s = arg;
	struct window *w = &s->window;
	struct variable *variable = variable_at(s, target);

	if (!variable)
		return;
	w->is_unclear |= w->variable && w->variable != variable;
	w->variable = variable;
	w->from = w->from ? w->from : at;
}

static bool offer(const struct search *s, const struct variable *v)
{
	struct go_guess guess = {
	    .form = GO_FORM_MAP, .how = GO_HOW_CODE, .desc = v->map, .bytes = 8};
	struct go_place place;

	if (!v->map || v->is_unclear || !go_blocks_word(s->blocks, v->slot, &guess.at) ||
	    !go_block_place(s->blocks, guess.at, &place) || !go_map_fits(s->blocks, &place, v->map))
		return true;
	return go_blocks_offer(s->blocks, &guess);
}

bool go_seed_maps(struct go_block_types *blocks)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	struct search s = {.blocks = blocks, .rt = rt, .types = go_block_types_cache(blocks)};
	const struct go_code_reader reader = {&s, take_lea, take_load, take_call};
	bool ok = find_variables(&s);

	if (ok && s.count)
		ok = go_code_read(rt, &reader);
	for (uint64_t i = 0; ok && i < s.count; i++)
		ok = offer(&s, &s.variables[i]);
	if (s.variables)
		rt->host->resize(rt->host->self, s.variables, s.room, 0, sizeof(*s.variables));
	return ok;
}
