// SPDX-License-Identifier: GPL-2.0-or-later
#include "agent/tracing/tracecmd.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/tracing/traceout.h"
#include "proto/reason.h"

#define PIECE 4096
#define LINGER_MS                                                                        \
	500 /* for output after its end: what it left running may hold the pipe */
#define TERM_MS 2000

static void child(char *const *argv, const int out[2])
{
	sigset_t none;
	/* lint: a constant path */
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out[0], 1) < 0 || dup2(out[1], 2) < 0)
		_exit(126);
	execvp(argv[0], argv);
	dprintf(2, "kferryd: run %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

int tracecmd_start(struct tracecmd *c, char *const *argv, struct kf_error *err)
{
	int out[2], errors[2];

	if (pipe2(out, O_CLOEXEC) < 0)
		return kf_err(err, -errno, KF_REASON_IO, "make a pipe: %m");
	if (pipe2(errors, O_CLOEXEC) < 0) {
		kf_err(err, -errno, KF_REASON_IO, "make a pipe: %m");
		close(out[0]);
		close(out[1]);
		return err->code;
	}
	c->pid = fork();
	if (c->pid == 0)
		child(argv, (const int[2]){out[1], errors[1]});
	close(out[1]);
	close(errors[1]);
	c->out[0] = out[0];
	c->out[1] = errors[0];
	if (c->pid < 0) {
		c->pid = 0;
		return kf_err(err, -errno, KF_REASON_EXEC, "run %s: %m", argv[0]);
	}
	return 0;
}

void tracecmd_poll(const struct tracecmd *c, struct pollfd f[static 2])
{
	for (int i = 0; i < 2; i++)
		f[i] = (struct pollfd){.fd = c->out[i], .events = POLLIN};
}

int tracecmd_pass(struct tracecmd *c, const struct pollfd f[static 2])
{
	char piece[PIECE];
	int r = 0;

	for (int i = 0; r == 0 && i < 2; i++) {
		ssize_t n;

		if (c->out[i] < 0 || !f[i].revents)
			continue;
		n = read(c->out[i], piece, sizeof(piece));
		if (n > 0)
			r = traceout(i ? TRACEREC_ERR : TRACEREC_OUT, piece, (size_t)n);
		else if (n == 0 || errno != EINTR)
			close(TAKE_FD(c->out[i]));
	}
	return r;
}

bool tracecmd_is_over(struct tracecmd *c)
{
	int status;

	if (!c->pid)
		return false;
	if (!c->ended && waitpid(c->pid, &status, WNOHANG) == c->pid) {
		c->ended = true;
		c->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
						: WEXITSTATUS(status);
		c->end = deadline_in(LINGER_MS);
	}
	return c->ended && ((c->out[0] < 0 && c->out[1] < 0) || !deadline_left(c->end));
}

void tracecmd_stop(struct tracecmd *c)
{
	deadline_ms end = deadline_in(TERM_MS);

	/* SIGTERM is blocked here, and the guard has a group of its own. */
	if (c->pid && !c->ended)
		kill(0, SIGTERM);
	while (c->pid && !c->ended && deadline_left(end)) {
		tracecmd_is_over(c);
		poll(NULL, 0, 10);
	}
	if (c->pid && !c->ended) {
		kill(c->pid, SIGKILL);
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
		c->ended = true;
		c->status = 128 + SIGKILL;
	}
	for (int i = 0; i < 2; i++)
		if (c->out[i] >= 0)
			close(TAKE_FD(c->out[i]));
}
