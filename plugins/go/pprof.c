/* SPDX-License-Identifier: Apache-2.0 */
/* pprof.c -- the profile as a profile.proto message (github.com/google/pprof,
 * proto/profile.proto), as runtime/pprof writes heap profiles: alloc and inuse, objects
 * and bytes, scaled. Fields are written as they come; strings last. */
#include "profile.h"
#include <string.h>

enum { /* Field numbers. */
       PROFILE_SAMPLE_TYPE = 1,
       PROFILE_SAMPLE = 2,
       PROFILE_LOCATION = 4,
       PROFILE_FUNCTION = 5,
       PROFILE_STRING = 6,
       PROFILE_PERIOD_TYPE = 11,
       PROFILE_PERIOD = 12,
       PROFILE_DEFAULT_TYPE = 14,
       NAME_MAX_BYTES = 4096,
};

struct bytes {
	uint8_t *at;
	uint64_t used, room;
};

/* A set of byte strings; the number of one is its place of arrival. */
struct set {
	struct bytes text; /* All of them, one behind the other. */
	uint64_t *ends;    /* In text. */
	uint64_t count, room;
	uint32_t *slots; /* Number + 1; 0: empty. At most half full. */
	uint64_t slot_count;
};

struct encoder {
	const struct hw_host *host;
	const struct hw_sink *sink;
	struct set strings;
	struct set functions; /* name and file as two u64 */
	struct set locations; /* pc */
	struct bytes message; /* The one being built. */
	struct bytes inner;   /* The one inside it. */
	bool no_memory;
};

static bool reserve(struct encoder *e, struct bytes *b, uint64_t more)
{
	uint64_t room = b->room ? b->room : 256;
	uint8_t *grown;

	if (b->room - b->used >= more)
		return true;
	while (room - b->used < more)
		room *= 2;
	grown = e->host->resize(e->host->self, b->at, b->room, room, 1);
	if (!grown) {
		e->no_memory = true;
		return false;
	}
	b->at = grown;
	b->room = room;
	return true;
}

static void put(struct encoder *e, struct bytes *b, const void *bytes, uint64_t size)
{
	if (!size || !reserve(e, b, size))
		return;
	memcpy(b->at + b->used, bytes, size);
	b->used += size;
}

static void put_varint(struct encoder *e, struct bytes *b, uint64_t value)
{
	uint8_t room[10];
	uint64_t n = 0;

	for (; value >= 0x80; value >>= 7)
		room[n++] = (uint8_t)(value | 0x80);
	room[n++] = (uint8_t)value;
	put(e, b, room, n);
}

/* Wire types: 0 varint, 2 length-delimited. */
static void put_number(struct encoder *e, struct bytes *b, unsigned field, uint64_t value)
{
	if (!value)
		return; /* proto3's default. */
	put_varint(e, b, field << 3);
	put_varint(e, b, value);
}

static void put_block(struct encoder *e, struct bytes *b, unsigned field, const void *bytes,
		      uint64_t size)
{
	put_varint(e, b, field << 3 | 2);
	put_varint(e, b, size);
	put(e, b, bytes, size);
}

/* A field of the profile itself goes out at once. */
static void send(struct encoder *e, unsigned field, const struct bytes *message)
{
	struct bytes *b = &e->inner;

	b->used = 0;
	put_block(e, b, field, message->at, message->used);
	if (!e->no_memory)
		e->sink->write(e->sink->self, b->at, b->used);
}

static uint64_t hash(const uint8_t *bytes, uint64_t size)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (uint64_t i = 0; i < size; i++)
		h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

static const uint8_t *item_of(const struct set *s, uint64_t number, uint64_t *size_ret)
{
	uint64_t start = number ? s->ends[number - 1] : 0;

	*size_ret = s->ends[number] - start;
	return s->text.at + start;
}

