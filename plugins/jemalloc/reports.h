/* SPDX-License-Identifier: Apache-2.0 */
/* reports.h -- what the files of the reports share. */
#ifndef REPORTS_H
#define REPORTS_H
#include "jemalloc.h"

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof(*(a))))

/* Usable bytes of one arena's slabs and large extents. */
struct small_sum {
	uint64_t live, cached, free, internal;
};
void sum_bins(const struct arena_totals *t, struct small_sum *s);
/* Adds up every copy; false after fail(). */
bool add_all(struct jemalloc *je);
/* Column flags of a heap's name: text needs it only to tell several copies apart. */
static inline uint32_t heap_column(const struct jemalloc *je)
{
	return je->count > 1 ? 0 : HW_COLUMN_JSON;
}
bool report_bins(void *handle, const struct hw_emit *out);
bool report_stats(void *handle, const struct hw_emit *out);
/* prof.c */
extern const char *const prof_formats[];
bool report_prof(void *handle, const struct hw_emit *out);
bool write_prof(void *handle, const char *format, const struct hw_sink *sink);
#endif
