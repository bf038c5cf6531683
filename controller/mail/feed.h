/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a public-inbox server lists: its Atom feeds of messages, and which lists it has.
 * Engines without I/O; what they read is believed nothing.
 */
#ifndef KF_FEED_H
#define KF_FEED_H

#include "controller/mail/posts.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

/* Add the entries of a feed to all.  An entry that lacks a link with a Message-ID is
 * passed over.  KF_REASON_INVALID: it is no Atom feed; what was read before the fault was
 * found is added all the same.  *ret_entries: how many it had. */
int feed_read(const struct buf *xml, struct posts *all, size_t *ret_entries,
	      struct kf_error *err) _must_check_;

struct listing {
	char **names; /* sorted, each once */
	char **texts; /* what each is for; "": not told */
	size_t n;
};

#define LISTING_MAX 10000

void listing_fini(struct listing *l);
#define _listing_ _cleanup_(listing_fini)

/* Of grokmirror's manifest (manifest.js.gz, decompressed). */
int listing_read_manifest(const struct buf *json, struct listing *ret,
			  struct kf_error *err) _must_check_;
/* Of the server's first page: its links to directories beside it. */
int listing_read_page(const struct buf *html, struct listing *ret,
		      struct kf_error *err) _must_check_;

#endif
