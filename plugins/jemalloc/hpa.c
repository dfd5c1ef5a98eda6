/* SPDX-License-Identifier: Apache-2.0 */
/* Page slabs of the huge page allocator (5.3, opt.hpa). */
#include "jemalloc.h"

bool find_pageslabs(struct jemalloc *je, struct copy *copy)
{
	(void)je;
	(void)copy;
	return true;
}
