/* SPDX-License-Identifier: Apache-2.0 */
/* Type descriptors of plugins/go, written here in the format of each version, whole and
 * damaged: what lies is refused, and nothing crashes. */
#include "../../plugins/go/types.h"
#include "../runner.h"
#include "go_target.h"
#include <stdlib.h>
#include <string.h>

#define BASE UINT64_C(0x500000) /* moduledata.types. */
#define SIZE 8192u

/* Offsets of the descriptors from BASE. */
struct made {
	uint32_t integer, byte, string, leaf, pointer, slice, array, map, group, any, stringer;
	uint32_t deep, itab, mask;
};

struct image {
	struct go_target *t;
	struct go_target_piece *piece;
	uint8_t *bytes; /* Of the piece. */
	struct made at;
};

static uint32_t put(struct image *m, const void *bytes, uint32_t size, uint32_t align)
{
	return (uint32_t)(go_target_put(m->piece, bytes, size, align) - BASE);
}

static uint32_t put_word(struct image *m, uint64_t word)
{
	return put(m, &word, 8, 8);
}

static uint32_t put_name(struct image *m, const char *text)
{
	const uint8_t length = (uint8_t)strlen(text);
	const uint8_t old[3] = {1, 0, length}, new[2] = {1, length};
	const uint32_t at =
	    m->t->rt.layout.minor < 17 ? put(m, old, sizeof(old), 1) : put(m, new, sizeof(new), 1);

	put(m, text, length, 1);
	return at;
}

struct head {
	const char *name;
	uint64_t size, ptrdata;
	uint8_t kind, tflag;
};

static uint32_t put_head(struct image *m, const struct head *h)
{
	const uint32_t name = put_name(m, h->name);
	const uint32_t hash = UINT32_C(0xabc00000) + h->kind;
	const uint8_t align = h->size % 8 ? 1 : 8;
	const uint8_t rest[4] = {h->tflag, align, align, h->kind};
	const uint32_t at = put_word(m, h->size);

	put_word(m, h->ptrdata);
	put(m, &hash, 4, 4);
	put(m, rest, 4, 4);
	put_word(m, 0);
	put_word(m, BASE + m->at.mask);
	put(m, &name, 4, 4);
	put(m, &(uint32_t){0}, 4, 4);
	return at;
}

static uint32_t put_part(struct image *m, const struct head *h, uint32_t elem)
{
	const uint32_t at = put_head(m, h);

	put_word(m, BASE + elem);
	return at;
}

struct member {
	const char *name;
	uint32_t type;
	uint64_t offset;
};

static uint32_t put_struct(struct image *m, const struct head *h, const struct member *members,
			   uint32_t count)
{
	uint32_t names[8], fields = 0, at;

	for (uint32_t i = 0; i < count; i++)
		names[i] = put_name(m, members[i].name);
	for (uint32_t i = 0; i < count; i++) {
		const uint64_t offset = members[i].offset << (m->t->rt.layout.minor < 19);
		const uint32_t field = put_word(m, BASE + names[i]);

		put_word(m, BASE + members[i].type);
		put_word(m, offset);
		fields = i ? fields : field;
	}
	at = put_head(m, h);
	put_word(m, 0);
	put_word(m, BASE + fields);
	put_word(m, count);
	put_word(m, count);
	return at;
}

static uint32_t put_interface(struct image *m, const char *name, uint32_t methods)
{
	const uint32_t at = put_head(m, &(struct head){name, 16, 16, GO_KIND_INTERFACE, 0});

	put_word(m, 0);
	put_word(m, BASE + at);
	put_word(m, methods);
	put_word(m, methods);
	return at;
}

static void put_map(struct image *m)
{
	const uint32_t minor = m->t->rt.layout.minor;
	struct made *at = &m->at;

	at->group =
	    put_struct(m, &(struct head){"map.group[string]int", 208, 208, GO_KIND_STRUCT, 0},
		       (struct member[]){{"ctrl", at->integer, 0}, {"slots", at->pointer, 200}}, 2);
	at->map = put_head(m, &(struct head){"map[string]int", 8, 8, GO_KIND_MAP, 0});
	put_word(m, BASE + at->string);
	put_word(m, BASE + at->integer);
	put_word(m, BASE + at->group);
	if (minor >= 24) {
		put_word(m, 0);
		put_word(m, 208);
		put_word(m, 25);
		put_word(m, 16);
		put_word(m, 0);
	} else {
		if (minor >= 14)
			put_word(m, 0);
		put_word(m, 16 | 8 << 8 | 208 << 16);
	}
}

