/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's life.
 *
 * Start: recover what a crash left, decide where the trial stands, open this boot's
 * record and the kernel's log, listen.  Stop: no new sessions, end the ones there are,
 * then the rest, until the loop has nothing left; uv_loop_close() proves it.
 */
#include "agent/session/server.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/deploy/deploy.h"
#include "agent/log/boots.h"
#include "agent/session/listen.h"
#include "agent/session/session.h"
#include "agent/session/settling.h"
#include "agent/slot/shown.h"
#include "agent/trial/stopping.h"
#include "agent/trial/trial.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"

#define SESSIONS_MAX	32
#define SESSIONS_REFUSE 8    /* more that are told so; the rest wait in the backlog */
#define PAUSE_MS	1000 /* after an accept() that failed for lack of something */
#define LATE_MS		5000
#define SETTLE_MS	180000 /* longer than the programs of a boot chain may take */
#define LATE_TIMES	3      /* looks at pstore after the start: at 5 s, 10 s, 20 s */

struct server {
	uv_loop_t loop;
	struct agent *agent;
	struct session_env env;
	struct session *sessions[SESSIONS_MAX + SESSIONS_REFUSE];
	unsigned n_sessions;
	uv_poll_t poll; /* of the listening socket */
	uv_signal_t term, interrupt;
	uv_timer_t pause; /* runs: the next try to accept is at its end */
	uv_timer_t late;  /* looks at pstore again */
	unsigned late_looks;
	bool collected; /* on somebody's request */
	const char *socket_path;
	int listen_fd;
	bool own_socket;
	bool stopping;
	bool accepting;
	bool settled; /* nobody is let in before the board is in order */
	struct settling settling;
};

/* --- the end -------------------------------------------------------------------- */

/* The rest goes when the last session has gone: sessions use it. */
static void stop_services(struct server *sv)
{
	if (!sv->stopping || sv->n_sessions > 0)
		return;
	if (sv->env.watch)
		trial_watch_stop(TAKE_PTR(sv->env.watch));
	if (sv->env.kernlog)
		kernlog_stop(TAKE_PTR(sv->env.kernlog));
}

static void server_stop(struct server *sv)
{
	if (sv->stopping)
		return;
	sv->stopping = true;
	listen_notify("STOPPING=1");
	uv_close((uv_handle_t *)&sv->poll, NULL);
	uv_close((uv_handle_t *)&sv->term, NULL);
	uv_close((uv_handle_t *)&sv->interrupt, NULL);
	uv_close((uv_handle_t *)&sv->late, NULL);
	uv_close((uv_handle_t *)&sv->pause, NULL);
	settling_stop(&sv->settling);
	for (unsigned i = 0; i < ARRAY_SIZE(sv->sessions); i++)
		if (sv->sessions[i])
			session_stop(sv->sessions[i]);
	stop_services(sv);
}

static void on_signal(uv_signal_t *sig, int number)
{
	struct server *sv = sig->data;

	log_info("stop signal=%d", number);
	server_stop(sv);
}

/* --- sessions ------------------------------------------------------------------- */

static void on_connection(uv_poll_t *p, int status, int events);

/* With every place taken, who comes waits in the socket's backlog. */
static void update_accepting(struct server *sv)
{
	bool want = sv->settled && sv->n_sessions < ARRAY_SIZE(sv->sessions) &&
		    !uv_is_active((uv_handle_t *)&sv->pause);

	if (sv->stopping || want == sv->accepting)
		return;
	sv->accepting = want;
	if (want)
		uv_poll_start(&sv->poll, UV_READABLE, on_connection);
	else
		uv_poll_stop(&sv->poll);
}

static void session_ended(void *arg, struct session *s)
{
	struct server *sv = arg;

	for (unsigned i = 0; i < ARRAY_SIZE(sv->sessions); i++)
		if (sv->sessions[i] == s)
			sv->sessions[i] = NULL;
	sv->n_sessions--;
	update_accepting(sv);
	stop_services(sv);
}

static void start_session(struct server *sv, int fd)
{
	static const char full[] = "the agent has too many sessions: close some";
	struct ucred cred;
	socklen_t n = sizeof(cred);
	struct session_user user;
	unsigned at = 0;
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0) {
		log_warn("no-credentials error=\"%s\"", strerror(errno));
		close(fd);
		return;
	}
	user = (struct session_user){.uid = cred.uid, .gid = cred.gid};
	while (sv->sessions[at])
		at++;
	r = session_new(&sv->env, fd, user, sv->n_sessions >= SESSIONS_MAX ? full : NULL,
			&sv->sessions[at]);
	if (r < 0) {
		log_err("session-not-started uid=%u error=\"%s\"", (unsigned)cred.uid,
			strerror(-r));
		close(fd);
		return;
	}
	sv->n_sessions++;
	update_accepting(sv);
}

static void on_pause_over(uv_timer_t *t)
{
	update_accepting(t->data);
}

/* Who connects stays readable in the backlog: to try again at once would be to spin. */
static void pause_accepting(struct server *sv, int error)
{
	log_err("accept-failed error=\"%s\" again_in_ms=%d", strerror(error), PAUSE_MS);
	uv_timer_start(&sv->pause, on_pause_over, PAUSE_MS, 0);
	update_accepting(sv);
}

