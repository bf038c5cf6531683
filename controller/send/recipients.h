/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who gets a series: all of it goes to all of them.  To: who maintains and reviews; Cc:
 * lists, authors, who is named in trailers.  Left out are oneself, and who is blocked.
 */
#ifndef KF_SEND_RECIPIENTS_H
#define KF_SEND_RECIPIENTS_H

#include "controller/patch/people.h"
#include "controller/send/mails.h"
#include "proto/base/err.h"

#define RECIPIENTS_MAX 200

struct recipients {
	struct people all; /* sorted by rank; roles say why */
	size_t n_to;	   /* the first of them; the rest is Cc */
	struct people blocked;
	const char *const *block; /* "a@b.org", "@b.org", NULL-terminated; may be NULL */
	const char *self;	  /* an email, or NULL */
};

void recipients_fini(struct recipients *r);
#define _recipients_ _cleanup_(recipients_fini)

/* Add one, by hand ("--to", "--cc"), or a maintainer's line; role "to": into To.
 * KF_REASON_USAGE: it is no address.  Blocked ones are kept apart, also those. */
int recipients_add(struct recipients *r, const char *role, const char *address, size_t n,
		   struct kf_error *err) _must_check_;
/* Those that get_maintainer.pl found. */
int recipients_add_people(struct recipients *r, const struct people *p,
			  struct kf_error *err) _must_check_;
/* Those that its mails name. */
int recipients_add_series(struct recipients *r, const struct mails *s,
			  struct kf_error *err) _must_check_;
/* Order them.  KF_REASON_USAGE: nobody is left, or too many. */
int recipients_end(struct recipients *r, struct kf_error *err) _must_check_;

#endif
