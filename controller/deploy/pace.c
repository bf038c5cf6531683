/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The share of the time that the bytes wait for the link moves the level, one step at a
 * time. */
#include "controller/deploy/pace.h"

#include "proto/base/cleanup.h"

#define WINDOW_US  50000
#define BEHIND_PCT 70 /* the link was waited for so much of the time: it is behind */
#define AHEAD_PCT  30
#define STALLS	   3  /* windows before the level goes up */
#define TOO_SLOW   20 /* windows before a level that was too slow is tried again */

/* The first is as good as none: 1 GB/s and more.  What is above the last gains a few
 * percent for several times the time, and memory. */
static const int levels[] = {-100, -5, 1, 3, 5, 7};
#define START 3 /* its index */
#define LAST  (ARRAY_SIZE(levels) - 1)

void pace_init(struct pace *p, int level)
{
	*p = (struct pace){.fixed = level != 0, .level = level, .step = START};
}

static void go_up(struct pace *p)
{
	if (++p->stalls < STALLS || p->step == LAST)
		return;
	if (p->failed_for > 0 && p->step + 1 >= p->failed_step)
		return;
	p->stalls = 0;
	p->step++;
}

static void go_down(struct pace *p)
{
	p->stalls = 0;
	if (p->step == 0)
		return;
	p->failed_step = p->step--;
	p->failed_for = TOO_SLOW;
}

void pace_add(struct pace *p, uint64_t made_us, uint64_t waited_us)
{
	uint64_t all;

	p->made_us += made_us;
	p->waited_us += waited_us;
	all = p->made_us + p->waited_us;
	if (all < WINDOW_US)
		return;
	if (p->failed_for > 0)
		p->failed_for--;
	p->behind = p->waited_us * 100 > all * AHEAD_PCT;
	if (p->fixed)
		p->stalls = 0;
	else if (p->waited_us * 100 >= all * BEHIND_PCT)
		go_up(p);
	else if (!p->behind)
		go_down(p);
	else
		p->stalls = 0;
	p->made_us = p->waited_us = 0;
}

int pace_level(const struct pace *p)
{
	return p->fixed ? p->level : levels[p->step];
}

bool pace_is_behind(const struct pace *p)
{
	return p->behind;
}
