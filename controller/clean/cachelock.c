// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/clean/cachelock.h"

#include <fcntl.h>
#include <sys/file.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define WAIT_MS 60000 /* for a clean; removing many files takes its time */

static int open_lock(const struct config *cfg)
{
	const char *dir = config_cache_dir(cfg);
	_free_ char *path = strf("%s/" CACHELOCK_FILE, dir);
	int rc = path ? fs_mkdirs(AT_FDCWD, dir) : -ENOMEM;

	return rc < 0 ? rc
		      : fs_open_beneath(AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC,
					0600);
}

int cachelock_share(const struct config *cfg)
{
	_close_ int fd = open_lock(cfg);

	return fd < 0 || fs_lock(fd, LOCK_SH, WAIT_MS) < 0 ? -1 : TAKE_FD(fd);
}

int cachelock_take(const struct config *cfg, struct kf_error *err)
{
	_close_ int fd = open_lock(cfg);

	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "lock the cache %s: %m",
			      config_cache_dir(cfg));
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return TAKE_FD(fd);
	if (errno != EWOULDBLOCK)
		return kf_err(err, -errno, KF_REASON_IO, "lock the cache %s: %m",
			      config_cache_dir(cfg));
	return kf_err(err, -EBUSY, KF_REASON_BUSY,
		      "another kferry uses the cache %s: try again when it has ended",
		      config_cache_dir(cfg));
}