static struct image *image_new(uint32_t minor)
{
	struct image *m = calloc(1, sizeof(*m));
	struct made *at = &m->at;

	m->t = go_target_new();
	go_layout_init(&m->t->rt.layout, minor);
	m->piece = go_target_piece(m->t, BASE, SIZE, HW_PERM_R);
	m->bytes = m->piece->bytes;
	go_target_room(m->piece, 16, 8);
	at->mask = put_word(m, UINT64_MAX);
	at->integer = put_head(m, &(struct head){"int", 8, 0, GO_KIND_INT, 0});
	at->byte = put_head(m, &(struct head){"uint8", 1, 0, GO_KIND_UINT8, 0});
	at->string = put_head(m, &(struct head){"string", 16, 8, GO_KIND_STRING, 0});
	at->pointer = put_part(m, &(struct head){"*int", 8, 8, GO_KIND_POINTER, 0}, at->integer);
	at->slice = put_part(m, &(struct head){"[]uint8", 24, 8, GO_KIND_SLICE, 0}, at->byte);
	at->any = put_interface(m, "interface {}", 0);
	at->stringer = put_interface(m, "*fmt.Stringer", 1);
	m->bytes[at->stringer + 20] = 2; /* The star is not part of the name. */
	at->leaf = put_struct(m, &(struct head){"main.leaf", 40, 24, GO_KIND_STRUCT, 0},
			      (struct member[]){{"a", at->string, 0},
						{"p", at->pointer, 16},
						{"n", at->integer, 24},
						{"m", at->integer, 32}},
			      4);
	at->array =
	    put_part(m, &(struct head){"[5]main.leaf", 200, 184, GO_KIND_ARRAY, 0}, at->leaf);
	put_word(m, 0);
	put_word(m, 5);
	at->deep = put_struct(m, &(struct head){"main.deep", 248, 240, GO_KIND_STRUCT, 0},
			      (struct member[]){{"n", at->integer, 0},
						{"leaves", at->array, 8},
						{"any", at->any, 208},
						{"text", at->slice, 224}},
			      4);
	m->bytes[at->deep + 8] = 232;
	put_map(m);
	at->itab = put_word(m, BASE + at->stringer);
	put_word(m, BASE + at->leaf);
	put_word(m, UINT32_C(0xabc00000) + GO_KIND_STRUCT);
	m->t->rt.module_count = 1;
	m->t->rt.modules[0].types = BASE;
	m->t->rt.modules[0].etypes = BASE + SIZE;
	return m;
}

static void image_free(struct image *m)
{
	go_target_free(m->t);
	free(m);
}

static const struct go_desc *find(struct image *m, struct go_types *types, uint32_t at,
				  const char *name)
{
	const struct go_desc *desc = go_types_at(types, BASE + at);

	ck_assert_msg(desc != NULL, "1.%u: %s was refused", m->t->rt.layout.minor, name);
	ck_assert_str_eq(desc->name, name);
	ck_assert_ptr_eq(go_types_index(types, desc->index), desc);
	ck_assert_ptr_eq(go_types_at(types, BASE + at), desc);
	return desc;
}

START_TEST(descriptors)
{
	struct image *m = image_new(go_target_minors[_i]);
	struct go_types *types = go_types_new(&m->t->rt);
	const struct go_desc *desc, *inter;

	find(m, types, m->at.integer, "int");
	find(m, types, m->at.slice, "[]uint8");
	desc = find(m, types, m->at.leaf, "main.leaf");
	ck_assert_uint_eq(desc->field_count, 4);
	ck_assert_str_eq(desc->fields[1].name, "p");
	ck_assert_uint_eq(desc->fields[3].offset, 32);
	desc = find(m, types, m->at.array, "[5]main.leaf");
	ck_assert_uint_eq(desc->length, 5);
	desc = find(m, types, m->at.map, "map[string]int");
	ck_assert_int_eq(desc->is_swiss, go_target_minors[_i] >= 24);
	ck_assert_uint_eq(desc->key, BASE + m->at.string);
	ck_assert_uint_eq(desc->bucket, BASE + m->at.group);
	ck_assert(!find(m, types, m->at.any, "interface {}")->has_methods);
	ck_assert(find(m, types, m->at.stringer, "fmt.Stringer")->has_methods);
	desc = go_types_itab(types, BASE + m->at.itab, &inter);
	ck_assert(desc && inter);
	ck_assert_str_eq(desc->name, "main.leaf");
	ck_assert_str_eq(inter->name, "fmt.Stringer");
	ck_assert_ptr_eq(go_types_held(types, true, BASE + m->at.itab), desc);
	ck_assert_ptr_eq(go_types_held(types, false, BASE + m->at.leaf), desc);
	ck_assert(!go_types_at(types, BASE + m->at.leaf + 4));
	ck_assert(!go_types_at(types, 0));
	ck_assert(!go_types_at(types, BASE + SIZE));
	ck_assert(!go_types_broken(types));
	go_types_free(types);
	ck_assert_uint_eq(m->t->fake->memory_used, 0);
	image_free(m);
}
END_TEST

