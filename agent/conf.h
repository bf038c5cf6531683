/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /etc/kferry/agent.conf: "key = value" lines; blank lines and lines that begin with '#'
 * are nothing.  The keys:
 *
 *	board_kind, chain	names
 *	state_dir, socket, boot_dir	absolute paths
 *	hook, reboot	programs: words separated by blanks; "..." and '...' hold blanks
 *	trial_cmdline	added to the command line of a trial
 *	image_words	names of command line words that say which system image runs
 *	watchdog	a device, "auto" (the first one there is) or "none"
 *	watchdog_timeout, confirm_timeout	seconds
 *	keep	slots
 *	reserve	bytes, or with a unit: 32 MiB
 *
 * A key that is not known, given twice or with a bad value is an error that names its
 * line (KF_REASON_CONFIG): a misspelt setting must not pass for a default.
 */
#ifndef KF_CONF_H
#define KF_CONF_H

#include <stddef.h>

#include "agent/agent.h"

#define CONF_PATH "/etc/kferry/agent.conf"

/* The defaults; conf_fini() releases them.  -ENOMEM. */
int conf_init(struct agent_conf *c) _must_check_;
void conf_fini(struct agent_conf *c);
/* Change *c by the text (not terminated); after an error *c is good for conf_fini(). */
int conf_parse(struct agent_conf *c, const char *text, size_t n,
	       struct kf_error *err) _must_check_;
/* conf_init() and the file below root; a board without the file has the defaults. */
int conf_load(struct agent_conf *c, const char *root, struct kf_error *err) _must_check_;

#endif
