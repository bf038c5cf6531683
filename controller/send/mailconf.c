// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/send/mailconf.h"

#include <string.h>

#include "controller/git/git.h"
#include "controller/near.h"
#include "controller/send/mailtext.h"
#include "controller/strf.h"
#include "proto/reason.h"
#include "proto/text.h"

#define VALUES_MAX (64u * 1024)
#define VALUE_MAX  1024

enum kind { PLAIN, ADDRESS, PORT, ENCRYPTION };

/* Those one may set; git: its key, of sendemail where there is no dot. */
static const struct {
	const char *name, *git;
	enum kind kind;
	const char *help;
} settings[] = {
	{"name", "user.name", PLAIN, "your name"},
	{"email", "user.email", ADDRESS, "your address"},
	{"from", "from", ADDRESS, "the sender, where that is another one"},
	{"smtpserver", "smtpserver", PLAIN, "the host that takes mail, or a program"},
	{"smtpserverport", "smtpserverport", PORT, "its port"},
	{"smtpencryption", "smtpencryption", ENCRYPTION, "tls, ssl or none"},
	{"smtpuser", "smtpuser", PLAIN, "the login there"},
};

/* --- asking git ----------------------------------------------------------------------
 */

/* git config with these words; *ret NULL: not set. */
static int ask(const char *src, const char *how, const char *key, char **ret,
	       struct kf_error *err)
{
	const char *const words[] = {"config", how, key, NULL};
	_buf_ struct buf out = {.max = VALUES_MAX};
	int status = 0;
	int rc = git_run(src, words, GIT_READS, &out, &status, err);
	const char *text;

	*ret = NULL;
	if (rc < 0 || status == 1)
		return rc;
	if (status)
		return kf_err(err, -EIO, KF_REASON_CONFIG,
			      "git cannot read %s of its configuration: `git config %s "
			      "%s`",
			      key, how, key);
	text = buf_str(&out);
	*ret = text ? strdup(text) : NULL;
	if (!*ret)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (**ret && (*ret)[strlen(*ret) - 1] == '\n')
		(*ret)[strlen(*ret) - 1] = '\0';
	return 0;
}

int mailconf_get(const char *src, const char *key, bool several, char **ret,
		 struct kf_error *err)
{
	const char *how = several ? "--get-all" : "--get";
	_free_ char *identity = NULL;
	_free_ char *full = NULL;
	int rc = ask(src, "--get", "sendemail.identity", &identity, err);

	if (rc == 0 && identity && *identity) {
		full = strf("sendemail.%s.%s", identity, key);
		rc = full ? ask(src, how, full, ret, err)
			  : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
		if (rc < 0 || *ret)
			return rc;
	}
	free(full);
	full = strf("sendemail.%s", key);
	if (rc == 0)
		rc = full ? ask(src, how, full, ret, err)
			  : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	return rc;
}

int mailconf_no_header_cmd(const char *src, char **ret, struct kf_error *err)
{
	_free_ char *identity = NULL;
	int rc = ask(src, "--get", "sendemail.identity", &identity, err);
	bool of_identity = rc == 0 && identity && *identity;

	if (rc < 0)
		return rc;
	if (of_identity && strchr(identity, '='))
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "sendemail.identity has a =, by which git's -c would be "
			      "misled: rename it");
	*ret = strf("sendemail.%s%sheaderCmd=true", of_identity ? identity : "",
		    of_identity ? "." : "");
	return *ret ? 0 : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

int mailconf_sender(const char *src, char **ret, struct kf_error *err)
{
	static const char *const words[] = {"var", "GIT_AUTHOR_IDENT", NULL};
	_buf_ struct buf out = {.max = VALUES_MAX};
	_free_ char *from = NULL;
	const char *at, *email;
	size_t n, len;
	int rc = mailconf_get(src, "from", false, &from, err);

	if (rc == 0 && !from)
		rc = git_check(src, words, GIT_READS, &out, err);
	if (rc < 0)
		return kf_err_wrap(err, "who sends it is not known (`kferry send "
					"--setup`)");
	if (!from && buf_len(&out))
		from = strdup(buf_str(&out) ? buf_str(&out) : "");
	if (!from || !mailtext_address(from, strlen(from), &at, &len))
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "who sends it is no address: \"%s\" (sendemail.from, "
			      "user.email)",
			      from ? from : "");
	mailtext_email(at, len, &email, &n);
	*ret = strndup(email, n);
	return *ret ? 0 : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* --- showing -------------------------------------------------------------------------
 */

struct show {
	const char *src;
	struct ui *ui;
	bool whole;
};

static void say(struct show *s, const char *name, const char *value, const char *lacks)
{
	if (lacks)
		s->whole = false;
	ui_out(s->ui, "  %-16s ", name);
	if (lacks)
		ui_out_paint(s->ui, UI_YELLOW, "missing");
	ui_out(s->ui, "%s%s\n", lacks ? ": " : value ? value : "-", lacks ? lacks : "");
	ui_json(s->ui, json_pack("{s:s, s:s, s:s*, s:s*}", "event", "mail-setting",
				 "name", name, "value", value, "missing", lacks));
}

/* Is it set?  Its value is nobody's business. */
static int show_password(struct show *s, struct kf_error *err)
{
	static const char *const words[] = {"config", "--name-only", "--get-regexp",
					    "^sendemail\\.(.*\\.)?smtppass$", NULL};
	_buf_ struct buf out = {.max = VALUES_MAX};
	int status = 0;
	int rc = git_run(s->src, words, GIT_READS, &out, &status, err);

	if (rc < 0)
		return rc;
	say(s, "smtppass",
	    status == 0 ? "set (not shown), in a file that others may read: "
			  "credential.helper keeps it better"
			: "asked for when it is needed, or by credential.helper",
	    NULL);
	return 0;
}

