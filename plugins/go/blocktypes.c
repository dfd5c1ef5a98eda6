/* SPDX-License-Identifier: Apache-2.0 */
/* blocktypes.c -- the type of every block: four bytes a slot, a stack of blocks whose values are
 * to be followed, and a table of the different types. Millions of blocks are met at random: what
 * an offer will look at is asked of memory while others before it in line are looked at.
 *
 * Longer than most files: the offers, the line they wait in and the tables they fill share one
 * struct, which nobody else sees. */
#include "closures.h"
#include "holders.h"
#include <stdlib.h>
#include <string.h>

enum {
	WHAT_BITS = 22,
	WHAT_MASK = (1 << WHAT_BITS) - 1,
	SURE_SHIFT = WHAT_BITS, /* go_guess_fits(): three bits. */
	HOW_SHIFT = SURE_SHIFT + 3,
	QUEUED = 1 << 30,
	FIRST_ROOM = 1 << 10,
	STOP_EVERY = 1 << 12,
	LINE = 32,   /* Offers under way. A power of two, */
	PLACED = 12, /* and after how many more the tables of its block are asked for. */
};

/* What a block can be. */
struct what {
	const struct go_desc *desc;
	const struct go_desc *inside; /* As in struct go_block_type. */
	hw_addr func;
	uint32_t form;
	uint32_t host_type; /* From host->type(), when asked for; 0 before. */
};

/* A part of memory seen last: most words that are read lie near others. */
struct window {
	hw_addr start, end;
	const uint8_t *bytes;
};

/* An offer under way: where its block is found and what is known of it are fetched into the cache
 * while others are looked at. */
struct offered {
	struct go_guess guess;
	struct go_place place;
	bool is_refused;
};

/* A slot, without a division to find it again. */
struct queued {
	uint32_t span, slot;
};

struct go_block_types {
	const struct go_runtime *rt;
	struct go_types *types;
	uint64_t *first; /* By span: its first slot's number. One more at the end. */
	hw_addr *bits;   /* Likewise: go_span_bits(). */
	uint32_t *pages; /* By page of each arena: 1 + index of its span. */
	uint32_t *slots; /* By number: what it is, how sure, how it is known. */
	uint64_t slot_count, page_count;
	struct what *whats; /* From 1. */
	uint64_t what_count, what_room;
	uint32_t *places; /* Open addressing: index into whats. */
	uint64_t place_room;
	struct queued *queue; /* Slots to be followed, a stack: what lies near is followed soon. */
	uint64_t queue_count, queue_room;
	struct go_variables variables;
	const struct go_desc *known[GO_KNOWN_STRUCTS];
	struct go_closures *closures; /* NULL until the first func value. */
	struct window windows[2];
	struct offered line[LINE]; /* A ring. */
	uint64_t offered_count, placed_count, taken_count;
	bool is_draining; /* Offers wait in line. */
	bool no_memory;
};

const struct go_runtime *go_blocks_runtime(const struct go_block_types *blocks)
{
	return blocks->rt;
}

struct go_types *go_block_types_cache(struct go_block_types *blocks)
{
	return blocks->types;
}

const struct go_desc *go_blocks_known(const struct go_block_types *blocks, enum go_known which)
{
	return blocks->known[which];
}

static void *resize(struct go_block_types *b, void *ptr, uint64_t old, uint64_t count,
		    uint64_t size)
{
	void *more = b->rt->host->resize(b->rt->host->self, ptr, old, count, size);

	if (!more && count)
		b->no_memory = true;
	return more;
}

static bool grow(struct go_block_types *b, void **array, uint64_t *room, uint64_t count,
		 uint64_t size)
{
	const uint64_t want = *room ? *room * 2 : FIRST_ROOM;
	void *more;

	if (count < *room)
		return true;
	more = resize(b, *array, *room, want, size);
	if (!more)
		return false;
	*array = more;
	*room = want;
	return true;
}

bool go_blocks_word(struct go_block_types *b, hw_addr addr, uint64_t *ret)
{
	const struct hw_host *host = b->rt->host;
	struct window *w = &b->windows[0];
	uint64_t size;

	if (addr < w->start || addr >= w->end || w->end - addr < 8) {
		const struct window last = *w;

		*w = b->windows[1];
		b->windows[1] = last;
	}
	if (addr < w->start || addr >= w->end || w->end - addr < 8) {
		const uint8_t *bytes = host->peek(host->self, addr, &size);

		if (!bytes || size < 8)
			return go_word(b->rt, addr, ret);
		*w = (struct window){addr, addr + size, bytes};
	}
	memcpy(ret, w->bytes + (addr - w->start), 8);
	return true;
}

