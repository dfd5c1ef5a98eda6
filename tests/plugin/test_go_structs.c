/* SPDX-License-Identifier: Apache-2.0 */
/* typestructs.c of plugins/go alone: what is a channel, a map or a part of one by its contents.
 * Each number that is out of bounds, and each pointer that leads elsewhere, makes it none. */
#include "../../plugins/go/holders.h"
#include "../../plugins/go/pclntab.h"
#include "../runner.h"
#include "go_target.h"
#include <stdlib.h>
#include <string.h>

#define HEAP UINT64_C(0xc000000000)

enum { ROOM = 512, BLOCKS = 8 };
/* Blocks, each at the start of ROOM bytes: the one asked about, what it leads to. */
enum { SUBJECT = 0, FIRST, SECOND, THIRD };

struct block {
	uint64_t bytes;
	uint64_t bits; /* Words that are pointers. */
	bool is_noscan;
};

struct image {
	struct go_target *t;
	struct block blocks[BLOCKS];
	struct go_span span; /* Of all. */
	struct go_guess offered;
	uint32_t offers;
};

static struct image *image;
static const struct go_desc elem = {.head = {.addr = 0x500000, .size = 16, .ptrdata = 8}};
static const struct go_desc flat = {.head = {.addr = 0x500100, .size = 16}};
static const struct go_desc chan_desc = {.head = {.addr = 0x500200}};
static const struct go_desc map_desc = {.head = {.addr = 0x500300}};

/* Of a struct; all classes here are multiples of 16. */
static uint64_t class_of(enum go_field size)
{
	return (image->t->rt.layout.at[size] + 15) / 16 * 16;
}

static hw_addr block(uint32_t n)
{
	return HEAP + n * ROOM;
}

const struct go_runtime *go_blocks_runtime(const struct go_block_types *blocks G_GNUC_UNUSED)
{
	return &image->t->rt;
}

struct go_types *go_block_types_cache(struct go_block_types *blocks G_GNUC_UNUSED)
{
	return NULL;
}

bool go_block_place(const struct go_block_types *blocks G_GNUC_UNUSED, hw_addr addr,
		    struct go_place *ret)
{
	const uint64_t n = (addr - HEAP) / ROOM;

	if (addr < HEAP || n >= BLOCKS || addr - block((uint32_t)n) >= image->blocks[n].bytes)
		return false;
	*ret = (struct go_place){.span = &image->span,
				 .first = block((uint32_t)n),
				 .slot = block((uint32_t)n),
				 .bytes = image->blocks[n].bytes,
				 .is_noscan = image->blocks[n].is_noscan};
	return true;
}

void go_wanted_span(const struct go_runtime *rt G_GNUC_UNUSED, const struct go_wanted *w,
		    const struct go_span *span)
{
	ck_assert_ptr_eq(span, &image->span);
	*w->bits |= image->blocks[(w->start - HEAP) / ROOM].bits;
}

bool go_place_is_class_of(const struct go_runtime *rt G_GNUC_UNUSED, const struct go_place *place,
			  uint64_t bytes)
{
	uint64_t size = 16;

	while (size < bytes && size < 4096)
		size += 16;
	return size == place->bytes;
}

bool go_blocks_word(struct go_block_types *blocks G_GNUC_UNUSED, hw_addr addr, uint64_t *ret)
{
	return go_word(&image->t->rt, addr, ret);
}

const struct go_desc *go_types_at(struct go_types *types G_GNUC_UNUSED, hw_addr addr)
{
	return addr == elem.head.addr ? &elem : addr == flat.head.addr ? &flat : NULL;
}

/* The first word of a block with a header says of what. */
const struct go_desc *go_place_header(struct go_block_types *blocks G_GNUC_UNUSED,
				      const struct go_place *place)
{
	return place->first == block(SECOND) ? &elem : NULL;
}

const struct go_desc *go_types_around(struct go_types *types G_GNUC_UNUSED, uint8_t kind,
				      hw_addr part)
{
	ck_assert_uint_eq(part, elem.head.addr);
	return kind == GO_KIND_CHAN ? &chan_desc : &map_desc;
}

