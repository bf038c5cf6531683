// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "controller/strf.h"
#include "proto/base/clock.h"

#define LAST_WORDS 2048
#define STDERR_MAX (1 << 20)
#define END_MS	   2000 /* for a signal */

extern char **environ;

static int add_stdio(posix_spawn_file_actions_t *actions, int stream,
		     const char *terminal, int err_fd)
{
	/* The leader of a session that opens a terminal gets it as its own. */
	int rc = terminal ? posix_spawn_file_actions_addopen(actions, 0, terminal, O_RDWR,
							     0)
			  : posix_spawn_file_actions_adddup2(actions, stream, 0);

	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(actions, 0, 1);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(actions, err_fd, 2);
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(actions, 3);
	return rc;
}

static int spawn(char *const argv[], int stream, const char *terminal, struct child *c)
{
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	if (c->leads)
		flags |= POSIX_SPAWN_SETSID;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, flags);
	rc = add_stdio(&actions, stream, terminal, c->err_fd);
	if (rc == 0)
		rc = posix_spawnp(&c->pid, argv[0], &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return -rc;
}

int child_start(char *const argv[], int stream, const char *terminal, struct child *ret)
{
	struct child c = {.leads = terminal != NULL};
	int r = 0;

	c.err_fd = memfd_create("stderr", MFD_CLOEXEC);
	/* Appended to: else what follows a truncation stands behind a hole. */
	if (c.err_fd < 0 || fcntl(c.err_fd, F_SETFL, O_APPEND) < 0)
		r = -errno;
	if (r == 0)
		r = spawn(argv, stream, terminal, &c);
	if (r < 0) {
		cleanup_close(&c.err_fd);
		return r;
	}
	*ret = c;
	return 0;
}

bool child_wait(struct child *c, int ms)
{
	deadline_ms end = deadline_in(ms);

	while (c->pid) {
		int status = 0;
		pid_t pid = waitpid(c->pid, &status, WNOHANG);

		if (pid == c->pid || (pid < 0 && errno == ECHILD)) {
			c->status = WIFEXITED(status) ? WEXITSTATUS(status)
						      : 128 + WTERMSIG(status);
			c->pid = 0;
			break;
		}
		if (!deadline_left(end))
			return false;
		poll(NULL, 0, 10);
	}
	return true;
}

void child_last_words(const struct child *c, char *line, size_t size)
{
	char words[LAST_WORDS];
	off_t end = lseek(c->err_fd, 0, SEEK_END);
	ssize_t n = pread(c->err_fd, words, sizeof(words),
			  end > LAST_WORDS ? end - LAST_WORDS : 0);

	strf_last_line(words, n > 0 ? (size_t)n : 0, line, size);
}

int child_trim(struct child *c)
{
	bool much = lseek(c->err_fd, 0, SEEK_END) > STDERR_MAX;

	return much && ftruncate(c->err_fd, 0) < 0 ? -errno : 0;
}

void child_end(struct child *c, int first)
{
	const int signals[] = {first, SIGTERM, SIGKILL};

	for (size_t i = 0; i < ARRAY_SIZE(signals) && c->pid; i++) {
		if (signals[i])
			kill(c->leads ? -c->pid : c->pid, signals[i]);
		child_wait(c, i == 0 ? CHILD_LAST_MS : END_MS);
	}
	cleanup_close(&c->err_fd);
	c->err_fd = -1;
}
