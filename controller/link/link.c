// SPDX-License-Identifier: GPL-2.0-or-later
/* The choice of link for a board, and what all kinds share. */
#include "controller/link/link.h"

#include <string.h>

#include "controller/cancel.h"
#include "controller/link/link_impl.h"
#include "controller/link/quote.h"
#include "proto/base/proc.h"
#include "proto/limits.h"
#include "proto/reason.h"

struct link {
	const struct link_kind *kind;
	void *impl;
	int fd;
	char *describe;
};

struct link_runner {
	const struct link_kind *kind; /* NULL: argv of board.run */
	void *impl;
	char **argv;
};

static int find_kind(const struct config *cfg, const char *board,
		     const struct link_kind **ret, const char **ret_rest,
		     struct kf_error *err)
{
	static const struct link_kind *const kinds[] = {&link_exec, &link_unix,
							&link_ssh};
	const char *text;

	if (!config_has_board(cfg, board))
		return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
			      "there is no board \"%s\"; `kferry board list` shows those "
			      "there are",
			      board);
	text = config_get(cfg, board, "board.link");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t n = strlen(kinds[i]->prefix);
		/* "ssh" has nothing after it, the others end in ':'. */
		bool whole = kinds[i]->prefix[n - 1] != ':';

		if (strncmp(text, kinds[i]->prefix, n) || (whole && text[n]))
			continue;
		*ret = kinds[i];
		*ret_rest = text + n;
		return 0;
	}
	return kf_err(err, -EINVAL, KF_REASON_CONFIG,
		      "board.link is \"%s\", but takes ssh, exec:PROGRAM ARGS... or "
		      "unix:/PATH",
		      text);
}

int link_check(const struct config *cfg, const char *board, struct kf_error *err)
{
	const struct link_kind *kind;
	const char *rest;

	return find_kind(cfg, board, &kind, &rest, err);
}

int link_open(const struct config *cfg, const char *board, deadline_ms deadline,
	      struct link **ret, struct kf_error *err)
{
	const struct link_kind *kind;
	struct link *l;
	const char *rest;
	int rc;

	rc = find_kind(cfg, board, &kind, &rest, err);
	if (rc < 0)
		return rc;
	l = calloc(1, sizeof(*l));
	if (!l)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "connect: %m");
	l->kind = kind;
	rc = kind->open(cfg, board, rest, deadline, &l->impl, &l->fd, &l->describe, err);
	if (rc < 0) {
		free(l);
		return rc;
	}
	*ret = l;
	return 0;
}

int link_fd(const struct link *l)
{
	return l->fd;
}

const char *link_describe(const struct link *l)
{
	return l->describe;
}

const char *link_note(const struct link *l)
{
	return l->kind->note ? l->kind->note(l->impl) : "";
}

bool link_peer(const struct link *l, struct sockaddr_storage *ret)
{
	return l->kind->peer && l->kind->peer(l->impl, ret);
}

int link_failure(struct link *l, struct kf_error *err)
{
	return l->kind->failure(l->impl, err);
}

void link_close(struct link *l)
{
	if (!l)
		return;
	l->kind->close(l->impl, l->fd);
	free(l->describe);
	free(l);
}

bool link_means_no_agent(int status, const char *text)
{
	return status == 126 || status == 127 || strstr(text, "kferryd");
}

int link_bridge_ended(int status, const char *line, struct kf_error *err)
{
	if (status < 0 && !line[0])
		return kf_err(err, -ECONNRESET, KF_REASON_CONNECTION,
			      "the connection was lost");
	return kf_err(err, -ECONNRESET,
		      link_means_no_agent(status, line) ? KF_REASON_NO_AGENT
							: KF_REASON_CONNECTION,
		      "the agent's bridge ended with exit status %d%s%s", status,
		      line[0] ? ": " : "", line);
}

/* --- runners -------------------------------------------------------------------------
 */

int link_runner_open(const struct config *cfg, const char *board, deadline_ms deadline,
		     struct link_runner **ret, struct kf_error *err)
{
	const struct link_kind *kind;
	struct link_runner *r;
	const char *rest;
	int rc;

	rc = find_kind(cfg, board, &kind, &rest, err);
	if (rc < 0)
		return rc;
	r = calloc(1, sizeof(*r));
	if (!r)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "connect: %m");
	r->argv = config_argv(cfg, board, "board.run");
	if (!r->argv && kind->run_open) {
		r->kind = kind;
		rc = kind->run_open(cfg, board, deadline, &r->impl, err);
	} else if (!r->argv || !r->argv[0]) {
		rc = kf_err(err, -EINVAL, KF_REASON_CONFIG,
			    "its link runs no commands; set board.run to a program that "
			    "does, such as \"ssh HOST\"");
	}
	if (rc < 0) {
		free(r->argv);
		free(r);
		return rc;
	}
	*ret = r;
	return 0;
}

/* argv of board.run and each word of the command, quoted: what it talks to is a shell
 * or, for plain words, may be none. */
static int run_program(const struct link_runner *r, const struct link_run *run,
		       int *ret_status, struct kf_error *err)
{
	struct proc_opts opts = {
		.inherit_env = true,
		.input = run->input,
		.input_len = run->input_len,
		.input_fd = run->input_fd,
		.timeout_ms = deadline_left(run->deadline),
		.cancel = cancel_flag(),
		.out = run->out,
		.err_out = run->err_out,
	};
	_buf_ struct buf words = BUF_INIT;
	const char *argv[LIMIT_ARGV + 2];
	size_t n = 0, at = 0;
	int rc = 0;

	while (r->argv[n] && n < LIMIT_ARGV / 2) {
		argv[n] = r->argv[n];
		n++;
	}
	for (size_t i = 0; run->argv[i] && rc == 0; i++) {
		rc = quote_word(&words, run->argv[i]);
		if (rc == 0)
			rc = buf_append(&words, "", 1);
	}
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "run a command: %m");
	while (at < buf_len(&words) && n < LIMIT_ARGV) {
		argv[n++] = (const char *)buf_data(&words) + at;
		at += strlen(argv[n - 1]) + 1;
	}
	argv[n] = NULL;
	rc = proc_run(argv, &opts, ret_status);
	if (rc < 0)
		return kf_err(err, rc,
			      rc == -ETIMEDOUT ? KF_REASON_TIMEOUT : KF_REASON_EXEC,
			      "run %s: %m", argv[0]);
	return 0;
}

int link_runner_run(struct link_runner *r, const struct link_run *run, int *ret_status,
		    struct kf_error *err)
{
	if (r->kind)
		return r->kind->run(r->impl, run, ret_status, err);
	return run_program(r, run, ret_status, err);
}

void link_runner_close(struct link_runner *r)
{
	if (!r)
		return;
	if (r->kind)
		r->kind->run_close(r->impl);
	free(r->argv);
	free(r);
}
