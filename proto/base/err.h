/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The error object of the layers that a user reads.
 *
 * Low modules return 0 or a negative errno and nothing else.  A layer that
 * knows what was being done, to what, and what to do about it takes a
 * `struct kf_error *err` as its last parameter and fills it through kf_err().
 * `reason` is an enum kf_reason (proto/reason.h); this module only carries it.
 */
#ifndef KF_ERR_H
#define KF_ERR_H

#include <stdarg.h>

#include "proto/base/cleanup.h"

#define KF_ERROR_MAX 768 /* bytes of text, terminator included */

struct kf_error {
	int code;   /* negative errno, 0 while unset */
	int reason; /* enum kf_reason */
	char msg[KF_ERROR_MAX];
};

/*
 * Set *err (which may be NULL) and return code, so that a check is two lines:
 *
 *	if (fd < 0)
 *		return kf_err(err, -errno, KF_REASON_IO, "open %s: %m", path);
 *
 * code must be negative, and is what %m stands for in the text.  The text is one sentence
 *without a full stop; it may hold text from outside, because whoever prints it escapes
 *it.
 */
int kf_err(struct kf_error *err, int code, int reason, const char *fmt, ...)
	_printf_(4, 5);
int kf_verr(struct kf_error *err, int code, int reason, const char *fmt, va_list ap)
	_printf_(4, 0);

/* Put "context: " in front of the text; code and reason stay.  Returns err's code;
 * without an err there is none, and it returns -EIO. */
int kf_err_wrap(struct kf_error *err, const char *fmt, ...) _printf_(2, 3);

#endif
