/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an errno means to the user of a board: too little space, read-only, ... */
#include "agent/oserr.h"

#include "proto/reason.h"

int oserr_reason(int code)
{
	switch (-code) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return KF_REASON_SPACE;
	case EROFS:
		return KF_REASON_READ_ONLY;
	case EPERM:
	case EACCES:
		return KF_REASON_PERMISSION;
	case ENOMEM:
		return KF_REASON_NO_MEMORY;
	case ECANCELED:
		return KF_REASON_CANCELLED;
	case ETIMEDOUT:
		return KF_REASON_TIMEOUT;
	default:
		return KF_REASON_IO;
	}
}

int oserr(struct kf_error *err, int code, const char *fmt, ...)
{
	char text[KF_ERROR_MAX];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	return kf_err(err, code, oserr_reason(code), "%s: %m", text);
}
