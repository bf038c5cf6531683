/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is told of a change: the lines of get_maintainer.pl, one entry an address, each
 * with all its roles.
 */
#ifndef KF_PEOPLE_H
#define KF_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>

struct person {
	char *address; /* "Ann Example <ann@example.org>" or "list@example.org" */
	char *email;   /* of it, in the case it was given */
	char **roles;  /* "maintainer:DEMO", in the order met */
	size_t n_roles;
	bool list; /* a mailing list */
};

struct people {
	struct person *p;
	size_t n;
};

void people_fini(struct people *all);
#define _people_ _cleanup_(people_fini)

/* Add what one run printed; an address that is known gets what is new of its roles.  Case
 * does not tell addresses apart.  -ENOMEM; -EBADMSG: a line that is no address. */
int people_add(struct people *all, const char *text, size_t n);
/* By rank: those who maintain, those who review, others; then lists; each by name. */
void people_sort(struct people *all);

#endif
