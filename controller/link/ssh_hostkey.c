// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Host keys.  libssh checks nothing by itself; a session whose key was not judged good
 * here is never logged in to.
 */
#include "controller/link/ssh_hostkey.h"

#include <fcntl.h>
#include <string.h>

#include "proto/base/fs.h"
#include "proto/reason.h"

#define KNOWN_HOSTS_MAX (4 * 1024 * 1024)

static int fingerprint(ssh_key key, char *dst, size_t size)
{
	unsigned char *hash = NULL;
	char *text = NULL;
	size_t len = 0;
	int rc = -EIO;

	if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &len) == 0)
		text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, len);
	if (text && strlen(text) < size) {
		memcpy(dst, text, strlen(text) + 1);
		rc = 0;
	}
	ssh_string_free_char(text);
	ssh_clean_pubkey_hash(&hash);
	return rc;
}

/* The key that a file knows for the host, of the same type if there is one. */
static bool known_in(const char *path, const char *host, const char *type, char *dst,
		     size_t size)
{
	_buf_ struct buf text = BUF_INIT;
	bool found = false;
	char *rest;

	if (fs_read_file(AT_FDCWD, path, KNOWN_HOSTS_MAX, &text) < 0 || !buf_str(&text))
		return false;
	rest = (char *)buf_str(&text);
	for (char *line; (line = strsep(&rest, "\n"));) {
		struct ssh_knownhosts_entry *entry = NULL;
		bool same;

		if (ssh_known_hosts_parse_line(host, line, &entry) != SSH_OK)
			continue;
		same = !strcmp(ssh_key_type_to_char(ssh_key_type(entry->publickey)),
			       type);
		if ((same || !found) && fingerprint(entry->publickey, dst, size) == 0)
			found = true;
		ssh_knownhosts_entry_free(entry);
		if (found && same)
			break;
	}
	return found;
}

static void find_known(ssh_session session, struct link_host_key *key)
{
	static const enum ssh_options_e files[] = {SSH_OPTIONS_KNOWNHOSTS,
						   SSH_OPTIONS_GLOBAL_KNOWNHOSTS};
	char *host = NULL, *with_port = NULL;
	unsigned port = 22;
	bool found = false;

	ssh_options_get_port(session, &port);
	if (ssh_options_get(session, SSH_OPTIONS_HOST, &host) != SSH_OK)
		return;
	if (asprintf(&with_port, "[%s]:%u", host, port) < 0)
		with_port = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(files) && !found; i++) {
		char *path = NULL;

		if (ssh_options_get(session, files[i], &path) != SSH_OK)
			continue;
		found = (with_port && known_in(path, with_port, key->type, key->known,
					       sizeof(key->known))) ||
			known_in(path, host, key->type, key->known, sizeof(key->known));
		ssh_string_free_char(path);
	}
	free(with_port);
	ssh_string_free_char(host);
}

int ssh_hostkey_look(ssh_session session, const char *pin, struct link_host_key *ret,
		     struct kf_error *err)
{
	struct link_host_key key = {.state = HOST_KEY_CHANGED};
	enum ssh_known_hosts_e known;
	ssh_key public = NULL;
	int rc = -EIO;

	if (ssh_get_server_publickey(session, &public) == SSH_OK) {
		snprintf(key.type, sizeof(key.type), "%s",
			 ssh_key_type_to_char(ssh_key_type(public)));
		rc = fingerprint(public, key.fingerprint, sizeof(key.fingerprint));
	}
	ssh_key_free(public);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_HOST_KEY, "its host key: %s",
			      ssh_get_error(session));
	if (pin) {
		snprintf(key.known, sizeof(key.known), "%s", pin);
		if (!strcmp(pin, key.fingerprint))
			key.state = HOST_KEY_GOOD;
		*ret = key;
		return 0;
	}
	known = ssh_session_is_known_server(session);
	if (known == SSH_KNOWN_HOSTS_OK)
		key.state = HOST_KEY_GOOD;
	else if (known == SSH_KNOWN_HOSTS_UNKNOWN || known == SSH_KNOWN_HOSTS_NOT_FOUND)
		key.state = HOST_KEY_UNKNOWN;
	else if (known == SSH_KNOWN_HOSTS_ERROR)
		return kf_err(err, -EIO, KF_REASON_HOST_KEY, "known_hosts: %s",
			      ssh_get_error(session));
	else
		find_known(session, &key);
	*ret = key;
	return 0;
}

int ssh_hostkey_judge(const struct link_host_key *key, const char *who, const char *board,
		      const char *host, struct kf_error *err)
{
	if (key->state == HOST_KEY_GOOD)
		return 0;
	if (key->state == HOST_KEY_UNKNOWN)
		return kf_err(err, -EACCES, KF_REASON_HOST_KEY,
			      "the host key of %s is not known: %s %s; if it is the "
			      "board's, `kferry board setup %s --accept-host-key %s`",
			      who, key->type, key->fingerprint, board, key->fingerprint);
	return kf_err(err, -EACCES, KF_REASON_HOST_KEY,
		      "the host key of %s has changed: known was %s, now it is %s %s; "
		      "another machine may answer in its place. If the board was "
		      "installed anew: `ssh-keygen -R %s` and log in once, or `kferry "
		      "board setup %s --accept-host-key %s`",
		      who, key->known[0] ? key->known : "a key of another type",
		      key->type, key->fingerprint, host, board, key->fingerprint);
}
