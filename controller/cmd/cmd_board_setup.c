// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry board setup: the agent put there. */
#include "controller/cmd/cmd_board.h"
#include "controller/setup/setup.h"

int board_setup(struct cmd_env *env, const char *name, const struct board_args *a)
{
	struct kf_error err = {0};
	unsigned changes = 0;
	int rc;

	/* `board add` has seen to the key already; then this finds it good. */
	rc = board_host_key(env, name, a->accept, &err);
	if (rc == 0)
		rc = setup_board(env->cfg, env->ui, name, a->force, &changes, &err);
	if (rc < 0)
		return cmd_fail(env, name, &err);
	if (!changes)
		ui_step(env->ui, "setup", name, -1, NULL, "nothing to change");
	return board_info(env, name, changes > 0);
}
