/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The error object: fill it, and put context in front of it.
 *
 * Texts are built in a local buffer first, because an argument may well be the
 * text that is about to be replaced.
 */
#include "proto/base/err.h"

#include <assert.h>
#include <string.h>

int kf_verr(struct kf_error *err, int code, int reason, const char *fmt, va_list ap)
{
	char text[KF_ERROR_MAX];
	int saved = errno;

	assert(code < 0);
	if (!err)
		return code;
	errno = -code;
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	err->code = code;
	err->reason = reason;
	memcpy(err->msg, text, strlen(text) + 1);
	errno = saved;
	return code;
}

int kf_err(struct kf_error *err, int code, int reason, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	kf_verr(err, code, reason, fmt, ap);
	va_end(ap);
	return code;
}

int kf_err_wrap(struct kf_error *err, const char *fmt, ...)
{
	char text[KF_ERROR_MAX];
	va_list ap;
	size_t len;

	if (!err)
		return -EIO;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	len = strlen(text);
	/* A text that does not fit is cut at its end: the outer context says more. */
	if (snprintf(text + len, sizeof(text) - len, ": %s", err->msg) < 0)
		text[len] = '\0';
	memcpy(err->msg, text, strlen(text) + 1);
	return err->code;
}
