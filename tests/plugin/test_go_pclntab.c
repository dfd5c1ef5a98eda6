/* SPDX-License-Identifier: Apache-2.0 */
/* pclntab and unwinding of plugins/go, on tables and a stack written here in the format of
 * each version, whole and damaged. */
#include "../../plugins/go/unwind.h"
#include "fake_host.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

#define BASE  UINT64_C(0x500000) /* Of the image. */
#define SIZE  8192u
#define TEXT  UINT64_C(0x401000)
#define STACK UINT64_C(0xc000010000)
#define ROOM  1024u
#define G_AT  (STACK + ROOM) /* The g lies behind its stack. */

enum { MAIN = 0, LEAF = 0x100, GOEXIT = 0x180, SIGPANIC = 0x1a0, END = 0x1c0 };

static const uint32_t minors[] = {12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 24, 25, 26};

struct image {
	uint8_t bytes[SIZE];
	uint8_t stack[2 * ROOM];
	uint32_t used;
	struct go_runtime rt;
	struct fake_host *fake;
};

static uint32_t put(struct image *m, const void *bytes, uint32_t size, uint32_t align)
{
	uint32_t at = (m->used + align - 1) / align * align;

	ck_assert_uint_le(at + size, SIZE);
	memcpy(m->bytes + at, bytes, size);
	m->used = at + size;
	return at;
}

static uint32_t put_text(struct image *m, const char *text)
{
	return put(m, text, (uint32_t)strlen(text) + 1, 1);
}

static void put_varint(struct image *m, uint32_t value)
{
	for (; value >= 0x80; value >>= 7)
		m->bytes[m->used++] = (uint8_t)(value | 0x80);
	m->bytes[m->used++] = (uint8_t)value;
}

/* Pairs of value and the pc offset up to which it holds, ended by an offset of 0. */
static uint32_t put_table(struct image *m, const int32_t (*pairs)[2])
{
	uint32_t at = m->used;
	int32_t value = -1, pc = 0;

	for (; (*pairs)[1]; pairs++) {
		int32_t delta = (*pairs)[0] - value;

		put_varint(m, (uint32_t)delta << 1 ^ (uint32_t)(delta >> 31));
		put_varint(m, (uint32_t)((*pairs)[1] - pc));
		value = (*pairs)[0];
		pc = (*pairs)[1];
	}
	m->bytes[m->used++] = 0;
	return at;
}

static void set(struct image *m, uint32_t at, enum go_field field, uint64_t value)
{
	if (!go_has(&m->rt.layout, field))
		return;
	memcpy(m->bytes + at + m->rt.layout.at[field], &value, m->rt.layout.width[field]);
}

struct function {
	uint32_t entry;
	const char *name;
	uint32_t pcsp, pcfile, pcln, stackmap, inltree, inldata, locals;
	uint8_t id, flag;
};

/* A _func with its pcdata and funcdata. Returns its offset. */
static uint32_t put_function(struct image *m, const struct function *f)
{
	static const uint8_t nothing[64];
	const uint32_t minor = m->rt.layout.minor, size = m->rt.layout.at[GO_FUNC_NFUNCDATA] + 1;
	const uint32_t inl = minor <= 12 ? 2 : minor <= 15 ? 4 : 3;
	uint32_t pcdata[3] = {0}, name = put_text(m, f->name), at;

	pcdata[minor <= 12 ? 0 : 1] = f->stackmap;
	pcdata[minor <= 12 ? 1 : 2] = f->inltree;
	at = put(m, nothing, size, 8);
	set(m, at, GO_FUNC_ENTRY, TEXT + f->entry);
	if (minor >= 18)
		memcpy(m->bytes + at, &f->entry, 4);
	set(m, at, GO_FUNC_NAMEOFF, name);
	set(m, at, GO_FUNC_PCSP, f->pcsp);
	set(m, at, GO_FUNC_PCFILE, f->pcfile);
	set(m, at, GO_FUNC_PCLN, f->pcln);
	set(m, at, GO_FUNC_NPCDATA, 3);
	set(m, at, GO_FUNC_FUNCID, f->id);
	set(m, at, GO_FUNC_FLAG, f->flag);
	set(m, at, GO_FUNC_NFUNCDATA, inl + 1);
	put(m, pcdata, sizeof(pcdata), 4);
	for (uint32_t i = 0; i <= inl; i++) {
		const uint32_t value = i == inl ? f->inldata : i == 1 ? f->locals : 0;
		const uint64_t pointer = value ? BASE + value : 0;
		const uint32_t offset = value ? value : UINT32_MAX;

		if (minor >= 18)
			put(m, &offset, 4, 4);
		else
			put(m, &pointer, 8, 8);
	}
	return at;
}

