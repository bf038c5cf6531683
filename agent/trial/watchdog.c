/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ioctls of Documentation/watchdog/watchdog-api.rst. */
#include "agent/trial/watchdog.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/watchdog.h>
#include <string.h>
#include <sys/ioctl.h>

#include "agent/trial/wdinfo.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"

#define WATCHED_DIR "/run/kferry"
#define WATCHED	    "watched" /* clock_now_ms() of the last pet, the longest gap so far */

#define PET_MAX_MS  5000

struct watchdog {
	int fd;
	unsigned seconds; /* it runs with */
	unsigned wanted;  /* by the configuration; 0: nothing */
	int64_t gap_ms;
	struct wdinfo info;
	char *watched_dir;
};

/* --- the device ----------------------------------------------------------------- */

/* What sysfs says of the device that the configuration names. */
static void look(const struct agent *a, const char *device, struct wdinfo *ret)
{
	const char *name = strrchr(device, '/');

	/* The old name of the first one. */
	if (name && strcmp(name, "/watchdog") == 0)
		name = "/watchdog0";
	if (!name || !wdinfo_read(a, name + 1, ret))
		*ret = (struct wdinfo){0};
}

static int open_named(const struct agent *a, const char *device, struct wdinfo *ret)
{
	_free_ char *path = agent_path(a, device);

	if (!path)
		return -ENOMEM;
	look(a, device, ret);
	return fs_open_beneath(AT_FDCWD, path, O_WRONLY, 0);
}

static int open_device(const struct agent *a, struct wdinfo *ret)
{
	static const char *const first[] = {"/dev/watchdog0", "/dev/watchdog"};
	int fd = -ENOENT;

	if (strcmp(a->conf.watchdog, "none") == 0)
		return -ENOENT;
	if (strcmp(a->conf.watchdog, "auto") != 0)
		return open_named(a, a->conf.watchdog, ret);
	if (a->scratch)
		return -ENOENT;
	if (wdinfo_choose(a, ret)) {
		char device[32];

		snprintf(device, sizeof(device), "/dev/%s", ret->name);
		fd = open_named(a, device, ret);
	}
	for (size_t i = 0; fd == -ENOENT && i < ARRAY_SIZE(first); i++)
		fd = open_named(a, first[i], ret);
	return fd;
}

/*
 * The nearest that the device takes: drivers answer EINVAL to more than the hardware can
 * (bcm2835_wdt before 6.8 to more than 15 s), and to less than it can.  Those that cannot
 * be set at all (EOPNOTSUPP) keep their own.
 */
static void set_timeout(int fd, unsigned wanted, const struct wdinfo *info)
{
	const unsigned nearest[] = {wanted, info->max_timeout, 120, 60, 30, 15, 10,
				    5,	    info->min_timeout};

	for (size_t i = 0; i < ARRAY_SIZE(nearest); i++) {
		int seconds = (int)nearest[i];

		/* The last is for a wish below what the hardware can. */
		if (seconds == 0 ||
		    (nearest[i] > wanted && nearest[i] != info->min_timeout))
			continue;
		if (ioctl(fd, WDIOC_SETTIMEOUT, &seconds) == 0)
			return;
		if (errno != EINVAL) {
			log_warn("watchdog timeout=%d error=\"%s\"", seconds,
				 strerror(errno));
			return;
		}
	}
}

static unsigned get_timeout(int fd)
{
	int seconds = 0;

	return ioctl(fd, WDIOC_GETTIMEOUT, &seconds) < 0 || seconds < 0
		       ? 0
		       : (unsigned)seconds;
}

/* --- from hand to hand ---------------------------------------------------------- */

static void read_watched(const char *dir, int64_t *ret_since, int64_t *ret_gap)
{
	_free_ char *path = NULL, *line = NULL;

	*ret_since = *ret_gap = 0;
	if (asprintf(&path, "%s/" WATCHED, dir) < 0) {
		path = NULL;
		return;
	}
	if (fs_read_line(AT_FDCWD, path, &line) == 0 &&
	    sscanf(line, "%" SCNd64 " %" SCNd64, ret_since, ret_gap) != 2)
		*ret_since = *ret_gap = 0;
}

/* Not durable on purpose: /run ends with the boot, and so does what this says.  Always as
 * long, and written at once: who reads it finds the old line or the new one. */
void watchdog_note(const struct watchdog *w)
{
	_free_ char *path = NULL;
	_close_ int fd = -1;
	char line[64];
	int n;

	if (fs_mkdirs(AT_FDCWD, w->watched_dir) < 0 ||
	    asprintf(&path, "%s/" WATCHED, w->watched_dir) < 0) {
		path = NULL;
		return;
	}
	fd = fs_open_beneath(AT_FDCWD, path, O_WRONLY | O_CREAT, 0644);
	n = snprintf(line, sizeof(line), "%20" PRId64 " %20" PRId64 "\n", clock_now_ms(),
		     w->gap_ms);
	if (fd < 0 || fs_write_all(fd, line, (size_t)n) < 0)
		log_warn("watchdog error=\"%s cannot be written\"", path);
}

/* It was stopped: nothing runs that the next one would have to take over. */
static void drop_watched(const struct watchdog *w)
{
	_close_ int fd = fs_open_dir(AT_FDCWD, w->watched_dir);

	if (fd >= 0 && unlinkat(fd, WATCHED, 0) < 0 && errno != ENOENT)
		log_warn("watchdog error=\"%s/" WATCHED ": %s\"", w->watched_dir,
			 strerror(errno));
}

