/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/strf.h"

#include <stdarg.h>

char *strf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}
