/* SPDX-License-Identifier: Apache-2.0 */
/* grid.h -- a table of the text back end: rows are kept until all widths are known. */
#ifndef HW_REPORT_GRID_H
#define HW_REPORT_GRID_H
#include "report/style.h"

struct hw_grid;

/* columns are copied; those with HW_COLUMN_JSON are left out. */
struct hw_grid *hw_grid_new(const struct hw_style *style, const struct hw_column *columns,
			    uint32_t count);
void hw_grid_free(struct hw_grid *table); /* Accepts NULL. */

/* One value for each of new()'s columns. */
void hw_grid_add(struct hw_grid *table, const struct hw_value *values);

/* Appends the finished lines. On a terminal a table that is too wide loses its bars,
 * then the ends of its texts, and is at last cut into pieces below one another. */
void hw_grid_print(const struct hw_grid *table, GString *to, unsigned indent);
#endif
