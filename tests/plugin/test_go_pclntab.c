/* SPDX-License-Identifier: Apache-2.0 */
/* pclntab and unwinding of plugins/go, on tables and a stack written here in the format of
 * each version, whole and damaged. */
#include "../../plugins/go/unwind.h"
#include "../runner.h"
#include "go_tables.h"
#include <stdlib.h>
#include <string.h>

#define BASE  UINT64_C(0x500000) /* Of the image. */
#define SIZE  8192u
#define TEXT  UINT64_C(0x401000)
#define STACK UINT64_C(0xc000010000)
#define ROOM  1024u
#define G_AT  (STACK + ROOM) /* The g lies behind its stack. */

enum { MAIN = 0, LEAF = 0x100, GOEXIT = 0x180, SIGPANIC = 0x1a0, END = 0x1c0 };

struct image {
	struct go_target *t;
	uint8_t *bytes, *stack;
	uint32_t used; /* Of bytes. */
};

static hw_addr put_inlined(const struct go_tables *t, uint32_t name, int32_t parent_pc)
{
	const uint32_t old[5] = {UINT32_C(0xffff), 0, 0, name, (uint32_t)parent_pc};
	const uint32_t new[4] = {0, name, (uint32_t)parent_pc, 7};

	return t->m->rt.layout.minor < 20 ? go_target_put(t->piece, old, sizeof(old), 4)
					  : go_target_put(t->piece, new, sizeof(new), 4);
}

static void put_tables(struct image *m, struct go_target_piece *piece)
{
	static const int32_t one_file[][2] = {{1, 0x100}, {0, 0}};
	static const int32_t main_sp[][2] = {{0, 4}, {0x28, 0x100}, {0, 0}};
	static const int32_t leaf_sp[][2] = {{0, 4}, {0x18, 0x80}, {0, 0}};
	static const int32_t flat_sp[][2] = {{0, 0x20}, {0, 0}};
	static const int32_t main_ln[][2] = {{10, 0x20}, {11, 0x100}, {0, 0}};
	static const int32_t leaf_ln[][2] = {
	    {300, 0x20}, {20, 0x40}, {5, 0x60}, {21, 0x80}, {0, 0}};
	static const int32_t leaf_inl[][2] = {{-1, 0x40}, {0, 0x60}, {-1, 0x80}, {0, 0}};
	static const int32_t leaf_map[][2] = {{2, 0x80}, {0, 0}};
	const struct go_tables t = {m->t, piece, TEXT};
	struct go_table_function f = {.name = "main.main"};
	uint32_t ftab[5][2] = {{MAIN, 0}, {LEAF, 0}, {GOEXIT, 0}, {SIGPANIC, 0}, {END, 0}};
	uint32_t names[2], tiny, files;

	go_target_room(piece, 8, 8); /* Offset 0 is no name and no table. */
	names[0] = (uint32_t)(go_target_put_text(piece, "/src/none.go") - BASE);
	names[1] = (uint32_t)(go_target_put_text(piece, "/src/main.go") - BASE);
	files = (uint32_t)(go_target_put(piece, names, sizeof(names), 4) - BASE);
	f.pcfile = go_tables_pcs(&t, one_file);
	f.pcsp = go_tables_pcs(&t, main_sp);
	f.pcln = go_tables_pcs(&t, main_ln);
	ftab[0][1] = go_tables_function(&t, &f);
	tiny = (uint32_t)(go_target_put_text(piece, "example%2ecom/a.tiny[go.shape.int]") - BASE);
	f.inldata = (uint32_t)(put_inlined(&t, tiny, 0x20) - BASE);
	f.name = "main.leaf";
	f.entry = LEAF;
	f.pcsp = go_tables_pcs(&t, leaf_sp);
	f.pcln = go_tables_pcs(&t, leaf_ln);
	f.inltree = go_tables_pcs(&t, leaf_inl);
	f.stackmap = go_tables_pcs(&t, leaf_map);
	f.locals_map = f.inldata;
	ftab[1][1] = go_tables_function(&t, &f);
	f = (struct go_table_function){
	    .name = "runtime.goexit", .entry = GOEXIT, .flag = GO_FLAG_TOPFRAME};
	f.pcsp = go_tables_pcs(&t, flat_sp);
	f.id = GO_ID_GOEXIT;
	ftab[2][1] = go_tables_function(&t, &f);
	f = (struct go_table_function){.name = "runtime.sigpanic", .entry = SIGPANIC};
	f.pcsp = go_tables_pcs(&t, flat_sp);
	f.id = GO_ID_SIGPANIC;
	ftab[3][1] = go_tables_function(&t, &f);
	go_tables_finish(&t, (const uint32_t(*)[2])ftab, 5, files, 2, &m->t->rt.modules[0]);
	m->t->rt.module_count = 1;
	m->used = (uint32_t)piece->used;
}

