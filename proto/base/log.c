/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log lines.  A line is built on the stack and leaves in one write(2), so lines of
 * several threads do not mix; what does not fit LINE_MAX_BYTES is cut and marked.
 */
#include "proto/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#define LINE_MAX_BYTES 2048
#define CUT_MARK       "..."

static atomic_int log_max = LOG_INFO;
static atomic_bool log_prefix;

void log_init(enum log_level max, bool syslog_prefix)
{
	atomic_store(&log_max, (int)max);
	atomic_store(&log_prefix, syslog_prefix);
}

/* Bytes of the control character at s (0: not one): C0, DEL, and C1 in UTF-8. */
static size_t control_len(const char *s)
{
	unsigned char c = (unsigned char)s[0];
	unsigned char next = (unsigned char)(c ? s[1] : 0);

	if (c < 0x20 || c == 0x7f)
		return 1;
	return c == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

/* Append text to line with control characters escaped; returns the new length. */
static size_t put_escaped(char *line, size_t len, size_t size, const char *text)
{
	while (*text) {
		size_t n = control_len(text);
		char esc[12];

		if (n == 0)
			snprintf(esc, sizeof(esc), "%c", *text);
		else if (*text == '\n')
			snprintf(esc, sizeof(esc), "\\n");
		else
			snprintf(esc, sizeof(esc), "\\x%02x", (unsigned char)text[n - 1]);
		text += n ? n : 1;
		if (len + strlen(esc) + sizeof(CUT_MARK) + 1 > size) {
			memcpy(line + len, CUT_MARK, sizeof(CUT_MARK) - 1);
			return len + sizeof(CUT_MARK) - 1;
		}
		memcpy(line + len, esc, strlen(esc));
		len += strlen(esc);
	}
	return len;
}

static void write_line(const char *line, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, line, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		line += n;
		len -= (size_t)n;
	}
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES - 64], line[LINE_MAX_BYTES];
	size_t len = 0;
	int saved = errno;
	va_list ap;

	if ((int)level > atomic_load(&log_max))
		return;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	if (atomic_load(&log_prefix))
		len = (size_t)snprintf(line, sizeof(line), "<%d>", (int)level);
	len = put_escaped(line, len, sizeof(line), text);
	line[len++] = '\n';
	write_line(line, len);
	errno = saved;
}
