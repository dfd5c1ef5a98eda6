/* SPDX-License-Identifier: Apache-2.0 */
/* questions.h -- every question about who holds what, asked of one session in a row. */
#ifndef HW_FUZZ_QUESTIONS_H
#define HW_FUZZ_QUESTIONS_H
#include "query/session.h"

enum fuzz_verdict { FUZZ_ANSWERED, FUZZ_ERROR, FUZZ_WRONG };

/* Asks all of them and checks what must hold whatever the target's bytes are. *digest_ret: of
 * what was counted and added up. seed chooses blocks to ask for. What is wrong is printed. */
enum fuzz_verdict fuzz_ask(struct hw_session *session, uint64_t seed, uint64_t *digest_ret);
#endif