static bool is_local(const char *server)
{
	return *server == '/' || strcmp(server, "localhost") == 0 ||
	       strncmp(server, "127.", 4) == 0 || strcmp(server, "::1") == 0;
}

/* What has to be there, by what else is. */
static const char *lack_of(const char *name, const char *value, const char *server)
{
	if (value && *value)
		return NULL;
	if (strcmp(name, "name") == 0 || strcmp(name, "email") == 0)
		return "kferry send --setup name='Ann Example' email=ann@example.org";
	if (strcmp(name, "smtpserver") == 0 && access("/usr/sbin/sendmail", X_OK) < 0 &&
	    access("/usr/lib/sendmail", X_OK) < 0)
		return "there is no sendmail here, either: kferry send --setup "
		       "smtpserver=mail.example.org";
	if (strcmp(name, "smtpencryption") == 0 && server && !is_local(server))
		return "your password would be readable on the way: tls or ssl, or none "
		       "if that is meant";
	return NULL;
}

static int show_program(struct show *s, struct kf_error *err)
{
	static const char *const words[] = {"--exec-path", NULL};
	_buf_ struct buf out = {.max = VALUES_MAX};
	_free_ char *path = NULL;
	int rc = git_check(s->src, words, GIT_READS, &out, err);
	const char *text = rc == 0 ? buf_str(&out) : NULL;

	if (rc < 0)
		return rc;
	path = text ? strf("%.*s/git-send-email", (int)strcspn(text, "\n"), text) : NULL;
	if (!path)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	say(s, "git send-email", access(path, X_OK) == 0 ? path : NULL,
	    access(path, X_OK) == 0 ? NULL : "install it; Debian's package is git-email");
	return 0;
}

int mailconf_show(const char *src, struct ui *ui, bool *ret_whole, struct kf_error *err)
{
	struct show s = {.src = src, .ui = ui, .whole = true};
	_free_ char *server = NULL;
	int rc = mailconf_get(src, "smtpserver", false, &server, err);

	if (rc == 0)
		rc = show_program(&s, err);
	for (size_t i = 0; i < ARRAY_SIZE(settings) && rc == 0; i++) {
		const char *git = settings[i].git;
		_free_ char *value = NULL;

		rc = strchr(git, '.') ? ask(src, "--get", git, &value, err)
				      : mailconf_get(src, git, false, &value, err);
		if (rc == 0)
			say(&s, settings[i].name, value,
			    lack_of(settings[i].name, value, server));
	}
	if (rc == 0)
		rc = show_password(&s, err);
	*ret_whole = s.whole;
	return rc;
}

/* --- setting -------------------------------------------------------------------------
 */

static bool is_value(enum kind kind, const char *value)
{
	const char *at;
	char *end;
	unsigned long port;
	size_t n = strlen(value), len;

	if (n == 0 || n > VALUE_MAX || !text_is_plain(value, n, false))
		return false;
	if (kind == ADDRESS)
		return mailtext_address(value, n, &at, &len) && len == n && at == value;
	if (kind == ENCRYPTION)
		return strcmp(value, "tls") == 0 || strcmp(value, "ssl") == 0 ||
		       strcmp(value, "none") == 0;
	if (kind == PLAIN)
		return *value != '-';
	port = strtoul(value, &end, 10);
	return *value >= '0' && *value <= '9' && !*end && port > 0 && port < 65536;
}

static const char *nearest(const char *name, size_t n)
{
	_free_ char *word = strndup(name, n);
	const char *best = settings[0].name;
	unsigned least = (unsigned)-1;

	for (size_t i = 0; word && i < ARRAY_SIZE(settings); i++) {
		unsigned far = near_distance(word, settings[i].name);

		if (far < least) {
			least = far;
			best = settings[i].name;
		}
	}
	return best;
}

/* Its number in the table, or a negative errno. */
static int find(const char *word, struct kf_error *err)
{
	size_t n = strcspn(word, "=");

	if (strncmp(word, "smtppass", 8) == 0)
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "a password is not taken here, where others see it: git "
			      "asks for it, and keeps it by credential.helper");
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (strlen(settings[i].name) != n ||
		    strncmp(word, settings[i].name, n) != 0)
			continue;
		if (!word[n] || !is_value(settings[i].kind, word + n + 1))
			return kf_err(err, -EINVAL, KF_REASON_USAGE,
				      "%s=VALUE: %s, not \"%s\"", settings[i].name,
				      settings[i].help, word[n] ? word + n + 1 : "");
		return (int)i;
	}
	return kf_err(err, -EINVAL, KF_REASON_USAGE,
		      "there is no setting \"%.*s\"; the nearest is %s",
		      (int)(n < 60 ? n : 60), word, nearest(word, n));
}

int mailconf_check(const char *word, struct kf_error *err)
{
	int i = find(word, err);

	return i < 0 ? i : 0;
}

int mailconf_set(const char *src, const char *word, bool local, struct kf_error *err)
{
	const char *words[] = {"config", local ? "--local" : "--global", NULL, NULL,
			       NULL};
	int i = find(word, err);
	_free_ char *key = NULL;

	if (i < 0)
		return i;
	key = strf("%s%s", strchr(settings[i].git, '.') ? "" : "sendemail.",
		   settings[i].git);
	if (!key)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	words[2] = key;
	words[3] = strchr(word, '=') + 1;
	return git_check(src, words, GIT_CHANGES, NULL, err);
}