static void on_connection(uv_poll_t *p, int status, int events)
{
	struct server *sv = p->data;
	int fd;

	(void)status;
	(void)events;
	fd = accept4(sv->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		start_session(sv, fd);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		pause_accepting(sv, errno);
}

/* --- the kernel's leavings ------------------------------------------------------ */

static void look_at_pstore(struct server *sv)
{
	unsigned taken;
	int r = boots_collect(sv->agent, &taken);

	if (r < 0)
		log_warn("pstore-not-collected error=\"%s\"", strerror(-r));
}

static void on_late(uv_timer_t *t)
{
	struct server *sv = t->data;

	look_at_pstore(sv);
	if (++sv->late_looks < LATE_TIMES)
		uv_timer_start(t, on_late, LATE_MS << (sv->late_looks - 1), 0);
}

static void collect_once(void *arg)
{
	struct server *sv = arg;

	if (!sv->collected)
		look_at_pstore(sv);
	sv->collected = true;
}

/* --- the beginning -------------------------------------------------------------- */

/* What fails here is reported, and the agent goes on: a board whose agent does not come
 * up can only be helped by hand. */
static void judge(struct server *sv)
{
	struct kf_error err = {0};

	deploy_clean(sv->agent);
	shown_start(sv->agent);
	if (trial_boot(sv->agent, &err) < 0)
		log_err("trial-boot-failed reason=%s text=\"%s\"",
			reason_name(err.reason), err.msg);
}

static void start_logs(struct server *sv)
{
	struct kf_error err = {0};
	_close_ int fd = -1;

	if (boots_open(sv->agent, &fd, &err) < 0) {
		log_err("boot-record-failed reason=%s text=\"%s\"",
			reason_name(err.reason), err.msg);
		return;
	}
	if (kernlog_start(&sv->loop, sv->agent, fd, &sv->env.kernlog, &err) < 0)
		log_err("kernlog-failed reason=%s text=\"%s\"", reason_name(err.reason),
			err.msg);
}

/* The disk may have been full at the start. */
static void start_logs_late(void *arg)
{
	struct server *sv = arg;

	if (!sv->env.kernlog && !sv->stopping)
		start_logs(sv);
}

static void start_watch(struct server *sv)
{
	struct kf_error err = {0};

	if (trial_watch_start(&sv->loop, sv->agent, &sv->env.watch, &err) < 0)
		log_err("trial-watch-failed reason=%s text=\"%s\"",
			reason_name(err.reason), err.msg);
}

static void on_settled(void *arg)
{
	struct server *sv = arg;

	sv->settled = true;
	update_accepting(sv);
}

static void start_handles(struct server *sv)
{
	uv_signal_init(&sv->loop, &sv->term);
	uv_signal_init(&sv->loop, &sv->interrupt);
	uv_timer_init(&sv->loop, &sv->late);
	uv_timer_init(&sv->loop, &sv->pause);
	sv->term.data = sv->interrupt.data = sv->late.data = sv->poll.data = sv;
	sv->pause.data = sv;
	uv_signal_start(&sv->term, on_signal, SIGTERM);
	uv_signal_start(&sv->interrupt, on_signal, SIGINT);
	uv_timer_start(&sv->late, on_late, LATE_MS, 0);
	update_accepting(sv);
}

static int set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

static int listen_on_loop(struct server *sv, struct kf_error *err)
{
	int r = listen_open(sv->agent, sv->socket_path, &sv->listen_fd, &sv->own_socket,
			    err);

	if (r < 0)
		return r;
	r = set_nonblock(sv->listen_fd);
	if (r == 0)
		r = uv_poll_init(&sv->loop, &sv->poll, sv->listen_fd);
	if (r < 0) {
		close(sv->listen_fd);
		return kf_err(err, r, KF_REASON_IO, "listen on the socket: %m");
	}
	return 0;
}

/* SIGTERM says that the agent ends; only with the system it is the end of the boot.  A
 * reboot that came from here has said why already. */
static void record_end(struct server *sv)
{
	struct boot_record rec;
	_close_ int fd = -1;
	int r;

	if (sv->agent->scratch || !stopping_system() ||
	    boots_dir(sv->agent, sv->agent->boot.boot_id, 0, &rec, &fd) < 0 ||
	    rec.end != KFERRY__BOOT_END__BOOT_END_UNSPECIFIED)
		return;
	r = boots_set_end(sv->agent, KFERRY__BOOT_END__BOOT_END_REBOOT);
	if (r < 0)
		log_warn("boot-end-not-recorded error=\"%s\"", strerror(-r));
}

static void run(struct server *sv)
{
	struct agent *a = sv->agent;

	judge(sv);
	start_logs(sv);
	start_watch(sv);
	start_handles(sv);
	settling_start(&sv->settling, &sv->loop, a, SETTLE_MS, on_settled, sv);
	log_info("serving socket=%s boot=%s slot=%s", sv->socket_path, a->boot.boot_id,
		 *a->boot.slot ? a->boot.slot : FOREIGN);
	listen_notify("READY=1");
	uv_run(&sv->loop, UV_RUN_DEFAULT);
	close(sv->listen_fd);
	if (sv->own_socket)
		unlink(sv->socket_path);
	record_end(sv);
}

int server_run(struct agent *a, const char *socket_path, struct kf_error *err)
{
	struct server *sv = calloc(1, sizeof(*sv));
	int r;

	if (!sv)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	sv->agent = a;
	sv->socket_path = socket_path;
	sv->env = (struct session_env){
		.loop = &sv->loop,
		.agent = a,
		.start_log = start_logs_late,
		.collect = collect_once,
		.ended = session_ended,
		.arg = sv,
	};
	signal(SIGPIPE, SIG_IGN);
	r = uv_loop_init(&sv->loop);
	if (r < 0) {
		free(sv);
		return kf_err(err, r, KF_REASON_IO, "start the event loop: %m");
	}
	r = listen_on_loop(sv, err);
	if (r == 0)
		run(sv);
	if (uv_loop_close(&sv->loop) < 0) {
		log_err("loop-not-empty");
		abort();
	}
	free(sv);
	return r;
}
