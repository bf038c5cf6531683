/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kferry dmesg does with records as they come. */
#ifndef KF_DMESG_OUT_H
#define KF_DMESG_OUT_H

#include "controller/ui/ui.h"
#include "proto/base/buf.h"

struct dmesg_out {
	struct ui *ui;
	unsigned level; /* n+1: only those of levels up to n; 0: all */
	int fd;		/* lines are written here, too; -1 */
	struct buf rest;
	uint64_t newest_us; /* of all that came, shown or not */
};

void dmesg_out_init(struct dmesg_out *o, struct ui *ui);
void dmesg_out_fini(struct dmesg_out *o);
#define _dmesg_out_ _cleanup_(dmesg_out_fini)

/* Show the whole records that have come; end: the last one is whole, too. */
int dmesg_out_take(struct dmesg_out *o, const void *data, size_t n, bool end,
		   struct kf_error *err) _must_check_;

#endif
