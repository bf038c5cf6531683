/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What git's own log of a bisect says of its end.  Git is the judge of that; its log is
 * read and not what it prints, for that has the same form in all versions.
 */
#ifndef KF_BISECT_ENDING_H
#define KF_BISECT_ENDING_H

#include <stddef.h>

#include "proto/base/cleanup.h"

#define ENDING_HEX 65 /* a commit, and '\0' */

struct ending {
	/* "": the bisect goes on. */
	char first_bad[ENDING_HEX];
	/* Only commits that were skipped are left: it is one of these. */
	char (*candidates)[ENDING_HEX];
	size_t n;
};

/* Of the last verdict in the log's n bytes. */
int ending_read(const char *log, size_t n, struct ending *ret) _must_check_;
void ending_fini(struct ending *e);
#define _ending_ _cleanup_(ending_fini)

#endif
