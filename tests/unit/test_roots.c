/* SPDX-License-Identifier: Apache-2.0 */
/* test_roots.c -- which words of a fake core are roots and which are not. A toy plugin
 * says where the blocks are. Names from real programs are tests/oracle/roots.py's. */
#include "../runner.h"
#include "base/array.h"
#include "fake_threads.h"
#include "graph/roots.h"
#include <inttypes.h>

#define HEAP     0x600000000000u
#define ANON     0x610000000000u
#define SHARED   0x620000000000u
#define STACKS   0x7f0000000000u
#define SIZE     (16u * PAGE)
#define SP       (STACKS + 0x8000u)
#define BLOCK    64u
#define BLOCKS   32u
#define INTERNAL 31u /* The block with HW_BLOCK_INTERNAL. */
#define META     (ANON + 0x800u)

static hw_addr block_at(unsigned i)
{
	return HEAP + i * 2 * BLOCK;
}

static int toy_probe(const struct hw_host *host)
{
	(void)host;
	return 100;
}

static void *toy_open(const struct hw_host *host)
{
	struct hw_heap_info info = {.struct_size = sizeof(info), .name = "toy"};
	uint32_t heap = host->add_heap(host->self, &info);
	const struct hw_host **handle = g_new0(const struct hw_host *, 1);

	host->claim(host->self, heap, HW_CLAIM_HEAP, HEAP, HEAP + PAGE, "heap");
	host->claim(host->self, heap, HW_CLAIM_METADATA, META, META + 0x100, "meta");
	*handle = host;
	return (void *)handle;
}

static bool toy_blocks(void *handle, uint32_t heap)
{
	const struct hw_host *host = *(const struct hw_host **)handle;
	struct hw_block blocks[BLOCKS];
	struct hw_blocks batch = {
	    .struct_size = sizeof(batch),
	    .block_size = sizeof(blocks[0]),
	    .heap = heap,
	    .count = BLOCKS,
	    .blocks = blocks,
	};

	memset(blocks, 0, sizeof(blocks));
	for (unsigned i = 0; i < BLOCKS; i++) {
		blocks[i].addr = block_at(i);
		blocks[i].size = BLOCK;
		blocks[i].flags = i == INTERNAL ? HW_BLOCK_INTERNAL : 0;
	}
	host->blocks(host->self, &batch);
	return true;
}

static bool toy_ledger(void *handle, uint32_t heap, struct hw_ledger *ret)
{
	(void)handle;
	(void)heap;
	(void)ret;
	return true;
}

static void toy_close(void *handle)
{
	g_free(handle);
}

/* A runtime that names a word in anonymous memory, one on the stack and one nowhere, and says
 * what else is none: META's page but for that, most of the stack, and another thread. */
static void name(const struct hw_host *host, hw_addr slot, uint64_t value, const char *kind)
{
	struct hw_root root = {.struct_size = sizeof(root),
			       .slot = slot,
			       .value = value,
			       .kind = kind,
			       .name = "main.cache",
			       .type = "map[string]int",
			       .function = "main.main",
			       .addr = slot & ~(hw_addr)0xff,
			       .size = 0x100,
			       .frame = 3,
			       .goroutine = 17};

	ck_assert(host->root(host->self, &root));
}

static bool toy_roots(void *handle)
{
	const struct hw_host *host = *(const struct hw_host **)handle;

	name(host, ANON + 0x100, 0, "global");
	name(host, ANON + 0x108, 0, "global"); /* Points nowhere. */
	name(host, ANON + PAGE + 0xff8, 0, "finalizer");
	name(host, 0, block_at(30), "special");
	host->skip(host->self, ANON, ANON + PAGE);
	host->skip(host->self, ANON + PAGE, ANON + 2 * PAGE);
	host->skip(host->self, SP, SP + 0x20);
	return true;
}

static bool toy_roots_fail(void *handle)
{
	const struct hw_host *host = *(const struct hw_host **)handle;

	host->skip_thread(host->self, 100);
	(host->fail)(host->self, "no goroutines"); /* Check has a macro of that name. */
	return false;
}

static struct hw_plugin toy = {
    HW_PLUGIN_HEADER,     .name = "toy",        .summary = "",
    .tested = "",         .probe = toy_probe,   .open = toy_open,
    .ledger = toy_ledger, .blocks = toy_blocks, .close = toy_close,
};

static struct hw_notes notes;
static GError *error;

struct world {
	GPtrArray *list;
	struct hw_plugins plugins;
	struct hw_target *target;
	struct hw_memory *memory;
	struct hw_modules *modules;
	struct hw_thread_state *threads;
	struct hw_stacks *stacks;
	struct hw_heaps *heaps;
	struct hw_table *table;
	struct hw_roots *roots;
};

