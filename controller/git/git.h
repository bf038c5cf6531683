/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * git as a program, with a deadline, in the tree at src: what it prints is in English and
 * goes to no pager, names of files are as they are, and it asks nobody anything.  What
 * only reads ends early when the user interrupts, and writes no index; what changes the
 * tree does not end, so that no half of a checkout is left.
 */
#ifndef KF_GIT_H
#define KF_GIT_H

#include "proto/base/buf.h"
#include "proto/base/err.h"

enum git_kind { GIT_READS, GIT_CHANGES };

/* words: behind "git", NULL-terminated, at most GIT_WORDS; out may be NULL.  0 when it
 * ran, whatever its status. */
#define GIT_WORDS 64
int git_run(const char *src, const char *const words[], enum git_kind kind,
	    struct buf *out, int *ret_status, struct kf_error *err) _must_check_;
/* The same, and said gets stderr's text as well. */
int git_run_saying(const char *src, const char *const words[], enum git_kind kind,
		   struct buf *said, int *ret_status, struct kf_error *err) _must_check_;
/* A status that is not 0 is an error too: -EINVAL, with git's own words. */
int git_check(const char *src, const char *const words[], enum git_kind kind,
	      struct buf *out, struct kf_error *err) _must_check_;
/* The first line of what it prints, which it reads: "" where there is none; the caller's.
 */
int git_line(const char *src, const char *const words[], char **ret,
	     struct kf_error *err) _must_check_;

/* Is src the top of a work tree?  An error says what it is instead. */
int git_check_top(const char *src, struct kf_error *err) _must_check_;
/* The commit that a name means: 40 or 64 hex digits, the caller's. */
int git_commit(const char *src, const char *name, char **ret,
	       struct kf_error *err) _must_check_;
/* Its subject, as a terminal may show it; the caller's. */
int git_subject(const char *src, const char *commit, char **ret,
		struct kf_error *err) _must_check_;
/* 1: it is; 0: it is not. */
int git_is_ancestor(const char *src, const char *older, const char *newer,
		    struct kf_error *err) _must_check_;
/* Has the tree changes that no commit has?  An error names the first file. */
int git_check_clean(const char *src, struct kf_error *err) _must_check_;
/* Is nothing else half done: a merge, a rebase, a cherry-pick, a revert?  (A bisect is
 * not looked for.) */
int git_check_idle(const char *src, struct kf_error *err) _must_check_;
/* A file of git's own, such as "BISECT_LOG": its whole text appended to b; -ENOENT. */
int git_read_own(const char *src, const char *name, struct buf *b,
		 struct kf_error *err) _must_check_;
int git_checkout(const char *src, const char *commit, struct kf_error *err) _must_check_;

#endif