static uint32_t *slot_of(const struct set *s, const uint8_t *bytes, uint64_t size)
{
	uint64_t i = hash(bytes, size) & (s->slot_count - 1);

	for (;; i = (i + 1) & (s->slot_count - 1)) {
		const uint8_t *item;
		uint64_t n;

		if (!s->slots[i])
			return &s->slots[i];
		item = item_of(s, s->slots[i] - 1, &n);
		if (n == size && (!n || memcmp(item, bytes, n) == 0))
			return &s->slots[i];
	}
}

static bool grow_set(struct encoder *e, struct set *s)
{
	uint64_t room = s->room ? s->room * 2 : 128;
	uint64_t *ends;
	uint32_t *slots;

	if (s->count < s->room)
		return true;
	ends = room <= INT32_MAX
		   ? e->host->resize(e->host->self, s->ends, s->room, room, sizeof(*ends))
		   : NULL;
	if (!ends)
		return false;
	s->ends = ends;
	s->room = room;
	slots = e->host->resize(e->host->self, NULL, 0, room * 2, sizeof(*slots));
	if (!slots)
		return false;
	if (s->slots)
		e->host->resize(e->host->self, s->slots, s->slot_count, 0, sizeof(*slots));
	s->slots = slots;
	s->slot_count = room * 2;
	for (uint64_t i = 0; i < s->count; i++) {
		uint64_t n;
		const uint8_t *item = item_of(s, i, &n);

		*slot_of(s, item, n) = (uint32_t)i + 1;
	}
	return true;
}

/* The number of the string; *is_new_ret may be NULL. 0 when out of memory. */
static uint64_t number_of(struct encoder *e, struct set *s, const void *bytes, uint64_t size,
			  bool *is_new_ret)
{
	static const uint8_t nothing[1];
	const uint8_t *item = size ? bytes : nothing;
	uint32_t *slot;

	if (is_new_ret)
		*is_new_ret = false;
	if (e->no_memory || !grow_set(e, s)) {
		e->no_memory = true;
		return 0;
	}
	slot = slot_of(s, item, size);
	if (*slot)
		return *slot - 1;
	put(e, &s->text, item, size);
	if (e->no_memory)
		return 0;
	s->ends[s->count] = s->text.used;
	*slot = (uint32_t)++s->count;
	if (is_new_ret)
		*is_new_ret = true;
	return s->count - 1;
}

static uint64_t string(struct encoder *e, const char *text)
{
	return number_of(e, &e->strings, text, strlen(text), NULL);
}

static void send_type(struct encoder *e, unsigned field, const char *type, const char *unit)
{
	struct bytes *m = &e->message;

	m->used = 0;
	put_number(e, m, 1, string(e, type));
	put_number(e, m, 2, string(e, unit));
	send(e, field, m);
}

/* Ids begin at 1. */
static uint64_t function(struct encoder *e, const char *name, const char *file)
{
	const uint64_t key[2] = {string(e, name), string(e, file)};
	struct bytes *m = &e->message;
	bool is_new;
	uint64_t id = number_of(e, &e->functions, key, sizeof(key), &is_new) + 1;

	if (!is_new)
		return id;
	m->used = 0;
	put_number(e, m, 1, id);
	put_number(e, m, 2, key[0]);
	put_number(e, m, 3, key[0]);
	put_number(e, m, 4, key[1]);
	send(e, PROFILE_FUNCTION, m);
	return id;
}

static uint64_t location(struct encoder *e, const struct go_runtime *rt, hw_addr pc)
{
	char name[NAME_MAX_BYTES], file[NAME_MAX_BYTES];
	struct bytes *m = &e->message, line = {0};
	int32_t number = 0;
	bool is_new, known;
	uint64_t id = number_of(e, &e->locations, &pc, sizeof(pc), &is_new) + 1, in;

	if (!is_new)
		return id;
	known = go_profile_call(rt, pc, name, sizeof(name), file, sizeof(file), &number);
	in = known ? function(e, name, file) : 0;
	m->used = 0;
	put_number(e, m, 1, id);
	put_number(e, m, 3, pc);
	if (known) {
		put_number(e, &line, 1, in);
		put_number(e, &line, 2, (uint64_t)(uint32_t)number);
		put_block(e, m, 4, line.at, line.used);
	}
	if (line.at)
		e->host->resize(e->host->self, line.at, line.room, 0, 1);
	send(e, PROFILE_LOCATION, m);
	return id;
}

