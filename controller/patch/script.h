/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The perl scripts of a kernel tree, and git in that tree.  They run in the tree's
 * directory, with the user's environment; a name that begins with '-' is never an option.
 */
#ifndef KF_SCRIPT_H
#define KF_SCRIPT_H

#include <jansson.h>

#include "controller/config/config.h"
#include "controller/patch/target.h"
#include "proto/base/buf.h"

#define SCRIPT_TEXT_MAX (64u << 20) /* bytes of one patch, of one answer */
#define SCRIPT_COMMITS	1000	    /* of one range */

struct script {
	char *src;	  /* the tree's real path */
	const char *name; /* "scripts/checkpatch.pl" */
};

void script_fini(struct script *s);
#define _script_ _cleanup_(script_fini)

/* In the tree around the working directory, else in the configuration's.  name is kept.
 * KF_REASON_CONFIG: no kernel tree, no such script in it, no perl. */
int script_find(const struct config *cfg, const char *name, struct script *ret,
		struct kf_error *err) _must_check_;
/* Run it: options, then files (NULL: none), names below the tree that are plain; input
 * may be NULL.  out and what it said on standard error are appended. */
int script_run(const struct script *s, const char *const options[],
	       const char *const files[], const struct buf *input, struct buf *out,
	       struct buf *said, int *ret_status, struct kf_error *err) _must_check_;

/* The text of a PATCH target. */
int script_read(const struct target *t, struct buf *out,
		struct kf_error *err) _must_check_;
/* What differs from HEAD, as a patch. */
int script_change(const struct script *s, struct buf *out,
		  struct kf_error *err) _must_check_;
/* The commits of a target, merges left out, oldest first: "<40 hex digits> SUBJECT\n"
 * each. KF_REASON_USAGE: git knows no such thing. */
int script_commits(const struct script *s, const struct target *t, struct buf *out,
		   struct kf_error *err) _must_check_;
/* One of them as a mail. */
int script_commit(const struct script *s, const char *commit, struct buf *out,
		  struct kf_error *err) _must_check_;
/* The tracked files below a directory, each ended by a NUL. */
int script_tracked(const struct script *s, const char *dir, struct buf *out,
		   struct kf_error *err) _must_check_;
/* KF_REASON_INVALID: text has a name that the script would hand to a shell. */
int script_check_names(const struct script *s, const struct buf *text,
		       struct kf_error *err) _must_check_;
/* What a script said, for --json: escaped as it would be for a terminal. */
json_t *script_json(const char *text);

#endif