static struct world make_world(GByteArray *bytes, bool no_anon)
{
	struct hw_roots_options options = {.no_anon = no_anon};
	g_autofree char *path = fake_save(bytes, "core");
	struct world w = {.list = g_ptr_array_new()};

	hw_notes_init(&notes);
	g_ptr_array_add(w.list, &toy);
	w.plugins.list = w.list;
	w.target = hw_target_open(path, NULL, &notes, &error);
	ck_assert_ptr_nonnull(w.target);
	w.memory = hw_memory_new(w.target, NULL, &notes, &error);
	w.modules = hw_modules_new(w.memory, NULL, &notes, &error);
	w.threads = hw_threads_check(w.memory, &notes);
	w.heaps = hw_heaps_new(&w.plugins, w.memory, w.modules, w.threads, &notes, &error);
	ck_assert_ptr_nonnull(w.heaps);
	w.table = hw_table_new(w.heaps, &notes, &error);
	ck_assert_ptr_nonnull(w.table);
	ck_assert_uint_eq(hw_table_count(w.table), BLOCKS);
	w.stacks = hw_stacks_new(w.memory, w.modules, w.threads, &notes, &error);
	ck_assert_ptr_nonnull(w.stacks);
	w.roots =
	    hw_roots_new(w.memory, w.modules, w.stacks, w.heaps, w.table, &options, &notes, &error);
	ck_assert_ptr_nonnull(w.roots);
	return w;
}

static void end_world(struct world *w)
{
	hw_roots_free(w->roots);
	hw_stacks_free(w->stacks);
	hw_table_free(w->table);
	hw_heaps_free(w->heaps);
	g_free(w->threads);
	hw_modules_free(w->modules);
	hw_memory_free(w->memory);
	hw_target_free(w->target);
	g_ptr_array_unref(w->list);
	hw_notes_clear(&notes);
	ck_assert_uint_eq(hw_array_used(), 0);
}

/* The only reference to a block; NULL when there is none. */
static const struct hw_root_ref *only_ref(const struct world *w, unsigned block)
{
	const struct hw_root_ref *found = NULL;

	for (uint64_t i = 0; i < w->roots->ref_count; i++) {
		const struct hw_root_ref *ref = &w->roots->refs[i];

		if (hw_table_addr(w->table, ref->block) != block_at(block))
			continue;
		ck_assert_msg(!found, "block %u has two references", block);
		found = ref;
	}
	return found;
}

static void check_ref(const struct world *w, unsigned block, uint32_t kind, hw_addr slot,
		      const char *name)
{
	const struct hw_root_ref *ref = only_ref(w, block);
	const struct hw_root_node *node;

	ck_assert_msg(ref, "block %u has no reference", block);
	node = &w->roots->nodes[ref->root];
	ck_assert_uint_eq(node->kind, kind);
	ck_assert_uint_eq(ref->slot, slot);
	ck_assert_str_eq(node->name, name);
	if (slot) {
		ck_assert_uint_ge(slot, node->addr);
		ck_assert_uint_lt(slot, node->addr + node->size);
	}
}

/* By kind and address; references by root and slot. */
static void check_order(const struct hw_roots *roots)
{
	for (uint32_t i = 1; i < roots->count; i++) {
		const struct hw_root_node *a = &roots->nodes[i - 1];
		const struct hw_root_node *b = &roots->nodes[i];

		ck_assert(a->kind < b->kind || (a->kind == b->kind && a->addr <= b->addr));
	}
	for (uint64_t i = 1; i < roots->ref_count; i++) {
		const struct hw_root_ref *a = &roots->refs[i - 1];
		const struct hw_root_ref *b = &roots->refs[i];

		ck_assert(a->root < b->root || (a->root == b->root && a->slot <= b->slot));
		ck_assert_uint_lt(b->root, roots->count);
	}
}

