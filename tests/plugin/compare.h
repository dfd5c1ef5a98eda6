/* SPDX-License-Identifier: Apache-2.0 */
/* compare.h -- a synthetic process given to a plugin, and its answer held against the
 * truth: every block, every row, every count. */
#ifndef COMPARE_H
#define COMPARE_H
#include "fake_host.h"
#include "synth.h"

/* Makes the process the fake host's target. symbols: main_arena and mp_ are known, as
 * with debug info. The bytes are borrowed: synth must outlive fake. */
void compare_load(struct fake_host *fake, const struct synth *synth, bool symbols);

/* The first difference between what the plugin said of all heaps and the truth, or
 * NULL; free with g_free(). Numbers only: what was said about being sure is left
 * to compare_doubt(). */
char *compare_truth(const struct fake_host *fake, const struct synth *synth);

/* The first sign of doubt: damage, incomplete, a confidence that is not exact; NULL when
 * the plugin is sure of all it said; free with g_free(). */
char *compare_doubt(const struct fake_host *fake);

/* The version range named for each heap must meet the class it was written as, and with
 * symbols, main_arena must have been found by them. NULL or what is wrong; g_free(). */
char *compare_names(const struct fake_host *fake, const struct synth *synth, bool symbols);

/* A digest of every number the plugin gave, to tell whether two runs said the same. */
uint64_t compare_digest(const struct fake_host *fake);
#endif
