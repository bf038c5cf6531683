/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text of a cover letter: a subject, an empty line, the rest.  It takes the places
 * that git format-patch leaves for it.
 */
#ifndef KF_SEND_COVER_H
#define KF_SEND_COVER_H

#include "controller/send/mails.h"
#include "controller/ui/ui.h"

#define COVER_MAX  (1u << 20)		  /* bytes */
#define COVER_FILE ".kferry/cover-letter" /* a tree's own template */

/* The template of the tree at src, else git's own places. */
int cover_template(const char *src, struct buf *ret, struct kf_error *err) _must_check_;
/* A text from a file.  KF_REASON_INVALID: it has no subject, or places that nobody
 * filled. */
int cover_read(const char *path, struct buf *ret, struct kf_error *err) _must_check_;
/* The user's editor (git var GIT_EDITOR) on a file in dir that has the template; then as
 * cover_read(). */
int cover_edit(const char *src, const char *dir, struct buf *text,
	       struct kf_error *err) _must_check_;
/* Put it into the first mail of the series. */
int cover_fill(struct mails *s, const struct buf *text,
	       struct kf_error *err) _must_check_;

#endif
