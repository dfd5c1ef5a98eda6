/* SPDX-License-Identifier: Apache-2.0 */
/* globals.h -- shared by the files that find the runtime's variables. */
#ifndef GO_GLOBALS_H
#define GO_GLOBALS_H
#include "go.h"

/* code.c: the variables that the operands of functions name; 0 where the code does not tell
 * or is not there. */
void go_globals_by_code(const struct go_runtime *rt, struct go_globals *ret);
/* debug.c: compares rt->layout with debug info and takes that where it differs. */
void go_layout_debug(struct go_runtime *rt);
/* Calls fn with every stretch of the image's writable data. */
void go_each_data(const struct go_runtime *rt,
		  void (*fn)(void *arg, hw_addr at, const uint8_t *bytes, uint64_t size),
		  void *arg);
#endif
