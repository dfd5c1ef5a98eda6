/* SPDX-License-Identifier: Apache-2.0 */
/* words.h -- what people type: sizes, addresses, states, and words spelled wrong. */
#ifndef HW_QUERY_WORDS_H
#define HW_QUERY_WORDS_H
#include "heapwalk/plugin.h"
#include <glib.h>

/* "4096", "4k", "4KiB", "1M", "2GiB": powers of 1024. Errors: USAGE. */
bool hw_words_size(const char *word, uint64_t *ret, GError **error);

/* "0x7f12…" or decimal. Errors: USAGE. */
bool hw_words_address(const char *word, hw_addr *ret, GError **error);

/* The nearest of a NULL-terminated list, when it is close enough to be meant; else
 * NULL. */
const char *hw_words_nearest(const char *word, const char *const *list);
#endif
