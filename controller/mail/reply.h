/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reply to a patch or a cover letter that says who looked at it or tried it.  Written
 * here, without I/O; sent by git send-email.
 */
#ifndef KF_REPLY_H
#define KF_REPLY_H

#include "controller/mail/message.h"

enum reply_tag { REPLY_REVIEWED, REPLY_TESTED, REPLY_ACKED };

struct reply_opts {
	struct address me;
	enum reply_tag tags[3];
	size_t n_tags;
	const char *remark; /* in front of the tags: lines, or NULL */
	const char *id;	    /* its Message-ID, without < > */
};

/* "Reviewed-by" */
const char *reply_tag_name(enum reply_tag tag);
/* The whole mail, for git send-email: to the author (or Reply-To), to the others as Cc,
 * but not to me; what the author wrote of the patch is quoted, the patch is not. -EINVAL:
 * it has no sender. */
int reply_write(const struct message *to, const struct reply_opts *opts,
		char **ret) _must_check_;
/* Its recipients alone, as reply_write() has them. */
int reply_recipients(const struct message *to, const struct address *me,
		     struct addresses *ret_to, struct addresses *ret_cc) _must_check_;

#endif
