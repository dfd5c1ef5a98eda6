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
	GStringChunk *strings;     /* Names made up: types, frames. */
	GHashTable *places;        /* unwind.c: struct hw_place by pc. */
	GHashTable *locals;        /* locals.c: struct hw_locals by pc. */
	uint8_t *vdso;             /* Its image, copied: libelf keeps pointers into it. */
	bool is_vdso_asked;
	bool is_attach_asked; /* unwind.c: is_attached is the answer. */
	bool is_attached;
	bool is_unnamed; /* Frames get no function, file and line, and no variables. */
};

/* gotypes.c: data without a name that a variable points at, by the variable's name. */
struct hw_static {
	hw_addr start;
	uint64_t size;
	const char *name;
	const char *type;
};

/* What is known of one object. */
struct hw_lookup {
	Dwfl_Module *module;
	bool is_asked;   /* module is the answer, NULL for none. */
	bool is_counted; /* has_symbols is the answer. */
	bool has_symbols;
	GHashTable *types;         /* Name → struct hw_type *; made on first use. */
	struct hw_index *index;    /* variables.c; made on first use. */
	struct hw_static *statics; /* By address. */
	size_t static_count, static_room;
	bool is_static_asked;
};

struct hw_variable;
/* gotypes.c: what a variable of a Go program points at. What memory says: forgotten when another
 * look is taken at a process. */
bool hw_modules_go_static(struct hw_modules *modules, uint32_t object, hw_addr addr,
			  struct hw_variable *ret);
/* Go's compiler has data of its own: the linker of 1.12 still gives it names, "main.statictmp_0".
 */
bool hw_modules_is_go_temporary(const char *name);
void hw_modules_statics_clear(struct hw_modules *modules);

/* variables.c: data symbols and variables of one object. */
struct hw_index;
void hw_index_free(struct hw_index *index); /* Accepts NULL. */
/* Every variable of an object that DWARF gives an address, by address. False stops. */
typedef bool (*hw_die_fn)(void *arg, hw_addr addr, Dwarf_Die *die);
/* Does a variable or a symbol cover addr? */
bool hw_modules_is_named(struct hw_modules *modules, uint32_t object, hw_addr addr);
void hw_modules_each_variable(struct hw_modules *modules, uint32_t object, hw_die_fn fn, void *arg);

/* The module of an object, reported to libdwfl on first use; NULL when its binary is
 * not at hand. */
Dwfl_Module *hw_modules_dwfl(struct hw_modules *modules, uint32_t object);

/* Valid UTF-8: text itself, else a mended copy in modules->strings. */
const char *hw_modules_text(struct hw_modules *modules, const char *text);
/* The same for a symbol, without the "@@VERSION" that newer linkers add in .symtab. */
const char *hw_modules_symbol_text(struct hw_modules *modules, const char *symbol);

/* Reports the vdso from the target's memory; for unwinding. */
void hw_modules_add_vdso(struct hw_modules *modules);

/* type_names.c: "struct item *" of a DIE's DW_AT_type into modules->strings; NULL when
 * there is none. And its size, 0 when not known. */
const char *hw_modules_type_name(struct hw_modules *modules, Dwarf_Die *die);
uint64_t hw_modules_type_size(Dwarf_Die *die);

/* debuginfo.c: libdwfl's callback. userdata of a module is struct hw_modules. */
int hw_modules_find_debuginfo(Dwfl_Module *module, void **userdata, const char *name,
			      Dwarf_Addr base, const char *file_name, const char *debuglink,
			      GElf_Word crc, char **path_ret);
#endif
