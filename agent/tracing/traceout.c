// SPDX-License-Identifier: GPL-2.0-or-later
#include "agent/tracing/traceout.h"

#include <string.h>

#include "proto/base/fs.h"
#include "proto/limits.h"

static int flush(struct buf *b, int r)
{
	return r < 0 ? r : fs_write_all(STDOUT_FILENO, buf_data(b), buf_len(b));
}

int traceout(enum tracerec_type type, const void *data, size_t n)
{
	const char *at = data;
	int r = 0;

	do {
		_buf_ struct buf b = BUF_INIT;
		size_t part = n < LIMIT_TRACE_RECORD ? n : LIMIT_TRACE_RECORD;

		r = flush(&b, tracerec_put(&b, type, at, part));
		at += part;
		n -= part;
	} while (r == 0 && n > 0);
	return r;
}

int traceout_note(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return traceout(TRACEREC_NOTE, text, strlen(text));
}

int traceout_end(uint64_t lost, uint32_t status, uint32_t flags)
{
	_buf_ struct buf b = BUF_INIT;

	return flush(&b, tracerec_put_end(&b, lost, status, flags));
}

int traceout_failed(const struct kf_error *err)
{
	_buf_ struct buf b = BUF_INIT;

	(void)!flush(&b, tracerec_put_failed(&b, err));
	return 1;
}