static void put_word(struct image *m, uint64_t addr, uint64_t value)
{
	go_target_word(m->t, addr, value);
}

static void set_g(struct image *m, enum go_field field, uint64_t value)
{
	go_target_set(m->t, G_AT, field, value);
}

/* leaf, called by main at 0x50, called by goexit. */
static void put_stack(struct image *m)
{
	const uint64_t sp = STACK + 0x200;

	put_word(m, sp + 0x18, TEXT + MAIN + 0x50);
	put_word(m, sp + 0x20 + 0x28, TEXT + GOEXIT + 1);
	set_g(m, GO_G_STACK_LO, STACK);
	set_g(m, GO_G_STACK_HI, STACK + ROOM);
	set_g(m, GO_G_SCHED_SP, sp);
	set_g(m, GO_G_SCHED_PC, TEXT + LEAF + 0x51);
	set_g(m, GO_G_ATOMICSTATUS, GO_STATUS_WAITING | GO_STATUS_SCAN);
	set_g(m, GO_G_GOID, 77);
	set_g(m, GO_G_GOPC, TEXT + MAIN + 0x30);
	set_g(m, GO_G_STARTPC, TEXT + MAIN);
}

static struct image *image_new(uint32_t minor)
{
	struct image *m = calloc(1, sizeof(*m));
	struct go_target_piece *tables;

	m->t = go_target_new();
	go_layout_init(&m->t->rt.layout, minor);
	tables = go_target_piece(m->t, BASE, SIZE, HW_PERM_R);
	m->bytes = tables->bytes;
	m->stack = go_target_piece(m->t, STACK, 2 * ROOM, HW_PERM_R)->bytes;
	put_tables(m, tables);
	put_stack(m);
	return m;
}

static void image_free(struct image *m)
{
	go_target_free(m->t);
	free(m);
}

START_TEST(functions)
{
	struct image *m = image_new(go_target_minors[_i]);
	struct go_func f;
	char name[64];

	for (uint32_t pc = 0; pc < END; pc++) {
		static const uint32_t starts[] = {MAIN, LEAF, GOEXIT, SIGPANIC, END};
		uint32_t want = 0;

		while (pc >= starts[want + 1])
			want++;
		ck_assert(go_func_find(&m->t->rt, TEXT + pc, &f));
		ck_assert_uint_eq(f.entry, TEXT + starts[want]);
		ck_assert_uint_eq(f.end, TEXT + starts[want + 1]);
	}
	ck_assert(!go_func_find(&m->t->rt, TEXT - 1, &f));
	ck_assert(!go_func_find(&m->t->rt, TEXT + END, &f));
	ck_assert(go_func_find(&m->t->rt, TEXT + GOEXIT, &f));
	ck_assert_int_eq(f.id, GO_ID_GOEXIT);
	ck_assert(go_func_find(&m->t->rt, TEXT + SIGPANIC, &f));
	ck_assert_int_eq(f.id, GO_ID_SIGPANIC);
	go_func_name(&m->t->rt, f.module, f.name, name, sizeof(name));
	ck_assert_str_eq(name, "runtime.sigpanic");
	go_func_name(&m->t->rt, f.module, f.name, name, 8);
	ck_assert_str_eq(name, "runtime");
	image_free(m);
}
END_TEST

START_TEST(tables)
{
	struct image *m = image_new(go_target_minors[_i]);
	struct go_func f;
	int32_t value, line;
	char file[64];

	ck_assert(go_func_find(&m->t->rt, TEXT + LEAF, &f));
	ck_assert(go_func_spdelta(&m->t->rt, &f, TEXT + LEAF + 3, &value));
	ck_assert_int_eq(value, 0);
	ck_assert(go_func_spdelta(&m->t->rt, &f, TEXT + LEAF + 4, &value));
	ck_assert_int_eq(value, 0x18);
	ck_assert(!go_pcvalue(&m->t->rt, &f, f.pcsp, f.end, &value));
	ck_assert(!go_pcvalue(&m->t->rt, &f, 0, f.entry, &value));
	ck_assert(go_func_line(&m->t->rt, &f, TEXT + LEAF + 1, file, sizeof(file), &line));
	ck_assert_str_eq(file, "/src/main.go");
	ck_assert_int_eq(line, 300);
	ck_assert(go_func_line(&m->t->rt, &f, TEXT + LEAF + 0x7f, file, sizeof(file), &line));
	ck_assert_int_eq(line, 21);
	ck_assert_int_eq(go_pcdata(&m->t->rt, &f, GO_PCDATA_STACKMAP, f.entry), 2);
	ck_assert_int_eq(go_pcdata(&m->t->rt, &f, GO_PCDATA_INLTREE, f.entry), -1);
	ck_assert_uint_ne(go_funcdata(&m->t->rt, &f, GO_FUNCDATA_LOCALS), 0);
	ck_assert_uint_eq(go_funcdata(&m->t->rt, &f, GO_FUNCDATA_LOCALS),
			  go_funcdata(&m->t->rt, &f, GO_FUNCDATA_INLTREE));
	ck_assert_uint_eq(go_funcdata(&m->t->rt, &f, GO_FUNCDATA_ARGINFO), 0);
	image_free(m);
}
END_TEST

