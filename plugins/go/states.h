/* SPDX-License-Identifier: Apache-2.0 */
/* states.h -- what a goroutine does, in the runtime's words. */
#ifndef GO_STATES_H
#define GO_STATES_H
#include <stdint.h>

/* "waiting", "runnable", …: runtime/traceback.go gStatusStrings; "???" when unknown. */
const char *go_status_name(uint32_t status);
/* What goroutineheader() prints: of a waiting goroutine the reason, else the status. */
const char *go_state_name(uint32_t minor, uint32_t status, uint8_t reason);
#endif
