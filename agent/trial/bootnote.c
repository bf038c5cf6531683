/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /dev/kmsg takes one line a write. */
#include "agent/trial/bootnote.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "proto/base/buf.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/text.h"

void bootnote(const char *root, const char *fmt, ...)
{
	_free_ char *text = NULL, *path = NULL;
	_buf_ struct buf line = BUF_INIT;
	_close_ int fd = -1;
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (rc < 0) {
		text = NULL;
		return;
	}
	log_info("early %s", text);
	if (asprintf(&path, "%s/dev/kmsg", root) < 0) {
		path = NULL;
		return;
	}
	fd = fs_open_beneath(AT_FDCWD, path, O_WRONLY | O_APPEND | O_NONBLOCK, 0);
	if (fd < 0 || buf_printf(&line, "<6>kferryd: ") < 0 ||
	    text_escape(&line, text, strlen(text), false) < 0 ||
	    buf_append(&line, "\n", 1) < 0)
		return;
	if (fs_write_all(fd, buf_data(&line), buf_len(&line)) < 0)
		log_warn("early error=\"/dev/kmsg cannot be written\"");
}