/* Places. */

static bool number_slots(struct go_block_types *b)
{
	const struct go_heap *heap = &b->rt->heap;

	b->page_count = heap->arena_count * GO_ARENA_PAGES;
	b->first = resize(b, NULL, 0, heap->span_count + 1, sizeof(*b->first));
	b->bits = resize(b, NULL, 0, heap->span_count + 1, sizeof(*b->bits));
	b->pages = resize(b, NULL, 0, b->page_count + 1, sizeof(*b->pages));
	if (!b->first || !b->bits || !b->pages)
		return false;
	for (uint64_t i = 0, arena = 0; i < heap->span_count; i++) {
		const struct go_span *s = &heap->spans[i];

		b->first[i] = b->slot_count;
		if (s->state != GO_SPAN_IN_USE || s->flags & (GO_SPAN_BAD | GO_SPAN_USER_ARENA) ||
		    !s->elemsize)
			continue;
		b->slot_count += s->nelems;
		b->bits[i] = go_span_bits(b->rt, s);
		while (s->start - heap->arenas[arena].base >= GO_ARENA)
			arena++;
		/* A span may reach into the next arena, whose pages follow only when its
		 * addresses do. */
		for (uint64_t page = 0, a = arena; page < s->npages; page++) {
			const hw_addr at = s->start + (page << GO_PAGE_SHIFT);

			while (a < heap->arena_count && at - heap->arenas[a].base >= GO_ARENA)
				a++;
			if (a == heap->arena_count || at < heap->arenas[a].base)
				break;
			b->pages[a * GO_ARENA_PAGES +
				 ((at - heap->arenas[a].base) >> GO_PAGE_SHIFT)] = (uint32_t)i + 1;
		}
	}
	b->first[heap->span_count] = b->slot_count;
	b->slots = resize(b, NULL, 0, b->slot_count + 1, sizeof(*b->slots));
	return b->slots != NULL;
}

static const struct go_span *span_at(const struct go_block_types *b, hw_addr addr)
{
	const struct go_heap *heap = &b->rt->heap;
	const struct go_arena *arena = go_arena_find(heap, addr);
	uint32_t span;

	if (!arena)
		return NULL;
	span = b->pages[(uint64_t)(arena - heap->arenas) * GO_ARENA_PAGES +
			((addr - arena->base) >> GO_PAGE_SHIFT)];
	return span ? &heap->spans[span - 1] : NULL;
}

static void fill_place(const struct go_block_types *b, const struct go_span *span, uint64_t slot,
		       struct go_place *ret)
{
	ret->span = span;
	ret->number = b->first[span - b->rt->heap.spans] + slot;
	ret->slot = ret->first = span->start + slot * span->elemsize;
	ret->bytes = span->elemsize;
	ret->is_noscan = span->spanclass & 1;
	ret->has_header = go_span_has_headers(b->rt, span);
	if (ret->has_header) {
		ret->first += 8;
		ret->bytes -= 8;
	}
}

static bool place_in(const struct go_block_types *b, const struct go_span *span, hw_addr addr,
		     struct go_place *ret)
{
	const uint64_t slot = (addr - span->start) / span->elemsize;

	if (slot >= span->nelems)
		return false;
	fill_place(b, span, slot, ret);
	return true;
}

bool go_block_place(const struct go_block_types *b, hw_addr addr, struct go_place *ret)
{
	const struct go_span *span = span_at(b, addr);

	return span && place_in(b, span, addr, ret);
}

/* The different types. */

static uint64_t hash_what(const struct what *w)
{
	return ((w->desc ? w->desc->head.addr : w->func) >> 3 ^ (uint64_t)w->form << 50) *
		   UINT64_C(0x9e3779b97f4a7c15) >>
	       24;
}

static bool same_what(const struct what *a, const struct what *b)
{
	return a->desc == b->desc && a->func == b->func && a->form == b->form &&
	       a->inside == b->inside;
}

static uint64_t find_place(const struct go_block_types *b, const uint32_t *places, uint64_t room,
			   const struct what *w)
{
	uint64_t at = hash_what(w) & (room - 1);

	while (places[at] && !same_what(&b->whats[places[at]], w))
		at = (at + 1) & (room - 1);
	return at;
}

