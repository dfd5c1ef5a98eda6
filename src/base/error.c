/* SPDX-License-Identifier: Apache-2.0 */
/* error.c -- the error domain and the way from errno into it. */
#include "base/error.h"
#include <errno.h>
#include <stdbool.h>

G_DEFINE_QUARK(heapwalk - error, hw_error)

void hw_error_errno(GError **error, int errnum, const char *fmt, ...)
{
	g_autofree char *what = NULL;
	bool denied = errnum == EACCES || errnum == EPERM;
	va_list args;

	va_start(args, fmt);
	what = g_strdup_vprintf(fmt, args);
	va_end(args);
	g_set_error(error, HW_ERROR, denied ? HW_ERROR_PERMISSION : HW_ERROR_TARGET, "%s: %s", what,
		    g_strerror(errnum));
}
