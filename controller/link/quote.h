/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words for the remote side's shell, which ssh always puts between. */
#ifndef KF_QUOTE_H
#define KF_QUOTE_H

#include "proto/base/buf.h"

/* Append word so that a POSIX shell takes it as that one word. */
int quote_word(struct buf *out, const char *word) _must_check_;
/* All words, a blank between them. */
int quote_argv(struct buf *out, const char *const argv[]) _must_check_;

#endif