static void send_sample(struct encoder *e, const struct go_profile *p, const struct go_record *r)
{
	const struct go_scaled s = go_profile_scale(p, r);
	struct bytes ids = {0}, values = {0};

	for (uint32_t i = go_profile_skip(p, r); i < r->count; i++)
		put_varint(e, &ids, location(e, p->rt, p->pcs[r->first + i]));
	put_varint(e, &values, s.alloc_objects);
	put_varint(e, &values, s.alloc_bytes);
	put_varint(e, &values, s.inuse_objects);
	put_varint(e, &values, s.inuse_bytes);
	e->message.used = 0;
	put_block(e, &e->message, 1, ids.at, ids.used);
	put_block(e, &e->message, 2, values.at, values.used);
	send(e, PROFILE_SAMPLE, &e->message);
	if (ids.at)
		e->host->resize(e->host->self, ids.at, ids.room, 0, 1);
	if (values.at)
		e->host->resize(e->host->self, values.at, values.room, 0, 1);
}

static void send_strings(struct encoder *e)
{
	for (uint64_t i = 0; i < e->strings.count && !e->no_memory; i++) {
		uint64_t size;
		const uint8_t *item = item_of(&e->strings, i, &size);

		e->inner.used = 0;
		put_block(e, &e->inner, PROFILE_STRING, item, size);
		if (!e->no_memory)
			e->sink->write(e->sink->self, e->inner.at, e->inner.used);
	}
}

static void clear_bytes(const struct encoder *e, struct bytes *b)
{
	if (b->at)
		e->host->resize(e->host->self, b->at, b->room, 0, 1);
}

static void clear_set(const struct encoder *e, struct set *s)
{
	clear_bytes(e, &s->text);
	if (s->ends)
		e->host->resize(e->host->self, s->ends, s->room, 0, sizeof(*s->ends));
	if (s->slots)
		e->host->resize(e->host->self, s->slots, s->slot_count, 0, sizeof(*s->slots));
}

bool go_profile_pprof(const struct go_profile *p, const struct hw_sink *sink)
{
	struct encoder e = {.host = p->rt->host, .sink = sink};

	string(&e, ""); /* Number 0, as the format wants. */
	send_type(&e, PROFILE_SAMPLE_TYPE, "alloc_objects", "count");
	send_type(&e, PROFILE_SAMPLE_TYPE, "alloc_space", "bytes");
	send_type(&e, PROFILE_SAMPLE_TYPE, "inuse_objects", "count");
	send_type(&e, PROFILE_SAMPLE_TYPE, "inuse_space", "bytes");
	send_type(&e, PROFILE_PERIOD_TYPE, "space", "bytes");
	for (uint64_t i = 0; i < p->count && !e.no_memory; i++)
		if (!e.host->stopped(e.host->self))
			send_sample(&e, p, &p->records[i]);
	e.inner.used = 0;
	put_number(&e, &e.inner, PROFILE_PERIOD, p->has_rate ? p->rate : 0);
	put_number(&e, &e.inner, PROFILE_DEFAULT_TYPE, string(&e, "inuse_space"));
	if (!e.no_memory)
		sink->write(sink->self, e.inner.at, e.inner.used);
	send_strings(&e);
	clear_set(&e, &e.strings);
	clear_set(&e, &e.functions);
	clear_set(&e, &e.locations);
	clear_bytes(&e, &e.message);
	clear_bytes(&e, &e.inner);
	return !e.no_memory;
}