START_TEST(slots)
{
	static const struct go_slot want[] = {{8, 40, 5, GO_SLOT_STRING, 0, 0},
					      {24, 40, 5, GO_SLOT_POINTER, 0, 0},
					      {208, 248, 1, GO_SLOT_INTERFACE, 0, 0},
					      {224, 248, 1, GO_SLOT_SLICE, 0, 0}};
	static const struct {
		uint64_t offset;
		const char *path, *leaf;
	} paths[] = {{0, ".n", "int"},
		     {8, ".leaves[0].a", "string"},
		     {16, ".leaves[0].a", "string"},
		     {24 + 40 * 3, ".leaves[3].p", "*int"},
		     {8 + 40 * 4 + 32, ".leaves[4].m", "int"},
		     {216, ".any", "interface {}"},
		     {240, ".text", "[]uint8"}};
	struct image *m = image_new(go_target_minors[_i]);
	struct go_types *types = go_types_new(&m->t->rt);
	const struct go_desc *deep = find(m, types, m->at.deep, "main.deep"), *leaf;
	const struct go_slot *list;
	struct go_slot one;
	char path[64];
	uint32_t count;

	ck_assert(go_desc_slots(types, deep, &list, &count));
	ck_assert_uint_eq(count, G_N_ELEMENTS(want));
	for (uint32_t i = 0; i < count; i++) {
		ck_assert_uint_eq(list[i].offset, want[i].offset);
		ck_assert_uint_eq(list[i].stride, want[i].stride);
		ck_assert_uint_eq(list[i].count, want[i].count);
		ck_assert_uint_eq(list[i].kind, want[i].kind);
	}
	for (uint32_t i = 0; i < G_N_ELEMENTS(paths); i++) {
		go_desc_path(types, deep, paths[i].offset, path, sizeof(path), &leaf);
		ck_assert_str_eq(path, paths[i].path);
		ck_assert_str_eq(leaf->name, paths[i].leaf);
	}
	ck_assert_uint_eq(go_desc_path(types, deep, 8, path, 5, NULL), 4);
	ck_assert_str_eq(path, ".lea");
	ck_assert(go_desc_slot_at(types, deep, 24 + 40 * 2, &one));
	ck_assert_uint_eq(one.kind, GO_SLOT_POINTER);
	ck_assert_uint_eq(one.offset, 24 + 40 * 2);
	ck_assert(!go_desc_slot_at(types, deep, 0, &one));
	ck_assert(!go_desc_slot_at(types, deep, 8 + 32, &one));
	ck_assert(!go_desc_slot_at(types, deep, 1000, &one));
	go_types_free(types);
	image_free(m);
}
END_TEST

/* One word changed so that the parts no longer agree. */
START_TEST(lies)
{
	struct image *m = image_new(go_target_minors[_i]);
	const struct made *at = &m->at;
	const struct {
		uint32_t desc, offset;
		uint64_t word;
	} told[] = {{at->leaf, 0, 48 + 1},
		    {at->leaf, 8, 16},
		    {at->leaf, 8, 48},
		    {at->leaf, 56, 0x1000},
		    {at->leaf, 64, 5},
		    {at->leaf, 64, 1u << 30},
		    {at->array, 0, 240},
		    {at->array, 64, 6},
		    {at->array, 8, 200},
		    {at->array, 48, BASE + SIZE},
		    {at->pointer, 0, 16},
		    {at->pointer, 48, 0},
		    {at->slice, 8, 24},
		    {at->map, 8, 0},
		    {at->map, 48, 8},
		    {at->map, 64, BASE + at->leaf},
		    {at->any, 64, UINT64_C(1) << 40},
		    {at->integer, 16, UINT64_C(63) << 56},
		    {at->integer, 40, UINT32_C(0x7fffffff)},
		    {at->integer, 40, 1}};

	for (uint32_t i = 0; i < G_N_ELEMENTS(told); i++) {
		struct go_types *types = go_types_new(&m->t->rt);
		uint8_t old[8];

		memcpy(old, m->bytes + told[i].desc + told[i].offset, 8);
		memcpy(m->bytes + told[i].desc + told[i].offset, &told[i].word, 8);
		ck_assert_msg(!go_types_at(types, BASE + told[i].desc), "lie %u was believed", i);
		memcpy(m->bytes + told[i].desc + told[i].offset, old, 8);
		go_types_free(types);
	}
	image_free(m);
}
END_TEST

