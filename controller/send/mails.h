/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mails of a series: files that git format-patch made, or copies of files that are
 * mails already, in a directory of ours.  None has a To, Cc or Bcc of its own: who gets
 * them is said once, by recipients.h.
 */
#ifndef KF_SEND_MAILS_H
#define KF_SEND_MAILS_H

#include "controller/patch/target.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

#define SERIES_MAX	   200	       /* mails */
#define SERIES_MAIL_MAX	   (16u << 20) /* bytes of one */
#define SERIES_SUBJECT_MAX 200	       /* bytes that are shown */
#define SERIES_VERSION_MAX 999

struct mail {
	char *path;
	char *subject;	 /* as it is in the head */
	struct buf text; /* before fields were taken out */
	bool cover;
};

struct mails {
	struct mail *mails; /* the cover letter is the first */
	size_t n;
};

struct mails_opts {
	unsigned version; /* 0: none is said */
	bool rfc, cover;
	const char *prefix; /* instead of PATCH; NULL: git's own */
};

/* Of a COMMIT or RANGE of the tree at src, into dir. */
int mails_make(const char *src, const char *dir, const struct target *t,
	       const struct mails_opts *opts, struct mails *ret,
	       struct kf_error *err) _must_check_;
/* Add a copy of a PATCH, which is a mail. */
int mails_add(struct mails *s, const char *dir, const struct target *t,
	      struct kf_error *err) _must_check_;
/* The cover letter has changed on the disk. */
int mails_read_cover(struct mails *s, struct kf_error *err) _must_check_;
void mails_fini(struct mails *s);
#define _mails_ _cleanup_(mails_fini)

#endif
