/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One-line logs to stderr: `<priority>event key=value ...`.
 *
 * The daemon's stderr is the journal's or a syslog pipe's, so lines may start
 * with the "<N>" syslog prefix (log_init).  Control characters are escaped.
 * Safe from any thread; the level is the only global state.
 */
#ifndef KF_LOG_H
#define KF_LOG_H

#include <stdbool.h>

#include "proto/base/cleanup.h"

enum log_level { LOG_ERR = 3, LOG_WARNING = 4, LOG_INFO = 6, LOG_DEBUG = 7 };

void log_init(enum log_level max, bool syslog_prefix);
void log_line(enum log_level level, const char *fmt, ...) _printf_(2, 3);

#define log_err(...)   log_line(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
