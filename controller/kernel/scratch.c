/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scratch directories are named after their process, so that what a killed one left can
 * be told from what a living one uses.
 */
#include "controller/kernel/scratch.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

static void sweep(const char *top)
{
	_closedir_ DIR *d = opendir(top);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		char *end;
		long pid = strtol(de->d_name, &end, 10);

		if (pid <= 0 || *end != '-' || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
			continue;
		(void)!fs_remove_tree(dirfd(d), de->d_name);
	}
}

int scratch_new(const struct config *cfg, char **ret, struct kf_error *err)
{
	_free_ char *top = strf("%s/scratch", config_cache_dir(cfg));
	_free_ char *dir = top ? strf("%s/%ld-XXXXXX", top, (long)getpid()) : NULL;
	int r;

	if (!dir)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	r = fs_mkdirs(AT_FDCWD, top);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "make the directory %s: %m", top);
	sweep(top);
	if (!mkdtemp(dir))
		return kf_err(err, -errno, KF_REASON_IO, "make a directory in %s: %m",
			      top);
	*ret = TAKE_PTR(dir);
	return 0;
}