/* One of everything. Blocks 0 to 15 are held, 16 and up are not. */
static GByteArray *make_core(void)
{
	static uint8_t heap[PAGE];
	static uint8_t anon[2 * PAGE];
	static uint8_t shared[PAGE];
	static uint8_t stacks[2 * SIZE];
	struct fake_core *core = fake_new();
	uint64_t regs[27] = {0};
	uint64_t tcb;
	uint64_t gone;
	GByteArray *bytes;

	memset(stacks, 0, sizeof(stacks));
	tcb = fake_pthread(stacks, STACKS, SIZE, 100);
	gone = fake_pthread(stacks + SIZE, STACKS + SIZE, SIZE, -1);
	put_word(anon, 0x100, block_at(0));
	put_word(anon, PAGE + 0xff8, block_at(1) + BLOCK - 1); /* Interior. */
	put_word(shared, 0x10, block_at(2));
	put_word(stacks, SP - STACKS + 0x18, block_at(3));
	put_word(stacks, SP - STACKS - 128, block_at(4)); /* The red zone's first word. */
	put_word(stacks, STACK_TOP(SIZE) + 0x310, block_at(5));
	put_word(stacks, STACK_TOP(SIZE) - 8, block_at(6));
	regs[5] = block_at(7) + 8; /* rbx */
	regs[4] = block_at(8);     /* rbp */

	put_word(stacks, SP - STACKS - 136, block_at(16)); /* Stale. */
	put_word(stacks, 0, block_at(17));
	put_word(stacks, SIZE + 0x8000, block_at(18)); /* Of a thread that is gone. */
	put_word(stacks, SIZE + STACK_TOP(SIZE) + 0x310, block_at(19));
	put_word(anon, META - ANON + 0x40, block_at(20)); /* The allocator's own. */
	put_word(anon, 0x203, block_at(21));              /* Not aligned. */
	put_word(anon, 0x300, block_at(INTERNAL));
	put_word(anon, 0x308, HEAP - 1);
	put_word(anon, 0x310, UINT64_MAX);
	put_word(heap, 0, block_at(22)); /* A block's own words are edges. */
	regs[16] = block_at(23);         /* rip and rax of the interrupted call are no pointers. */
	regs[15] = block_at(24);

	regs[HW_REG_SP] = SP;
	regs[HW_REG_FS_BASE] = tcb;
	(void)gone;
	fake_load(core, HEAP, sizeof(heap), PF_R | PF_W, heap, sizeof(heap));
	fake_load(core, ANON, sizeof(anon), PF_R | PF_W, anon, sizeof(anon));
	fake_load(core, SHARED, sizeof(shared), PF_R | PF_W, shared, sizeof(shared));
	fake_file(core, SHARED, SHARED + sizeof(shared), 0, "/dev/shm/shared");
	fake_load(core, STACKS, sizeof(stacks), PF_R | PF_W, stacks, sizeof(stacks));
	fake_registers(core, 100, regs);
	bytes = fake_bytes(core);
	fake_free(core);
	return bytes;
}

START_TEST(one_of_everything)
{
	g_autoptr(GByteArray) bytes = make_core();
	struct world w = make_world(bytes, false);

	check_ref(&w, 0, HW_ROOT_EXTERNAL, ANON + 0x100, "[anon 0x610000000000-0x610000002000]");
	check_ref(&w, 1, HW_ROOT_EXTERNAL, ANON + PAGE + 0xff8,
		  "[anon 0x610000000000-0x610000002000]");
	ck_assert_uint_eq(only_ref(&w, 0)->root, only_ref(&w, 1)->root);
	check_ref(&w, 2, HW_ROOT_EXTERNAL, SHARED + 0x10, "/dev/shm/shared");
	check_ref(&w, 3, HW_ROOT_STACK, SP + 0x18, "[rsp+0x18]");
	check_ref(&w, 4, HW_ROOT_STACK, SP - 128, "[rsp-0x80]");
	check_ref(&w, 5, HW_ROOT_TLS, STACKS + STACK_TOP(SIZE) + 0x310, "struct pthread");
	check_ref(&w, 6, HW_ROOT_STACK, STACKS + STACK_TOP(SIZE) - 8, "[rsp+0x76f8]");
	check_ref(&w, 7, HW_ROOT_REGISTER, 0, "rbx");
	check_ref(&w, 8, HW_ROOT_REGISTER, 0, "rbp");
	for (unsigned i = 16; i < BLOCKS; i++)
		ck_assert_msg(!only_ref(&w, i), "block %u is no root's", i);
	check_order(w.roots);
	ck_assert(!w.roots->incomplete);
	for (uint32_t i = 0; i < w.roots->count; i++)
		if (w.roots->nodes[i].kind == HW_ROOT_REGISTER)
			ck_assert_int_eq(w.roots->nodes[i].tid, 100);
	end_world(&w);
}
END_TEST

START_TEST(without_anonymous_memory)
{
	g_autoptr(GByteArray) bytes = make_core();
	struct world w = make_world(bytes, true);

	for (uint32_t i = 0; i < w.roots->count; i++)
		ck_assert_uint_ne(w.roots->nodes[i].kind, HW_ROOT_EXTERNAL);
	ck_assert_ptr_null(only_ref(&w, 0));
	ck_assert_ptr_nonnull(only_ref(&w, 3));
	end_world(&w);
}
END_TEST

static bool is_said(const char *code)
{
	for (guint i = 0; i < notes.warnings->len; i++)
		if (!strcmp(((const struct hw_warning *)notes.warnings->pdata[i])->code, code))
			return true;
	return false;
}

