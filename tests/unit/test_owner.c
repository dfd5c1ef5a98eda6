/* SPDX-License-Identifier: Apache-2.0 */
/* test_owner.c -- whose an address is: the heap with the nearest claim below it that reaches it,
 * however many other claims lie between. Against a search through all claims. */
#include "../runner.h"
#include "base/array.h"
#include "fake_core.h"
#include "heap/heap.h"

#define HEAP   0x600000000000u
#define PAGES  64u
#define STEP   64u /* Claims begin and end at multiples of it. */
#define STEPS  (PAGES * PAGE / STEP)
#define CLAIMS 200u

static struct hw_notes notes;
static GError *error;
static uint64_t seed;

static uint64_t random_below(uint64_t limit)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (seed >> 33) % limit;
}

static int toy_probe(const struct hw_host *host)
{
	(void)host;
	return 100;
}

/* One claim of everything, the rest inside it, of all lengths and of both kinds, some of the one
 * heap, some of the other. */
static void *toy_open(const struct hw_host *host)
{
	struct hw_heap_info info = {.struct_size = sizeof(info), .name = "toy"};
	uint32_t heap[2] = {host->add_heap(host->self, &info), host->add_heap(host->self, &info)};

	host->claim(host->self, heap[0], HW_CLAIM_HEAP, HEAP + STEP, HEAP + PAGES * PAGE, "all");
	for (unsigned i = 0; i < CLAIMS; i++) {
		uint64_t first = random_below(STEPS);
		uint64_t length = 1 + random_below(random_below(8) ? 4 : STEPS - first);
		bool is_heap = random_below(4) == 0;

		host->claim(host->self, heap[random_below(2)],
			    is_heap ? HW_CLAIM_HEAP : HW_CLAIM_METADATA, HEAP + first * STEP,
			    HEAP + MIN(first + length, STEPS) * STEP, "some");
	}
	return g_new0(char, 1);
}

static bool toy_blocks(void *handle, uint32_t heap)
{
	(void)handle;
	(void)heap;
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

static struct hw_plugin toy = {
    HW_PLUGIN_HEADER,     .name = "toy",        .summary = "",
    .tested = "",         .probe = toy_probe,   .open = toy_open,
    .ledger = toy_ledger, .blocks = toy_blocks, .close = toy_close,
};

static const struct hw_claimed *search(const struct hw_claimed *claims, uint32_t count,
				       hw_addr addr)
{
	const struct hw_claimed *found = NULL;

	for (uint32_t i = 0; i < count; i++)
		if (claims[i].kind == HW_CLAIM_HEAP && claims[i].start <= addr &&
		    addr < claims[i].end)
			found = &claims[i];
	return found;
}

START_TEST(nearest_claim_decides)
{
	struct fake_core *core = fake_new();
	g_autoptr(GPtrArray) list = g_ptr_array_new();
	struct hw_plugins plugins = {.list = list};
	struct hw_target *target;
	struct hw_memory *memory;
	struct hw_modules *modules;
	struct hw_heaps *heaps;
	const struct hw_claimed *claims;
	uint32_t count;

	seed = (uint64_t)_i;
	hw_notes_init(&notes);
	g_ptr_array_add(list, &toy);
	fake_load(core, HEAP, PAGES * PAGE, PF_R | PF_W, NULL, PAGES * PAGE);
	{
		GByteArray *bytes = fake_bytes(core);
		g_autofree char *path = fake_save(bytes, "core");

		target = hw_target_open(path, NULL, &notes, &error);
		g_byte_array_unref(bytes);
	}
	ck_assert_ptr_nonnull(target);
	memory = hw_memory_new(target, NULL, &notes, &error);
	modules = hw_modules_new(memory, NULL, &notes, &error);
	heaps = hw_heaps_new(&plugins, memory, modules, NULL, &notes, &error);
	ck_assert_ptr_nonnull(heaps);
	claims = hw_heaps_claims(heaps, &count);
	ck_assert_uint_ge(count, CLAIMS);
	for (uint64_t i = 0; i <= STEPS; i++) {
		const struct hw_claimed *wanted = search(claims, count, HEAP + i * STEP);
		const struct hw_heap *found = hw_heaps_owner(heaps, HEAP + i * STEP);

		ck_assert_msg(!wanted == !found && (!found || found->id == wanted->heap), "step %u",
			      (unsigned)i);
	}
	hw_heaps_free(heaps);
	hw_modules_free(modules);
	hw_memory_free(memory);
	hw_target_free(target);
	fake_free(core);
	hw_notes_clear(&notes);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("owner");
	int failed;

	fake_dir();
	tcase_add_loop_test(tests, nearest_claim_decides, 0, 50);
	failed = run_case("owner", tests);
	fake_remove_dir();
	return failed;
}
