/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the subject of a mail says of the patch in it: "[PATCH net-next v3 2/7] net: ...".
 * Words in brackets in front of the title count, whatever their order.
 */
#ifndef KF_SUBJECT_H
#define KF_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

#define SUBJECT_PATCHES 999 /* of one series; more are no numbers of patches */
#define SUBJECT_VERSION 999

struct subject {
	const char *title; /* what follows the brackets, in the text that was parsed */
	bool patch;	   /* "PATCH" or "RFC" stands there */
	bool rfc, resend;
	bool reply;	       /* "Re:" stands in front */
	bool numbered;	       /* "2/7" stands there */
	unsigned version;      /* 1 where none is told */
	unsigned index, total; /* 0 is the cover letter; 1 of 1 where none is told */
};

/* Never fails: a subject without brackets has a title and nothing else. */
void subject_parse(const char *text, struct subject *ret);
/* Is it a patch to apply, or a cover letter; not what somebody replied? */
static inline bool subject_is_posting(const struct subject *s)
{
	return s->patch && !s->reply;
}

#endif
