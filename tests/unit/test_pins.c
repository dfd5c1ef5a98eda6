/* SPDX-License-Identifier: Apache-2.0 */
/* test_pins.c -- what views come to, against a twin that marks bytes one by one: alone, and
 * over a heap in a fake core whose toy plugin says what every reference sees. */
#include "../runner.h"
#include "base/array.h"
#include "fake_threads.h"
#include "query/pins.h"

static uint64_t state = 88172645463325252u;

static uint32_t random_below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 16) % n);
}

/* The twin: one byte per byte of the block. */

#define MOST 4096

struct twin {
	uint64_t size;
	struct hw_extent extent;
	bool seen[MOST], room[MOST];
	bool is_whole, has_inner_slack;
	uint32_t unknown, confidence, views[HW_VIEW_KINDS];
};

static bool is_all(const struct twin *t, const bool *bytes)
{
	for (uint64_t i = t->extent.head; i <= t->extent.below; i++)
		if (!bytes[i])
			return false;
	return true;
}

static void twin_add(struct twin *t, uint64_t into, const struct hw_view *view, uint64_t start)
{
	bool all = true;

	if (!view || view->kind == HW_VIEW_WHOLE) {
		t->is_whole = t->is_whole || view || into <= t->extent.head;
		t->unknown += !view && into > t->extent.head;
		return;
	}
	t->views[view->kind]++;
	t->confidence = MAX(t->confidence, view->confidence);
	for (uint64_t i = t->extent.head; i <= t->extent.below; i++)
		all = all && i >= start && i < start + view->length;
	t->is_whole = t->is_whole || all;
	for (uint64_t i = start; i < start + view->length; i++)
		t->seen[i] = t->room[i] = true;
	if (view->kind != HW_VIEW_SLICE || MIN(view->capacity, t->size - start) <= view->length)
		return;
	t->has_inner_slack = t->has_inner_slack || start > t->extent.head;
	for (uint64_t i = start; i < start + view->capacity && i < t->size; i++)
		t->room[i] = true;
}

static void check_twin(const struct twin *t, const struct hw_sight *sight)
{
	const bool is_whole = t->is_whole || is_all(t, t->seen);
	uint64_t visible = 0, slack = 0;
	uint32_t kind = HW_PIN_INTERIOR;

	ck_assert_int_eq(sight->is_whole, is_whole);
	if (is_whole)
		return;
	ck_assert_int_eq(sight->is_known, !t->unknown);
	for (uint64_t i = 0; i < t->size; i++) {
		visible += t->seen[i];
		slack += t->room[i] && !t->seen[i];
	}
	if (t->unknown)
		kind = HW_PIN_INTERIOR;
	else if (is_all(t, t->room) && !t->has_inner_slack)
		kind = HW_PIN_SLICE_CAP;
	else if (t->views[HW_VIEW_SLICE])
		kind = HW_PIN_SLICE;
	else if (t->views[HW_VIEW_STRING])
		kind = HW_PIN_STRING;
	ck_assert_uint_eq(sight->kind, kind);
	if (t->unknown)
		return;
	ck_assert_uint_eq(sight->visible, visible);
	ck_assert_uint_eq(sight->slack, slack);
}

/* Some bytes of a block; ends meet now and then. */
static struct hw_view random_view(const struct twin *t, hw_addr addr, uint64_t *start_ret)
{
	struct hw_view view = {.struct_size = sizeof(view)};
	const uint64_t grain = random_below(2) ? 1 : 16;
	uint64_t start = random_below(3) ? random_below((uint32_t)t->size) / grain * grain : 0;
	uint64_t left;

	if (!random_below(5))
		start = t->extent.head;
	left = t->size - start;
	view.kind = random_below(40) ? random_below(HW_VIEW_WHOLE) : HW_VIEW_WHOLE;
	view.confidence = random_below(4) ? HW_EXACT : random_below(3);
	view.start = addr + start;
	view.length = random_below(4) ? random_below((uint32_t)left + 1) / 8 : left;
	view.length = view.length / grain * grain;
	view.capacity = random_below(2) ? left : view.length + random_below(60);
	*start_ret = start;
	return view;
}

static struct hw_extent random_extent(uint64_t size)
{
	struct hw_extent e = {.struct_size = sizeof(e)};

