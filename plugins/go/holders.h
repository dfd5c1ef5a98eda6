/* SPDX-License-Identifier: Apache-2.0 */
/* holders.h -- between holders.c, contexts.c and typefield.c: the containers that people know, and
 * how their parts are called. */
#ifndef GO_HOLDERS_H
#define GO_HOLDERS_H
#include "blocktypes.h"
#include "text.h"

/* Is a type `name`, of any type arguments, of a package whose path ends so? */
bool go_desc_is(struct go_types *types, const struct go_desc *desc, const char *name,
		const char *package);

/* contexts.c: a struct that package context derives contexts with. */
bool go_context_is_part(struct go_types *types, const struct go_desc *desc);
/* The key of the maps that lead to children. */
bool go_context_is_key(struct go_types *types, const struct go_desc *key);
/* A func literal of the package. */
bool go_context_is_func(struct go_block_types *blocks, hw_addr entry);
/* Of such a struct at base: adds what a field is to a reader. False: it has a name only.
 * *is_done_ret: nothing behind it is worth a name. */
bool go_context_field(struct go_text *text, struct go_block_types *blocks,
		      const struct go_desc *desc, hw_addr base, const char *field, uint32_t flags,
		      bool *is_done_ret);

/* timers.c: what package time's timers call. */
enum go_timer_call {
	GO_TIMER_OTHER = 0, /* Not theirs. */
	GO_TIMER_FUNC,      /* time.AfterFunc(): arg is the function. */
	GO_TIMER_SEND,      /* arg is their channel C. */
};
/* Of the runtime's part of one, by its field f. */
enum go_timer_call go_timer_calls(const struct go_runtime *rt, hw_addr timer);
/* What a block is when it is a time.Timer or time.Ticker by its contents; else NULL. */
const struct go_desc *go_timer_at(struct go_block_types *blocks, const struct go_place *place);
/* An element of the arrays in which the runtime's Ps have their timers. */
bool go_timers_hold(struct go_types *types, const struct go_desc *elem);
/* Of a struct of theirs at base: as go_context_field(). */
bool go_timer_field(struct go_text *text, struct go_block_types *blocks, const struct go_desc *desc,
		    hw_addr base, const char *field, bool *is_done_ret);
#endif
