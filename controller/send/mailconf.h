/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * git's settings of how mail is sent: looked at, and set, through git.  A password is
 * neither read nor taken.
 */
#ifndef KF_SEND_MAILCONF_H
#define KF_SEND_MAILCONF_H

#include <stdbool.h>

#include "controller/ui/ui.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

/* The value that git send-email would use of sendemail.<key>, of its identity first; the
 * caller's, NULL: not set.  several: all values, a line each. */
int mailconf_get(const char *src, const char *key, bool several, char **ret,
		 struct kf_error *err) _must_check_;
/* The email of who sends: sendemail.from, else git's own; the caller's. */
int mailconf_sender(const char *src, char **ret, struct kf_error *err) _must_check_;

/* What git's -c takes so that no sendemail.headerCmd adds header lines, of an identity or
 * not: true(1) adds none, and no option of all versions of git does that; the caller's.
 */
int mailconf_no_header_cmd(const char *src, char **ret,
			   struct kf_error *err) _must_check_;

/* Say what is set and what lacks; *ret_whole: nothing does. */
int mailconf_show(const char *src, struct ui *ui, bool *ret_whole,
		  struct kf_error *err) _must_check_;
/* "KEY=VALUE", one of those that mailconf_show() shows: into the user's configuration, or
 * (local) the tree's.  KF_REASON_USAGE: no such key, or not its kind of value. */
int mailconf_set(const char *src, const char *word, bool local,
		 struct kf_error *err) _must_check_;
/* Only look whether mailconf_set() would take it. */
int mailconf_check(const char *word, struct kf_error *err) _must_check_;

#endif
