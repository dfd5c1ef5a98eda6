/* SPDX-License-Identifier: Apache-2.0 */
/* code.h -- the variables that a function's instructions reach. */
#ifndef GO_CODE_H
#define GO_CODE_H
#include "pclntab.h"

/* Addresses in writable data that bytes of a function, taken for an instruction, reach; at most
 * so many, each once. Some are no operands. Returns how many. */
uint32_t go_code_operands(const struct go_runtime *rt, const struct go_func *func, hw_addr *ret,
			  uint32_t most);
#endif
