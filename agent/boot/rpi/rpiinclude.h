/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files that config.txt includes: they must not have what decides whether a slot is
 * started and cannot be undone, or is not looked for, behind them.
 */
#ifndef KF_RPIINCLUDE_H
#define KF_RPIINCLUDE_H

#include "agent/boot/fatdir.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

#define RPIINCLUDE_DEPTH 8  /* files that include each other */
#define RPIINCLUDE_FILES 64 /* read in all */

/* Look at every file that the configuration includes, and at those that these include,
 * whatever the filters.  -ENOTSUP: one has such a line, or they are too many or too deep;
 * err names the file and the line.  Files that are not there are passed over, as the
 * firmware does. */
int rpiinclude_check(const struct fatdir *fat, const struct buf *config,
		     struct kf_error *err) _must_check_;

#endif
