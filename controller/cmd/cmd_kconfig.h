/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verbs of kferry kconfig share. */
#ifndef KF_CMD_KCONFIG_H
#define KF_CMD_KCONFIG_H

#include "controller/cmd/cmd.h"
#include "controller/kconfig/kconf.h"
#include "controller/kernel/tree.h"

struct kconfig_args {
	const char *description, *output;
	bool force, optimize;
	char **words; /* behind the verb */
	int n_words;
};

/* Open the tree whose .config is meant, as -b or the default board says; *ret_board may
 * be NULL. 0, or an exit status when what is wrong was said. */
int kconfig_tree(struct cmd_env *env, const char **ret_board, struct tree **ret);
/* The store's directory, the caller's; NULL: no memory. */
char *kconfig_store(const struct cmd_env *env);
/* text becomes the tree's .config, and that is told: "NAME" of it is what it came from.
 */
int kconfig_put(struct cmd_env *env, const struct tree *t, const struct kconf *k,
		const struct buf *text, const char *from, bool force,
		struct kf_error *err) _must_check_;

int kconfig_fetch(struct cmd_env *env, const struct kconfig_args *a);
int kconfig_require(struct cmd_env *env, const struct kconfig_args *a);
int kconfig_diff(struct cmd_env *env, const struct kconfig_args *a);

#endif
