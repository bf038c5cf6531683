/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handing mails to git send-email, which gets told all, and adds nobody. */
#ifndef KF_SEND_MAILER_H
#define KF_SEND_MAILER_H

#include "controller/send/mails.h"
#include "controller/send/recipients.h"

struct mailer_opts {
	const char *src;
	const char *in_reply_to; /* a Message-ID, or NULL */
	const char *bcc;	 /* lines, or NULL */
	bool dry_run;		 /* see whether git would take them */
	bool quiet;		 /* what it says is not shown */
};

/* KF_REASON_EXEC with git's own words; then some of several may have been sent. */
int mailer_send(const struct mails *s, const struct recipients *r,
		const struct mailer_opts *opts, struct kf_error *err) _must_check_;

#endif
