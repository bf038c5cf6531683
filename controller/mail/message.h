/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mails, read by GMime: the fields and the text of each mail of an mbox, and a mail that
 * is written.  An mbox is public-inbox's: "From " begins a mail wherever a line begins
 * with it, and in texts such lines are quoted by '>' (mboxrd).
 *
 * Nothing here is fit for a terminal: whoever shows it escapes it.
 */
#ifndef KF_MESSAGE_H
#define KF_MESSAGE_H

#include "controller/mail/posts.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

#define MESSAGE_MAX  4000 /* of one mbox */
#define MESSAGE_REFS 100  /* references that are kept of each, the last ones */

struct address {
	char *name, *email; /* never NULL; name may be empty */
};

struct addresses {
	struct address *a;
	size_t n;
};

struct message {
	char *id;     /* without < >; never NULL */
	char *parent; /* what it replies to, or NULL */
	char **refs;  /* References, oldest first */
	size_t n_refs;
	char *subject; /* never NULL */
	struct addresses from, reply_to, to, cc;
	int64_t date;	 /* seconds since 1970; 0: not told */
	int zone;	 /* of it, in minutes east of Greenwich */
	char *text;	 /* all text parts, in UTF-8 where that could be told */
	const char *raw; /* where it begins in the mbox, at its line "From " */
	size_t raw_len;
};

struct messages {
	struct message *m;
	size_t n;
	struct buf mbox; /* that raw points to */
};

/* Takes mbox's bytes over, and leaves it empty.  A mail without a Message-ID is passed
 * over.  KF_REASON_INVALID: no mail is in it, or more than MESSAGE_MAX. */
int messages_read(struct buf *mbox, struct messages *ret,
		  struct kf_error *err) _must_check_;
void messages_fini(struct messages *all);
#define _messages_ _cleanup_(messages_fini)

const struct message *messages_find(const struct messages *all, const char *id);
/* The same mails for series_group(). */
int messages_posts(const struct messages *all, struct posts *ret) _must_check_;

/* A mail to be sent.  refs ends with the one that it replies to. */
struct letter {
	const struct address *from;
	const struct addresses *to, *cc;
	const char *subject, *text;
	const char *id; /* its own, without < > */
	const char *const *refs;
	size_t n_refs;
};

/* As it is sent, with a line "From " in front, as git send-email takes it; the caller's;
 * NULL: no memory, or it could not be written. */
char *letter_write(const struct letter *l);

void addresses_fini(struct addresses *all);
/* Add one, unless its e-mail address is there. */
int addresses_add(struct addresses *all, const char *name,
		  const char *email) _must_check_;

#endif
