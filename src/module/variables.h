/* SPDX-License-Identifier: Apache-2.0 */
/* variables.h -- which variable lies at an address: from debug info when there is some
 * (type, file, line; file-local and function-local statics too), else from the data
 * symbols, else the section of the binary. */
#ifndef HW_MODULE_VARIABLES_H
#define HW_MODULE_VARIABLES_H
#include "module/stacks.h"

struct hw_variable {
	hw_addr start; /* Address; of a thread-local one: offset in the TLS block. */
	uint64_t size;
	const char *name; /* Borrowed, as all strings here. */
	const char *type; /* "struct item *", or NULL. */
	const char *file; /* Of the declaration, or NULL. */
	int32_t line;     /* 0: not known. */
};

/* The variable of an object that covers addr. False when none is known to. */
bool hw_modules_variable(struct hw_modules *modules, uint32_t object, hw_addr addr,
			 struct hw_variable *ret);
/* The same for an offset in the object's TLS block. */
bool hw_modules_tls_variable(struct hw_modules *modules, uint32_t object, uint64_t offset,
			     struct hw_variable *ret);
/* The section of the binary that covers addr (".data"). False without section headers. */
bool hw_modules_section(struct hw_modules *modules, uint32_t object, hw_addr addr,
			struct hw_variable *ret);

/* Where a local variable or parameter is while the program counter is at one place. */
struct hw_local {
	uint32_t base; /* HW_LOCAL_CFA, or a register in DWARF's numbering. */
	int64_t offset;
	uint64_t size;
	const char *name;
	const char *type; /* Or NULL. */
};
#define HW_LOCAL_CFA UINT32_MAX

/* Variables of the function at frame->pc that lie in memory at a fixed offset from a
 * register or the CFA, innermost scope first. *count_ret 0 without debug info. Borrowed. */
const struct hw_local *hw_modules_locals(struct hw_modules *modules, const struct hw_frame *frame,
					 uint32_t *count_ret);
#endif