START_TEST(inlining)
{
	struct image *m = image_new(go_target_minors[_i]);
	struct go_call calls[GO_CALLS_MAX];
	struct go_func f;
	char name[64];

	ck_assert(go_func_find(&m->t->rt, TEXT + LEAF, &f));
	ck_assert_uint_eq(go_func_calls(&m->t->rt, &f, TEXT + LEAF + 0x50, calls), 2);
	ck_assert(calls[0].is_inlined);
	ck_assert(!calls[1].is_inlined);
	ck_assert_uint_eq(calls[0].pc, TEXT + LEAF + 0x50);
	ck_assert_uint_eq(calls[1].pc, TEXT + LEAF + 0x20);
	go_func_name(&m->t->rt, f.module, calls[0].name, name, sizeof(name));
	go_name_clean(name);
	ck_assert_str_eq(name, "example.com/a.tiny[...]");
	ck_assert_uint_eq(go_func_calls(&m->t->rt, &f, TEXT + LEAF + 0x60, calls), 1);
	image_free(m);
}
END_TEST

START_TEST(unwinding)
{
	static const hw_addr want[] = {TEXT + LEAF + 0x50, TEXT + MAIN + 0x4f, TEXT + GOEXIT};
	struct image *m = image_new(go_target_minors[_i]);
	struct go_sites *sites = go_sites_new(&m->t->rt);
	struct go_walk walk;
	struct go_frame frame;
	struct go_g g;
	uint32_t n = 0;

	ck_assert(go_g_read(&m->t->rt, G_AT, &g));
	ck_assert_uint_eq(g.goid, 77);
	ck_assert_uint_eq(g.status, GO_STATUS_WAITING);
	ck_assert(go_walk_start(&walk, &m->t->rt, sites, &g));
	while (go_walk_next(&walk, &frame)) {
		ck_assert_uint_lt(n, G_N_ELEMENTS(want));
		ck_assert_uint_eq(frame.sym_pc, want[n++]);
	}
	ck_assert_uint_eq(n, G_N_ELEMENTS(want));
	ck_assert(!walk.is_cut);

	/* What sigpanic interrupted is no return address. */
	set_g(m, GO_G_SCHED_PC, TEXT + SIGPANIC + 8);
	put_word(m, g.sched_sp, TEXT + LEAF + 0x30);
	set_g(m, GO_G_SCHED_SP, g.sched_sp);
	put_word(m, g.sched_sp + 8 + 0x18, TEXT + MAIN + 0x50);
	put_word(m, g.sched_sp + 8 + 0x20 + 0x28, TEXT + GOEXIT + 1);
	ck_assert(go_g_read(&m->t->rt, G_AT, &g));
	ck_assert(go_walk_start(&walk, &m->t->rt, sites, &g));
	ck_assert(go_walk_next(&walk, &frame));
	ck_assert(go_walk_next(&walk, &frame));
	ck_assert_uint_eq(frame.sym_pc, TEXT + LEAF + 0x30);
	ck_assert(go_walk_next(&walk, &frame));
	ck_assert(go_walk_next(&walk, &frame));
	ck_assert(!go_walk_next(&walk, &frame));
	ck_assert(!walk.is_cut);
	go_sites_free(sites);
	ck_assert_uint_eq(m->t->fake->memory_used, 0);
	image_free(m);
}
END_TEST

/* A running goroutine whose thread is not there, a stack pointer elsewhere, a return address
 * outside Go code: each ends the walk and says why. */
