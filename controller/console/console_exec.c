// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program whose terminal the console is: `virsh console` and the like want one.  It is
 * a pseudo terminal of its own, raw, and the program its session's leader.  Its stderr is
 * no part of the console; the last words there are told when it ends.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "controller/child.h"
#include "controller/console/console_impl.h"
#include "proto/reason.h"

struct exec {
	struct child child;
	const char *name; /* the specification's */
};

/* Its far side is raw before the program begins, so that no byte is changed or echoed. */
static int open_terminal(int *ret_master, int *ret_slave)
{
	static const struct winsize size = {.ws_row = 24, .ws_col = 80};
	_close_ int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	_close_ int slave = -1;
	struct termios t;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		return -errno;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || tcgetattr(slave, &t) < 0)
		return -errno;
	cfmakeraw(&t);
	if (tcsetattr(slave, TCSANOW, &t) < 0 || ioctl(slave, TIOCSWINSZ, &size) < 0)
		return -errno;
	*ret_master = TAKE_FD(master);
	*ret_slave = TAKE_FD(slave);
	return 0;
}

static int exec_open(const struct console_spec *spec, deadline_ms deadline, int stop_fd,
		     void **ret, int *ret_fd, struct kf_error *err)
{
	struct exec *x = calloc(1, sizeof(*x));
	_close_ int master = -1, slave = -1;
	char terminal[64];
	int r;

	(void)deadline; /* starting a program does not wait */
	(void)stop_fd;
	if (!x)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	x->name = spec->argv[0];
	r = open_terminal(&master, &slave);
	if (r == 0)
		r = -ptsname_r(master, terminal, sizeof(terminal));
	if (r == 0)
		r = child_start(spec->argv, -1, terminal, &x->child);
	if (r < 0) {
		free(x);
		return kf_err(err, r, KF_REASON_EXEC,
			      "start the console's program %s: %m", spec->argv[0]);
	}
	*ret = x;
	*ret_fd = TAKE_FD(master);
	return 0;
}

static int exec_text(void *impl, const void *raw, size_t n, struct buf *out)
{
	struct exec *x = impl;
	int r = child_trim(&x->child);

	return r < 0 ? r : buf_append(out, raw, n);
}

static int exec_failure(void *impl, struct kf_error *err)
{
	struct exec *x = impl;
	bool ended = child_wait(&x->child, CHILD_LAST_MS);
	char line[300];

	if (ended && x->child.status == 0)
		return 0;
	child_last_words(&x->child, line, sizeof(line));
	if (!ended)
		return kf_err(err, -ECONNRESET, KF_REASON_CONNECTION,
			      "%s closed its terminal%s%s", x->name, *line ? ": " : "",
			      line);
	return kf_err(err, -ECONNRESET, KF_REASON_CONNECTION,
		      "%s ended with exit status %d%s%s", x->name, x->child.status,
		      *line ? ": " : "", line);
}

static void exec_close(void *impl, int fd)
{
	struct exec *x = impl;

	(void)fd;
	child_end(&x->child, SIGHUP);
	free(x);
}

const struct console_ops console_exec = {
	.open = exec_open,
	.text = exec_text,
	.failure = exec_failure,
	.close = exec_close,
};