static uint32_t put_inlined(struct image *m, uint32_t name, int32_t parent_pc)
{
	const uint32_t old[5] = {UINT32_C(0xffff), 0, 0, name, (uint32_t)parent_pc};
	const uint32_t new[4] = {0, name, (uint32_t)parent_pc, 7};

	return m->rt.layout.minor < 20 ? put(m, old, sizeof(old), 4) : put(m, new, sizeof(new), 4);
}

static void put_ftab(struct image *m, const uint32_t (*pairs)[2], uint32_t count,
		     struct go_moduledata *md)
{
	for (uint32_t i = 0; i < count; i++) {
		const uint64_t wide[2] = {TEXT + pairs[i][0], pairs[i][1]};
		uint32_t at;

		at = m->rt.layout.minor >= 18 ? put(m, pairs[i], 8, 8) : put(m, wide, 16, 8);
		if (!i)
			md->ftab.ptr = BASE + at;
	}
	md->ftab.len = md->ftab.cap = count;
}

/* The raw number of an id in this version. */
static uint8_t raw_id(uint32_t minor, enum go_func_id id)
{
	if (id == GO_ID_GOEXIT)
		return minor < 17 ? 2 : minor < 22 ? 7 : 8;
	if (id == GO_ID_SIGPANIC)
		return minor < 17 ? 9 : minor < 18 ? 19 : minor < 22 ? 18 : minor < 25 ? 19 : 20;
	return 0;
}

static void put_tables(struct image *m)
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
	struct go_moduledata *md = &m->rt.modules[0];
	const uint32_t minor = m->rt.layout.minor;
	struct function f = {.name = "main.main", .flag = 0};
	uint32_t ftab[5][2] = {{MAIN, 0}, {LEAF, 0}, {GOEXIT, 0}, {SIGPANIC, 0}, {END, 0}};
	uint32_t files[2], tiny;

	m->used = 8; /* Offset 0 is no name and no table. */
	files[0] = put_text(m, "/src/none.go");
	files[1] = put_text(m, "/src/main.go");
	files[0] = put(m, files, sizeof(files), 4);
	f.pcfile = put_table(m, one_file);
	f.pcsp = put_table(m, main_sp);
	f.pcln = put_table(m, main_ln);
	ftab[0][1] = put_function(m, &f);
	tiny = put_text(m, "example%2ecom/a.tiny[go.shape.int]");
	f.inldata = put_inlined(m, tiny, 0x20);
	f.name = "main.leaf";
	f.entry = LEAF;
	f.pcsp = put_table(m, leaf_sp);
	f.pcln = put_table(m, leaf_ln);
	f.inltree = put_table(m, leaf_inl);
	f.stackmap = put_table(m, leaf_map);
	f.locals = f.inldata;
	ftab[1][1] = put_function(m, &f);
	f = (struct function){.name = "runtime.goexit", .entry = GOEXIT, .flag = GO_FLAG_TOPFRAME};
	f.pcsp = put_table(m, flat_sp);
	f.id = raw_id(minor, GO_ID_GOEXIT);
	ftab[2][1] = put_function(m, &f);
	f = (struct function){.name = "runtime.sigpanic", .entry = SIGPANIC};
	f.pcsp = put_table(m, flat_sp);
	f.id = raw_id(minor, GO_ID_SIGPANIC);
	ftab[3][1] = put_function(m, &f);
	put_ftab(m, (const uint32_t(*)[2])ftab, 5, md);
	md->text = md->minpc = TEXT;
	md->etext = md->maxpc = TEXT + END;
	md->gofunc = BASE;
	md->pclntable = (struct go_slice){BASE, m->used, m->used};
	md->funcnametab = md->pctab = md->pclntable;
	md->cutab = (struct go_slice){BASE + files[0], 2, 2};
	md->filetab = minor < 16 ? md->cutab : md->pclntable;
	m->rt.module_count = 1;
}

static void put_word(struct image *m, uint64_t addr, uint64_t value)
{
	memcpy(m->stack + (addr - STACK), &value, 8);
}

static void set_g(struct image *m, enum go_field field, uint64_t value)
{
	if (go_has(&m->rt.layout, field))
		memcpy(m->stack + (G_AT - STACK) + m->rt.layout.at[field], &value,
		       m->rt.layout.width[field]);
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
	struct fake_segment tables = {BASE,      BASE + SIZE,     SIZE, m->bytes,
				      HW_PERM_R, HW_OWNER_MODULE, 0};
	struct fake_segment stack = {STACK,     STACK + 2 * ROOM, 2 * ROOM,    m->stack,
				     HW_PERM_R, HW_OWNER_ANON,    HW_NO_MODULE};

	go_layout_init(&m->rt.layout, minor);
	put_tables(m);
	put_stack(m);
	m->fake = fake_host_new();
	fake_host_segment(m->fake, &tables);
	fake_host_segment(m->fake, &stack);
	fake_host_ready(m->fake);
	m->rt.host = &m->fake->host;
	return m;
}

