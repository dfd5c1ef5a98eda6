/* SPDX-License-Identifier: Apache-2.0 */
/* stop.h -- the flag that SIGINT and SIGTERM set; long loops poll it. */
#ifndef HW_BASE_STOP_H
#define HW_BASE_STOP_H
#include <stdbool.h>

/* Installs handlers that set the flag; a second signal kills as usual. */
void hw_stop_install(void);
bool hw_stop_requested(void);
void hw_stop_request(bool on); /* For tests. */
#endif
