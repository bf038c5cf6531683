/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How hard to compress what goes over a link: as hard as can be while the link has
 * something to send.
 *
 * An engine without clock or I/O: it is told how long the making of some bytes took, and
 * how long the link took to take them.  When the link waits for bytes the level goes
 * down, at once; when the bytes wait for the link it goes up, after a while, and not soon
 * again to a level that was too slow.
 */
#ifndef KF_PACE_H
#define KF_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	bool fixed;
	int level; /* if fixed */
	unsigned step;
	uint64_t made_us, waited_us; /* of this window */
	unsigned stalls;	     /* windows in a row in which the link was behind */
	bool behind;		     /* in the last window: not ahead */
	unsigned failed_step;	     /* was too slow */
	unsigned failed_for;	     /* windows for which it is not tried again */
};

/* level 0: adapt; else that one. */
void pace_init(struct pace *p, int level);
void pace_add(struct pace *p, uint64_t made_us, uint64_t waited_us);
/* zstd's; far below 0 where compressing does not pay at all. */
int pace_level(const struct pace *p);
/* Has the link been behind lately, so that sending less is worth some time?  Of a link
 * that nothing is known of (pace_add() was not called) it has not. */
bool pace_is_behind(const struct pace *p);

#endif
