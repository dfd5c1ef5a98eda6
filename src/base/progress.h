/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h -- one line on a terminal's stderr, and only past one second. */
#ifndef HW_BASE_PROGRESS_H
#define HW_BASE_PROGRESS_H
#include <stdbool.h>
#include <stdint.h>

/* on: false silences everything (not a terminal, --quiet). */
void hw_progress_enable(bool on);
/* What is being done and how far; total 0 when not known. Cheap to call often. */
void hw_progress(const char *what, uint64_t done, uint64_t total);
void hw_progress_end(void); /* Wipes the line. */
#endif
