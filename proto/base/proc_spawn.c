/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fork and what surrounds it.  Everything that allocates or looks something up
 * happens before; the child only makes async-signal-safe calls, because the caller may
 * have other threads.
 */
#include "proto/base/proc_spawn.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "proto/base/fs.h"

#define FD_MAX (1 << 20) /* descriptors looked at where close_range() is missing */

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

/* What the child needs, ready before fork(). */
struct child {
	const char *path;
	const char *const *argv;
	char *const *envp;
	const char *cwd;
	int stdio[3]; /* -1: as is */
	int report;   /* write end of the exec pipe */
	int fd_max;
	bool group;
};

static void close_all(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cleanup_close(&fds[i]);
		fds[i] = -1;
	}
}

/* --- the child: async-signal-safe calls only ------------------------------------------
 */

static void child_close_others(const struct child *c)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
#endif
	for (int fd = 3; fd < c->fd_max; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void child_default_signals(void)
{
	const struct sigaction dfl = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int child_setup(const struct child *c)
{
	if (c->group && setpgid(0, 0) < 0)
		return errno;
	for (int i = 0; i < 3; i++) {
		/* The sources are all above 2, so none is overwritten before its turn. */
		if (c->stdio[i] >= 0 && dup2(c->stdio[i], i) < 0)
			return errno;
	}
	/* ENOENT is kept for the program itself. */
	if (c->cwd && chdir(c->cwd) < 0)
		return errno == ENOENT ? ENOTDIR : errno;
	child_close_others(c);
	child_default_signals();
	return 0;
}

static _Noreturn void child_main(const struct child *c)
{
	int e = child_setup(c);

	if (e == 0) {
		execve(c->path, (char *const *)c->argv, c->envp);
		e = errno;
	}
	while (write(c->report, &e, sizeof(e)) < 0 && errno == EINTR)
		continue;
	_exit(127);
}

/* --- before the fork ------------------------------------------------------------------
 */

/* Replace *fd by a duplicate above 2, so that the child's dup2() calls cannot collide. */
static int above_stdio(int *fd)
{
	int up;

	if (*fd > 2)
		return 0;
	up = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
	if (up < 0)
		return -errno;
	cleanup_close(fd);
	*fd = up;
	return 0;
}

static int make_pipe(int *ret_read, int *ret_write)
{
	int p[2], r;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	*ret_read = p[0];
	*ret_write = p[1];
	r = above_stdio(ret_write);
	if (r == 0)
		r = above_stdio(ret_read);
	return r;
}

/* Input goes through a memory file: nothing to feed, no SIGPIPE, no dead-lock. */
static int open_input(const struct proc_opts *o)
{
	_close_ int fd = -1;
	int r;

	if (o->input_fd > 0) {
		fd = fcntl(o->input_fd, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? -errno : TAKE_FD(fd);
	}
	if (o->input_len == 0)
		fd = fs_open_beneath(AT_FDCWD, "/dev/null", O_RDONLY, 0);
	else
		fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0)
		return o->input_len == 0 ? fd : -errno;
	r = fs_write_all(fd, o->input, o->input_len);
	if (r < 0)
		return r;
	if (o->input_len > 0 && lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	r = above_stdio(&fd);
	return r < 0 ? r : TAKE_FD(fd);
}

static int set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

/* The descriptors of both sides.  On an error the caller closes what was opened. */
static int open_stdio(struct proc_spawn *sp, struct child *c, const struct proc_opts *o)
{
	int r;

	r = make_pipe(&sp->fds[SPAWN_EXEC], &c->report);
	if (r == 0)
		r = set_nonblock(sp->fds[SPAWN_EXEC]);
	if (r < 0)
		return r;
	if (!o->inherit_stdio || o->input_fd > 0) {
		c->stdio[0] = open_input(o);
		if (c->stdio[0] < 0)
			return c->stdio[0];
	}
	if (o->inherit_stdio)
		return 0;
	r = make_pipe(&sp->fds[SPAWN_OUT], &c->stdio[1]);
	if (r == 0)
		r = set_nonblock(sp->fds[SPAWN_OUT]);
	if (r < 0)
		return r;
	/* One pipe for both keeps their order, where nobody asked which is which. */
	if (!o->err_out && !o->on_output) {
		c->stdio[2] = fcntl(c->stdio[1], F_DUPFD_CLOEXEC, 3);
		return c->stdio[2] < 0 ? -errno : 0;
	}
	r = make_pipe(&sp->fds[SPAWN_ERR], &c->stdio[2]);
	return r < 0 ? r : set_nonblock(sp->fds[SPAWN_ERR]);
}

static int fd_limit(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0 || lim.rlim_cur > FD_MAX)
		return FD_MAX;
	return (int)lim.rlim_cur;
}

static int open_pidfd(pid_t pid)
{
#ifdef SYS_pidfd_open
	const char *no = getenv("KF_NO_PIDFD");

	if (!no || strcmp(no, "1") != 0)
		return (int)syscall(SYS_pidfd_open, pid, 0);
#endif
	(void)pid;
	return -1;
}

static int fork_child(struct proc_spawn *sp, struct child *c)
{
	sigset_t all, before;
	int r = 0;

	/* No handler of ours may run in the child, where it would write to our pipes. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	sp->pid = fork();
	if (sp->pid == 0)
		child_main(c);
	if (sp->pid < 0)
		r = -errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0)
		return r;
	/* Both do it, so that the group is there for whoever comes first. */
	if (sp->group)
		setpgid(sp->pid, sp->pid);
	sp->fds[SPAWN_END] = open_pidfd(sp->pid);
	return 0;
}

static int ask_starter(struct proc_spawn *sp, struct child *c, const struct proc_opts *o)
{
	close_all(&sp->fds[SPAWN_EXEC], 1);
	return o->starter->start(o->starter_arg, c->argv, c->envp, c->cwd, c->stdio,
				 &sp->fds[SPAWN_END]);
}

int proc_spawn_start(struct proc_spawn *sp, const char *const argv[],
		     const struct proc_opts *o)
{
	struct child c = {.argv = argv, .cwd = o->cwd, .stdio = {-1, -1, -1}};
	_free_ char *path = NULL;
	_free_ char **envp = NULL;
	int r;

	for (int i = 0; i < N_SPAWN; i++)
		sp->fds[i] = -1;
	sp->group = !o->inherit_stdio;
	c.report = -1;
	c.fd_max = fd_limit();
	c.group = sp->group;
	r = proc_env_build(o, &envp);
	if (r < 0)
		return r;
	if (!o->starter) {
		r = proc_env_find(argv[0], envp, &path);
		if (r < 0)
			return r;
	}
	c.path = path;
	c.envp = envp;
	r = open_stdio(sp, &c, o);
	if (r == 0)
		r = o->starter ? ask_starter(sp, &c, o) : fork_child(sp, &c);
	close_all(c.stdio, 3);
	close_all(&c.report, 1);
	return r;
}

void proc_spawn_fini(struct proc_spawn *sp)
{
	close_all(sp->fds, N_SPAWN);
}
