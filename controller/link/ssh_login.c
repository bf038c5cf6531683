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
#include "proto/reason.h"

struct login {
	atomic_int refs;
	int done_fd;
	deadline_ms deadline;
	/* Copies: the caller may be gone. */
	char *board, *host, *user, *identity, *known_hosts, *pin;
	unsigned port; /* 0: as ~/.ssh/config says */
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

static void unref(struct login *l)
{
	if (atomic_fetch_sub(&l->refs, 1) > 1)
		return;
	ssh_logout(l->session);
	if (l->done_fd >= 0)
		close(l->done_fd);
	free(l->board);
	free(l->host);
	free(l->user);
	free(l->identity);
	free(l->known_hosts);
	free(l->pin);
	free(l->who);
	free(l);
}

static bool only_of(const char *s, const char *more)
{
	if (!*s || *s == '-' || strlen(s) > 255)
		return false;
	for (; *s; s++)
		if (!(*s >= 'a' && *s <= 'z') && !(*s >= 'A' && *s <= 'Z') &&
		    !(*s >= '0' && *s <= '9') && !strchr(more, *s))
			return false;
	return true;
}

bool ssh_is_host(const char *s)
{
	return only_of(s, "._-:%");
}

bool ssh_is_user(const char *s)
{
	return only_of(s, "._-+");
}

/* What the library was told and what it found in ~/.ssh/config. */
static int set_options(struct login *l)
{
	ssh_session s = l->session;
	int nodelay = 1, left = deadline_left(l->deadline);
	long seconds = left < 0 ? 60 : left / 1000 + 1;
	char *host = NULL, *user = NULL;
	unsigned port = 22;
	int rc = SSH_OK;

	rc |= ssh_options_set(s, SSH_OPTIONS_HOST, l->host);
	rc |= ssh_options_parse_config(s, NULL);
	if (l->port)
		rc |= ssh_options_set(s, SSH_OPTIONS_PORT, &l->port);
	if (l->user)
		rc |= ssh_options_set(s, SSH_OPTIONS_USER, l->user);
	if (l->identity)
		rc |= ssh_options_set(s, SSH_OPTIONS_ADD_IDENTITY, l->identity);
	if (l->known_hosts)
		rc |= ssh_options_set(s, SSH_OPTIONS_KNOWNHOSTS, l->known_hosts);
	rc |= ssh_options_set(s, SSH_OPTIONS_TIMEOUT, &seconds);
	rc |= ssh_options_set(s, SSH_OPTIONS_NODELAY, &nodelay);
	rc |= ssh_options_set(s, SSH_OPTIONS_COMPRESSION, "no");
	if (rc != SSH_OK)
		return kf_err(&l->err, -EINVAL, KF_REASON_CONFIG, "ssh to %s: %s",
			      l->host, ssh_get_error(s));
	ssh_options_get_port(s, &port);
	if (ssh_options_get(s, SSH_OPTIONS_HOST, &host) != SSH_OK)
		host = NULL;
	if (ssh_options_get(s, SSH_OPTIONS_USER, &user) != SSH_OK)
		user = NULL;
	if (asprintf(&l->who, "%s%s%s:%u", user ? user : "", user ? "@" : "",
		     host ? host : l->host, port) < 0)
		l->who = NULL;
	ssh_string_free_char(host);
	ssh_string_free_char(user);
	return l->who ? 0 : kf_err(&l->err, -ENOMEM, KF_REASON_NO_MEMORY, "ssh: %m");
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

static int authenticate(struct login *l)
{
	char methods[80];
	int rc;

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
		      l->identity ? l->identity : "~/.ssh");
}

static int log_in(struct login *l)
{
	int rc = -EACCES;

	l->session = ssh_new();
	if (!l->session)
		return kf_err(&l->err, -ENOMEM, KF_REASON_NO_MEMORY, "ssh: %m");
	rc = set_options(l);
	if (rc < 0)
		return rc;
	if (ssh_connect(l->session) != SSH_OK)
		return kf_err(&l->err, -EHOSTUNREACH, KF_REASON_UNREACHABLE,
			      "connect to %s: %s", l->who, ssh_get_error(l->session));
	keep_alive((int)ssh_get_fd(l->session));
	rc = ssh_hostkey_look(l->session, l->pin, &l->key, &l->err);
	if (rc < 0 || l->look_only)
		return rc;
	rc = ssh_hostkey_judge(&l->key, l->who, l->board, l->host, &l->err);
	if (rc < 0)
		return rc;
	return authenticate(l);
}

static void *login_thread(void *arg)
{
	struct login *l = arg;
	uint64_t one = 1;
	ssize_t n;

	l->rc = log_in(l);
	n = write(l->done_fd, &one, sizeof(one));
	(void)n;
	unref(l);
	return NULL;
}

static int copy(char **dst, const char *src)
{
	if (!src)
		return 0;
	*dst = strdup(src);
	return *dst ? 0 : -ENOMEM;
}

static int login_new(const struct config *cfg, const char *board, struct login **ret,
		     struct kf_error *err)
{
	const char *host = config_get(cfg, board, "board.host");
	const char *user = config_get(cfg, board, "board.user");
	uint64_t port = config_uint(cfg, board, "board.port");
	struct login *l;

