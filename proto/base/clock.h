/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time that cannot be set: CLOCK_BOOTTIME in milliseconds, and deadlines on it.
 * Boards have wrong clocks, so nothing here knows the date.
 */
#ifndef KF_CLOCK_H
#define KF_CLOCK_H

#include <stdint.h>

/* Milliseconds since this machine booted, suspends included. */
int64_t clock_now_ms(void);
/* The same in microseconds, for measuring. */
int64_t clock_now_us(void);

/* A point in that time.  DEADLINE_NEVER is for interactive use only. */
typedef int64_t deadline_ms;
#define DEADLINE_NEVER INT64_MAX

deadline_ms deadline_in(int64_t ms);
/* Milliseconds left, 0 when past, at most INT_MAX; -1 for DEADLINE_NEVER: as poll(2)
 * takes it. */
int deadline_left(deadline_ms d);

#endif
