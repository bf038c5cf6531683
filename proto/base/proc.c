/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs run to their end.  One poll loop waits for output, for the outcome of the
 * exec and for the end: by a pidfd, or by looking every POLL_SLICE_MS on kernels that
 * have none (before 5.3).
 */
#include "proto/base/proc.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "proto/base/clock.h"
#include "proto/base/proc_spawn.h"

#define TERM_GRACE_MS 2000 /* between SIGTERM and SIGKILL */
#define KILL_GRACE_MS 5000 /* a process in the kernel's hands may outlive SIGKILL */
#define POLL_SLICE_MS 50   /* how late a cancel, or an end without pidfd, is seen */
#define READ_STEP     4096
#define READ_TURN     16  /* steps in a row while it runs: a full pipe */
#define READ_REST     256 /* once it has ended: all, but not a survivor's for ever */
#define LAST_LINE_MAX 256

struct run {
	const struct proc_opts *opts;
	struct proc_spawn sp;
	deadline_ms deadline;
	deadline_ms kill_at; /* DEADLINE_NEVER until it was told to end */
	int why;	     /* negative errno: why it was told to end */
	bool killed;
	bool ended; /* it is a zombie: seen, not reaped */
	int status; /* a starter's, once it ended */
	char line[LAST_LINE_MAX];
	size_t line_len;
	bool line_done; /* the next byte starts a new line */
};

static void close_fd(struct run *run, int which)
{
	cleanup_close(&run->sp.fds[which]);
	run->sp.fds[which] = -1;
}

static void signal_child(const struct run *run, int sig)
{
	if (!run->opts->starter)
		kill(run->sp.group ? -run->sp.pid : run->sp.pid, sig);
}

/* Tell it to end; the first reason counts. */
static void stop(struct run *run, int why)
{
	if (run->why != 0)
		return;
	run->why = why;
	run->kill_at = deadline_in(TERM_GRACE_MS);
	if (run->opts->starter)
		run->opts->starter->stop(run->opts->starter_arg, run->sp.fds[SPAWN_END]);
	signal_child(run, SIGTERM);
	signal_child(run, SIGCONT);
}

static void keep_last_line(struct run *run, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\n') {
			run->line_done = true;
			continue;
		}
		if (run->line_done) {
			run->line_done = false;
			run->line_len = 0;
		}
		if (run->line_len < sizeof(run->line) - 1)
			run->line[run->line_len++] = data[i];
	}
}

static int take_output(struct run *run, int which, const void *data, size_t n)
{
	const struct proc_opts *o = run->opts;
	struct buf *b = which == SPAWN_ERR && o->err_out ? o->err_out : o->out;
	int r = 0;

	keep_last_line(run, data, n);
	if (b)
		r = buf_append(b, data, n);
	if (r == 0 && o->on_output)
		r = o->on_output(o->arg, which == SPAWN_ERR ? 2 : 1, data, n);
	return r;
}

/* Read what is there; at most as much as fits a pipe, so that both get their turn. */
static void read_output(struct run *run, int which)
{
	char step[READ_STEP];

	for (int i = 0; i < (run->ended ? READ_REST : READ_TURN); i++) {
		ssize_t n = read(run->sp.fds[which], step, sizeof(step));
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close_fd(run, which);
			return;
		}
		r = run->why == 0 ? take_output(run, which, step, (size_t)n) : 0;
		if (r != 0)
			stop(run, r < 0 ? r : -ECANCELED);
	}
}

/* What the exec pipe says: 0 the program runs, else its negative errno. */
static int read_exec(struct run *run)
{
	ssize_t n;
	int e;

	do
		n = read(run->sp.fds[SPAWN_EXEC], &e, sizeof(e));
	while (n < 0 && errno == EINTR);
	close_fd(run, SPAWN_EXEC);
	return n == (ssize_t)sizeof(e) ? -e : 0;
}

static int ask_starter(struct run *run)
{
	int r;

	if (run->ended)
		return 0;
	r = run->opts->starter->look(run->opts->starter_arg, run->sp.fds[SPAWN_END],
				     &run->status);
	run->ended = r != 0;
	if (r < 0 && run->why == 0)
		run->why = r;
	/* Nobody is left who would end what holds the output. */
	if (r < 0)
		run->killed = true;
	return 0;
}

static int look_for_end(struct run *run)
{
	siginfo_t si = {.si_pid = 0};

	if (waitid(P_PID, (id_t)run->sp.pid, &si, WEXITED | WNOHANG | WNOWAIT) < 0)
		return errno == EINTR ? 0 : -errno;
	run->ended = si.si_pid != 0;
	return 0;
}

static int wait_ms(const struct run *run)
{
	int left = deadline_left(run->why != 0 ? run->kill_at : run->deadline);
	bool slices = run->sp.fds[SPAWN_END] < 0 || run->ended ||
		      (run->opts->cancel && run->why == 0);

	if (slices && (left < 0 || left > POLL_SLICE_MS))
		return POLL_SLICE_MS;
	return left;
}