START_TEST(cut)
{
	struct image *m = image_new(go_target_minors[_i]);
	struct go_sites *sites = go_sites_new(&m->t->rt);
	struct go_walk walk;
	struct go_frame frame;
	struct go_g g, bad;

	ck_assert(go_g_read(&m->t->rt, G_AT, &g));
	bad = g;
	bad.status = GO_STATUS_RUNNING;
	ck_assert(!go_walk_start(&walk, &m->t->rt, sites, &bad));
	ck_assert(walk.is_cut && walk.why);
	bad = g;
	bad.sched_sp = STACK - 8;
	ck_assert(!go_walk_start(&walk, &m->t->rt, sites, &bad));
	bad = g;
	bad.status = 9999;
	ck_assert(!go_walk_start(&walk, &m->t->rt, sites, &bad));
	put_word(m, g.sched_sp + 0x18, TEXT + END + 5);
	ck_assert(go_walk_start(&walk, &m->t->rt, sites, &g));
	ck_assert(go_walk_next(&walk, &frame));
	ck_assert(!go_walk_next(&walk, &frame));
	ck_assert(walk.is_cut && walk.why);
	go_sites_free(sites);
	image_free(m);
}
END_TEST

static void use_everything(struct image *m)
{
	struct go_sites *sites = go_sites_new(&m->t->rt);
	struct go_call calls[GO_CALLS_MAX];
	struct go_walk walk;
	struct go_frame frame;
	struct go_func f;
	struct go_g g;
	char text[100];
	int32_t line;
	uint32_t frames = 0;

	for (uint32_t pc = 0; pc < END; pc += 13) {
		if (!go_func_find(&m->t->rt, TEXT + pc, &f))
			continue;
		for (uint32_t n = go_func_calls(&m->t->rt, &f, TEXT + pc, calls); n-- > 0;)
			go_func_name(&m->t->rt, f.module, calls[n].name, text, sizeof(text));
		go_name_clean(text);
		go_func_line(&m->t->rt, &f, TEXT + pc, text, sizeof(text), &line);
		go_pcdata(&m->t->rt, &f, GO_PCDATA_STACKMAP, TEXT + pc);
		go_funcdata(&m->t->rt, &f, GO_FUNCDATA_STACKOBJECTS);
	}
	if (go_g_read(&m->t->rt, G_AT, &g) && go_walk_start(&walk, &m->t->rt, sites, &g))
		while (go_walk_next(&walk, &frame))
			ck_assert_uint_lt(frames++, ROOM / 8);
	go_sites_free(sites);
}

START_TEST(damaged)
{
	struct image *m = image_new(go_target_minors[_i]);
	GRand *rand = g_rand_new_with_seed(go_target_minors[_i]);

	for (int i = 0; i < 3000; i++) {
		const bool in_stack = g_rand_int_range(rand, 0, 4) == 0;
		uint8_t *bytes = in_stack ? m->stack : m->bytes;
		const uint32_t size = in_stack ? 2 * ROOM : m->used;
		const uint32_t at = (uint32_t)g_rand_int_range(rand, 0, (gint32)size - 8);
		uint64_t old, new = (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);
		const uint32_t width = 1u << g_rand_int_range(rand, 0, 4);

		memcpy(&old, bytes + at, 8);
		if (g_rand_boolean(rand))
			new = old ^ UINT64_C(1) << g_rand_int_range(rand, 0, 64);
		memcpy(bytes + at, &new, width);
		use_everything(m);
		memcpy(bytes + at, &old, 8);
	}
	ck_assert_uint_eq(m->t->fake->memory_used, 0);
	g_rand_free(rand);
	image_free(m);
}
END_TEST

START_TEST(names)
{
	static const char *const pairs[][2] = {
	    {"gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun",
	     "gopkg.in/natefinch/lumberjack.v2.(*Logger).millRun"},
	    {"main.Map[go.shape.int,go.shape.string].func1", "main.Map[...].func1"},
	    {"main.Map[...]", "main.Map[...]"},
	    {"100%", "100%"},
	    {"a%0ab", "a%0ab"},
	    {"a%zz%2", "a%zz%2"},
	    {"", ""},
	    {"]x[", "]x["},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
		char name[100];

		g_strlcpy(name, pairs[i][0], sizeof(name));
		go_name_clean(name);
		ck_assert_str_eq(name, pairs[i][1]);
	}
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("tables");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, functions, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, tables, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, inlining, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, unwinding, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, cut, 0, GO_TARGET_VERSIONS);
	tcase_add_loop_test(tcase, damaged, 0, GO_TARGET_VERSIONS);
	tcase_add_test(tcase, names);
	return run_case("go pclntab", tcase);
}
