/* SPDX-License-Identifier: Apache-2.0 */
/* go_tables.h -- pclntab in the format of each version, written into a piece of a go_target.
 * Offsets are from the piece's base: it is all tables at once, and the gofunc of funcdata. */
#ifndef GO_TABLES_H
#define GO_TABLES_H
#include "../../plugins/go/pclntab.h"
#include "go_target.h"

struct go_tables {
	struct go_target *m;
	struct go_target_piece *piece;
	hw_addr text; /* Where code is said to be; it need not be there. */
};

/* Offsets of 0: none. */
struct go_table_function {
	uint32_t entry; /* From text. */
	const char *name;
	uint32_t pcsp, pcfile, pcln, stackmap, inltree;  /* pc tables. */
	uint32_t args_map, locals_map, objects, inldata; /* funcdata. */
	uint32_t args, deferreturn;
	enum go_func_id id; /* GOEXIT, SIGPANIC, ASYNCPREEMPT or NORMAL. */
	uint8_t flag;
};

/* Pairs of value and the pc offset up to which it holds, ended by an offset of 0. */
uint32_t go_tables_pcs(const struct go_tables *t, const int32_t (*pairs)[2]);
/* A _func with its pcdata and funcdata. */
uint32_t go_tables_function(const struct go_tables *t, const struct go_table_function *f);
/* The table of functions, pairs of entry and offset, by entry; the last one has only an entry: the
 * end. Sets all that moduledata says of pclntab; files: offset and length of a list of uint32
 * offsets of names. */
void go_tables_finish(const struct go_tables *t, const uint32_t (*pairs)[2], uint32_t count,
		      uint32_t files, uint32_t file_count, struct go_moduledata *md);
#endif
