/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console of a virtual board on this terminal.  What the guest writes goes to the
 * terminal as it is: a console is where escape sequences belong.
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>

#include "controller/cancel.h"
#include "controller/vm/vm.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define ESCAPE 0x1d /* Ctrl-] */

static int console_connect(const struct vm *vm)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/serial.sock",
		 vm->fd);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* 1: go on, 0: an end was reached, negative: error. */
static int pass(int from, int to, bool watch_escape)
{
	char data[4096];
	ssize_t n = read(from, data, sizeof(data));
	char *escape;
	int rc;

	if (n <= 0)
		return n < 0 && errno == EINTR ? 1 : n < 0 ? -errno : 0;
	escape = watch_escape ? memchr(data, ESCAPE, (size_t)n) : NULL;
	rc = fs_write_all(to, data, escape ? (size_t)(escape - data) : (size_t)n);
	return rc < 0 ? rc : !escape;
}

static int relay(int fd)
{
	bool input = true;

	for (;;) {
		struct pollfd p[3] = {{.fd = input ? STDIN_FILENO : -1, .events = POLLIN},
				      {.fd = fd, .events = POLLIN},
				      {.fd = cancel_fd(), .events = POLLIN}};
		int rc = 1;

		if (poll(p, 3, -1) < 0 && errno != EINTR)
			return -errno;
		if (p[2].revents)
			return -ECANCELED;
		if (p[1].revents) {
			rc = pass(fd, STDOUT_FILENO, false);
			if (rc <= 0)
				return rc;
		}
		if (p[0].revents) {
			rc = pass(STDIN_FILENO, fd, isatty(STDIN_FILENO));
			if (rc < 0)
				return rc;
			if (rc == 0 && isatty(STDIN_FILENO))
				return 0;
			input = rc > 0;
		}
	}
}

int vm_console(struct ui *ui, const struct vm *vm, struct kf_error *err)
{
	_close_ int fd = console_connect(vm);
	struct termios saved, raw;
	bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &saved) == 0;
	int rc;

	if (fd < 0)
		return kf_err(
			err, fd, KF_REASON_UNREACHABLE,
			"connect to the console of %s: %s; `kferry vm up %s` starts it",
			vm->name, strerror(-fd), vm->name);
	ui_note(ui, "console of %s; Ctrl-] leaves it", vm->name);
	if (terminal) {
		raw = saved;
		cfmakeraw(&raw);
		tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	}
	rc = relay(fd);
	if (terminal)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	if (rc < 0 && rc != -ECANCELED)
		return kf_err(err, rc, KF_REASON_CONNECTION, "console of %s: %s",
			      vm->name, strerror(-rc));
	return 0;
}
