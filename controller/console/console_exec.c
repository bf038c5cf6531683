// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program whose terminal the console is: `virsh console` and the like want one.  It is
 * a pseudo terminal of its own, raw, and the program its session's leader.  Its stderr is
 * no part of the console; the last words there are told when it ends.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "controller/console/console_impl.h"
#include "proto/reason.h"

#define LAST_WORDS   2048
#define LAST_MOMENTS 500 /* ms in which a program ends after its terminal has */
#define STDERR_MAX   (1 << 20)

struct exec {
	pid_t pid; /* 0: ended and reaped */
	int status;
	int err_fd;
	const char *name; /* the specification's */
};

extern char **environ;

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

/* The leader of a session that opens a terminal gets it as its own. */
static int spawn(char *const argv[], const char *terminal, int err_fd, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETSID);
	rc = posix_spawn_file_actions_addopen(&actions, 0, terminal, O_RDWR, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&actions, 0, 1);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&actions, err_fd, 2);
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	if (rc == 0)
		rc = posix_spawnp(ret, argv[0], &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return -rc;
}

static void exec_free(struct exec *x)
{
	cleanup_close(&x->err_fd);
	free(x);
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
	x->err_fd = memfd_create("stderr", MFD_CLOEXEC);
	/* Appended to: else what follows a truncation stands behind a hole. */
	r = x->err_fd < 0 || fcntl(x->err_fd, F_SETFL, O_APPEND) < 0
		    ? -errno
		    : open_terminal(&master, &slave);
	if (r == 0)
		r = -ptsname_r(master, terminal, sizeof(terminal));
	if (r == 0)
		r = spawn(spec->argv, terminal, x->err_fd, &x->pid);
	if (r < 0) {
		exec_free(x);
		return kf_err(err, r, KF_REASON_EXEC,
			      "start the console's program %s: %m", spec->argv[0]);
	}
	*ret = x;
	*ret_fd = TAKE_FD(master);
	return 0;
}

/* A program that complains without end is heard, and not kept. */
static int exec_text(void *impl, const void *raw, size_t n, struct buf *out)
{
	struct exec *x = impl;

	if (lseek(x->err_fd, 0, SEEK_END) > STDERR_MAX && ftruncate(x->err_fd, 0) < 0)
		return -errno;
	return buf_append(out, raw, n);
}

/* Reap it if it ends within ms. */
static bool wait_end(struct exec *x, int ms)
{
	deadline_ms end = deadline_in(ms);

	while (x->pid) {
		pid_t pid = waitpid(x->pid, &x->status, WNOHANG);

		if (pid == x->pid || (pid < 0 && errno == ECHILD)) {
			x->pid = 0;
			break;
		}
		if (!deadline_left(end))
			return false;
		poll(NULL, 0, 10);
	}
	return true;
}

/* The last line of what it said. */
static void last_words(const struct exec *x, char *line, size_t size)
{
	char words[LAST_WORDS + 1];
	off_t end = lseek(x->err_fd, 0, SEEK_END);
	ssize_t n = pread(x->err_fd, words, LAST_WORDS,
			  end > LAST_WORDS ? end - LAST_WORDS : 0);
	const char *s = words;

	*line = '\0';
	while (n > 0 && strchr("\r\n ", words[n - 1]))
		n--;
	if (n <= 0)
		return;
	words[n] = '\0';
	for (ssize_t i = 0; i < n; i++) {
		if (words[i] == '\n' || words[i] == '\r')
			s = words + i + 1;
	}
	snprintf(line, size, ": %.*s", (int)size - 3, s);
}

static int exec_failure(void *impl, struct kf_error *err)
{
	struct exec *x = impl;
	char line[300];

	if (!wait_end(x, LAST_MOMENTS)) {
		last_words(x, line, sizeof(line));
		return kf_err(err, -ECONNRESET, KF_REASON_CONNECTION,
			      "%s closed its terminal%s", x->name, line);
	}
	last_words(x, line, sizeof(line));
	if (WIFEXITED(x->status) && WEXITSTATUS(x->status) == 0)
		return 0;
	return kf_err(err, -ECONNRESET, KF_REASON_CONNECTION,
		      "%s ended with exit status %d%s", x->name,
		      WIFEXITED(x->status) ? WEXITSTATUS(x->status)
					   : 128 + WTERMSIG(x->status),
		      line);
}

static void exec_close(void *impl, int fd)
{
	static const int signals[] = {SIGHUP, SIGTERM, SIGKILL};
	struct exec *x = impl;

	(void)fd;
	for (size_t i = 0; i < ARRAY_SIZE(signals) && x->pid; i++) {
		kill(-x->pid, signals[i]);
		wait_end(x, i == 0 ? LAST_MOMENTS : 2000);
	}
	exec_free(x);
}

const struct console_ops console_exec = {
	.open = exec_open,
	.text = exec_text,
	.failure = exec_failure,
	.close = exec_close,
};
