/* SPDX-License-Identifier: Apache-2.0 */
#include "go_rooted.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

struct rooted *rooted_new(void)
{
	struct rooted *m = calloc(1, sizeof(*m));

	m->t = go_target_new();
	m->tables = go_target_piece(m->t, ROOTED_TABLES, 16384, HW_PERM_R);
	m->data = go_target_piece(m->t, ROOTED_DATA, 8192, HW_PERM_R | HW_PERM_W);
	m->out = go_target_piece(m->t, ROOTED_OUT, 131072, HW_PERM_R | HW_PERM_W);
	return m;
}

void rooted_free(struct rooted *m)
{
	go_target_free(m->t);
	free(m);
}

hw_addr rooted_object(uint32_t n)
{
	return ROOTED_HEAP + OBJECTS * GO_PAGE + n * 64;
}

hw_addr rooted_g(uint32_t n)
{
	return ROOTED_HEAP + GS * GO_PAGE + n * 512;
}

hw_addr rooted_p(const struct rooted *m, uint32_t n)
{
	return ROOTED_HEAP + (n ? P1 : P0) * GO_PAGE + (m->t->rt.layout.minor >= 22 ? 8 : 0);
}

hw_addr rooted_out(struct rooted *m, uint64_t size)
{
	return go_target_room(m->out, size, 64);
}

void rooted_slice(const struct rooted *m, hw_addr at, hw_addr ptr, uint64_t len, uint64_t cap)
{
	go_target_word(m->t, at, ptr);
	go_target_word(m->t, at + 8, len);
	go_target_word(m->t, at + 16, cap);
}

/* A header that is no type, or bits for all words: everything may be a pointer. */
static void fill_heap(struct rooted *m)
{
	static const struct {
		uint32_t page, pages;
		uint64_t elemsize;
	} spans[] = {{OBJECTS, 1, 64},    {GS, 1, 512},  {P0, 2, 2 * GO_PAGE}, {P1, 2, 2 * GO_PAGE},
		     {ARRAY, 1, GO_PAGE}, {STACK, 1, 0}, {SUDOGS, 1, 128}};

	go_target_piece(m->t, ROOTED_HEAP, (uint64_t)PAGES * GO_PAGE, HW_PERM_R | HW_PERM_W);
	for (uint32_t i = 0; i < G_N_ELEMENTS(spans); i++) {
		const hw_addr start = ROOTED_HEAP + (hw_addr)spans[i].page * GO_PAGE;
		struct go_span *span = go_target_span(
		    m->t, start, spans[i].pages, spans[i].elemsize, 5 << 1, rooted_out(m, 256));

		if (m->t->rt.layout.minor < 22 || !spans[i].elemsize)
			continue;
		if (spans[i].elemsize > 512) {
			go_target_word(m->t, start, 8);
			continue;
		}
		span->nelems--;
		memset(go_target_at(m->t, start + GO_PAGE - 128, 128), 0xff, 128);
	}
}

/* runtime/symtab.go: stackmap: n, nbit, and a byte or two of bits. */
static hw_addr put_map(struct rooted *m, uint32_t bits)
{
	const uint32_t head[] = {1, 14, bits};

	return go_target_put(m->tables, head, sizeof(head), 8);
}

static void fill_functions(struct rooted *m)
{
	static const struct {
		uint32_t entry;
		const char *name;
	} list[] = {{F_MAIN, "main.main"},
		    {F_LEAF, "main.leaf"},
		    {F_GOEXIT, "runtime.goexit"},
		    {F_GOFUNC, "time.goFunc"},
		    {F_SENDTIME, "time.sendTime"},
		    {F_READY, "runtime.goroutineReady"},
		    {F_OTHER, "main.other"},
		    {F_CLEANUP, "sync.poolCleanup"},
		    {F_PIN, "sync.(*Pool).pinSlow"},
		    {F_STORE, "sync.(*Map).Store"},
		    {F_ASSIGN, "runtime.mapassign_faststr"}};
	static const int32_t frame_sp[][2] = {{ROOTED_FRAME, 0x100}, {0, 0}};
	static const int32_t flat_sp[][2] = {{0, 0x100}, {0, 0}};
	static const int32_t first_map[][2] = {{0, 0x100}, {0, 0}};
	const struct go_tables t = {m->t, m->tables, ROOTED_TEXT};
	uint32_t pairs[G_N_ELEMENTS(list) + 1][2];

	go_target_room(m->tables, 8, 8); /* Offset 0 is no name and no table. */
	m->locals = put_map(m, 0);
	m->args = put_map(m, 0);
	m->objects = go_target_room(m->tables, 128, 8);
	for (uint32_t i = 0; i < G_N_ELEMENTS(list); i++) {
		const bool is_frame = list[i].entry <= F_LEAF, is_exit = list[i].entry == F_GOEXIT;
		struct go_table_function f = {.entry = list[i].entry, .name = list[i].name};

		f.pcsp = go_tables_pcs(&t, is_frame ? frame_sp : flat_sp);
		f.id = is_exit ? GO_ID_GOEXIT : GO_ID_NORMAL;
		f.flag = is_exit ? GO_FLAG_TOPFRAME : 0;
		if (list[i].entry == F_LEAF) {
			f.stackmap = go_tables_pcs(&t, first_map);
			f.locals_map = (uint32_t)(m->locals - ROOTED_TABLES);
			f.args_map = (uint32_t)(m->args - ROOTED_TABLES);
			f.objects = (uint32_t)(m->objects - ROOTED_TABLES);
			f.args = 14 * 8;
		}
		pairs[i][0] = list[i].entry;
		pairs[i][1] = go_tables_function(&t, &f);
	}
	pairs[G_N_ELEMENTS(list)][0] = F_END;
	pairs[G_N_ELEMENTS(list)][1] = 0;
	go_tables_finish(&t, (const uint32_t(*)[2])pairs, G_N_ELEMENTS(pairs), 0, 0,
			 &m->t->rt.modules[0]);
}

