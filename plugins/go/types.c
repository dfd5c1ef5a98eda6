/* SPDX-License-Identifier: Apache-2.0 */
/* types.c -- the cache of type descriptors: heads, names, itabs. What comes behind the head is
 * read by typekinds.c. */
#include "types.h"
#include <stdlib.h>
#include <string.h>

enum {
	PIECE = 1 << 16, /* Bytes of memory taken at a time. */
	FIRST_ROOM = 1 << 10,
	TFLAG_UNCOMMON = 1,
	TFLAG_EXTRA_STAR = 2,
	TFLAG_DIRECT = 1 << 5, /* 1.26. */
	FLAG_DIRECT = 1 << 5,  /* Beside the kind, to 1.25. */
	ITAB_BYTES = 24,
	AROUND = 1 << 8,
};

struct piece {
	struct piece *next;
	uint64_t size, used;
};

/* An answer by address; desc NULL: refused. */
struct known {
	hw_addr addr;
	struct go_desc *desc;
};

struct go_types {
	const struct go_runtime *rt;
	struct piece *pieces;
	struct known *known; /* Open addressing; a power of two. */
	uint64_t known_count, known_room;
	struct go_desc **list; /* By index - 1. */
	uint64_t list_count, list_room;
	const struct go_desc **by_name; /* Then by index; those of go_types_scan(). */
	uint64_t by_name_count;
	struct known around[AROUND]; /* go_types_around()'s last answers. */
	void *scratch;
	uint64_t scratch_size;
	bool is_broken;
};

struct go_types *go_types_new(const struct go_runtime *rt)
{
	struct go_types *types = rt->host->resize(rt->host->self, NULL, 0, 1, sizeof(*types));

	if (!types)
		return NULL;
	types->rt = rt;
	types->known_room = FIRST_ROOM;
	types->known = rt->host->resize(rt->host->self, NULL, 0, FIRST_ROOM, sizeof(*types->known));
	if (!types->known) {
		types->known_room = 0;
		go_types_free(types);
		return NULL;
	}
	return types;
}

void go_types_free(struct go_types *types)
{
	const struct hw_host *host;
	struct piece *next;

	if (!types)
		return;
	host = types->rt->host;
	for (struct piece *p = types->pieces; p; p = next) {
		next = p->next;
		host->resize(host->self, p, p->size, 0, 1);
	}
	if (types->scratch)
		host->resize(host->self, types->scratch, types->scratch_size, 0, 1);
	if (types->by_name)
		host->resize(host->self, types->by_name, types->by_name_count, 0,
			     sizeof(*types->by_name));
	if (types->list)
		host->resize(host->self, types->list, types->list_room, 0, sizeof(*types->list));
	if (types->known)
		host->resize(host->self, types->known, types->known_room, 0, sizeof(*types->known));
	host->resize(host->self, types, 1, 0, sizeof(*types));
}

bool go_types_broken(const struct go_types *types)
{
	return types->is_broken;
}

const struct go_runtime *go_types_runtime(const struct go_types *types)
{
	return types->rt;
}

void *go_types_room(struct go_types *types, uint64_t size)
{
	const struct hw_host *host = types->rt->host;
	struct piece *p = types->pieces;
	void *room;

	size = (size + 7) & ~UINT64_C(7);
	if (!p || p->size - p->used < size) {
		const uint64_t bytes = size + sizeof(*p) > PIECE ? size + sizeof(*p) : PIECE;

		p = host->resize(host->self, NULL, 0, bytes, 1);
		if (!p) {
			types->is_broken = true;
			return NULL;
		}
		*p = (struct piece){types->pieces, bytes, sizeof(*p)};
		types->pieces = p;
	}
	room = (uint8_t *)p + p->used;
	p->used += size;
	return room;
}

void *go_types_scratch(struct go_types *types, uint64_t size)
{
	if (!types->scratch) {
		types->scratch = types->rt->host->resize(types->rt->host->self, NULL, 0, size, 1);
		types->scratch_size = types->scratch ? size : 0;
		types->is_broken |= !types->scratch;
	}
	return types->scratch;
}

