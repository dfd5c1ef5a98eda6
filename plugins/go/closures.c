/* SPDX-License-Identifier: Apache-2.0 */
/* closures.c -- one pass over the code for the descriptors of closures; functions that have such
 * are looked at again for the entries that go with them. */
#include "closures.h"
#include "pclntab.h"
#include "x86.h"
#include <stdlib.h>
#include <string.h>

enum {
	CALL_NEAR = 64,         /* Bytes behind a descriptor in which calls are looked for. */
	FUNCTION_MAX = 1 << 22, /* Bytes of one function looked at. */
	FIRST_ROOM = 1 << 8,
};

/* A place in the code that makes one. */
struct maker {
	hw_addr entry;              /* Of the closure's function. */
	const struct go_desc *desc; /* When the code says so; else NULL, and one of: */
	uint64_t first, count;      /* Those of the maker's function, in descs. */
};

struct go_closures {
	const struct go_runtime *rt;
	struct go_types *types;
	struct maker *makers; /* By entry. */
	uint64_t maker_count, maker_room;
	const struct go_desc **descs;
	uint64_t desc_count, desc_room;
	bool no_memory;
};

static bool grow(struct go_closures *c, void **array, uint64_t *room, uint64_t count, uint64_t size)
{
	const struct hw_host *host = c->rt->host;
	const uint64_t want = *room ? *room * 2 : FIRST_ROOM;
	void *more;

	if (count < *room)
		return true;
	more = host->resize(host->self, *array, *room, want, size);
	if (!more) {
		c->no_memory = true;
		return false;
	}
	*array = more;
	*room = want;
	return true;
}

/* Code. */

static bool is_entry(const struct go_closures *c, hw_addr addr)
{
	struct go_func func;

	for (uint32_t i = 0; i < c->rt->module_count; i++)
		if (addr >= c->rt->modules[i].text && addr < c->rt->modules[i].etext)
			return go_func_find(c->rt, addr, &func) && func.entry == addr;
	return false;
}

/* The descriptor of a closure: a struct without a name of its own, F uintptr (.F to 1.20) and what
 * it captured. */
static const struct go_desc *closure_at(const struct go_closures *c, hw_addr addr)
{
	const struct go_desc *desc =
	    addr % 8 == 0 && go_types_hold(c->rt, addr) ? go_types_at(c->types, addr) : NULL;
	const struct go_desc *first;
	const char *name;

	if (!desc || desc->head.kind != GO_KIND_STRUCT || desc->field_count < 2 ||
	    desc->head.tflag & GO_TFLAG_NAMED || desc->fields[0].offset)
		return NULL;
	name = desc->fields[0].name + (desc->fields[0].name[0] == '.');
	first = go_types_at(c->types, desc->fields[0].type);
	return first && first->head.kind == GO_KIND_UINTPTR && strcmp(name, "F") == 0 ? desc : NULL;
}

/* The descriptor looked at last, and the calls since. */
struct making {
	const struct go_desc *desc;
	uint64_t end;
	uint32_t calls;
};

static bool take_lea(struct go_closures *c, hw_addr target, uint64_t end, struct making *m)
{
	const struct go_desc *desc = closure_at(c, target);

	if (desc) {
		if (!grow(c, (void **)&c->descs, &c->desc_room, c->desc_count, sizeof(*c->descs)))
			return false;
		c->descs[c->desc_count++] = desc;
		*m = (struct making){desc, end, 0};
	} else if (is_entry(c, target)) {
		if (!grow(c, (void **)&c->makers, &c->maker_room, c->maker_count,
			  sizeof(*c->makers)))
			return false;
		c->makers[c->maker_count++] =
		    (struct maker){.entry = target, .desc = m->calls == 1 ? m->desc : NULL};
	}
	return true;
}

static bool scan_function(struct go_closures *c, const struct go_func *f)
{
	const uint64_t size = f->end - f->entry;
	const uint8_t *code = size <= FUNCTION_MAX ? go_bytes(c->rt, f->entry, size) : NULL;
	const uint64_t first_maker = c->maker_count, first_desc = c->desc_count;
	struct making m = {NULL, 0, 0};

	for (uint64_t i = 0; code && i + GO_RIP_BYTES <= size;) {
		if (go_is_lea(code + i)) {
			const hw_addr target = go_rip_target(code + i, f->entry + i, GO_RIP_BYTES);

			i += GO_RIP_BYTES;
			if (!take_lea(c, target, i, &m))
				return false;
		} else if (m.desc && go_is_call(code + i) && i - m.end < CALL_NEAR &&
			   is_entry(c, go_rip_target(code + i, f->entry + i, GO_CALL_BYTES))) {
			m.calls++;
			i += GO_CALL_BYTES;
		} else {
			if (m.desc && i - m.end >= CALL_NEAR && !m.calls)
				m.desc = NULL;
			i++;
		}
	}
	for (uint64_t i = first_maker; i < c->maker_count; i++) {
		c->makers[i].first = first_desc;
		c->makers[i].count = c->desc_count - first_desc;
	}
	return true;
}

