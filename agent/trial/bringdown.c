/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes by signals, disks by the kernel's own emergency remount (sysrq u): that one
 * does not mind files that are still open for writing, the agent's own among them.
 */
#include "agent/trial/bringdown.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"

#define GRACE_MS   2000
#define REMOUNT_MS 5000
#define POLL_MS	   50
#define MOUNTS_MAX (256 * 1024)

void bringdown_processes(void)
{
	kill(-1, SIGTERM);
	usleep(GRACE_MS * 1000);
	kill(-1, SIGKILL);
}

/* Is a line of /proc/mounts ("/dev/vda1 / ext4 rw,relatime 0 0") a disk's, writable? */
static bool is_open_disk(const char *line)
{
	const char *end = strchrnul(line, '\n'), *at = line;

	if (strncmp(line, "/dev/", 5) != 0)
		return false;
	for (int field = 0; field < 3; field++) {
		at = memchr(at, ' ', (size_t)(end - at));
		if (!at)
			return false;
		at++;
	}
	return end - at >= 2 && strncmp(at, "rw", 2) == 0;
}

static bool disks_are_open(void)
{
	_buf_ struct buf b = BUF_INIT;

	if (fs_read_file(AT_FDCWD, "/proc/mounts", MOUNTS_MAX, &b) < 0 || !buf_str(&b))
		return false;
	for (const char *p = buf_str(&b); *p; p = strchrnul(p, '\n'), p += *p == '\n')
		if (is_open_disk(p))
			return true;
	return false;
}

void bringdown_disks(void)
{
	_close_ int fd = fs_open_beneath(AT_FDCWD, "/proc/sysrq-trigger", O_WRONLY, 0);
	deadline_ms end = deadline_in(REMOUNT_MS);

	if (fd < 0 || fs_write_all(fd, "u", 1) < 0) {
		log_warn("reboot error=\"file systems stay writable: no sysrq\"");
		return;
	}
	while (disks_are_open() && deadline_left(end) > 0)
		usleep(POLL_MS * 1000);
}
