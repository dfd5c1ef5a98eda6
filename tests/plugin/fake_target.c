/* SPDX-License-Identifier: Apache-2.0 */
/* Making a fake host: the target's parts are added here, what plugins said is forgotten
 * and freed here. */
#include "fake_host.h"
#include <inttypes.h>
#include <stdio.h>

static void clear_arenas(GArray *arenas)
{
	for (guint i = 0; i < arenas->len; i++)
		g_free(g_array_index(arenas, struct fake_arena, i).name);
	g_array_set_size(arenas, 0);
}

static void free_heap(gpointer data_ptr)
{
	struct fake_heap *heap = data_ptr;

	g_free(heap->name);
	g_free(heap->version);
	g_free(heap->how);
	clear_arenas(heap->arenas);
	g_array_unref(heap->arenas);
	g_array_unref(heap->blocks);
	g_free(heap);
}

struct fake_host *fake_host_new(void)
{
	struct fake_host *fake = g_new0(struct fake_host, 1);

	fake->host = fake_host_calls;
	fake->named = g_array_new(FALSE, TRUE, sizeof(hw_addr));
	fake->pools = g_array_new(FALSE, TRUE, sizeof(struct fake_pool));
	fake->roots = g_array_new(FALSE, TRUE, sizeof(struct fake_root));
	fake->host.self = fake;
	fake->segments = g_array_new(FALSE, TRUE, sizeof(struct fake_segment));
	fake->modules = g_array_new(FALSE, TRUE, sizeof(struct hw_module_info));
	fake->threads = g_array_new(FALSE, TRUE, sizeof(struct hw_thread_info));
	fake->symbols = g_array_new(FALSE, TRUE, sizeof(struct fake_symbol));
	fake->members = g_array_new(FALSE, TRUE, sizeof(struct fake_member));
	fake->heaps = g_ptr_array_new_with_free_func(free_heap);
	fake->claims = g_array_new(FALSE, TRUE, sizeof(struct fake_claim));
	fake->damage = g_array_new(FALSE, TRUE, sizeof(struct fake_damage));
	fake->warnings = g_ptr_array_new_with_free_func(g_free);
	fake->types = g_ptr_array_new_with_free_func(g_free);
	fake->breaches = g_ptr_array_new_with_free_func(g_free);
	return fake;
}

static void clear_roots(GArray *roots)
{
	for (guint i = 0; i < roots->len; i++) {
		struct fake_root *r = &g_array_index(roots, struct fake_root, i);

		g_free(r->kind);
		g_free(r->name);
		g_free(r->type);
		g_free(r->function);
		g_free(r->note);
	}
	g_array_set_size(roots, 0);
}

void fake_host_reset(struct fake_host *fake)
{
	clear_roots(fake->roots);
	g_array_set_size(fake->named, 0);
	g_array_set_size(fake->pools, 0);
	for (guint i = 0; i < fake->claims->len; i++)
		g_free(g_array_index(fake->claims, struct fake_claim, i).name);
	for (guint i = 0; i < fake->damage->len; i++)
		g_free(g_array_index(fake->damage, struct fake_damage, i).text);
	g_array_set_size(fake->claims, 0);
	g_array_set_size(fake->damage, 0);
	g_ptr_array_set_size(fake->heaps, 0);
	g_ptr_array_set_size(fake->warnings, 0);
	g_ptr_array_set_size(fake->types, 0);
	g_ptr_array_set_size(fake->breaches, 0);
	g_clear_pointer(&fake->failure, g_free);
	fake->incomplete = false;
	fake->damage_count = fake->memory_used = fake->memory_peak = fake->resize_calls = 0;
	fake->stop_polls = fake->block_batches = 0;
	fake->skips = 0;
	fake->root_count = 0;
	fake->phase = FAKE_IDLE;
}

