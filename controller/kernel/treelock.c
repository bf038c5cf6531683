/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/kernel/treelock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>

#include "controller/cancel.h"
#include "controller/strf.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define STEP_MS 100

int treelock_take(const struct tree *t, const char *name, struct ui *ui,
		  const struct treelock_wait *wait, int *ret_fd, struct kf_error *err)
{
	deadline_ms deadline = deadline_in(wait->ms);
	_free_ char *path = strf("%s/%s", t->cache, name);
	_close_ int fd = -1;
	bool told = false;

	if (!path)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	fd = fs_open_beneath(AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "open %s: %m", path);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return kf_err(err, -errno, KF_REASON_IO, "lock %s: %m", path);
		if (atomic_load(cancel_flag()))
			return kf_err(err, -ECANCELED, KF_REASON_CANCELLED,
				      "the %s was cancelled, %s", wait->stage,
				      wait->text);
		if (deadline_left(deadline) == 0)
			return -ETIMEDOUT;
		if (!told)
			ui_note(ui, "%s: %s", wait->stage, wait->text);
		told = true;
		ui_progress(ui, wait->stage, NULL, 0, 0, wait->text);
		poll(NULL, 0, STEP_MS);
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int treelock_build(const struct tree *t, struct ui *ui, const char *stage, int64_t limit,
		   int *ret_fd, struct kf_error *err)
{
	const struct treelock_wait wait = {
		stage, "waiting for another kferry that builds in this tree",
		limit > 0 ? limit : INT32_MAX};
	int r = treelock_take(t, "build.lock", ui, &wait, ret_fd, err);

	if (r == -ETIMEDOUT)
		return kf_err(err, r, KF_REASON_TIMEOUT,
			      "another kferry has been building in %s for all of "
			      "timeout.build: end it, or use another object directory "
			      "(build.output)",
			      t->obj);
	return r;
}