static void use_everything(struct image *m)
{
	struct go_types *types = go_types_new(&m->t->rt);
	const struct go_slot *list;
	struct go_slot one;
	char text[64];
	uint32_t count;

	ck_assert(types && go_types_scan(types));
	for (uint32_t i = 1; i <= go_types_count(types); i++) {
		const struct go_desc *desc = go_types_index(types, i);

		go_desc_slots(types, desc, &list, &count);
		go_desc_package(types, desc, text, sizeof(text));
		for (uint64_t at = 0; at < 300; at += 20) {
			go_desc_path(types, desc, at, text, sizeof(text), NULL);
			go_desc_slot_at(types, desc, at, &one);
		}
	}
	go_types_held(types, true, BASE + m->at.itab);
	go_types_free(types);
}

/* Any bits, and bits of the words that matter. */
START_TEST(damaged)
{
	struct image *m = image_new(go_target_minors[_i]);
	GRand *rand = g_rand_new_with_seed(go_target_minors[_i]);

	for (int i = 0; i < 300; i++) {
		const uint32_t at =
		    (uint32_t)g_rand_int_range(rand, 16, (gint32)m->piece->used - 8);
		const uint32_t width = 1u << g_rand_int_range(rand, 0, 4);
		uint64_t old, new = (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);

		memcpy(&old, m->bytes + at, 8);
		if (g_rand_boolean(rand))
			new = old ^ UINT64_C(1) << g_rand_int_range(rand, 0, 64);
		if (g_rand_int_range(rand, 0, 4) == 0)
			new = BASE + (uint32_t)g_rand_int_range(rand, 0, SIZE / 8) * 8;
		memcpy(m->bytes + at, &new, width);
		use_everything(m);
		memcpy(m->bytes + at, &old, 8);
	}
	ck_assert_uint_eq(m->t->fake->memory_used, 0);
	g_rand_free(rand);
	image_free(m);
}
END_TEST

/* Types that contain themselves end somewhere; so does memory. */
START_TEST(hostile)
{
	struct image *m = image_new(go_target_minors[_i]);
	const struct go_desc *desc;
	const struct go_slot *list;
	struct go_types *types;
	uint32_t count;
	const uint64_t self = BASE + m->at.leaf, fields = m->at.leaf + 56;
	uint64_t at, whole[2] = {8, 8};

	/* main.leaf has one field: itself. */
	memcpy(&at, m->bytes + fields, 8);
	memcpy(m->bytes + (at - BASE) + 8, &self, 8);
	memcpy(m->bytes + m->at.leaf, whole, 16);
	memcpy(m->bytes + fields + 8, &(uint64_t){1}, 8);
	memcpy(m->bytes + fields + 16, &(uint64_t){1}, 8);
	types = go_types_new(&m->t->rt);
	desc = go_types_at(types, self);
	ck_assert(desc != NULL);
	ck_assert(!go_desc_slots(types, desc, &list, &count));
	go_types_free(types);
	for (uint64_t limit = 1; limit < 40; limit++) {
		m->t->fake->resize_calls = 0;
		m->t->fake->resize_fail_at = limit;
		types = go_types_new(&m->t->rt);
		if (types) {
			go_types_scan(types);
			go_types_free(types);
		}
		m->t->fake->resize_fail_at = 0;
		ck_assert_uint_eq(m->t->fake->memory_used, 0);
	}
	image_free(m);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("descriptors");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, descriptors, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, slots, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, lies, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, damaged, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, hostile, 0, GO_TARGET_VERSIONS);
	return run_case("go types", tcase);
}