bool go_blocks_offer(struct go_block_types *blocks G_GNUC_UNUSED, const struct go_guess *guess)
{
	image->offered = *guess;
	image->offers++;
	return true;
}

/* What timers call, by entry. */
enum { SEND_TIME = 0x401000, GO_FUNC = 0x402000, PARK = 0x403000 };

bool go_func_find(const struct go_runtime *rt G_GNUC_UNUSED, hw_addr pc, struct go_func *ret)
{
	*ret = (struct go_func){.entry = pc & ~UINT64_C(0xfff), .name = (uint32_t)(pc >> 12)};
	return pc >= SEND_TIME && pc < PARK + 0x1000;
}

void go_func_name(const struct go_runtime *rt G_GNUC_UNUSED,
		  const struct go_moduledata *module G_GNUC_UNUSED, uint32_t name, char *buf,
		  uint64_t size)
{
	g_strlcpy(buf,
		  name == SEND_TIME >> 12 ? "time.sendTime"
		  : name == GO_FUNC >> 12 ? "time.goFunc"
					  : "time.goFunctions",
		  size);
}

static struct go_field_desc timer_fields[2];
static struct go_desc timers[2]; /* Timer, Ticker. */

const struct go_desc *go_blocks_known(const struct go_block_types *blocks G_GNUC_UNUSED,
				      enum go_known which)
{
	return which == GO_KNOWN_TIMER ? &timers[0] : which == GO_KNOWN_TICKER ? &timers[1] : NULL;
}

/* By bits alone: those of a timer are its size here. */
uint32_t go_guess_fits(struct go_block_types *blocks G_GNUC_UNUSED, const struct go_place *place,
		       const struct go_guess *guess)
{
	return image->blocks[(place->first - HEAP) / ROOM].bits == guess->desc->head.size ? 2 : 1;
}

bool go_desc_is(struct go_types *types G_GNUC_UNUSED, const struct go_desc *desc G_GNUC_UNUSED,
		const char *name G_GNUC_UNUSED, const char *package G_GNUC_UNUSED)
{
	return false;
}

static void set(uint32_t n, enum go_field field, uint64_t value)
{
	go_target_set(image->t, block(n), field, value);
}

static void setup_of(uint32_t minor)
{
	image = calloc(1, sizeof(*image));
	image->t = go_target_new();
	go_layout_init(&image->t->rt.layout, minor);
	go_target_piece(image->t, HEAP, BLOCKS * ROOM, HW_PERM_R | HW_PERM_W);
}

static void teardown(void)
{
	go_target_free(image->t);
	free(image);
}

static bool is_one(enum go_form form, const struct go_desc *desc)
{
	struct go_place place;
	bool is_one = false;

	image->offers = 0;
	ck_assert(go_block_place(NULL, block(SUBJECT), &place));
	ck_assert(go_seed_struct(NULL, &place, &is_one));
	ck_assert_uint_eq(image->offers, is_one);
	if (is_one) {
		ck_assert_int_eq(image->offered.form, form);
		ck_assert_ptr_eq(image->offered.desc, desc);
		ck_assert_uint_eq(image->offered.at, block(SUBJECT));
		ck_assert_int_eq(image->offered.how, GO_HOW_PROPAGATED);
	}
	return is_one;
}

/* One word after the other is something else; then all is as it was. */
struct lie {
	uint32_t block, offset;
	uint64_t word;
};

static void expect_lies(enum go_form form, const struct go_desc *desc, const struct lie *lies,
			uint32_t count)
{
	ck_assert(is_one(form, desc));
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *at = go_target_at(image->t, block(lies[i].block) + lies[i].offset, 8);
		uint64_t old;

		memcpy(&old, at, 8);
		memcpy(at, &lies[i].word, 8);
		ck_assert_msg(!is_one(form, desc), "1.%u: lie %u was believed",
			      image->t->rt.layout.minor, i);
		memcpy(at, &old, 8);
	}
	for (uint32_t n = SUBJECT; n <= FIRST; n++) { /* Of another size class. */
		const struct block old = image->blocks[n];

		image->blocks[n].bytes = n == SUBJECT ? old.bytes + 16 : 8;
		ck_assert(!is_one(form, desc));
		image->blocks[n] = old;
	}
	image->blocks[SUBJECT].bits = 0;
	ck_assert(!is_one(form, desc));
}

