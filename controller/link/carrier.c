// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A packet that no flow waits for (a rekey, the server's own question whether we live) is
 * taken in through the library's event loop, of which one round is turned at a time.
 */
#include "controller/link/carrier.h"

#include <libssh/libssh.h>
#include <libssh/server.h> /* ssh_send_keepalive() */
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>

#include "controller/link/ssh_hostkey.h"
#include "controller/link/ssh_login.h"
#include "controller/link/ssh_target.h"
#include "proto/reason.h"

/* Bytes that the kernel may hold unsent: more would only delay the other flows. */
#define UNSENT_MAX (256 * 1024)

struct carrier {
	ssh_session session;
	ssh_event loop;
	struct ssh_counter_struct in, out;
	char *board, *host, *pin, *who;
};

struct carrier_login {
	struct ssh_login *login;
	char *board, *host, *pin;
};

static int copy(char **dst, const char *src)
{
	*dst = src ? strdup(src) : NULL;
	return src && !*dst ? -ENOMEM : 0;
}

int carrier_target(const struct config *cfg, const char *board, struct digest *ret,
		   struct kf_error *err)
{
	const char *link = config_get(cfg, board, "board.link");

	if (!link || strcmp(link, "ssh"))
		return kf_err(err, -EOPNOTSUPP, KF_REASON_CONFIG,
			      "its link is \"%s\": only ssh can be kept open",
			      link ? link : "");
	return ssh_target_digest(cfg, board, ret, err);
}

static void login_free(struct carrier_login *l)
{
	free(l->board);
	free(l->host);
	free(l->pin);
	free(l);
}

int carrier_login_start(const struct config *cfg, const char *board, deadline_ms deadline,
			struct carrier_login **ret, struct kf_error *err)
{
	struct carrier_login *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "ssh: %m");
	if (copy(&l->board, board) < 0 ||
	    copy(&l->host, config_get(cfg, board, "board.host")) < 0 ||
	    copy(&l->pin, config_get(cfg, board, "board.host_key_sha256")) < 0)
		rc = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "ssh: %m");
	else
		rc = ssh_login_start(cfg, board, deadline, false, &l->login, err);
	if (rc < 0) {
		login_free(l);
		return rc;
	}
	*ret = l;
	return 0;
}

int carrier_login_fd(const struct carrier_login *l)
{
	return ssh_login_fd(l->login);
}

static int carrier_init(struct carrier *c)
{
	int unsent = UNSENT_MAX;

	ssh_set_blocking(c->session, 0);
	ssh_set_counters(c->session, &c->out, &c->in);
	setsockopt(ssh_get_fd(c->session), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent,
		   sizeof(unsent));
	c->loop = ssh_event_new();
	return c->loop && ssh_event_add_session(c->loop, c->session) == SSH_OK ? 0
									       : -ENOMEM;
}

int carrier_login_end(struct carrier_login *l, struct carrier **ret, struct kf_error *err)
{
	struct carrier *c = calloc(1, sizeof(*c));
	ssh_session session = NULL;
	char *who = NULL;
	int rc = ssh_login_end(l->login, NULL, &session, &who, err);

	if (rc == 0 && !c) {
		ssh_logout(session);
		free(who);
		rc = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "ssh: %m");
	}
	if (rc < 0) {
		free(c);
		login_free(l);
		return rc;
	}
	*c = (struct carrier){.session = session,
			      .who = who,
			      .board = TAKE_PTR(l->board),
			      .host = TAKE_PTR(l->host),
			      .pin = TAKE_PTR(l->pin)};
	login_free(l);
	if (carrier_init(c) < 0) {
		carrier_free(c);
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "ssh: %m");
	}
	*ret = c;
	return 0;
}

void carrier_free(struct carrier *c)
{
	if (!c)
		return;
	if (c->loop) {
		ssh_event_remove_session(c->loop, c->session);
		ssh_event_free(c->loop);
	}
	ssh_logout(c->session);
	free(c->board);
	free(c->host);
	free(c->pin);
	free(c->who);
	free(c);
}

int carrier_open(struct carrier *c, deadline_ms deadline, struct ssh_flow **ret)
{
	return ssh_flow_new(c->session, deadline, ret);
}

int carrier_check_key(struct carrier *c, struct kf_error *err)
{
	struct link_host_key key;
	int rc = ssh_hostkey_look(c->session, c->pin, &key, err);

	return rc < 0 ? rc : ssh_hostkey_judge(&key, c->who, c->board, c->host, err);
}

int carrier_step(struct carrier *c)
{
	if (ssh_event_dopoll(c->loop, 0) == SSH_ERROR || !ssh_is_connected(c->session))
		return -ECONNRESET;
	return 0;
}

void carrier_wants(const struct carrier *c, struct pollfd *ret)
{
	*ret = (struct pollfd){.fd = ssh_get_fd(c->session), .events = POLLIN};
	if (ssh_get_poll_flags(c->session) & SSH_WRITE_PENDING)
		ret->events |= POLLOUT;
}

bool carrier_is_sending(const struct carrier *c)
{
	int left = 0;

	if (ssh_get_poll_flags(c->session) & SSH_WRITE_PENDING)
		return true;
	/* Of TCP: what is not acknowledged. */
	return ioctl(ssh_get_fd(c->session), SIOCOUTQ, &left) == 0 && left > 0;
}

/* The first call takes the answer to the question before, if that has come, and the
 * second asks; where there was none it is the other way round.  After both, one is on its
 * way. */
void carrier_ask(struct carrier *c)
{
	ssh_send_keepalive(c->session);
	ssh_send_keepalive(c->session);
}

uint64_t carrier_heard(const struct carrier *c)
{
	return c->in.in_bytes;
}

const char *carrier_error(struct carrier *c)
{
	const char *said = ssh_get_error(c->session);

	return *said ? said : "it was closed";
}

const char *carrier_who(const struct carrier *c)
{
	return c->who;
}

bool carrier_peer(const struct carrier *c, struct sockaddr_storage *ret)
{
	return ssh_login_peer(c->session, ret);
}
