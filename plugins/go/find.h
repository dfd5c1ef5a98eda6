/* SPDX-License-Identifier: Apache-2.0 */
/* find.h -- shared by the files that find the runtime. */
#ifndef GO_FIND_H
#define GO_FIND_H
#include "go.h"

/* runtime/symtab.go and cmd/link: the first word of pclntab, by the version that began it. */
enum {
	GO_PCLNTAB_12 = 0xfffffffb, /* 1.2 to 1.15 */
	GO_PCLNTAB_116 = 0xfffffffa,
	GO_PCLNTAB_118 = 0xfffffff0,
	GO_PCLNTAB_120 = 0xfffffff1, /* 1.20 to 1.26 at least */
};

/* "go1.19.13", "devel go1.27-…": the number behind "1.". */
bool go_version_parse(const char *text, uint32_t *minor_ret);
/* moduledata.c: firstmoduledata by its pointer to rt->pclntab, and the list behind it. */
void go_find_moduledata(struct go_runtime *rt);
#endif