START_TEST(channels)
{
	const struct go_layout *l;

	setup_of(go_target_minors[_i]);
	l = &image->t->rt.layout;
	image->blocks[SUBJECT] = (struct block){class_of(GO_HCHAN_SIZE), 4, false};
	image->blocks[FIRST] = (struct block){64, 0, false};
	ck_assert_uint_eq(l->at[GO_HCHAN_BUF], 16);
	set(SUBJECT, GO_HCHAN_QCOUNT, 4);
	set(SUBJECT, GO_HCHAN_DATAQSIZ, 4);
	set(SUBJECT, GO_HCHAN_BUF, block(FIRST));
	set(SUBJECT, GO_HCHAN_ELEMSIZE, 16);
	set(SUBJECT, GO_HCHAN_ELEMTYPE, elem.head.addr);
	{
		const struct lie lies[] = {{0, l->at[GO_HCHAN_QCOUNT], 5},
					   {0, l->at[GO_HCHAN_DATAQSIZ], 0},
					   {0, l->at[GO_HCHAN_DATAQSIZ], 3},
					   {0, l->at[GO_HCHAN_DATAQSIZ], 16},
					   {0, l->at[GO_HCHAN_DATAQSIZ], UINT64_C(1) << 60},
					   {0, l->at[GO_HCHAN_DATAQSIZ], UINT64_MAX},
					   {0, l->at[GO_HCHAN_BUF], 0},
					   {0, l->at[GO_HCHAN_BUF], block(FIRST) + 16},
					   {0, l->at[GO_HCHAN_BUF], block(BLOCKS)},
					   {0, l->at[GO_HCHAN_ELEMSIZE], 8},
					   {0, l->at[GO_HCHAN_ELEMTYPE], 0},
					   {0, l->at[GO_HCHAN_ELEMTYPE], flat.head.addr}};

		expect_lies(GO_FORM_CHAN, &chan_desc, lies, G_N_ELEMENTS(lies));
	}
	teardown();
}
END_TEST

/* used, capacity, growthLeft of 16 bits; index; groups; lengthMask: 32 slots in 4 groups. */
static void put_table(uint32_t at, uint32_t groups)
{
	image->blocks[at] = (struct block){32, 4, false};
	image->blocks[groups] = (struct block){256, 0, false};
	go_target_word(image->t, block(at), 20 | 32 << 16 | UINT64_C(8) << 32);
	go_target_word(image->t, block(at) + 16, block(groups));
	go_target_word(image->t, block(at) + 24, 3);
}

START_TEST(tables)
{
	const struct lie lies[] = {
	    {0, 0, 29 | 32 << 16 | UINT64_C(8) << 32}, /* Fuller than full. */
	    {0, 0, 20 | 31 << 16},
	    {0, 0, 0 | 4 << 16},
	    {0, 0, UINT64_C(2048) << 16},
	    {0, 16, 0},
	    {0, 16, block(SECOND) + 8},
	    {0, 16, block(BLOCKS)},
	    {0, 24, 4},
	    {0, 24, UINT64_MAX}};

	setup_of(24 + (uint32_t)_i);
	put_table(SUBJECT, SECOND);
	ck_assert(is_one(GO_FORM_TABLE, &map_desc));
	for (uint32_t i = 0; i < G_N_ELEMENTS(lies); i++) {
		uint64_t old;

		memcpy(&old, go_target_at(image->t, block(0) + lies[i].offset, 8), 8);
		go_target_word(image->t, block(0) + lies[i].offset, lies[i].word);
		ck_assert_msg(!is_one(GO_FORM_TABLE, &map_desc), "lie %u was believed", i);
		go_target_word(image->t, block(0) + lies[i].offset, old);
	}
	image->blocks[SECOND].bytes = 48; /* Too small for four groups. */
	ck_assert(!is_one(GO_FORM_TABLE, &map_desc));
	teardown();
}
END_TEST

