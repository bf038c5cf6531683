// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The login thread.  Its job is counted: the thread holds one reference and the caller
 * the other; whoever is last frees, so either may go first.
 */
#include "controller/link/ssh_login.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "controller/cancel.h"
#include "controller/link/ssh_hostkey.h"
#include "controller/link/ssh_target.h"
#include "proto/reason.h"

struct ssh_login {
	atomic_int refs;
	int done_fd;
	pthread_t thread; /* joined when it is done, else left to itself */
	deadline_ms deadline;
	struct ssh_target to; /* a copy: the caller may be gone */
	bool look_only;
	/* The result; the caller's once done_fd is readable. */
	char *who; /* "pi@rpi4.local:22" */
	ssh_session session;
	struct link_host_key key;
	int rc;
	struct kf_error err;
};

void ssh_logout(ssh_session session)
{
	if (!session)
		return;
	if (ssh_is_connected(session))
		ssh_disconnect(session);
	ssh_free(session);
}

bool ssh_login_peer(ssh_session session, struct sockaddr_storage *ret)
{
	socklen_t n = sizeof(*ret);

	if (getpeername(ssh_get_fd(session), (struct sockaddr *)ret, &n) == 0 &&
	    (ret->ss_family == AF_INET || ret->ss_family == AF_INET6))
		return true;
	*ret = (struct sockaddr_storage){0};
	return false;
}

static void unref(struct ssh_login *l)
{
	if (atomic_fetch_sub(&l->refs, 1) > 1)
		return;
	ssh_logout(l->session);
	if (l->done_fd >= 0)
		close(l->done_fd);
	ssh_target_fini(&l->to);
	free(l->who);
	free(l);
}

/* A peer that is gone without a word must not be waited for for ever. */
static void keep_alive(int fd)
{
	int on = 1, idle = 15, interval = 5, count = 3;
	unsigned user_ms = 30000;

	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) < 0)
		return; /* a ProxyCommand's pipe */
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_ms, sizeof(user_ms));
}

