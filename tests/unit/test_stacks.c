/* SPDX-License-Identifier: Apache-2.0 */
/* test_stacks.c -- bounds of stacks: from struct pthread, from neighbours, on an alternate
 * signal stack, of threads that are gone; and registers that make no sense. Frames and
 * names of real programs are tests/oracle/roots.py's. */
#include "../runner.h"
#include "base/array.h"
#include "fake_threads.h"
#include "module/stacks.h"
#include <unistd.h>

#define STACKS 0x7f0000000000u
#define SIZE   (16u * PAGE)
#define OTHER  0x7e0000000000u

static struct hw_notes notes;
static GError *error;

struct world {
	struct hw_target *target;
	struct hw_memory *memory;
	struct hw_modules *modules;
	struct hw_thread_state *threads;
	struct hw_stacks *stacks;
};

static struct world make_world(struct fake_core *core)
{
	g_autoptr(GByteArray) bytes = fake_bytes(core);
	g_autofree char *path = fake_save(bytes, "core");
	struct world world = {0};

	fake_free(core);
	hw_notes_init(&notes);
	world.target = hw_target_open(path, NULL, &notes, &error);
	ck_assert_ptr_nonnull(world.target);
	world.memory = hw_memory_new(world.target, NULL, &notes, &error);
	ck_assert_ptr_nonnull(world.memory);
	world.modules = hw_modules_new(world.memory, NULL, &notes, &error);
	ck_assert_ptr_nonnull(world.modules);
	world.threads = hw_threads_check(world.memory, &notes);
	world.stacks = hw_stacks_new(world.memory, world.modules, world.threads, &notes, &error);
	ck_assert_ptr_nonnull(world.stacks);
	ck_assert_uint_eq(world.stacks->count, world.target->thread_count);
	for (uint32_t i = 0; i < world.stacks->count; i++)
		ck_assert_uint_ge(world.stacks->threads[i].frame_count, 1);
	return world;
}

static void end_world(struct world *world)
{
	hw_stacks_free(world->stacks);
	g_free(world->threads);
	hw_modules_free(world->modules);
	hw_memory_free(world->memory);
	hw_target_free(world->target);
	hw_notes_clear(&notes);
	ck_assert_uint_eq(hw_array_used(), 0);
}

static void check_range(const struct hw_range_pair *range, uint64_t start, uint64_t end)
{
	ck_assert_uint_eq(range->start, start);
	ck_assert_uint_eq(range->end, end);
}

/* Since glibc 2.42 the kernel may merge stacks: three in one mapping, the middle one's
 * thread is gone. */
START_TEST(three_in_one_mapping)
{
	static uint8_t bytes[3 * SIZE];
	struct fake_core *core = fake_new();
	uint64_t tcb[3];
	struct world world;

	for (unsigned i = 0; i < 3; i++)
		tcb[i] = fake_pthread(bytes + i * SIZE, STACKS + i * SIZE, SIZE,
				      i == 1 ? 0 : 100 + (int)i);
	fake_load(core, STACKS, sizeof(bytes), PF_R | PF_W, bytes, sizeof(bytes));
	fake_thread(core, 100, STACKS + 0x8000, tcb[0]);
	fake_thread(core, 102, STACKS + 2 * SIZE + 0x4000, tcb[2]);
	world = make_world(core);
	for (unsigned i = 0; i < 2; i++) {
		const struct hw_thread_stack *thread = &world.stacks->threads[i];

		ck_assert_uint_eq(thread->tcb, tcb[2 * i]);
		check_range(&thread->block, STACKS + 2 * i * SIZE, STACKS + 2 * i * SIZE + SIZE);
		ck_assert_uint_eq(thread->range_count, 1);
		check_range(&thread->range[0], thread->frames[0].sp - 128, thread->tcb);
		ck_assert(thread->is_cut);
	}
	ck_assert_uint_eq(world.stacks->dead_count, 1);
	check_range(&world.stacks->dead[0].block, STACKS + SIZE, STACKS + 2 * SIZE);
	ck_assert(world.stacks->dead[0].is_joinable);
	end_world(&world);
}
END_TEST

/* A joined thread has tid -1, a detached one itself for joinid. */
START_TEST(not_joinable)
{
	for (int round = 0; round < 2; round++) {
		static uint8_t bytes[2 * SIZE];
		struct fake_core *core = fake_new();
		uint64_t live = fake_pthread(bytes, STACKS, SIZE, 100);
		uint64_t dead = fake_pthread(bytes + SIZE, STACKS + SIZE, SIZE, round ? 0 : -1);
		struct world world;

		if (round)
			put_word(bytes, SIZE + STACK_TOP(SIZE) + 0x628, dead);
		fake_load(core, STACKS, sizeof(bytes), PF_R | PF_W, bytes, sizeof(bytes));
		fake_thread(core, 100, STACKS + 0x8000, live);
		world = make_world(core);
		ck_assert_uint_eq(world.stacks->dead_count, 1);
		ck_assert_uint_eq(world.stacks->dead[0].tcb, dead);
		ck_assert(!world.stacks->dead[0].is_joinable);
		end_world(&world);
	}
}
END_TEST

