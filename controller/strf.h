/* SPDX-License-Identifier: GPL-2.0-or-later */
/* asprintf() whose failure leaves nothing to free. */
#ifndef KF_STRF_H
#define KF_STRF_H

#include "proto/base/cleanup.h"

/* The caller's; NULL: no memory. */
char *strf(const char *fmt, ...) _must_check_ _printf_(1, 2);

#endif
