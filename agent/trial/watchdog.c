/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ioctls of Documentation/watchdog/watchdog-api.rst. */
#include "agent/trial/watchdog.h"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <string.h>
#include <sys/ioctl.h>

#include "proto/base/fs.h"
#include "proto/base/log.h"

struct watchdog {
	int fd;
	unsigned seconds;
};

static int open_device(const struct agent *a)
{
	static const char *const first[] = {"/dev/watchdog0", "/dev/watchdog"};
	_free_ char *path = NULL;
	int fd = -ENOENT;

	if (strcmp(a->conf.watchdog, "none") == 0)
		return -ENOENT;
	if (strcmp(a->conf.watchdog, "auto") != 0) {
		path = agent_path(a, a->conf.watchdog);
		return path ? fs_open_beneath(AT_FDCWD, path, O_WRONLY, 0) : -ENOMEM;
	}
	if (a->scratch)
		return -ENOENT;
	for (size_t i = 0; fd == -ENOENT && i < ARRAY_SIZE(first); i++)
		fd = fs_open_beneath(AT_FDCWD, first[i], O_WRONLY, 0);
	return fd;
}

int watchdog_open(const struct agent *a, struct watchdog **ret)
{
	_close_ int fd = open_device(a);
	struct watchdog *w;
	int seconds = (int)a->conf.watchdog_s;

	if (fd < 0)
		return fd;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	if (seconds > 0 && ioctl(fd, WDIOC_SETTIMEOUT, &seconds) < 0)
		log_warn("watchdog timeout=%d error=\"%s\"", seconds, strerror(errno));
	seconds = 0;
	if (ioctl(fd, WDIOC_GETTIMEOUT, &seconds) < 0 || seconds < 0)
		seconds = 0;
	w->fd = TAKE_FD(fd);
	w->seconds = (unsigned)seconds;
	watchdog_pet(w);
	log_info("watchdog event=started timeout=%d", seconds);
	*ret = w;
	return 0;
}

void watchdog_pet(struct watchdog *w)
{
	if (!w || ioctl(w->fd, WDIOC_KEEPALIVE, 0) == 0)
		return;
	/* Any byte but 'V' is a sign of life, for drivers without the ioctl. */
	if (fs_write_all(w->fd, "\n", 1) < 0)
		log_warn("watchdog event=pet error=\"%s\"", strerror(errno));
}

unsigned watchdog_seconds(const struct watchdog *w)
{
	return w ? w->seconds : 0;
}

bool watchdog_release(struct watchdog **w)
{
	int disable = WDIOS_DISABLECARD;

	if (!*w)
		return true;
	/* Drivers answer EBUSY here when they were built or told never to stop. */
	if (ioctl((*w)->fd, WDIOC_SETOPTIONS, &disable) < 0 && errno == EBUSY) {
		log_warn("watchdog event=cannot-stop");
		return false;
	}
	if (fs_write_all((*w)->fd, "V", 1) < 0)
		log_warn("watchdog event=release error=\"%s\"", strerror(errno));
	watchdog_leave(w);
	log_info("watchdog event=stopped");
	return true;
}

void watchdog_leave(struct watchdog **w)
{
	if (!*w)
		return;
	close((*w)->fd);
	free(TAKE_PTR(*w));
}