	e.head = random_below(3) ? 0 : 8;
	e.below = random_below(2) ? size - 1 : size - 1 - random_below((uint32_t)size / 8);
	return e;
}

START_TEST(unions)
{
	for (unsigned round = 0; round < 8000; round++) {
		const hw_addr addr = 0x7000000 + random_below(100) * 16;
		struct twin t = {.size = 32 + random_below(30) * 16};
		const uint32_t count = 1 + random_below(random_below(10) ? 6 : 200);
		struct hw_seen seen = {0};
		struct hw_sight sight;

		t.extent = random_extent(t.size);
		for (uint32_t i = 0; i < count; i++) {
			uint64_t start;
			const struct hw_view view = random_view(&t, addr, &start);
			const struct hw_view *given = random_below(30) ? &view : NULL;

			ck_assert(hw_seen_add(&seen, addr, t.size, &t.extent, addr + start, given));
			twin_add(&t, start, given, start);
		}
		hw_seen_judge(&seen, &t.extent, &sight);
		check_twin(&t, &sight);
		if (!sight.is_whole && sight.is_known)
			ck_assert_uint_eq(sight.confidence, t.confidence);
		hw_seen_clear(&seen);
	}
	ck_assert_uint_eq(hw_array_used(), 0);
}
END_TEST

/* A million views of the same few places take the room of those places. */
START_TEST(memory)
{
	const struct hw_extent extent = {.below = (1u << 30) - 1};
	struct hw_seen seen = {0};
	struct hw_sight sight;

	for (uint32_t i = 0; i < 1000000; i++) {
		const struct hw_view view = {
		    .kind = HW_VIEW_STRING, .start = i % 100 * 64, .length = 1 + random_below(40)};

		ck_assert(hw_seen_add(&seen, 0, 1u << 30, &extent, view.start, &view));
	}
	ck_assert_uint_le(hw_array_used(), 64u << 10);
	hw_seen_judge(&seen, &extent, &sight);
	ck_assert_uint_eq(sight.visible, 100 * 40);
	hw_seen_clear(&seen);
}
END_TEST

/* Views that are none: behind the block, or longer than it. */
START_TEST(outside)
{
	const struct hw_extent extent = {.below = 99};
	struct hw_view view = {.kind = HW_VIEW_STRING, .start = 1050, .length = 51};
	struct hw_seen seen = {0};
	struct hw_sight sight;

	ck_assert(hw_seen_add(&seen, 1000, 100, &extent, 1050, &view));
	view = (struct hw_view){.kind = HW_VIEW_STRING, .start = 999, .length = 5};
	ck_assert(hw_seen_add(&seen, 1000, 100, &extent, 1051, &view));
	hw_seen_judge(&seen, &extent, &sight);
	ck_assert(!sight.is_whole && !sight.is_known);
	ck_assert_uint_eq(seen.unknown, 2);
	hw_seen_clear(&seen);
}
END_TEST

/* A heap of a toy runtime: words at multiples of 16 are references, the word behind one says
 * what it sees: 0 nothing, else kind + 1, confidence, offset of the view's start, length and
 * capacity; with the highest bit, so that it is no address. */

#define HEAP   0x600000000000u
#define ROOTS  0x610000000000u
#define STACKS 0x7f0000000000u
#define SIZE   (64u * PAGE)
#define STACK  (16u * PAGE)
#define BLOCKS 120u

static struct toy_heap {
	uint64_t heap[SIZE / 8], roots[PAGE / 8];
	uint8_t stacks[STACK];
	struct hw_block blocks[BLOCKS];
	struct hw_extent extents[BLOCKS];
	uint32_t count;
} toy_heap;

static uint64_t encode(const struct hw_view *view, uint64_t back)
{
	return (view->kind + 1) | (uint64_t)view->confidence << 4 | back << 8 | view->length << 24 |
	       MIN(view->capacity, 0x7fff) << 40 | UINT64_C(1) << 63;
}

static bool decode(uint64_t word, hw_addr value, struct hw_view *ret)
{
	if (!word)
		return false;
	ret->kind = (word & 15) - 1;
	ret->confidence = word >> 4 & 15;
	ret->start = value - (word >> 8 & 0xffff);
	ret->length = word >> 24 & 0xffff;
	ret->capacity = word >> 40 & 0x7fff;
	return true;
}

