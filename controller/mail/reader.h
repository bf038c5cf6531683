/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A long text on a terminal: through the user's pager, with colours where a program for
 * diffs is installed. */
#ifndef KF_READER_H
#define KF_READER_H

#include "controller/config/config.h"
#include "controller/ui/ui.h"
#include "proto/base/buf.h"

/* text may come from outside: it is escaped before anybody gets it.  On a terminal it
 * goes to patches.pager, else delta, bat, $PAGER or less, the first there is; where none
 * is, or standard output is no terminal, it is printed. */
int reader_show(const struct config *cfg, struct ui *ui, const struct buf *text,
		struct kf_error *err) _must_check_;

#endif
