/* SPDX-License-Identifier: Apache-2.0 */
/* debuginfo.c -- separate debug files. Our own search instead of libdwfl's, because
 * its would leave the sysroot, open a FIFO, and ask the network: below each
 * --debug-dir, then below /usr/lib/debug of the sysroot; by build-id, else by the name
 * in .gnu_debuglink when build-id or checksum agree.
 *
 * The layouts are gdb's: "Debugging Information in Separate Files". */
#include "module/private.h"
#include <elfutils/libdwelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYSTEM_DIR "/usr/lib/debug"

/* One search. */
struct search {
	const struct hw_modules *modules;
	struct hw_build_id id; /* Wanted; size 0: none known. */
	bool has_crc;
	uint32_t crc; /* Wanted when the build-id can't tell. */
	int fd;       /* Found, or -1. */
	char *path;
};

/* CRC-32 as in .gnu_debuglink (that of zlib and IEEE 802.3). */
static uint32_t checksum(const uint8_t *bytes, uint64_t size)
{
	uint32_t table[256];
	uint32_t crc = UINT32_MAX;

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
	}
	for (uint64_t i = 0; i < size; i++)
		crc = crc >> 8 ^ table[(uint8_t)(crc ^ bytes[i])];
	return ~crc;
}

static bool is_wanted(const struct search *search, const struct hw_binary *binary)
{
	if (search->id.size && binary->identity.gnu.size)
		return hw_build_id_equal(&search->id, &binary->identity.gnu);
	return search->has_crc && checksum(binary->map, binary->size) == search->crc;
}

/* True when found. */
static bool try_path(struct search *search, const char *sysroot, const char *path)
{
	struct hw_binary *binary = hw_binary_open(sysroot, path, NULL);

	if (binary && is_wanted(search, binary)) {
		search->fd = dup(binary->fd);
		/* For free(): libdwfl owns it. */
		search->path = search->fd >= 0 ? strdup(binary->path) : NULL;
	}
	hw_binary_free(binary);
	return search->fd >= 0;
}

/* name below every debug directory. */
static bool try_dirs(struct search *search, const char *name)
{
	g_autofree char *system = g_build_filename(SYSTEM_DIR, name, NULL);

	for (char **dir = search->modules->debug_dirs; *dir; dir++) {
		g_autofree char *path = g_build_filename(*dir, name, NULL);

		if (try_path(search, "/", path))
			return true;
	}
	return try_path(search, search->modules->sysroot, system);
}

static bool by_build_id(struct search *search)
{
	g_autofree char *hex = hw_build_id_hex(&search->id);
	g_autofree char *name = NULL;

	if (search->id.size < 2)
		return false;
	name = g_strdup_printf(".build-id/%.2s/%s.debug", hex, hex + 2);
	return try_dirs(search, name);
}

/* file: path of the binary as the target names it. */
static bool by_link(struct search *search, const char *file, const char *link)
{
	g_autofree char *dir = g_path_get_dirname(file);
	g_autofree char *beside = g_build_filename(dir, link, NULL);
	g_autofree char *below = g_build_filename(dir, ".debug", link, NULL);

	/* The link is a base name; one with a slash is none. */
	if (!*link || strchr(link, '/') || dir[0] != '/')
		return false;
	return try_path(search, search->modules->sysroot, beside) ||
	       try_path(search, search->modules->sysroot, below) || try_dirs(search, beside) ||
	       try_dirs(search, link);
}

/* The build-id of the supplementary file (dwz) that the debug file asks for. */
static bool read_alt_id(const char *file, struct hw_build_id *ret)
{
	struct hw_binary *binary = hw_binary_open("/", file, NULL);
	Dwarf *dwarf = binary ? dwarf_begin(binary->fd, DWARF_C_READ) : NULL;
	const void *id;
	const char *name;
	ssize_t size = dwarf ? dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &id) : 0;

	if (size > 0 && size <= HW_BUILD_ID_MAX) {
		ret->size = (uint32_t)size;
		memcpy(ret->bytes, id, (size_t)size);
	}
	if (dwarf)
		dwarf_end(dwarf);
	hw_binary_free(binary);
	return ret->size != 0;
}

/* file: the debug file, as opened; link: absolute, or relative to it. */
static bool by_alt_link(struct search *search, const char *file, const char *link)
{
	g_autofree char *dir = g_path_get_dirname(file);
	g_autofree char *path = g_canonicalize_filename(link, dir);

	if (!read_alt_id(file, &search->id))
		return false;
	if (g_path_is_absolute(link) && try_path(search, search->modules->sysroot, link))
		return true;
	return try_path(search, "/", path) || by_build_id(search);
}

static const struct hw_object *find_object(const struct hw_modules *modules,
					   const Dwfl_Module *module)
{
	for (uint32_t i = 0; i < modules->memory->object_count; i++)
		if (modules->lookups[i].module == module)
			return &modules->memory->objects[i];
	return NULL;
}

int hw_modules_find_debuginfo(Dwfl_Module *module, void **userdata, const char *name,
			      Dwarf_Addr base, const char *file_name, const char *debuglink,
			      GElf_Word crc, char **path_ret)
{
	const struct hw_modules *modules = *userdata;
	const struct hw_object *object = modules ? find_object(modules, module) : NULL;
	struct search search = {.modules = modules, .fd = -1};

	(void)name;
	(void)base;
	if (!object)
		return -1;
	/* libdwfl asks here for the dwz file too: a name, but no checksum. */
	if (debuglink && crc == 0 && file_name) {
		by_alt_link(&search, file_name, debuglink);
	} else {
		search.id = object->binary->identity.gnu;
		search.has_crc = debuglink != NULL;
		search.crc = crc;
		if (!by_build_id(&search) && debuglink)
			by_link(&search, object->path, debuglink);
	}
	*path_ret = search.path;
	return search.fd;
}
