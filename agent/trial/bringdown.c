/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes by signals, disks by the kernel's own emergency remount (sysrq u): that one
 * does not mind files that are still open for writing, the agent's own among them.
 */
#include "agent/trial/bringdown.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "agent/boot/mountinfo.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"

#define GRACE_MS   2000
#define REMOUNT_MS 5000
#define POLL_MS	   50

void bringdown_processes(void)
{
	kill(-1, SIGTERM);
	usleep(GRACE_MS * 1000);
	kill(-1, SIGKILL);
}

static int is_open_disk(const struct mountinfo *m, void *arg)
{
	(void)arg;
	return !m->read_only && strncmp(m->source, "/dev/", 5) == 0;
}

bool bringdown_is_open(const struct agent *a)
{
	return mountinfo_each(a, is_open_disk, NULL) > 0;
}

void bringdown_disks(const struct agent *a)
{
	_close_ int fd = fs_open_beneath(AT_FDCWD, "/proc/sysrq-trigger", O_WRONLY, 0);
	deadline_ms end = deadline_in(REMOUNT_MS);

	if (fd < 0 || fs_write_all(fd, "u", 1) < 0) {
		log_warn("reboot error=\"file systems stay writable: no sysrq\"");
		return;
	}
	while (bringdown_is_open(a) && deadline_left(end) > 0)
		usleep(POLL_MS * 1000);
}
