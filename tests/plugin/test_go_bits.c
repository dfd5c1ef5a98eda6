/* SPDX-License-Identifier: Apache-2.0 */
/* Which words of the heap are pointers: bits.c and typemask.c of plugins/go on the records of each
 * version, written here. What is there is told to the word, for any window; of what is missing or
 * makes no sense every word counts. */
#include "../../plugins/go/bits.h"
#include "../runner.h"
#include "go_target.h"
#include <stdlib.h>
#include <string.h>

#define HEAP     UINT64_C(0xc000000000)
#define ARENA    UINT64_C(0x7f0000000000) /* Of the heapArena. */
#define TYPES    UINT64_C(0x500000)
#define MSPANS   UINT64_C(0x7f0100000000)
#define PAGES    8u
#define WORDS    (PAGES * GO_PAGE / 8)
#define TYPEROOM 65536u

/* Spans of one page each: what they hold. */
enum { SMALL = 0, NOSCAN, HEADERS, BAD, STACK, LARGE /* Three pages. */ };

struct image {
	struct go_target *t;
	struct go_target_piece *types, *heap;
	uint64_t want[WORDS / 64];
	uint64_t found[WORDS / 64];
};

static hw_addr span_at(uint32_t page)
{
	return HEAP + (hw_addr)page * GO_PAGE;
}

static void want(struct image *m, hw_addr addr)
{
	m->want[(addr - HEAP) / 512] |= UINT64_C(1) << ((addr - HEAP) / 8 % 64);
}

static void want_all(struct image *m, hw_addr from, hw_addr to)
{
	for (; from < to; from += 8)
		want(m, from);
}

static bool is_wanted(const struct image *m, hw_addr addr)
{
	return m->want[(addr - HEAP) / 512] >> ((addr - HEAP) / 8 % 64) & 1;
}

/* Sets the bit of a word where its version has it: the arena's bitmap, or the end of the span. */
static void set_bit(struct image *m, const struct go_span *span, hw_addr addr, bool inline_marks)
{
	const struct go_runtime *rt = &m->t->rt;
	const uint64_t in_arena = (addr - HEAP) / 8, in_span = (addr - span->start) / 8;
	const hw_addr bitmap = ARENA + rt->layout.at[GO_HEAPARENA_BITMAP];
	const uint64_t bytes = go_span_bytes(span);

	if (rt->layout.minor < 20)
		*go_target_at(m->t, bitmap + in_arena / 4, 1) |= (uint8_t)(1 << in_arena % 4);
	else if (rt->layout.minor < 22)
		*go_target_at(m->t, bitmap + in_arena / 8, 1) |= (uint8_t)(1 << in_arena % 8);
	else
		*go_target_at(
		    m->t, span->start + bytes - bytes / 64 - (inline_marks ? 128 : 0) + in_span / 8,
		    1) |= (uint8_t)(1 << in_span % 8);
}

/* Descriptor of a type with a plain mask of up to 64 words. */
static hw_addr put_type(struct image *m, uint64_t size, uint64_t ptrdata, uint64_t mask,
			uint8_t kind)
{
	const hw_addr bits = go_target_put_word(m->types, mask);
	const hw_addr at = go_target_room(m->types, 80, 8);

	go_target_word(m->t, at, size);
	go_target_word(m->t, at + 8, ptrdata);
	go_target_store(m->t, at + 23, kind, 1);
	go_target_word(m->t, at + 32, bits);
	return at;
}

/* Without a mask: a program to 1.23, later on demand and not made yet. */
static void take_mask(struct image *m, hw_addr type)
{
	if (m->t->rt.layout.minor >= 24) {
		go_target_store(m->t, type + 20, 1 << 4, 1);
		go_target_word(m->t, type + 32, go_target_put_word(m->types, 0));
	} else {
		*go_target_at(m->t, type + 23, 1) |= 1 << 6;
	}
}

static hw_addr put_array(struct image *m, hw_addr elem, uint64_t size, uint64_t ptrdata,
			 uint64_t count)
{
	const hw_addr at = put_type(m, size, ptrdata, 0, GO_KIND_ARRAY);

	go_target_word(m->t, at + 48, elem);
	go_target_word(m->t, at + 64, count);
	take_mask(m, at);
	return at;
}

