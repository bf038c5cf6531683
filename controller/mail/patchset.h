/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of a thread: the patch set that one of its mails belongs to. */
#ifndef KF_PATCHSET_H
#define KF_PATCHSET_H

#include "controller/mail/message.h"
#include "controller/mail/series.h"

struct patchset {
	struct messages mails; /* of the whole thread */
	struct posts posts;
	struct series_list series;
	const struct posting *posting; /* NULL: the mail belongs to none */
	const struct message *mail;    /* the one that was asked for */
};

/* Takes mails over, and leaves them empty.  id is one of them; what replies to a patch
 * belongs to that patch's set. */
int patchset_find(struct messages *mails, const char *id, struct patchset *ret,
		  struct kf_error *err) _must_check_;
void patchset_fini(struct patchset *p);
#define _patchset_ _cleanup_(patchset_fini)

/* Is there a posting, and is none of its patches missing?  An error says which. */
int patchset_check(const struct patchset *p, struct kf_error *err) _must_check_;
/* The patches 1..total, without the cover letter, as an mbox (mboxrd), appended. */
int patchset_mbox(const struct patchset *p, struct buf *out) _must_check_;
/* Mail by mail what a reader wants: fields, text.  all: the whole thread, else the
 * posting (or, where there is none, the one mail).  Not escaped. */
int patchset_text(const struct patchset *p, bool all, struct buf *out) _must_check_;

#endif
