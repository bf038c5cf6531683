/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line of a trial: a base, what turns deaths into reboots, what was asked
 * for besides, and the mark that names the slot.
 *
 * base: what was asked for; else, when a slot runs, that slot's own base; else the
 * running kernel's line without what boot loaders add for one kernel (BOOT_IMAGE=,
 * initrd=).  Our additions go before a "--".  A word of conf.trial_cmdline gives way to
 * a word of `extra` with the same key; otherwise nothing is dropped, as the kernel lets
 * later words win and some (console=) count each time.
 */
#ifndef KF_CMDLINE_H
#define KF_CMDLINE_H

#include "agent/slot/slot.h"

struct cmdline_ask {
	const char *base;	  /* "" or NULL: take the running kernel's */
	const char *running_base; /* of the slot that runs, NULL if none does */
	const char *extra;
	const char *slot;
};

/* *ret_base and *ret are the caller's.  KF_REASON_INVALID when it gets too long, or a
 * quote stays open. */
int cmdline_make(const struct agent *a, const struct cmdline_ask *ask, char **ret_base,
		 char **ret, struct kf_error *err) _must_check_;

/*
 * Do two command lines start the same system?  They do when the words root=, rootflags=
 * and those of conf.image_words are the same in both.  If not, *ret_word (may be NULL) is
 * the first of b's that differs, the caller's to free; "" where b only lacks one.
 */
bool cmdline_same_image(const struct agent *a, const char *one, const char *b,
			char **ret_word);

#endif
