// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/desktop/boardtext.h"

#include "controller/copy/remote.h"

#define TEXT_MAX (1024u * 1024)

int boardtext_run(const struct config *cfg, const char *board, const char *script,
		  const char *arg, struct buf *ret, struct kf_error *err)
{
	const char *const argv[] = {"sh", "-c", script, "kferry", arg, NULL};
	const struct remote remote = {.argv = argv, .in = -1, .out = -1, .keep = ret};
	struct remote_board there = {.cfg = cfg, .name = board};
	int rc;

	ret->max = TEXT_MAX;
	rc = remote_run(&there, &remote, err);
	remote_board_fini(&there);
	return rc;
}
