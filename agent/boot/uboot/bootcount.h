/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * U-Boot's own count of boots (CONFIG_BOOTCOUNT_LIMIT), where the environment says that
 * it has a limit: variables bootlimit, bootcount, altbootcmd and upgrade_available
 * (U-Boot, doc/api/bootcount.rst), read and written by libubootenv's fw_printenv and
 * fw_setenv with /etc/fw_env.config.
 *
 * A net below the flag on the FAT: an armed trial may be booted, and whatever comes after
 * it; if the agent comes up in neither, U-Boot runs the board's altbootcmd.  A count that
 * would get in the way of a trial is refused.
 */
#ifndef KF_BOOTCOUNT_H
#define KF_BOOTCOUNT_H

#include "agent/agent.h"

struct bootcount {
	unsigned limit;	  /* bootlimit; 0: U-Boot does not count, or it is not known */
	bool alternative; /* altbootcmd has something in it */
	bool counting;	  /* upgrade_available is set */
	bool safe;	  /* the environment has two copies: a cut spoils only one */
	char trial[SLOT_ID_SIZE]; /* the slot for which we count; "" */
	int unknown;		  /* negative: why the environment could not be read */
};

/* Blocking, as all here; runs programs.  A board without fw_env.config, without the
 * programs or whose environment cannot be read has no limit that is known. */
int bootcount_read(const struct agent *a, struct bootcount *ret,
		   struct kf_error *err) _must_check_;
/* The same, sooner given up. */
int bootcount_probe(const struct agent *a, struct bootcount *ret,
		    struct kf_error *err) _must_check_;
/* -EBUSY, -ENOTSUP: a trial would be counted by somebody else, or lead to nowhere. */
int bootcount_check(const struct bootcount *c, struct kf_error *err) _must_check_;
/* Is the net below a trial of this board? */
bool bootcount_used(const struct bootcount *c);
/* Count from the next boot on, for this slot; nothing is done where it is not used. */
int bootcount_arm(const struct agent *a, const char *slot,
		  struct kf_error *err) _must_check_;
/* Stop what bootcount_arm() began.  Where the environment cannot be read that is an error
 * if there may be something to stop. */
int bootcount_end(const struct agent *a, struct kf_error *err) _must_check_;

#endif
