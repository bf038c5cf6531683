/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One file a mark, replaced as a whole. */
#include "agent/slot/bootmark.h"

#include <fcntl.h>
#include <string.h>

#include "proto/base/fs.h"

int bootmark_leave(const struct agent *a, const char *path)
{
	_free_ char *mark = agent_path(a, path);
	int rc = mark ? fs_mkdirs_parent(AT_FDCWD, mark) : -ENOMEM;

	if (rc < 0)
		return rc;
	return fs_replace(AT_FDCWD, mark, a->boot.boot_id, strlen(a->boot.boot_id), 0644);
}

bool bootmark_is(const struct agent *a, const char *path)
{
	_free_ char *boot = agent_line(a, path);

	return boot && strcmp(boot, a->boot.boot_id) == 0;
}