void rooted_fill(struct rooted *m)
{
	struct go_runtime *rt = &m->t->rt;
	struct go_moduledata *md = &rt->modules[0];

	fill_heap(m);
	fill_functions(m);
	rt->module_count = 1;
	rt->image.name = "test";
	rt->image.start = ROOTED_TEXT;
	rt->image.end = ROOTED_DATA + 8192;
	rt->image.segments[0] =
	    (struct go_segment){ROOTED_TEXT, ROOTED_DATA, HW_PERM_R | HW_PERM_X};
	rt->image.segments[1] =
	    (struct go_segment){ROOTED_DATA, ROOTED_DATA + 8192, HW_PERM_R | HW_PERM_W};
	rt->image.segment_count = 2;
	md->types = ROOTED_TABLES;
	md->rodata = ROOTED_TABLES;
	md->data = ROOTED_DATA;
	md->edata = md->data + ROOTED_SECTION;
	md->bss = ROOTED_BSS;
	md->ebss = md->bss + ROOTED_SECTION;
	md->gcdatamask = (struct go_slice){go_target_room(m->tables, 8, 8), ROOTED_SECTION / 8, 0};
	md->gcbssmask = (struct go_slice){go_target_room(m->tables, 8, 8), ROOTED_SECTION / 8, 0};
}

void rooted_damage(const struct rooted *m, const struct rooted_range *ranges, uint32_t count,
		   struct rooted_range targets, uint32_t times, void (*run)(void))
{
	GRand *rand = g_rand_new_with_seed(m->t->rt.layout.minor);

	for (uint32_t i = 0; i < times; i++) {
		const struct rooted_range *range =
		    &ranges[g_rand_int_range(rand, 0, (gint32)count)];
		const uint32_t word =
		    (uint32_t)g_rand_int_range(rand, 0, (gint32)(range->size / 8));
		uint8_t *at = go_target_at(m->t, range->start + (hw_addr)word * 8, 8);
		uint64_t old, new = (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);

		memcpy(&old, at, 8);
		if (g_rand_boolean(rand))
			new = targets.start +
			      (uint32_t)g_rand_int_range(rand, 0, (gint32)targets.size);
		if (g_rand_int_range(rand, 0, 3) == 0)
			new = old ^ UINT64_C(1) << g_rand_int_range(rand, 0, 64);
		memcpy(at, &new, 8);
		run();
		memcpy(at, &old, 8);
	}
	g_rand_free(rand);
}

uint32_t rooted_count(const struct rooted *m, hw_addr slot, const char *name)
{
	uint32_t count = 0;

	for (guint i = 0; i < m->t->fake->roots->len; i++) {
		const struct fake_root *r = &g_array_index(m->t->fake->roots, struct fake_root, i);

		count +=
		    (r->slot ? r->slot : r->value) == slot && (!name || !strcmp(r->name, name));
	}
	return count;
}

void rooted_total(const struct rooted *m, uint64_t count)
{
	ck_assert_msg(m->t->fake->root_count == count, "1.%u: %llu roots, not %llu",
		      m->t->rt.layout.minor, (unsigned long long)m->t->fake->root_count,
		      (unsigned long long)count);
}

void rooted_incomplete(const struct rooted *m, const char *what)
{
	ck_assert_msg(m->t->fake->incomplete, "1.%u: %s was not noticed", m->t->rt.layout.minor,
		      what);
}

void rooted_complete(const struct rooted *m)
{
	if (m->t->fake->incomplete)
		fake_print(m->t->fake, "not complete");
	ck_assert(!m->t->fake->incomplete);
}
