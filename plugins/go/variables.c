/* SPDX-License-Identifier: Apache-2.0 */
/* variables.c -- variables by address. Statics are few, each is followed once. */
#include "variables.h"
#include <stdlib.h>

enum { FIRST_ROOM = 1 << 10 };

static void *resize(const struct go_variables *v, void *ptr, uint64_t old, uint64_t count,
		    uint64_t size)
{
	const struct hw_host *host = v->rt->host;

	return ptr || count ? host->resize(host->self, ptr, old, count, size) : NULL;
}

void go_variables_clear(struct go_variables *v)
{
	if (!v->rt)
		return;
	resize(v, v->statics, v->static_room, 0, sizeof(*v->statics));
	resize(v, v->places, v->place_room, 0, sizeof(*v->places));
	resize(v, v->named, v->named_room, 0, sizeof(*v->named));
	*v = (struct go_variables){.rt = v->rt};
}

static bool append(const struct go_variables *v, struct go_variable **list, uint64_t *room,
		   uint64_t *count, const struct go_variable *variable)
{
	const uint64_t want = *room ? *room * 2 : FIRST_ROOM;
	void *more;

	if (*count == *room) {
		more = resize(v, *list, *room, want, sizeof(**list));
		if (!more)
			return false;
		*list = more;
		*room = want;
	}
	(*list)[(*count)++] = *variable;
	return true;
}

bool go_variables_add(struct go_variables *v, const struct go_variable *variable)
{
	return append(v, &v->named, &v->named_room, &v->named_count, variable);
}

static uint64_t find_place(const struct go_variables *v, const uint32_t *places, uint64_t room,
			   hw_addr addr)
{
	uint64_t at = (addr >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 20 & (room - 1);

	while (places[at] && v->statics[places[at] - 1].addr != addr)
		at = (at + 1) & (room - 1);
	return at;
}

static bool grow_places(struct go_variables *v)
{
	const uint64_t room = v->place_room ? v->place_room * 2 : 2 * FIRST_ROOM;
	uint32_t *more;

	if ((v->static_count + 1) * 2 < v->place_room)
		return true;
	more = resize(v, NULL, 0, room, sizeof(*more));
	if (!more)
		return false;
	for (uint64_t i = 0; i < v->static_count; i++)
		more[find_place(v, more, room, v->statics[i].addr)] = (uint32_t)i + 1;
	resize(v, v->places, v->place_room, 0, sizeof(*more));
	v->places = more;
	v->place_room = room;
	return true;
}

/* In the parts of the image that the collector looks at. */
static bool is_in_data(const struct go_runtime *rt, hw_addr addr, uint64_t size)
{
	for (uint32_t i = 0; i < rt->module_count; i++) {
		const struct go_moduledata *md = &rt->modules[i];

		if ((addr >= md->data && addr < md->edata && size <= md->edata - addr) ||
		    (addr >= md->bss && addr < md->ebss && size <= md->ebss - addr))
			return true;
	}
	return false;
}

bool go_variables_add_static(struct go_variables *v, const struct go_desc *desc, hw_addr addr)
{
	const struct go_variable found = {
	    .addr = addr, .size = desc->head.size, .path = "", .desc = desc};
	uint64_t at;

	if (!desc->head.ptrdata || addr % 8 || v->static_count >= UINT32_MAX / 2 ||
	    !is_in_data(v->rt, addr, desc->head.size))
		return true;
	if (!grow_places(v))
		return false;
	at = find_place(v, v->places, v->place_room, addr);
	if (v->places[at])
		return true;
	if (!append(v, &v->statics, &v->static_room, &v->static_count, &found))
		return false;
	v->places[at] = (uint32_t)v->static_count;
	return true;
}

bool go_variables_next(struct go_variables *v, struct go_variable *ret)
{
	if (v->next == v->static_count)
		return false;
	*ret = v->statics[v->next++];
	return true;
}

/* go_variables_find() takes the last one of an address: a part is found before the whole, and
 * what has no size never. */
static int compare(const void *a, const void *b)
{
	const struct go_variable *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	if (!x->size || !y->size)
		return x->size ? 1 : y->size ? -1 : 0;
	return x->size > y->size ? -1 : x->size < y->size;
}

static void sort(struct go_variable *variables, uint64_t count)
{
	if (count)
		qsort(variables, count, sizeof(*variables), compare);
}

void go_variables_sort(struct go_variables *v)
{
	sort(v->named, v->named_count);
}

/* The statics' order is another one then: all of them have been followed. */
bool go_variables_join(struct go_variables *v)
{
	const uint64_t count = v->named_count;
	hw_addr end = 0;

	sort(v->statics, v->static_count);
	for (uint64_t i = 0, n = 0; i < v->static_count; i++) {
		const struct go_variable *s = &v->statics[i];

		while (n < count && v->named[n].addr + v->named[n].size <= s->addr)
			n++;
		if (s->addr < end || (n < count && v->named[n].addr < s->addr + s->size))
			continue;
		end = s->addr + s->size;
		if (!go_variables_add(v, s))
			return false;
	}
	if (v->named_count > count)
		go_variables_sort(v);
	return true;
}

const struct go_variable *go_variables_find(const struct go_variables *v, hw_addr addr)
{
	uint64_t low = 0, high = v->named_count;

	while (low < high) { /* The first one above. */
		const uint64_t middle = low + (high - low) / 2;

		if (v->named[middle].addr <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low && addr - v->named[low - 1].addr < v->named[low - 1].size ? &v->named[low - 1]
									     : NULL;
}
