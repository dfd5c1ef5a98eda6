/* SPDX-License-Identifier: Apache-2.0 */
/* dwfl.c -- one libdwfl session over the binaries that memory found. Objects are
 * reported one by one, when somebody asks about them: a core of a large program names
 * hundreds, and a plugin cares for two. */
#include "base/array.h"
#include "module/private.h"
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VDSO_NAME "[vdso]"
#define VDSO_MAX  ((uint64_t)1 << 20) /* Real ones have two or three pages. */

/* Every module is reported with its file, but the vdso, which has none. */
static int find_elf(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
		    char **path_ret, Elf **elf_ret)
{
	struct hw_modules *modules = *userdata;
	uint64_t held;

	(void)module;
	(void)path_ret;
	if (!modules || modules->vdso || strcmp(name, VDSO_NAME) != 0 ||
	    !hw_memory_peek(modules->memory, base, &held))
		return -1;
	held = MIN(held, VDSO_MAX);
	modules->vdso = g_malloc(held);
	held = hw_memory_read(modules->memory, base, modules->vdso, held);
	*elf_ret = elf_memory((char *)modules->vdso, held);
	return -1;
}

static char **copy_dirs(const char *const *dirs)
{
	GPtrArray *list = g_ptr_array_new();

	for (size_t i = 0; dirs && dirs[i]; i++)
		g_ptr_array_add(list, g_canonicalize_filename(dirs[i], NULL));
	g_ptr_array_add(list, NULL);
	return (char **)g_ptr_array_free(list, FALSE);
}

struct hw_modules *hw_modules_new(const struct hw_memory *memory,
				  const struct hw_modules_options *options, struct hw_notes *notes,
				  GError **error)
{
	static const struct hw_modules_options none;
	struct hw_modules *modules = g_new0(struct hw_modules, 1);

	(void)error;
	if (!options)
		options = &none;
	/* libdwfl would ask the servers named there. */
	g_unsetenv("DEBUGINFOD_URLS");
	modules->memory = memory;
	modules->notes = notes;
	modules->sysroot = g_strdup(options->sysroot ? options->sysroot : "/");
	modules->debug_dirs = copy_dirs(options->debug_dirs);
	modules->lookups = g_new0(struct hw_lookup, memory->object_count + 1);
	modules->strings = g_string_chunk_new(4096);
	modules->callbacks = (Dwfl_Callbacks){
	    .find_elf = find_elf,
	    .find_debuginfo = hw_modules_find_debuginfo,
	    .section_address = dwfl_offline_section_address,
	};
	return modules;
}

static bool is_same_object(const struct hw_object *a, const struct hw_object *b)
{
	return a->start == b->start && a->end == b->end && a->bias == b->bias &&
	       a->is_exe == b->is_exe && !strcmp(a->path, b->path) &&
	       hw_build_id_equal(&a->identity.gnu, &b->identity.gnu) &&
	       hw_build_id_equal(&a->identity.go, &b->identity.go);
}

bool hw_modules_move(struct hw_modules *modules, const struct hw_memory *memory)
{
	const struct hw_memory *old = modules->memory;

	if (old->object_count != memory->object_count)
		return false;
	for (uint32_t i = 0; i < memory->object_count; i++)
		if (!is_same_object(&old->objects[i], &memory->objects[i]) ||
		    (modules->lookups[i].module && !memory->objects[i].binary))
			return false;
	hw_modules_statics_clear(modules);
	modules->memory = memory;
	return true;
}

void hw_modules_free(struct hw_modules *modules)
{
	if (!modules)
		return;
	hw_modules_statics_clear(modules);
	for (uint32_t i = 0; i < modules->memory->object_count; i++) {
		if (modules->lookups[i].types)
			g_hash_table_destroy(modules->lookups[i].types);
		hw_index_free(modules->lookups[i].index);
	}
	if (modules->places)
		g_hash_table_destroy(modules->places);
	if (modules->locals)
		g_hash_table_destroy(modules->locals);
	if (modules->dwfl)
		dwfl_end(modules->dwfl);
	g_free(modules->vdso);
	g_string_chunk_free(modules->strings);
	g_strfreev(modules->debug_dirs);
	g_free(modules->lookups);
	g_free(modules->sysroot);
	g_free(modules);
}