struct member {
	hw_addr type;
	uint64_t offset;
};

static hw_addr put_struct(struct image *m, uint64_t size, uint64_t ptrdata,
			  const struct member *members, uint32_t count)
{
	const hw_addr at = put_type(m, size, ptrdata, 0, GO_KIND_STRUCT);
	const hw_addr fields = go_target_room(m->types, (uint64_t)count * 24, 8);

	for (uint32_t i = 0; i < count; i++) {
		go_target_word(m->t, fields + i * 24 + 8, members[i].type);
		go_target_word(m->t, fields + i * 24 + 16,
			       members[i].offset << (m->t->rt.layout.minor < 19));
	}
	go_target_word(m->t, at + 56, fields);
	go_target_word(m->t, at + 64, count);
	go_target_word(m->t, at + 72, count);
	take_mask(m, at);
	return at;
}

static struct image *image_new(uint32_t minor)
{
	struct image *m = calloc(1, sizeof(*m));
	struct go_target *t = m->t = go_target_new();
	static struct go_arena arena = {HEAP, ARENA};

	go_layout_init(&t->rt.layout, minor);
	m->heap = go_target_piece(t, HEAP, (uint64_t)PAGES * GO_PAGE, HW_PERM_R | HW_PERM_W);
	m->types = go_target_piece(t, TYPES, TYPEROOM, HW_PERM_R);
	go_target_piece(t, MSPANS, 4096, HW_PERM_R | HW_PERM_W);
	if (minor < 22)
		go_target_piece(t, ARENA, 4096, HW_PERM_R);
	t->rt.heap.arenas = &arena;
	t->rt.heap.arena_count = 1;
	go_target_span(t, span_at(SMALL), 1, 48, 5 << 1, MSPANS);
	go_target_span(t, span_at(NOSCAN), 1, 48, 5 << 1 | 1, MSPANS + 512);
	go_target_span(t, span_at(HEADERS), 1, 1024, 26 << 1, MSPANS + 1024);
	go_target_span(t, span_at(BAD), 1, 48, 5 << 1, MSPANS + 1536)->flags = GO_SPAN_BAD;
	go_target_span(t, span_at(STACK), 1, 0, 0, MSPANS + 2048);
	go_target_span(t, span_at(LARGE), 3, 3 * GO_PAGE, 0, MSPANS + 2560);
	return m;
}

static void image_free(struct image *m)
{
	go_target_free(m->t);
	free(m);
}

static void ask(struct image *m, hw_addr from, hw_addr to)
{
	memset(m->found, 0, sizeof(m->found));
	ck_assert(go_pointers((void *)&m->t->rt, GO_TARGET_HEAP, from, to, m->found));
}

/* The whole heap, and windows of it. */
static void expect(struct image *m)
{
	GRand *rand = g_rand_new_with_seed(m->t->rt.layout.minor);

	ask(m, HEAP, HEAP + WORDS * 8);
	for (uint32_t i = 0; i < WORDS; i++) /* Check's own asserts take long. */
		if ((m->found[i / 64] >> i % 64 & 1) != is_wanted(m, HEAP + i * 8))
			ck_abort_msg("1.%u: page %u, offset %u is%s a pointer",
				     m->t->rt.layout.minor, i * 8 / GO_PAGE, i * 8 % GO_PAGE,
				     m->found[i / 64] >> i % 64 & 1 ? "" : " not");
	for (uint32_t n = 0; n < 200; n++) {
		const uint32_t first = (uint32_t)g_rand_int_range(rand, 0, WORDS);
		const uint32_t end = (uint32_t)g_rand_int_range(rand, (gint32)first + 1, WORDS + 1);

		ask(m, HEAP + first * 8, HEAP + end * 8);
		for (uint32_t i = 0; i < (uint32_t)sizeof(m->found) * 8; i++)
			if ((m->found[i / 64] >> i % 64 & 1) !=
			    (i < end - first && is_wanted(m, HEAP + (first + i) * 8)))
				ck_abort_msg("1.%u: words %u to %u: word %u", m->t->rt.layout.minor,
					     first, end, first + i);
	}
	g_rand_free(rand);
}

