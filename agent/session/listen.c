/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets.  systemd's socket activation and readiness protocols are a few lines each
 * (sd_listen_fds(3), sd_notify(3)), so the agent links nothing for them.
 */
#include "agent/session/listen.h"

#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"

#define SD_FIRST_FD 3
#define BACKLOG	    64

static int make_address(const char *path, struct sockaddr_un *ret, struct kf_error *err)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(ret->sun_path))
		return kf_err(err, -ENAMETOOLONG, KF_REASON_CONFIG,
			      "the socket's path %s is longer than %zu bytes: use "
			      "--socket with a shorter one",
			      path, sizeof(ret->sun_path) - 1);
	memcpy(ret->sun_path, path, strlen(path) + 1);
	return 0;
}

static int new_socket(struct kf_error *err)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? kf_err(err, -errno, KF_REASON_IO, "make a socket: %m") : fd;
}

int listen_connect(const char *path, int *ret_fd, struct kf_error *err)
{
	struct sockaddr_un addr;
	_close_ int fd = -1;
	int r = make_address(path, &addr, err);

	if (r < 0)
		return r;
	fd = new_socket(err);
	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
		*ret_fd = TAKE_FD(fd);
		return 0;
	}
	r = -errno;
	if (r == -EACCES || r == -EPERM)
		return kf_err(err, r, KF_REASON_PERMISSION,
			      "no permission to connect to kferryd at %s: add this user "
			      "to the group " SOCKET_GROUP " (usermod -aG " SOCKET_GROUP
			      " USER) and log in again",
			      path);
	if (r == -ENOENT || r == -ECONNREFUSED)
		return kf_err(err, r, KF_REASON_NO_AGENT,
			      "kferryd is not running: nobody listens at %s (start it: "
			      "systemctl start kferryd, or "
			      "/etc/init.d/kferryd start)",
			      path);
	return kf_err(err, r, KF_REASON_NO_AGENT, "connect to kferryd at %s: %m", path);
}

/* --- systemd -------------------------------------------------------------------- */

static bool is_listening_socket(int fd)
{
	struct sockaddr_storage addr;
	socklen_t n = sizeof(addr);
	int listening = 0;
	socklen_t size = sizeof(listening);

	return getsockname(fd, (struct sockaddr *)&addr, &n) == 0 &&
	       addr.ss_family == AF_UNIX &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 &&
	       listening;
}

/* The socket that systemd passed, -ENOENT if it passed none. */
static int from_systemd(struct kf_error *err)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	int r;

	if (!pid || !n || strtol(pid, NULL, 10) != (long)getpid())
		return -ENOENT;
	if (strcmp(n, "1") != 0 || !is_listening_socket(SD_FIRST_FD))
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "systemd passed something else than one listening unix "
			      "socket: check kferryd.socket");
	r = fs_set_cloexec(SD_FIRST_FD, true);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "set up systemd's socket: %m");
	/* Programs that are run from here must not take it for theirs. */
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return SD_FIRST_FD;
}

void listen_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	_close_ int fd = -1;
	size_t n = path ? strlen(path) : 0;

	if (n < 2 || n >= sizeof(addr.sun_path) || (*path != '/' && *path != '@'))
		return;
	memcpy(addr.sun_path, path, n);
	if (*path == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&addr,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		log_warn("notify-failed error=\"%s\"", strerror(errno));
}

/* --- a socket of our own -------------------------------------------------------- */

/* A socket file left by an agent that died is in the way of bind(2). */
static int remove_stale(const char *path, struct kf_error *err)
{
	struct kf_error no_matter = {0};
	_close_ int fd = -1;
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return kf_err(err, -EEXIST, KF_REASON_CONFIG,
			      "%s is there and is no socket: remove it", path);
	if (listen_connect(path, &fd, &no_matter) == 0)
		return kf_err(err, -EADDRINUSE, KF_REASON_EXISTS,
			      "another kferryd listens at %s", path);
	if (unlink(path) < 0)
		return kf_err(err, -errno, KF_REASON_IO, "remove the stale %s: %m", path);
	return 0;
}

/* The gid of `kferry` in the board's /etc/group; a static binary has no name service. */
static int find_group(const struct agent *a, gid_t *ret)
{
	_buf_ struct buf b = BUF_INIT;
	const char *p;

	if (agent_read_file(a, "/etc/group", 1 << 20, &b) < 0)
		return -ENOENT;
	for (p = buf_str(&b); p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (strncmp(p, SOCKET_GROUP ":", sizeof(SOCKET_GROUP)) != 0)
			continue;
		p = strchr(p + sizeof(SOCKET_GROUP), ':');
		if (!p)
			return -ENOENT;
		*ret = (gid_t)strtoul(p + 1, NULL, 10);
		return 0;
	}
	return -ENOENT;
}

/* Nobody may connect before the owner is set, so the mode comes last. */
static int set_access(const struct agent *a, const char *path, struct kf_error *err)
{
	gid_t gid;

	if (find_group(a, &gid) < 0)
		log_warn("no-group name=" SOCKET_GROUP
			 " text=\"only root can use the socket\"");
	else if (geteuid() == 0 && chown(path, 0, gid) < 0)
		return kf_err(err, -errno, KF_REASON_IO, "give %s to the group %s: %m",
			      path, SOCKET_GROUP);
	if (chmod(path, 0660) < 0)
		return kf_err(err, -errno, KF_REASON_IO, "set the mode of %s: %m", path);
	return 0;
}

static int make_parent(const char *path, struct kf_error *err)
{
	_free_ char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return kf_err(err, -errno, KF_REASON_IO, "make the directory %s: %m",
			      dir);
	return 0;
}

static int make_own(const struct agent *a, const char *path, int *ret_fd,
		    struct kf_error *err)
{
	struct sockaddr_un addr;
	_close_ int fd = -1;
	mode_t mask;
	int r = make_address(path, &addr, err);

	if (r == 0)
		r = make_parent(path, err);
	if (r == 0)
		r = remove_stale(path, err);
	if (r < 0)
		return r;
	fd = new_socket(err);
	if (fd < 0)
		return fd;
	mask = umask(0177);
	r = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
	umask(mask);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "make the socket %s: %m", path);
	r = set_access(a, path, err);
	if (r < 0)
		return r;
	if (listen(fd, BACKLOG) < 0)
		return kf_err(err, -errno, KF_REASON_IO, "listen at %s: %m", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int listen_open(const struct agent *a, const char *path, int *ret_fd, bool *ret_own,
		struct kf_error *err)
{
	int fd = from_systemd(err);

	*ret_own = fd == -ENOENT;
	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	return fd == -ENOENT ? make_own(a, path, ret_fd, err) : fd;
}
