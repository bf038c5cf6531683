// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry patches apply: a patch set onto a new branch. */
#include "controller/cmd/cmd_patches.h"

void patches_say_applied(struct cmd_env *env, const struct patchset *p,
			 const struct applied *done)
{
	_free_ char *what = patches_what(p->posting);

	ui_step(env->ui, "apply", NULL, -1,
		json_pack("{s:s, s:s, s:s, s:i, s:b}", "branch", done->branch, "base",
			  done->base, "commit", done->tip, "commits", (int)done->commits,
			  "b4", done->by_b4),
		"%s: branch %s, %u commit%s%s", what ? what : "", done->branch,
		done->commits, done->commits == 1 ? "" : "s",
		done->by_b4 ? ", by b4" : "");
}

int patches_apply(struct cmd_env *env, const struct patches_args *a, const char *word)
{
	_applied_ struct applied done = {0};
	_patchset_ struct patchset p = {0};
	_msgid_ struct msgid id = {0};
	struct kf_error err = {0};
	_free_ char *src = NULL;
	int rc = apply_tree(&src, &err);

	if (rc == 0)
		rc = patches_fetch(env, a, word, &id, &p, &err);
	if (rc == 0)
		rc = apply_run(env->cfg, src, &p, a->branch, &done, &err);
	if (rc < 0)
		return cmd_fail(env, NULL, &err);
	patches_say_applied(env, &p, &done);
	return STATUS_PASS;
}