/* Deadlines and the cancel flag.  -ETIMEDOUT: not even SIGKILL ended it. */
static int check_time(struct run *run)
{
	if (run->why == 0) {
		if (run->opts->cancel && atomic_load(run->opts->cancel))
			stop(run, -ECANCELED);
		else if (deadline_left(run->deadline) == 0)
			stop(run, -ETIMEDOUT);
		return 0;
	}
	if (deadline_left(run->kill_at) != 0)
		return 0;
	if (run->killed)
		return -ETIMEDOUT;
	signal_child(run, SIGKILL);
	run->killed = true;
	run->kill_at = deadline_in(KILL_GRACE_MS);
	return 0;
}

/* A program that was told to end has ended when its group let go of the output too. */
static bool all_over(const struct run *run)
{
	if (!run->ended)
		return false;
	return run->why == 0 || run->killed ||
	       (run->sp.fds[SPAWN_OUT] < 0 && run->sp.fds[SPAWN_ERR] < 0);
}

/* Until the child is a zombie, or is given up (negative errno). */
static int wait_end(struct run *run)
{
	struct pollfd p[N_SPAWN];
	int r;

	while (!all_over(run)) {
		for (int i = 0; i < N_SPAWN; i++)
			p[i] = (struct pollfd){.fd = run->sp.fds[i], .events = POLLIN};
		if (run->ended)
			p[SPAWN_END].fd = -1;
		if (poll(p, N_SPAWN, wait_ms(run)) < 0 && errno != EINTR) {
			r = -errno;
			signal_child(run, SIGKILL);
			return r;
		}
		r = run->opts->starter ? ask_starter(run) : look_for_end(run);
		if (r < 0)
			return r;
		if (run->sp.fds[SPAWN_EXEC] >= 0 &&
		    (p[SPAWN_EXEC].revents || run->ended)) {
			r = read_exec(run);
			if (r < 0 && run->why == 0)
				run->why = r;
		}
		/* When it has ended all that it wrote is in the pipes: take it now. */
		for (int i = SPAWN_OUT; i <= SPAWN_ERR; i++) {
			if (run->sp.fds[i] >= 0 && (p[i].revents || run->ended))
				read_output(run, i);
		}
		r = check_time(run);
		if (r < 0)
			return r;
	}
	return 0;
}

static int wait_status(struct run *run, int *ret_status)
{
	pid_t pid;

	if (run->opts->starter) {
		*ret_status = run->status;
		return 0;
	}
	do
		pid = waitpid(run->sp.pid, ret_status, 0);
	while (pid < 0 && errno == EINTR);
	return pid < 0 ? -errno : 0;
}

static int reap(struct run *run, int *ret_status)
{
	int status, r;

	/* While the zombie is there its group's number cannot be another's. */
	if (run->why != 0)
		signal_child(run, SIGKILL);
	r = wait_status(run, &status);
	if (r < 0)
		return r;
	if (run->why != 0)
		return run->why;
	if (ret_status)
		*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
						  : WEXITSTATUS(status);
	return 0;
}

static int run_child(const char *const argv[], struct run *run, int *ret_status)
{
	int r;

	run->kill_at = DEADLINE_NEVER;
	if (run->opts->timeout_ms == 0)
		return -ETIMEDOUT;
	run->deadline = run->opts->timeout_ms < 0 ? DEADLINE_NEVER
						  : deadline_in(run->opts->timeout_ms);
	r = proc_spawn_start(&run->sp, argv, run->opts);
	if (r == 0)
		r = wait_end(run);
	if (r == 0)
		r = reap(run, ret_status);
	proc_spawn_fini(&run->sp);
	run->line[run->line_len] = '\0';
	return r;
}

int proc_run(const char *const argv[], const struct proc_opts *opts, int *ret_status)
{
	struct run run = {.opts = opts};

	return run_child(argv, &run, ret_status);
}

int proc_check(const char *const argv[], const struct proc_opts *opts,
	       struct kf_error *err)
{
	struct run run = {.opts = opts};
	int status, r;

	r = run_child(argv, &run, &status);
	if (r == -ETIMEDOUT)
		return kf_err(err, r, opts->reason, "%s did not end within %d ms",
			      argv[0], opts->timeout_ms);
	if (r == -ENOENT)
		return kf_err(err, r, opts->reason, "there is no program %s: install it",
			      argv[0]);
	if (r < 0)
		return kf_err(err, r, opts->reason, "run %s: %m", argv[0]);
	if (status == 0)
		return 0;
	if (status > 128)
		kf_err(err, -EIO, opts->reason, "%s was ended by signal %d", argv[0],
		       status - 128);
	else
		kf_err(err, -EIO, opts->reason, "%s ended with status %d", argv[0],
		       status);
	if (err && run.line_len > 0)
		kf_err(err, -EIO, opts->reason, "%s: %s", err->msg, run.line);
	return -EIO;
}
