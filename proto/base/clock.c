/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CLOCK_BOOTTIME in milliseconds; deadlines saturate instead of wrapping.
 */
#include "proto/base/clock.h"

#include <assert.h>
#include <limits.h>
#include <time.h>

int64_t clock_now_us(void)
{
	struct timespec ts;
	int r;

	r = clock_gettime(CLOCK_BOOTTIME, &ts);
	assert(r == 0);
	(void)r;
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_now_ms(void)
{
	return clock_now_us() / 1000;
}

deadline_ms deadline_in(int64_t ms)
{
	int64_t at;

	if (__builtin_add_overflow(clock_now_ms(), ms, &at))
		return ms > 0 ? DEADLINE_NEVER : INT64_MIN;
	return at;
}

int deadline_left(deadline_ms d)
{
	int64_t now, left;

	if (d == DEADLINE_NEVER)
		return -1;
	now = clock_now_ms();
	if (d <= now)
		return 0;
	left = d - now;
	return left > INT_MAX ? INT_MAX : (int)left;
}
