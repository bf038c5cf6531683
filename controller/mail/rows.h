/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the screen of `kferry patches` shows: the rows of its three views. */
#ifndef KF_ROWS_H
#define KF_ROWS_H

#include <jansson.h>

#include "controller/mail/listed.h"
#include "controller/mail/pane.h"
#include "controller/mail/patchset.h"

#define ROWS_MARKS "*" /* stands for the bookmarks, where others are names of lists */

/* Each fills an empty pane; -ENOMEM. */
int rows_lists(struct pane *p, const struct listing *l) _must_check_;
/* Names are LIST/MESSAGE-ID. */
int rows_sets(struct pane *p, const char *list, const struct series_list *l,
	      const json_t *marks) _must_check_;
int rows_marks(struct pane *p, const json_t *marks) _must_check_;
/* Of the posting, as `kferry patches show` has it. */
int rows_mails(struct pane *p, const struct patchset *set) _must_check_;

#endif
