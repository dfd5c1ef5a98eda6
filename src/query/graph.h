/* SPDX-License-Identifier: Apache-2.0 */
/* graph.h -- the second half of the pipeline, for the questions that need references:
 * stacks, block table, roots, graph. Each is made once and kept by the session. */
#ifndef HW_QUERY_GRAPH_H
#define HW_QUERY_GRAPH_H
#include "query/session.h"

/* How far to go. */
enum hw_depth {
	HW_DEPTH_TABLE = 0,  /* The live blocks. */
	HW_DEPTH_MARK,       /* What roots reach. */
	HW_DEPTH_PATHS,      /* A shortest path to every block. */
	HW_DEPTH_DOMINATORS, /* Dominators and retained sizes, no paths. */
	HW_DEPTH_ALL,        /* Both. */
};

struct hw_graph_request {
	enum hw_depth depth;
	bool no_anon;     /* Anonymous memory nobody owns is no root. */
	bool is_unnamed;  /* Frames and locals without names: no debug file is read. */
	uint32_t threads; /* 0: as many as there are processors. */
};

/* Fills session->table, ->stacks, ->roots and ->graph as far as asked for. At most one
 * depth is asked for in a session's life. */
bool hw_session_graph(struct hw_session *session, const struct hw_graph_request *request,
		      GError **error);

/* Is all memory that may hold references known? Else reachability is a lower bound and
 * retained sizes are approximate. */
bool hw_session_is_complete(const struct hw_session *session);

/* The refs of one root: [*first_ret, *end_ret) of session->roots->refs. */
void hw_session_root_refs(const struct hw_session *session, uint32_t root, uint64_t *first_ret,
			  uint64_t *end_ret);

/* The word a root's reference holds; a register's comes from its thread. False when the
 * word is not at hand. */
bool hw_session_root_word(const struct hw_session *session, const struct hw_root_ref *ref,
			  uint64_t *ret);

/* Has plugins work out what blocks are; the first time only. The next ones do so by themselves. An
 * interrupt shows in the stop flag. */
void hw_session_types(struct hw_session *session);
/* From the allocator or its plugin, else from the vtable its first word points at (guessed);
 * NULL when not known. Borrowed from the session. */
const char *hw_session_type(struct hw_session *session, uint32_t block);
/* How that is known: "header", "interface", "vtable", …; NULL with it. */
const char *hw_session_type_from(struct hw_session *session, uint32_t block);
/* What the word at slot is to a reader, in a block or a variable: ".Msg", "[3].key", "" for a part
 * without a name worth it. strings: keys of maps may be shown. NULL when it is not known; free
 * with g_free(). */
char *hw_session_field(struct hw_session *session, hw_addr slot, bool strings);
/* The same as people write it: without parts of containers, with what interfaces hold:
 * "[key@0x… len 7].(main.conn)". */
char *hw_session_short_field(struct hw_session *session, hw_addr slot, bool strings);
/* The container that a block is a part of and has no meaning without: "map[string]int" of its
 * buckets, "sync.Map" of its nodes. NULL: of none; free with g_free(). */
char *hw_session_inside(struct hw_session *session, uint32_t block);
/* Is it part of one? */
bool hw_session_is_inside(struct hw_session *session, uint32_t block);

/* The types of roots that are variables without a name, as far as what they point at tells: works
 * out types when there are such variables. */
void hw_session_root_types(struct hw_session *session);
#endif