/* Every third word of the spans that have bits. */
static void put_bits(struct image *m, uint32_t span_number, bool inline_marks)
{
	const struct go_span *span = &m->t->spans[span_number];
	const hw_addr end = span->start + span->nelems * span->elemsize;

	for (hw_addr at = span->start; at < end; at += 24) {
		set_bit(m, span, at, inline_marks);
		want(m, at);
	}
}

START_TEST(small)
{
	struct image *m = image_new(go_target_minors[_i]);
	const bool has_headers = m->t->rt.layout.minor >= 22;

	/* The bits lie in the span itself, behind the slots. */
	m->t->spans[SMALL].nelems = has_headers ? (GO_PAGE - 128 - 128) / 48 : GO_PAGE / 48;
	put_bits(m, SMALL, false);
	if (!has_headers) {
		put_bits(m, HEADERS, false);
		put_bits(m, LARGE, false);
	}
	expect(m);
	ck_assert(!go_pointers((void *)&m->t->rt, GO_TARGET_HEAP + 1, HEAP, HEAP + 64, m->found));
	ck_assert_int_eq(go_span_has_headers(&m->t->rt, &m->t->spans[HEADERS]), has_headers);
	ck_assert(!go_span_has_headers(&m->t->rt, &m->t->spans[SMALL]));
	ck_assert(!go_span_has_headers(&m->t->rt, &m->t->spans[LARGE]));
	image_free(m);
}
END_TEST

/* Green Tea: 128 bytes of marks behind the bits, of the spans whose page has the bit. */
START_TEST(inline_marks)
{
	struct image *m = image_new(25 + (uint32_t)_i);
	const hw_addr pages = ARENA + m->t->rt.layout.at[GO_HEAPARENA_PAGEUSESPANINLINEMARKBITS];

	go_target_piece(m->t, pages, 1024, HW_PERM_R);
	go_target_store(m->t, pages, 1 << SMALL, 1);
	m->t->spans[SMALL].nelems = (GO_PAGE - 256) / 48;
	put_bits(m, SMALL, true);
	expect(m);
	image_free(m);
}
END_TEST

/* The bitmap, the header or the type is not there: every word may be one. */
START_TEST(missing)
{
	struct image *m = image_new(go_target_minors[_i]);
	struct go_target *t = m->t;
	const bool has_headers = t->rt.layout.minor >= 22;

	t->spans[SMALL].nelems = (GO_PAGE - 256) / 48;
	if (has_headers) { /* Bits are lost with their span. */
		for (uint32_t i = 0; i < 8; i++)
			go_target_word(t, span_at(HEADERS) + i * 1024, TYPES + TYPEROOM - 8 + i);
		for (uint32_t i = 0; i < 8; i++)
			want_all(m, span_at(HEADERS) + i * 1024 + 8,
				 span_at(HEADERS) + (i + 1) * 1024);
		t->spans[LARGE].addr = 0; /* Its mspan, too. */
		want_all(m, span_at(LARGE), span_at(LARGE) + 3 * GO_PAGE);
	} else {
		t->rt.heap.arena_count = 0;
		want_all(m, span_at(SMALL), span_at(NOSCAN));
		want_all(m, span_at(HEADERS), span_at(BAD));
		want_all(m, span_at(LARGE), span_at(LARGE) + 3 * GO_PAGE);
	}
	expect(m);
	image_free(m);
}
END_TEST

