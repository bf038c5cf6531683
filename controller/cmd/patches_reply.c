// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry patches reply: who looked at a patch, or tried it, tells its author. */
#include "controller/cmd/cmd_patches.h"

#include <string.h>

#include "controller/mail/listed.h"
#include "controller/mail/send.h"
#include "proto/reason.h"

/* The mail that will be sent: its header is what counts, so that it is shown whole. */
static void show(struct cmd_env *env, const char *mail)
{
	const char *text = strchr(mail, '\n');

	ui_out(env->ui, "%s", text ? text + 1 : mail);
	ui_json(env->ui, json_pack("{s:s, s:o}", "event", "reply", "text",
				   listed_json(text ? text + 1 : mail)));
}

/* 1: it may be sent; 0: not. */
static int may_send(struct cmd_env *env, const struct patches_args *a,
		    struct kf_error *err)
{
	bool yes = false;
	int rc;

	if (a->yes)
		return 1;
	rc = ui_confirm(env->ui, "Send this mail?", &yes);
	if (rc == -ENOTTY)
		return kf_err(err, rc, KF_REASON_USAGE,
			      "there is no terminal to ask on whether to send it: --yes "
			      "says so, --dry-run only shows it");
	if (rc < 0)
		return kf_err(err, rc,
			      rc == -ECANCELED ? KF_REASON_CANCELLED : KF_REASON_IO,
			      "it is not sent: %m");
	return yes;
}

static int send_it(struct cmd_env *env, const struct patches_args *a, const char *mail,
		   const struct address *me, const struct message *to,
		   struct kf_error *err)
{
	int rc = 0;

	show(env, mail);
	if (a->dry_run)
		return 0;
	rc = may_send(env, a, err);
	if (rc <= 0) {
		if (rc == 0)
			ui_note(env->ui, "it is not sent");
		return rc;
	}
	rc = send_mail(env->cfg, mail, me, to->reply_to.n ? to->reply_to.a : to->from.a,
		       err);
	if (rc == 0)
		ui_note(env->ui, "it is sent");
	return rc;
}

int patches_send(struct cmd_env *env, const struct patches_args *a,
		 const struct message *to, const char *remark, const enum reply_tag *tags,
		 size_t n_tags)
{
	struct reply_opts opts = {.n_tags = n_tags, .remark = remark};
	_free_ char *id = NULL, *mail = NULL;
	struct kf_error err = {0};
	int rc = a->dry_run ? 0 : send_check(&err);

	if (rc == 0)
		rc = send_identity(&opts.me, &err);
	if (rc < 0)
		return cmd_fail(env, NULL, &err);
	memcpy(opts.tags, tags, n_tags * sizeof(*tags));
	id = send_message_id(&opts.me);
	opts.id = id;
	rc = id ? reply_write(to, &opts, &mail) : -ENOMEM;
	if (rc == -EINVAL)
		kf_err(&err, rc, KF_REASON_INVALID,
		       "that mail has no sender to reply to");
	else if (rc < 0)
		kf_err(&err, rc, KF_REASON_NO_MEMORY, "no memory");
	else
		rc = send_it(env, a, mail, &opts.me, to, &err);
	send_identity_fini(&opts.me);
	return rc < 0 ? cmd_fail(env, NULL, &err) : STATUS_PASS;
}

int patches_reply(struct cmd_env *env, const struct patches_args *a, const char *word)
{
	_patchset_ struct patchset p = {0};
	_msgid_ struct msgid id = {0};
	struct kf_error err = {0};

	if (a->n_tags == 0)
		return cmd_usage(env, "patches",
				 "reply takes --reviewed-by, --tested-by or --acked-by");
	if (patches_fetch(env, a, word, &id, &p, &err) < 0)
		return cmd_fail(env, NULL, &err);
	return patches_send(env, a, p.mail, a->remark, a->tags, a->n_tags);
}
