/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/strf.h"

#include <stdarg.h>
#include <string.h>

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

void strf_last_line(const char *text, size_t n, char *dst, size_t size)
{
	size_t begin;

	while (n && strchr(" \t\r\n", text[n - 1]))
		n--;
	for (begin = n; begin && !strchr("\r\n", text[begin - 1]); begin--)
		;
	snprintf(dst, size, "%.*s", (int)(n - begin), n ? text + begin : "");
}