/* From 1.22: types repeat from behind the header to the end of the slot. */
START_TEST(headers)
{
	struct image *m = image_new(22 + (uint32_t)_i);
	const hw_addr leaf = put_type(m, 40, 24, 5, GO_KIND_STRUCT); /* Words 0 and 2. */
	const hw_addr whole = put_type(m, 1008, 504, UINT64_C(1) << 62 | 1, GO_KIND_STRUCT);
	const hw_addr none = put_type(m, 16, 0, 0, GO_KIND_STRUCT);
	const hw_addr types[] = {leaf, whole, none, 0};

	for (uint32_t i = 0; i < 8; i++)
		go_target_word(m->t, span_at(HEADERS) + i * 1024, types[i % 4]);
	go_target_set(m->t, MSPANS + 2560, GO_MSPAN_LARGETYPE, leaf);
	for (hw_addr slot = span_at(HEADERS); slot < span_at(BAD); slot += 4096) {
		for (hw_addr at = slot + 8; at < slot + 1024; at += 40) {
			want(m, at);
			if (at + 16 < slot + 1024)
				want(m, at + 16);
		}
		want(m, slot + 1024 + 8);
		want(m, slot + 1024 + 8 + 62 * 8);
		want(m, slot + 1024 + 8 + 1008); /* A second one begins there. */
	}
	for (hw_addr at = span_at(LARGE); at < span_at(LARGE) + 3 * GO_PAGE; at += 40) {
		want(m, at);
		if (at + 16 < span_at(LARGE) + 3 * GO_PAGE)
			want(m, at + 16);
	}
	expect(m);
	image_free(m);
}
END_TEST

/* Types that have no mask are taken apart. */
START_TEST(built)
{
	struct image *m = image_new(22 + (uint32_t)_i);
	const hw_addr pointer = put_type(m, 8, 8, 1, GO_KIND_POINTER);
	const hw_addr number = put_type(m, 8, 0, 0, GO_KIND_INT);
	const hw_addr any = put_type(m, 16, 16, 2, GO_KIND_INTERFACE);
	const hw_addr text = put_type(m, 16, 8, 1, GO_KIND_STRING);
	const hw_addr pair = put_struct(
	    m, 48, 40, (struct member[]){{number, 0}, {pointer, 8}, {text, 16}, {any, 32 - 8}}, 3);
	const hw_addr list = put_array(m, pair, 48 * 100, 48 * 99 + 24, 100);
	const hw_addr all =
	    put_struct(m, 48 * 100 + 24, 48 * 100 + 24,
		       (struct member[]){{pointer, 0}, {list, 8}, {any, 48 * 100 + 8}}, 3);

	/* The interface counts as two words to the compiler, one of which is a pointer. */
	go_target_word(m->t, any + 8, 16);
	go_target_word(m->t, pair + 8, 24);
	go_target_set(m->t, MSPANS + 2560, GO_MSPAN_LARGETYPE, all);
	for (hw_addr base = span_at(LARGE), end = base + 3 * GO_PAGE; base < end;
	     base += 48 * 100 + 24) {
		const hw_addr places[] = {base, base + 48 * 100 + 16};

		for (uint32_t i = 0; i < 2; i++)
			if (places[i] < end)
				want(m, places[i]);
		for (hw_addr at = base + 8; at < base + 8 + 48 * 100; at += 48) {
			if (at + 8 < end)
				want(m, at + 8);
			if (at + 16 < end)
				want(m, at + 16);
		}
	}
	expect(m);
	image_free(m);
}
END_TEST

/* One type for the large object, of which something makes no sense: all of it counts. */
static void expect_all(struct image *m, hw_addr type, const char *what)
{
	go_target_set(m->t, MSPANS + 2560, GO_MSPAN_LARGETYPE, type);
	ask(m, span_at(LARGE), span_at(LARGE) + 3 * GO_PAGE);
	for (uint32_t i = 0; i < 3 * GO_PAGE / 8; i++)
		if (!(m->found[i / 64] >> i % 64 & 1))
			ck_abort_msg("1.%u, %s: word %u is no pointer", m->t->rt.layout.minor, what,
				     i);
}

