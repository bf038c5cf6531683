/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A line of a kernel log in any of the forms in which logs are kept: the kernel's text in
 * it, and what stands before it (priority, time, caller, a journal's or syslog's prefix).
 */
#ifndef KF_LOGLINE_H
#define KF_LOGLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct logline {
	const char *text; /* into the bytes given */
	size_t n;
	uint64_t usec; /* since the kernel's start */
	bool has_time;
	bool syslog;	 /* host and program stood before it: the log of several boots */
	bool foreign;	 /* a program wrote it, not the kernel */
	uint64_t caller; /* printk's caller id as a number of ours; 0: not told */
};

/*
 * n bytes without their end of line, and without control characters (logline_plain()).
 *
 * Understood are, in any sensible order: "<6>", "[   12.345678]", "[  T123]", "[    C0]",
 * a clock in brackets ("[Mon Nov 21 10:00:00 2026]", "[10:00:00.123]"), an ISO date and
 * time, "Nov 21 10:00:00 host kernel:", "kern  :err   :", and "6,123,45678,-;" of
 * /dev/kmsg.
 */
void logline_parse(const char *s, size_t n, struct logline *ret);

/* Where in the text the next record begins, because its line was not begun anew: "login:
 * [   12.345678] BUG: ..."; n: nowhere. */
size_t logline_next(const char *s, size_t n);

/* The bytes without terminal escapes and other control characters than tabs, to `to`,
 * which has room for n; may be the same place.  Returns their number. */
size_t logline_plain(const char *s, size_t n, char *to);

#endif
