/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small script on a board, and the text that it prints. */
#ifndef KF_BOARDTEXT_H
#define KF_BOARDTEXT_H

#include "controller/config/config.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

/*
 * Run it by the board's sh with one argument as $1.  On a scratch board KFERRY_ROOT is
 * what stands before system paths.  err: the last line of what it said, when it failed.
 */
int boardtext_run(const struct config *cfg, const char *board, const char *script,
		  const char *arg, struct buf *ret, struct kf_error *err) _must_check_;

#endif
