// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kferry board add: a board becomes known.  If it cannot be reached or its host key is
 * not accepted, nothing of it stays.
 */
#include <string.h>

#include "controller/cmd/cmd_board.h"
#include "controller/link/link.h"
#include "proto/reason.h"

struct target {
	char *user, *host, *port; /* into one copy; NULL: not given */
	char *copy;
};

/* "[user@]host[:port]"; an IPv6 address stands in brackets. */
static int parse_target(const char *text, struct target *ret, struct kf_error *err)
{
	struct target t = {.copy = strdup(text)};
	char *at, *end;

	if (!t.copy)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "%m");
	t.host = t.copy;
	at = strrchr(t.copy, '@');
	if (at) {
		*at = '\0';
		t.user = t.copy;
		t.host = at + 1;
	}
	if (t.host[0] == '[') {
		end = strchr(++t.host, ']');
		if (!end || (end[1] && end[1] != ':'))
			goto bad;
		t.port = end[1] ? end + 2 : NULL;
		*end = '\0';
	} else {
		end = strchr(t.host, ':');
		if (end && strchr(end + 1, ':'))
			goto bad;
		t.port = end ? end + 1 : NULL;
		if (end)
			*end = '\0';
	}
	if (!*t.host || (t.user && !*t.user) || (t.port && !*t.port))
		goto bad;
	*ret = t;
	return 0;
bad:
	free(t.copy);
	return kf_err(err, -EINVAL, KF_REASON_USAGE,
		      "\"%s\" is not [USER@]HOST[:PORT], nor [USER@][ADDRESS]:PORT",
		      text);
}

static int put(struct cmd_env *env, const char *name, const char *key, const char *value,
	       struct kf_error *err)
{
	if (!value)
		return 0;
	return config_write(env->cfg, CONFIG_USER, name, key, value, err);
}

static int write_keys(struct cmd_env *env, const char *name, const struct target *t,
		      const struct board_args *a, struct kf_error *err)
{
	int rc = put(env, name, "board.link", a->link, err);

	if (rc == 0)
		rc = put(env, name, "board.host", t->host, err);
	if (rc == 0)
		rc = put(env, name, "board.user", t->user, err);
	if (rc == 0)
		rc = put(env, name, "board.port", t->port, err);
	if (rc == 0)
		rc = put(env, name, "board.identity", a->identity, err);
	if (rc == 0)
		rc = put(env, name, "board.run", a->run, err);
	return rc < 0 ? rc : put(env, name, "board.profile", a->profile, err);
}

/* Ask whether the key is the board's. */
static int ask(struct cmd_env *env, const char *name, const struct link_host_key *key,
	       struct kf_error *err)
{
	_free_ char *question = NULL;
	bool yes = false;
	int rc;

	if (asprintf(&question,
		     "The host key of %s is not known yet: %s %s\nIs that the board's?",
		     name, key->type, key->fingerprint) < 0) {
		question = NULL;
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "%m");
	}
	rc = ui_confirm(env->ui, question, &yes);
	if (rc == -ENOTTY)
		return kf_err(err, rc, KF_REASON_HOST_KEY,
			      "its host key is not known: %s %s; there is no terminal to "
			      "ask on; if it is the board's, `--accept-host-key %s`",
			      key->type, key->fingerprint, key->fingerprint);
	if (rc == 0 && yes)
		return 0;
	return kf_err(err, rc < 0 ? rc : -EACCES,
		      rc == -ECANCELED ? KF_REASON_CANCELLED : KF_REASON_HOST_KEY,
		      "its host key %s was not accepted", key->fingerprint);
}

int board_host_key(struct cmd_env *env, const char *name, const char *accept,
		   struct kf_error *err)
{
	struct link_host_key key;
	int rc;

	rc = link_host_key(env->cfg, name, cmd_connect_deadline(env, name), &key, err);
	if (rc < 0)
		return rc;
	if (accept && key.fingerprint[0] && strcmp(accept, key.fingerprint))
		return kf_err(err, -EACCES, KF_REASON_HOST_KEY,
			      "its host key is %s %s, not the one that --accept-host-key "
			      "names",
			      key.type, key.fingerprint);
	/* A changed key without its fingerprint named: the login that follows says so. */
	if (key.state == HOST_KEY_GOOD || (key.state == HOST_KEY_CHANGED && !accept))
		return 0;
	if (!accept) {
		rc = ask(env, name, &key, err);
		if (rc < 0)
			return rc;
	}
	return config_write(env->cfg, config_board_layer(env->cfg, name), name,
			    "board.host_key_sha256", key.fingerprint, err);
}

static int add(struct cmd_env *env, const char *name, const struct target *t,
	       const struct board_args *a, struct kf_error *err)
{
	struct kf_error ignored = {0};
	int rc = write_keys(env, name, t, a, err);

	if (rc == 0 && link_check(env->cfg, name, err) < 0) {
		rc = err->code;
		err->reason = KF_REASON_USAGE;
	}
	if (rc == 0 && (!a->no_setup || a->accept))
		rc = board_host_key(env, name, a->accept, err);
	if (rc == 0 && a->make_default)
		rc = config_write(env->cfg, CONFIG_USER, NULL, "board.default", name,
				  err);
	if (rc < 0 && config_has_board(env->cfg, name))
		(void)!config_remove_board(env->cfg, name, &ignored);
	return rc;
}

int board_add(struct cmd_env *env, const char *name, const char *where,
	      const struct board_args *a)
{
	_free_ char *profile = NULL;
	struct target t = {0};
	struct kf_error err = {0};
	int rc;

	if (config_has_board(env->cfg, name)) {
		kf_err(&err, -EEXIST, KF_REASON_EXISTS,
		       "there is such a board already; `kferry board rm %s` forgets it",
		       name);
		return cmd_fail(env, name, &err);
	}
	profile = a->profile ? config_profile_path(env->cfg, a->profile) : NULL;
	if (a->profile && !profile)
		return cmd_usage(env, "board",
				 "there is no profile \"%s\"; `kferry init --list` shows "
				 "those there are",
				 a->profile);
	rc = where ? parse_target(where, &t, &err) : 0;
	if (rc == 0)
		rc = add(env, name, &t, a, &err);
	free(t.copy);
	if (rc < 0)
		return cmd_fail(env, name, &err);
	ui_step(env->ui, "board", name, -1, NULL, "added to %s",
		config_file(env->cfg, CONFIG_USER));
	return a->no_setup ? STATUS_PASS : board_setup(env, name, a);
}