static uint64_t place_of(const struct known *known, uint64_t room, hw_addr addr)
{
	uint64_t at = (addr >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 20 & (room - 1);

	while (known[at].addr && known[at].addr != addr)
		at = (at + 1) & (room - 1);
	return at;
}

static bool grow_known(struct go_types *types)
{
	const struct hw_host *host = types->rt->host;
	const uint64_t room = types->known_room * 2;
	struct known *more;

	if (types->known_count * 2 < types->known_room)
		return true;
	more = host->resize(host->self, NULL, 0, room, sizeof(*more));
	if (!more)
		return false;
	for (uint64_t i = 0; i < types->known_room; i++)
		if (types->known[i].addr)
			more[place_of(more, room, types->known[i].addr)] = types->known[i];
	host->resize(host->self, types->known, types->known_room, 0, sizeof(*more));
	types->known = more;
	types->known_room = room;
	return true;
}

static bool grow_list(struct go_types *types)
{
	const struct hw_host *host = types->rt->host;
	const uint64_t room = types->list_room ? types->list_room * 2 : FIRST_ROOM;
	struct go_desc **more;

	if (types->list_count < types->list_room)
		return true;
	more = host->resize(host->self, types->list, types->list_room, room, sizeof(*more));
	if (!more)
		return false;
	types->list = more;
	types->list_room = room;
	return true;
}

static const struct go_moduledata *module_with(const struct go_runtime *rt, hw_addr addr)
{
	for (uint32_t i = 0; i < rt->module_count; i++)
		if (addr >= rt->modules[i].types && addr < rt->modules[i].etypes)
			return &rt->modules[i];
	return NULL;
}

bool go_types_hold(const struct go_runtime *rt, hw_addr addr)
{
	return module_with(rt, addr) != NULL;
}

/* Descriptors that package reflect made are objects of the heap. */
static bool may_lie_at(const struct go_runtime *rt, hw_addr addr)
{
	const struct go_span *span;

	if (!addr || addr % 8)
		return false;
	if (module_with(rt, addr))
		return true;
	span = go_span_find(rt, addr);
	return span && span->state == GO_SPAN_IN_USE;
}

const char *go_types_name(struct go_types *types, hw_addr ptr)
{
	const struct go_runtime *rt = types->rt;
	const bool is_varint = rt->layout.minor >= 17;
	uint8_t head[4];
	uint64_t length, lead = 3;
	char *text;

	/* The shortest is a byte of flags, a byte of length, a byte of text. */
	if (!ptr || !go_read(rt, ptr, head, 3))
		return NULL;
	if (!is_varint) {
		length = (uint64_t)head[1] << 8 | head[2];
	} else {
		length = head[1] & 0x7f;
		lead = 2;
		if (head[1] & 0x80) {
			length |= (uint64_t)(head[2] & 0x7f) << 7;
			lead = 3;
		}
		if (head[1] & 0x80 && head[2] & 0x80) {
			if (!go_u8(rt, ptr + 3, &head[3]) || head[3] & 0x80)
				return NULL;
			length |= (uint64_t)head[3] << 14;
			lead = 4;
		}
	}
	if (!length)
		return NULL;
	if (length > GO_NAME_MAX)
		length = GO_NAME_MAX;
	text = go_types_room(types, length + 1);
	if (!text || !go_read(rt, ptr + lead, text, length))
		return NULL;
	for (uint64_t i = 0; i < length; i++)
		if ((uint8_t)text[i] < 0x20 || text[i] == 0x7f)
			return NULL;
	return text;
}

/* nameOff, 1.16: of an offset from moduledata.types. */
static const char *name_at(struct go_types *types, hw_addr desc, int32_t offset)
{
	const struct go_moduledata *md = module_with(types->rt, desc);

	if (!md || offset <= 0 || (uint64_t)offset >= md->etypes - md->types)
		return NULL;
	return go_types_name(types, md->types + (uint64_t)offset);
}

static const char *name_of(struct go_types *types, const struct go_desc *desc, uint32_t depth)
{
	int32_t offset;
	const char *name;

	if (!module_with(types->rt, desc->head.addr))
		return go_desc_compose(types, desc, depth);
	if (!go_u32(types->rt, desc->head.addr + 40, (uint32_t *)&offset))
		return NULL;
	name = name_at(types, desc->head.addr, offset);
	if (name && desc->head.tflag & TFLAG_EXTRA_STAR)
		return *name == '*' && name[1] ? name + 1 : NULL;
	return name;
}

/* What the compiler keeps to for every kind. */
static bool is_sane_head(const struct go_desc *desc)
{
	static const uint8_t sizes[] = {
	    [GO_KIND_BOOL] = 1,        [GO_KIND_INT] = 8,     [GO_KIND_INT8] = 1,
	    [GO_KIND_INT16] = 2,       [GO_KIND_INT32] = 4,   [GO_KIND_INT64] = 8,
	    [GO_KIND_UINT] = 8,        [GO_KIND_UINT8] = 1,   [GO_KIND_UINT16] = 2,
	    [GO_KIND_UINT32] = 4,      [GO_KIND_UINT64] = 8,  [GO_KIND_UINTPTR] = 8,
	    [GO_KIND_FLOAT32] = 4,     [GO_KIND_FLOAT64] = 8, [GO_KIND_COMPLEX64] = 8,
	    [GO_KIND_COMPLEX128] = 16, [GO_KIND_CHAN] = 8,    [GO_KIND_FUNC] = 8,
	    [GO_KIND_INTERFACE] = 16,  [GO_KIND_MAP] = 8,     [GO_KIND_POINTER] = 8,
	    [GO_KIND_SLICE] = 24,      [GO_KIND_STRING] = 16, [GO_KIND_UNSAFEPOINTER] = 8};
	const struct go_type *t = &desc->head;

	if (t->kind < GO_KIND_BOOL || t->kind > GO_KIND_UNSAFEPOINTER)
		return false;
	if (t->kind != GO_KIND_ARRAY && t->kind != GO_KIND_STRUCT && t->size != sizes[t->kind])
		return false;
	return desc->align && desc->align <= 64 && !(desc->align & (desc->align - 1)) &&
	       t->size % desc->align == 0 && (!t->ptrdata || t->size % 8 == 0);
}

static enum go_role role_of(const char *name)
{
	if (strncmp(name, "map.bucket[", 11) == 0)
		return GO_ROLE_BUCKET;
	if (strncmp(name, "sync.node[", 10) == 0)
		return GO_ROLE_NODE;
	if (strcmp(name, "sync.poolLocal") == 0)
		return GO_ROLE_POOL_LOCAL;
	return strcmp(name, "sync.entry") == 0 ? GO_ROLE_ENTRY : GO_ROLE_NONE;
}

static struct go_desc *read_desc(struct go_types *types, hw_addr addr, uint32_t depth)
{
	struct go_desc found = {0};
	struct go_desc *desc;

	if (!may_lie_at(types->rt, addr) || !go_type_read(types->rt, addr, &found.head) ||
	    !go_u32(types->rt, addr + 16, &found.hash) ||
	    !go_u8(types->rt, addr + 21, &found.align) || !is_sane_head(&found) ||
	    !go_desc_read_kind(types, &found))
		return NULL;
	found.name = name_of(types, &found, depth);
	if (!found.name)
		return NULL;
	found.role = role_of(found.name);
	desc = go_types_room(types, sizeof(*desc));
	if (!desc || !grow_list(types)) {
		types->is_broken = true;
		return NULL;
	}
	types->list[types->list_count++] = desc;
	*desc = found;
	desc->index = (uint32_t)types->list_count;
	return desc;
}

const struct go_desc *go_types_renamed(struct go_types *types, const struct go_desc *desc,
				       const char *name)
{
	struct go_desc *copy = go_types_room(types, sizeof(*copy));

	if (!copy || !grow_list(types)) {
		types->is_broken = true;
		return NULL;
	}
	types->list[types->list_count++] = copy;
	*copy = *desc;
	copy->index = (uint32_t)types->list_count;
	copy->name = name;
	/* What stands behind the head is the other one's. */
	copy->head.tflag &= (uint8_t)~TFLAG_UNCOMMON;
	return copy;
}

const struct go_desc *go_types_at_depth(struct go_types *types, hw_addr addr, uint32_t depth)
{
	uint64_t place;
	struct go_desc *desc;

	if (!addr)
		return NULL;
	place = place_of(types->known, types->known_room, addr);
	if (types->known[place].addr)
		return types->known[place].desc;
	desc = read_desc(types, addr, depth);
	if (types->is_broken || !grow_known(types)) {
		types->is_broken = true;
		return NULL;
	}
	/* Reading it may have added others. */
	place = place_of(types->known, types->known_room, addr);
	if (!types->known[place].addr) {
		types->known[place] = (struct known){addr, desc};
		types->known_count++;
	}
	return types->known[place].desc;
}

const struct go_desc *go_types_at(struct go_types *types, hw_addr addr)
{
	return go_types_at_depth(types, addr, 0);
}

const struct go_desc *go_types_index(const struct go_types *types, uint32_t index)
{
	return index && index <= types->list_count ? types->list[index - 1] : NULL;
}

struct go_desc *go_types_own(struct go_types *types, const struct go_desc *desc)
{
	return types->list[desc->index - 1];
}

uint32_t go_types_count(const struct go_types *types)
{
	return (uint32_t)types->list_count;
}

const struct go_desc *go_types_itab(struct go_types *types, hw_addr itab,
				    const struct go_desc **inter_ret)
{
	const struct go_desc *inter, *desc;
	uint64_t words[ITAB_BYTES / 8];

	if (!itab || itab % 8 || !go_read(types->rt, itab, words, sizeof(words)))
		return NULL;
	/* The words may be anything: only what lies among the types is looked at. */
	inter = module_with(types->rt, words[0]) ? go_types_at(types, words[0]) : NULL;
	if (!inter || inter->head.kind != GO_KIND_INTERFACE || !inter->has_methods)
		return NULL;
	desc = go_types_at(types, words[1]);
	if (!desc || (uint32_t)words[2] != desc->hash)
		return NULL;
	if (inter_ret)
		*inter_ret = inter;
	return desc;
}

const struct go_desc *go_types_held(struct go_types *types, bool has_methods, hw_addr word)
{
	return has_methods ? go_types_itab(types, word, NULL) : go_types_at(types, word);
}

bool go_desc_is_direct(const struct go_types *types, const struct go_desc *desc)
{
	if (types->rt->layout.minor >= 26)
		return desc->head.tflag & TFLAG_DIRECT;
	return desc->head.flags & FLAG_DIRECT;
}

/* uncommontype: pkgPath nameOff, …, behind the struct of the kind. */
bool go_desc_package(const struct go_types *types, const struct go_desc *desc, char *buf,
		     uint64_t size)
{
	static const uint8_t behind[GO_KIND_UNSAFEPOINTER + 1] = {
	    [GO_KIND_ARRAY] = 72,     [GO_KIND_CHAN] = 64,    [GO_KIND_FUNC] = 56,
	    [GO_KIND_INTERFACE] = 80, [GO_KIND_POINTER] = 56, [GO_KIND_SLICE] = 56,
	    [GO_KIND_STRUCT] = 80};
	const struct go_moduledata *md = module_with(types->rt, desc->head.addr);
	uint64_t at = behind[desc->head.kind] ? behind[desc->head.kind] : 48;
	uint64_t length, lead = 3;
	uint8_t head[4] = {0};
	int32_t offset;

	if (desc->head.kind == GO_KIND_MAP)
		at = desc->is_swiss ? 112 : types->rt->layout.minor >= 14 ? 88 : 80;
	if (!(desc->head.tflag & TFLAG_UNCOMMON) || !md ||
	    !go_u32(types->rt, desc->head.addr + at, (uint32_t *)&offset) || offset <= 0 ||
	    (uint64_t)offset >= md->etypes - md->types ||
	    !go_read(types->rt, md->types + (uint64_t)offset, head, 3))
		return false;
	length = (uint64_t)head[1] << 8 | head[2];
	if (types->rt->layout.minor >= 17) {
		length =
		    head[1] & 0x80 ? (head[1] & 0x7f) | (uint64_t)(head[2] & 0x7f) << 7 : head[1];
		lead = head[1] & 0x80 ? 3 : 2;
	}
	return length && go_text(types->rt, md->types + (uint64_t)offset + lead, length, buf, size);
}

static int by_name(const void *a, const void *b)
{
	const struct go_desc *x = *(const struct go_desc *const *)a;
	const struct go_desc *y = *(const struct go_desc *const *)b;
	const int order = strcmp(x->name, y->name);

	return order ? order : x->index < y->index ? -1 : x->index > y->index;
}

static bool sort_names(struct go_types *types)
{
	const struct hw_host *host = types->rt->host;

	if (types->by_name || !types->list_count)
		return true;
	types->by_name =
	    host->resize(host->self, NULL, 0, types->list_count, sizeof(*types->by_name));
	if (!types->by_name) {
		types->is_broken = true;
		return false;
	}
	types->by_name_count = types->list_count;
	for (uint64_t i = 0; i < types->list_count; i++)
		types->by_name[i] = types->list[i];
	qsort(types->by_name, types->by_name_count, sizeof(*types->by_name), by_name);
	return true;
}

const struct go_desc *const *go_types_all_named(const struct go_types *types, const char *name,
						uint64_t *count_ret)
{
	uint64_t low = 0, high = types->by_name_count, count = 0;

	while (low < high) { /* The first one that is not below. */
		const uint64_t middle = low + (high - low) / 2;

		if (strcmp(types->by_name[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	while (low + count < types->by_name_count &&
	       strcmp(types->by_name[low + count]->name, name) == 0)
		count++;
	*count_ret = count;
	return count ? types->by_name + low : NULL;
}

const struct go_desc *go_types_named(const struct go_types *types, const char *name)
{
	uint64_t count;
	const struct go_desc *const *all = go_types_all_named(types, name, &count);

	return count ? all[0] : NULL;
}

static uint32_t around_rank(const struct go_desc *desc)
{
	return (desc->head.tflag & GO_TFLAG_NAMED ? 0 : 2) + (strncmp(desc->name, "chan ", 5) == 0);
}

const struct go_desc *go_types_around(struct go_types *types, uint8_t kind, hw_addr part)
{
	struct known *memo = &types->around[((part >> 3) + kind) % AROUND];
	struct go_desc *best = NULL;

	if (memo->addr == part + kind)
		return memo->desc;
	for (uint64_t i = 0; i < types->list_count; i++) {
		struct go_desc *d = types->list[i];

		if (d->head.kind != kind || (kind == GO_KIND_MAP ? d->bucket : d->elem) != part)
			continue;
		if (!best || around_rank(d) > around_rank(best) ||
		    (around_rank(d) == around_rank(best) && d->head.addr < best->head.addr))
			best = d;
	}
	*memo = (struct known){part + kind, best};
	return best;
}

/* Not through the cache of answers: nearly all places are none. */
static bool may_begin_at(const struct go_types *types, hw_addr addr)
{
	struct go_desc found = {0};

	return go_type_read(types->rt, addr, &found.head) && found.head.kind &&
	       go_u8(types->rt, addr + 21, &found.align) && is_sane_head(&found);
}

bool go_types_scan(struct go_types *types)
{
	const struct hw_host *host = types->rt->host;

	for (uint32_t i = 0; i < types->rt->module_count; i++) {
		const struct go_moduledata *md = &types->rt->modules[i];
		hw_addr at = (md->types + 7) & ~(hw_addr)7;

		for (uint64_t there; at < md->etypes; at += 8) {
			if (!(at & 0xffff) && host->stopped(host->self))
				return false;
			if (!host->peek(host->self, at, &there))
				break;
			if (may_begin_at(types, at))
				go_types_at(types, at);
			if (types->is_broken)
				return false;
		}
	}
	return sort_names(types);
}