static void image_free(struct image *m)
{
	fake_host_free(m->fake);
	free(m);
}

START_TEST(functions)
{
	struct image *m = image_new(minors[_i]);
	struct go_func f;
	char name[64];

	for (uint32_t pc = 0; pc < END; pc++) {
		static const uint32_t starts[] = {MAIN, LEAF, GOEXIT, SIGPANIC, END};
		uint32_t want = 0;

		while (pc >= starts[want + 1])
			want++;
		ck_assert(go_func_find(&m->rt, TEXT + pc, &f));
		ck_assert_uint_eq(f.entry, TEXT + starts[want]);
		ck_assert_uint_eq(f.end, TEXT + starts[want + 1]);
	}
	ck_assert(!go_func_find(&m->rt, TEXT - 1, &f));
	ck_assert(!go_func_find(&m->rt, TEXT + END, &f));
	ck_assert(go_func_find(&m->rt, TEXT + GOEXIT, &f));
	ck_assert_int_eq(f.id, GO_ID_GOEXIT);
	ck_assert(go_func_find(&m->rt, TEXT + SIGPANIC, &f));
	ck_assert_int_eq(f.id, GO_ID_SIGPANIC);
	go_func_name(&m->rt, f.module, f.name, name, sizeof(name));
	ck_assert_str_eq(name, "runtime.sigpanic");
	go_func_name(&m->rt, f.module, f.name, name, 8);
	ck_assert_str_eq(name, "runtime");
	image_free(m);
}
END_TEST

START_TEST(tables)
{
	struct image *m = image_new(minors[_i]);
	struct go_func f;
	int32_t value, line;
	char file[64];

	ck_assert(go_func_find(&m->rt, TEXT + LEAF, &f));
	ck_assert(go_func_spdelta(&m->rt, &f, TEXT + LEAF + 3, &value));
	ck_assert_int_eq(value, 0);
	ck_assert(go_func_spdelta(&m->rt, &f, TEXT + LEAF + 4, &value));
	ck_assert_int_eq(value, 0x18);
	ck_assert(!go_pcvalue(&m->rt, &f, f.pcsp, f.end, &value));
	ck_assert(!go_pcvalue(&m->rt, &f, 0, f.entry, &value));
	ck_assert(go_func_line(&m->rt, &f, TEXT + LEAF + 1, file, sizeof(file), &line));
	ck_assert_str_eq(file, "/src/main.go");
	ck_assert_int_eq(line, 300);
	ck_assert(go_func_line(&m->rt, &f, TEXT + LEAF + 0x7f, file, sizeof(file), &line));
	ck_assert_int_eq(line, 21);
	ck_assert_int_eq(go_pcdata(&m->rt, &f, GO_PCDATA_STACKMAP, f.entry), 2);
	ck_assert_int_eq(go_pcdata(&m->rt, &f, GO_PCDATA_INLTREE, f.entry), -1);
	ck_assert_uint_ne(go_funcdata(&m->rt, &f, GO_FUNCDATA_LOCALS), 0);
	ck_assert_uint_eq(go_funcdata(&m->rt, &f, GO_FUNCDATA_LOCALS),
			  go_funcdata(&m->rt, &f, GO_FUNCDATA_INLTREE));
	ck_assert_uint_eq(go_funcdata(&m->rt, &f, GO_FUNCDATA_ARGINFO), 0);
	image_free(m);
}
END_TEST

START_TEST(inlining)
{
	struct image *m = image_new(minors[_i]);
	struct go_call calls[GO_CALLS_MAX];
	struct go_func f;
	char name[64];

	ck_assert(go_func_find(&m->rt, TEXT + LEAF, &f));
	ck_assert_uint_eq(go_func_calls(&m->rt, &f, TEXT + LEAF + 0x50, calls), 2);
	ck_assert(calls[0].is_inlined);
	ck_assert(!calls[1].is_inlined);
	ck_assert_uint_eq(calls[0].pc, TEXT + LEAF + 0x50);
	ck_assert_uint_eq(calls[1].pc, TEXT + LEAF + 0x20);
	go_func_name(&m->rt, f.module, calls[0].name, name, sizeof(name));
	go_name_clean(name);
	ck_assert_str_eq(name, "example.com/a.tiny[...]");
	ck_assert_uint_eq(go_func_calls(&m->rt, &f, TEXT + LEAF + 0x60, calls), 1);
	image_free(m);
}
END_TEST

