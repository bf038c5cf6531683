/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a word means to commands that look at sources and patches: a file or a directory
 * of the tree, a patch, or commits.  What is there by that name comes first; a word that
 * names nothing is for git.
 */
#ifndef KF_TARGET_H
#define KF_TARGET_H

#include <stdbool.h>

#include "proto/base/err.h"

enum target_kind {
	TARGET_CHANGE, /* no word: what differs from HEAD */
	TARGET_FILE,
	TARGET_DIR,
	TARGET_PATCH, /* a diff, or a mail with one */
	TARGET_COMMIT,
	TARGET_RANGE,
};

struct target {
	enum target_kind kind;
	const char *word; /* the caller's */
	char *path; /* FILE, DIR: below the tree, "." itself; PATCH: real; else NULL */
};

void target_fini(struct target *t);
#define _target_ _cleanup_(target_fini)

/* src: the real path of the tree; word NULL: its change.  Files and patches are looked
 * at, git is not asked: a COMMIT or RANGE may be none.  KF_REASON_USAGE: what cannot be
 * one, and a file or directory outside of the tree. */
int target_find(const char *src, const char *word, struct target *ret,
		struct kf_error *err) _must_check_;

/* Does text begin as a diff does, or as a mail with one in it? */
bool target_is_patch(const char *text, size_t n);
/* The name in word's directory that is nearest to it, if one is near; the caller's. */
char *target_near(const char *word);

#endif
