/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h -- where each module's thread-local variables are. Private to this stage. */
#ifndef HW_MODULE_TLS_H
#define HW_MODULE_TLS_H
#include "module/stacks.h"

/* A module with thread-local variables, as ld.so sees it. */
struct hw_tls_module {
	uint32_t object;
	uint64_t modid;  /* Index into the dtv; 0: not known. */
	uint64_t offset; /* The block lies at tcb - offset; 0: only the dtv tells. */
	uint64_t size;
};

/* All of them; free with g_array_unref(). */
GArray *hw_tls_modules(const struct hw_memory *memory, struct hw_modules *modules);

/* Fills tls, dtv and dtv_count of a thread whose tcb is known. False when out of memory. */
bool hw_tls_thread(const struct hw_memory *memory, const GArray *list,
		   struct hw_thread_stack *thread);

/* The dtv of a tcb, when it looks like one; false and untouched otherwise. */
bool hw_tls_dtv(const struct hw_memory *memory, hw_addr tcb, hw_addr *ret, uint64_t *count_ret);

/* Value of a "_thread_db_" symbol, which libc has for debuggers: word `index` of it. */
bool hw_tls_thread_db(const struct hw_memory *memory, struct hw_modules *modules, const char *name,
		      uint32_t index, uint32_t *ret);
#endif
