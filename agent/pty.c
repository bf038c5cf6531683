/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between three streams and a pseudo terminal, by one poll loop.  Input is looked at
 * before output, so that an interrupt gets through a flood; it is not read while the
 * program does not take what it has.
 */
#include "agent/pty.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>

#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/pty.h"
#include "proto/reason.h"

#define PIECE	    (16 * 1024)
#define PTS_MAX	    128
#define PASSWD_MAX  (4u << 20)
#define REST_PIECES 64 /* of output behind the program's end */
#define HUNG_UP	    129

struct pty {
	int master, signals;
	pid_t pid;
	struct buf in;	  /* records */
	struct buf typed; /* for the program */
	bool hung_up;
	char piece[PIECE];
};

/* --- the program ---------------------------------------------------------------------
 */

/* The fields of this user's line in /etc/passwd; NULL: there is none.  Not getpwuid():
 * the agent is static. */
static char *find_user(char *fields[7])
{
	_buf_ struct buf b = BUF_INIT;
	char *text, *rest;

	if (fs_read_file(AT_FDCWD, "/etc/passwd", PASSWD_MAX, &b) < 0 || !buf_str(&b))
		return NULL;
	text = strdup(buf_str(&b));
	rest = text;
	for (char *line; rest && (line = strsep(&rest, "\n"));) {
		int n = 0;

		while (line && n < 7)
			fields[n++] = strsep(&line, ":");
		if (n == 7 && strtoul(fields[2], NULL, 10) == getuid() && *fields[2])
			return text;
	}
	free(text);
	return NULL;
}

static void set_user(char *fields[7], const char **shell)
{
	setenv("USER", fields[0], 1);
	setenv("LOGNAME", fields[0], 1);
	if (*fields[5])
		setenv("HOME", fields[5], 1);
	if (*fields[6])
		*shell = fields[6];
}

static void start_shell(void)
{
	char *fields[7];
	_free_ char *user = find_user(fields);
	_free_ char *name = NULL;
	const char *shell = "/bin/sh", *home, *slash;

	if (user)
		set_user(fields, &shell);
	setenv("SHELL", shell, 1);
	home = getenv("HOME");
	if (!home || chdir(home) < 0)
		(void)!chdir("/");
	slash = strrchr(shell, '/');
	/* A name that begins so makes it a login shell. */
	if (asprintf(&name, "-%s", slash ? slash + 1 : shell) < 0)
		name = NULL;
	execl(shell, name ? name : shell, (char *)NULL);
	fprintf(stderr, "kferryd: run %s: %s\r\n", shell, strerror(errno));
}

static void child(const struct pty_options *o, int slave)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* What is ignored stays so, and a shell cannot undo it for what it runs. */
	signal(SIGPIPE, SIG_DFL);
	if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
		_exit(126);
	for (int i = 0; i < 3; i++)
		if (dup2(slave, i) < 0)
			_exit(126);
	if (slave > 2)
		close(slave);
	setenv("TERM", o->term, 1);
	if (*o->argv) {
		execvp(o->argv[0], o->argv);
		fprintf(stderr, "kferryd: run %s: %s\r\n", o->argv[0], strerror(errno));
	} else {
		start_shell();
	}
	_exit(errno == ENOENT ? 127 : 126);
}

static void set_size(int master, unsigned rows, unsigned columns)
{
	const struct winsize size = {.ws_row = (unsigned short)rows,
				     .ws_col = (unsigned short)columns};

	ioctl(master, TIOCSWINSZ, &size);
}

