/* SPDX-License-Identifier: Apache-2.0 */
/* Allocators nobody decodes. Their memory must never be called a heap of somebody
 * else, nor a leak: they are recognised by what their code exports or says, and the
 * anonymous mappings that no plugin claimed are named after them. */
#include "heap/private.h"
#include <string.h>

struct allocator {
	const char *name;       /* Also the name of a plugin that would decode it. */
	const char *module;     /* Prefix of a module's name, or NULL. */
	const char *exports[4]; /* Dynamic symbols, any of which proves it. */
	/* Bytes in the executable or in a library that exports malloc, any of which. */
	struct {
		const char *bytes;
		size_t size;
	} texts[2];
};
#define TEXT(s)                                                                                    \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}

/* Strings as the projects print them: gperftools src/tcmalloc.cc, mimalloc
 * src/options.c, jemalloc src/malloc_io.c, Go cmd/link (buildinfo magic, and the type and
 * owner of its build-id note). musl's loader stages, ldso/dynlink.c. */
static const struct allocator known[] = {
    {"jemalloc",
     "libjemalloc.so",
     {"mallctl", "je_mallctl", "_rjem_mallctl"},
     {TEXT("<jemalloc>")}},
    {"tcmalloc", "libtcmalloc", {"tc_malloc", "tc_malloc_size"}, {TEXT("tcmalloc: large alloc")}},
    {"mimalloc", "libmimalloc", {"mi_malloc", "mi_heap_malloc"}, {TEXT("mimalloc: ")}},
    {"musl", "ld-musl-", {"__dls2b"}, {{NULL, 0}}},
    {"go", NULL, {"runtime.mheap_"}, {TEXT("\xff Go buildinf:"), TEXT("\4\0\0\0Go\0\0")}},
};

static bool object_has(struct hw_heaps *heaps, uint32_t index, const struct allocator *a)
{
	const struct hw_object *object = &heaps->memory->objects[index];

	if (a->module && g_str_has_prefix(object->name, a->module))
		return true;
	for (size_t i = 0; i < G_N_ELEMENTS(a->exports) && a->exports[i]; i++)
		if (hw_modules_exports(heaps->modules, index, a->exports[i]))
			return true;
	/* libc exports malloc too, and says none of these: skip its megabytes. */
	if (!object->is_exe &&
	    (g_str_has_prefix(object->name, "libc.") || g_str_has_prefix(object->name, "libc-") ||
	     !hw_modules_exports(heaps->modules, index, "malloc")))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(a->texts) && a->texts[i].bytes; i++)
		if (hw_modules_contains(heaps->modules, index, a->texts[i].bytes, a->texts[i].size))
			return true;
	return false;
}

static bool is_decoded(const struct hw_heaps *heaps, const char *name)
{
	for (guint i = 0; i < heaps->heaps->len; i++)
		if (strcmp(((struct hw_heap *)heaps->heaps->pdata[i])->plugin->name, name) == 0)
			return true;
	return false;
}

static bool has_plugin(const struct hw_heaps *heaps, const char *name)
{
	for (guint i = 0; i < heaps->plugins->list->len; i++)
		if (strcmp(((const struct hw_plugin *)heaps->plugins->list->pdata[i])->name,
			   name) == 0)
			return true;
	return false;
}

static void name_anonymous(struct hw_memory *memory, const char *name)
{
	const char *shared = g_string_chunk_insert_const(memory->strings, name);

	for (uint32_t i = 0; i < memory->mapping_count; i++) {
		struct hw_mapping *m = &memory->mappings[i];

		if (m->owner == HW_OWNER_ANON && m->perm && !m->name)
			m->name = shared;
	}
}

void hw_other_allocators(struct hw_heaps *heaps)
{
	g_autoptr(GString) names = g_string_new(NULL);

	for (size_t a = 0; a < G_N_ELEMENTS(known); a++) {
		for (uint32_t i = 0; i < heaps->memory->object_count; i++) {
			if (!object_has(heaps, i, &known[a]))
				continue;
			if (is_decoded(heaps, known[a].name))
				break;
			if (has_plugin(heaps, known[a].name))
				hw_notes_missing(
				    heaps->notes, "allocator-not-decoded", NULL,
				    "%s has %s, but no heap of it was found: it is not in use, or "
				    "its version or build is not decoded",
				    heaps->memory->objects[i].name, known[a].name);
			else
				hw_notes_missing(
				    heaps->notes, "allocator-not-decoded", NULL,
				    "%s uses %s, which no plugin here decodes: its memory stays "
				    "with the anonymous mappings",
				    heaps->memory->objects[i].name, known[a].name);
			g_string_append_printf(names, "%s%s", names->len ? " or " : "",
					       known[a].name);
			break;
		}
	}
	if (!names->len && !heaps->heaps->len)
		hw_notes_missing(heaps->notes, "no-heap-found",
				 "give the binaries with --sysroot or --exe if they are elsewhere",
				 "no allocator was recognised in this target: what its anonymous "
				 "mappings hold is not known");
	if (names->len) {
		g_string_prepend(names, "[anon, maybe ");
		g_string_append(names, ": not decoded]");
		name_anonymous(heaps->memory, names->str);
	}
}
