/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is mounted where, from /proc/self/mountinfo (proc_pid_mountinfo(5)) below a->root.
 * The table is read anew each time: boot file systems are mounted on demand.
 */
#ifndef KF_MOUNTINFO_H
#define KF_MOUNTINFO_H

#include <stdbool.h>

#include "agent/agent.h"

struct mountinfo {
	char *point;   /* where it is mounted */
	char *type;    /* "ext4" */
	char *source;  /* "/dev/sda2" */
	char *options; /* of the file system, not of this mount: "rw,data=journal" */
	unsigned major, minor;
	bool read_only; /* the mount or the file system */
};

/* The mount that holds path (absolute, no links resolved); -ENOENT: none does. */
int mountinfo_find(const struct agent *a, const char *path,
		   struct mountinfo *ret) _must_check_;
/* The last that was mounted at exactly this place; -ENOENT: nothing is. */
int mountinfo_at(const struct agent *a, const char *path,
		 struct mountinfo *ret) _must_check_;
void mountinfo_fini(struct mountinfo *m);
#define _mountinfo_ _cleanup_(mountinfo_fini)

/* Call visit() for each mount, in the order in which they were made, until it returns
 * something else than 0, which is passed on.  m is visit()'s to look at, not to keep. */
typedef int (*mountinfo_visit)(const struct mountinfo *m, void *arg);
int mountinfo_each(const struct agent *a, mountinfo_visit visit, void *arg) _must_check_;

/* Is word one of the options, "a,b=c,d"? */
bool mountinfo_has_option(const char *options, const char *word);

#endif