	if (!host)
		return kf_err(
			err, -EINVAL, KF_REASON_CONFIG,
			"board.host is not set: `kferry -b %s config set board.host "
			"NAME`",
			board);
	if (!ssh_is_host(host))
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "board.host \"%s\" is no host name or address", host);
	if (user && !ssh_is_user(user))
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "board.user \"%s\" is no login name", user);
	if (port > 65535)
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "board.port is more than 65535");
	l = calloc(1, sizeof(*l));
	if (!l)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "ssh: %m");
	atomic_init(&l->refs, 1);
	l->rc = -EACCES;
	l->port = (unsigned)port;
	l->done_fd = eventfd(0, EFD_CLOEXEC);
	if (l->done_fd < 0 || copy(&l->board, board) < 0 || copy(&l->host, host) < 0 ||
	    copy(&l->user, user) < 0 ||
	    copy(&l->identity, config_get(cfg, board, "board.identity")) < 0 ||
	    copy(&l->known_hosts, config_get(cfg, board, "board.known_hosts")) < 0 ||
	    copy(&l->pin, config_get(cfg, board, "board.host_key_sha256")) < 0) {
		unref(l);
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "ssh: %m");
	}
	*ret = l;
	return 0;
}

static int start(struct login *l)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	atomic_fetch_add(&l->refs, 1);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 1024 * 1024);
	rc = pthread_create(&thread, &attr, login_thread, l);
	pthread_attr_destroy(&attr);
	if (rc)
		atomic_fetch_sub(&l->refs, 1);
	return -rc;
}

/* 0 when the thread is done with the job. */
static int wait_done(struct login *l)
{
	struct pollfd fds[2] = {{.fd = l->done_fd, .events = POLLIN},
				{.fd = cancel_fd(), .events = POLLIN}};

	for (;;) {
		int n = poll(fds, 2, deadline_left(l->deadline));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && fds[0].revents)
			return 0;
		if (atomic_load(cancel_flag()))
			return -ECANCELED;
		if (n == 0)
			return -ETIMEDOUT;
	}
}

int ssh_login(const struct config *cfg, const char *board, deadline_ms deadline,
	      struct link_host_key *ret_key, ssh_session *ret, char **ret_describe,
	      struct kf_error *err)
{
	struct login *l = NULL;
	int rc;

	rc = login_new(cfg, board, &l, err);
	if (rc < 0)
		return rc;
	l->deadline = deadline;
	l->look_only = ret_key != NULL;
	rc = start(l);
	if (rc == 0)
		rc = wait_done(l);
	if (rc == -ETIMEDOUT)
		kf_err(err, rc, KF_REASON_UNREACHABLE,
		       "connect to %s: no answer in timeout.connect", l->host);
	else if (rc < 0)
		kf_err(err, rc,
		       rc == -ECANCELED ? KF_REASON_CANCELLED : KF_REASON_UNREACHABLE,
		       "connect to %s: %m", l->host);
	else if (l->rc < 0)
		rc = kf_err(err, l->rc, l->err.reason, "%s", l->err.msg);
	if (rc == 0 && ret_key)
		*ret_key = l->key;
	else if (rc == 0)
		*ret = TAKE_PTR(l->session);
	if (rc == 0 && ret_describe)
		*ret_describe = TAKE_PTR(l->who);
	unref(l);
	return rc;
}
