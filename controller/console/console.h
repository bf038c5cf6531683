/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A board's console, open: bytes out of it, and into it where its kind takes any.  One at
 * a time has it: by a lock of ours that names who it is (console_lock.h), and by what the
 * kind has besides (flock and TIOCEXCL on a serial line, the port of netconsole).
 *
 * Used by one thread at a time.  Nothing but console_open() and console_close() waits.
 */
#ifndef KF_CONSOLE_H
#define KF_CONSOLE_H

#include <stdbool.h>
#include <sys/types.h>

#include "controller/console/console_spec.h"
#include "proto/base/clock.h"

struct console;

/* What came.  Where the kind has a form of its own (netconsole's datagrams), text is what
 * they say; else it is the raw bytes.  Valid until the next call. */
struct console_data {
	const void *raw;
	size_t raw_n;
	const char *text;
	size_t text_n;
};

/*
 * spec stays the caller's, and alive.  who: this program, as it is told to another that
 * wants the console, "kferry deploy pc".  stop_fd (-1: none): when it is readable the
 * waiting ends, -ECANCELED.  KF_REASON_BUSY: somebody has it, and who.
 */
int console_open(const struct console_spec *spec, const char *who, deadline_ms deadline,
		 int stop_fd, struct console **ret, struct kf_error *err) _must_check_;
void console_close(struct console *c);
/* Readable when there is something to read; non-blocking. */
int console_fd(const struct console *c);
/* 1: *ret; -EAGAIN: nothing now; 0: it ended; else why it was lost. */
int console_read(struct console *c, struct console_data *ret) _must_check_;
/* Does it take any input? */
bool console_is_written(const struct console *c);
/* Bytes taken, -EAGAIN, or why it was lost. */
ssize_t console_write(struct console *c, const void *data, size_t n) _must_check_;
/* A break on a serial line; -EOPNOTSUPP: the kind has none. */
int console_break(struct console *c) _must_check_;
/* After console_read() or console_write() told its end (0) or loss: the error that it
 * is.  Returns its code; 0: it ended in order (a program with status 0). */
int console_failure(struct console *c, int code, struct kf_error *err);

#endif
