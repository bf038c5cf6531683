/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tally as one HTML file: its charts are SVG in it, and nothing is fetched. */
#ifndef KF_HISTORY_PAGE_H
#define KF_HISTORY_PAGE_H

#include "controller/history/tally.h"
#include "proto/base/buf.h"

/* Appended to out; -ENOMEM. */
int page_write(const struct tally *t, struct buf *out) _must_check_;

#endif