START_TEST(swiss)
{
	const struct go_layout *l;

	setup_of(24 + (uint32_t)_i);
	l = &image->t->rt.layout;
	image->blocks[SUBJECT] =
	    (struct block){class_of(GO_MAP_SIZE), UINT64_C(1) << l->at[GO_MAP_DIRPTR] / 8, false};
	image->blocks[FIRST] = (struct block){32, 0xf, false}; /* Four tables. */
	put_table(THIRD, SECOND);
	set(SUBJECT, GO_MAP_USED, 20);
	set(SUBJECT, GO_MAP_DIRPTR, block(FIRST));
	set(SUBJECT, GO_MAP_DIRLEN, 4);
	set(SUBJECT, GO_MAP_GLOBALDEPTH, 2);
	set(SUBJECT, GO_MAP_GLOBALSHIFT, 62);
	go_target_word(image->t, block(FIRST), block(THIRD));
	{
		const struct lie lies[] = {{0, l->at[GO_MAP_DIRPTR], 0},
					   {0, l->at[GO_MAP_DIRPTR], block(FIRST) + 8},
					   {0, l->at[GO_MAP_DIRPTR], block(SUBJECT)},
					   {0, l->at[GO_MAP_DIRLEN], 3},
					   {0, l->at[GO_MAP_DIRLEN], UINT64_C(1) << 62},
					   {0, l->at[GO_MAP_GLOBALDEPTH], 0x3f3f},
					   {0, l->at[GO_MAP_GLOBALDEPTH], 0xffff},
					   {FIRST, 0, 0},
					   {FIRST, 0, block(THIRD) + 8},
					   {FIRST, 0, block(FIRST)}, /* A directory of itself. */
					   {FIRST, 0, block(SUBJECT)},
					   {THIRD, 24, 7}};

		expect_lies(GO_FORM_MAP, &map_desc, lies, G_N_ELEMENTS(lies));
	}
	teardown();
}
END_TEST

START_TEST(hmaps)
{
	const struct go_layout *l;

	setup_of(12 + (uint32_t)_i);
	l = &image->t->rt.layout;
	image->blocks[SUBJECT] = (struct block){class_of(GO_HMAP_SIZE),
						UINT64_C(1) << l->at[GO_HMAP_BUCKETS] / 8 |
						    UINT64_C(1) << l->at[GO_HMAP_OLDBUCKETS] / 8 |
						    UINT64_C(1) << l->at[GO_HMAP_EXTRA] / 8,
						false};
	image->blocks[FIRST] = (struct block){256, 0, false};
	image->blocks[SECOND] = (struct block){128, 0, false};
	set(SUBJECT, GO_HMAP_COUNT, 20);
	set(SUBJECT, GO_HMAP_B, 2);
	set(SUBJECT, GO_HMAP_BUCKETS, block(FIRST));
	set(SUBJECT, GO_HMAP_OLDBUCKETS, block(SECOND));
	{
		const uint32_t at = l->at[GO_HMAP_FLAGS];
		const struct lie lies[] = {{0, l->at[GO_HMAP_COUNT], 65},
					   {0, l->at[GO_HMAP_COUNT], UINT64_MAX},
					   {0, l->at[GO_HMAP_BUCKETS], 0},
					   {0, l->at[GO_HMAP_BUCKETS], block(FIRST) + 8},
					   {0, l->at[GO_HMAP_BUCKETS], block(BLOCKS) + 64},
					   {0, l->at[GO_HMAP_OLDBUCKETS], block(SECOND) + 8},
					   {0, l->at[GO_HMAP_OLDBUCKETS], 0x1000},
					   {0, at, 0x0210}, /* Flags there are not. */
					   {0, at, 0x0500}, /* 2^5 buckets in 256 bytes. */
					   {0, at, 0xff00}};

		ck_assert_uint_eq(l->at[GO_HMAP_B], at + 1);
		expect_lies(GO_FORM_MAP, NULL, lies, G_N_ELEMENTS(lies));
	}
	/* The header of its buckets says which map it is. */
	image->blocks[SUBJECT].bits = UINT64_C(1) << l->at[GO_HMAP_BUCKETS] / 8 |
				      UINT64_C(1) << l->at[GO_HMAP_OLDBUCKETS] / 8 |
				      UINT64_C(1) << l->at[GO_HMAP_EXTRA] / 8;
	set(SUBJECT, GO_HMAP_BUCKETS, block(SECOND));
	ck_assert(is_one(GO_FORM_MAP, &map_desc));
	teardown();
}
END_TEST