void fake_host_free(struct fake_host *fake)
{
	if (!fake)
		return;
	fake_host_reset(fake);
	g_array_unref(fake->named);
	g_array_unref(fake->pools);
	g_array_unref(fake->roots);
	g_array_unref(fake->segments);
	g_array_unref(fake->modules);
	g_array_unref(fake->threads);
	g_array_unref(fake->symbols);
	g_array_unref(fake->members);
	g_array_unref(fake->claims);
	g_array_unref(fake->damage);
	g_ptr_array_unref(fake->heaps);
	g_ptr_array_unref(fake->warnings);
	g_ptr_array_unref(fake->types);
	g_ptr_array_unref(fake->breaches);
	g_free(fake);
}

static int compare_segments(gconstpointer a, gconstpointer b)
{
	const struct fake_segment *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

void fake_host_ready(struct fake_host *fake)
{
	g_array_sort(fake->segments, compare_segments);
	for (guint i = 1; i < fake->segments->len; i++)
		g_assert(g_array_index(fake->segments, struct fake_segment, i - 1).end <=
			 g_array_index(fake->segments, struct fake_segment, i).start);
}

void fake_host_segment(struct fake_host *fake, const struct fake_segment *segment)
{
	g_assert(segment->start < segment->end && segment->held <= segment->end - segment->start);
	g_array_append_val(fake->segments, *segment);
}

void fake_host_module(struct fake_host *fake, const char *name, hw_addr start, hw_addr end,
		      bool is_exe, bool has_symbols, bool exports_malloc)
{
	struct hw_module_info info = {
	    .struct_size = sizeof(info),
	    .is_exe = is_exe,
	    .start = start,
	    .end = end,
	    .name = name,
	    .has_symbols = has_symbols,
	    .exports_malloc = exports_malloc,
	};

	g_array_append_val(fake->modules, info);
}

void fake_host_thread(struct fake_host *fake, int32_t tid, hw_addr tls, hw_addr sp, bool dumped)
{
	struct hw_thread_info info = {
	    .struct_size = sizeof(info),
	    .tid = tid,
	    .tls = tls,
	    .sp = sp,
	    .tls_dumped = dumped,
	};

	g_array_append_val(fake->threads, info);
}

void fake_host_symbol(struct fake_host *fake, uint32_t index, const char *name, hw_addr value)
{
	struct fake_symbol entry = {index, name, value};

	g_array_append_val(fake->symbols, entry);
}

void fake_host_member(struct fake_host *fake, uint32_t index, const char *type_name,
		      const char *name, uint64_t value)
{
	struct fake_member entry = {index, type_name, name, value};

	g_array_append_val(fake->members, entry);
}

bool fake_is_incomplete(const struct fake_host *fake)
{
	return fake->incomplete || fake->damage_count > 0;
}

const char *fake_breach(const struct fake_host *fake)
{
	return fake->breaches->len ? fake->breaches->pdata[0] : NULL;
}

void fake_print(const struct fake_host *fake, const char *title)
{
	fprintf(stderr, "-- %s%s%s\n", title, fake->failure ? ", failed: " : "",
		fake->failure ? fake->failure : "");
	for (guint i = 0; i < fake->heaps->len; i++) {
		const struct fake_heap *heap = fake->heaps->pdata[i];

		fprintf(stderr, "   heap %u: %s %s, %s, %u blocks\n", i, heap->name, heap->version,
			heap->how, heap->blocks->len);
	}
	for (guint i = 0; i < MIN(fake->breaches->len, 12); i++)
		fprintf(stderr, "   BREACH %s\n", (char *)fake->breaches->pdata[i]);
	for (guint i = 0; i < MIN(fake->damage->len, 12); i++) {
		const struct fake_damage *d = &g_array_index(fake->damage, struct fake_damage, i);

		fprintf(stderr, "   damage 0x%" PRIx64 ": %s\n", d->addr, d->text);
	}
	for (guint i = 0; i < fake->warnings->len; i++)
		fprintf(stderr, "   warning %s\n", (char *)fake->warnings->pdata[i]);
}
