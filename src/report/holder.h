/* SPDX-License-Identifier: Apache-2.0 */
/* holder.h -- how roots, blocks and paths are shown, shared by the commands that answer
 * who holds what. */
#ifndef HW_REPORT_HOLDER_H
#define HW_REPORT_HOLDER_H
#include "query/path.h"
#include "query/spot.h"
#include "report/answer.h"

#define HW_ROWS_SHOWN 20 /* In text, without --limit. */

/* "local buf in worker(), prog.c:55, thread 12". Free with g_free(). */
char *hw_holder_root(const struct hw_root_node *root);
/* The name alone, as it stands in a table beside the kind. Free with g_free(). */
char *hw_holder_root_name(const struct hw_root_node *root);
/* JSON: an object. key NULL: in a list. */
void hw_holder_root_json(struct hw_answer *answer, const char *key,
			 const struct hw_root_node *root);

/* "0x55…, 96 B, Widget". Free with g_free(). */
char *hw_holder_block(const struct hw_answer *answer, struct hw_session *session, uint32_t block);
/* JSON: a list of {type, blocks, bytes} of struct hw_named. */
void hw_holder_named_json(struct hw_answer *answer, const GArray *named);
/* Text: a line for each, when the name asked for does not say it. */
void hw_holder_named_text(struct hw_answer *answer, const GArray *named, const char *asked);

/* A root or a block by its node. Free with g_free(). */
char *hw_holder_node(const struct hw_answer *answer, struct hw_session *session, uint32_t node);

/* JSON: steps, length, omitted. */
void hw_holder_path_json(struct hw_answer *answer, struct hw_session *session,
			 const struct hw_path *path);
/* How many of the first `shared` steps of a path are shown: parts of containers are not. */
uint64_t hw_holder_path_shared(struct hw_session *session, const struct hw_path *path,
			       uint64_t shared);
/* Text: a line for each step that is shown. most: lines at each end; 0: all that were kept. */
void hw_holder_path_text(struct hw_answer *answer, struct hw_session *session,
			 const struct hw_path *path, uint32_t most);

/* What is at an address. JSON: `block` and `state`; text: a line, and when no holder can
 * be named, why. */
void hw_holder_spot(struct hw_answer *answer, struct hw_session *session,
		    const struct hw_spot *spot);

/* Text: that so many rows were left out. */
void hw_holder_more(struct hw_answer *answer, uint64_t hidden, const char *noun);

/* Text: completeness, and what it means for retained sizes, after them. */
void hw_holder_approximate(struct hw_answer *answer, struct hw_session *session);
#endif
