/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel says after a module was loaded or unloaded: the records since then,
 * shown, kept, and looked through for faults.
 */
#ifndef KF_MODULE_LOG_H
#define KF_MODULE_LOG_H

#include "controller/client.h"
#include "controller/log/classifier.h"
#include "controller/ui/ui.h"

struct module_log {
	struct client *client;
	struct ui *ui;
	const char *board;
	uint64_t since_us; /* log_us of the answer before the change */
	deadline_ms deadline;
	struct classifier *classifier;
	int fd;		  /* lines as of `dmesg --raw` go there too; -1: nowhere */
	uint64_t records; /* result: the kernel's own */
};

/* A moment for what the module does beside its loading, then everything since. */
int module_log_take(struct module_log *l, struct kf_error *err) _must_check_;

#endif