static void warn(struct hw_modules *modules, const char *what)
{
	hw_notes_warn(modules->notes, "no-symbols", NULL, "%s: libdwfl: %s", what, dwfl_errmsg(-1));
}

static bool begin(struct hw_modules *modules)
{
	if (modules->dwfl || modules->is_broken)
		return modules->dwfl != NULL;
	modules->dwfl = dwfl_begin(&modules->callbacks);
	modules->is_broken = !modules->dwfl;
	if (modules->is_broken)
		warn(modules, "symbols cannot be read");
	return modules->dwfl != NULL;
}

/* libdwfl takes the descriptor over, so it gets a second one. The bias is added to
 * p_vaddr: right for ET_DYN, and 0 for ET_EXEC. */
static Dwfl_Module *report(struct hw_modules *modules, const struct hw_object *object)
{
	const struct hw_binary *binary = object->binary;
	Dwfl_Module *module = NULL;
	void **userdata;
	int fd = dup(binary->fd);

	dwfl_report_begin_add(modules->dwfl);
	if (fd >= 0) {
		module = dwfl_report_elf(modules->dwfl, object->name, binary->path, fd,
					 object->bias, true);
		if (!module)
			close(fd);
	}
	dwfl_report_end(modules->dwfl, NULL, NULL);
	if (!module) {
		warn(modules, binary->path);
		return NULL;
	}
	if (dwfl_module_info(module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL))
		*userdata = modules;
	return module;
}

Dwfl_Module *hw_modules_dwfl(struct hw_modules *modules, uint32_t object)
{
	struct hw_lookup *lookup;

	if (object >= modules->memory->object_count || !modules->memory->objects[object].binary)
		return NULL;
	lookup = &modules->lookups[object];
	if (!lookup->is_asked && begin(modules)) {
		lookup->is_asked = true;
		lookup->module = report(modules, &modules->memory->objects[object]);
	}
	return lookup->module;
}

const char *hw_modules_text(struct hw_modules *modules, const char *text)
{
	g_autofree char *valid = NULL;

	if (g_utf8_validate(text, -1, NULL))
		return text;
	valid = g_utf8_make_valid(text, -1);
	return g_string_chunk_insert_const(modules->strings, valid);
}

const char *hw_modules_symbol_text(struct hw_modules *modules, const char *symbol)
{
	const char *at = strchr(symbol, '@');
	g_autofree char *cut = NULL;

	if (!at || at == symbol)
		return hw_modules_text(modules, symbol);
	cut = g_strndup(symbol, (gsize)(at - symbol));
	return hw_modules_text(modules, g_string_chunk_insert_const(modules->strings, cut));
}

void hw_modules_add_vdso(struct hw_modules *modules)
{
	const struct hw_memory *memory = modules->memory;
	const struct hw_mapping *mapping;
	Dwfl_Module *module;
	void **userdata;
	hw_addr at;
	uint32_t i;

	if (modules->is_vdso_asked || !begin(modules))
		return;
	modules->is_vdso_asked = true;
	if (!hw_target_auxv(memory->target, AT_SYSINFO_EHDR, &at))
		return;
	i = hw_memory_find(memory, at);
	mapping = &memory->mappings[i];
	if (i == memory->mapping_count || mapping->start != at || mapping->owner != HW_OWNER_VDSO)
		return;
	dwfl_report_begin_add(modules->dwfl);
	module = dwfl_report_module(modules->dwfl, VDSO_NAME, mapping->start, mapping->end);
	dwfl_report_end(modules->dwfl, NULL, NULL);
	if (module && dwfl_module_info(module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL))
		*userdata = modules;
}
