/* SPDX-License-Identifier: Apache-2.0 */
/* private.h -- the libdwfl session and what was looked up so far. Private to this
 * stage. */
#ifndef HW_MODULE_PRIVATE_H
#define HW_MODULE_PRIVATE_H
#include "module/module.h"
#include <elfutils/libdwfl.h>

struct hw_modules {
	const struct hw_memory *memory;
	struct hw_notes *notes;
	char *sysroot;
	char **debug_dirs; /* Absolute, NULL-terminated. */
	Dwfl *dwfl;        /* NULL until something was asked. */
	bool is_broken;    /* libdwfl could not be started. */
	Dwfl_Callbacks callbacks;
	struct hw_lookup *lookups; /* One per object. */
};

/* What is known of one object. */
struct hw_lookup {
	Dwfl_Module *module;
	bool is_asked;   /* module is the answer, NULL for none. */
	bool is_counted; /* has_symbols is the answer. */
	bool has_symbols;
	GHashTable *types; /* Name → struct hw_type *; made on first use. */
};

/* The module of an object, reported to libdwfl on first use; NULL when its binary is
 * not at hand. */
Dwfl_Module *hw_modules_dwfl(struct hw_modules *modules, uint32_t object);

/* debuginfo.c: libdwfl's callback. userdata of a module is struct hw_modules. */
int hw_modules_find_debuginfo(Dwfl_Module *module, void **userdata, const char *name,
			      Dwarf_Addr base, const char *file_name, const char *debuglink,
			      GElf_Word crc, char **path_ret);
#endif
