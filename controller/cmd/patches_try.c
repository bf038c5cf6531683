// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kferry patches try: from archive to verdict.  The patch set is applied on a branch, the
 * tree built and deployed as bd does, once: it does not become a board's default.  Then
 * the tree is where it was.
 */
#include "controller/cmd/cmd_patches.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#include "controller/cmd/deploy_args.h"
#include "controller/fleet/deploys.h"
#include "controller/kernel/scratch.h"
#include "controller/kernel/tree.h"
#include "controller/mail/apply.h"
#include "controller/mail/send.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define RESULT_MAX (16u << 20)

/* Options and boards, as bd would take them; before anything is fetched. */
static int parse_bd(struct cmd_env *env, const struct patches_args *a, char **argv,
		    struct deploy_args *ret)
{
	static char name[] = "bd";
	int argc = 0, status;

	argv[argc++] = name;
	for (size_t i = 0; i < a->n_bd; i++)
		argv[argc++] = a->bd[i];
	argv[argc] = NULL;
	optind = 0;
	status = deploy_args_parse(env, argc, argv, true, ret);
	if (status)
		return status;
	if (ret->opts.no_reboot || ret->opts.modules)
		return cmd_usage(env, "patches",
				 "try boots the kernel: --no-reboot and --modules do not "
				 "go with it");
	ret->opts.once = true;
	return 0;
}

/* What is built is the tree that this directory belongs to: by the "source" of an object
 * tree that is another than git's. */
static int check_tree(char **ret, struct kf_error *err)
{
	_free_ char *src = NULL, *built = NULL, *obj = NULL;
	int rc = apply_tree(&src, err);

	if (rc < 0)
		return rc;
	if (!tree_is_kernel(src))
		return kf_err(
			err, -EINVAL, KF_REASON_CONFIG,
			"%s is no kernel tree: `kferry patches apply` is for others",
			src);
	if (tree_find(".", &built, &obj) < 0 || strcmp(built, src) != 0)
		return kf_err(
			err, -EINVAL, KF_REASON_CONFIG,
			"what is built here is %s, not %s: go into the tree that the "
			"patches are for",
			built ? built : "nothing", src);
	*ret = TAKE_PTR(src);
	return 0;
}

/* --- what the boards said --------------------------------------------------------------
 */

static const char *text_of(const json_t *result, const char *key)
{
	const char *text = json_string_value(json_object_get(result, key));

	return text ? text : "";
}

/* A line of a board that passed: "Booted on rpi4, 6.18.0-rc3+: PASS, no new findings". */
static int add_board(struct buf *b, const char *artifacts, const char *board)
{
	_free_ char *path = strf("%s/%s/result.json", artifacts, board);
	_buf_ struct buf text = BUF_INIT;
	json_t *result = NULL;
	int rc = path ? fs_read_file(AT_FDCWD, path, RESULT_MAX, &text) : -ENOMEM;

	if (rc == 0) {
		result = json_loadb((const char *)buf_data(&text), buf_len(&text), 0,
				    NULL);
		rc = result ? 0 : -EBADMSG;
	}
	if (rc == 0 && strcmp(text_of(result, "verdict"), "PASS") != 0)
		rc = -EINVAL;
	if (rc == 0)
		rc = buf_printf(b, "%sBooted on %s, %s: PASS, %s", buf_len(b) ? "\n" : "",
				board, text_of(result, "release"),
				text_of(result, "text"));
	json_decref(result);
	return rc;
}

static int tell(struct cmd_env *env, const struct patches_args *a,
		const struct deploy_args *d, const struct patchset *p)
{
	static const enum reply_tag tested = REPLY_TESTED;
	const struct message *to = messages_find(&p->mails, p->posting->first->id);
	_buf_ struct buf remark = BUF_INIT;
	int rc = a->remark ? buf_printf(&remark, "%s", a->remark) : 0;

	for (size_t i = 0; i < d->n_boards && rc == 0; i++)
		rc = add_board(&remark, d->files.artifacts, d->boards[i]);
	if (rc < 0 || !buf_str(&remark)) {
		struct kf_error err = {0};

		kf_err(&err, rc < 0 ? rc : -ENOMEM, KF_REASON_IO,
		       "no reply: what the boards said cannot be read: %m");
		return cmd_fail(env, NULL, &err);
	}
	return patches_send(env, a, to, buf_str(&remark), &tested, 1);
}

/* --- all of it -------------------------------------------------------------------------
 */

static int go_back(struct cmd_env *env, const struct patches_args *a,
		   const struct applied *done, int status)
{
	struct kf_error err = {0};

	if (a->keep) {
		ui_note(env->ui, "the tree is on the branch %s; before it was on %s",
			done->branch, done->before);
		return status;
	}
	if (apply_leave(done, true, &err) == 0) {
		ui_note(env->ui, "the tree is back on %s", done->before);
		return status;
	}
	return deploy_worse(status, cmd_fail(env, NULL, &err));
}

static int try_on_boards(struct cmd_env *env, const struct patches_args *a,
			 struct deploy_args *d, const struct patchset *p, const char *src,
			 struct kf_error *err)
{
	_applied_ struct applied done = {0};
	int rc = apply_run(env->cfg, src, p, a->branch, &done, err), status;

	if (rc < 0)
		return cmd_fail(env, NULL, err);
	patches_say_applied(env, p, &done);
	status = deploys_run(env, d);
	status = go_back(env, a, &done, status);
	if (!a->reply)
		return status;
	if (status == STATUS_PASS)
		return tell(env, a, d, p);
	ui_note(env->ui, "no reply: only a pass is told");
	return status;
}

int patches_try(struct cmd_env *env, const struct patches_args *a, const char *word)
{
	_free_ char **argv = calloc(a->n_bd + 2, sizeof(*argv));
	_deploy_args_ struct deploy_args d = {0};
	_patchset_ struct patchset p = {0};
	_msgid_ struct msgid id = {0};
	_free_ char *src = NULL, *dir = NULL;
	struct kf_error err = {0};
	int rc, status = argv ? parse_bd(env, a, argv, &d) : STATUS_ERROR;

	if (status)
		return status;
	rc = check_tree(&src, &err);
	if (rc == 0 && a->reply && !a->dry_run)
		rc = send_check(&err);
	if (rc == 0)
		rc = patches_fetch(env, a, word, &id, &p, &err);
	if (rc == 0 && !d.files.artifacts) {
		rc = scratch_new(env->cfg, &dir, &err);
		d.files.artifacts = dir;
	}
	if (rc < 0)
		return cmd_fail(env, NULL, &err);
	status = try_on_boards(env, a, &d, &p, src, &err);
	if (dir)
		(void)!fs_remove_tree(AT_FDCWD, dir);
	return status;
}
