// SPDX-License-Identifier: GPL-2.0-or-later
#include "agent/tracing/guard.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

/* Whoever reads the streams of this command must see their end when it ends. */
static void drop_streams(void)
{
	/* lint: a constant path */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; null >= 0 && i < 3; i++)
		dup2(null, i);
	if (null > 2)
		close(null);
}

static void watch(int fd, void (*undo)(void *arg), void *arg)
{
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};
	char byte;
	ssize_t n;

	setsid();
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	drop_streams();
	do
		n = read(fd, &byte, sizeof(byte));
	while (n > 0 || (n < 0 && errno == EINTR));
	undo(arg);
}

int guard_start(struct guard *g, void (*undo)(void *arg), void *arg)
{
	int p[2];
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		close(p[0]);
		close(p[1]);
		return r;
	}
	if (pid == 0) {
		close(p[1]);
		watch(p[0], undo, arg);
		_exit(0);
	}
	/* Out of the group from here on, however late it runs. */
	(void)!setpgid(pid, pid);
	close(p[0]);
	*g = (struct guard){pid, p[1]};
	return 0;
}

void guard_end(struct guard *g)
{
	if (!g->pid)
		return;
	close(g->fd);
	while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*g = (struct guard){0, -1};
}
