/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patch sets that the user wants to find again: a file, patches.json, of the user's data.
 */
#ifndef KF_BOOKMARKS_H
#define KF_BOOKMARKS_H

#include <jansson.h>

#include "controller/config/config.h"
#include "controller/mail/msgid.h"

#define BOOKMARKS_MAX 10000

/* An array of objects with "id" (LIST/MESSAGE-ID), "title", "author" and "added", a time;
 * newest first.  The caller's.  KF_REASON_STATE: the file is damaged. */
int bookmarks_load(const struct config *cfg, json_t **ret,
		   struct kf_error *err) _must_check_;
/* -EEXIST: it is there already. */
int bookmarks_add(const struct config *cfg, const char *list, const char *id,
		  const char *title, const char *author,
		  struct kf_error *err) _must_check_;
/* -ENOENT: there is none.  list NULL: of any. */
int bookmarks_remove(const struct config *cfg, const struct msgid *id,
		     struct kf_error *err) _must_check_;
/* Is it in that array?  Whatever its list. */
bool bookmarks_has(const json_t *all, const char *id);

#endif
