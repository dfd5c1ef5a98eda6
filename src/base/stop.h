/* SPDX-License-Identifier: Apache-2.0 */
/* stop.h -- the flag that SIGINT and SIGTERM set; long loops poll it. */
#ifndef HW_BASE_STOP_H
#define HW_BASE_STOP_H
#include <stdbool.h>

/* Installs handlers that set the flag; a second signal kills as usual. */
void hw_stop_install(void);
bool hw_stop_requested(void);
void hw_stop_request(bool on); /* For tests. */
/* Ends the work in progress early for a reason of our own (a deadline): loops see it as
 * if stop had been requested. Async-signal-safe. */
void hw_stop_abandon(bool on);
#endif
