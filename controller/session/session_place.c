// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sockets are bound and connected to by way of /proc/self/fd/N, since a socket's address
 * has no form that is relative to a descriptor.  The lock on the directory is held only
 * from the look whether somebody listens until listen(); nothing waits in there.
 */
#include "controller/session/session_place.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define BACKLOG	 16
#define LOCK_MS	 2000 /* it is held for a moment only */
#define HEX	 16
#define SUBDIR	 "kferry"
#define FALLBACK "/tmp/kferry-%u"

static char *place_path(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (runtime && runtime[0] == '/')
		return strf("%s/" SUBDIR, runtime);
	return strf(FALLBACK, (unsigned)geteuid());
}

static int check(int fd, const char *path, struct kf_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return kf_err(err, -errno, KF_REASON_IO, "%s: %m", path);
	if (st.st_uid != geteuid())
		return kf_err(err, -EPERM, KF_REASON_PERMISSION,
			      "%s belongs to uid %u, so that no session is kept there; "
			      "remove it, or set XDG_RUNTIME_DIR to a directory of yours",
			      path, (unsigned)st.st_uid);
	if (st.st_mode & 077)
		return kf_err(err, -EPERM, KF_REASON_PERMISSION,
			      "%s has mode %04o, so that others could get at a session: "
			      "chmod 0700 %s",
			      path, (unsigned)st.st_mode & 07777, path);
	return 0;
}

int session_place_open(bool create, struct kf_error *err)
{
	_free_ char *path = place_path();
	_close_ int fd = -1;
	int rc;

	if (!path)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "session: %m");
	if (create && mkdir(path, 0700) < 0 && errno != EEXIST)
		return kf_err(err, -errno, KF_REASON_IO, "%s: %m", path);
	/* lint: not through a link at the end: what is there is checked below */
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return kf_err(err, -errno,
			      errno == ENOENT ? KF_REASON_NOT_FOUND
					      : KF_REASON_PERMISSION,
			      "%s: %m", path);
	rc = check(fd, path, err);
	return rc < 0 ? rc : TAKE_FD(fd);
}

void session_place_name(const struct digest *target, char dst[static SESSION_NAME_SIZE])
{
	char hex[DIGEST_HEX];

	digest_hex(target, hex);
	snprintf(dst, SESSION_NAME_SIZE, "s-%.*s", HEX, hex);
}

bool session_place_is_name(const char *name)
{
	return !strncmp(name, "s-", 2) && strlen(name) == HEX + 2 &&
	       text_is_hex(name + 2, HEX, HEX / 2);
}

static int make_socket(int dir, const char *name, struct sockaddr_un *addr)
{
	int fd;

	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if ((size_t)snprintf(addr->sun_path, sizeof(addr->sun_path),
			     "/proc/self/fd/%d/%s", dir, name) >= sizeof(addr->sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

bool session_place_is_ours(int fd, pid_t *ret_pid)
{
	struct ucred who;
	socklen_t n = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0 || who.uid != geteuid())
		return false;
	if (ret_pid)
		*ret_pid = who.pid;
	return true;
}

int session_place_connect(int dir, const char *name, pid_t *ret_pid)
{
	struct sockaddr_un addr;
	_close_ int fd = make_socket(dir, name, &addr);

	if (fd < 0)
		return fd;
	/* EAGAIN: its queue is full, so it does not answer. */
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	if (!session_place_is_ours(fd, ret_pid))
		return -EPERM;
	return TAKE_FD(fd);
}

static int bind_new(int dir, const char *name)
{
	struct sockaddr_un addr;
	_close_ int fd = make_socket(dir, name, &addr);
	_close_ int other = session_place_connect(dir, name, NULL);

	if (fd < 0)
		return fd;
	if (other >= 0 || other == -EAGAIN)
		return -EADDRINUSE;
	if (other == -ECONNREFUSED)
		unlinkat(dir, name, 0);
	else if (other != -ENOENT)
		return other;
	/* The directory keeps everybody else out before this mode is set. */
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	if (fchmodat(dir, name, 0600, 0) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int session_place_listen(int dir, const char *name)
{
	int rc = fs_lock(dir, LOCK_EX, LOCK_MS);

	if (rc < 0)
		return rc;
	rc = bind_new(dir, name);
	flock(dir, LOCK_UN);
	return rc;
}

void session_place_remove(int dir, const char *name)
{
	_close_ int now = -1;
	pid_t pid = 0;

	if (fs_lock(dir, LOCK_EX, LOCK_MS) < 0)
		return;
	now = session_place_connect(dir, name, &pid);
	if (now >= 0 && pid == getpid())
		unlinkat(dir, name, 0);
	flock(dir, LOCK_UN);
}
