/* SPDX-License-Identifier: Apache-2.0 */
/* error.h -- the error domain. A code is also the exit status it leads to. */
#ifndef HW_BASE_ERROR_H
#define HW_BASE_ERROR_H
#include <glib.h>

#define HW_ERROR hw_error_quark()
GQuark hw_error_quark(void);

enum hw_error_code {
	HW_ERROR_USAGE = 2,         /* The command line is wrong. */
	HW_ERROR_TARGET = 3,        /* Target not found or unreadable. */
	HW_ERROR_PERMISSION = 4,    /* The system says no. */
	HW_ERROR_UNSUPPORTED = 5,   /* A format or version heapwalk does not read. */
	HW_ERROR_DAMAGED = 6,       /* Damaged input, under --strict. */
	HW_ERROR_INTERNAL = 7,      /* Our own limit or bug. */
	HW_ERROR_INTERRUPTED = 130, /* SIGINT. */
};

/* Sets *error from errno: EACCES and EPERM become PERMISSION, the rest TARGET. */
void hw_error_errno(GError **error, int errnum, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
#endif
