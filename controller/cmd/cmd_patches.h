/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verbs of `kferry patches` have in common. */
#ifndef KF_CMD_PATCHES_H
#define KF_CMD_PATCHES_H

#include "controller/cmd/cmd.h"
#include "controller/mail/apply.h"
#include "controller/mail/archive.h"
#include "controller/mail/patchset.h"
#include "controller/mail/reply.h"

struct patches_args {
	bool offline, all, dry_run, yes, keep, reply;
	unsigned count; /* patch sets to show */
	const char *branch, *remark;
	enum reply_tag tags[3];
	size_t n_tags;
	/* For bd: boards of -b and -l, and what stands behind "--". */
	char **bd;
	size_t n_bd;
};

/* Say what is of the cache; archive_open() with the call's options. */
int patches_open(struct cmd_env *env, const struct patches_args *a,
		 struct mail_archive **ret, struct kf_error *err) _must_check_;
/* Fetch the set that a word names.  *ret_id is what it was called (msgid_fini()). */
int patches_fetch(struct cmd_env *env, const struct patches_args *a, const char *word,
		  struct msgid *ret_id, struct patchset *ret,
		  struct kf_error *err) _must_check_;
/* "v3 of gpio: fix it, 7 patches, by Ada": what it is, in words; the caller's. */
char *patches_what(const struct posting *p);

/* What was applied, as a step. */
void patches_say_applied(struct cmd_env *env, const struct patchset *p,
			 const struct applied *done);

/* The statuses of the verbs. */
int patches_apply(struct cmd_env *env, const struct patches_args *a, const char *word);
int patches_reply(struct cmd_env *env, const struct patches_args *a, const char *word);
int patches_screen(struct cmd_env *env, const struct patches_args *a);
int patches_try(struct cmd_env *env, const struct patches_args *a, const char *word);

/* Show the mail with its tags, ask, send.  The status. */
int patches_send(struct cmd_env *env, const struct patches_args *a,
		 const struct message *to, const char *remark, const enum reply_tag *tags,
		 size_t n_tags);

#endif