/* A time.Timer and a time.Ticker, with the runtime's part behind one word (to 1.22) or two. */
START_TEST(timer)
{
	const uint32_t minor = GO_FIRST + (uint32_t)_i;
	const uint64_t part = minor < 23 ? 8 : 16;
	const uint64_t size = minor < 23 ? 80 : 112;
	hw_addr runtime;

	setup_of(minor);
	runtime = block(SUBJECT) + part;
	timer_fields[0] = (struct go_field_desc){.name = minor < 23 ? "C" : "c"};
	timer_fields[1] =
	    (struct go_field_desc){.name = minor < 23 ? "r" : "timer", .offset = part};
	for (uint32_t i = 0; i < 2; i++)
		timers[i] = (struct go_desc){
		    .head = {.size = size}, .fields = timer_fields, .field_count = 2};
	image->blocks[SUBJECT] = (struct block){.bytes = size, .bits = size};
	go_target_set(image->t, runtime, GO_TIMER_F, block(FIRST));
	go_target_word(image->t, block(FIRST), SEND_TIME);
	ck_assert(is_one(GO_FORM_VALUE, &timers[0]));
	ck_assert_uint_eq(image->offered.bytes, size);
	go_target_word(image->t, block(FIRST), GO_FUNC);
	ck_assert(is_one(GO_FORM_VALUE, &timers[0]));
	go_target_set(image->t, runtime, GO_TIMER_PERIOD, 1000);
	ck_assert(is_one(GO_FORM_VALUE, &timers[1]));
	/* Calls something else, the middle of a function, nothing; is of another size or has other
	 * pointers. */
	go_target_word(image->t, block(FIRST), PARK);
	ck_assert(!is_one(GO_FORM_VALUE, NULL));
	go_target_word(image->t, block(FIRST), SEND_TIME + 16);
	ck_assert(!is_one(GO_FORM_VALUE, NULL));
	go_target_set(image->t, runtime, GO_TIMER_F, 0);
	ck_assert(!is_one(GO_FORM_VALUE, NULL));
	go_target_set(image->t, runtime, GO_TIMER_F, block(FIRST));
	go_target_word(image->t, block(FIRST), SEND_TIME);
	image->blocks[SUBJECT].bits--;
	ck_assert(!is_one(GO_FORM_VALUE, NULL));
	image->blocks[SUBJECT].bits++;
	ck_assert(is_one(GO_FORM_VALUE, &timers[1]));
	image->blocks[SUBJECT].bytes += 16;
	ck_assert(!is_one(GO_FORM_VALUE, NULL));
	memset(timers, 0, sizeof(timers));
	teardown();
}
END_TEST

START_TEST(noise)
{
	GRand *rand = g_rand_new_with_seed(go_target_minors[_i]);

	setup_of(go_target_minors[_i]);
	for (int i = 0; i < 3000; i++) {
		struct go_place place;
		bool is_one;

		for (uint32_t n = 0; n < BLOCKS; n++)
			image->blocks[n] =
			    (struct block){(uint64_t)g_rand_int_range(rand, 1, 8) * 16,
					   UINT64_C(1) << g_rand_int_range(rand, 0, 8), false};
		for (uint32_t w = 0; w < 12; w++)
			go_target_word(image->t, block(SUBJECT) + w * 8,
				       g_rand_boolean(rand)
					   ? HEAP + (uint32_t)g_rand_int_range(rand, 0, 4096)
					   : (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand));
		ck_assert(go_block_place(NULL, block(SUBJECT), &place));
		ck_assert(go_seed_struct(NULL, &place, &is_one));
	}
	g_rand_free(rand);
	teardown();
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("structs");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, channels, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, tables, 0, 3);
	tcase_add_loop_test(tcase, swiss, 0, 3);
	tcase_add_loop_test(tcase, hmaps, 0, 12);
	tcase_add_loop_test(tcase, timer, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, noise, 0, GO_TARGET_VERSIONS);
	return run_case("go structs", tcase);
}