static void list_methods(ssh_session s, char *dst, size_t size)
{
	static const struct {
		int bit;
		const char *name;
	} methods[] = {{SSH_AUTH_METHOD_PUBLICKEY, "publickey"},
		       {SSH_AUTH_METHOD_PASSWORD, "password"},
		       {SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive"},
		       {SSH_AUTH_METHOD_GSSAPI_MIC, "gssapi"}};
	int offered = ssh_userauth_list(s, NULL);
	size_t n = 0;

	dst[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (offered & methods[i].bit)
			n += (size_t)snprintf(dst + n, size - n, "%s%s", n ? ", " : "",
					      methods[i].name);
}

/* Or the library's own library would ask on the terminal. */
static int no_passphrase(const char *prompt, char *buf, size_t len, int echo, int verify,
			 void *userdata)
{
	(void)prompt;
	(void)buf;
	(void)len;
	(void)echo;
	(void)verify;
	(void)userdata;
	return -1;
}

/* The key that was named, at once: to ask for the methods, and whether it would be taken,
 * are two round trips.  One that has a passphrase is left to the SSH agent. */
static bool is_let_in_by_identity(struct ssh_login *l)
{
	ssh_key key = NULL;
	int rc = SSH_AUTH_DENIED;

	if (l->to.identity &&
	    ssh_pki_import_privkey_file(l->to.identity, NULL, no_passphrase, NULL,
					&key) == SSH_OK)
		rc = ssh_userauth_publickey(l->session, NULL, key);
	ssh_key_free(key);
	return rc == SSH_AUTH_SUCCESS;
}

static int authenticate(struct ssh_login *l)
{
	char methods[80];
	int rc;

	if (is_let_in_by_identity(l))
		return 0;
	/* Asks for the methods, and is let in where a board has no password at all. */
	rc = ssh_userauth_none(l->session, NULL);
	if (rc == SSH_AUTH_SUCCESS)
		return 0;
	if (rc != SSH_AUTH_ERROR)
		rc = ssh_userauth_publickey_auto(l->session, NULL, NULL);
	if (rc == SSH_AUTH_SUCCESS)
		return 0;
	if (rc == SSH_AUTH_ERROR)
		return kf_err(&l->err, -ECONNRESET, KF_REASON_AUTH, "log in as %s: %s",
			      l->who, ssh_get_error(l->session));
	list_methods(l->session, methods, sizeof(methods));
	return kf_err(&l->err, -EACCES, KF_REASON_AUTH,
		      "%s refused the login: none of the keys is allowed there (it takes "
		      "%s; kferry offers those of the SSH agent and %s)",
		      l->who, methods[0] ? methods : "nothing",
		      l->to.identity ? l->to.identity : "~/.ssh");
}

static int log_in(struct ssh_login *l)
{
	int rc = -EACCES;

	l->session = ssh_new();
	if (!l->session)
		return kf_err(&l->err, -ENOMEM, KF_REASON_NO_MEMORY, "ssh: %m");
	rc = ssh_target_apply(&l->to, l->session, deadline_left(l->deadline), &l->who,
			      &l->err);
	if (rc < 0)
		return rc;
	if (ssh_connect(l->session) != SSH_OK)
		return kf_err(&l->err, -EHOSTUNREACH, KF_REASON_UNREACHABLE,
			      "connect to %s: %s", l->who, ssh_get_error(l->session));
	keep_alive((int)ssh_get_fd(l->session));
	rc = ssh_hostkey_look(l->session, l->to.pin, &l->key, &l->err);
	if (rc < 0 || l->look_only)
		return rc;
	rc = ssh_hostkey_judge(&l->key, l->who, l->to.board, l->to.host, &l->err);
	if (rc < 0)
		return rc;
	return authenticate(l);
}

static void *login_thread(void *arg)
{
	struct ssh_login *l = arg;
	uint64_t one = 1;
	ssize_t n;

	l->rc = log_in(l);
	n = write(l->done_fd, &one, sizeof(one));
	(void)n;
	unref(l);
	return NULL;
}

static int login_new(const struct config *cfg, const char *board, struct ssh_login **ret,
		     struct kf_error *err)
{
	struct ssh_login *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "ssh: %m");
	atomic_init(&l->refs, 1);
	l->rc = -EACCES;
	l->done_fd = eventfd(0, EFD_CLOEXEC);
	rc = l->done_fd < 0 ? kf_err(err, -errno, KF_REASON_NO_MEMORY, "ssh: %m")
			    : ssh_target_init(cfg, board, &l->to, err);
	if (rc < 0) {
		unref(l);
		return rc;
	}
	*ret = l;
	return 0;
}

static int start(struct ssh_login *l)
{
	pthread_attr_t attr;
	int rc;

	atomic_fetch_add(&l->refs, 1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1024 * 1024);
	rc = pthread_create(&l->thread, &attr, login_thread, l);
	pthread_attr_destroy(&attr);
	if (rc)
		atomic_fetch_sub(&l->refs, 1);
	return -rc;
}

int ssh_login_start(const struct config *cfg, const char *board, deadline_ms deadline,
		    bool look_only, struct ssh_login **ret, struct kf_error *err)
{
	struct ssh_login *l = NULL;
	int rc = login_new(cfg, board, &l, err);

	if (rc < 0)
		return rc;
	l->deadline = deadline;
	l->look_only = look_only;
	rc = start(l);
	if (rc < 0) {
		kf_err(err, rc, KF_REASON_UNREACHABLE, "connect to %s: %m", l->to.host);
		unref(l);
		return rc;
	}
	*ret = l;
	return 0;
}

int ssh_login_fd(const struct ssh_login *l)
{
	return l->done_fd;
}

static bool is_done(const struct ssh_login *l)
{
	struct pollfd fd = {.fd = l->done_fd, .events = POLLIN};

	return poll(&fd, 1, 0) > 0;
}

/* A thread that is done has only its end before it.  It is waited for, or it might still
 * be there when the program ends and takes down what it uses. */
static void part(struct ssh_login *l, bool done)
{
	if (done)
		pthread_join(l->thread, NULL);
	else
		pthread_detach(l->thread);
}

int ssh_login_end(struct ssh_login *l, struct link_host_key *ret_key, ssh_session *ret,
		  char **ret_describe, struct kf_error *err)
{
	bool done = is_done(l);
	int rc;

	part(l, done);
	if (!done)
		rc = kf_err(err, -ETIMEDOUT, KF_REASON_UNREACHABLE,
			    "connect to %s: no answer in time (timeout.connect)",
			    l->to.host);
	else
		rc = l->rc < 0 ? kf_err(err, l->rc, l->err.reason, "%s", l->err.msg) : 0;
	if (rc == 0 && ret_key)
		*ret_key = l->key;
	else if (rc == 0)
		*ret = TAKE_PTR(l->session);
	if (rc == 0 && ret_describe)
		*ret_describe = TAKE_PTR(l->who);
	unref(l);
	return rc;
}

/* 0 when the thread is done with the job, or the time is up. */
static int wait_done(struct ssh_login *l)
{
	struct pollfd fds[2] = {{.fd = l->done_fd, .events = POLLIN},
				{.fd = cancel_fd(), .events = POLLIN}};

	for (;;) {
		int n = poll(fds, 2, deadline_left(l->deadline));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0 || (n > 0 && fds[0].revents))
			return 0;
		if (atomic_load(cancel_flag()))
			return -ECANCELED;
	}
}

int ssh_login(const struct config *cfg, const char *board, deadline_ms deadline,
	      struct link_host_key *ret_key, ssh_session *ret, char **ret_describe,
	      struct kf_error *err)
{
	struct ssh_login *l = NULL;
	int rc = ssh_login_start(cfg, board, deadline, ret_key != NULL, &l, err);

	if (rc < 0)
		return rc;
	rc = wait_done(l);
	if (rc == 0)
		return ssh_login_end(l, ret_key, ret, ret_describe, err);
	kf_err(err, rc, rc == -ECANCELED ? KF_REASON_CANCELLED : KF_REASON_UNREACHABLE,
	       "connect to %s: %m", l->to.host);
	part(l, false);
	unref(l);
	return rc;
}