static void measure_gap(struct watchdog *w)
{
	int64_t since, before, now = clock_now_ms();

	read_watched(w->watched_dir, &since, &before);
	if (since > 0 && since <= now)
		w->gap_ms = now - since;
	if (before > w->gap_ms)
		w->gap_ms = before;
}

static bool gap_is_wide(const struct watchdog *w)
{
	return w->seconds > 0 && w->gap_ms > (int64_t)w->seconds * 1000 * 2 / 3;
}

/* --- what is called ------------------------------------------------------------- */

static int start(const struct agent *a, struct watchdog *w, int fd)
{
	w->watched_dir = agent_path(a, WATCHED_DIR);
	if (!w->watched_dir)
		return -ENOMEM;
	measure_gap(w);
	w->wanted = a->conf.watchdog_s;
	if (w->wanted > 0)
		set_timeout(fd, w->wanted, &w->info);
	w->seconds = get_timeout(fd);
	w->fd = fd;
	watchdog_pet(w);
	return 0;
}

int watchdog_open(const struct agent *a, struct watchdog **ret)
{
	struct wdinfo info = {0};
	_close_ int fd = open_device(a, &info);
	struct watchdog *w;
	int rc;

	if (fd < 0)
		return fd;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->info = info;
	rc = start(a, w, fd);
	if (rc < 0) {
		free(w);
		return rc;
	}
	TAKE_FD(fd);
	log_info("watchdog event=started identity=\"%s\" timeout=%u wanted=%u "
		 "gap_ms=%" PRId64,
		 w->info.identity, w->seconds, w->wanted, w->gap_ms);
	if (gap_is_wide(w))
		log_warn("watchdog event=gap timeout=%u gap_ms=%" PRId64
			 " text=\"most of its time had passed before the next one took "
			 "over: raise watchdog.timeout, or see what starts late\"",
			 w->seconds, w->gap_ms);
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

int watchdog_pet_ms(const struct watchdog *w)
{
	int64_t third = (int64_t)watchdog_seconds(w) * 1000 / 3;

	return third > 0 && third < PET_MAX_MS ? (int)third : PET_MAX_MS;
}

unsigned watchdog_seconds(const struct watchdog *w)
{
	return w ? w->seconds : 0;
}

int64_t watchdog_gap_ms(const struct watchdog *w)
{
	return w ? w->gap_ms : 0;
}

static void describe_running(const struct watchdog *w, char text[256])
{
	char less[48] = "", late[80] = "";

	if (w->wanted > 0 && w->wanted != w->seconds)
		snprintf(less, sizeof(less), " (it does not take %u s)", w->wanted);
	if (gap_is_wide(w))
		snprintf(late, sizeof(late),
			 "; %" PRId64 " s passed until it was petted: raise its time-out",
			 w->gap_ms / 1000);
	snprintf(text, 256, "%s, %u s%s%s%s",
		 *w->info.identity ? w->info.identity : "watchdog", w->seconds, less,
		 w->info.nowayout ? ", cannot be stopped" : "", late);
}

void watchdog_describe(const struct agent *a, const struct watchdog *w, int rc,
		       char text[256])
{
	char setting[WDINFO_SETTING] = "";

	if (w) {
		describe_running(w, text);
		return;
	}
	if (rc == -EBUSY)
		wdinfo_systemd(a, setting);
	if (rc == -EBUSY && *setting)
		snprintf(text, 256,
			 "petted by systemd (%s): a kernel that hangs is ended by it, a "
			 "user space that hangs by the deadline",
			 setting);
	else if (rc == -EINPROGRESS)
		snprintf(text, 256,
			 "petted by what the early step left, which does not let go of "
			 "it yet");
	else if (rc == -EBUSY)
		snprintf(text, 256,
			 "held by another program: a user space that hangs is ended by "
			 "the deadline only");
	else if (rc == -ENOENT && strcmp(a->conf.watchdog, "none") == 0)
		snprintf(text, 256,
			 "none (watchdog.device = none): a kernel that hangs "
			 "stays so until somebody resets the board");
	else
		snprintf(text, 256,
			 "none (%s): a kernel that hangs stays so until somebody resets "
			 "the board",
			 strerror(-rc));
}

bool watchdog_is_awaited(const struct agent *a)
{
	return a->boot.cmdline && strstr(a->boot.cmdline, "watchdog.open_timeout=");
}

bool watchdog_was_left(const struct agent *a)
{
	_free_ char *dir = agent_path(a, WATCHED_DIR);
	int64_t since = 0, gap;

	if (dir)
		read_watched(dir, &since, &gap);
	return since > 0 && since <= clock_now_ms();
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
	else
		drop_watched(*w);
	watchdog_forget(w);
	log_info("watchdog event=stopped");
	return true;
}

void watchdog_leave(struct watchdog **w)
{
	if (!*w)
		return;
	/* Closing it without a 'V' is a last pet: watchdog_release() of the kernel. */
	watchdog_note(*w);
	watchdog_forget(w);
}

int watchdog_fd(const struct watchdog *w)
{
	return w->fd;
}

void watchdog_forget(struct watchdog **w)
{
	close((*w)->fd);
	free((*w)->watched_dir);
	free(TAKE_PTR(*w));
}
