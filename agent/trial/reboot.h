/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rebooting: conf.reboot if set (with the mode as last word), else systemd's, else
 * init's, else sync and reboot(2).  In a scratch root only conf.reboot is ever used.

   A reboot by kexec starts the trial that is loaded; every other one unloads it first, so
   that it is a real one whatever the init system makes of a loaded kernel. */
#ifndef KF_REBOOT_H
#define KF_REBOOT_H

#include "agent/agent.h"

/* Returns once the reboot is under way. Records the end of this boot first. why goes into
 * the log. */
int reboot_now(struct agent *a, Kferry__RebootMode mode, Kferry__BootEnd why,
	       struct kf_error *err) _must_check_;

#endif