START_TEST(unwinding)
{
	static const hw_addr want[] = {TEXT + LEAF + 0x50, TEXT + MAIN + 0x4f, TEXT + GOEXIT};
	struct image *m = image_new(minors[_i]);
	struct go_sites *sites = go_sites_new(&m->rt);
	struct go_walk walk;
	struct go_frame frame;
	struct go_g g;
	uint32_t n = 0;

	ck_assert(go_g_read(&m->rt, G_AT, &g));
	ck_assert_uint_eq(g.goid, 77);
	ck_assert_uint_eq(g.status, GO_STATUS_WAITING);
	ck_assert(go_walk_start(&walk, &m->rt, sites, &g));
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
	ck_assert(go_g_read(&m->rt, G_AT, &g));
	ck_assert(go_walk_start(&walk, &m->rt, sites, &g));
	ck_assert(go_walk_next(&walk, &frame));
	ck_assert(go_walk_next(&walk, &frame));
	ck_assert_uint_eq(frame.sym_pc, TEXT + LEAF + 0x30);
	ck_assert(go_walk_next(&walk, &frame));
	ck_assert(go_walk_next(&walk, &frame));
	ck_assert(!go_walk_next(&walk, &frame));
	ck_assert(!walk.is_cut);
	go_sites_free(sites);
	ck_assert_uint_eq(m->fake->memory_used, 0);
	image_free(m);
}
END_TEST

/* A running goroutine whose thread is not there, a stack pointer elsewhere, a return address
 * outside Go code: each ends the walk and says why. */
START_TEST(cut)
{
	struct image *m = image_new(minors[_i]);
	struct go_sites *sites = go_sites_new(&m->rt);
	struct go_walk walk;
	struct go_frame frame;
	struct go_g g, bad;

	ck_assert(go_g_read(&m->rt, G_AT, &g));
	bad = g;
	bad.status = GO_STATUS_RUNNING;
	ck_assert(!go_walk_start(&walk, &m->rt, sites, &bad));
	ck_assert(walk.is_cut && walk.why);
	bad = g;
	bad.sched_sp = STACK - 8;
	ck_assert(!go_walk_start(&walk, &m->rt, sites, &bad));
	bad = g;
	bad.status = 9999;
	ck_assert(!go_walk_start(&walk, &m->rt, sites, &bad));
	put_word(m, g.sched_sp + 0x18, TEXT + END + 5);
	ck_assert(go_walk_start(&walk, &m->rt, sites, &g));
	ck_assert(go_walk_next(&walk, &frame));
	ck_assert(!go_walk_next(&walk, &frame));
	ck_assert(walk.is_cut && walk.why);
	go_sites_free(sites);
	image_free(m);
}
END_TEST

static void use_everything(struct image *m)
{
	struct go_sites *sites = go_sites_new(&m->rt);
	struct go_call calls[GO_CALLS_MAX];
	struct go_walk walk;
	struct go_frame frame;
	struct go_func f;
	struct go_g g;
	char text[100];
	int32_t line;
	uint32_t frames = 0;

	for (uint32_t pc = 0; pc < END; pc += 13) {
		if (!go_func_find(&m->rt, TEXT + pc, &f))
			continue;
		for (uint32_t n = go_func_calls(&m->rt, &f, TEXT + pc, calls); n-- > 0;)
			go_func_name(&m->rt, f.module, calls[n].name, text, sizeof(text));
		go_name_clean(text);
		go_func_line(&m->rt, &f, TEXT + pc, text, sizeof(text), &line);
		go_pcdata(&m->rt, &f, GO_PCDATA_STACKMAP, TEXT + pc);
		go_funcdata(&m->rt, &f, GO_FUNCDATA_STACKOBJECTS);
	}
	if (go_g_read(&m->rt, G_AT, &g) && go_walk_start(&walk, &m->rt, sites, &g))
		while (go_walk_next(&walk, &frame))
			ck_assert_uint_lt(frames++, ROOM / 8);
	go_sites_free(sites);
}

START_TEST(damaged)
{
	struct image *m = image_new(minors[_i]);
	GRand *rand = g_rand_new_with_seed(minors[_i]);

	for (int i = 0; i < 3000; i++) {
		const bool in_stack = g_rand_int_range(rand, 0, 4) == 0;
		uint8_t *bytes = in_stack ? m->stack : m->bytes;
		const uint32_t size = in_stack ? sizeof(m->stack) : m->used;
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
	ck_assert_uint_eq(m->fake->memory_used, 0);
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
	Suite *suite = suite_create("go pclntab");
	TCase *tcase = tcase_create("tables");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, functions, 0, G_N_ELEMENTS(minors));
	tcase_add_loop_test(tcase, tables, 0, G_N_ELEMENTS(minors));
	tcase_add_loop_test(tcase, inlining, 0, G_N_ELEMENTS(minors));
	tcase_add_loop_test(tcase, unwinding, 0, G_N_ELEMENTS(minors));
	tcase_add_loop_test(tcase, cut, 0, G_N_ELEMENTS(minors));
	tcase_add_loop_test(tcase, damaged, 0, G_N_ELEMENTS(minors));
	tcase_add_test(tcase, names);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