static int toy_probe(const struct hw_host *host)
{
	(void)host;
	return 100;
}

static void *toy_open(const struct hw_host *host)
{
	struct hw_heap_info info = {.struct_size = sizeof(info),
				    .name = "toy",
				    .flags = HW_HEAP_COLLECTED | HW_HEAP_NO_PAST_END};
	uint32_t heap = host->add_heap(host->self, &info);
	const struct hw_host **handle = g_new0(const struct hw_host *, 1);

	host->claim(host->self, heap, HW_CLAIM_HEAP, HEAP, HEAP + SIZE, "heap");
	*handle = host;
	return (void *)handle;
}

static bool toy_blocks(void *handle, uint32_t heap)
{
	const struct hw_host *host = *(const struct hw_host **)handle;
	struct hw_blocks batch = {.struct_size = sizeof(batch),
				  .block_size = sizeof(struct hw_block),
				  .heap = heap,
				  .count = toy_heap.count,
				  .blocks = toy_heap.blocks};

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

static bool toy_pointers(void *handle, uint32_t heap, hw_addr start, hw_addr end, uint64_t *bits)
{
	(void)handle;
	(void)heap;
	for (hw_addr at = start; at < end; at += 8)
		if (at % 16 == 0)
			bits[(at - start) / 512] |= UINT64_C(1) << ((at - start) / 8 % 64);
	return true;
}

static bool toy_view(void *handle, uint32_t heap, const struct hw_reference *r, struct hw_view *ret)
{
	const struct hw_host *host = *(const struct hw_host **)handle;
	uint64_t word;

	(void)heap;
	ck_assert_uint_ge(r->struct_size, sizeof(*r));
	ck_assert(r->value >= r->block && r->value < r->block + r->size);
	if (r->source)
		ck_assert(r->slot >= r->source && r->slot < r->source + r->source_size);
	else
		ck_assert(r->slot - ROOTS < PAGE);
	return host->read(host->self, r->slot + 8, &word, 8) == 8 && decode(word, r->value, ret);
}

static bool toy_extent(void *handle, uint32_t heap, hw_addr block, uint64_t size,
		       struct hw_extent *ret)
{
	(void)handle;
	(void)heap;
	for (uint32_t i = 0; i < toy_heap.count; i++) {
		if (toy_heap.blocks[i].addr != block)
			continue;
		ck_assert_uint_eq(toy_heap.blocks[i].size, size);
		*ret = toy_heap.extents[i];
		return i % 7 != 0; /* Of some nothing is known. */
	}
	ck_abort_msg("no block at 0x%lx", (unsigned long)block);
}

static struct hw_plugin toy = {
    HW_PLUGIN_HEADER,         .name = "toy",    .summary = "",        .tested = "",
    .probe = toy_probe,       .open = toy_open, .ledger = toy_ledger, .blocks = toy_blocks,
    .pointers = toy_pointers, .view = toy_view, .extent = toy_extent, .close = toy_close,
};

static void make_blocks(void)
{
	hw_addr at = HEAP;

	memset(&toy_heap, 0, sizeof(toy_heap));
	for (uint32_t i = 0; i < BLOCKS; i++) {
		const uint64_t size = 32 + random_below(random_below(3) ? 10 : 200) * 16;

		if (at + size > HEAP + SIZE)
			break;
		toy_heap.blocks[i] = (struct hw_block){
		    .addr = at, .size = size, .flags = random_below(9) ? 0 : HW_BLOCK_NOPOINTERS};
		toy_heap.extents[i] = random_extent(size);
		if (i % 7 == 0)
			toy_heap.extents[i] = (struct hw_extent){.below = size - 1};
		toy_heap.count++;
		at += size + random_below(3) * 16;
	}
}

static void put_reference(uint64_t *words)
{
	const uint32_t to = random_below(toy_heap.count);
	const struct twin t = {.size = toy_heap.blocks[to].size, .extent = toy_heap.extents[to]};
	uint64_t start, into;
	struct hw_view view = random_view(&t, toy_heap.blocks[to].addr, &start);

	into = start + (start < t.size - 1 ? random_below(2) : 0); /* In a string, somewhere. */
	words[0] = toy_heap.blocks[to].addr + into;
	words[1] = random_below(30) ? encode(&view, into - start) : 0;
}

static GByteArray *make_core(void)
{
	struct fake_core *core = fake_new();
	uint64_t regs[27] = {0};
	GByteArray *bytes;

	make_blocks();
	for (uint32_t i = 0; i < 3 * toy_heap.count; i++)
		put_reference(&toy_heap.heap[random_below(SIZE / 16) * 2]);
	for (uint32_t i = 0; i < 30; i++)
		put_reference(&toy_heap.roots[random_below(PAGE / 16) * 2]);
	regs[HW_REG_FS_BASE] = fake_pthread(toy_heap.stacks, STACKS, STACK, 100);
	regs[HW_REG_SP] = STACKS + STACK / 2;
	fake_load(core, HEAP, SIZE, PF_R | PF_W, toy_heap.heap, SIZE);
	fake_load(core, ROOTS, PAGE, PF_R | PF_W, toy_heap.roots, PAGE);
	fake_load(core, STACKS, STACK, PF_R | PF_W, toy_heap.stacks, STACK);
	fake_registers(core, 100, regs);
	bytes = fake_bytes(core);
	fake_free(core);
	return bytes;
}

static struct hw_session *open_session(GByteArray *bytes, GPtrArray *list, uint32_t threads)
{
	const struct hw_graph_request request = {.depth = HW_DEPTH_PATHS, .threads = threads};
	g_autofree char *path = fake_save(bytes, "core");
	struct hw_session *s = g_new0(struct hw_session, 1);
	GError *error = NULL;

	hw_notes_init(&s->notes);
	s->plugins = g_new0(struct hw_plugins, 1);
	s->plugins->list = g_ptr_array_ref(list);
	s->plugins->libraries = g_ptr_array_new();
	s->target = hw_target_open(path, NULL, &s->notes, &error);
	s->memory = hw_memory_new(s->target, NULL, &s->notes, &error);
	s->modules = hw_modules_new(s->memory, NULL, &s->notes, &error);
	s->threads = hw_threads_check(s->memory, &s->notes);
	s->heaps = hw_heaps_new(s->plugins, s->memory, s->modules, s->threads, &s->notes, &error);
	ck_assert_ptr_nonnull(s->heaps);
	ck_assert(hw_session_graph(s, &request, &error));
	ck_assert_uint_eq(hw_table_count(s->table), toy_heap.count);
	return s;
}

static uint32_t block_of(uint64_t word)
{
	for (uint32_t i = 0; i < toy_heap.count; i++)
		if (word >= toy_heap.blocks[i].addr &&
		    word < toy_heap.blocks[i].addr + toy_heap.blocks[i].size)
			return i;
	return HW_NO_BLOCK;
}

typedef void (*each_fn)(void *arg, uint32_t source, const uint64_t *words, uint32_t target);

/* Every reference of reached blocks and of roots; source BLOCKS: a root. */
static void each_reference(const bool *reached, each_fn fn, void *arg)
{
	for (uint32_t i = 0; i < PAGE / 8; i += 2)
		if (block_of(toy_heap.roots[i]) != HW_NO_BLOCK)
			fn(arg, BLOCKS, &toy_heap.roots[i], block_of(toy_heap.roots[i]));
	for (uint32_t b = 0; b < toy_heap.count; b++) {
		const struct hw_block *block = &toy_heap.blocks[b];

		for (uint64_t at = 0; reached[b] && !block->flags && at < block->size; at += 16) {
			const uint64_t *words = &toy_heap.heap[(block->addr + at - HEAP) / 8];

			if (block_of(words[0]) != HW_NO_BLOCK)
				fn(arg, b, words, block_of(words[0]));
		}
	}
}

static void reach(void *arg, uint32_t source, const uint64_t *words, uint32_t target)
{
	(void)source;
	(void)words;
	((bool *)arg)[target] = true;
}

static void look(void *arg, uint32_t source, const uint64_t *words, uint32_t target)
{
	struct twin *t = &((struct twin *)arg)[target];
	const hw_addr addr = toy_heap.blocks[target].addr;
	struct hw_view view;

	if (source == target)
		return;
	if (decode(words[1], words[0], &view))
		twin_add(t, words[0] - addr, &view, view.start - addr);
	else
		twin_add(t, words[0] - addr, NULL, 0);
}

static struct twin twins[BLOCKS];

static void make_twins(bool *reached)
{
	memset(reached, 0, BLOCKS * sizeof(*reached));
	memset(twins, 0, sizeof(twins));
	for (uint32_t before = 0, after = 1; before < after;) {
		before = after;
		each_reference(reached, reach, reached);
		after = 1;
		for (uint32_t i = 0; i < toy_heap.count; i++)
			after += reached[i];
	}
	for (uint32_t i = 0; i < toy_heap.count; i++) {
		twins[i].size = toy_heap.blocks[i].size;
		twins[i].extent = toy_heap.extents[i];
	}
	each_reference(reached, look, twins);
}

static void check_pins(const struct hw_session *s, const struct hw_pins *p, uint64_t min)
{
	bool reached[BLOCKS], listed[BLOCKS] = {false};
	uint64_t visible = 0, wasted = 0, known = 0;

	make_twins(reached);
	for (guint i = 0; i < p->pins->len; i++) {
		const struct hw_pin *pin = &g_array_index(p->pins, struct hw_pin, i);

		ck_assert(!listed[pin->block]);
		listed[pin->block] = true;
		ck_assert_uint_eq(hw_table_addr(s->table, pin->block),
				  toy_heap.blocks[pin->block].addr);
		ck_assert(reached[pin->block] && pin->size >= min);
		check_twin(&twins[pin->block], &pin->sight);
		ck_assert_uint_eq(pin->wasted,
				  pin->sight.is_known ? pin->size - pin->sight.visible : 0);
		known += pin->sight.is_known;
		visible += pin->sight.is_known ? pin->sight.visible : 0;
		wasted += pin->wasted;
	}
	for (uint32_t b = 0; b < toy_heap.count; b++) {
		const struct twin *t = &twins[b];

		if (reached[b] && t->size >= min)
			ck_assert_int_eq(listed[b], !t->is_whole && !is_all(t, t->seen));
	}
	ck_assert_uint_eq(p->blocks, p->pins->len);
	ck_assert_uint_eq(p->known, known);
	ck_assert_uint_eq(p->visible, visible);
	ck_assert_uint_eq(p->wasted, wasted);
}

static void check_same(const struct hw_pins *a, const struct hw_pins *b)
{
	ck_assert_uint_eq(a->pins->len, b->pins->len);
	for (guint i = 0; i < a->pins->len; i++) {
		const struct hw_pin *x = &g_array_index(a->pins, struct hw_pin, i);
		const struct hw_pin *y = &g_array_index(b->pins, struct hw_pin, i);

		ck_assert_uint_eq(x->block, y->block);
		ck_assert_uint_eq(x->views, y->views);
		ck_assert_uint_eq(x->sight.visible, y->sight.visible);
		ck_assert_uint_eq(x->holder_count, y->holder_count);
		for (uint32_t h = 0; h < x->holder_count; h++)
			ck_assert_uint_eq(x->holders[h].slot, y->holders[h].slot);
	}
}

START_TEST(toy_runtime)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new();

	g_ptr_array_add(list, &toy);
	for (uint32_t round = 0; round < 60; round++) {
		g_autoptr(GByteArray) bytes = make_core();
		const uint64_t min = round % 3 ? 1 : 256;
		struct hw_session *one = open_session(bytes, list, 1);
		struct hw_session *three = open_session(bytes, list, 3);
		struct hw_pins *a = hw_pins_query(one, min, NULL);
		struct hw_pins *b = hw_pins_query(three, min, NULL);

		check_pins(one, a, min);
		check_same(a, b);
		hw_pins_free(a);
		hw_pins_free(b);
		hw_session_close(one);
		hw_session_close(three);
		ck_assert_uint_eq(hw_array_used(), 0);
	}
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("pins");
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, unions);
	tcase_add_test(tests, memory);
	tcase_add_test(tests, outside);
	tcase_add_test(tests, toy_runtime);
	failed = run_case("pins", tests);
	fake_remove_dir();
	return failed;
}
