// SPDX-License-Identifier: GPL-2.0-or-later
/* The ssh link: a session with one channel; and the runner: one channel per command. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "controller/cancel.h"
#include "controller/link/link_impl.h"
#include "controller/link/quote.h"
#include "controller/link/ssh_login.h"
#include "controller/link/ssh_pump.h"
#include "controller/link/warm.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define LAST_MOMENTS 12000 /* ms; more than the pump itself waits for a status */
#define COPY_BLOCK   (64 * 1024)

struct link_ssh {
	struct link_warm *warm; /* a session's; then nothing of the next two */
	ssh_session session;
	struct ssh_pump *pump;
	struct sockaddr_storage peer; /* ss_family 0: through a program */
	char note[KF_ERROR_MAX + 16];
};

static bool ssh_peer(const void *impl, struct sockaddr_storage *ret)
{
	const struct link_ssh *l = impl;

	*ret = l->peer;
	return l->peer.ss_family != 0;
}

static const char *ssh_note(const void *impl)
{
	return ((const struct link_ssh *)impl)->note;
}

/* A connection of our own. */
static int open_cold(struct link_ssh *l, const struct config *cfg, const char *board,
		     const char *command, deadline_ms deadline, int *ret_fd,
		     char **ret_describe, struct kf_error *err)
{
	_free_ char *who = NULL;
	int rc = ssh_login(cfg, board, deadline, NULL, &l->session, &who, err);

	if (rc < 0)
		return rc;
	ssh_login_peer(l->session, &l->peer);
	*ret_describe = strf("ssh %s", who);
	rc = *ret_describe
		     ? ssh_pump_start(l->session, command, deadline, &l->pump, ret_fd)
		     : -ENOMEM;
	if (rc < 0) {
		kf_err(err, rc, KF_REASON_CONNECTION, "ssh to %s: %m", who);
		free(*ret_describe);
		ssh_logout(l->session);
	}
	return rc;
}

static int open_ssh(const struct config *cfg, const char *board, const char *rest,
		    deadline_ms deadline, void **ret, int *ret_fd, char **ret_describe,
		    struct kf_error *err)
{
	const char *argv[] = {config_get(cfg, board, "agent.path"), "stdio", NULL};
	struct link_ssh *l = calloc(1, sizeof(*l));
	_buf_ struct buf command = BUF_INIT;
	struct kf_error cold = {0};
	int rc;

	(void)rest;
	if (!l || quote_argv(&command, argv) < 0 || !buf_str(&command)) {
		free(l);
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "connect: %m");
	}
	rc = link_warm_open(cfg, board, buf_str(&command), deadline, &l->warm, ret_fd,
			    ret_describe, &cold);
	if (rc == 0) {
		link_warm_peer(l->warm, &l->peer);
		snprintf(l->note, sizeof(l->note), "by the session of pid %ld",
			 (long)link_warm_pid(l->warm));
	} else if (rc == -ECANCELED) {
		kf_err(err, rc, cold.reason, "%s", cold.msg);
	} else {
		snprintf(l->note, sizeof(l->note), "directly: %s", cold.msg);
		rc = open_cold(l, cfg, board, buf_str(&command), deadline, ret_fd,
			       ret_describe, err);
	}
	if (rc < 0) {
		free(l);
		return rc;
	}
	*ret = l;
	return 0;
}

static int ssh_failure(void *impl, struct kf_error *err)
{
	struct link_ssh *l = impl;
	char line[400] = "";
	struct buf *words;
	int status;

	if (l->warm)
		return link_warm_failure(l->warm, LAST_MOMENTS, err);
	if (!ssh_pump_wait(l->pump, LAST_MOMENTS))
		return kf_err(err, -ECONNRESET, KF_REASON_CONNECTION,
			      "the connection was closed");
	if (*ssh_pump_error(l->pump))
		return kf_err(err, -ECONNRESET, KF_REASON_CONNECTION, "%s",
			      ssh_pump_error(l->pump));
	words = ssh_pump_stderr(l->pump);
	status = ssh_pump_status(l->pump);
	strf_last_line((const char *)buf_data(words), buf_len(words), line, sizeof(line));
	return link_bridge_ended(status, line, err);
}

static void close_ssh(void *impl, int fd)
{
	struct link_ssh *l = impl;

	close(fd);
	link_warm_close(l->warm);
	/* The far side ends by the end of its stdin; that is the orderly way. */
	ssh_pump_end(l->pump);
	ssh_logout(l->session);
	free(l);
}

int link_host_key(const struct config *cfg, const char *board, deadline_ms deadline,
		  struct link_host_key *ret, struct kf_error *err)
{
	const char *link = config_get(cfg, board, "board.link");

	if (!link || strcmp(link, "ssh")) {
		*ret = (struct link_host_key){.state = HOST_KEY_GOOD};
		return 0;
	}
	return ssh_login(cfg, board, deadline, ret, NULL, NULL, err);
}

/* --- runner ---------------------------------------------------------------------------
 */

