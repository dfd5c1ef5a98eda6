/* SPDX-License-Identifier: Apache-2.0 */
/* show.h -- what is at one address. */
#ifndef HW_QUERY_SHOW_H
#define HW_QUERY_SHOW_H
#include "query/session.h"

#define HW_SHOW_WORDS 16

/* A part of the block, or of the variable, at the address: struct hw_part of <heapwalk/plugin.h>,
 * its strings valid UTF-8. */
struct hw_show_field {
	enum hw_part_kind kind;
	char *name, *type;
	hw_addr addr;
	uint64_t size, number;
	hw_addr target;
	char *target_type;
	uint64_t length, capacity;
	char *text;       /* Escaped; NULL: not asked for, or none. */
	bool is_text_cut; /* There is more of it. */
};

/* What an address lies in, as far as mappings and symbols tell. */
struct hw_place {
	const struct hw_mapping *mapping; /* NULL: nothing is mapped there. */
	const struct hw_object *object;   /* NULL: in no module. */
	const struct hw_heap *heap;       /* NULL: claimed by no heap. */
	const char *symbol;               /* Borrowed, or NULL. */
	uint64_t symbol_offset;
};

/* One aligned word near the address. */
struct hw_word {
	hw_addr addr;
	uint64_t value;
	bool held;          /* The target has its bytes. */
	struct hw_place to; /* Where value points; to.mapping NULL: it is no address. */
};

struct hw_show {
	hw_addr addr;
	struct hw_place place;
	bool has_block;
	struct hw_block block; /* The block that covers addr. */
	const char *type;      /* Of the block; NULL: not known. */
	const char *type_from; /* How that is known, or NULL. */
	GArray *fields;        /* struct hw_show_field: of the block, or of a variable; or NULL. */
	struct hw_word words[HW_SHOW_WORDS];
	uint32_t word_count;
};

bool hw_show_query(struct hw_session *session, hw_addr addr, struct hw_show *ret, GError **error);
/* After that: type and fields, which may take as long as a graph. strings: contents of the target
 * may be told. */
void hw_show_fields(struct hw_session *session, bool strings, struct hw_show *show);
void hw_show_clear(struct hw_show *show);
#endif
