// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/console/console_lock.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "controller/session/session_place.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/digest.h"
#include "proto/reason.h"

#define HEX	16
#define WHO_MAX 300

/* What two specifications of the same console have in common: a device has several names,
 * and its speed is no part of it. */
static char *identity(const struct console_spec *s)
{
	_free_ char *real = NULL;
	char *joined;

	switch (s->kind) {
	case CONSOLE_SERIAL:
		real = realpath(s->place, NULL);
		return strf("serial:%s", real ? real : s->place);
	case CONSOLE_TCP:
		return strf("tcp:%s:%s", s->place, s->port);
	case CONSOLE_NETCONSOLE:
		return strf("netconsole:%s", s->port);
	case CONSOLE_EXEC:
		break;
	}
	joined = strdup("exec:");
	for (size_t i = 0; s->argv[i] && joined; i++) {
		char *more = strf("%s %zu:%s", joined, strlen(s->argv[i]), s->argv[i]);

		free(joined);
		joined = more;
	}
	return joined;
}

static int is_held(int fd, const char *name, struct kf_error *err)
{
	char who[WHO_MAX];
	ssize_t n = pread(fd, who, sizeof(who) - 1, 0);

	who[n > 0 ? n : 0] = '\0';
	return kf_err(err, -EBUSY, KF_REASON_BUSY, "%s is in use by %s", name,
		      n > 0 ? who : "another kferry");
}

static int take(int fd, const char *who)
{
	_free_ char *text = strf("%.200s (pid %d)", who, (int)getpid());

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	if (!text)
		return -ENOMEM;
	return ftruncate(fd, 0) < 0 ? -errno : fs_write_all(fd, text, strlen(text));
}

int console_lock(const struct console_spec *spec, const char *who, struct kf_error *err)
{
	_free_ char *id = identity(spec), *name = console_spec_describe(spec);
	_close_ int dir = -1, fd = -1;
	char file[3 + HEX], hex[DIGEST_HEX];
	struct digest d;
	int r;

	if (!id || !name)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	dir = session_place_open(true, err);
	if (dir < 0)
		return dir;
	digest_bytes(id, strlen(id), &d);
	digest_hex(&d, hex);
	snprintf(file, sizeof(file), "c-%.*s", HEX, hex);
	fd = fs_open_beneath(dir, file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "lock %s: %m", name);
	r = take(fd, who);
	if (r == -EWOULDBLOCK)
		return is_held(fd, name, err);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "lock %s: %m", name);
	return TAKE_FD(fd);
}
