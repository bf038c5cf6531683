/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mails as the archive lists them: who, when, what, and in reply to what. */
#ifndef KF_POSTS_H
#define KF_POSTS_H

#include <stdint.h>

#include "controller/mail/subject.h"
#include "proto/base/cleanup.h"

#define POSTS_MAX 4000

struct post {
	char *id;	      /* Message-ID without < >; never NULL */
	char *parent;	      /* of what it replies to, or NULL */
	char *text;	      /* its subject: never NULL */
	char *author, *email; /* never NULL; one of them may be empty */
	int64_t date;	      /* seconds since 1970 */
	struct subject subject;
};

struct posts {
	struct post *p;
	size_t n;
};

/* Copies what p points to; what is NULL becomes "".  One whose id is there already is
 * left out.  -EINVAL: the id is none; -E2BIG: there are POSTS_MAX. */
int posts_add(struct posts *all, const struct post *p) _must_check_;
void posts_fini(struct posts *all);
#define _posts_ _cleanup_(posts_fini)

/* NULL: there is none of that id. */
const struct post *posts_find(const struct posts *all, const char *id);

#endif
