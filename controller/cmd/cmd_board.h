/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of `kferry board` share. */
#ifndef KF_CMD_BOARD_H
#define KF_CMD_BOARD_H

#include "controller/cmd/cmd.h"

struct board_args {
	const char *link, *run, *profile, *identity;
	const char *accept; /* --accept-host-key SHA256:... */
	bool make_default, no_setup, names, labels;
	bool force; /* setup may make a read-only root writable for the moment; revive
		     * does not look at the board */
};

/* All return the exit status. */
int board_add(struct cmd_env *env, const char *name, const char *where,
	      const struct board_args *a);
int board_setup(struct cmd_env *env, const char *name, const struct board_args *a);
/* started: its agent was started just now, and may need a moment. */
int board_info(struct cmd_env *env, const char *name, bool started);

/* Out of quarantine, if it answers. */
int board_revive(struct cmd_env *env, const char *name, const struct board_args *a);
/* For `board list`: "" or "  in quarantine since ..."; *ret_json: NULL or the same as an
 * object, the caller's. */
const char *board_quarantine(struct cmd_env *env, const char *name, char text[static 64],
			     json_t **ret_json);

/* See to it that the board's host key is known: asked on the terminal, or accepted by
 * `accept`.  0 or a negative errno. */
int board_host_key(struct cmd_env *env, const char *name, const char *accept,
		   struct kf_error *err) _must_check_;

#endif
