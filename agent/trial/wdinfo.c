/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One file of sysfs for each fact: Documentation/ABI/testing/sysfs-class-watchdog. */
#include "agent/trial/wdinfo.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <string.h>

#include "proto/base/fs.h"

#define CONF_MAX (64 * 1024)

static char *attribute(const struct agent *a, const char *name, const char *attr)
{
	_free_ char *path = NULL;
	char *line = NULL;

	if (asprintf(&path, "%s/sys/class/watchdog/%s/%s", a->root, name, attr) < 0) {
		path = NULL;
		return NULL;
	}
	return fs_read_line(AT_FDCWD, path, &line) < 0 ? NULL : line;
}

static unsigned number(const struct agent *a, const char *name, const char *attr)
{
	_free_ char *line = attribute(a, name, attr);

	return line ? (unsigned)strtoul(line, NULL, 0) : 0;
}

bool wdinfo_read(const struct agent *a, const char *name, struct wdinfo *ret)
{
	_free_ char *identity = attribute(a, name, "identity");
	_free_ char *state = attribute(a, name, "state");
	struct wdinfo i = {0};

	if (!identity && !state)
		return false;
	snprintf(i.name, sizeof(i.name), "%s", name);
	snprintf(i.identity, sizeof(i.identity), "%s", identity ? identity : "");
	i.timeout = number(a, name, "timeout");
	i.min_timeout = number(a, name, "min_timeout");
	i.max_timeout = number(a, name, "max_timeout");
	i.nowayout = number(a, name, "nowayout") != 0;
	i.reset_us = number(a, name, "bootstatus") & WDIOF_CARDRESET;
	i.active = state && strcmp(state, "active") == 0;
	i.software = strcmp(i.identity, "Software Watchdog") == 0;
	*ret = i;
	return true;
}

bool wdinfo_choose(const struct agent *a, struct wdinfo *ret)
{
	bool found = false;

	for (unsigned n = 0; n < WDINFO_DEVICES; n++) {
		char name[16];
		struct wdinfo i;

		snprintf(name, sizeof(name), "watchdog%u", n);
		if (!wdinfo_read(a, name, &i) || (found && i.software))
			continue;
		if (!found || ret->software)
			*ret = i;
		found = true;
	}
	return found;
}

/* --- systemd -------------------------------------------------------------------- */

/* The last line that sets it; the value without what is around it. */
static bool setting(const char *text, char ret[32])
{
	static const char key[] = "RuntimeWatchdogSec=";
	bool found = false;

	for (const char *p = text; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t n;

		if (strncmp(p, key, sizeof(key) - 1) != 0)
			continue;
		p += sizeof(key) - 1;
		n = strcspn(p, " \t\r\n");
		snprintf(ret, 32, "%.*s", (int)(n < 31 ? n : 31), p);
		found = true;
	}
	return found;
}

static bool is_off(const char *value)
{
	static const char *const off[] = {"", "0", "0s", "off", "infinity"};

	for (size_t i = 0; i < ARRAY_SIZE(off); i++)
		if (strcmp(value, off[i]) == 0)
			return true;
	return false;
}

static void look_into(const struct agent *a, const char *path, char ret[WDINFO_SETTING])
{
	_free_ char *full = agent_path(a, path);
	_buf_ struct buf text = BUF_INIT;
	char value[32];

	if (!full || fs_read_file(AT_FDCWD, full, CONF_MAX, &text) < 0 ||
	    !setting(buf_str(&text), value))
		return;
	ret[0] = '\0';
	if (!is_off(value))
		snprintf(ret, WDINFO_SETTING, "RuntimeWatchdogSec=%s in %s", value, path);
}

static void look_into_all(const struct agent *a, const char *dir,
			  char ret[WDINFO_SETTING])
{
	_free_ char *full = agent_path(a, dir);
	_closedir_ DIR *d = full ? opendir(full) : NULL;
	struct dirent *e;

	while (d && (e = readdir(d))) {
		_free_ char *path = NULL;

		if (e->d_name[0] == '.')
			continue;
		if (asprintf(&path, "%s/%s", dir, e->d_name) < 0) {
			path = NULL;
			return;
		}
		look_into(a, path, ret);
	}
}

void wdinfo_systemd(const struct agent *a, char ret[WDINFO_SETTING])
{
	static const char *const dirs[] = {"/usr/lib/systemd/system.conf.d",
					   "/run/systemd/system.conf.d",
					   "/etc/systemd/system.conf.d"};

	/* In systemd's own order, except that it sorts by name within a directory. */
	ret[0] = '\0';
	look_into(a, "/usr/lib/systemd/system.conf", ret);
	look_into(a, "/etc/systemd/system.conf", ret);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		look_into_all(a, dirs[i], ret);
}