static bool scan_piece(struct go_closures *c, const uint8_t *code, hw_addr at, uint64_t size,
		       hw_addr *done)
{
	struct go_func f;

	for (uint64_t i = 0; i + GO_RIP_BYTES <= size; i++) {
		if (!go_is_lea(code + i) || at + i < *done ||
		    !closure_at(c, go_rip_target(code + i, at + i, GO_RIP_BYTES)) ||
		    !go_func_find(c->rt, at + i, &f) || f.end <= at + i)
			continue;
		*done = f.end;
		if (!scan_function(c, &f))
			return false;
	}
	return true;
}

static bool scan_module(struct go_closures *c, const struct go_moduledata *md)
{
	const struct hw_host *host = c->rt->host;
	hw_addr at = md->text, done = 0;

	while (at < md->etext) {
		uint64_t size = 0;
		const uint8_t *code = host->peek(host->self, at, &size);

		if (host->stopped(host->self))
			return false;
		if (!code || !size)
			return true;
		size = size < md->etext - at ? size : md->etext - at;
		if (!scan_piece(c, code, at, size, &done))
			return false;
		at += size;
	}
	return true;
}

static int by_entry(const void *a, const void *b)
{
	const struct maker *x = a, *y = b;

	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

struct go_closures *go_closures_new(struct go_block_types *blocks)
{
	const struct go_runtime *rt = go_blocks_runtime(blocks);
	struct go_closures *c = rt->host->resize(rt->host->self, NULL, 0, 1, sizeof(*c));
	bool ok = c != NULL;

	if (!c)
		return NULL;
	c->rt = rt;
	c->types = go_block_types_cache(blocks);
	for (uint32_t i = 0; ok && i < rt->module_count; i++)
		ok = scan_module(c, &rt->modules[i]);
	if (!ok) {
		go_closures_free(c);
		return NULL;
	}
	if (c->maker_count)
		qsort(c->makers, c->maker_count, sizeof(*c->makers), by_entry);
	return c;
}

void go_closures_free(struct go_closures *c)
{
	const struct hw_host *host;

	if (!c)
		return;
	host = c->rt->host;
	if (c->makers)
		host->resize(host->self, c->makers, c->maker_room, 0, sizeof(*c->makers));
	if (c->descs)
		host->resize(host->self, c->descs, c->desc_room, 0, sizeof(*c->descs));
	host->resize(host->self, c, 1, 0, sizeof(*c));
}

/* Blocks. */

static bool fits(struct go_block_types *blocks, const struct go_place *place,
		 const struct go_desc *desc)
{
	const struct go_guess guess = {GO_FORM_VALUE, GO_HOW_CLOSURE,  desc, 0,
				       place->first,  desc->head.size, NULL};

	return go_guess_fits(blocks, place, &guess) > 1;
}

/* The only one of the makers' functions that fits; NULL: there are others, or none. */
static const struct go_desc *only_one(const struct go_closures *c, struct go_block_types *blocks,
				      const struct go_place *place, uint64_t first, uint64_t end)
{
	const struct go_desc *found = NULL;

	for (uint64_t m = first; m < end; m++)
		for (uint64_t i = 0; i < c->makers[m].count; i++) {
			const struct go_desc *desc = c->descs[c->makers[m].first + i];

			if (desc == found || !fits(blocks, place, desc))
				continue;
			if (found)
				return NULL;
			found = desc;
		}
	return found;
}

static uint64_t first_of(const struct go_closures *c, hw_addr entry)
{
	uint64_t low = 0, high = c->maker_count;

	while (low < high) {
		const uint64_t middle = low + (high - low) / 2;

		if (c->makers[middle].entry < entry)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool go_closures_knows(const struct go_closures *c, hw_addr entry)
{
	const uint64_t first = first_of(c, entry);

	return first < c->maker_count && c->makers[first].entry == entry;
}

enum go_closure go_closures_find(const struct go_closures *c, struct go_block_types *blocks,
				 const struct go_place *place, hw_addr entry,
				 const struct go_desc **ret)
{
	const uint64_t first = first_of(c, entry);
	uint64_t end = first;
	const struct go_desc *said;
	bool is_said = true;

	for (; end < c->maker_count && c->makers[end].entry == entry; end++)
		is_said =
		    is_said && c->makers[end].desc && c->makers[end].desc == c->makers[first].desc;
	if (first == end)
		return GO_CLOSURE_UNSEEN;
	said = is_said ? c->makers[first].desc : only_one(c, blocks, place, first, end);
	if (!said || !fits(blocks, place, said))
		return GO_CLOSURE_UNCLEAR;
	*ret = said;
	return is_said ? GO_CLOSURE_CERTAIN : GO_CLOSURE_LIKELY;
}
