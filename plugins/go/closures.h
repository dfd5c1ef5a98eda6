/* SPDX-License-Identifier: Apache-2.0 */
/* closures.h -- what a func value captured, by the code that makes it.
 *
 * A closure in the heap is a struct of its function's entry and of what it captured. The
 * compiler allocates it by the descriptor of just that struct and writes the entry into it
 * (cmd/compile/internal/walk/closure.go, gc/closure.go to 1.16):
 *
 *     lea   type:noalg.struct { F uintptr; X0 string }(SB), AX
 *     call  runtime.newobject(SB)
 *     lea   main.Push.func1(SB), CX
 *     mov   CX, (AX)
 *
 * Where the three follow each other so, it is certain; functions that are inlined make it in
 * several places, which must agree. Where they do not, a type is taken only when it is the only one
 * of the functions that make the closure that fits its block. */
#ifndef GO_CLOSURES_H
#define GO_CLOSURES_H
#include "blocktypes.h"

enum go_closure {
	GO_CLOSURE_UNSEEN,  /* No code was found that makes it. */
	GO_CLOSURE_UNCLEAR, /* It may be of several types. */
	GO_CLOSURE_LIKELY,  /* Only one fits. */
	GO_CLOSURE_CERTAIN,
};

struct go_closures;
/* Looks through the code of all modules. NULL: no memory, or stopped. */
struct go_closures *go_closures_new(struct go_block_types *blocks);
void go_closures_free(struct go_closures *closures); /* Accepts NULL. */
/* The struct of a block that begins with a function's entry; written when it is likely or certain.
 */
enum go_closure go_closures_find(const struct go_closures *closures, struct go_block_types *blocks,
				 const struct go_place *place, hw_addr entry,
				 const struct go_desc **ret);
/* Was any code found that makes it? */
bool go_closures_knows(const struct go_closures *closures, hw_addr entry);
#endif