static bool grow_places(struct go_block_types *b)
{
	const uint64_t room = b->place_room ? b->place_room * 2 : 2 * FIRST_ROOM;
	uint32_t *more;

	if (b->what_count * 2 < b->place_room)
		return true;
	more = resize(b, NULL, 0, room, sizeof(*more));
	if (!more)
		return false;
	for (uint64_t i = 1; i < b->what_count; i++)
		more[find_place(b, more, room, &b->whats[i])] = (uint32_t)i;
	if (b->places)
		resize(b, b->places, b->place_room, 0, sizeof(*more));
	b->places = more;
	b->place_room = room;
	return true;
}

/* 0: no memory, or more different types than there are numbers for. */
static uint32_t intern(struct go_block_types *b, const struct what *w)
{
	uint64_t at;

	if (!grow(b, (void **)&b->whats, &b->what_room, b->what_count + 1, sizeof(*b->whats)) ||
	    !grow_places(b))
		return 0;
	if (!b->what_count)
		b->what_count = 1;
	at = find_place(b, b->places, b->place_room, w);
	if (b->places[at] || b->what_count > WHAT_MASK)
		return b->places[at];
	b->whats[b->what_count] = *w;
	b->places[at] = (uint32_t)b->what_count;
	return (uint32_t)b->what_count++;
}

/* Guesses. */

static uint32_t sure_of(uint32_t state)
{
	return state >> SURE_SHIFT & 7;
}

static uint32_t how_of(uint32_t state)
{
	return state >> HOW_SHIFT & 7;
}

bool go_blocks_is_typed(const struct go_block_types *b, uint64_t number)
{
	return b->slots[number] & WHAT_MASK;
}

static uint64_t size_of(const struct what *w)
{
	return w->desc && w->form <= GO_FORM_ARRAY ? w->desc->head.size : 1;
}

/* Does a new guess win over what is there? */
static bool is_better(const struct go_block_types *b, uint32_t state, const struct what *new,
		      uint32_t sure, uint32_t how)
{
	const struct what *old;
	bool is_plain;

	if (!(state & WHAT_MASK))
		return true;
	old = &b->whats[state & WHAT_MASK];
	is_plain = old->form <= GO_FORM_ARRAY && new->form <= GO_FORM_ARRAY;
	if (sure != sure_of(state))
		return sure > sure_of(state);
	if (is_plain && size_of(new) != size_of(old))
		return size_of(new) > size_of(old);
	if (new->form != old->form)
		return new->form > old->form;
	if (new->desc != old->desc)
		return new->desc && (!old->desc || new->desc->head.addr < old->desc->head.addr);
	if (new->inside != old->inside)
		return new->inside &&
		       (!old->inside || new->inside->head.addr < old->inside->head.addr);
	return how > how_of(state);
}

/* The target's bytes at an address in memory seen last. */
static const uint8_t *seen(const struct go_block_types *b, hw_addr addr)
{
	for (uint32_t i = 0; i < 2; i++)
		if (addr >= b->windows[i].start && addr < b->windows[i].end)
			return b->windows[i].bytes + (addr - b->windows[i].start);
	return NULL;
}

static bool push(struct go_block_types *b, const struct go_place *place)
{
	const uint64_t span = (uint64_t)(place->span - b->rt->heap.spans);
	const uint8_t *bytes = seen(b, place->first);

	if (!grow(b, (void **)&b->queue, &b->queue_room, b->queue_count, sizeof(*b->queue)))
		return false;
	if (bytes)
		__builtin_prefetch(bytes);
	b->queue[b->queue_count++] =
	    (struct queued){(uint32_t)span, (uint32_t)(place->number - b->first[span])};
	return true;
}

static bool may_lack_type(enum go_form form)
{
	return form == GO_FORM_STRING || form == GO_FORM_FUNC || form == GO_FORM_TABLE ||
	       form == GO_FORM_DIRECTORY || form == GO_FORM_MAP;
}

/* What a func value is a struct of. */
static bool find_closure(struct go_block_types *b, const struct go_place *place,
			 const struct go_guess *guess, const struct go_desc **ret, uint32_t *how)
{
	*ret = go_place_header(b, place);
	if (*ret || place->bytes <= 8)
		return true;
	if (!b->closures)
		b->closures = go_closures_new(b);
	if (!b->closures)
		return false;
	if (go_closures_find(b->closures, b, place, guess->func, ret) == GO_CLOSURE_CERTAIN &&
	    *how < GO_HOW_CODE)
		*how = GO_HOW_CODE;
	return true;
}

bool go_block_is_unclear(const struct go_block_types *b, const struct go_block_type *type)
{
	return type->form == GO_FORM_FUNC && !type->desc && b->closures &&
	       go_closures_knows(b->closures, type->func);
}

