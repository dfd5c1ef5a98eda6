/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h -- what is being done and how far: one line on a terminal's stderr, only past
 * the first second, and, with HEAPWALK_TIMES in the environment, what each phase took. */
#ifndef HW_BASE_PROGRESS_H
#define HW_BASE_PROGRESS_H
#include <stdbool.h>
#include <stdint.h>

/* on: false shows no line (not a terminal, --quiet). HEAPWALK_TIMES is looked at here. */
void hw_progress_enable(bool on);
/* What is being done and how far; total 0 when not known. Cheap to call often. A new `what`
 * begins a new phase. Only the main thread calls these. */
void hw_progress(const char *what, uint64_t done, uint64_t total);
void hw_progress_bytes(const char *what, uint64_t done, uint64_t total); /* Of bytes. */
void hw_progress_again(void);   /* Still at it: the line of the last call is kept up to date. */
void hw_progress_mute(bool on); /* Nothing is shown: a process stands still. */
void hw_progress_end(void);     /* Wipes the line; the phase is over. */
#endif
