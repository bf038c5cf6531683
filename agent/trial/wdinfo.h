/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel tells of a watchdog without opening it, which would start it:
 * /sys/class/watchdog/watchdogN (CONFIG_WATCHDOG_SYSFS), and who is set up to pet it.
 */
#ifndef KF_WDINFO_H
#define KF_WDINFO_H

#include "agent/agent.h"

#define WDINFO_DEVICES 8 /* watchdog0 to watchdog7 are looked at */

#define WDINFO_SETTING 128

struct wdinfo {
	char name[16];	   /* "watchdog0" */
	char identity[40]; /* of the driver; "" if it does not say */
	/* Seconds.  0: not known; for max also: no limit, the kernel pets in between. */
	unsigned timeout, min_timeout, max_timeout;
	bool nowayout; /* cannot be stopped once it runs */
	bool reset_us; /* the last reset of the board came from it */
	bool active;   /* a program has started it, and it runs */
	bool software; /* softdog: a timer of the kernel, which ends no hang of that */
};

/* name: "watchdog0".  false: there is no such device, or no sysfs for it. */
bool wdinfo_read(const struct agent *a, const char *name, struct wdinfo *ret);
/* The one that `auto` means: the first that is hardware, else the first. */
bool wdinfo_choose(const struct agent *a, struct wdinfo *ret);
/* The setting by which systemd holds the watchdog ("RuntimeWatchdogSec=1min in
 * /etc/..."),
 * "" if no file of systemd's says so. */
void wdinfo_systemd(const struct agent *a, char ret[WDINFO_SETTING]);

#endif