static bool take(struct go_block_types *b, const struct go_guess *guess,
		 const struct go_place *place)
{
	struct what what = {guess->desc, guess->inside, guess->func, guess->form, 0};
	uint32_t sure, state, index, how = guess->how;

	sure = go_guess_fits(b, place, guess);
	if (!sure)
		return true;
	if (sure == 1)
		how = GO_HOW_VIEW;
	state = b->slots[place->number];
	if (guess->form == GO_FORM_FUNC && !find_closure(b, place, guess, &what.desc, &how))
		return false;
	if (how < GO_HOW_HEADER && how_of(state) == GO_HOW_HEADER && sure == sure_of(state))
		how = GO_HOW_HEADER;
	if (!is_better(b, state, &what, sure, how))
		return true;
	index = intern(b, &what);
	if (!index)
		return !b->no_memory;
	/* Same type, known better: nothing new to follow. */
	if (index != (state & WHAT_MASK) && !(state & QUEUED)) {
		if (!push(b, place))
			return false;
		state |= QUEUED;
	}
	b->slots[place->number] = index | sure << SURE_SHIFT | how << HOW_SHIFT | (state & QUEUED);
	return true;
}

/* Where the byte of the first of its bits is. */
static hw_addr bits_of(const struct go_block_types *b, const struct go_place *place)
{
	const hw_addr bits = b->bits[place->span - b->rt->heap.spans];

	return bits ? bits + (place->first - place->span->start) / 64 : 0;
}

bool go_block_bits(const struct go_block_types *b, const struct go_place *place, uint64_t *ret)
{
	const hw_addr at = bits_of(b, place);
	const uint64_t shift = (place->first - place->span->start) / 8 % 8;
	const uint8_t *bytes = at ? seen(b, at) : NULL;
	uint64_t word;

	if (!bytes || seen(b, at + 8) != bytes + 8)
		return false;
	memcpy(&word, bytes, sizeof(word));
	word >>= shift;
	if (shift)
		word |= (uint64_t)bytes[8] << (64 - shift);
	if (place->bytes < 512)
		word &= (UINT64_C(1) << (place->bytes / 8)) - 1;
	*ret = word;
	return true;
}

/* What go_guess_fits() and take() will look at. */
static void fetch(const struct go_block_types *b, const struct go_place *place)
{
	const uint8_t *bits;

	__builtin_prefetch(&b->slots[place->number]);
	if (place->is_noscan)
		return;
	bits = seen(b, place->has_header ? place->slot : bits_of(b, place));
	if (bits)
		__builtin_prefetch(bits);
}

static void place_next(struct go_block_types *b)
{
	struct offered *o = &b->line[b->placed_count++ % LINE];

	o->is_refused =
	    !place_in(b, o->place.span, o->guess.at, &o->place) || o->guess.at < o->place.first;
	if (!o->is_refused)
		fetch(b, &o->place);
}

static bool take_next(struct go_block_types *b)
{
	const struct offered *o = &b->line[b->taken_count % LINE];

	if (b->placed_count == b->taken_count)
		place_next(b);
	b->taken_count++;
	return o->is_refused || take(b, &o->guess, &o->place);
}

bool go_blocks_offer(struct go_block_types *b, const struct go_guess *guess)
{
	const struct go_span *span;
	struct go_place place;

	if (!guess->desc && !may_lack_type(guess->form))
		return true;
	if (!b->is_draining)
		return !go_block_place(b, guess->at, &place) || guess->at < place.first ||
		       take(b, guess, &place);
	if (b->offered_count - b->taken_count == LINE && !take_next(b))
		return false;
	span = span_at(b, guess->at);
	if (!span)
		return true;
	__builtin_prefetch(span);
	__builtin_prefetch(&b->first[span - b->rt->heap.spans]);
	__builtin_prefetch(&b->bits[span - b->rt->heap.spans]);
	b->line[b->offered_count % LINE].place.span = span;
	b->line[b->offered_count++ % LINE].guess = *guess;
	if (b->offered_count - b->placed_count == PLACED)
		place_next(b);
	return true;
}

static void type_at(const struct go_block_types *b, const struct go_place *place,
		    struct go_block_type *ret)
{
	const uint32_t state = b->slots[place->number];
	const struct what *what = &b->whats[state & WHAT_MASK];

	*ret = (struct go_block_type){
	    .desc = what->desc,
	    .form = what->form,
	    .how = how_of(state),
	    .func = what->func,
	    .inside = what->inside,
	    .first = place->first,
	    .bytes = place->bytes,
	    .count = 1,
	};
	if (what->form == GO_FORM_ARRAY && what->desc->head.size)
		ret->count = place->bytes / what->desc->head.size;
}