/* The stack is not in the file any more: the answer says so. */
START_TEST(cut_off)
{
	g_autoptr(GByteArray) bytes = make_core();
	struct world w;

	g_byte_array_set_size(bytes, bytes->len - SIZE - PAGE);
	w = make_world(bytes, false);
	ck_assert(w.roots->incomplete);
	ck_assert(is_said("roots-not-read"));
	ck_assert(notes.incomplete);
	end_world(&w);
}
END_TEST

/* It is there and has nothing but zeros, as some dumpers write it: not the same as no references.
 */
START_TEST(stack_of_zeros)
{
	g_autoptr(GByteArray) bytes = make_core();
	struct world w;

	memset(bytes->data + bytes->len - 2 * SIZE, 0, 2 * SIZE);
	w = make_world(bytes, false);
	ck_assert(w.roots->incomplete);
	ck_assert(is_said("stack-empty"));
	ck_assert(notes.incomplete);
	end_world(&w);
}
END_TEST

/* Words are damaged at random; whatever comes out must be within bounds. */
START_TEST(random_damage)
{
	for (uint32_t seed = 0; seed < 400; seed++) {
		g_autoptr(GByteArray) bytes = make_core();
		g_autoptr(GRand) random = g_rand_new_with_seed(seed);
		struct world w;

		for (int i = 0; i < 40; i++) {
			guint at = bytes->len - 2 * SIZE +
				   (guint)g_rand_int_range(random, 0, 2 * SIZE / 8) * 8;
			uint64_t words[] = {0, UINT64_MAX, STACKS + (at & 0xfffff),
					    block_at(at % BLOCKS),
					    (uint64_t)g_rand_int(random) << 32};

			if (i % 4 == 0) /* In a struct pthread, more often. */
				at = bytes->len - (i % 8 ? SIZE : 0) - PTHREAD + at % PTHREAD;
			memcpy(bytes->data + (at & ~7u), &words[(uint32_t)i % 5], 8);
		}
		w = make_world(bytes, false);
		check_order(w.roots);
		for (uint64_t i = 0; i < w.roots->ref_count; i++)
			ck_assert_uint_lt(w.roots->refs[i].block, BLOCKS);
		end_world(&w);
	}
}
END_TEST

START_TEST(named_by_a_plugin)
{
	g_autoptr(GByteArray) bytes = make_core();
	const struct hw_root_node *node;
	struct world w;

	toy.roots = toy_roots;
	w = make_world(bytes, false);
	toy.roots = NULL;
	check_ref(&w, 0, HW_ROOT_GLOBAL, ANON + 0x100, "main.cache");
	check_ref(&w, 1, HW_ROOT_FINALIZER, ANON + PAGE + 0xff8, "main.cache");
	check_ref(&w, 30, HW_ROOT_SPECIAL, 0, "main.cache");
	node = &w.roots->nodes[only_ref(&w, 0)->root];
	ck_assert_str_eq(node->type, "map[string]int");
	ck_assert_str_eq(node->function, "main.main");
	ck_assert_int_eq(node->frame, 3);
	ck_assert_uint_eq(node->goroutine, 17);
	ck_assert_uint_eq(w.roots->nodes[only_ref(&w, 30)->root].value, block_at(30));
	ck_assert_ptr_null(only_ref(&w, 3)); /* On the stack, and skipped. */
	check_ref(&w, 6, HW_ROOT_STACK, STACKS + STACK_TOP(SIZE) - 8, "[rsp+0x76f8]");
	check_ref(&w, 7, HW_ROOT_REGISTER, 0, "rbx");
	check_ref(&w, 2, HW_ROOT_EXTERNAL, SHARED + 0x10, "/dev/shm/shared");
	check_order(w.roots);
	ck_assert(!w.roots->incomplete);
	end_world(&w);
}
END_TEST

START_TEST(plugin_fails)
{
	g_autoptr(GByteArray) bytes = make_core();
	struct world w;

	toy.roots = toy_roots_fail;
	w = make_world(bytes, false);
	toy.roots = NULL;
	check_ref(&w, 2, HW_ROOT_EXTERNAL, SHARED + 0x10, "/dev/shm/shared");
	ck_assert_ptr_null(only_ref(&w, 3));
	ck_assert_ptr_null(only_ref(&w, 7));
	ck_assert(w.roots->incomplete);
	ck_assert(notes.incomplete);
	end_world(&w);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("roots");
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, one_of_everything);
	tcase_add_test(tcase, without_anonymous_memory);
	tcase_add_test(tcase, cut_off);
	tcase_add_test(tcase, stack_of_zeros);
	tcase_add_test(tcase, named_by_a_plugin);
	tcase_add_test(tcase, plugin_fails);
	tcase_add_test(tcase, random_damage);
	fake_dir();
	failed = run_case("roots", tcase);
	fake_remove_dir();
	return failed;
}
