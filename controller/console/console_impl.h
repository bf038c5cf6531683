/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kinds of consoles give console.c, one file each; nobody else includes it. */
#ifndef KF_CONSOLE_IMPL_H
#define KF_CONSOLE_IMPL_H

#include <termios.h>

#include "controller/console/console.h"
#include "proto/base/buf.h"

#define CONSOLE_BLOCK (32u * 1024) /* read at once */

struct console_ops {
	/* *ret_fd is console.c's, and closed by it after close(). */
	int (*open)(const struct console_spec *spec, deadline_ms deadline, int stop_fd,
		    void **ret, int *ret_fd, struct kf_error *err);
	/* May be NULL: raw bytes are the text. */
	int (*text)(void *impl, const void *raw, size_t n, struct buf *out);
	int (*send_break)(int fd);			  /* may be NULL */
	int (*failure)(void *impl, struct kf_error *err); /* may be NULL */
	void (*close)(void *impl, int fd);		  /* may be NULL */
	bool read_only;
};

extern const struct console_ops console_serial, console_tcp, console_exec,
	console_netconsole;

/* The speed that a serial line has for that number; -EINVAL: it has none. */
int console_baud(unsigned baud, speed_t *ret) _must_check_;

#endif
