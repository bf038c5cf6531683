/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a message of an archive is named: by its Message-ID, and the list that it is on.
 *
 *	LIST/MESSAGE-ID          as `kferry patches list` prints it
 *	MESSAGE-ID, <MESSAGE-ID> the list is not told
 *	https://HOST/LIST/MESSAGE-ID/...  a page of the archive, as a browser shows it
 */
#ifndef KF_MSGID_H
#define KF_MSGID_H

#include <stdbool.h>

#include "proto/base/err.h"

#define MSGID_MAX 250 /* bytes */
#define LIST_MAX  100

struct msgid {
	char *list; /* NULL: not told */
	char *id;   /* without < > */
};

/* KF_REASON_USAGE: it is none of these; then *ret is not set. */
int msgid_parse(const char *text, struct msgid *ret, struct kf_error *err) _must_check_;
void msgid_fini(struct msgid *m);
#define _msgid_ _cleanup_(msgid_fini)

/* Letters, digits and . _ + -, not beginning with . or -. */
bool msgid_is_list(const char *name);
/* Printable ASCII without blanks, quotes, < and >, with an @ inside. */
bool msgid_is_id(const char *id);
/* As a part of a URL: what could mean something there is %XX.  The caller's; NULL: no
 * memory. */
char *msgid_escape(const char *text);

#endif