static int open_runner(const struct config *cfg, const char *board, deadline_ms deadline,
		       void **ret, struct kf_error *err)
{
	ssh_session session;
	int rc = ssh_login(cfg, board, deadline, NULL, &session, NULL, err);

	if (rc == 0)
		*ret = session;
	return rc;
}

static void close_runner(void *impl)
{
	ssh_logout(impl);
}

/* One command's input and output, as the caller's thread drives them. */
struct traffic {
	const struct link_run *run;
	int fd;
	uint8_t *block; /* of input_fd */
	const uint8_t *data;
	size_t len;
	bool input_done;
};

/* More input, or its end. */
static int refill(struct traffic *t)
{
	ssize_t n = 0;

	if (t->len || t->input_done)
		return 0;
	if (t->run->input_fd > 0) {
		do
			n = read(t->run->input_fd, t->block, COPY_BLOCK);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return -errno;
		t->data = t->block;
		t->len = (size_t)n;
	}
	if (!t->len) {
		shutdown(t->fd, SHUT_WR);
		t->input_done = true;
	}
	return 0;
}

/* Send and receive what goes without waiting.  1: the output has ended. */
static int move(struct traffic *t)
{
	uint8_t got[4096];
	ssize_t n;
	int rc;

	rc = refill(t);
	if (rc < 0)
		return rc;
	if (t->len) {
		n = send(t->fd, t->data, t->len, MSG_NOSIGNAL);
		if (n > 0) {
			t->data += n;
			t->len -= (size_t)n;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			/* It ended without reading all: its status tells. */
			t->len = 0;
			t->input_done = true;
		}
	}
	n = recv(t->fd, got, sizeof(got), 0);
	rc = n > 0 ? buf_append(t->run->out, got, (size_t)n) : 0;
	if (rc < 0)
		return rc;
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return 1;
	return 0;
}

static int drive(struct traffic *t)
{
	for (;;) {
		struct pollfd fds[2] = {{.fd = t->fd, .events = POLLIN},
					{.fd = cancel_fd(), .events = POLLIN}};
		int rc = move(t), n;

		if (rc)
			return rc < 0 ? rc : 0;
		if (!t->input_done)
			fds[0].events |= POLLOUT;
		n = poll(fds, 2, deadline_left(t->run->deadline));
		if (n < 0 && errno != EINTR)
			return -errno;
		if (atomic_load(cancel_flag()))
			return -ECANCELED;
		if (n == 0)
			return -ETIMEDOUT;
	}
}

static int finish(struct ssh_pump *pump, const struct link_run *run, int *ret_status,
		  struct kf_error *err)
{
	struct buf *words = ssh_pump_stderr(pump);
	int rc;

	if (!ssh_pump_wait(pump, LAST_MOMENTS))
		return kf_err(err, -ECONNRESET, KF_REASON_CONNECTION,
			      "%s: the connection hangs", run->argv[0]);
	if (*ssh_pump_error(pump) || ssh_pump_status(pump) < 0)
		return kf_err(err, -ECONNRESET, KF_REASON_CONNECTION, "%s: %s",
			      run->argv[0],
			      *ssh_pump_error(pump) ? ssh_pump_error(pump)
						    : "no exit status came");
	rc = buf_len(words) ? buf_append(run->err_out ? run->err_out : run->out,
					 buf_data(words), buf_len(words))
			    : 0;
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_EXEC, "%s: its output: %m",
			      run->argv[0]);
	*ret_status = ssh_pump_status(pump);
	return 0;
}

static int run_ssh(void *impl, const struct link_run *given, int *ret_status,
		   struct kf_error *err)
{
	_buf_ struct buf command = BUF_INIT, ignored = {.max = 1024 * 1024};
	_free_ uint8_t *block = malloc(COPY_BLOCK);
	struct link_run run = *given;
	struct traffic t = {.run = &run, .data = run.input, .len = run.input_len};
	struct ssh_pump *pump;
	int rc;

	if (!run.out)
		run.out = &ignored;
	if (!block || quote_argv(&command, run.argv) < 0 || !buf_str(&command))
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "%s: %m", run.argv[0]);
	rc = ssh_pump_start(impl, buf_str(&command), run.deadline, &pump, &t.fd);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_CONNECTION, "%s: %m", run.argv[0]);
	t.block = block;
	rc = drive(&t);
	if (rc < 0)
		kf_err(err, rc,
		       rc == -ETIMEDOUT	  ? KF_REASON_TIMEOUT
		       : rc == -ECANCELED ? KF_REASON_CANCELLED
					  : KF_REASON_EXEC,
		       "%s on the board: %m", run.argv[0]);
	else
		rc = finish(pump, &run, ret_status, err);
	close(t.fd);
	ssh_pump_end(pump);
	return rc;
}

const struct link_kind link_ssh = {
	.prefix = "ssh",
	.open = open_ssh,
	.failure = ssh_failure,
	.close = close_ssh,
	.peer = ssh_peer,
	.note = ssh_note,
	.run_open = open_runner,
	.run = run_ssh,
	.run_close = close_runner,
};
