/* SPDX-License-Identifier: Apache-2.0 */
/* array.h -- checked growth. The only way a number read from the target reaches an
 * allocator. Every byte is counted, so that a budget can refuse instead of abort. */
#ifndef HW_BASE_ARRAY_H
#define HW_BASE_ARRAY_H
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Resizes ptr (NULL: new) from old_count to count items of size bytes each; new
 * bytes are zero. NULL when count * size overflows, the budget is spent or the
 * system refuses: ptr is then still valid. count 0 frees and returns NULL. Arrays
 * of 128 KiB and more are mappings of their own: untouched pages cost nothing. */
void *hw_array_resize(void *ptr, size_t old_count, size_t count, size_t size);

/* Room for one more item in *array (capacity *room, used count): doubles. False
 * when hw_array_resize() refused. */
bool hw_array_reserve(void **array, size_t *room, size_t count, size_t size);

/* Most bytes all arrays together may take; default 8 GiB. Returns the old limit. */
size_t hw_array_set_budget(size_t bytes);
size_t hw_array_budget(void);
size_t hw_array_used(void); /* Bytes in use now. */

/* A new array of count zeroed items, in huge pages where the system has them: for what is
 * read at random. Freed like any other: hw_array_resize(ptr, count, 0, size). */
void *hw_array_new_huge(size_t count, size_t size);

/* For other kinds of arrays (reserve.h): counts bytes; false when the budget is spent. */
bool hw_array_charge(size_t bytes);
void hw_array_uncharge(size_t bytes);
#endif
