/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Errors of the operating system, with the reason that travels. */
#ifndef KF_OSERR_H
#define KF_OSERR_H

#include "proto/base/err.h"

/* ENOSPC: KF_REASON_SPACE, EROFS: READ_ONLY, EPERM: PERMISSION, ... else IO. */
int oserr_reason(int code);
/* kf_err() with that reason and ": <what the code means>" behind the text. */
int oserr(struct kf_error *err, int code, const char *fmt, ...) _printf_(3, 4);

#endif
