// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/link/warm.h"

#include "controller/link/carrier.h"
#include "controller/link/link_impl.h"
#include "controller/session/session_client.h"
#include "controller/session/session_start.h"
#include "controller/strf.h"
#include "proto/reason.h"

struct link_warm {
	struct session_stream *stream;
};

static int start_one(const struct config *cfg, const char *board, deadline_ms deadline,
		     struct kf_error *err)
{
	struct session_start s = {
		.cfg = cfg, .board = board, .silent = true, .deadline = deadline};
	bool is_new;
	int status, rc = session_start(&s, &is_new, &status, err);

	/* Why is said by the direct connection, which will not come about either. */
	if (rc == -ECHILD)
		return kf_err(err, rc, KF_REASON_CONNECTION,
			      "no session could be started");
	return rc;
}

int link_warm_open(const struct config *cfg, const char *board, const char *command,
		   deadline_ms deadline, struct link_warm **ret, int *ret_fd,
		   char **ret_describe, struct kf_error *err)
{
	bool may_start = config_bool(cfg, board, "session.auto");
	struct link_warm *w;
	struct digest target;
	int rc = session_any(err);

	if (rc < 0 && !(rc == -ENOENT && may_start))
		return rc;
	rc = carrier_target(cfg, board, &target, err);
	if (rc < 0)
		return rc;
	w = calloc(1, sizeof(*w));
	if (!w)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "session: %m");
	rc = session_stream_open(&target, command, deadline, &w->stream, ret_fd, err);
	if (rc == -ENOENT && may_start) {
		*err = (struct kf_error){0};
		rc = start_one(cfg, board, deadline, err);
		if (rc == 0)
			rc = session_stream_open(&target, command, deadline, &w->stream,
						 ret_fd, err);
	}
	if (rc == 0)
		*ret_describe = strf("ssh %s", session_stream_to(w->stream)->who);
	if (rc == 0 && !*ret_describe) {
		close(*ret_fd);
		rc = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "session: %m");
	}
	if (rc < 0) {
		link_warm_close(w);
		return rc;
	}
	*ret = w;
	return 0;
}

pid_t link_warm_pid(const struct link_warm *w)
{
	return session_stream_pid(w->stream);
}

void link_warm_peer(const struct link_warm *w, struct sockaddr_storage *ret)
{
	*ret = session_stream_to(w->stream)->peer;
}

int link_warm_failure(struct link_warm *w, int ms, struct kf_error *err)
{
	struct session_ended end;
	char line[400] = "";

	if (session_stream_ended(w->stream, ms, &end) < 0)
		return kf_err(err, -ECONNRESET, KF_REASON_CONNECTION,
			      "the connection was lost: the session's process (pid %ld) "
			      "is gone or hangs",
			      (long)session_stream_pid(w->stream));
	if (*end.error)
		return kf_err(err, -ECONNRESET, KF_REASON_CONNECTION, "%s", end.error);
	strf_last_line((const char *)end.words, end.words_len, line, sizeof(line));
	return link_bridge_ended(end.status, line, err);
}

void link_warm_close(struct link_warm *w)
{
	if (!w)
		return;
	session_stream_close(w->stream);
	free(w);
}
