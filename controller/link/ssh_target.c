// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The digest is over what the library made of it all, not over the configuration's text
 * only: an alias, a jump host or a user may come from ~/.ssh/config, which counts as a
 * whole besides, as not all that it can say may be asked for.
 */
#include "controller/link/ssh_target.h"

#include <fcntl.h>
#include <pwd.h>
#include <string.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define CONFIG_MAX (1024 * 1024)

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

/* Words that a shell (ProxyCommand) and a terminal can take as they are. */
static bool is_host(const char *s)
{
	return only_of(s, "._-:%");
}

static bool is_user(const char *s)
{
	return only_of(s, "._-+");
}

void ssh_target_fini(struct ssh_target *t)
{
	free(t->board);
	free(t->host);
	free(t->user);
	free(t->identity);
	free(t->known_hosts);
	free(t->pin);
	*t = (struct ssh_target){0};
}

static int copy(char **dst, const char *src)
{
	if (!src)
		return 0;
	*dst = strdup(src);
	return *dst ? 0 : -ENOMEM;
}

static int check(const char *board, const char *host, const char *user, uint64_t port,
		 struct kf_error *err)
{
	if (!host)
		return kf_err(
			err, -EINVAL, KF_REASON_CONFIG,
			"board.host is not set: `kferry -b %s config set board.host "
			"NAME`",
			board);
	if (!is_host(host))
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "board.host \"%s\" is no host name or address", host);
	if (user && !is_user(user))
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "board.user \"%s\" is no login name", user);
	if (port > 65535)
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "board.port is more than 65535");
	return 0;
}

int ssh_target_init(const struct config *cfg, const char *board, struct ssh_target *ret,
		    struct kf_error *err)
{
	const char *host = config_get(cfg, board, "board.host");
	const char *user = config_get(cfg, board, "board.user");
	uint64_t port = config_uint(cfg, board, "board.port");
	struct ssh_target t = {.port = (unsigned)port};
	int rc = check(board, host, user, port, err);

	if (rc < 0)
		return rc;
	if (copy(&t.board, board) < 0 || copy(&t.host, host) < 0 ||
	    copy(&t.user, user) < 0 ||
	    copy(&t.identity, config_get(cfg, board, "board.identity")) < 0 ||
	    copy(&t.known_hosts, config_get(cfg, board, "board.known_hosts")) < 0 ||
	    copy(&t.pin, config_get(cfg, board, "board.host_key_sha256")) < 0) {
		ssh_target_fini(&t);
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "ssh: %m");
	}
	*ret = t;
	return 0;
}

/* What the library was told and what it found in ~/.ssh/config. */
static char *describe(const struct ssh_target *t, ssh_session s)
{
	char *host = NULL, *user = NULL, *who;
	unsigned port = 22;

	ssh_options_get_port(s, &port);
	if (ssh_options_get(s, SSH_OPTIONS_HOST, &host) != SSH_OK)
		host = NULL;
	if (ssh_options_get(s, SSH_OPTIONS_USER, &user) != SSH_OK)
		user = NULL;
	who = strf("%s%s%s:%u", user ? user : "", user ? "@" : "", host ? host : t->host,
		   port);
	ssh_string_free_char(host);
	ssh_string_free_char(user);
	return who;
}

int ssh_target_apply(const struct ssh_target *t, ssh_session s, int timeout_ms,
		     char **ret_who, struct kf_error *err)
{
	long seconds = timeout_ms < 0 ? 60 : timeout_ms / 1000 + 1;
	int nodelay = 1, rc = SSH_OK;

	rc |= ssh_options_set(s, SSH_OPTIONS_HOST, t->host);
	rc |= ssh_options_parse_config(s, NULL);
	if (t->port)
		rc |= ssh_options_set(s, SSH_OPTIONS_PORT, &t->port);
	if (t->user)
		rc |= ssh_options_set(s, SSH_OPTIONS_USER, t->user);
	if (t->identity)
		rc |= ssh_options_set(s, SSH_OPTIONS_ADD_IDENTITY, t->identity);
	if (t->known_hosts)
		rc |= ssh_options_set(s, SSH_OPTIONS_KNOWNHOSTS, t->known_hosts);
	rc |= ssh_options_set(s, SSH_OPTIONS_TIMEOUT, &seconds);
	rc |= ssh_options_set(s, SSH_OPTIONS_NODELAY, &nodelay);
	rc |= ssh_options_set(s, SSH_OPTIONS_COMPRESSION, "no");
	if (rc != SSH_OK)
		return kf_err(err, -EINVAL, KF_REASON_CONFIG, "ssh to %s: %s", t->host,
			      ssh_get_error(s));
	*ret_who = describe(t, s);
	return *ret_who ? 0 : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "ssh: %m");
}

/* Each with its length, so that no two lists of fields look alike. */
static void add(struct digest_ctx *c, const void *data, size_t n)
{
	uint64_t len = n;

	digest_update(c, &len, sizeof(len));
	if (n)
		digest_update(c, data, n);
}

static void add_text(struct digest_ctx *c, const char *s)
{
	add(c, s ? s : "\1", s ? strlen(s) : 1);
}

static void add_users_config(struct digest_ctx *c)
{
	_buf_ struct buf text = BUF_INIT;
	struct passwd entry, *pw = NULL;
	_free_ char *path = NULL;
	char room[1024];

	if (getpwuid_r(getuid(), &entry, room, sizeof(room), &pw) == 0 && pw)
		path = strf("%s/.ssh/config", pw->pw_dir);
	if (!path || fs_read_file(AT_FDCWD, path, CONFIG_MAX, &text) < 0)
		buf_reset(&text);
	add(c, buf_data(&text), buf_len(&text));
}

static void add_options(struct digest_ctx *c, ssh_session s)
{
	static const enum ssh_options_e options[] = {
		SSH_OPTIONS_HOST,	SSH_OPTIONS_USER,
		SSH_OPTIONS_IDENTITY,	SSH_OPTIONS_PROXYCOMMAND,
		SSH_OPTIONS_KNOWNHOSTS, SSH_OPTIONS_GLOBAL_KNOWNHOSTS,
	};
	unsigned port = 0;

	ssh_options_get_port(s, &port);
	add(c, &port, sizeof(port));
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		char *value = NULL;

		if (ssh_options_get(s, options[i], &value) != SSH_OK)
			value = NULL;
		add_text(c, value);
		ssh_string_free_char(value);
	}
}

int ssh_target_digest(const struct config *cfg, const char *board, struct digest *ret,
		      struct kf_error *err)
{
	ssh_session session = ssh_new();
	struct ssh_target t = {0};
	_free_ char *who = NULL;
	struct digest_ctx c;
	int rc;

	if (!session)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "ssh: %m");
	rc = ssh_target_init(cfg, board, &t, err);
	if (rc == 0)
		rc = ssh_target_apply(&t, session, 1000, &who, err);
	if (rc == 0) {
		digest_init(&c);
		add_text(&c, t.host);
		add_text(&c, t.user);
		add_text(&c, t.identity);
		add_text(&c, t.known_hosts);
		add_text(&c, t.pin);
		add(&c, &t.port, sizeof(t.port));
		add_text(&c, who);
		add_options(&c, session);
		add_users_config(&c);
		digest_final(&c, ret);
	}
	ssh_target_fini(&t);
	ssh_free(session);
	return rc;
}
