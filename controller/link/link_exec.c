// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The exec link: a program whose stdin and stdout are the stream.  Its stderr goes to a
 * memory file, where a program that talks a lot cannot block, and where the last words
 * are found when it ends.  It stays in our process group, so that an ssh that asks for a
 * passphrase may read from the terminal.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "controller/link/link_impl.h"
#include "proto/reason.h"

#define LAST_WORDS   2048
#define LAST_MOMENTS 500 /* ms in which a program ends after its stream has */

struct link_exec {
	pid_t pid; /* 0: ended and reaped */
	int status;
	int err_fd;
	char *name;
};

extern char **environ;

int link_spawn(char *const argv[], int err_fd, int *ret_pid, int *ret_fd)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int pair[2], rc;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawn_file_actions_adddup2(&actions, pair[1], 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&actions, pair[1], 1);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&actions, err_fd, 2);
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	if (rc == 0)
		rc = posix_spawnp(&pid, argv[0], &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	close(pair[1]);
	if (rc == 0 && fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0)
		rc = errno;
	if (rc != 0) {
		close(pair[0]);
		return -rc;
	}
	*ret_pid = pid;
	*ret_fd = pair[0];
	return 0;
}

static int exec_open(const struct config *cfg, const char *board, const char *rest,
		     deadline_ms deadline, void **ret, int *ret_fd, char **ret_describe,
		     struct kf_error *err)
{
	struct link_exec *l = calloc(1, sizeof(*l));
	_free_ char **argv = NULL;
	int rc;

	(void)cfg;
	(void)board;
	(void)deadline; /* starting a program does not wait; HELLO's wait follows */
	if (!l)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "connect: %m");
	l->err_fd = -1;
	rc = config_words(rest, &argv);
	if (rc == 0 && !argv[0])
		rc = -EINVAL;
	if (rc < 0) {
		kf_err(err, rc, KF_REASON_CONFIG, "board.link exec:%s: no words", rest);
		goto fail;
	}
	l->err_fd = memfd_create("stderr", MFD_CLOEXEC);
	l->name = strdup(argv[0]);
	rc = l->err_fd < 0 ? -errno : !l->name ? -ENOMEM : 0;
	if (rc == 0)
		rc = asprintf(ret_describe, "exec %s", rest) < 0 ? -ENOMEM : 0;
	if (rc < 0) {
		kf_err(err, rc, KF_REASON_IO, "connect through %s: %m", argv[0]);
		goto fail;
	}
	rc = link_spawn(argv, l->err_fd, &l->pid, ret_fd);
	if (rc < 0) {
		kf_err(err, rc, KF_REASON_EXEC, "start %s: %m", argv[0]);
		free(*ret_describe);
		goto fail;
	}
	*ret = l;
	return 0;
fail:
	if (l->err_fd >= 0)
		close(l->err_fd);
	free(l->name);
	free(l);
	return rc;
}

/* Reap it if it ends within ms. */
static bool wait_end(struct link_exec *l, int ms)
{
	deadline_ms end = deadline_in(ms);

	while (l->pid) {
		pid_t pid = waitpid(l->pid, &l->status, WNOHANG);

		if (pid == l->pid || (pid < 0 && errno == ECHILD)) {
			l->pid = 0;
			break;
		}
		if (!deadline_left(end))
			return false;
		poll(NULL, 0, 10);
	}
	return true;
}

static int exec_failure(void *impl, struct kf_error *err)
{
	struct link_exec *l = impl;
	char words[LAST_WORDS], line[400];
	int status = -1, reason;
	off_t size;
	ssize_t n;

	if (wait_end(l, LAST_MOMENTS))
		status = WIFEXITED(l->status) ? WEXITSTATUS(l->status)
					      : 128 + WTERMSIG(l->status);
	size = lseek(l->err_fd, 0, SEEK_END);
	n = pread(l->err_fd, words, sizeof(words),
		  size > LAST_WORDS ? size - LAST_WORDS : 0);
	link_last_line(words, n > 0 ? (size_t)n : 0, line, sizeof(line));
	reason = link_means_no_agent(status, line) ? KF_REASON_NO_AGENT
						   : KF_REASON_CONNECTION;
	if (status < 0)
		return kf_err(err, -ECONNRESET, reason, "%s closed the stream%s%s",
			      l->name, line[0] ? ": " : "", line);
	return kf_err(err, -ECONNRESET, reason, "%s ended with exit status %d%s%s",
		      l->name, status, line[0] ? ": " : "", line);
}

static void exec_close(void *impl, int fd)
{
	struct link_exec *l = impl;

	close(fd);
	if (!wait_end(l, LAST_MOMENTS)) {
		kill(l->pid, SIGTERM);
		if (!wait_end(l, 2000)) {
			kill(l->pid, SIGKILL);
			wait_end(l, 2000);
		}
	}
	close(l->err_fd);
	free(l->name);
	free(l);
}

const struct link_kind link_exec = {
	.prefix = "exec:",
	.open = exec_open,
	.failure = exec_failure,
	.close = exec_close,
};
