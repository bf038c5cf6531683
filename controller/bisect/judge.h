/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a step of a bisect says of its commit.  Only what a kernel did makes it bad; what
 * the board, the network or this machine did says nothing of it.
 */
#ifndef KF_BISECT_JUDGE_H
#define KF_BISECT_JUDGE_H

#include <stdbool.h>

enum judged {
	JUDGED_GOOD,
	JUDGED_BAD,
	JUDGED_SKIP,	/* it does not build: it cannot be told */
	JUDGED_FAULT,	/* not of the kernel: it was not tested */
	JUDGED_STOPPED, /* the user did that */
};

enum judge_part {
	JUDGE_BUILD, /* make, the package */
	JUDGE_BOARD, /* all that takes the board */
};

/* Of an error's reason (enum kf_reason). */
enum judged judge_reason(enum judge_part part, int reason);
/* Of a test program's exit status, in the words of git-bisect(1): 0 good; 125 skip; 126
 * and 127, which a shell says of what it could not run, and 128 and more a fault; else
 * bad. */
enum judged judge_program(int status);
/* Is there no use in trying that again on the same board? */
bool judge_is_final(int reason);
/* What `git bisect run` is told: 0, 1, 125, 255. */
int judge_status(enum judged j);
const char *judge_name(enum judged j);
/* false: it is none of the names. */
bool judge_parse(const char *name, enum judged *ret);

#endif