START_TEST(hostile)
{
	struct image *m = image_new(22 + (uint32_t)_i);
	const hw_addr pointer = put_type(m, 8, 8, 1, GO_KIND_POINTER);
	const hw_addr odd = put_type(m, 12, 8, 1, GO_KIND_STRUCT);
	const hw_addr long_tail = put_type(m, 16, 24, 1, GO_KIND_STRUCT);
	const hw_addr self = put_struct(m, 3 * GO_PAGE, 3 * GO_PAGE, (struct member[]){{0, 0}}, 1);
	const hw_addr many = put_array(m, pointer, 3 * GO_PAGE, 3 * GO_PAGE, UINT64_C(1) << 60);
	const hw_addr outside =
	    put_struct(m, 3 * GO_PAGE, 3 * GO_PAGE, (struct member[]){{pointer, 3 * GO_PAGE}}, 1);
	const hw_addr unfit = put_type(m, 3 * GO_PAGE, 3 * GO_PAGE, 0, GO_KIND_INT);
	hw_addr nested = pointer, wide;
	struct member same[64];
	uint64_t fields;

	expect_all(m, TYPES + 4, "a type between words");
	expect_all(m, TYPES - 4096, "a type outside");
	expect_all(m, odd, "a size that is no number of words");
	expect_all(m, long_tail, "pointers behind the end");
	/* Its field is the type itself. */
	memcpy(&fields, go_target_at(m->t, self + 56, 8), 8);
	go_target_word(m->t, fields + 8, self);
	expect_all(m, self, "a struct inside itself");
	expect_all(m, many, "an array longer than itself");
	expect_all(m, outside, "a field behind the end");
	memcpy(&fields, go_target_at(m->t, outside + 56, 8), 8);
	go_target_word(m->t, fields + 16, (3 * GO_PAGE + 8) << (m->t->rt.layout.minor < 19));
	expect_all(m, outside, "a field far behind the end");
	take_mask(m, unfit);
	expect_all(m, unfit, "a number with pointers");
	for (uint32_t i = 0; i < 70; i++)
		nested =
		    put_array(m, nested, i < 69 ? 8 : 3 * GO_PAGE, i < 69 ? 8 : 3 * GO_PAGE, 1);
	expect_all(m, nested, "nested 70 deep");
	go_target_word(m->t, self + 64, UINT64_C(1) << 40);
	expect_all(m, self, "more fields than there can be");
	/* 64 fields in one place, of a type like it, six times over: 64^6 ways. */
	wide = put_type(m, 3 * GO_PAGE, 8, 0, GO_KIND_INT);
	take_mask(m, wide);
	go_target_word(m->t, wide + 8, 8);
	for (uint32_t level = 0; level < 6; level++) {
		for (uint32_t i = 0; i < 64; i++)
			same[i] = (struct member){level ? wide : pointer, 0};
		wide = put_struct(m, 3 * GO_PAGE, 3 * GO_PAGE, same, 64);
	}
	expect_all(m, wide, "fields in one place");
	image_free(m);
}
END_TEST

/* Any bits of the types, the spans' own and the bitmap. */
START_TEST(damaged)
{
	struct image *m = image_new(go_target_minors[_i]);
	GRand *rand = g_rand_new_with_seed(go_target_minors[_i]);
	const hw_addr pointer = put_type(m, 8, 8, 1, GO_KIND_POINTER);
	const hw_addr pair =
	    put_struct(m, 48, 40, (struct member[]){{pointer, 8}, {pointer, 32}}, 2);
	const hw_addr list = put_array(m, pair, 4800, 4800 - 8, 100);

	for (uint32_t i = 0; i < 8; i++)
		go_target_word(m->t, span_at(HEADERS) + i * 1024, i % 2 ? pair : list);
	if (go_has(&m->t->rt.layout, GO_MSPAN_LARGETYPE))
		go_target_set(m->t, MSPANS + 2560, GO_MSPAN_LARGETYPE, list);
	for (int i = 0; i < 400; i++) {
		uint8_t *at =
		    m->types->bytes + g_rand_int_range(rand, 0, (gint32)m->types->used - 8);
		uint64_t old, new = (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);

		memcpy(&old, at, 8);
		if (g_rand_boolean(rand))
			new = old ^ UINT64_C(1) << g_rand_int_range(rand, 0, 64);
		memcpy(at, &new, 8);
		ask(m, HEAP, HEAP + WORDS * 8);
		ask(m, HEAP + 8 * (hw_addr)g_rand_int_range(rand, 0, 4000), HEAP + WORDS * 8);
		memcpy(at, &old, 8);
	}
	g_rand_free(rand);
	image_free(m);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("words");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, small, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, inline_marks, 0, 2);
	tcase_add_loop_test(tcase, missing, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, headers, 0, 5);
	tcase_add_loop_test(tcase, built, 0, 5);
	tcase_add_loop_test(tcase, hostile, 0, 5);
	tcase_add_loop_test(tcase, damaged, 0, GO_TARGET_VERSIONS);
	return run_case("go bits", tcase);
}
