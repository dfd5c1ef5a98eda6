/* SPDX-License-Identifier: Apache-2.0 */
/* The process around the heaps: memory, modules, threads, and where each copy of libc
 * keeps its things. What is in the heaps is synth_fill.c, how it is written down is
 * synth_write.c, what is true of it is synth_truth.c. */
#include "synth.h"
#include <string.h>

#define PAGE                  UINT64_C(4096)
#define MMAP_AS_MORECORE_SIZE (UINT64_C(1) << 20) /* malloc.c */

/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t synth_random(struct synth *synth)
{
	uint64_t z = synth->rng += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t synth_below(struct synth *synth, uint64_t limit)
{
	return synth_random(synth) % limit;
}

static uint64_t round_up(uint64_t size, uint64_t unit)
{
	return (size + unit - 1) / unit * unit;
}

static uint64_t pages_between(struct synth *synth, uint64_t low, uint64_t high)
{
	return round_up(low + synth_below(synth, high - low + 1), PAGE);
}

struct synth_segment *synth_map(struct synth *synth, hw_addr start, uint64_t size, uint64_t held,
				uint32_t perm, uint32_t owner, uint32_t module)
{
	struct synth_segment segment = {
	    .start = start,
	    .end = start + size,
	    .held = held,
	    .bytes = held ? g_malloc0(held) : NULL,
	    .perm = perm,
	    .owner = owner,
	    .module = module,
	};

	g_array_append_val(synth->segments, segment);
	return &g_array_index(synth->segments, struct synth_segment, synth->segments->len - 1);
}

uint8_t *synth_at(const struct synth *synth, hw_addr addr, uint64_t size)
{
	static guint last; /* Most words asked for are near the one before. */

	for (guint n = 0; n <= synth->segments->len; n++) {
		guint i = n == 0 ? last : n - 1;
		const struct synth_segment *s;

		if (i >= synth->segments->len)
			continue;
		s = &g_array_index(synth->segments, struct synth_segment, i);
		if (addr >= s->start && addr - s->start < s->held &&
		    size <= s->held - (addr - s->start)) {
			last = i;
			return s->bytes + (addr - s->start);
		}
	}
	return NULL;
}

uint64_t synth_word(const struct synth *synth, hw_addr addr)
{
	const uint8_t *at = synth_at(synth, addr, 8);
	uint64_t value;

	g_assert_nonnull(at);
	memcpy(&value, at, sizeof(value));
	return value;
}

void synth_poke(struct synth *synth, hw_addr addr, uint64_t value)
{
	uint8_t *at = synth_at(synth, addr, sizeof(value));

	g_assert_nonnull(at);
	memcpy(at, &value, sizeof(value));
}

/* What programs leave behind: zeros, text, old chunk heads, pointers to near memory. */
void synth_noise(struct synth *synth, hw_addr start, uint64_t size, hw_addr near_start,
		 uint64_t near_size)
{
	uint8_t *at = synth_at(synth, start, size);

	g_assert_nonnull(at);
	for (uint64_t i = 0; i + 8 <= size; i += 8) {
		uint64_t r = synth_random(synth), value = r;

		if (r % 8 < 2)
			value = 0;
		else if (r % 8 == 2)
			value = ((r >> 8) % 64 * 16 + 32) | 1;
		else if (r % 8 == 3 && near_size)
			value = near_start + (r >> 8) % near_size / 16 * 16;
		else if (r % 8 == 4)
			value = UINT64_C(0x20646e6120656874) ^ (r >> 60);
		memcpy(at + i, &value, sizeof(value));
	}
}

static struct synth_segment *map_noise(struct synth *synth, hw_addr start, uint64_t size,
				       uint32_t perm, uint32_t owner, uint32_t module)
{
	struct synth_segment *segment = synth_map(synth, start, size, size, perm, owner, module);

	synth_noise(synth, start, size, 0, 0);
	return segment;
}

/* A fresh place of whole pages for an anonymous mapping; with a gap above it. */
static hw_addr place_mmap(struct synth *synth, uint64_t size)
{
	synth->next_mmap -= size + PAGE * (1 + synth_below(synth, 16));
	return synth->next_mmap;
}

/* text, read-only data, data and bss, as ld.so maps an object. Returns its index. */
static uint32_t add_module(struct synth *synth, const char *name, hw_addr start, bool is_exe,
			   bool exports_malloc, hw_addr *rodata_ret, hw_addr *data_ret,
			   uint64_t data_size)
{
	struct synth_module module = {name, start, 0, is_exe, exports_malloc};
	uint32_t index = synth->modules->len;

	map_noise(synth, start, 2 * PAGE, HW_PERM_R | HW_PERM_X, HW_OWNER_MODULE, index);
	synth_map(synth, start + 2 * PAGE, PAGE, PAGE, HW_PERM_R, HW_OWNER_MODULE, index);
	map_noise(synth, start + 3 * PAGE, data_size, HW_PERM_R | HW_PERM_W, HW_OWNER_MODULE,
		  index);
	/* bss: anonymous, right behind. */
	synth_map(synth, start + 3 * PAGE + data_size, 2 * PAGE, 2 * PAGE, HW_PERM_R | HW_PERM_W,
		  HW_OWNER_MODULE, index);
	*rodata_ret = start + 2 * PAGE;
	*data_ret = start + 3 * PAGE;
	module.end = start + 5 * PAGE + data_size;
	g_array_append_val(synth->modules, module);
	return index;
}

static void add_thread(struct synth *synth, uint32_t number)
{
	struct synth_thread thread = {.tid = 4711 + (int)number};
	uint64_t size = number ? 64 * 1024 : 3 * PAGE;
	hw_addr start = place_mmap(synth, size);

	map_noise(synth, start, size, HW_PERM_R | HW_PERM_W,
		  number ? HW_OWNER_STACK : HW_OWNER_ANON, HW_NO_MODULE);
	thread.tls = start + size - PAGE + 64 * (1 + synth_below(synth, 16));
	thread.sp = start + size / 2;
	if (!number) {
		thread.sp = UINT64_C(0x7ffffffdd000) + 0x800;
		map_noise(synth, thread.sp - 0x800, 4 * PAGE, HW_PERM_R | HW_PERM_W, HW_OWNER_STACK,
			  HW_NO_MODULE);
	}
	synth_poke(synth, thread.tls, thread.tls);      /* tcbhead_t.tcb */
	synth_poke(synth, thread.tls + 16, thread.tls); /* tcbhead_t.self */
	g_array_append_val(synth->threads, thread);
}

struct synth *synth_new(uint64_t seed, uint32_t threads)
{
	struct synth *synth = g_new0(struct synth, 1);
	hw_addr rodata, data;

	synth->rng = seed * 0x10001 + 12345;
	synth->segments = g_array_new(FALSE, TRUE, sizeof(struct synth_segment));
	synth->modules = g_array_new(FALSE, TRUE, sizeof(struct synth_module));
	synth->threads = g_array_new(FALSE, TRUE, sizeof(struct synth_thread));
	synth->libcs = g_ptr_array_new();
	synth->next_module = UINT64_C(0x7ffff7c00000);
	synth->next_mmap = UINT64_C(0x7ffff7800000);
	synth->next_heap = UINT64_C(0x7fffe8000000);
	add_module(synth, "prog", UINT64_C(0x555555554000), true, false, &rodata, &data, 4 * PAGE);
	synth->brk = g_array_index(synth->modules, struct synth_module, 0).end +
		     PAGE * (1 + synth_below(synth, 0x1000));
	for (uint32_t i = 0; i <= threads; i++)
		add_thread(synth, i);
	return synth;
}

static struct synth_region *add_region(struct synth_libc *libc, uint32_t arena, hw_addr base,
				       hw_addr start, hw_addr end, hw_addr limit, bool has_top)
{
	struct synth_region region = {base, start, end, limit, arena, has_top};

	g_array_append_val(libc->regions, region);
	return &g_array_index(libc->regions, struct synth_region, libc->regions->len - 1);
}

/* Bytes that someone else's sbrk() added: nothing that looks like chunks. */
static void write_foreign(struct synth *synth, hw_addr start, uint64_t size)
{
	int style = (int)synth_below(synth, 3);
	uint8_t *at = synth_at(synth, start, size);

	for (uint64_t i = 0; i < size; i++)
		at[i] = style == 0 ? 0 : style == 1 ? 0xff : (uint8_t)(synth_random(synth) | 1);
}

/* sysmalloc(), contiguous: each region ends on a page border; in a static program the
 * TLS block came from sbrk() before malloc did. */
static void add_brk_regions(struct synth *synth, struct synth_libc *libc)
{
	const struct synth_options *o = &libc->options;
	struct synth_arena *main = &g_array_index(libc->arenas, struct synth_arena, 0);
	uint32_t count = o->foreign_hole ? MAX(o->regions, 2) : 1;
	hw_addr start = synth->brk,
		at = start + (o->is_static ? 0xb10 + 8 * synth_below(synth, 64) : 0);
	hw_addr first = at, last_end = at;
	guint first_region = libc->regions->len;

	for (uint32_t i = 0; i < count; i++) {
		hw_addr chunk = round_up(at, MALLOC_ALIGNMENT);
		hw_addr end = round_up(
		    chunk + o->heap_bytes / 2 + synth_below(synth, o->heap_bytes / 2), PAGE);

		add_region(libc, 0, chunk, chunk, end, end, i + 1 == count);
		last_end = end;
		at = end + 8 * (3 + synth_below(synth, synth_chance(synth, 50) ? 4 : 1500));
	}
	main->system_mem = last_end - first;
	synth->brk = last_end + (o->brk_above ? 3 * PAGE : 0);
	map_noise(synth, start, synth->brk - start, HW_PERM_R | HW_PERM_W, HW_OWNER_ANON,
		  HW_NO_MODULE);
	for (guint i = first_region + 1; i < libc->regions->len; i++) {
		const struct synth_region *r =
		    &g_array_index(libc->regions, struct synth_region, i);

		write_foreign(synth, r[-1].end, r->start - r[-1].end);
	}
	if (o->brk_above)
		write_foreign(synth, last_end, synth->brk - last_end);
}

/* sysmalloc() when MORECORE fails: mmapped pieces of at least a megabyte, often right
 * below the one before, which the kernel then shows as one mapping. */
static void add_mmapped_regions(struct synth *synth, struct synth_libc *libc)
{
	const struct synth_options *o = &libc->options;
	struct synth_arena *main = &g_array_index(libc->arenas, struct synth_arena, 0);
	uint32_t count = MAX(o->regions, 1);
	uint32_t left = count;
	guint first = libc->regions->len;

	main->system_mem = 0;
	while (left) {
		uint32_t group = 1 + (uint32_t)synth_below(synth, left);
		uint64_t sizes[8], total = 0;
		hw_addr at;

		group = MIN(group, G_N_ELEMENTS(sizes));
		for (uint32_t i = 0; i < group; i++) {
			sizes[i] = MMAP_AS_MORECORE_SIZE;
			if (synth_chance(synth, 30))
				sizes[i] += PAGE * synth_below(synth, 64);
			total += sizes[i];
		}
		at = place_mmap(synth, total);
		map_noise(synth, at, total, HW_PERM_R | HW_PERM_W, HW_OWNER_ANON, HW_NO_MODULE);
		/* The newest is the lowest. */
		at += total;
		for (uint32_t i = 0; i < group; i++) {
			at -= sizes[i];
			add_region(libc, 0, at, at, at + sizes[i], at + sizes[i], false);
		}
		main->system_mem += total;
		left -= group;
	}
	g_assert(libc->regions->len == first + count);
	g_array_index(libc->regions, struct synth_region, libc->regions->len - 1).has_top = true;
}

/* new_heap() of arena.c: aligned to its greatest size, PROT_NONE beyond what is used. */
static void add_heap(struct synth *synth, struct synth_libc *libc, uint32_t index, bool first,
		     bool last)
{
	const struct synth_options *o = &libc->options;
	struct synth_arena *arena = &g_array_index(libc->arenas, struct synth_arena, index);
	struct synth_offsets at = synth_offsets(o->class);
	uint64_t unit = o->huge_heaps ? UINT64_C(2) << 20 : PAGE;
	uint64_t size = round_up(pages_between(synth, o->heap_bytes / 2, o->heap_bytes), unit);
	/* shrink_heap() keeps pages writable: mprotect_size is the greatest size so far. */
	uint64_t writable = synth_chance(synth, 30) ? size + unit : size;
	uint64_t head = at.heap_info_size + (first ? at.state_size : 0);
	hw_addr base;

	if (synth_chance(synth, 30))
		synth->next_heap -= libc->heap_max;
	synth->next_heap -= libc->heap_max;
	base = synth->next_heap & ~(libc->heap_max - 1);
	synth->next_heap = base;
	map_noise(synth, base, writable, HW_PERM_R | HW_PERM_W, HW_OWNER_ANON, HW_NO_MODULE);
	if (writable > size)
		memset(synth_at(synth, base + size, writable - size), 0, writable - size);
	if (!o->no_reserve)
		synth_map(synth, base + writable, libc->heap_max - writable, 0, 0, HW_OWNER_ANON,
			  HW_NO_MODULE);
	if (first)
		arena->addr = base + at.heap_info_size;
	arena->system_mem += size;
	add_region(libc, index, base, base + round_up(head, MALLOC_ALIGNMENT), base + size,
		   base + libc->heap_max, last);
}

static void add_arenas(struct synth *synth, struct synth_libc *libc)
{
	const struct synth_options *o = &libc->options;

	for (uint32_t i = 0; i <= o->arenas; i++) {
		struct synth_arena arena = {.addr = i ? 0 : libc->main_arena};

		for (int b = 0; b < NFASTBINS; b++)
			arena.fastbins[b] = g_array_new(FALSE, TRUE, sizeof(guint));
		for (int b = 0; b < NBINS; b++)
			arena.bins[b] = g_array_new(FALSE, TRUE, sizeof(guint));
		g_array_append_val(libc->arenas, arena);
	}
	if (o->unused)
		return;
	if (o->noncontiguous)
		add_mmapped_regions(synth, libc);
	else
		add_brk_regions(synth, libc);
	for (uint32_t i = 1; i <= o->arenas; i++) {
		uint32_t heaps = 1 + (uint32_t)synth_below(synth, MAX(o->heaps, 1));

		for (uint32_t h = 0; h < heaps; h++)
			add_heap(synth, libc, i, h == 0, h + 1 == heaps);
	}
}

/* Thread 0 uses main_arena; the others share the arenas there are. Some threads never
 * called malloc and have no tcache. */
static void add_tcaches(struct synth *synth, struct synth_libc *libc)
{
	const struct synth_options *o = &libc->options;

	for (guint i = 0; i < synth->threads->len; i++) {
		struct synth_tcache cache = {.addr = 0};

		if (i && o->arenas)
			cache.arena = 1 + (i - 1) % o->arenas;
		/* 1 marks "wanted" until the chunk for it has an address. */
		if (o->class->tcache != TCACHE_NO && !o->no_tcache && !o->unused &&
		    (i < 2 || synth_chance(synth, 80)))
			cache.addr = 1;
		for (int b = 0; b < TCACHE_ALL_BINS; b++)
			cache.lists[b] = g_array_new(FALSE, TRUE, sizeof(guint));
		g_array_append_val(libc->tcaches, cache);
	}
}

/* Chunks of their own mapping, in groups that the kernel shows as one. For memalign
 * the chunk lies further in (_int_memalign); up to 2.42 at least MINSIZE from the start. */
static void add_mmapped(struct synth *synth, struct synth_libc *libc)
{
	static const uint64_t alignments[] = {32, 64, 256, 4096, 16384, 65536};
	uint32_t left = libc->options.mmapped;

	while (left) {
		uint32_t group = 1 + (uint32_t)synth_below(synth, MIN(left, 4));
		guint first = libc->mmapped->len;
		uint64_t total = 0;
		hw_addr at;

		for (uint32_t i = 0; i < group; i++) {
			struct synth_mmapped m = {.lead = 0};

			m.length = pages_between(synth, 33 * PAGE, 70 * PAGE);
			m.base = total;
			total += m.length;
			g_array_append_val(libc->mmapped, m);
		}
		at = place_mmap(synth, total);
		map_noise(synth, at, total, HW_PERM_R | HW_PERM_W, HW_OWNER_ANON, HW_NO_MODULE);
		for (guint i = first; i < libc->mmapped->len; i++) {
			struct synth_mmapped *m =
			    &g_array_index(libc->mmapped, struct synth_mmapped, i);
			uint64_t align = alignments[synth_below(synth, G_N_ELEMENTS(alignments))];

			m->base += at;
			if (!synth_chance(synth, 40))
				continue;
			m->lead = round_up(m->base + 16, align) - 16 - m->base;
			/* 2.43 needs no room for a chunk in front. */
			if (m->lead < MINSIZE && !libc->options.class->new_mmapped)
				m->lead += align;
		}
		left -= group;
	}
}

static void place_libc(struct synth *synth, struct synth_libc *libc)
{
	struct synth_offsets at = synth_offsets(libc->options.class);
	hw_addr rodata, data;

	if (libc->options.is_static) {
		const struct synth_module *exe =
		    &g_array_index(synth->modules, struct synth_module, 0);

		libc->module = 0;
		rodata = exe->start + 2 * PAGE;
		data = exe->start + 3 * PAGE;
	} else {
		libc->module = add_module(synth, "libc.so.6", synth->next_module, false, true,
					  &rodata, &data, 4 * PAGE);
		synth->next_module += UINT64_C(0x200000);
	}
	libc->main_arena = data + round_up(synth_below(synth, 2 * PAGE - 64), 32);
	libc->mp = data + 3 * PAGE + round_up(synth_below(synth, PAGE / 2), 32);
	if (synth_chance(synth, 50)) { /* mp_ in front. */
		libc->mp = data + round_up(synth_below(synth, PAGE - at.par_size - 64), 32);
		libc->main_arena += PAGE;
	}
	libc->dummy_tcache = rodata + 0x100;
}

struct synth_libc *synth_add_libc(struct synth *synth, const struct synth_options *options)
{
	struct synth_libc *libc = g_new0(struct synth_libc, 1);

	libc->options = *options;
	libc->heap_max = options->huge_heaps ? UINT64_C(8) << 20 : UINT64_C(64) << 20;
	libc->tcache_key = synth_random(synth);
	libc->fill = options->tcache_count ? options->tcache_count : options->class->fill;
	if (options->no_tcache)
		libc->fill = 0;
	libc->tcache_offset = 0x40 + 0x100 * synth->libcs->len + 8 * synth_below(synth, 20);
	libc->tcache_max_bytes = 1032; /* tidx2usize(63) */
	if (options->class->state == STATE_2_43)
		libc->tcache_max_bytes = 1041; /* tidx2csize(63) + 1 */
	if (options->large_tcache)
		libc->tcache_max_bytes = 65536;
	libc->arenas = g_array_new(FALSE, TRUE, sizeof(struct synth_arena));
	libc->regions = g_array_new(FALSE, TRUE, sizeof(struct synth_region));
	libc->chunks = g_array_new(FALSE, TRUE, sizeof(struct synth_chunk));
	libc->mmapped = g_array_new(FALSE, TRUE, sizeof(struct synth_mmapped));
	libc->tcaches = g_array_new(FALSE, TRUE, sizeof(struct synth_tcache));
	g_ptr_array_add(synth->libcs, libc);

	place_libc(synth, libc);
	add_arenas(synth, libc);
	add_tcaches(synth, libc);
	add_mmapped(synth, libc);
	for (guint i = 0; i < libc->regions->len; i++)
		synth_fill_region(synth, libc, i);
	synth_sort_lists(synth, libc);
	synth_write_chunks(synth, libc);
	synth_write_lists(synth, libc);
	synth_write_states(synth, libc);
	return libc;
}

static void free_libc(struct synth_libc *libc)
{
	for (guint i = 0; i < libc->arenas->len; i++) {
		struct synth_arena *arena = &g_array_index(libc->arenas, struct synth_arena, i);

		for (int b = 0; b < NFASTBINS; b++)
			g_array_unref(arena->fastbins[b]);
		for (int b = 0; b < NBINS; b++)
			g_array_unref(arena->bins[b]);
	}
	for (guint i = 0; i < libc->tcaches->len; i++)
		for (int b = 0; b < TCACHE_ALL_BINS; b++)
			g_array_unref(
			    g_array_index(libc->tcaches, struct synth_tcache, i).lists[b]);
	g_array_unref(libc->arenas);
	g_array_unref(libc->regions);
	g_array_unref(libc->chunks);
	g_array_unref(libc->mmapped);
	g_array_unref(libc->tcaches);
	g_free(libc);
}

void synth_free(struct synth *synth)
{
	if (!synth)
		return;
	for (guint i = 0; i < synth->segments->len; i++)
		g_free(g_array_index(synth->segments, struct synth_segment, i).bytes);
	for (guint i = 0; i < synth->libcs->len; i++)
		free_libc(synth->libcs->pdata[i]);
	g_array_unref(synth->segments);
	g_array_unref(synth->modules);
	g_array_unref(synth->threads);
	g_ptr_array_unref(synth->libcs);
	g_free(synth);
}
