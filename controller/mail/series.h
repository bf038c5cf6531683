/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Patch sets, made of the mails that an archive lists.  No I/O.
 *
 * A posting is what somebody sent at once: the patches k/n of one version, and the cover
 * letter 0/n.  Mails belong together when author, version and n are the same and one
 * replies to the other, or both reply to the same; those that reply to nothing when they
 * came within minutes and their numbers differ.  Postings of one author with the same
 * title are versions of one series: v3 comes before v2, and of two v2 the later is a
 * resent one.
 */
#ifndef KF_SERIES_H
#define KF_SERIES_H

#include "controller/mail/posts.h"

struct posting {
	const struct post **posts; /* by number, each once: cover letter or patch */
	size_t n;
	const struct post *first; /* the cover letter, or the lowest number there is */
	unsigned version, total;
	bool rfc, resend;
	int64_t date; /* of first */
};

struct series {
	struct posting *postings; /* newest version first */
	size_t n;
};

struct series_list {
	struct series *s; /* newest posting first */
	size_t n;
};

/* What is no patch is left out.  all is referred to, and must live longer.  -ENOMEM. */
int series_group(const struct posts *all, struct series_list *ret) _must_check_;
void series_fini(struct series_list *l);
#define _series_ _cleanup_(series_fini)

/* The posting that has this mail; NULL: it is in none. */
const struct posting *series_find(const struct series_list *l, const char *id);
/* Of the patches 1..total those that are not there; 0: it is whole.  ret_first: the
 * lowest of them. */
unsigned posting_missing(const struct posting *p, unsigned *ret_first);

#endif