/* Without the pair in struct pthread: up to the next tcb, and from the one below. */
START_TEST(by_neighbours)
{
	static uint8_t bytes[2 * SIZE];
	struct fake_core *core = fake_new();
	uint64_t tcb[2];
	struct world world;

	for (unsigned i = 0; i < 2; i++) {
		tcb[i] = fake_pthread(bytes + i * SIZE, STACKS + i * SIZE, SIZE, 101 + (int)i);
		put_word(bytes, i * SIZE + STACK_TOP(SIZE) + PAIR, 0);
	}
	fake_load(core, STACKS, sizeof(bytes), PF_R | PF_W, bytes, sizeof(bytes));
	fake_thread(core, 101, STACKS + 0x8000, tcb[0]);
	fake_thread(core, 102, STACKS + SIZE + 0x4000, tcb[1]);
	world = make_world(core);
	for (unsigned i = 0; i < 2; i++) {
		const struct hw_thread_stack *thread = &world.stacks->threads[i];

		check_range(&thread->block, STACKS + i * SIZE, STACKS + (i + 1) * SIZE);
		check_range(&thread->range[0], thread->frames[0].sp - 128, tcb[i]);
	}
	ck_assert_uint_eq(world.stacks->dead_count, 0);
	end_world(&world);
}
END_TEST

/* sp on memory that is not the thread's own, and no signal frame is found: where the own
 * stack stopped is not known, so all of it counts. */
START_TEST(on_another_stack)
{
	static uint8_t bytes[SIZE];
	static uint8_t other[4 * PAGE];
	struct fake_core *core = fake_new();
	uint64_t tcb = fake_pthread(bytes, STACKS, SIZE, 101);
	struct world world;
	const struct hw_thread_stack *thread;

	memset(other, 1, sizeof(other));
	fake_load(core, OTHER, sizeof(other), PF_R | PF_W, other, sizeof(other));
	fake_load(core, STACKS, sizeof(bytes), PF_R | PF_W, bytes, sizeof(bytes));
	fake_thread(core, 101, OTHER + 0x2000, tcb);
	world = make_world(core);
	thread = &world.stacks->threads[0];
	check_range(&thread->block, STACKS, STACKS + SIZE);
	ck_assert_uint_eq(thread->range_count, 2);
	check_range(&thread->range[0], OTHER + 0x2000 - 128, OTHER + sizeof(other));
	check_range(&thread->range[1], STACKS, tcb);
	end_world(&world);
}
END_TEST

/* A stack that overflowed: sp is in the guard below. */
START_TEST(overflow)
{
	static uint8_t bytes[SIZE];
	struct fake_core *core = fake_new();
	uint64_t tcb = fake_pthread(bytes, STACKS, SIZE, 101);
	struct world world;

	fake_load(core, STACKS - PAGE, PAGE, 0, NULL, 0);
	fake_load(core, STACKS, sizeof(bytes), PF_R | PF_W, bytes, sizeof(bytes));
	fake_thread(core, 101, STACKS - 64, tcb);
	world = make_world(core);
	ck_assert_uint_eq(world.stacks->threads[0].range_count, 1);
	check_range(&world.stacks->threads[0].range[0], STACKS, tcb);
	end_world(&world);
}
END_TEST

/* A size that wraps, a block that the tcb is not in, one that reaches too far. */
START_TEST(pairs_that_lie)
{
	static const uint64_t pairs[][2] = {
	    {STACKS, UINT64_MAX & ~(uint64_t)0xfff},
	    {STACKS + SIZE, SIZE},
	    {STACKS, SIZE + 0x100000},
	    {STACKS + 8, SIZE},
	    {0, 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
		static uint8_t bytes[SIZE];
		struct fake_core *core = fake_new();
		uint64_t tcb = fake_pthread(bytes, STACKS, SIZE, 101);
		struct world world;

		put_word(bytes, STACK_TOP(SIZE) + PAIR, pairs[i][0]);
		put_word(bytes, STACK_TOP(SIZE) + PAIR + 8, pairs[i][1]);
		fake_load(core, STACKS, sizeof(bytes), PF_R | PF_W, bytes, sizeof(bytes));
		fake_thread(core, 101, STACKS + 0x8000, tcb);
		world = make_world(core);
		check_range(&world.stacks->threads[0].block, STACKS, STACKS + SIZE);
		check_range(&world.stacks->threads[0].range[0], STACKS + 0x8000 - 128, tcb);
		end_world(&world);
	}
}
END_TEST

START_TEST(registers_that_lie)
{
	static const uint64_t values[] = {
	    0,
	    1,
	    64,
	    UINT64_MAX,
	    UINT64_MAX - 127,
	    INT64_MAX,
	    STACKS + SIZE - 8,
	    STACKS + SIZE,
	    UINT64_MAX & ~(uint64_t)7,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(values) * G_N_ELEMENTS(values); i++) {
		static uint8_t bytes[SIZE];
		struct fake_core *core = fake_new();
		uint64_t regs[27];
		struct world world;

		memset(bytes, (int)i, sizeof(bytes));
		for (int j = 0; j < 27; j++)
			regs[j] = values[(i + (size_t)j) % G_N_ELEMENTS(values)];
		regs[HW_REG_SP] = values[i % G_N_ELEMENTS(values)];
		regs[HW_REG_FS_BASE] = values[i / G_N_ELEMENTS(values)];
		fake_load(core, STACKS, sizeof(bytes), PF_R | PF_W, bytes, sizeof(bytes));
		fake_registers(core, 100, regs);
		world = make_world(core);
		for (uint32_t j = 0; j < world.stacks->threads[0].range_count; j++)
			ck_assert_uint_lt(world.stacks->threads[0].range[j].start,
					  world.stacks->threads[0].range[j].end);
		end_world(&world);
	}
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("stacks");
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, three_in_one_mapping);
	tcase_add_test(tcase, not_joinable);
	tcase_add_test(tcase, by_neighbours);
	tcase_add_test(tcase, on_another_stack);
	tcase_add_test(tcase, overflow);
	tcase_add_test(tcase, pairs_that_lie);
	tcase_add_test(tcase, registers_that_lie);
	fake_dir();
	failed = run_case("stacks", tcase);
	fake_remove_dir();
	return failed;
}
