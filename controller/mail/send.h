/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who sends, and sending: git's configuration and git send-email. */
#ifndef KF_SEND_H
#define KF_SEND_H

#include "controller/config/config.h"
#include "controller/mail/reply.h"
#include "controller/ui/ui.h"

/* user.name and user.email of git, as they are in the working directory. */
int send_identity(struct address *ret, struct kf_error *err) _must_check_;
void send_identity_fini(struct address *a);
/* A new Message-ID, without < >; the caller's. */
char *send_message_id(const struct address *me);

/* Is git send-email there?  Told before anything is written. */
int send_check(struct kf_error *err) _must_check_;
/* Send a mail of reply_write() to those that it names, of whom one is `to`.  The user was
 * asked before. */
int send_mail(const struct config *cfg, const char *mail, const struct address *me,
	      const struct address *to, struct kf_error *err) _must_check_;

#endif