bool go_block_type(const struct go_block_types *b, hw_addr addr, struct go_block_type *ret)
{
	struct go_place place;

	if (!b || !go_block_place(b, addr, &place) || !go_blocks_is_typed(b, place.number))
		return false;
	type_at(b, &place, ret);
	return true;
}

uint32_t *go_blocks_host_type(struct go_block_types *b, hw_addr addr)
{
	struct go_place place;

	if (!go_block_place(b, addr, &place) || !go_blocks_is_typed(b, place.number))
		return NULL;
	return &b->whats[b->slots[place.number] & WHAT_MASK].host_type;
}

bool go_blocks_add_static(struct go_block_types *b, const struct go_desc *desc, hw_addr addr)
{
	return go_variables_add_static(&b->variables, desc, addr);
}

bool go_blocks_add_variable(struct go_block_types *b, const struct go_variable *variable)
{
	return go_variables_add(&b->variables, variable);
}

void go_blocks_sort_variables(struct go_block_types *b)
{
	go_variables_sort(&b->variables);
}

const struct go_variable *go_block_variable(const struct go_block_types *b, hw_addr addr)
{
	return go_variables_find(&b->variables, addr);
}

static bool follow_queued(struct go_block_types *b)
{
	const struct queued next = b->queue[--b->queue_count];
	struct go_block_type type;
	struct go_place place;

	fill_place(b, &b->rt->heap.spans[next.span], next.slot, &place);
	b->slots[place.number] &= ~(uint32_t)QUEUED;
	type_at(b, &place, &type);
	return go_spread_block(b, &place, &type);
}

static bool follow_all(struct go_block_types *b)
{
	const struct hw_host *host = b->rt->host;
	struct go_variable found;

	for (uint64_t done = 0;; done++) {
		bool ok = true;

		if (done % STOP_EVERY == 0 && host->stopped(host->self))
			return false;
		if (go_variables_next(&b->variables, &found))
			ok = go_spread_values(b, found.desc, found.addr, 1, GO_HOW_PROPAGATED);
		else if (b->queue_count)
			ok = follow_queued(b);
		else if (b->taken_count < b->offered_count)
			ok = take_next(b);
		else
			return true;
		if (!ok)
			return false;
	}
}

/* Follows all that is queued. */
static bool drain(struct go_block_types *b)
{
	bool ok;

	b->is_draining = true;
	ok = follow_all(b);
	b->is_draining = false;
	return ok;
}

static bool find_known(struct go_block_types *b)
{
	b->types = go_types_new(b->rt);
	return b->types && go_types_scan(b->types) && go_known_find(b->types, b->known);
}

struct go_block_types *go_block_types_new(const struct go_runtime *rt)
{
	struct go_block_types *b = rt->host->resize(rt->host->self, NULL, 0, 1, sizeof(*b));

	if (!b)
		return NULL;
	b->rt = b->variables.rt = rt;
	if (!number_slots(b) || !find_known(b) || !go_seed_all(b) || !drain(b) ||
	    !go_seed_maps(b) || !drain(b) || !go_seed_untyped(b) || !drain(b) ||
	    !go_variables_join(&b->variables) || b->no_memory || go_types_broken(b->types)) {
		go_block_types_free(b);
		return NULL;
	}
	resize(b, b->queue, b->queue_room, 0, sizeof(*b->queue));
	b->queue = NULL;
	b->queue_room = 0;
	return b;
}

void go_block_types_free(struct go_block_types *b)
{
	if (!b)
		return;
	go_variables_clear(&b->variables);
	if (b->queue)
		resize(b, b->queue, b->queue_room, 0, sizeof(*b->queue));
	if (b->places)
		resize(b, b->places, b->place_room, 0, sizeof(*b->places));
	if (b->whats)
		resize(b, b->whats, b->what_room, 0, sizeof(*b->whats));
	if (b->slots)
		resize(b, b->slots, b->slot_count + 1, 0, sizeof(*b->slots));
	if (b->pages)
		resize(b, b->pages, b->page_count + 1, 0, sizeof(*b->pages));
	if (b->bits)
		resize(b, b->bits, b->rt->heap.span_count + 1, 0, sizeof(*b->bits));
	if (b->first)
		resize(b, b->first, b->rt->heap.span_count + 1, 0, sizeof(*b->first));
	go_closures_free(b->closures);
	go_types_free(b->types);
	b->rt->host->resize(b->rt->host->self, b, 1, 0, sizeof(*b));
}
