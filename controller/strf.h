/* SPDX-License-Identifier: GPL-2.0-or-later */
/* asprintf() whose failure leaves nothing to free; lines of what a program said. */
#ifndef KF_STRF_H
#define KF_STRF_H

#include "proto/base/cleanup.h"

/* The caller's; NULL: no memory. */
char *strf(const char *fmt, ...) _must_check_ _printf_(1, 2);

/* The last line that is not empty, also one that a carriage return began; "" if there is
 * none. */
void strf_last_line(const char *text, size_t n, char *dst, size_t size);

#endif