static int start(struct pty *p, const struct pty_options *o)
{
	char name[PTS_MAX];
	_close_ int slave = -1;

	p->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (p->master < 0 || grantpt(p->master) < 0 || unlockpt(p->master) < 0 ||
	    ptsname_r(p->master, name, sizeof(name)) != 0)
		return -errno;
	slave = fs_open_beneath(AT_FDCWD, name, O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
	if (slave < 0)
		return slave;
	set_size(p->master, o->rows, o->columns);
	p->pid = fork();
	if (p->pid < 0)
		return -errno;
	if (p->pid == 0)
		child(o, slave);
	return 0;
}

/* --- the loop ------------------------------------------------------------------------
 */

/* Take the records that are whole; typed bytes only while there is room for them. */
static int take_records(struct pty *p)
{
	struct pty_record r;
	int rc = pty_next(&p->in, &r);

	while (rc == 0 && r.type != PTY_NOTHING && buf_len(&p->typed) <= LIMIT_PTY) {
		if (r.type == PTY_SIZE)
			set_size(p->master, r.rows, r.columns);
		else
			rc = buf_append(&p->typed, r.data, r.len);
		buf_consume(&p->in, r.used);
		if (rc == 0)
			rc = pty_next(&p->in, &r);
	}
	return rc;
}

static int read_input(struct pty *p)
{
	ssize_t n = read(STDIN_FILENO, p->piece, LIMIT_PTY);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	p->hung_up = n == 0;
	return buf_append(&p->in, p->piece, (size_t)n);
}

static int write_typed(struct pty *p)
{
	ssize_t n = write(p->master, buf_data(&p->typed), buf_len(&p->typed));

	if (n > 0)
		buf_consume(&p->typed, (size_t)n);
	/* EIO: nobody has it open; the program's end will tell. */
	return n < 0 && errno != EINTR && errno != EAGAIN && errno != EIO ? -errno : 0;
}

/* 1: there was something. */
static int pass_output(struct pty *p)
{
	ssize_t n = read(p->master, p->piece, sizeof(p->piece));
	int rc;

	if (n <= 0)
		return 0;
	rc = fs_write_all(STDOUT_FILENO, p->piece, (size_t)n);
	return rc < 0 ? rc : 1;
}

/* 1 and its status when the program ended. */
static int look(struct pty *p, int *ret_status)
{
	struct signalfd_siginfo si;
	int status;

	while (read(p->signals, &si, sizeof(si)) == (ssize_t)sizeof(si))
		if (si.ssi_signo != SIGCHLD)
			p->hung_up = true;
	if (waitpid(p->pid, &status, WNOHANG) != p->pid)
		return 0;
	*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	for (int i = 0; i < REST_PIECES && pass_output(p) > 0; i++)
		;
	return 1;
}

static int relay(struct pty *p, int *ret_status)
{
	/* Nobody has the terminal open, and all is read: poll() would return at once. */
	bool gone = false;

	for (;;) {
		bool room = buf_len(&p->typed) <= LIMIT_PTY;
		struct pollfd f[3] = {
			{.fd = room ? STDIN_FILENO : -1, .events = POLLIN},
			{.fd = gone ? -1 : p->master, .events = POLLIN},
			{.fd = p->signals, .events = POLLIN},
		};
		int rc;

		if (buf_len(&p->typed))
			f[1].events |= POLLOUT;
		if (poll(f, 3, -1) < 0 && errno != EINTR)
			return -errno;
		rc = f[0].revents ? read_input(p) : 0;
		if (rc == 0)
			rc = take_records(p);
		if (rc == 0 && buf_len(&p->typed))
			rc = write_typed(p);
		if (rc == 0 && f[1].revents)
			rc = pass_output(p);
		gone = gone || (f[1].revents & (POLLIN | POLLHUP)) == POLLHUP;
		if (rc < 0)
			return rc;
		if (look(p, ret_status))
			return 0;
		if (p->hung_up) {
			*ret_status = HUNG_UP;
			return 0;
		}
	}
}

int pty_run(const struct pty_options *o, struct kf_error *err)
{
	_free_ struct pty *p = calloc(1, sizeof(*p));
	int status = 1, rc;
	sigset_t set;

	if (!p)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	p->in.max = 4 * LIMIT_PTY;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p->signals < 0)
		return kf_err(err, -errno, KF_REASON_IO, "watch for signals: %m");
	rc = start(p, o);
	if (rc < 0)
		rc = kf_err(err, rc, KF_REASON_IO, "open a terminal: %m");
	else
		rc = relay(p, &status);
	if (rc < 0 && !err->code)
		kf_err(err, rc, KF_REASON_IO, "the terminal's streams: %m");
	/* The kernel tells the session, as when a modem hangs up. */
	close(p->master);
	close(p->signals);
	buf_fini(&p->in);
	buf_fini(&p->typed);
	return rc < 0 ? rc : status;
}
