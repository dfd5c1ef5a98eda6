/* SPDX-License-Identifier: Apache-2.0 */
/* module.h -- what bytes mean: symbols and debug info of modules by libdwfl.
 *
 * Debug files are found by build-id below --debug-dir directories and
 * /usr/lib/debug, in .gnu_debugdata, or by .gnu_debuglink with its checksum. The
 * network is never asked. Everything is looked up on first use. */
#ifndef HW_MODULE_MODULE_H
#define HW_MODULE_MODULE_H
#include "heapwalk/plugin.h"
#include "memory/memory.h"

struct hw_modules;

struct hw_modules_options {
	const char *const *debug_dirs; /* NULL-terminated, or NULL. */
	const char *sysroot;           /* Default "/". */
};

struct hw_modules *hw_modules_new(const struct hw_memory *memory,
				  const struct hw_modules_options *options, struct hw_notes *notes,
				  GError **error);
/* Goes over to another look at the same process when it has the same objects: what was
 * looked up stays valid. False when it has others; nothing is changed then. */
bool hw_modules_move(struct hw_modules *modules, const struct hw_memory *memory);
void hw_modules_free(struct hw_modules *modules); /* Accepts NULL. */

/* From now on frames get no function, file and line, and no local variables: separate debug
 * files, dear to open, are not opened for them. Stacks are walked as before. */
void hw_modules_leave_unnamed(struct hw_modules *modules, bool is_unnamed);

/* Address of a defined symbol of an object (index into memory->objects); for a
 * thread-local one its offset in the module's TLS block. False when unknown. */
bool hw_modules_symbol(struct hw_modules *modules, uint32_t object, const char *name, hw_addr *ret);

/* Like hw_modules_symbol(), but only exported (dynamic) symbols, without libdwfl:
 * cheap, reads the binary's .dynsym. */
bool hw_modules_exports(struct hw_modules *modules, uint32_t object, const char *name);

/* True when a full symbol table or DWARF was found for it. */
bool hw_modules_has_symbols(struct hw_modules *modules, uint32_t object);

/* Offset of a member in bytes, or with member NULL the struct's size, from DWARF.
 * type is a struct tag ("malloc_state") or typedef; "a.b" is member b of member a. False
 * when there is none. */
bool hw_modules_member(struct hw_modules *modules, uint32_t object, const char *type,
		       const char *member, uint64_t *ret);

/* gotypes.c: variables() of <heapwalk/plugin.h>. */
void hw_modules_go_variables(struct hw_modules *modules, uint32_t object, hw_variable_fn take,
			     void *arg);

/* Nearest symbol at or below addr: "name" and offset, for show. NULL when unknown;
 * borrowed. */
const char *hw_modules_name(struct hw_modules *modules, hw_addr addr, uint64_t *offset_ret);

/* Does the object's read-only data or text hold these bytes? Reads the binary file,
 * else the target's memory. */
bool hw_modules_contains(struct hw_modules *modules, uint32_t object, const void *bytes,
			 size_t size);
#endif
