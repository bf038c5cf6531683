// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/mail/send.h"

#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "controller/cancel.h"
#include "controller/git/git.h"
#include "controller/kernel/scratch.h"
#include "controller/send/mailconf.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/base/proc.h"
#include "proto/reason.h"
#include "proto/text.h"

#define SEND_MS	     300000
#define IDENTITY_MAX 200

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

void send_identity_fini(struct address *a)
{
	free(a->name);
	free(a->email);
	*a = (struct address){0};
}

static int setting(const char *key, char **ret, struct kf_error *err)
{
	const char *const words[] = {"config", "--get", key, NULL};
	_buf_ struct buf out = {.max = 1 << 16};
	int status = 1, rc = git_run(".", words, GIT_READS, &out, &status, err);
	const char *text = buf_len(&out) ? buf_str(&out) : "";
	size_t n = text ? strcspn(text, "\n") : 0;

	if (rc < 0)
		return rc;
	if (status != 0 || n == 0 || n > IDENTITY_MAX || !text_is_plain(text, n, false) ||
	    strpbrk(text, "<>\"\\"))
		return kf_err(err, -ENOENT, KF_REASON_CONFIG,
			      "git does not know who you are: git config --global %s ...",
			      key);
	*ret = strndup(text, n);
	return *ret ? 0 : no_memory(err);
}

int send_identity(struct address *ret, struct kf_error *err)
{
	struct address me = {0};
	int rc = setting("user.name", &me.name, err);

	if (rc == 0)
		rc = setting("user.email", &me.email, err);
	if (rc < 0)
		send_identity_fini(&me);
	else
		*ret = me;
	return rc;
}

char *send_message_id(const struct address *me)
{
	const char *host = strrchr(me->email, '@');
	struct tm tm = {0};
	time_t now = time(NULL);
	char date[32];

	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y%m%d%H%M%S", &tm);
	return strf("%s.%08x-kferry%s", date, randombytes_random(),
		    host && host[1] ? host : "@localhost");
}

int send_check(struct kf_error *err)
{
	const char *const words[] = {"--exec-path", NULL};
	_buf_ struct buf out = {.max = 1 << 16};
	_free_ char *path = NULL;
	int rc = git_check(".", words, GIT_READS, &out, err);
	const char *dir = rc == 0 && buf_len(&out) ? buf_str(&out) : "";

	if (rc < 0)
		return rc;
	path = strf("%.*s/git-send-email", (int)strcspn(dir, "\n"), dir);
	if (!path)
		return no_memory(err);
	if (fs_exists(AT_FDCWD, path))
		return 0;
	return kf_err(err, -ENOENT, KF_REASON_CONFIG,
		      "git send-email is not installed (Debian's package git-email): "
		      "install it, or take the mail of --dry-run");
}

/* As a header has it: what is special there is quoted. */
static char *whole(const struct address *a)
{
	const char *quote = strpbrk(a->name, ",.;:()[]@") ? "\"" : "";

	if (!*a->name || strpbrk(a->name, "\"\\<>") ||
	    !text_is_plain(a->name, strlen(a->name), false))
		return strdup(a->email);
	return strf("%s%s%s <%s>", quote, a->name, quote, a->email);
}

/* Who gets it is in the mail: nobody else, whatever git's configuration says.  --to is
 * told all the same, or git would ask for it; and where it asks for anything else, it is
 * answered by the end of its input.  Programs that add recipients or header lines cannot
 * be switched off, only be others: true(1) names nobody. */
static int run_git(const char *file, const struct address *me, const struct address *to,
		   struct kf_error *err)
{
	static const char *const env[] = {"GIT_SEND_EMAIL_NOTTY=1", NULL};
	_free_ char *from = whole(me);
	_free_ char *first = whole(to);
	_free_ char *no_header_cmd = NULL;
	int rc = mailconf_no_header_cmd(".", &no_header_cmd, err);
	const char *const argv[] = {"git",
				    "-c",
				    no_header_cmd,
				    "send-email",
				    "--to-cmd=true",
				    "--no-to",
				    "--no-cc",
				    "--no-bcc",
				    "--confirm=never",
				    "--no-annotate",
				    "--suppress-cc=author",
				    "--suppress-cc=self",
				    "--suppress-cc=bodycc",
				    "--suppress-cc=sob",
				    "--suppress-cc=misc-by",
				    "--suppress-cc=cccmd",
				    "--no-validate",
				    "--8bit-encoding=UTF-8",
				    "--from",
				    from,
				    "--to",
				    first,
				    file,
				    NULL};
	_buf_ struct buf said = {.max = 1u << 20};
	struct proc_opts opts = {.inherit_env = true,
				 .env_extra = env,
				 .timeout_ms = SEND_MS,
				 .cancel = cancel_flag(),
				 .out = &said,
				 .reason = KF_REASON_EXEC};

	if (rc < 0)
		return rc;
	return from && first ? proc_check(argv, &opts, err) : no_memory(err);
}

int send_mail(const struct config *cfg, const char *mail, const struct address *me,
	      const struct address *to, struct kf_error *err)
{
	_free_ char *dir = NULL, *file = NULL;
	int rc = scratch_new(cfg, &dir, err);

	if (rc < 0)
		return rc;
	file = strf("%s/reply.eml", dir);
	rc = file ? fs_replace(AT_FDCWD, file, mail, strlen(mail), 0600) : -ENOMEM;
	if (rc < 0)
		kf_err(err, rc, KF_REASON_IO, "write %s: %m", file ? file : dir);
	else
		rc = run_git(file, me, to, err);
	(void)!fs_remove_tree(AT_FDCWD, dir);
	return rc;
}
