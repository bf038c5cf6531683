// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/session/session_start.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "controller/cancel.h"
#include "controller/session/session_place.h"
#include "controller/session/session_server.h"
#include "controller/strf.h"
#include "proto/reason.h"

#define WORDS_MAX 256
#define NEW	  'n' /* on the socket: it was started */
#define OLD	  'o' /* there was one */

extern char **environ;

/* --- who starts it ---------------------------------------------------------------------
 */

struct words {
	char *v[WORDS_MAX + 1];
	size_t n;
};

static void words_fini(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
}

/* Takes s, which may be NULL for want of memory. */
static int add(struct words *w, char *s)
{
	if (!s || w->n >= WORDS_MAX) {
		free(s);
		return s ? -E2BIG : -ENOMEM;
	}
	w->v[w->n++] = s;
	return 0;
}

/* Options that were given to this command count for the session, too. */
static int add_overrides(struct words *w, const struct session_start *s)
{
	int rc = 0;

	for (const struct config_key *k = config_keys; k->name && rc == 0; k++) {
		enum config_layer layer = CONFIG_BUILTIN;
		const char *where, *value;

		value = config_origin(s->cfg, s->board, k->name, &layer, &where);
		if (!value || layer != CONFIG_COMMAND)
			continue;
		rc = add(w, strdup("-o"));
		if (rc == 0)
			rc = add(w, strf("%s=%s", k->name, value));
	}
	return rc;
}

static int make_words(struct words *w, const struct session_start *s)
{
	int rc = add(w, strdup("kferry"));

	for (size_t i = 0; rc == 0 && s->flags && s->flags[i]; i++)
		rc = add(w, strdup(s->flags[i]));
	if (rc == 0)
		rc = add_overrides(w, s);
	if (rc == 0)
		rc = add(w, strdup("session"));
	if (rc == 0)
		rc = add(w, strdup("serve"));
	return rc < 0 ? rc : add(w, strdup(s->board));
}

static int spawn(const struct session_start *s, int in, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	struct words w = {0};
	int rc = make_words(&w, s);

	if (rc == 0)
		rc = -posix_spawn_file_actions_init(&actions);
	if (rc < 0) {
		words_fini(&w);
		return rc;
	}
	rc = posix_spawn_file_actions_adddup2(&actions, in, 0);
	for (int fd = 1; fd <= 2 && s->silent && rc == 0; fd++)
		rc = posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY,
						      0);
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	if (rc == 0)
		rc = posix_spawn(ret_pid, "/proc/self/exe", &actions, NULL, w.v, environ);
	posix_spawn_file_actions_destroy(&actions);
	words_fini(&w);
	return -rc;
}

/* The word that it sends, 0 when it ended without one. */
static int await_word(int fd, deadline_ms deadline, char *ret)
{
	struct pollfd fds[2] = {{.fd = fd, .events = POLLIN},
				{.fd = cancel_fd(), .events = POLLIN}};

	for (;;) {
		int n = poll(fds, 2, deadline_left(deadline));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && fds[0].revents) {
			if (recv(fd, ret, 1, MSG_DONTWAIT) != 1)
				*ret = 0;
			return 0;
		}
		if (atomic_load(cancel_flag()))
			return -ECANCELED;
		if (n == 0)
			return -ETIMEDOUT;
	}
}

int session_start(const struct session_start *s, bool *ret_new, int *ret_status,
		  struct kf_error *err)
{
	_close_ int ours = -1;
	int pair[2], status = 0, rc;
	pid_t pid;
	char word = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return kf_err(err, -errno, KF_REASON_IO, "start a session: %m");
	ours = pair[0];
	rc = spawn(s, pair[1], &pid);
	close(pair[1]);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_EXEC, "start a session: %m");
	rc = await_word(ours, s->deadline, &word);
	if (rc < 0)
		return kf_err(err, rc,
			      rc == -ECANCELED ? KF_REASON_CANCELLED : KF_REASON_TIMEOUT,
			      "start a session: %m");
	if (word) {
		*ret_new = word == NEW;
		return 0;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return kf_err(err, -errno, KF_REASON_EXEC, "start a session: %m");
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 2;
	return -ECHILD;
}

/* --- what is started
 * -------------------------------------------------------------------- */

static int log_in(const struct config *cfg, const char *board, struct carrier **ret,
		  struct kf_error *err)
{
	deadline_ms deadline = deadline_in(config_ms(cfg, board, "timeout.connect"));
	struct carrier_login *l;
	struct pollfd fds[2] = {{.events = POLLIN},
				{.fd = cancel_fd(), .events = POLLIN}};
	int rc = carrier_login_start(cfg, board, deadline, &l, err);

	if (rc < 0)
		return rc;
	fds[0].fd = carrier_login_fd(l);
	do
		rc = poll(fds, 2, deadline_left(deadline));
	while (rc < 0 && errno == EINTR && !atomic_load(cancel_flag()));
	rc = carrier_login_end(l, ret, err);
	if (rc < 0 && atomic_load(cancel_flag()))
		return kf_err(err, -ECANCELED, KF_REASON_CANCELLED, "cancelled");
	return rc;
}

static void say(char word)
{
	ssize_t n = send(0, &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT);

	(void)n;
}

/* Away from the terminal, and from the directory, which somebody may want to unmount. */
static int go_away(void)
{
	/* lint: a constant path */
	_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || setsid() < 0 || chdir("/") < 0)
		return -errno;
	umask(077);
	say(NEW);
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(null, fd) < 0)
			return -errno;
	return 0;
}

static int serve(int dir, const char *name, struct session_server *s,
		 struct kf_error *err)
{
	int rc;

	s->listener = session_place_listen(dir, name);
	if (s->listener < 0) {
		carrier_free(s->carrier);
		if (s->listener == -EADDRINUSE) {
			say(OLD);
			return 0;
		}
		return kf_err(err, s->listener, KF_REASON_IO,
			      "make the session's socket: %m");
	}
	rc = go_away();
	if (rc == 0)
		rc = session_serve(s);
	else
		carrier_free(s->carrier);
	session_place_remove(dir, name);
	close(s->listener);
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "the session: %m") : 0;
}

int session_run(const struct config *cfg, const char *board, struct kf_error *err)
{
	struct session_server s = {.cfg = cfg, .board = board};
	char name[SESSION_NAME_SIZE];
	_close_ int dir = -1, other = -1;
	int rc = carrier_target(cfg, board, &s.target, err);

	if (rc < 0)
		return rc;
	dir = session_place_open(true, err);
	if (dir < 0)
		return dir;
	session_place_name(&s.target, name);
	other = session_place_connect(dir, name, NULL);
	if (other >= 0) {
		say(OLD);
		return 0;
	}
	rc = log_in(cfg, board, &s.carrier, err);
	return rc < 0 ? rc : serve(dir, name, &s, err);
}
