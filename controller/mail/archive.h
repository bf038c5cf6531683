/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A mail archive: public-inbox over HTTP, at patches.url.
 *
 * What was fetched is kept below the cache's directory mail/, one file for each address,
 * up to patches.cache MiB; the oldest go first.  Where the archive cannot be reached, or
 * is not to be asked, the kept copy is taken, and its age is told.
 */
#ifndef KF_ARCHIVE_H
#define KF_ARCHIVE_H

#include "controller/config/config.h"
#include "controller/mail/feed.h"
#include "controller/mail/message.h"
#include "controller/mail/msgid.h"

struct mail_archive;

struct archive_opts {
	bool offline; /* nothing but the cache */
	/* Told when something is of the cache because the archive did not answer: since
	 * when it is there, and why (NULL: offline). */
	void (*stale)(void *arg, int64_t since, const char *why);
	void *arg;
};

int archive_open(const struct config *cfg, const struct archive_opts *opts,
		 struct mail_archive **ret, struct kf_error *err) _must_check_;
void archive_close(struct mail_archive *a);

/* The lists it has. */
int archive_lists(struct mail_archive *a, struct listing *ret,
		  struct kf_error *err) _must_check_;
/*
 * Add mails of a list to ret: those that query finds (public-inbox's own language; NULL:
 * the newest), patches only, newest first, from the first'th on.  *ret_n: how many were
 * listed; less than ARCHIVE_PAGE: there are no more.  Without a query, from an archive
 * that cannot search: the newest mails of any kind.
 */
#define ARCHIVE_PAGE 200
int archive_find(struct mail_archive *a, const char *list, const char *query,
		 size_t first, struct posts *ret, size_t *ret_n,
		 struct kf_error *err) _must_check_;
/* The thread that a mail is in.  Where its list is not told: by patches.all. */
int archive_thread(struct mail_archive *a, const struct msgid *id, struct messages *ret,
		   struct kf_error *err) _must_check_;
/* Where a browser finds it; the caller's; NULL: no memory. */
char *archive_url(const struct mail_archive *a, const struct msgid *id);
/* The list that is meant where none is told. */
const char *archive_list(const struct mail_archive *a, const struct msgid *id);

#endif
