// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One trace: set, read and passed on, undone.  trace_pipe is looked at every 50 ms rather
 * than polled: poll() on it waits for a buffer that is half full, and each record that is
 * written is in turn something that happens on the board.
 */
#include "agent/tracing/trace.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "agent/oserr.h"
#include "agent/tracing/tracecmd.h"
#include "agent/tracing/tracefs.h"
#include "agent/tracing/traceout.h"
#include "agent/tracing/traceplace.h"
#include "agent/tracing/tracestat.h"
#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/reason.h"

#define LOOK_MS	 50
#define HEAD_MAX 4096
#define READS	 64 /* of trace_pipe in one go, before all else is looked at again */

struct trace {
	const struct trace_options *o;
	struct traceplace place;
	struct tracecmd command;
	int pipe, signals;
	bool told;  /* standard input ended: come to an end */
	bool ended; /* a signal said so: at once */
	uint64_t lost;
	uint32_t flags;
	char piece[LIMIT_TRACE_RECORD];
};

/* --- what is passed on -------------------------------------------------------------- */

/* The head of the kernel's file `trace`, by which its readers know the format; but not
 * the line that counts what is in the buffer. */
static int pass_head(struct trace *t)
{
	_buf_ struct buf b = BUF_INIT;
	char head[HEAD_MAX];
	int r = 0;

	tracefs_head(t->place.dir, "trace", head, sizeof(head));
	for (const char *line = head; *line == '#' && r == 0;) {
		size_t n = strcspn(line, "\n");

		n += line[n] == '\n';
		if (strncmp(line, "# entries-in-buffer", 19) != 0)
			r = buf_append(&b, line, n);
		line += n;
	}
	return r < 0 ? r : traceout(TRACEREC_TEXT, buf_data(&b), buf_len(&b));
}

/* What has come, up to a limit or a whole record: 1 when there may be more. */
static int pass_some(struct trace *t)
{
	size_t have = 0;
	ssize_t n = 1;

	for (int i = 0; n > 0 && i < READS && have < sizeof(t->piece); i++) {
		n = read(t->pipe, t->piece + have, sizeof(t->piece) - have);
		if (n > 0)
			have += (size_t)n;
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENODEV)
		return -errno;
	if (have) {
		int r = traceout(TRACEREC_TEXT, t->piece, have);

		if (r < 0)
			return r;
	}
	return n > 0 || (n < 0 && errno == EINTR);
}

static int pass_rest(struct trace *t)
{
	int r = 1;

	while (r == 1 && !t->ended)
		r = pass_some(t);
	return r < 0 ? r : 0;
}

/* --- the loop ------------------------------------------------------------------------
 */

static void take_signals(struct trace *t)
{
	struct signalfd_siginfo si;

	while (read(t->signals, &si, sizeof(si)) == (ssize_t)sizeof(si))
		if (si.ssi_signo != SIGCHLD)
			t->ended = true;
}

/* Nothing but its end is expected of standard input. */
static void take_input(struct trace *t)
{
	char byte[64];
	ssize_t n = read(STDIN_FILENO, byte, sizeof(byte));

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		t->told = true;
}

static int relay(struct trace *t)
{
	int r = 0;

	while (r >= 0 && !t->told && !t->ended && !tracecmd_is_over(&t->command)) {
		struct pollfd f[4];

		f[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
		f[1] = (struct pollfd){.fd = t->signals, .events = POLLIN};
		tracecmd_poll(&t->command, f + 2);
		if (poll(f, 4, r == 1 ? 0 : LOOK_MS) < 0 && errno != EINTR)
			return -errno;
		if (f[0].revents)
			take_input(t);
		if (f[1].revents)
			take_signals(t);
		r = tracecmd_pass(&t->command, f + 2);
		if (r == 0)
			r = pass_some(t);
	}
	return r < 0 ? r : 0;
}

static int run(struct trace *t, struct kf_error *err)
{
	int r = tracefs_write(t->place.dir, "tracing_on", "1", false);

	if (r < 0)
		return oserr(err, r, "switch tracing on in tracefs");
	if (t->o->command)
		r = tracecmd_start(&t->command, t->o->command, err);
	if (r == 0)
		r = relay(t);
	(void)!tracefs_write(t->place.dir, "tracing_on", "0", false);
	tracecmd_stop(&t->command);
	if (r == 0)
		r = pass_rest(t);
	if (r == 0 && tracestat_lost(t->place.dir, &t->lost) == 0)
		t->flags |= TRACEREC_COUNTED;
	if (r < 0 && !err->code)
		oserr(err, r, "read or pass on the trace");
	return r;
}

static int begin(struct trace *t, struct kf_error *err)
{
	int r = traceset_apply(&t->o->set, t->place.dir, getpid(), err);
	const char *where = *t->place.instance ? t->place.instance : "top";

	if (r < 0)
		return r;
	t->pipe = fs_open_beneath(t->place.dir, "trace_pipe",
				  O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	if (t->pipe < 0)
		return oserr(err, t->pipe, "open trace_pipe in tracefs");
	r = traceout(TRACEREC_STARTED, where, strlen(where));
	if (r == 0)
		r = pass_head(t);
	return r < 0 ? oserr(err, r, "pass on the trace") : 0;
}

static int watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int trace_run(const struct trace_options *o)
{
	_free_ struct trace *t = calloc(1, sizeof(*t));
	struct kf_error err = {0};
	int r;

	if (!t) {
		kf_err(&err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
		return traceout_failed(&err);
	}
	t->o = o;
	t->pipe = -1;
	t->command = (struct tracecmd)TRACECMD_INIT;
	t->signals = watch_signals();
	if (t->signals < 0)
		r = oserr(&err, -errno, "watch for signals");
	else
		r = traceplace_open(o->root, &o->set, &t->place, &err);
	if (r == 0) {
		r = begin(t, &err);
		if (r == 0)
			r = run(t, &err);
		cleanup_close(&t->pipe);
		traceplace_close(&t->place);
	}
	cleanup_close(&t->signals);
	if (r < 0)
		return traceout_failed(&err);
	/* All is undone when this is read. */
	t->flags |= o->command ? TRACEREC_COMMAND : 0;
	return traceout_end(t->lost, (uint32_t)t->command.status, t->flags) < 0;
}
